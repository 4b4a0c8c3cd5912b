#!/bin/sh
# Called by cargo in place of rustc: our own crates, and the decoder of ONNX, get what the fuzzer and the address
# sanitizer need; the rest is compiled as it is, which takes a third of the time.
rustc=$1
shift
case " $* " in
    *" --crate-type proc-macro "* | *" build_script_"*) ;;
    *" --crate-name octet_"* | *" --crate-name tract_onnx "* | *" --crate-name prost "* | *" fuzz_targets/"* | *" tests/under_asan.rs"*)
        exec "$rustc" "$@" -Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares
        ;;
esac
exec "$rustc" "$@"
