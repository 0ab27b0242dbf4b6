"""The API's description, for programs and for people, made from the table of options.

Law: no other room imports it.
"""
