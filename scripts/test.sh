#!/usr/bin/env bash
# Sets up what the tests need, then checks style, types and behaviour. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/python.sh
"$PYTHON" -m scripts.serving.prepare test
bash scripts/fetch_prometheus.sh || echo "Prometheus is not to be had here; what needs it is skipped."
.venv/bin/ruff check .
.venv/bin/mypy
exec .venv/bin/python -m pytest "$@"
