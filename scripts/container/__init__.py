"""What the image runs: its entry point and its health check.

Law: imports `serving`, `archive.record` and `model.files`, which the image has; no library that the
image is rid of.
"""
