#!/bin/sh
# Builds every fuzz target and runs each for so many seconds (default 60); then runs the tests of the rooms that hold
# `unsafe` under the address sanitizer. Stable Rust; no cargo plugin has to be installed.
set -eu
cd "$(dirname "$0")/.."
seconds="${1:-60}"
target=$(rustc -vV | sed -n 's/^host: //p')
# The plugins that the tests load are ordinary ones.
cargo build --locked --workspace --all-targets
OCTET_BUILT_PLUGINS="$(cd "${CARGO_TARGET_DIR:-target}" && pwd)/debug"
RUSTC_BOOTSTRAP=1
RUSTC_WRAPPER="$PWD/tools/fuzz-rustc.sh"
RUSTFLAGS="--cfg fuzzing"
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/fuzz"
ASAN_OPTIONS="detect_leaks=0"
export OCTET_BUILT_PLUGINS RUSTC_BOOTSTRAP RUSTC_WRAPPER RUSTFLAGS CARGO_TARGET_DIR ASAN_OPTIONS
cd tests/fuzz
cargo build --release --locked --target "$target" --bins --tests
binaries="$CARGO_TARGET_DIR/$target/release"
fixtures=../fixtures
for source in fuzz_targets/*.rs; do
    name=$(basename "$source" .rs)
    corpus="$CARGO_TARGET_DIR/corpus/$name"
    mkdir -p "$corpus"
    case "$name" in
        onnx) cp -f "$fixtures"/models/bad/*.onnx "$corpus" ;;
        espdl)
            for model in pad_value conv_dilated unnamed_nodes; do
                "$OCTET_BUILT_PLUGINS/octet" quantize "$fixtures/models/bad/$model.onnx" --images "$fixtures/pictures" \
                    --strategy int8 --target esp32p4 --layerwise-pictures 0 --graphwise-pictures 1 --out "$corpus.run"
                cp -f "$corpus.run/model.espdl" "$corpus/$model"
            done
            ;;
        npy) "$OCTET_BUILT_PLUGINS/octet" infer "$fixtures/models/bad/unnamed_nodes.onnx" --image "$fixtures/pictures/scene.png" \
            --dump "$corpus.run" && cp -f "$corpus.run"/*.npy "$corpus" ;;
        picture) cp -f "$fixtures"/pictures/*.* "$corpus" ;;
        labels_csv) printf 'file,class_index,class_name\na.jpg,0,cat\n' >"$corpus/plain" ;;
        console) printf '@octet1 hello\n@octet1 selftest id=1 layers=1 tensors=1 values=1\n@octet1 tensor bytes=12 crc32=7bd5c66f\n@octet1 chunk offset=0 crc32=7bd5c66f data=AAAAAAAAAAAAAAAA\n@octet1 picture format=grey8 width=4 height=2 bytes=8 crc32=6522df69\n@octet1 chunk offset=0 crc32=6522df69 data=AAAAAAAAAAA=\n@octet1 quit\n' >"$corpus/plain" ;;
        settings_schema) printf '{"type":"object","properties":{"a":{"type":"integer","minimum":0,"default":1}}}' >"$corpus/plain" ;;
    esac
    echo "fuzzing $name for $seconds s"
    "$binaries/$name" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=1024 -timeout=10 \
        -close_fd_mask=3 -print_final_stats=1 -artifact_prefix="$CARGO_TARGET_DIR/" "$corpus"
done
cargo test --release --locked --target "$target" --test under_asan
