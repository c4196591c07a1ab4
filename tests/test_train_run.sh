#!/bin/bash
# Does a run of training learn a text by heart, and is it the same run, bit for bit, with any number
# of threads, stopped by its time or by Ctrl-C, or killed while its checkpoint is being written?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
fail() { echo "FAILED: $*"; failed=1; }
# All of a checkpoint but its seconds, at offset 120, and the digest at its end.
state() { { head -c 120 "$1"; tail -c +129 "$1" | head -c -8; } | sha256sum; }
field() { tail -c +$(($2 + 1)) "$1" | od -An -N8 -tu8 | tr -d ' '; } # FILE OFFSET
step() { field "$1" 112; }

text=$TRIT_SOURCE/tests/data/stories.txt
"$TRITMILL" train-tokenizer "$text" --size 300 -o v.gguf >/dev/null || exit 1

# One kilobyte by heart; the model is worth what the run says.
head -c 1024 "$text" >kilobyte
"$TRITMILL" train kilobyte --tokenizer v.gguf --hidden 64 --ffn 128 --heads 2 --layers 2 -c 512 \
    --batch 1 --steps 300 --lr 0.006 --hold-out 0 --log loss.csv -o kilobyte.gguf >said ||
    fail "no run: $(cat said)"
loss=$(tail -n 1 loss.csv | cut -d, -f4)
awk -v loss="$loss" 'BEGIN { exit !(loss > 0 && loss < 0.1) }' || fail "the loss is $loss"
"$TRITMILL" run -m kilobyte.gguf -p "$(head -c 60 kilobyte)" -n 60 --temp 0 --log-disable \
    2>said | head -c 140 >got
head -c 140 kilobyte | cmp - got || fail "the model goes on otherwise: $(cat got said)"

# Documents of a paragraph, of which some are held out.
sed 's/^$/<|endoftext|>/' "$text" | fold -s -w 600 |
    sed 's/$/\n<|endoftext|>/' >documents
run=(train documents --tokenizer v.gguf --hidden 64 --ffn 128 --heads 2 --layers 1 -c 64 --batch 4
    --pass 3 --hold-out 4 --valid-every 7 --valid-sequences 3 --activation-bits 4)
small() { "$TRITMILL" "${run[@]}" --steps 90 "$@"; }
small --checkpoint whole --log whole.csv -t 1 >said || fail "no run: $(cat said)"
grep -q '^all steps are done: step 90, ' said || fail "said: $(cat said)"
[ "$(step whole)" = 90 ] || fail "step $(step whole)"
want=$(state whole)
# same NAME: the checkpoint is that of the whole run; its log has each step once, with the losses of
# the whole run's, and the validations.
same() {
    [ "$(state "$1")" = "$want" ] || fail "$1: another state"
    cut -d, -f1,2,4,5,6,8- whole.csv >want.csv
    cut -d, -f1,2,4,5,6,8- "$1.csv" | cmp - want.csv || fail "$1: another log"
}
small --checkpoint threads --log threads.csv -t 2 >/dev/null || fail "no run by two threads"
same threads

# Stopped by its time again and again, each part by another number of threads.
parts=1
small --checkpoint hours --log hours.csv --hours 1e-6 >said || fail "no run: $(cat said)"
while grep -q '^its time is over' said && [ $parts -lt 6 ]; do
    small --checkpoint hours --log hours.csv --hours 5e-6 --resume -t $((parts++ % 2 + 1)) >said
done
[ $parts -gt 1 ] || fail "its time was not over"
small --checkpoint hours --log hours.csv --resume >/dev/null || fail "no resumption"
same hours

# Stopped by Ctrl-C behind some steps.
"$TRITMILL" "${run[@]}" --steps 90 --checkpoint signal --log signal.csv >/dev/null 2>said &
until [ -e signal.csv ] && [ "$(wc -l <signal.csv)" -gt 9 ] || ! kill -0 $!; do sleep 0.01; done
kill -INT $!
wait $!
code=$?
[ $code = 130 ] &&
    grep -qx "tritmill: stopped at step $(step signal), which signal has: go on with --resume" \
        said && [ "$(step signal)" -lt 90 ] || fail "SIGINT: exit code $code, $(cat said)"
small --checkpoint signal --log signal.csv --resume >/dev/null || fail "no resumption"
same signal

# Killed while a checkpoint is written, at each save; a half one is left beside, and is never it.
hits=0 tries=0 resume=
until [ $hits = 3 ] || [ $tries = 20 ]; do
    before=$(step killed 2>/dev/null)
    # shellcheck disable=SC2086 # words on purpose
    "$TRITMILL" "${run[@]}" --steps 90 --checkpoint killed --log killed.csv --save-every 0.0001 \
        $resume >/dev/null 2>&1 &
    until [ -e killed ] && [ "$(step killed)" -gt "${before:-0}" ] || ! kill -0 $! 2>/dev/null; do
        :
    done
    until compgen -G 'killed.*.tmp' >/dev/null || ! kill -0 $! 2>/dev/null; do :; done
    kill -9 $! 2>/dev/null && tries=$((tries + 1))
    wait $! 2>/dev/null
    compgen -G 'killed.*.tmp' >/dev/null && hits=$((hits + 1))
    rm -f killed.*.tmp
    resume=--resume
done
[ $hits -gt 0 ] || fail "no kill was in a checkpoint's writing"
small --checkpoint killed --log killed.csv --resume >/dev/null || fail "no resumption"
same killed
echo "$hits of $tries kills were in a checkpoint's writing; $parts parts by time"

# The line on a terminal, which no other output has.
"${TRIT_PYTHON:-python3}" -B "$TRIT_SOURCE/tests/terminal.py" "$TRITMILL" "${run[@]}" --steps 90 \
    --checkpoint seen >said <<'END' || fail "a terminal: $(cat said)"
wait step 
wait  of 90  loss 
wait  tokens/s  
wait  min left
END

# Ends where validation does not improve, at the validation that is one too many.
"$TRITMILL" "${run[@]}" --steps 900 --checkpoint idle --lr 1e-9 --patience 2 >said ||
    fail "no run: $(cat said)"
grep -q '^validation no longer improves: step ' said || fail "patience: $(cat said)"
[ $(($(step idle) - $(field idle 136))) = 14 ] || fail "patience: step $(step idle)"
exit $failed
