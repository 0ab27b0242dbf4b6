"""What a run needs beyond requirements/server.txt, and the commands that install it."""

import importlib

from scripts.serving.errors import SetupError
from scripts.serving.paths import BUILD, PYTHON

PEERS = BUILD / "peers"
PEERS_PYTHON = PEERS / "bin" / "python"

_NO_PEERS = """--peers: the other engines are not installed. To install them, apart from .venv:
  {python} -m venv {peers}
  {peers}/bin/python -m pip install -r requirements/torch.in
  {peers}/bin/python -m pip install -r requirements/peers.txt"""
_NO_CLIENT = "--serve: {missing} is not installed; {python} -m pip install -r requirements/client.txt installs it"


def check(peers: bool, serve: bool) -> None:
    """Raise `SetupError` when something is missing that these options need."""
    if peers and not PEERS_PYTHON.exists():
        raise SetupError(_NO_PEERS.format(python=PYTHON, peers=PEERS))
    if serve:
        try:
            importlib.import_module("scripts.bench.served")
        except ModuleNotFoundError as error:
            raise SetupError(_NO_CLIENT.format(missing=error.name, python=PYTHON)) from None
