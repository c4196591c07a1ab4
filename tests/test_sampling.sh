#!/bin/bash
# Do run, chat and serve sample as the model's file advises where nobody says otherwise, and as told
# where somebody does?
set -u
python=${TRIT_PYTHON:-/usr/bin/python3}
[ -x "$python" ] || { echo "skipped: no python3"; exit 77; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export TRITMILL_CACHE=none XDG_STATE_HOME=$dir/state
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# Two files of one model, of which one advises to be greedy. Hardly trained, so that a draw at the
# usual temperature is nowhere near the best token.
text=$TRIT_SOURCE/tests/data/stories.txt
"$TRITMILL" train-tokenizer "$text" --size 300 -o v.gguf >/dev/null || exit 1
make() { # FILE OPTION...
    "$TRITMILL" train "$text" --tokenizer v.gguf --hidden 32 --ffn 64 --heads 2 --layers 1 -c 256 \
        --batch 1 --steps 2 --log-disable -o "$@" || exit 1
}
make plain.gguf
make greedy.gguf --meta sampling.temp=0 --meta sampling.top_k=7
ask() { # PROGRAM FILE OPTION...: 24 tokens behind "Once"
    case $1 in
    run) "$TRITMILL" run -m "$2" -p Once -n 24 -s 5 --log-disable "${@:3}" ;;
    chat)
        echo Once | "$TRITMILL" chat -m "$2" --chat-template chatml -n 24 -s 5 "${@:3}" 2>/dev/null
        ;;
    serve) PYTHONPATH=$TRIT_SOURCE/tests "$python" -B - "${@:2}" <<'END' ;;
import sys
from serve import Server
model, *words = sys.argv[1:]
asked = dict(zip(("temperature", "top_k"), map(float, words[1::2])))
server = Server(model=model)
body = {"prompt": "Once", "max_tokens": 24, "seed": 5, **asked}
print(server.json("/v1/completions", body)[1]["choices"][0]["text"])
server.process.terminate()
END
    esac
}
for program in run chat serve; do
    ask $program plain.gguf >usual || fail "$program: exit code $?"
    ask $program plain.gguf --temp 0 >want || fail "$program: exit code $?"
    ask $program greedy.gguf >got || fail "$program: exit code $?"
    [ -s usual ] && ! cmp -s usual want || fail "$program: a draw is as greedy as none"
    cmp got want || fail "$program: not as the file advises"
    ask $program greedy.gguf --temp 0.8 --top-k 40 >got || fail "$program: exit code $?"
    cmp got usual || fail "$program: not as told"
done
exit $failed
