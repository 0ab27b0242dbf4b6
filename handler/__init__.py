"""The ground: all that a worker runs, and what the archive carries as it is. A photo goes through it forward only.

Law: imports itself and libraries, none of this project's other packages; `ts` in portrait_handler and metrics alone.
"""
