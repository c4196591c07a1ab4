#!/bin/sh
# Do we read a GGUF as npm's @huggingface/gguf does: the committed model, a file of our writer, hand-made ones?
set -eu
reason=$(sh "$TRIT_SOURCE/tests/oracle/install.sh") || { code=$?; echo "$reason"; exit $code; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$TRIT_BUILD/tests/gguf_sample" "$work/sample.gguf"

for file in "$work/sample.gguf" "$TRIT_SOURCE/tests/models/stories.gguf" \
    "$TRIT_SOURCE/tests/corpus/gguf/tiny" "$TRIT_SOURCE/tests/corpus/gguf/version2" \
    "$TRIT_SOURCE/tests/corpus/gguf/scalars"; do
    cp "$file" "$work/file.gguf" # the other reader wants the name to end so
    "$TRITMILL" inspect -o json --all "$work/file.gguf" >"$work/ours.json"
    node "$TRIT_BUILD/oracle/gguf.mjs" "$work/file.gguf" >"$work/theirs.json"
    echo "$file"
    "$TRIT_PYTHON" "$TRIT_SOURCE/tests/oracle/gguf_compare.py" "$work/ours.json" "$work/theirs.json"
done
