"""The archive: built, loaded as a worker loads it, and recorded with all that it was made of.

Law: imports the pure parts of `serving`; `load` alone imports `ts`, as it stands for TorchServe.
"""
