"""`python -m portrait_client` is the command `portrait`."""

import sys

from portrait_client.cli import main

sys.exit(main())
