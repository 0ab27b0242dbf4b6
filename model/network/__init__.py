"""The networks, as trained and as exported, and torch's private operators.

Law: imports `handler` at most, and no other room of `model`.
"""
