#!/usr/bin/env bash
# Has nginx ready for the tests of deploy/nginx: the one on PATH, or the program out of Debian's package in
# build/nginx. Nothing is installed, so that no service starts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH=$PATH:/usr/sbin:$PWD/build/nginx/usr/sbin
if command -v nginx > /dev/null; then exit 0; fi
mkdir -p build/nginx
cd build/nginx
# The package lists may be missing or out of date; only root can renew them.
apt-get download -q nginx || { apt-get update -q && apt-get download -q nginx; }
dpkg-deb -x nginx_*.deb .
rm nginx_*.deb
