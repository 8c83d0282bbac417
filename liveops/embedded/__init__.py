"""Local Kafka, PostgreSQL and Valkey for `liveops up`, the tests and CI.

`servers.start_servers` starts the three; `supervisor.Supervisor` adds the workers
and keeps everything alive. All of it listens on loopback and keeps its data in
one directory.
"""
