#!/bin/sh
# Does SentencePiece's BPE give the ids of its definition, computed slowly in Python?
# TRIT_SEED=N chooses other vocabularies and texts.
set -eu
"${TRIT_PYTHON:-python3}" -c 'import numpy' 2>/dev/null || {
    echo "skipped: no python3 with numpy"
    exit 77
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$TRIT_PYTHON" -B "$TRIT_SOURCE/tests/oracle/sentence.py" "$TRIT_BUILD/tests/tokenize" "$folder" \
    "${TRIT_SEED:-1}"
