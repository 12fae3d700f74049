#!/usr/bin/env bash
# demo.sh [--no-install] - from nothing to a trained net on speech, without any download of data.
#
# Installs what is missing (Debian), builds, lets eSpeak NG speak the 35 words of Speech Commands in 48 voices, turns them
# into 4096 log-mel features, and trains the 2-layer net of the paper (4096-4096-35, batch norm, ReLU) by independent subnet
# training with 4 subnets.  Beside it a linear model on the same features, with the same number of epochs.  Accuracy counts
# on voices that were never heard in training.  Everything it makes is in build/demo; a second call begins anew.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

install=yes
case ${1:-} in
'') ;;
--no-install) install=no ;;
*)
    printf 'usage: demo.sh [--no-install]\n' >&2
    exit 2
    ;;
esac

fail() {
    printf 'demo.sh: %s\n' "$*" >&2
    exit 1
}
say() { printf '\n== %s\n' "$*"; }

if [ $install = yes ]; then bash tools/install-packages.sh demo || fail "packages are missing"; fi

mkdir -p build/demo || fail "build/demo cannot be made"
say 'building (log: build/demo/build.log)'
{ cmake --preset release && cmake --build --preset release; } >build/demo/build.log 2>&1 ||
    { tail -n 30 build/demo/build.log; fail "the build failed"; }
bin=build/release/bin
for tool in ist speak-words speech-features; do [ -x $bin/$tool ] || fail "$bin/$tool was not built, see build/demo/build.log"; done

SECONDS=0
rm -rf build/demo/words build/demo/features
say 'speaking 35 words in 48 voices, 8 times each'
$bin/speak-words build/demo/words || fail "speak-words"
say 'log-mel features: 128 mels x 32 frames'
$bin/speech-features build/demo/words build/demo/features || fail "speech-features"

f=build/demo/features
data=(--train "$f/train-features.idx3:$f/train-labels.idx1" --valid "$f/valid-features.idx3:$f/valid-labels.idx1"
    --test "$f/test-features.idx3:$f/test-labels.idx1" --epochs 20)

# The settings that were best on the voices for validation, of a dozen: learning rates, optimisers, decay, normalization.
say 'a linear model'
$bin/ist train "${data[@]}" --hidden none --output-norm none --method sgd --lr 0.01 --weight-decay 0.1 --normalize zscore \
    --eval-every 0 --quiet --json >build/demo/linear.json || fail "training the linear model"

say 'independent subnet training: 4096-4096-35 in 4 subnets'
$bin/ist train "${data[@]}" --hidden 4096 --subnets 4 --local-steps 20 --eval-every 5 \
    --model build/demo/words.ist --log build/demo/words.jsonl | tee build/demo/table.txt || fail "training"

# The number behind a key of the last object with this split, in one-line JSON written by ist.
accuracy() { sed -n 's/.*"final":{.*"test":{[^}]*"accuracy":\([0-9.]*\).*/\1/p' "$1" | tail -n 1; }
linear=$(accuracy build/demo/linear.json) subnets=$(accuracy build/demo/words.jsonl)
[ -n "$linear" ] && [ -n "$subnets" ] || fail "no accuracy in the logs"

say 'words understood from voices that were never heard before'
awk -v linear="$linear" -v subnets="$subnets" 'BEGIN {
    printf "  chance (35 words)                     %5.1f %%\n", 100 / 35
    printf "  linear model, 4096 features           %5.1f %%\n", 100 * linear
    printf "  4096-4096-35 net, trained in 4 subnets %4.1f %%\n", 100 * subnets
}'
printf '\nAll of it took %d s.  The net: build/demo/words.ist; its log: build/demo/words.jsonl.\n' $SECONDS
printf 'Next: %s train --help, %s info\n' $bin/ist $bin/ist
