"""What stops a command, said in one line to the person who ran it."""

import errno

# A checkout on a disk that is read-only, another user's or full: no bug, and nothing but the message helps.
UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT)


class SetupError(Exception):
    """Something that the person has to do or to know; the message says what."""


def unwritable_text(error: OSError) -> str:
    """Return one line for an error of `UNWRITABLE`; raise any other again."""
    if error.errno not in UNWRITABLE:
        raise error
    return f"{error.filename or 'a file'} cannot be written: {error.strerror}. Run this from a checkout of your own."
