"""From detections to incidents: a pure fold over time and topology."""
