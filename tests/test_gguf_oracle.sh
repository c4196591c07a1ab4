#!/bin/bash
# Do we read a GGUF as npm's @huggingface/gguf does: a file of our writer, the committed model,
# hand-made ones?
set -eu
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle) || { code=$?; echo "$reason"; exit $code; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$TRIT_BUILD/tests/gguf_sample" "$work/sample"

for file in "$work/sample" "$TRIT_SOURCE/tests/models/stories.gguf" \
    "$TRIT_SOURCE"/tests/corpus/gguf/{tiny,version2,scalars,no_tensors}; do
    echo "$file"
    "$TRITMILL" inspect -o json --all "$file" >"$work/ours.json"
    node "$TRIT_BUILD/oracle/gguf.mjs" "$file" "$work/ours.json"
done
