# Sets PYTHON to a Python of version 3.10 or later; installs one as root, or names the command that does.

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if is_recent "$name"; then
            PYTHON=$name
            return
        fi
    done
    return 1
}

if ! find_python; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing Python: apt-get install -y python3 python3-venv ..."
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3 python3-venv; } >/dev/null
    fi
    if ! find_python; then
        echo "Python 3.10 or later is missing. Install it, then start again:  sudo apt-get install -y python3 python3-venv" >&2
        exit 1
    fi
fi
