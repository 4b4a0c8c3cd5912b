#!/bin/sh
# Builds every fuzz target and runs each for so many seconds (default 60). Stable Rust with the sanitizer flags that
# fuzzing needs; no cargo plugin has to be installed.
set -eu
cd "$(dirname "$0")/../tests/fuzz"
seconds="${1:-60}"
target=$(rustc -vV | sed -n 's/^host: //p')
RUSTC_BOOTSTRAP=1
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Zsanitizer=address \
-Ccodegen-units=1 -Cdebuginfo=line-tables-only"
export RUSTC_BOOTSTRAP RUSTFLAGS
cargo build --release --locked --target "$target"
binaries="${CARGO_TARGET_DIR:-target}/$target/release"
fixtures=../fixtures
for source in fuzz_targets/*.rs; do
    name=$(basename "$source" .rs)
    mkdir -p "corpus/$name"
    case "$name" in
        onnx) cp -f "$fixtures"/models/bad/*.onnx "corpus/$name" ;;
        picture) cp -f "$fixtures"/pictures/*.* "corpus/$name" ;;
        labels_csv) printf 'file,class_index,class_name\na.jpg,0,cat\n' >"corpus/$name/plain" ;;
        settings_schema) printf '{"type":"object","properties":{"a":{"type":"integer","minimum":0,"default":1}}}' >"corpus/$name/plain" ;;
    esac
    echo "fuzzing $name for $seconds s"
    "$binaries/$name" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=10 \
        -close_fd_mask=3 -print_final_stats=1 "corpus/$name"
done
