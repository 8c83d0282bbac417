"""From the bytes of records of `metrics.raw` to columns. Pure.

`decoder` reads a chunk: most records in columns (`shapes`, `times`, `batch_records`), what is
new or odd one by one (`slow_path`, `record`), also what other programs write (`many`, `forms`,
`mapping`). Windows, archive and live tail take the same `chunk`.
"""
