#!/bin/bash
# labels: slow
# Does Hugging Face's tokenizers read the tokenizer.json of train-tokenizer, and give the ids that
# its GGUF gives here, with every pre-tokenizer? TRIT_SEED=N chooses other strings.
set -u
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || { code=$?; echo "$reason"; exit $code; }
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0
for pre in gpt-2 qwen2 qwen35 llama-bpe smollm falcon falcon_e; do
    for out in v.gguf tokenizer.json; do
        "$TRITMILL" train-tokenizer "$TRIT_SOURCE/README.md" "$TRIT_SOURCE/tests/data/stories.txt" \
            --pre $pre --size 1000 -o "$dir/$out" >/dev/null || failed=1
    done
    echo "$pre"
    node "$TRIT_BUILD/oracle/train_tokenizer.mjs" "$TRIT_BUILD/tests/tokenize" "$dir/v.gguf" \
        "$dir/tokenizer.json" "${TRIT_SEED:-1}" || failed=1
done
exit $failed
