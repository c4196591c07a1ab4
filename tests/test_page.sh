#!/bin/bash
# Does the chat page work in Debian's chromium: chat, stop, edit, retry, errors, keyboard, narrow
# screens, axe, hostile text? Against a mock server, or the one at TRIT_PAGE_URL. Of chromium's
# packages the one without windows is the quicker.
# labels: slow
set -eu
for browser in "${TRIT_CHROMIUM:-}" /usr/bin/chromium-headless-shell /usr/bin/chromium ""; do
    [ -x "$browser" ] && break
done
[ "$browser" ] || { echo "skipped: no chromium-headless-shell, no chromium"; exit 77; }
reason=$(sh "$TRIT_SOURCE/tests/npm.sh" page) || { code=$?; echo "$reason"; exit $code; }
TRIT_CHROMIUM=$browser node "$TRIT_BUILD/page/page.mjs" "$TRIT_SOURCE/runtime/serve/page.html" \
    ${TRIT_PAGE_URL:+"$TRIT_PAGE_URL"}
