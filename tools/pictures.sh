#!/bin/sh
# Makes the pictures of the documentation from the real window: drives a first session under Xvfb and keeps what it saw.
# tools/pictures.sh [FOLDER]   all screenshots go to FOLDER (default: target/pictures), the README's to docs/window.png
set -eu
cd "$(dirname "$0")/.."
folder="${1:-target/pictures}"
mkdir -p "$folder"
cargo build --locked --workspace --all-targets
OCTET_TEST_SCREENSHOTS="$(cd "$folder" && pwd)" \
    cargo test --locked --workspace --test window_journey -- --nocapture
# Without the frame that the window manager draws.
convert "$folder/04-worst.png" -crop 1362x852+39+26 +repage docs/window.png
printf 'docs/window.png and %s\n' "$folder"
