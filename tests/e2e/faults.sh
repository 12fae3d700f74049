#!/usr/bin/env bash
# faults.sh - the command ist when one of its calls fails: each allocation, each write, fsync, rename, mmap and so on of a
# short run, one after another (tests/fault/inject.c says which calls count); and on disks that are full or read-only.
#
#     bash faults.sh [EVERY [SCENE..]]  every call (EVERY 10: each tenth) of each kind, in train, resume, predict, eval, info,
#                                       table or those named; prints how many were made to fail
#     bash faults.sh CASE        one of the lines "# CASE" below, an entry of ctest
#
# Each run ends with a documented status and one line, or goes on to the right result.  Whatever the end: under each name
# there is the old file or the new one, whole; nothing temporary is left, and no memory, descriptor or mapping either.
# Environment: IST the executable, INJECT_LIBRARY the library that makes calls fail.
source "$(dirname "$0")/scene.sh"
need jq

library=${INJECT_LIBRARY:-}
[ -n "$library" ] && [ -f "$library" ] || skip "the library that makes calls fail is not built (it takes the place of malloc, as sanitizers do)"
unset OMP_PLACES OMP_PROC_BIND OMP_NUM_THREADS OMP_THREAD_LIMIT OMP_DYNAMIC
export OPENBLAS_NUM_THREADS=1 # fewer threads that nobody uses, at each start

# ------------------------------------------------------------------------------------------------------------ scenes --

# Rows of 8 features in 3 classes, by the feature that is large.
awk 'BEGIN { srand(3); for (i = 0; i < 96; i++) { c = int(rand() * 3); print c > "y.csv"
    for (f = 0; f < 8; f++) printf "%s%.3f", f ? "," : "", rand() + (f % 3 == c ? 1 : 0)
    print "" } }' >x.csv
gzip -k y.csv
printf '\0\0\x08\x02\0\0\0\x60\0\0\0\x08' >x.idx # 96 x 8 unsigned bytes
awk -F, '{ for (f = 1; f <= 8; f++) printf "\\x%02x", int(120 * $f) }' x.csv >hex
printf '%b' "$(cat hex)" >>x.idx
gzip -k x.idx
mv y.csv.gz labels.csv.gz

small=(train --train ../x.idx.gz:../y.csv --valid ../x.csv:../y.csv --hidden 12 --subnets 2 --teams 2 --threads 1 --local-steps 2
    --batch 8 --rounds 2 --eval-every 0.3 --keep-best --quiet --json --model m.ist --log l.jsonl --checkpoint c.ist)

# Each scene: the words, and what is compared: names of outputs that are the same bytes in each run.
declare -A outputs=([train]="m.ist" [resume]="m.ist" [eval]="" [predict]="p.npy" [info]="")
words_of() {
    case $1 in
    train) words=("${small[@]}") ;;
    resume) words=("${small[@]}" --resume mid.ist) ;;
    eval) words=(eval ../ready.ist --data ../x.csv:../y.csv --json) ;;
    predict) words=(predict ../ready.ist --data ../x.idx.gz --out p.npy) ;;
    info) words=(info --hidden 12,9 --json) ;;
    table) words=(info --hidden 12,9) ;;
    esac
}

# in_folder FOLDER WORDS..: run ist there; its status.
in_folder() {
    local folder=$1
    shift
    (cd "$folder" && exec timeout 60 "$ist" "$@" >../out 2>../err </dev/null)
}

# The same with INJECT=$1; what came of it is in the file report.
injected() {
    local order=$1 folder=$2
    shift 2
    rm -f report
    (cd "$folder" && exec timeout 60 env LD_PRELOAD="$library" INJECT="$order" INJECT_REPORT="$work/report" "$ist" "$@" >../out 2>../err </dev/null)
}

names() { (cd "$1" && find . -type f | sort); }

prepare() {
    mkdir -p begin.empty
    echo "the model of another run" >begin.empty/m.ist
    echo "the answers of another run" >begin.empty/p.npy
    echo '{"event":"old"}' >begin.empty/l.jsonl
    local scene
    for scene in train eval predict info table; do cp -r begin.empty "begin.$scene"; done
    # What a run leaves that could not write its third checkpoint: the state in the middle.
    cp -r begin.empty first
    injected rename:3:EIO first "${small[@]}"
    [ -s first/c.ist ] || fail "no checkpoint in the middle: $(cat err)"
    cp -r begin.empty begin.resume
    for file in first/*c.ist*; do cp "$file" "begin.resume/${file##*/}"; done
    cp first/l.jsonl begin.resume/l.jsonl
    for file in first/*c.ist*; do name=${file##*/}; cp "$file" "begin.resume/mid${name#c}"; done
    for scene in train resume predict eval info table; do
        words_of "$scene"
        cp -r "begin.$scene" "after.$scene"
        injected "" "after.$scene" "${words[@]}" || fail "$scene: $(cat err)"
        cp out "$scene.out"
        cp report "$scene.report"
        [ "$(grep -c '^left 0 ' report)" = 3 ] || fail "$scene: of an unbroken run is left: $(grep "^left" report)"
        [ "$scene" != train ] || cp after.train/m.ist ready.ist
    done
    cmp after.train/m.ist after.resume/m.ist || fail "a resumed run has another model"
    shape_of train.out >train.shape
    for scene in eval info resume; do shape_of "$scene.out" >"$scene.shape"; done
    for scene in train resume; do
        words_of "$scene"
        cp -r "begin.$scene" bare
        in_folder bare "${words[@]}" --checkpoint-every 0 || fail "$scene: $(cat err)"
        shape_of out >"$scene.bare"
        rm -r bare
    done
}

# Where a JSON answer has something: a key that is missing or null was lost on the way, but for what the system would not tell.
shape_of() { jq -c '[paths(. != null)] | map(join("."))' "$1"; }

# ---------------------------------------------------------------------------------------------------------- judging --

declare -A whole_sums # check sums of checkpoints that were resumed, and went on to the right model
total=0 unreached=0 complaints=0
declare -A made ended

complain() {
    echo "FAIL: $scene, $order: $* -- status $status: $(head -c 300 err) [$(grep -s ^done report)]" >&2
    cp err "err.$((++complaints))"
    [ $complaints -lt 20 ] || exit 1
}

# A checkpoint is whole: a run that goes on from it ends with the right model.
check_state() {
    local sum
    sum=$(md5sum <"$1")
    [ -z "${whole_sums[$sum]:-}" ] || return 0
    rm -rf again
    cp -r begin.empty again
    rm again/l.jsonl # of another run; without one it begins here
    cp "$1" again/mid.ist
    [ ! -e "${1%c.ist}c.ist.best" ] || cp "${1%c.ist}c.ist.best" again/mid.ist.best
    [ ! -e at/c.ist.best ] || cp at/c.ist.best again/mid.ist.best
    cp err err.kept
    in_folder again "${small[@]}" --resume mid.ist || { cp err err.why; cp err.kept err; complain "$1 cannot be resumed: $(cat err.why)"; }
    cmp -s again/m.ist ready.ist || complain "$1 goes on to another model"
    cp err.kept err
    whole_sums[$sum]=yes
}

# lacks SHAPE: what SHAPE has and the answer has not, if there is such, is in the file missing.
lacks() {
    comm -13 <(jq -c '.[]' shape | sort) <(jq -c '.[]' "$1" | sort) >missing
    [ -s missing ]
}

# must_go_on: of a short or interrupted call, and of what is only asked for.
judge() {
    local must_go_on=$1 file lines
    case $status in
    0 | 1 | 3) ;;
    2) case $kind in open | stat | close | unlink) ;; *) complain "a wrong command line?" ;; esac ;;
    124) complain "it hangs" ;;
    *) complain "an end that is not documented" ;;
    esac
    [ "$must_go_on" = no ] || [ "$status" = 0 ] || complain "it should have gone on"
    lines=$(grep -vcE ': note: |; the run goes on without that checkpoint$' err)
    if [ "$status" = 0 ]; then [ "$lines" = 0 ] || complain "well, and yet a line"
    elif [[ $order = stream:*:always ]]; then [ "$lines" -le 2 ] || complain "more than a line for standard output and one for the log"
    else [ "$lines" = 1 ] && grep -q '^ist [a-z]*: .' err || complain "not one line"; fi
    for file in ${outputs[$scene]:-}; do
        cmp -s "at/$file" "after.$scene/$file" && continue
        [ "$status" != 0 ] || complain "well, but $file is another"
        cmp -s "at/$file" "begin.$scene/$file" || complain "$file is neither the old one nor the new one"
    done
    if [ "$status" = 0 ] && [ -e "$scene.shape" ] && [[ " alloc map stream " = *" $kind "* ]]; then
        shape_of out >shape || complain "the answer is no JSON"
        # Without room for a copy of the run, it saves without one.
        if ! cmp -s shape "$scene.shape" && lacks "$scene.shape" && { [ ! -e "$scene.bare" ] || lacks "$scene.bare"; }; then
            head -n 5 missing >&2
            complain "the answer lacks these"
        fi
        rm -f missing
    fi
    [ ! -e at/c.ist ] || check_state at/c.ist
    if [ -e at/l.jsonl ] && ! jq -c . at/l.jsonl >lines 2>/dev/null; then
        [ "$status" != 0 ] || complain "well, but a line of the log is not whole"
        head -n -1 at/l.jsonl | jq -c . >lines || complain "a line in the middle of the log is not whole"
    fi
    if [ $kind != unlink ]; then
        names at | while read -r file; do
            [ -e "begin.$scene/$file" ] || [ -e "after.$scene/$file" ] || echo "$file"
        done >strange
        [ ! -s strange ] || complain "left behind: $(cat strange)"
    fi
    [ "$(grep -c '^left 0 ' report)" = 3 ] || complain "left: $(grep '^left' report | tr '\n' ' ')"
}

# try ORDER MUST_GO_ON: one run of the scene.
try() {
    order=$1
    rm -rf at
    cp -r "begin.$scene" at
    injected "$order" at "${words[@]}"
    status=$?
    [ -s report ] || complain "it ended without a report"
    if ! grep -q ^done report; then
        unreached=$((unreached + 1))
        [ "$status" = 0 ] || complain "nothing was made to fail, and yet"
        return
    fi
    judge "$2"
    total=$((total + 1))
    made[$kind]=$((${made[$kind]:-0} + 1))
    ended[$status]=$((${ended[$status]:-0} + 1))
}

# How each kind fails, in turn; SHORT and EINTR are no failures.
declare -A hows=([alloc]="ENOMEM" [map]="ENOMEM" [open]="EMFILE EACCES EIO ENOSPC" [read]="EIO SHORT EINTR" [write]="ENOSPC EIO EDQUOT EFBIG SHORT EINTR"
    [sync]="EIO EDQUOT" [close]="EIO EDQUOT" [rename]="EIO ENOSPC EROFS" [unlink]="EIO EROFS" [stat]="EIO EACCES" [resize]="EIO EPERM"
    [stream]="ENOSPC EIO EDQUOT" [thread]="EAGAIN" [affinity]="EPERM")
# Kinds with few calls: each in each way.  A log line is hundreds of calls on its stream.
few=" map open read write sync close rename unlink stat resize thread "

# all EVERY SCENE..: this many of each kind's calls.
all() {
    local every=$1 number count how step must kind_hows
    shift
    for scene in "$@"; do
        words_of "$scene"
        while read -r _ kind count; do
            step=$every
            [ "$kind" != stream ] || step=$((every * 11))
            IFS=' ' read -ra kind_hows <<<"${hows[$kind]}"
            for ((number = 1 + (every > 1 ? RANDOM % step : 0); number <= count; number += step)); do
                for ((how = 0; how < ${#kind_hows[@]}; how++)); do
                    [[ $few = *" $kind "* ]] || [ $how = $((number % ${#kind_hows[@]})) ] || continue
                    [ "$every" = 1 ] || [ $how = $((number % ${#kind_hows[@]})) ] || continue
                    must=no
                    case ${kind_hows[$how]} in SHORT | EINTR) must=yes ;; EPERM) [ "$kind" != affinity ] || must=yes ;; esac
                    try "$kind:$number:${kind_hows[$how]}" $must
                done
            done
            # A disk that stays full, a system that stays without memory.
            [ "$count" = 0 ] || [ "$kind" = stat ] || try "$kind:$((1 + count / 2)):${kind_hows[0]}:always" no
        done < <(grep ^count "$scene.report" | grep -v ' 0$')
    done
    for kind in "${!made[@]}"; do printf '%-9s %6d\n' "$kind" "${made[$kind]}"; done | sort
    printf '%-9s %6d  of which' all "$total"
    for status in "${!ended[@]}"; do printf ' %d ended with %d,' "${ended[$status]}" "$status"; done
    printf ' and %d calls were not reached\n' $unreached
}

# ------------------------------------------------------------------------------------------------------------ cases --

# CASE short: some calls of each kind made to fail, spread over the run; all of them: bash faults.sh
case_short() {
    RANDOM=7 # the same calls in every run; others: bash faults.sh EVERY
    prepare
    all 700 train resume
    all 90 predict info
    [ $complaints = 0 ] || fail "$complaints of these ended wrongly"
}

# run_in FOLDER STATUS LINES WORDS..: ends so, with so many lines that are no notes.
run_in() {
    local folder=$1 want=$2 lines=$3
    shift 3
    in_folder "$folder" "$@"
    status=$?
    [ $status = "$want" ] || fail "status $status instead of $want: $* -- $(cat err)"
    [ "$(grep -vc ': note: ' err)" = "$lines" ] || fail "not $lines lines: $* -- $(cat err)"
}

# same OLD FILE: nothing happened to it, and nothing is beside it.
same() { cmp "$1" "$2" || fail "$2 is not what it was"; }

# mounted WORDS..: a small file system in the folder disk, or a skip.
mounted() {
    mkdir disk
    mount -t tmpfs "$@" none disk 2>/dev/null || skip "no file system can be mounted here"
    trap 'umount "$work/disk"; rm -rf "$work"' EXIT
}

# CASE disk_full: a disk without room: the old files stay, nothing is beside them, and a log or a pipe costs no model
case_disk_full() {
    prepare
    mounted -o size=64k,nr_inodes=20
    cp begin.empty/m.ist disk/m.ist
    cp first/c.ist disk/c.ist
    cp disk/c.ist c.old
    cp disk/m.ist m.old
    dd if=/dev/zero of=disk/filler bs=1k count=64 2>/dev/null
    names disk >before
    words=("${small[@]}")
    words=("${words[@]/m.ist/..\/disk\/m.ist}")
    run_in begin.train 1 1 "${words[@]}"
    grep -q 'No space left on device' err || fail "it does not say why: $(cat err)"
    same m.old disk/m.ist
    words=("${small[@]}")
    run_in begin.train 1 1 "${words[@]/c.ist/..\/disk\/c.ist}"
    grep -q 'No space left on device' err || fail "it does not say why: $(cat err)"
    same c.old disk/c.ist
    names disk >now
    same before now
    # A log that cannot be written costs the run nothing but its status.
    rm -f begin.train/m.ist disk/l.jsonl
    truncate -s -8k disk/filler
    run_in begin.train 1 1 "${words[@]/l.jsonl/..\/disk\/l.jsonl}"
    grep -q 'the log ends here' err || fail "it does not tell of the log: $(cat err)"
    same ready.ist begin.train/m.ist
    run_in begin.predict 1 1 predict ../ready.ist --data ../x.idx.gz --out ../disk/q.npy
    [ ! -e disk/q.npy ] || fail "half an answer is there"
}

# CASE file_size: a limit of file sizes (ulimit -f) is a full disk, not a signal
case_file_size() {
    prepare
    words=("${small[@]}")
    (cd begin.train && ulimit -f 1 && exec "$ist" "${words[@]/l.jsonl//dev/null}" >/dev/null 2>../err)
    status=$?
    [ $status = 1 ] || fail "status $status: $(cat err)"
    [ "$(wc -l <err)" = 1 ] && grep -q 'File too large' err || fail "not that line: $(cat err)"
    same begin.empty/m.ist begin.train/m.ist
    names begin.train >now
    names begin.empty >before
    same before now
}

# CASE read_only: what cannot be written is told before the work
case_read_only() {
    prepare
    mounted -o size=1m
    cp begin.empty/m.ist disk/
    mount -o remount,ro disk || skip "no file system can be made read-only here"
    for option in model log checkpoint; do
        run_in begin.train 2 1 train --train ../x.csv:../y.csv --hidden 8 --rounds 1000000 --$option ../disk/m.ist
        grep -q "^ist train: --$option: ../disk/m.ist" err && grep -q 'Read-only file system' err || fail "not that line: $(cat err)"
    done
    run_in begin.predict 2 1 predict ../ready.ist --data ../x.csv --out ../disk/p.npy
    same begin.empty/m.ist disk/m.ist
}

# CASE pipe: whoever reads standard output or standard error leaves: the run goes on, and its model is written
case_pipe() {
    prepare
    mkfifo gone
    for stream in 1 2; do
        rm -f begin.train/m.ist err
        (true <gone &) # a reader that leaves at once
        exec 9>gone
        sleep 0.2
        words=("${small[@]}")
        if [ $stream = 1 ]; then (cd begin.train && exec "$ist" "${words[@]}" >&9 2>../err)
        else (cd begin.train && exec "$ist" "${words[@]/--quiet/--seed=1}" >/dev/null 2>&9); fi
        status=$?
        exec 9>&-
        [ $status = $((2 - stream)) ] || fail "stream $stream: status $status: $(cat err)"
        same ready.ist begin.train/m.ist
        [ $stream = 2 ] || grep -q '^ist train: standard output: Broken pipe$' err || fail "not that line: $(cat err)"
    done
}

# CASE watchdog: a thread that stands still is named, with its team, and the model is the same; nothing is said of one that works
case_watchdog() {
    prepare
    local team
    for team in 0 1; do
        cp -r begin.train "at$team"
        words=("${small[@]}")
        (cd "at$team" && LD_PRELOAD=$library INJECT_SLOW=ist/t$team.c0:2.5 timeout 60 "$ist" "${words[@]/--quiet/--seed=1}" --watchdog 0.8 >../out 2>../err) || fail "$(cat err)"
        grep -Eq "note: nothing has moved for [0-9]+ s; 1 of 2 threads wait, for team $team, thread 0( on processor [0-9]+)?: round [1-9]" err || fail "team $team is not named: $(cat err)"
        [ "$(grep -c 'nothing has moved' err)" -le 3 ] || fail "too many lines: $(cat err)"
        [ "$(jq '.stalls > 0' out)" = true ] || fail "stalls are not counted"
        cmp "at$team/m.ist" ready.ist || fail "the model differs"
    done
    (cd at0 && LD_PRELOAD=$library INJECT_SLOW=ist/t1.c0:1.5 "$ist" "${words[@]/--quiet/--seed=1}" --watchdog 0 >../out 2>../err) || fail "$(cat err)"
    ! grep 'nothing has moved' err || fail "told, and nobody asked"
    (cd at0 && timeout 60 "$ist" train --train ../x.csv:../y.csv --hidden 8 --rounds 100000000 --local-steps 2 --eval-every 0 --time-limit 4 --watchdog 3 --json >../out 2>../err) || fail "$(cat err)"
    [ "$(jq .stalls out)" = 0 ] || fail "a run that works is said to stand still: $(cat err)"
}

# CASE clock: the time of day jumps by years between any two looks: same model, and a time limit holds
case_clock() {
    prepare
    cp -r begin.train at
    (cd at && LD_PRELOAD=$library INJECT_CLOCK=1 "$ist" "${small[@]}" >../out 2>../err) || fail "$(cat err)"
    cmp at/m.ist ready.ist || fail "the model depends on the time of day"
    [ "$(jq '.wall_s < 60 and .seconds < 60 and .wall_s > 0' out)" = true ] || fail "times are not those of a steady clock: $(cat out)"
    local began=$SECONDS
    (cd at && LD_PRELOAD=$library INJECT_CLOCK=1 timeout 60 "$ist" train --train ../x.csv:../y.csv --hidden 8 --subnets 2 --rounds 100000000 --local-steps 2 --eval-every 0 \
        --time-limit 2 --json --quiet >../out 2>../err) || fail "$(cat err)"
    [ "$(jq -r .reason out)" = time ] && [ "$(jq '.seconds >= 2' out)" = true ] || fail "the time limit did not end the run: $(cat out)"
    [ $((SECONDS - began)) -lt 40 ] || fail "2 seconds took $((SECONDS - began))"
}

case ${1:-1} in
[0-9]*)
    scenes=("${@:2}")
    [ ${#scenes[@]} -gt 0 ] || scenes=(train resume predict eval info table)
    prepare
    all "${1:-1}" "${scenes[@]}"
    [ $complaints = 0 ] || fail "$complaints of these ended wrongly"
    [ "${1:-1}" != 1 ] || [ $total -gt 500 ] || fail "too few: $total"
    ;;
*) "case_$1" ;;
esac
