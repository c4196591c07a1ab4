#!/bin/bash
# labels: slow
# Does what README says under "A kernel of your own" come true, word for word? And does a kernel
# that is wrong, does not compile, or has no variants get told so? test_extend.sh [README]
set -u
readme=${1:-$TRIT_SOURCE/README.md}
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
export XDG_CACHE_HOME=$dir/cache TRITMILL_PROFILE=none
failed=0
fail() { echo "FAILED: $*"; failed=1; }
command -v gcc >/dev/null || command -v clang >/dev/null || { echo "no C compiler"; exit 77; }
section=$(sed -n '/^## A kernel of your own$/,/^## /p' "$readme")
[ -n "$section" ] || { echo "$readme has no section 'A kernel of your own'"; exit 1; }
# block LANGUAGE: the lines of the section's code block.
block() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" <<<"$section" | sed '1d;$d'; }
file=$(grep -o '`[a-z]*/[a-z_]*\.c\.in`' <<<"$section" | head -1 | tr -d '`')
cd "$dir" && mkdir -p "$(dirname "$file")" bin && ln -s "$TRITMILL" bin/tritmill
PATH=$dir/bin:$PATH
block c >"$file"
lines=$(wc -l <"$file")
[ "$lines" -ge 10 ] && [ "$lines" -lt 30 ] || fail "README's example has $lines lines"
before=$(find "$TRIT_BUILD/gen" -newer "$file" | wc -l)

# Its commands, one by one; the profile is looked at, not used.
ran=0
while read -r command; do
    said=$(eval "$command" 2>"$dir/err" </dev/null)
    code=$?
    ran=$((ran + 1))
    [ $code = 0 ] || fail "'$command' exits with $code: $(tail -n 3 "$dir/err") $said"
    case "${command%%#*}" in
    *generate*)
        [ "$(grep -c '_pair .*mine/gemv_pair.c.in' <<<"$said")" = 3 ] || fail "$command: $said" ;;
    *check*)
        grep -q '^ok  *gemv  *t2  *c ' <<<"$said" && grep -q ' 0 failed' <<<"$said" ||
            fail "$command: $said" ;;
    *compare*)
        grep -q '__c_pair.*| yes' <<<"$said" && grep '| yes' <<<"$said" | grep -qv pair ||
            fail "$command: $said" ;;
    *tune*) grep -rq '_pair' "$XDG_CACHE_HOME" || fail "$command did not try it: $said" ;;
    *) fail "not a command this test knows: $command" ;;
    esac
done < <(block sh)
[ $ran = 4 ] || fail "$ran commands in README"
[ "$(find "$TRIT_BUILD/gen" -newer "$file" | wc -l)" = "$before" ] ||
    fail "files of the build were touched"

# Kernels that are not as they should be, and the same for the compiler.
wrong() { # CODE TEXT SED: with this fault in it
    mkdir -p wrong
    sed "$3" "$file" >"wrong/$(basename "$file")"
    said=$(tritmill check --templates wrong '*__c_pair*' 2>&1)
    code=$?
    [ $code = "$1" ] || fail "with '$3': exit code $code, $said"
    case "$said" in *"$2"*) ;; *) fail "with '$3': $said" ;; esac
}
wrong 1 'FAILED trit_gemv_t2_i8_1x4x16__c_pair' 's/{2, 1}/{2}/'
wrong 1 "trit_gemv_t2_i8_1x4x16__c_pair" 's/vi acc = /vi acc := /'
wrong 1 "gemv_pair.c.in:15" 's/float rows.*/${undefined}/'
wrong 1 "FAILED trit_gemv_t2_i8_1x4x16__c_pair" \
    's/vi_scale(rows/*(volatile int *)0 = 1;vi_scale(rows/'
wrong 2 "no kernel" 's/technique = "pair"/technique = "other"/'
wrong 1 "tiles" 's/tiles = {$/tails = {/'
said=$(tritmill check --templates nowhere 2>&1) && fail "a folder that is not there: $said"
said=$(tritmill check --cc no-such-cc '*relu2*' 2>&1) && fail "a compiler that is not there: $said"
tritmill check --cc "$(command -v gcc || command -v clang)" '*relu2*__c' | grep -q ' 0 failed' ||
    fail "--cc"
exit $failed
