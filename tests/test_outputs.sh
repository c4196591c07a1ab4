#!/bin/bash
# labels: slow
# Is no output, of any command, ever written over an input or over a file of another kind, is the
# place looked at before the work, and is no folder made that nobody asked for?
set -u
model=$TRIT_SOURCE/tests/models/stories.gguf
dir=$(mktemp -d) said=$(mktemp -d)
trap 'rm -rf "$dir" "$said"' EXIT
cd "$dir" || exit 1
unset TRITMILL_MODEL TRITMILL_ISA TRITMILL_KERNEL TRITMILL_CACHE TRITMILL_PROFILE
export XDG_CACHE_HOME=$dir/cache
failed=0 count=0
fail() { echo "FAILED: $*"; failed=1; }

mkdir keep
cp -r "$TRIT_SOURCE/templates" mine
cp "$model" keep/model.gguf
echo 'dear diary' >keep/note.txt
echo '{"model": {}}' >keep/tokenizer.json
ln keep/model.gguf keep/twin.gguf
ln -s model.gguf keep/link.gguf
ln -s nowhere keep/dangling
head -c 100 "$model" >keep/other.gguf
printf '{"traceEvents": []}\n' >keep/other.json
state() { find keep mine -type f -exec sha256sum {} + | sort; find . | sort; }
before=$(state)

# refuse CODE PART ARGS...: exit code CODE, one line with PART, and every file and folder as it was.
refuse() {
    local code=$1 part=$2 got
    shift 2
    timeout 100 "$TRITMILL" "$@" >"$said/out" 2>"$said/err" </dev/null
    got=$?
    count=$((count + 1))
    [ $got = "$code" ] && [ ! -s "$said/out" ] && [ "$(wc -l <"$said/err")" = 1 ] &&
        grep -qF -- "$part" "$said/err" ||
        fail "tritmill $*: not $code and one line with '$part', but $got: $(cat "$said/err")"
    [ "$(state)" = "$before" ] || { fail "tritmill $* changed a file"; exit 1; }
}

# allow ARGS...: exit code 0.
allow() {
    "$TRITMILL" "$@" >"$said/out" 2>&1 </dev/null || fail "tritmill $*: $(cat "$said/out")"
    count=$((count + 1))
}

same='this command uses the same file'
for out in {,./,"$dir/"keep/../}keep/{model,link,twin}.gguf; do
    refuse 2 "$same" pack -m keep/model.gguf -o "$out"
    refuse 2 "$same" convert keep/model.gguf -o "$out"
    refuse 2 "$same" tune -m keep/model.gguf -o "$out"
    refuse 2 "$same" tune -m keep/model.gguf -o new.profile --json "$out"
    refuse 2 "$same" bench -m keep/model.gguf -p 4 -n 0 -r 1 --trace "$out"
done
TRITMILL_MODEL=keep/model.gguf refuse 2 "$same" pack -o keep/twin.gguf
refuse 2 "$same" pack -m keep/model.gguf --profile keep/note.txt -o keep/note.txt
refuse 2 "$same" bench -m keep/model.gguf --cache keep/note.txt --trace keep/note.txt
refuse 2 "$same" synth --shape tiny --tokenizer keep/tokenizer.json -o keep/tokenizer.json
refuse 2 "$same" tune --shape 64x64 -o new.profile --json new.profile
refuse 2 "$same" tune --shape 64x64 -o new.profile --json ./new.profile.tried

# Every command that writes, over what is not its kind, and into places where nothing can be
# written. AT stands for the place.
writes=("pack -m keep/model.gguf -o AT" "convert keep/model.gguf -o AT" "synth --shape tiny -o AT"
    "tune --shape 64x64 -o AT" "tune --shape 64x64 -o new.profile --json AT"
    "bench -m keep/model.gguf -p 4 -n 0 -r 1 --trace AT" "train-tokenizer mine/head.c.in -o AT")
for write in "${writes[@]}"; do
    foreign='keep/note.txt keep/tokenizer.json keep/other.json'
    [[ $write =~ ^(synth|convert|train) ]] || foreign+=' keep/other.gguf'
    for out in $foreign; do
        # shellcheck disable=SC2086 # words on purpose
        refuse 1 "$out: is there and is not a" ${write/AT/$out}
    done
    # shellcheck disable=SC2086
    {
        refuse 1 "not a regular file" ${write/AT/keep}
        refuse 1 "absent: No such file or directory" ${write/AT/absent/x}
        refuse 1 "absent/deep: No such file or directory" ${write/AT/absent/deep/x}
        refuse 1 "keep/note.txt/x: cannot write: Not a directory" ${write/AT/keep/note.txt/x}
        refuse 1 "keep/dangling: is a symbolic link that leads nowhere" ${write/AT/keep/dangling}
    }
done
cp keep/note.txt keep/x.profile.tried
before=$(state)
refuse 1 "x.profile.tried: is there and is not a list" tune --shape 64x64 -o keep/x.profile

# A folder of generated files: all or nothing.
mkdir keep/gen
cp keep/note.txt keep/gen/library.c
mkdir keep/linked
ln -s "$dir/mine/relu2.c.in" keep/linked/trit_relu2_f32_f32_1x1x16__c.c
before=$(state)
refuse 1 "keep/gen/library.c: is there and is not a generated file" generate --isa c -o keep/gen
refuse 1 "is there and is not a generated file" generate --isa c --templates mine -o keep/linked
refuse 1 "keep/note.txt" generate --isa c -o keep/note.txt
refuse 1 "absent/deep" generate --isa c -o absent/deep
refuse 2 "mmx" generate --isa mmx -o absent
allow generate --isa c -o new
allow generate --isa c -o new

# What is of the kind, empty, or no file at all, is written.
: >empty
for out in a.pack a.pack empty /dev/null; do
    allow pack -m keep/model.gguf --sparse off -o $out
done
ln -s a.pack link.pack
allow pack -m keep/model.gguf --sparse off -o link.pack
[ -L link.pack ] && [ -c /dev/null ] || fail "a link or a device was replaced"
[ "$(head -c 8 empty)" = tritpack ] || fail "an empty file was not written"
for _ in 1 2; do allow synth --shape 64x128x1x2x1 --vocab 300 -o s.gguf; done
head=$("$TRITMILL" synth --shape 64x128x1x2x1 --vocab 300 -o /dev/stdout | head -c 4)
[ "$head" = GGUF ] || fail "no model to a pipe"
for _ in 1 2; do
    allow bench -m keep/model.gguf -p 4 -n 0 -r 1 -t 1 --trace trace.json
done
mkdir json
for _ in 1 2; do
    allow tune --shape 48x80 -t 1 --no-build -o json/a.profile --json json/a.json
done

# The default place is made, and nothing else; a foreign file there is left alone.
allow pack -m keep/model.gguf --sparse off
pack=$(echo cache/tritmill/*.pack)
[ "$(find cache -type f)" = "$pack" ] || fail "the cache folder: $(find cache)"
cp keep/note.txt "$pack"
for what in '--sparse off' --remove; do
    # shellcheck disable=SC2086
    "$TRITMILL" pack -m keep/model.gguf $what >/dev/null 2>err &&
        fail "pack $what over a note in the cache folder"
    grep -q 'is not a packed cache' err && cmp -s keep/note.txt "$pack" ||
        fail "pack $what: $(cat err)"
done
[ -z "$(find . -name '*.tmp')" ] || fail "temporary files are left"
echo "$count places"
exit $failed
