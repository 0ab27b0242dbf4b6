"""What the image runs: its entry point; its health check is `scripts.healthcheck`.

Law: imports `serving`, `archive.record` and `model.files`, which the image has; no library that the
image is rid of.
"""
