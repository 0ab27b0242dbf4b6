"""Weights: where they come from, that they are the right ones, and the network that they become.

Law: of `model` it imports `files` and `network`.
"""
