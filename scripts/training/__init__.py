"""Training the embedded weights, measuring them, and recording their ranges for int8.

Law: no other room imports it.
"""
