"""Setting up and running the server.

Law: of this project it imports `model.files`, and `precision`, in a process of its own, the handler of an archive;
`bootstrap` not even that. It and what scripts/serve.py imports before there is a .venv (`arguments`, `errors`,
`interrupts`, `paths`, `settings`) need the standard library alone.
"""
