"""The page: a client of the REST endpoint, and nothing more."""
