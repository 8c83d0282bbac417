"""The project's own benchmarks: private servers, the real worker process, black box.

Nothing here looks inside the stream engine. A figure is given only for a run whose
windows were compared with the records that were sent (`gate`).
"""
