"""Set everything up and serve portraits; `bash scripts/serve.sh` runs this with the system's Python.

Imports the standard library alone until .venv is there; scripts/serving/lifecycle.py does the work.
"""

import argparse
import sys
from collections.abc import Sequence

from scripts.serving import bootstrap
from scripts.serving.arguments import add_server_options, origin
from scripts.serving.errors import SetupError, unwritable_text
from scripts.serving.interrupts import raise_on_interrupts
from scripts.serving.paths import folder_of
from scripts.serving.settings import Ports


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted, or in the background; status 1 and one line when that cannot be done."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = _parser().parse_args(arguments)
    raise_on_interrupts()
    try:
        ports = Ports.at(options.port_offset)
        return _stop(ports, arguments) if options.stop else _serve(options, arguments)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\n{unwritable_text(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bash scripts/serve.sh", description="Set everything up and serve portraits.")
    add = parser.add_argument
    add("--weights", default="auto", help="auto (default: the hub's, else the embedded lite ones), hub, lite or a file")
    add("--calibration", metavar="DIR", help="portraits to make int8 from; default: twelve of the project")
    add_server_options(parser)
    add("--tokens", action="store_true", help="ask clients for TorchServe's keys")
    add("--allow-origin", type=origin, metavar="ORIGIN", help="let pages from there call it from browsers")
    add("--web", action="store_true", help="the page for browsers as well, on port 8501")
    add("--background", action="store_true", help="return once the server is ready")
    add("--stop", action="store_true", help="stop the server that runs on these ports")
    return parser


def _serve(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    bootstrap.ensure("server")
    bootstrap.restart_in_venv("scripts.serve", arguments)
    from scripts.archive.ensure import ensure_archive  # they need libraries, which are there by now
    from scripts.serving.lifecycle import serve

    return serve(options, lambda: ensure_archive(options.weights, options.calibration))


def _stop(ports: Ports, arguments: Sequence[str]) -> int:
    folder = folder_of(ports.rest)
    # Nothing is installed only to say that nothing runs.
    if any(folder.rglob("state.json")):
        # Packages that a server may be running on stay as they are, even where other versions are pinned by now.
        if not bootstrap.was_installed("server"):
            bootstrap.ensure("server")
        bootstrap.restart_in_venv("scripts.serve", arguments)
        from scripts.serving.lifecycle import end  # as above

        if end(folder):
            bootstrap.say("Stopped.")
            return 0
    bootstrap.say(f"No server of this checkout runs on port {ports.rest}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
