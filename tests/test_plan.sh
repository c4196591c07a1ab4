#!/usr/bin/env bash
# Does the plan of a model name the kernels by which its head finds the best token?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
unset TRITMILL_PROFILE TRITMILL_KERNEL TRITMILL_ISA
export TRITMILL_CACHE=none
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# heads WHAT MODEL: its plan's lines of the head in log and plan, a greedy pass's parts in parts.
heads() {
    TRITMILL_LOG=1 "$TRITMILL" run -m "$2" -p x -n 1 -t 1 2>&1 >/dev/null | grep '^head' >log
    "$TRITMILL" bench -m "$2" -p 0 -n 4 -r 1 -t 1 --top-k 1 --plan --profile-ops >out 2>err ||
        fail "$1: $(cat err)"
    grep -A2 -E '^ +1 x head' out >plan
    sed -nE 's/.*(head (plane [12]|exact|full)) .*/\1/p' <(grep -v ' 1 x ' out) | sort -u >parts
}
# has WHAT FILE PATTERN
has() { grep -Eq -- "$3" "$2" || fail "$1: no '$3' in $2: $(cat "$2")"; }

model=$TRIT_SOURCE/tests/models/stories.gguf
heads planes "$model"
[ "$(wc -l <log)" = 3 ] || fail "planes: not three lines: $(cat log)"
pair() { echo "decode trit_gemv_$1_i8_[^ ]*, prefill trit_gemm_$1_i8_[^ ]*"; }
has planes log "^head plane 1 2048x256: $(pair i4): the k best \(greedy, top-k\): "
has planes log "^head plane 2 2048x256: $(pair i2): the k best: "
has planes log '^head full 2048x256: decode trit_head_f16_f32_[^ ]*, .*: all logits, and rows '\
'that the planes leave: '
has planes parts '^head plane 1$'
has planes parts '^head exact$'
grep -q '^head full$' parts && fail "planes: the best token takes a full pass"
for kernel in $(sed -nE 's/.* decode ([^,]*), prefill ([^:]*):.*/\1 \2/p' log); do
    has planes plan " $kernel\$"
    has planes out "^kernels: .*$kernel"
done

# Forced kernels are those that are named.
TRITMILL_KERNEL='trit_gem?_*__c' heads forced "$model"
has forced log '^head plane 1 .*: decode trit_gemv_i4_i8_[^ ]*__c, '

# A small head has none: its one kernel does both.
"$TRITMILL" synth --shape 256x768x1x4x2 --vocab 300 -o small.gguf 2>err || fail "synth: $(cat err)"
heads small small.gguf
[ "$(wc -l <log)" = 1 ] || fail "small: not one line: $(cat log)"
has small log '^head full 300x256: decode trit_head_f16_f32_[^ ]*, .*: all logits, and the k best: '
has small parts '^head full$'
grep -q 'plane' parts && fail "small: planes: $(cat parts)"
exit $failed
