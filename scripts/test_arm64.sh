#!/usr/bin/env bash
# Draws a photo on an emulated arm64 CPU; bash scripts/test_arm64.sh --help tells how.
set -euo pipefail
ARCHIVE=${1:+$(realpath -m -- "$1")}
FOLDER=${PORTRAIT_ARM64_FOLDER:+$(realpath -m -- "$PORTRAIT_ARM64_FOLDER")}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
FOLDER=${FOLDER:-$PWD/build/arm64}
export PATH=$PATH:/usr/sbin:/sbin

usage() {
    cat <<'END'
usage: sudo bash scripts/test_arm64.sh [ARCHIVE]

Draws a photo of 128 x 128 on an emulated arm64 CPU in every precision that ARCHIVE offers there, and compares
with what this machine draws. Status 0 when fp32 comes to at least 80 dB, bf16 to 40 dB and integers to 34 dB.
ARCHIVE: a portrait.mar; by default one of the embedded weights is built.

Needs root, an x86-64 Debian, debootstrap, qemu-user-static, and 9 GB of disk. The first run takes some ten
minutes, a later one some three. Stopped halfway, it goes on from the last part that is whole.

PORTRAIT_ARM64_FOLDER  what is kept for the next run: Debian for arm64 with Python packages; default: build/arm64
QEMU_CPU               the emulated CPU, from ARMv8.2 on; default: neoverse-n1
TORCH_INDEX_URL        an index that has PyTorch's CPU build for arm64. The default build cannot be imported without
                       its CUDA libraries: 2.8 GB of downloads, 4.7 GB unpacked
END
}

fail() {
    echo "$1" >&2
    exit 1
}

case "$#:${1-}" in
    1:-h | 1:--help) usage; exit ;;
    0: | 1:[!-]*) ;;
    *) usage >&2; exit 2 ;;
esac
[ -z "$ARCHIVE" ] || [ -f "$ARCHIVE" ] || fail "There is no file $ARCHIVE."
[ "$(uname -m)" = x86_64 ] || fail "This emulates arm64 on x86-64; this machine is $(uname -m)."
[ "$(id -u)" = 0 ] || fail "Running programs of another architecture takes root:  sudo bash scripts/test_arm64.sh"
for tool in debootstrap:debootstrap qemu-aarch64-static:qemu-user-static dpkg-deb:dpkg; do
    command -v "${tool%:*}" > /dev/null ||
        fail "${tool%:*} is missing. Install it, then start again:  sudo apt-get install -y ${tool#*:}"
done

ROOT=$FOLDER/root
PACKAGES=$ROOT/opt/packages
LOG=$FOLDER/log
BINFMT=/proc/sys/fs/binfmt_misc
HANDLER=portrait-arm64
export QEMU_CPU=${QEMU_CPU:-neoverse-n1}
# pip unpacks gigabytes there.
export TMPDIR=$FOLDER/tmp
mkdir -p "$TMPDIR"
mounted='' registered=''

exec 9> "$FOLDER/lock"
flock -n 9 || fail "Another run is under way in $FOLDER."

clean_up() {
    [ -z "$registered" ] || echo -1 > "$BINFMT/$HANDLER"
    [ -z "$mounted" ] || umount "$BINFMT"
    rm -rf "$TMPDIR"
}
trap clean_up EXIT

logged() {
    "$@" > "$LOG" 2>&1 || { tail -n 12 "$LOG" >&2; fail "$1 failed; $LOG holds all that it said."; }
}

# Debian's packages are unpacked and not set up, which takes ten minutes emulated: Python runs as it is.
make_root() {
    echo "Making a Debian 12 for arm64 in $ROOT (a minute) ..."
    rm -rf "$ROOT.part"
    logged debootstrap --arch=arm64 --foreign --variant=minbase --include=python3 bookworm "$ROOT.part"
    for package in "$ROOT.part"/var/cache/apt/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$ROOT.part" --skip-old-files --keep-directory-symlink
    done
    # debootstrap may leave a link to /proc, which would lead out of the root.
    [ ! -L "$ROOT.part/proc" ] || rm "$ROOT.part/proc"
    mkdir -p "$ROOT.part/proc"
    mv "$ROOT.part" "$ROOT"
}

# What the kernel tells of a Neoverse N1. PyTorch and oneDNN read these files; without midr_el1 oneDNN crashes.
describe_cores() {
    local system=$ROOT/sys/devices/system/cpu last=$(($(nproc --all) - 1)) core file
    rm -rf "$system" "$ROOT/proc/cpuinfo"
    for core in $(seq 0 "$last"); do
        mkdir -p "$system/cpu$core/regs/identification"
        echo 0x00000000413fd0c1 > "$system/cpu$core/regs/identification/midr_el1"
        cat >> "$ROOT/proc/cpuinfo" <<END
processor	: $core
Features	: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x3
CPU part	: 0xd0c
CPU revision	: 1

END
    done
    for file in possible present online; do echo "0-$last" > "$system/$file"; done
}

pip_for_arm64() {
    local platforms=(--platform manylinux2014_aarch64) minor
    # pip takes a wheel only for a platform that is named; Debian 12 has glibc 2.36.
    for minor in $(seq 17 36); do platforms+=(--platform "manylinux_2_${minor}_aarch64"); done
    .venv/bin/python -m pip --disable-pip-version-check --no-input "$@" \
        --only-binary=:all: --implementation cp --python-version 311 "${platforms[@]}"
}

install_packages() {
    local wheels=$FOLDER/wheels torch
    torch=$(grep -o '^torch==[^ ;]*' "$FOLDER/requirements.txt")
    echo "Fetching Python packages for arm64 (up to 2.8 GB) ..."
    if [ -n "${TORCH_INDEX_URL:-}" ]; then
        pip_for_arm64 download --no-deps --dest "$wheels" --index-url "$TORCH_INDEX_URL" "$torch"
    elif ! pip_for_arm64 download --no-deps --dest "$wheels" "$torch+cpu" > "$LOG" 2>&1; then
        echo "The package index has no CPU build for arm64; taking the default one. TORCH_INDEX_URL names another index."
    fi
    pip_for_arm64 download --dest "$wheels" --find-links "$wheels" --requirement "$FOLDER/requirements.txt"
    echo "Unpacking them into $PACKAGES (some minutes) ..."
    rm -rf "$PACKAGES" "$PACKAGES.part"
    logged pip_for_arm64 install --no-index --find-links "$wheels" --target "$PACKAGES.part" \
        --requirement "$FOLDER/requirements.txt"
    cp "$FOLDER/requirements.txt" "$PACKAGES.part"
    mv "$PACKAGES.part" "$PACKAGES"
    rm -r "$wheels"
}

# The kernel runs arm64 programs through QEMU. Flag F: it opens QEMU now, as the root has none.
ensure_emulation() {
    if chroot "$ROOT" /bin/true 2> /dev/null; then return; fi
    if [ ! -e "$BINFMT/register" ]; then
        mount -t binfmt_misc binfmt_misc "$BINFMT" || fail "This kernel has no binfmt_misc, which runs arm64 programs."
        mounted=yes
    fi
    # An ELF header: 64 bits, little-endian, executable or shared, machine 183.
    local magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    local mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    echo -n ":$HANDLER:M::$magic:$mask:$(command -v qemu-aarch64-static):F" > "$BINFMT/register"
    registered=yes
    chroot "$ROOT" /bin/true || fail "QEMU does not run arm64 programs here."
}

source scripts/python.sh
"$PYTHON" -m scripts.serving.bootstrap server
[ -d "$ROOT" ] || make_root
describe_cores
grep -hE '^(torch|numpy|pillow|pi-heif|opencv-python-headless)==' requirements/server.in requirements/torch.in > "$FOLDER/requirements.txt"
cmp -s "$FOLDER/requirements.txt" "$PACKAGES/requirements.txt" || install_packages
if [ -z "$ARCHIVE" ]; then
    ARCHIVE=$FOLDER/portrait.mar
    .venv/bin/python -m scripts.build_archive --weights lite --output "$ARCHIVE"
fi
rm -rf "$ROOT/opt/archive"
.venv/bin/python -m zipfile -e "$ARCHIVE" "$ROOT/opt/archive" 2> /dev/null || fail "$ARCHIVE is not a valid archive."
cp tests/tools/arm64_check.py docs/astronaut.jpg "$ROOT/opt"
echo "Drawing on this machine ..."
PYTHONPATH=$ROOT/opt/archive .venv/bin/python "$ROOT/opt/arm64_check.py" --write \
    "$ROOT/opt/archive" "$ROOT/opt/astronaut.jpg" "$ROOT/opt/reference.npy"
ensure_emulation
echo "Drawing on an emulated $QEMU_CPU (some minutes) ..."
chroot "$ROOT" /usr/bin/env -i PATH=/usr/bin:/bin LANG=C.UTF-8 PYTHONPATH=/opt/archive:/opt/packages \
    QEMU_CPU="$QEMU_CPU" python3 /opt/arm64_check.py /opt/archive /opt/astronaut.jpg /opt/reference.npy
