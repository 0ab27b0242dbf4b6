"""Archives of photos drawn by a Ray cluster, or by this machine alone, without a server: docs/batch.md.

Law: draws with `LocalPortraits`, so that all it takes for weights and handler is the archive.
"""
