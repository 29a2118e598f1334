#!/usr/bin/env bash
# Prepare what the project's commands need: a virtual environment in .venv with pinned packages, and
# with --display also the system libraries for a window on a virtual screen. A second run is instant.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
venv=.venv
stamp=$venv/.setup-done

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@" >&2
}

# What Qt and the virtual screen load at run time, and Debian's package of each.
library_packages="libEGL.so.1 libegl1
libGL.so.1 libgl1
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libglib-2.0.so.0 libglib2.0-0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-randr.so.0 libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libxcb-xkb.so.1 libxcb-xkb1
libxkbcommon-x11.so.0 libxkbcommon-x11-0"

missing_display_packages() {
    local known library package
    known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
    while read -r library package; do
        grep -qF "$library (" <<<"$known" || echo "$package"
    done <<<"$library_packages"
    command -v xvfb-run >/dev/null || echo xvfb
    command -v xauth >/dev/null || echo xauth
}

need_display() {
    local missing
    [ "$(uname -s)" = Linux ] || return 0
    missing=$(missing_display_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        die "these libraries are missing; install your system's packages for them (Debian's names): $missing"
    fi
    is_root || die "these Debian packages are missing; run: sudo apt-get install $missing"
    say "installing Debian packages: $missing"
    # shellcheck disable=SC2086
    apt_install $missing || die "could not install these Debian packages: $missing"
}

need_python() {
    command -v "$python" >/dev/null || python_packages
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or newer is needed, $python is older; name another one: PYTHON=python3.12 make setup"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || python_packages
}

python_packages() {
    if is_root && command -v apt-get >/dev/null; then
        say "installing Debian packages: python3 python3-venv"
        apt_install python3 python3-venv
    else
        die "Python with its venv module is missing; on Debian: sudo apt-get install python3 python3-venv"
    fi
}

fingerprint() {
    { pwd -P; "$python" --version; cat pyproject.toml constraints.txt scripts/setup.sh; } | cksum
}

install_packages() {
    say "installing the packages of constraints.txt into $venv (PyTorch is large; this takes minutes)"
    [ -x $venv/bin/pip ] || "$python" -m venv --clear $venv
    $venv/bin/python -m pip install -qq -c constraints.txt -e '.[qt,test,dev]' >&2
    install_crf
    fingerprint >$stamp
}

# The optional dense CRF comes as C++ source: without a compiler it is left out, and its tests skip.
install_crf() {
    $venv/bin/python -m pip install -q -c constraints.txt pydensecrf2 >/dev/null 2>&1 ||
        say "the optional dense CRF could not be compiled (it needs g++ and Python's headers); going on without it"
}

[ "${1:-}" = --display ] && need_display
need_python
if [ ! -f $stamp ] || [ "$(cat $stamp)" != "$(fingerprint)" ]; then
    install_packages
fi
