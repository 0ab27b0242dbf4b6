"""The page: a client of the REST endpoint, and nothing more.

Law: of this project it imports `portrait_client` alone.
"""
