#!/bin/sh
# Installs what is missing and runs every check. Each stage has a budget in minutes; a table of times ends the run.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh
CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"
export CARGO_TERM_COLOR
table=$(mktemp)
trap 'status=$?; echo; echo "stage                 seconds  budget"; cat "$table"; rm -f "$table"; exit $status' EXIT

# stage NAME MINUTES COMMAND...
stage() {
    name=$1 minutes=$2
    shift 2
    echo; echo "== $name"
    began=$(date +%s)
    result=ok
    timeout --foreground "${minutes}m" "$@" || result=$?
    seconds=$(($(date +%s) - began))
    printf '%-20s %8d  %4d min  %s\n' "$name" "$seconds" "$minutes" "$result" >>"$table"
    [ "$result" = ok ] || { echo "stage $name failed ($result)" >&2; exit 1; }
}

need_cargo
stage packages 10 sh -c '. tools/setup.sh; need_packages gcc g++ libc6-dev make python3 python3-venv xvfb xauth xdotool imagemagick \
    openbox x11-utils at-spi2-core dbus dbus-x11 python3-gi gir1.2-atspi-2.0 python3-xlib libgl1 libgl1-mesa-dri libegl1 libx11-6 libx11-xcb1 libxkbcommon0 libxkbcommon-x11-0 libxcursor1 \
    libxi6 libxrandr2 rustc-web rust-web-src cargo-web lld qemu-system-misc'
stage python 10 sh -c 'test -x .venv/bin/python || python3 -m venv .venv; .venv/bin/pip install -q -r tools/requirements-test.txt'
OCTET_PYTHON="$PWD/.venv/bin/python"
export OCTET_PYTHON
# PyPI's x86-64 wheels of PyTorch bring gigabytes of CUDA; Debian's own package is for the CPU.
stage torch 10 sh -c '. tools/setup.sh; need_packages python3-torch; test -x .venv-torch/bin/python || \
    /usr/bin/python3 -m venv --system-site-packages .venv-torch; .venv-torch/bin/pip install -q safetensors==0.8.0'
OCTET_TORCH_PYTHON="$PWD/.venv-torch/bin/python"
export OCTET_TORCH_PYTHON
stage format 2 cargo fmt --all --check
stage clippy 25 cargo clippy --locked --workspace --all-targets -- -D warnings
stage docs 12 env RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
# The boards on which the tests run the firmware's logic; see tests/qemu/README.md.
stage qemu 15 sh -c 'for target in riscv32imc riscv32imafc; do tests/qemu/run --target "$target" --build-only; done'
stage build 60 cargo build --locked --workspace --all-targets
if cargo nextest --version >/dev/null 2>&1; then
    stage tests 40 cargo nextest run --locked --workspace --no-fail-fast
else
    stage tests 40 cargo test --locked --workspace --no-fail-fast --lib --bins --tests
fi
stage doctests 5 cargo test --locked --workspace --doc
stage fuzz 25 sh tools/fuzz.sh 5
