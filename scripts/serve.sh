#!/usr/bin/env bash
# Sets everything up and serves portraits on this machine; bash scripts/serve.sh --help tells the options.
set -euo pipefail
export PORTRAIT_STARTED_IN=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/python.sh
exec "$PYTHON" -m scripts.serve "$@"
