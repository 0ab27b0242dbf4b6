"""What stops a command, said in one line to the person who ran it."""


class SetupError(Exception):
    """Something that the person has to do or to know; the message says what."""
