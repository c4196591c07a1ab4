#!/bin/bash
# labels: slow
# Can a template do more than compute text: reach the machine, change what other templates see,
# never end, eat all memory?
set -u
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
failed=0
fail() { echo "FAILED: $*"; failed=1; }
# try NAME LINE...: a template of a user's folder NAME, with LINEs in it; $said is what became of
# it.
try() {
    local mine=$dir/$1
    mkdir -p "$mine"
    shift
    { printf '%s\n' "$@"; cat "$TRIT_SOURCE/templates/relu2.c.in"; } >"$mine/relu2.c.in"
    said=$(timeout 120 "$TRITMILL" generate --templates "$mine" --isa c -o "$mine/out" 2>&1)
}
# refused TEXT LINE...: it ends with an error of one line that names the template and says TEXT.
refused() {
    local text=$1 code
    shift
    try "mine$BASHPID" "$@"
    code=$?
    [ $code = 1 ] || fail "'$*': exit code $code"
    case "$said" in *relu2*) ;; *) fail "'$*' does not name its template: ${said:0:300}" ;; esac
    case "$said" in *"$text"*) ;; *) fail "'$*' said: ${said:0:300}" ;; esac
    [ "$(wc -l <<<"$said")" = 1 ] || fail "'$*' took more than a line: ${said:0:600}"
}

try good '$local x = 1' || fail "a template without a fault: $said"

# What is out of reach.
for name in os io require load loadstring loadfile dofile debug package collectgarbage host \
    options coroutine utf8 _G setmetatable getmetatable rawget rawset rawequal rawlen next pcall \
    xpcall print warn string.dump string.pack math.random math.randomseed table.move; do
    case $name in
    *.*) refused "nil value" "\$local x = $name()" ;;
    *) refused "unknown name '$name'" "\$local x = $name" ;;
    esac
done
refused "attempt to index" '$("").rep = nil'
refused "attempt to call" '$("x"):open()'

# What one template does to its tables, the next one does not see.
try bad '$string.format, string.rep, table.concat, table.insert, math.max = nil' \
    '$V.lanes, V.text, F.op, T[1] = 99, "", "none", 7' ||
    fail "a template may do as it likes with its own tables: $said"
nameless() { grep -v '^/\* trit_relu2' "$1"; }
for f in "$dir/good/out"/*; do
    cmp -s <(nameless "$f") <(nameless "$dir/bad/out/$(basename "$f")") ||
        fail "a template changed $(basename "$f")"
done
refused "is a table" '${V}'
refused "is a function" '${string.rep}'

# What eats memory or stack.
refused "not enough memory" '$local s = ("a"):rep(1e9)'
refused "not enough memory" '$local t = {} for i = 1, 1e9 do t[i] = {} end'
refused "not enough memory" '$local s = "a" while true do s = s .. s end'
refused "resulting string too large" '$local s = ("abc"):rep(1e18)'
refused "stack overflow" '$local function f() return 1 + f() end f()'
refused "too complex" '$local s = ("x"):rep(1000):find(("x?"):rep(300) .. "y")'
refused "too many results" \
    '$local t = {} for i = 1, 2e6 do t[i] = i end select("#", table.unpack(t))'
refused "overflow" "\$local x = $(printf '(%.0s' {1..300})1$(printf ')%.0s' {1..300})"

# What does not end, in Lua or inside a function of Lua's.
table='local t = {} for i = 1, 1e6 do t[i] = i end'
forever='(function() while true do end end)()'
endless=(
    '$while true do end'
    '$local function f() return f() end f()'
    '$for i = 1, 1e12 do local s = ("a"):rep(1e6) end'
    '$local s = ("a"):rep(30):find(("a*"):rep(20) .. "b")'
    "\$$table for i = 1, 1e9 do table.insert(t, 1, 0) table.remove(t) end"
    '$variants {op = "gemv", packing = "t2", act = "i8", kr = 16, tiles = '"$forever}"
)
jobs=() # those that have ended are not among `jobs -p`
for line in "${endless[@]}"; do
    (failed=0; refused "too long" "$line"; exit $failed) &
    jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
exit $failed
