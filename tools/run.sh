#!/bin/sh
# Installs what is missing and runs the main job on the embedded model: quantize, analyse, evaluate, export.
# With a display the window opens on the result afterwards; without one the paths are printed.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh

need_cargo
need_packages gcc libc6-dev
if has_display; then
    need_packages libgl1 libegl1 libx11-6 libx11-xcb1 libxkbcommon0 libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2
fi
cargo build --release --locked
target_dir="${CARGO_TARGET_DIR:-target}"
rm -rf runs/demo
"$target_dir/release/octet" demo --out runs/demo
printf '\nThe photographs are in %s,\nthe report is %s\n' "$PWD/runs/demo/inputs" "$PWD/runs/demo/report.html"
if has_display; then
    exec "$target_dir/release/octet" runs/demo
fi
