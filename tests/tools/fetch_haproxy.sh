#!/usr/bin/env bash
# Has HAProxy and socat ready for the tests of deploy/haproxy: those on PATH, or the programs out of Debian's packages in
# build/haproxy. Nothing is installed, so that no service starts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH=$PATH:/usr/sbin:$PWD/build/haproxy/usr/sbin:$PWD/build/haproxy/usr/bin
if command -v haproxy > /dev/null && command -v socat > /dev/null; then exit 0; fi
mkdir -p build/haproxy
cd build/haproxy
packages=(haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 socat libwrap0)
# The package lists may be missing or out of date; only root can renew them.
apt-get download -q "${packages[@]}" || { apt-get update -q && apt-get download -q "${packages[@]}"; }
for package in *.deb; do dpkg-deb -x "$package" .; done
rm ./*.deb
