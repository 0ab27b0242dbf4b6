"""How the embedded weights in `model/lite/` are made; no part of the archive.

Law: imports what it likes of `model` but `export`; nothing of `model` imports it.
"""
