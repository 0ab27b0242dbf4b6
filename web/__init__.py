"""The page: files for browsers in `static`, a client of the REST endpoint, and a small server for them.

Law: of this project it imports nothing, and beside it the standard library alone.
"""
