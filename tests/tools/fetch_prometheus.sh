#!/usr/bin/env bash
# Has Prometheus ready for the tests of deploy/monitoring: the one on PATH, or the programs out of Debian's
# package in build/prometheus. Nothing is installed, so that no service starts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH=$PATH:$PWD/build/prometheus/usr/bin
if command -v prometheus > /dev/null && command -v promtool > /dev/null; then exit 0; fi
mkdir -p build/prometheus
cd build/prometheus
# The package lists may be missing or out of date; only root can renew them.
apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }
dpkg-deb -x prometheus_*.deb .
rm prometheus_*.deb
