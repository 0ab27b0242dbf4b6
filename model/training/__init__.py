"""How the embedded weights in `model/lite/` are made; no part of the archive."""
