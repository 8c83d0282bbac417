"""What keeps a worker running: its app, background tasks, retries, recovery, watchdog."""
