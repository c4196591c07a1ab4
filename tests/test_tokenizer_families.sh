#!/bin/sh
# labels: slow
# Do all pre-tokenizers and SentencePiece give the ids of other people's tokenizers, with real
# vocabularies? TRIT_SEED=N chooses other strings, TRIT_STRINGS=N how many for each of them.
set -eu
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || {
    status=$?
    echo "$reason" | tail -n 1
    exit $status
}
oracle=$TRIT_BUILD/oracle
bundle=$oracle/node_modules/node-llama-cpp/llama/gitRelease.bundle
if ! [ -f "$bundle" ] || ! command -v git >/dev/null; then
    echo "skipped: no git, or no llama.cpp, whose vocabularies are needed"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git init -q --bare "$folder/git"
git -C "$folder/git" fetch -q "$bundle" HEAD
for name in gpt-neox starcoder falcon llama-spm; do
    git -C "$folder/git" show "FETCH_HEAD:models/ggml-vocab-$name.gguf" \
        >"$folder/ggml-vocab-$name.gguf"
done
node "$oracle/vocabularies.mjs" "$TRIT_BUILD/tests/tokenize" "$folder" "${TRIT_STRINGS:-250}" \
    "${TRIT_SEED:-1}"
