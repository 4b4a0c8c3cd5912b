#!/bin/sh
# Stands in for a training: `sh training.sh MODE`, in a hand-over folder. Needs nothing but a shell.
set -eu
echo "stand-in: $1"

# An answer that changes nothing.
answer() {
    cp weights.safetensors trained.safetensors
    echo '{"schema": 1, "exponents": []}' > trained.json
}

# Puts bytes at the end of the trained values.
overwrite_last_value() {
    size=$(wc -c < trained.safetensors)
    printf "$1" | dd of=trained.safetensors bs=1 seek=$((size - 4)) conv=notrunc 2> /dev/null
}

case $1 in
    well) echo "octet-progress 0.5 half"; echo "octet-point train 1 0.5"; answer ;;
    changed) answer; overwrite_last_value '\000\000\000\076' ;; # 0.125
    crash) echo "about to crash"; kill -SEGV $$ ;;
    fails) echo "no way to train this" >&2; exit 5 ;;
    nothing) ;;
    nan) answer; overwrite_last_value '\000\000\300\177' ;;
    cut) answer; head -c 1000 weights.safetensors > trained.safetensors ;;
    stray) answer; echo '{"schema": 1, "exponents": [{"tensor": "stray", "bits": 8, "exponents": [0]}]}' > trained.json ;;
    schema) answer; echo '{"schema": 7}' > trained.json ;;
    huge) answer; : > trained.json; dd if=/dev/zero of=trained.json bs=1 count=1 seek=100000000000 2> /dev/null ;;
    link) answer; mv trained.json elsewhere.json; ln -s elsewhere.json trained.json ;;
    flood) yes "a flood" | head -n 200000; exit 1 ;;
    hang)
        trap '' TERM INT HUP
        sleep 1000 &
        echo "$! $$" > "$2"
        while :; do sleep 1; done
        ;;
    heeds)
        echo "$$" > "$2"
        while ! [ -e stop ]; do sleep 0.1; done
        answer
        ;;
    *) echo "unknown mode" >&2; exit 2 ;;
esac
