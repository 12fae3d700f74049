#!/usr/bin/env bash
# speech_features.sh SPEECH_FEATURES SPEAK_WORDS - the speech tools as people run them: the same bytes every time, lists
# and speakers kept apart, and damaged recordings refused in one line without leaving anything behind.
# LABELS: short
set -u
export LC_ALL=C
[ $# -eq 2 ] || { echo "SKIP: the speech tools were not built"; exit 77; }
features=$1 speak=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
bad=0

wrong() {
    printf 'FAILED: %s\n' "$*"
    bad=1
}

# expect STATUS COMMAND..: runs it, its output is in the files stdout and stderr.
expect() {
    local want=$1 got
    shift
    "$@" >stdout 2>stderr
    got=$?
    [ "$got" -eq "$want" ] || { wrong "exit status $got instead of $want: $*"; cat stdout stderr; }
}

# refused TEXT STATUS COMMAND..: fails so, with one line that has TEXT in it, and leaves no `out`, whole or half.
refused() {
    local text=$1
    shift
    expect "$@"
    [ "$(wc -l <stderr)" -eq 1 ] || { wrong "not one line: $*"; cat stderr; }
    grep -qF -- "$text" stderr || { wrong "no \"$text\" in the line: $*"; cat stderr; }
    [ -z "$(find . -name 'out*')" ] || wrong "something is left behind: $*"
    rm -rf out*
}

same() { diff -r "$1" "$2" >/dev/null || wrong "$1 and $2 differ"; }
differ() { cmp -s "$1" "$2" && wrong "$1 and $2 are the same"; }

# rows FILE: the first size in the head of an idx file.
rows() { od -An -tu1 -j4 -N4 "$1" | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }'; }

# le BYTES NUMBER: little-endian
le() {
    local i n=$2
    for ((i = 0; i < $1; i++, n /= 256)); do printf '%b' "\\0$(printf %o $((n % 256)))"; done
}

# wav RATE CHANNELS PATTERN: one second of 16-bit samples that repeat PATTERN, in which ~ stands for a zero byte.
wav() {
    local bytes=$((2 * $1 * $2))
    printf RIFF; le 4 $((bytes + 36)); printf 'WAVEfmt '; le 4 16; le 2 1; le 2 "$2"; le 4 "$1"
    le 4 "$bytes"; le 2 $((2 * $2)); le 2 16; printf data; le 4 "$bytes"
    yes "$3" | tr -d '\n' | tr '~' '\000' | head -c "$bytes"
}

# --- speak-words: the same bytes whatever --jobs, whole voices held out ---
printf 'yes\nno\nzero\n' >three
expect 0 "$speak" --voices 6 --takes 2 --words three --jobs 1 said
expect 0 "$speak" --voices 6 --takes 2 --words three --jobs 2 again
same said again
expect 0 "$speak" --voices 6 --takes 2 --words three --seed 2 other
differ said/yes/en-us+m1_nohash_0.wav other/yes/en-us+m1_nohash_0.wav
# Before the word there is noise alone, and each take has its own: not only its level differs, its signs do.
signs() { od -An -v -td2 -j44 -N80 "$1" | tr -s ' ' '\n' | sed 's/^-.*/-/; s/^[0-9].*/+/'; }
[ "$(signs said/yes/en-us+m1_nohash_0.wav)" != "$(signs said/yes/en-us+m1_nohash_1.wav)" ] || wrong "takes are alike"
[ "$(find said -name '*_nohash_[01].wav' -size -33000c -size +31999c | wc -l)" -eq 36 ] || wrong "not 36 whole seconds"
voices() { sed 's|.*/||; s/_nohash_.*//' "said/$1" | sort -u; }
[ "$(voices validation_list.txt | wc -l)" -eq 1 ] || wrong "not one voice of six in validation"
[ "$(voices testing_list.txt | wc -l)" -eq 1 ] || wrong "not one voice of six in test"
[ "$(voices validation_list.txt)" != "$(voices testing_list.txt)" ] || wrong "a voice in two lists"
refused said 1 "$speak" said
same said again
printf 'yes\nyes\n' >twice
refused twice 3 "$speak" --words twice out
expect 2 "$speak" --voices 2 out
expect 2 "$speak"
expect 0 "$speak" --version

# --- speech-features: the same bytes whatever --threads and --gz, sizes, classes ---
expect 0 "$features" --threads 1 said f1
expect 0 "$features" --threads 2 said f2
same f1 f2
expect 0 "$features" --gz said fz
for file in f1/*.idx?; do gzip -dc "fz/${file#f1/}.gz" | cmp -s - "$file" || wrong "$file.gz is another"; done
[ "$(od -An -tx1 -N16 f1/train-features.idx3 | tr -d ' \n')" = 00000803000000180000008000000020 ] || wrong "idx3 head"
[ "$(wc -c <f1/train-features.idx3)" -eq $((16 + 24 * 4096)) ] || wrong "size of train-features"
[ "$(od -An -v -tu1 -j8 f1/valid-labels.idx1 | tr -d ' \n')" = 001122 ] || wrong "labels, not sorted by class and file"
sort three | cmp -s - f1/classes.txt || wrong "classes.txt"
expect 0 "$features" --levels 64 said f64
od -An -v -tu1 -j16 f64/train-features.idx3 | awk '{ for (i = 1; i <= NF; i++) { if ($i > high) high = $i } }
    END { exit high != 63 }' || wrong "64 levels are not 0 .. 63"

# --- lists: obeyed; an entry without a file is counted; a clip in two lists is refused ---
for pair in valid:validation_list.txt test:testing_list.txt; do
    [ "$(rows "f1/${pair%:*}-labels.idx1")" -eq "$(wc -l <"said/${pair#*:}")" ] || wrong "${pair#*:} is not obeyed"
done
grep -qx 'train 24 clips, 4 speakers' <("$features" said f1 2>&1) || wrong "summary of train"
cp -r said listed
echo yes/nobody_nohash_0.wav >>listed/testing_list.txt
expect 0 "$features" listed f3
grep -q '^speech-features: 1 entries' stderr || wrong "the entry without a file is not told"
same f1 f3
head -n1 listed/validation_list.txt >>listed/testing_list.txt
refused testing_list.txt 3 "$features" listed out

# --- without lists: by speaker, each in one split, the same one whatever else is in the folder ---
mkdir -p many/one many/two
clip=said/yes/en-us+m1_nohash_0.wav
for speaker in 0{0..9} 1{0..9} 2{0..9} 3{0..9}; do
    for take in 0 1; do ln "$clip" "many/one/s${speaker}_nohash_$take.wav"; done
    ln "$clip" "many/two/s${speaker}_nohash_7.wav"
done
mkdir many/_background_noise_ && echo none >many/_background_noise_/hum.wav
expect 0 "$features" --valid 30 --test 25 many f4
total=0
declare -A speakers_of
for split in train valid test; do
    clips=$(rows "f4/$split-labels.idx1")
    speakers=$(sed -n "s/^$split *[0-9]* clips, \([0-9]*\) speakers$/\1/p" stdout)
    [ "$clips" -eq $((3 * speakers)) ] || wrong "$split has $speakers speakers, but not all of their 3 clips: $clips"
    [ "$speakers" -gt 2 ] || wrong "$split has $speakers speakers of 40"
    total=$((total + speakers))
    speakers_of[$split]=$speakers
done
[ "$total" -eq 40 ] || wrong "$total speakers in the splits, there are 40"
rm -r many/two
expect 0 "$features" --valid 30 --test 25 many f5
for split in train valid test; do
    want=$((2 * speakers_of[$split]))
    [ "$(rows "f5/$split-labels.idx1")" -eq $want ] || wrong "speakers moved when clips went away"
done

# --- channels are averaged ---
for name in mono both left right; do mkdir -p "channels/$name"; done
wav 16000 1 'hIpQzRaYkW' >channels/mono/a.wav
wav 16000 2 'hIhIpQpQzRzRaYaYkWkW' >channels/both/a.wav
wav 16000 2 'hI~~pQ~~zR~~aY~~kW~~' >channels/left/a.wav
wav 16000 2 '~~hI~~pQ~~zR~~aY~~kW' >channels/right/a.wav
expect 0 "$features" --valid 0 --test 0 channels f6
row() { tail -c +$((17 + 4096 * $1)) f6/train-features.idx3 | head -c 4096; } # by class: both, left, mono, right
cmp -s <(row 0) <(row 2) || wrong "equal channels are not mono"
cmp -s <(row 1) <(row 3) || wrong "left and right are not alike"
cmp -s <(row 1) <(head -c 4096 /dev/zero | tr '\000' '\377') && wrong "one channel was not heard"

# --- damaged recordings: status 3, one line, nothing left, and what was there before stays ---
damaged() { # WHAT, the file's content from stdin; never behind a pipe, there `bad` would be set in a subshell
    rm -rf broken
    cp -r said broken
    cat >broken/no/en-us+m1_nohash_9.wav
    refused "no/en-us+m1_nohash_9.wav: $1" 3 "$features" broken out
}
damaged truncated < <(head -c 20000 "$clip")
damaged truncated < <(head -c 30 "$clip")
damaged 'no data chunk' < <(head -c 12 "$clip")
damaged 'not a WAV' </dev/null
damaged 'not a WAV' <<<'these are words, but not spoken ones'
damaged 'no samples' < <(head -c 40 "$clip"; printf '\0\0\0\0')
damaged 'sample rate 8000' < <(wav 8000 1 abcdefgh)
damaged '9 channels' < <(wav 16000 9 abcdefgh)
expect 3 "$features" broken f1
same f1 f2
[ -z "$(find f1 -name '.*')" ] || wrong "a temporary file is left in f1"
mkdir -p slow/a && wav 8000 1 abcdefgh >slow/a/b.wav
expect 0 "$features" --rate 8000 --valid 0 --test 0 slow f7
[ "$(wc -c <f7/train-features.idx3)" -eq $((16 + 128 * 16)) ] || wrong "size of features at 8 kHz"
refused nowhere 3 "$features" nowhere out
mkdir empty
refused empty 3 "$features" empty out

# --- the command line ---
for words in '--levels 1' '--levels 257' '--rate 100' '--valid 60 --test 40' '--valid x' '--threads 0' --nonsense third; do
    # shellcheck disable=SC2086
    expect 2 "$features" $words said out
done
expect 2 "$features" said
expect 0 "$features" --help
grep -q '^usage: speech-features' stdout || wrong "--help"
expect 0 "$features" --version
[ -z "$(find . -name 'out*')" ] || wrong "out is there after command lines that were wrong"

exit $bad
