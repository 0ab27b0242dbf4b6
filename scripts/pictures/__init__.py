"""The README's pictures, made anew.

Law: no other room imports it.
"""
