"""What is promised, tried: a file for each module or promise, and real servers where it is about them.

Law: imports what it tries; nobody imports `tests`.
"""
