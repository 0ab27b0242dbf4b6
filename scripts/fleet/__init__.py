"""A model of many nodes, on paper: what `capacity.py` answers from, and docs/capacity.md is made of.

Law: knows servers by their photo times and limits alone; it starts none and asks none.
"""
