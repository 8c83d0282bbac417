"""What keeps a worker running: background tasks, retries."""
