"""Setting up and running the server. Standard library only: it runs before anything is installed.

Law: of this project it imports `model.files`, and `precision`, in a process of its own, the handler of an archive;
`bootstrap` not even that.
"""
