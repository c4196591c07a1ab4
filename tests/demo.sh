#!/bin/sh
# demo.sh BUILD [bench]: the main job, from the CPU at hand to 2B4T's speed. With `bench`, only the
# last part, and longer.
set -eu
build=$1
tritmill=$build/tritmill
model=build/2b4t.gguf
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

synth() {
    [ -s "$model" ] || "$tritmill" synth --shape 2b4t --seed 1 -o "$model"
    ls -l "$model" | awk '{ printf "%s: %.2f GB\n", $NF, $5 / 1e9 }'
}

if [ "${2:-}" = bench ]; then
    synth
    cores=$("$tritmill" cpu -o json | sed -nE 's/.*"cores": *([0-9]+).*/\1/p' | head -1)
    exec "$tritmill" bench -m "$model" -r 5 -t "1,$cores"
fi

say "The CPU at hand"
"$tritmill" cpu
say "The kernels that were generated for it, each proved bit for bit against the reference"
"$tritmill" check --summary
say "A small trained model continues a story"
"$tritmill" run -p "Once upon a time," -n 120 --seed 7
say "BitNet b1.58 2B4T's shapes, with random weights"
synth
say "Tuned for this machine: kernels for these shapes generated, proved, timed with cold weights"
"$tritmill" tune --model 2b4t --update -o build/2b4t.profile
say "Which kernel each matrix got, why, and how fast it runs beside what this machine can do"
"$tritmill" bench -m "$model" -p 512 -n 64 -r 2 --profile build/2b4t.profile --plan
say "From here: \`$tritmill tune -m MODEL\` keeps a profile that every run uses;" \
    "\`$tritmill help\` has the rest"
