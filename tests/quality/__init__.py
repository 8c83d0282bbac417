"""`make quality`: what the detectors say on labelled and on healthy series, as a table."""
