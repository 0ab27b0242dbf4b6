"""The page in a real browser, before a real server.

Law: as for all tests.
"""
