"""What `scripts/benchmark.py` is made of: engines, each in a process of its own, and their table.

Law: no other room imports it.
"""
