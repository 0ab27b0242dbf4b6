"""Setting up and running the server. Standard library only: it runs before anything is installed."""
