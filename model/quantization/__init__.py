"""int8: the ranges of the maps, recorded on photos as a worker shows them, and the gate that drawings must pass.

Law: of `model` it imports `files`, `network` and `weights`.
"""
