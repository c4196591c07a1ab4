# Is NxK read alike by every command that takes it?
set -u
failed=0
says="must be NxK, such as 6912x2560 (N up to 16777216, K up to 4194304)"
for shape in 5 0x5 5x0 5x5x5 x5 5x ' 5x5' +5x5 5X5 5x5a 99999999999999999999x5 16777217x5 \
    5x4194305; do
    for command in "generate --list" "tune --no-build --budget 1 -o /nowhere/at/all" compare; do
        said=$("$TRITMILL" $command --shape="$shape" 2>&1)
        code=$?
        [ $code = 2 ] && [ "$said" = "tritmill: ${command%% *}: --shape $shape: $says" ] ||
            { echo "FAILED: $command --shape '$shape': exit $code, $said"; failed=1; }
    done
done
"$TRITMILL" generate --list --isa c --shape 16777216x4194304 | grep -q _k4194304_n16777216__c ||
    { echo "FAILED: the largest shape"; failed=1; }
exit $failed
