"""What `loadtest.py` does to a server, and what it tells of it.

Law: imports the pure parts of `serving`; asks the server by HTTP alone, as clients do.
"""
