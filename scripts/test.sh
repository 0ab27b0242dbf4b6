#!/usr/bin/env bash
# Sets up what the tests need, then checks style, types and behaviour. Arguments go to pytest.
set -euo pipefail
case "${1-}" in
    -h | --help)
        echo "usage: bash scripts/test.sh [ARGUMENTS OF PYTEST]"
        echo
        echo "Sets up .venv with what the tests need, then checks style (ruff), types (mypy) and behaviour (pytest)."
        exit
        ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/python.sh
"$PYTHON" -m scripts.serving.bootstrap test
bash tests/tools/fetch_prometheus.sh || echo "Prometheus is unavailable here; what needs it is skipped."
bash tests/tools/fetch_nginx.sh || echo "nginx is unavailable here; what needs it is skipped."
bash tests/tools/fetch_haproxy.sh || echo "HAProxy is unavailable here; what needs it is skipped."
# The page is looked at in Debian's Chromium; without one its tests are skipped and say so.
if [ "$(id -u)" = 0 ] && ! command -v chromium >/dev/null && command -v apt-get >/dev/null; then
    echo "Installing Chromium: apt-get install -y chromium ..."
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; } >/dev/null ||
        echo "Chromium is unavailable here; what needs it is skipped."
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
# OpenMP's threads sleep while they wait: where others want the cores, those that spin take two thirds of the time.
export OMP_WAIT_POLICY=passive
# Two processes, a file of tests each: alone, one waits for servers to start for a third of the time.
exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"
