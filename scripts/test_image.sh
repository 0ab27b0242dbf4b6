#!/usr/bin/env bash
# Builds the image without a Docker daemon, runs it and tries it out; needs root and Debian. Leaves build/image, some
# gigabytes, which makes the next time shorter. PORTRAIT_IMAGE_WEIGHTS: hub or lite (default). Arguments go to pytest.
set -euo pipefail
case "${1-}" in
    -h | --help)
        echo "usage: sudo bash scripts/test_image.sh [ARGUMENTS OF PYTEST]"
        echo
        echo "Builds the image without a Docker daemon, runs it and tries it out. Needs root and Debian."
        echo "PORTRAIT_IMAGE_WEIGHTS  hub or lite; default: lite"
        exit
        ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "$(id -u)" != 0 ]; then
    echo "Building an image without a daemon takes root:  sudo bash scripts/test_image.sh" >&2
    exit 1
fi
for program in buildah debootstrap; do
    if ! command -v "$program" >/dev/null; then
        echo "Installing $program: apt-get install -y $program ..."
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$program"; } >/dev/null
    fi
done
source scripts/python.sh
"$PYTHON" -m scripts.serving.bootstrap test
export PORTRAIT_IMAGE_WEIGHTS=${PORTRAIT_IMAGE_WEIGHTS:-lite}
exec .venv/bin/python -m pytest -s -v tests/test_image.py "$@"
