"""From aggregates to detections: pure detectors and their state machine."""
