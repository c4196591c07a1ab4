#!/bin/bash
# labels: slow
# Are prompts those that @huggingface/jinja makes, with real templates and with those built in?
set -u
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" oracle 2>&1) || { code=$?; echo "$reason"; exit $code; }
exec node "$TRIT_BUILD/oracle/jinja.mjs" "$TRIT_BUILD/tests/jinja" "$TRIT_BUILD/tests/chat" \
    "$TRIT_SOURCE/tests/models/stories.gguf" "$TRIT_SOURCE/tests/data/like_qwen35.jinja"
