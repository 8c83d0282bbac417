"""Reading metrics from files and bringing their times to the present."""
