#!/usr/bin/env bash
# limits.sh - the command ist where the system gives less than there is: too little memory, masks, quotas, and containers
# in which the kernel refuses to place anything.
#
# Run as `bash limits.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable,
# REFUSE the program that refuses system calls (refuse.c).  Control groups are made below the group of this shell's
# hierarchy and removed; a case skips where that is not allowed.  Exit status: 0 passed, 1 failed, 77 skipped.
set -u
export LC_ALL=C
unset OMP_PLACES OMP_PROC_BIND OMP_NUM_THREADS OMP_THREAD_LIMIT OMP_DYNAMIC GOMP_CPU_AFFINITY KMP_AFFINITY

skip() { echo "SKIP: $*"; exit 77; }
fail() { echo "FAIL: $*" >&2; exit 1; }

ist=${IST:-} refuse=${REFUSE:-}
[ -n "$ist" ] && [ -x "$ist" ] || skip "the command ist was not built"
command -v jq >/dev/null || skip "jq is not installed"
work=$(mktemp -d) || exit 1
groups_made=()
clean() {
    local group
    for group in ${groups_made[@]+"${groups_made[@]}"}; do rmdir "$group"; done
    rm -rf "$work"
}
trap clean EXIT
cd "$work" || exit 1

# 400 rows of 16 features in 4 classes, by the feature that is large.
awk 'BEGIN { srand(3); for (i = 0; i < 400; i++) { c = int(rand() * 4); print c > "y.csv"
    for (f = 0; f < 16; f++) printf "%s%.3f", f ? "," : "", rand() + (f % 4 == c ? 1 : 0)
    print "" } }' >x.csv
small=(train --train x.csv:y.csv --hidden 24 --subnets 2 --local-steps 4 --batch 16 --rounds 3)
# Some 600 MB of weights and state in one subnet: too much for the limits below, and for few machines.
large=(train --train x.csv:y.csv --hidden 6000,6000 --subnets 1 --batch 16 --local-steps 1 --rounds 1)

# run STATUS COMMAND..: must exit with STATUS; output is in the files out and err.
run() {
    local want=$1 got
    shift
    "$@" >out 2>err
    got=$?
    [ "$got" = "$want" ] || fail "exit status $got instead of $want: $* -- $(head -c 600 err)"
}

# one_line PATTERN: stderr is one line, which has the extended pattern.
one_line() {
    [ "$(wc -l <err)" = 1 ] || fail "not one line on standard error: $(cat err)"
    grep -Eq -e "$1" err || fail "\"$1\" is not in: $(cat err)"
}

# value FILTER COMMAND..: what jq finds in ist info --json, run behind COMMAND.
value() {
    local filter=$1
    shift
    "$@" "$ist" info --json 2>/dev/null | jq -c ".context.$filter"
}

# model FILE COMMAND..: a small training behind COMMAND (env, taskset ..) must go well, write FILE, and tell nothing but rounds.
model() {
    local file=$1
    shift
    run 0 "$@" "$ist" "${small[@]}" --model "$file"
    grep -v '^round ' err && fail "more than rounds on standard error"
    [ -s "$file" ] || fail "no model was written"
}

# join GROUP COMMAND..: run COMMAND inside a control group.
join() {
    # shellcheck disable=SC2016
    bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$@"
}

# make_group CONTROLLER FILE2 FILE1: a new control group into $group, and $version; skips where none can be made that
# has the file of version 2 or of version 1.
make_group() {
    local mount
    mount=$(awk -v c="$1" '$(NF - 2) == "cgroup" && ("," $NF ",") ~ ("," c ",") { print $5; exit }' /proc/self/mountinfo)
    version=1
    if [ -z "$mount" ]; then
        mount=$(awk '$(NF - 2) == "cgroup2" { print $5; exit }' /proc/self/mountinfo)
        version=2
    fi
    group=$mount/ist-test-$$
    [ -n "$mount" ] && mkdir "$group" 2>/dev/null || skip "no control group of $1 can be made here"
    groups_made+=("$group")
    local file=$3
    [ $version = 1 ] || file=$2
    [ -w "$group/$file" ] || skip "control groups here do not control $1"
}

put() { echo "$2" >"$group/$1" 2>/dev/null || skip "the control group refuses $1"; }

# CASE memory_of_the_machine: a net too large for any machine is refused at once with the numbers, and nothing is written
case_memory_of_the_machine() {
    local begin=$SECONDS
    run 1 "$ist" train --train x.csv:y.csv --hidden 16000000,4000000 --subnets 2 --model m.ist --log l.jsonl
    one_line '^ist train: not enough memory: this model needs 256 TB, there are [0-9.]+ [GT]B of [0-9.]+ [GT]B; a narrower net needs less$'
    [ ! -e m.ist ] && [ ! -e l.jsonl ] || fail "something was written"
    [ $((SECONDS - begin)) -lt 20 ] || fail "it took $((SECONDS - begin)) s to say so"
    run 0 "$ist" info --hidden 1000000,1000000
    grep -q '^not enough memory: this training needs ' out || fail "ist info does not say that it will not fit: $(cat out)"
    [ "$("$ist" info --json --hidden 1000000,1000000 | jq -r .plan.room.fits)" = no ] || fail "fits is not no"
    [ "$("$ist" info --json --hidden 64 | jq -c .plan.room)" = '{"fits":"yes","line":null}' ] || fail "a small net does not fit"
}

# CASE memory_of_the_group: a control group with too little memory ends a run with a line, never with a kill
case_memory_of_the_group() {
    make_group memory memory.max memory.limit_in_bytes
    local file=memory.max
    [ $version = 2 ] || file=memory.limit_in_bytes
    put $file $((300 << 20))
    run 1 join "$group" "$ist" "${large[@]}" --model m.ist
    one_line "^ist train: not enough memory: this (model|training) needs .*, its control group has [0-9.]+ MB left of 315 MB \($group\); "
    [ ! -e m.ist ] || fail "a model was written"
    run 0 join "$group" "$ist" "${small[@]}" --model small.ist
    model free.ist env
    cmp small.ist free.ist || fail "the model depends on the control group"
    join "$group" "$ist" info | grep -q '^memory limit .* left of 315 MB in the control group ' || fail "ist info does not tell of the limit"
    [ "$(value memory.cgroup.limit_bytes join "$group")" = $((300 << 20)) ] || fail "the report does not tell of the limit"
    [ "$(value memory.cgroup)" = null ] || [ "$(value memory.cgroup.folder)" != "\"$group\"" ] || fail "the limit is told outside too"
}

# CASE memory_of_the_process: ulimit -v and -d are named; ulimit -l, memory that may be locked, means nothing to us
case_memory_of_the_process() {
    run 1 bash -c 'ulimit -v 900000 && exec "$@"' - "$ist" "${large[@]}"
    one_line 'not enough memory: this (model|training) needs .*the limit of address space \(ulimit -v\) leaves '
    run 1 bash -c 'ulimit -d 300000 && exec "$@"' - "$ist" "${large[@]}"
    one_line 'not enough memory: this (model|training) needs .*the limit of data \(ulimit -d\) leaves '
    bash -c 'ulimit -d 300000 && exec "$@"' - "$ist" info | grep -q '^memory limit .* left of data (ulimit -d)' ||
        fail "ist info does not tell of ulimit -d"
    model free.ist env
    run 0 bash -c 'ulimit -l 0 && exec "$@"' - "$ist" "${small[@]}" --placement strict --model locked.ist
    cmp locked.ist free.ist || fail "the model depends on ulimit -l"
}

# refused ANSWER CALLS WORDS: with try: a note of WORDS ("": none), the same model; with none: nothing to refuse.
refused() {
    run 0 "$refuse" "$1" "$2" -- "$ist" "${small[@]}" --model m.ist --log l.jsonl
    cmp m.ist free.ist || fail "$1 $2: the model differs"
    grep -v '^round ' err >notes
    if [ -z "$3" ]; then
        [ ! -s notes ] || fail "$1 $2: $(cat notes)"
    else
        [ "$(cat notes)" = "ist train: note: the system refuses: $3; the run goes on without, results are the same" ] ||
            fail "$1 $2: instead of \"$3\": $(cat notes)"
    fi
    rm m.ist
    run 0 "$refuse" "$1" "$2" -- "$ist" "${small[@]}" --model m.ist --placement none --quiet
    cmp m.ist free.ist || fail "$1 $2 with placement none: the model differs"
    rm m.ist
}

# told KEY: what the log of the last run says of it
told() { jq -c "select(.event == \"end\").report.system.$1" l.jsonl; }

# strictly STATUS PATTERN ANSWER CALLS: the same with --placement strict
strictly() {
    rm -f m.ist l.jsonl
    run "$1" "$refuse" "$3" "$4" -- "$ist" "${small[@]}" --model m.ist --log l.jsonl --placement strict
    if [ "$1" = 0 ]; then
        cmp m.ist free.ist || fail "$3 $4 under strict: the model differs"
    else
        one_line "$2"
        [ ! -e m.ist ] && [ ! -e l.jsonl ] || fail "$3 $4 under strict: something was written"
    fi
    rm -f m.ist l.jsonl
}

# CASE refusals: each call that a container may refuse, and all of them: try says so once and goes on, strict ends
case_refusals() {
    [ -n "$refuse" ] && [ -x "$refuse" ] || skip "the program refuse was not built"
    "$refuse" EPERM mbind -- true
    [ $? -ne 125 ] || skip "no system call can be refused here"
    "$refuse" EPERM mbind,no_such_call -- true 2>/dev/null && fail "refuse knows a call that there is not"
    model free.ist env
    local nodes answer
    nodes=$(value 'machine.nodes | length')
    for answer in EPERM ENOSYS; do
        refused $answer sched_setaffinity "binding of threads ($answer)"
        [ "$(told bind_error)" = "\"$answer\"" ] && [ "$(told bind_refused)" -gt 0 ] || fail "bind_refused is not counted"
        strictly 1 "strict placement: the system refuses to bind [0-9]+ of [0-9]+ threads: $answer" $answer sched_setaffinity
        refused $answer madvise "huge pages ($answer)"
        [ "$(told huge_pages_error)" = "\"$answer\"" ] && [ "$(told huge_pages_refused)" -gt 0 ] || fail "huge pages are not counted"
        strictly 1 "strict placement: the system refuses huge pages: $answer" $answer madvise
        refused $answer set_mempolicy "" # nothing of ours calls it
        strictly 0 "" $answer set_mempolicy
        [ "$nodes" = 1 ] || continue # with more nodes: a guest of numa-vm
        refused $answer mbind ""     # where there is one node, nothing is bound to it
        strictly 0 "" $answer mbind
        refused $answer get_mempolicy ""
        [ "$(value memory.policy_error "$refuse" $answer get_mempolicy --)" = "\"$answer\"" ] || fail "policy_error is not told"
        refused $answer move_pages "" # and all pages are there
        [ "$(told where_error)" = "\"$answer\"" ] || fail "where_error is not told"
        [ "$(jq -c 'select(.event == "end").report.subnets | all(.unknown_bytes == .bytes)' l.jsonl)" = true ] ||
            fail "pages are told where the system does not tell"
        refused $answer mbind,set_mempolicy,get_mempolicy,move_pages,sched_setaffinity,madvise \
            "binding of threads ($answer), huge pages ($answer)"
        strictly 1 "strict placement: the system refuses " $answer mbind,set_mempolicy,get_mempolicy,move_pages,sched_setaffinity,madvise
    done
}

# CASE no_huge_pages: a process that may have no huge pages (prctl, inherited) runs the same, and is told so
case_no_huge_pages() {
    [ -n "$refuse" ] && [ -x "$refuse" ] || skip "the program refuse was not built"
    "$refuse" --no-huge-pages -- true || skip "huge pages cannot be denied here"
    model free.ist env
    run 0 "$refuse" --no-huge-pages -- "$ist" "${small[@]}" --model m.ist --placement strict
    cmp m.ist free.ist || fail "the model differs"
    [ "$(value system.huge_pages "$refuse" --no-huge-pages --)" = '"disabled"' ] || fail "the report does not say disabled"
    "$refuse" --no-huge-pages -- "$ist" info | grep -q '^memory .*transparent huge pages disabled' || fail "ist info does not say disabled"
    [ "$(value system.huge_pages)" != '"disabled"' ] || skip "this test itself may have no huge pages"
}

# ours COMMAND..: processing units left to us, and those of the plan, as "1 [[0]]"
ours() {
    value 'machine.pus_allowed' "$@"
    value 'plan.teams | map(.pus)' "$@"
}

# CASE masks: taskset, a cpuset, and both: their intersection, one thread a core of it, the same model
case_masks() {
    command -v taskset >/dev/null || skip "taskset is not installed"
    local cpus first last
    mapfile -t cpus < <(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)), sep="\n")' 2>/dev/null || seq 0 $(($(nproc) - 1)))
    [ ${#cpus[@]} -ge 2 ] || skip "one processor cannot be restricted"
    first=${cpus[0]} last=${cpus[-1]}
    model free.ist env
    model mask.ist taskset -c "$last"
    cmp mask.ist free.ist || fail "the model depends on the mask"
    [ "$(ours taskset -c "$last" | xargs)" = "1 [[$last]]" ] || fail "taskset -c $last: $(ours taskset -c "$last")"
    taskset -c "$first,$last" true && [ "$(value machine.pus_allowed taskset -c "$first,$last")" = 2 ] || fail "a mask of two"
    make_group cpuset cpuset.cpus cpuset.cpus
    put cpuset.mems "$(sed 's/.*[^0-9]//' /sys/devices/system/node/has_memory)"
    put cpuset.cpus "$first"
    [ "$(ours join "$group" | xargs)" = "1 [[$first]]" ] || fail "a cpuset of $first: $(ours join "$group")"
    [ $version = 1 ] && put cpuset.cpus "$first,$last"
    # The mask of a thread that enters a cpuset is the cpuset's; then taskset narrows it.
    [ $version = 2 ] || [ "$(ours join "$group" taskset -c "$last" | xargs)" = "1 [[$last]]" ] || fail "cpuset and taskset"
    run 0 join "$group" "$ist" "${small[@]}" --model group.ist --quiet
    cmp group.ist free.ist || fail "the model depends on the cpuset"
}

# CASE omp: places of the user are respected, and the variable is named; limits of threads are told
case_omp() {
    local cpu
    cpu=$(value 'plan.teams[0].pus[-1]')
    model free.ist env
    for set in "OMP_PLACES={$cpu}" "GOMP_CPU_AFFINITY=$cpu"; do
        "$ist" info >plain
        run 0 env "$set" "$ist" info
        if ! grep -q "^ours  *1 of [0-9]* processing units, by ${set%%=*}=" out; then
            [ "${set%%=*}" = OMP_PLACES ] || continue # of libgomp alone
            fail "$set is not named: $(grep ^ours out)"
        fi
        [ "$(value limits.omp_variable env "$set")" = "\"${set%%=*}\"" ] || fail "omp_variable is not $set"
        [ "$(value limits.omp_value env "$set")" = "\"${set#*=}\"" ] || fail "omp_value is not that of $set"
        [ "$(ours env "$set" | xargs)" = "1 [[$cpu]]" ] || fail "$set is not respected: $(ours env "$set")"
        model places.ist env "$set"
        cmp places.ist free.ist || fail "the model depends on $set"
    done
    grep -q ', by ' plain && fail "places are named where none are set"
    [ "$(value limits.omp_variable)" = null ] || fail "a variable is named where none is set"
    [ "$(value limits.omp_variable env OMP_PROC_BIND=spread)" = '"OMP_PROC_BIND"' ] || fail "OMP_PROC_BIND is not named"
    [ "$(value limits.omp_value env OMP_PLACES="$(printf 'cores(2)\t')")" != null ] || fail "no value"
    [ "$(value limits.omp_thread_limit env OMP_THREAD_LIMIT=1)" = 1 ] || fail "OMP_THREAD_LIMIT is not told"
    [ "$(value limits.omp_thread_limit)" = null ] || fail "a limit of threads is told where there is none"
    run 0 env OMP_THREAD_LIMIT=1 OMP_DYNAMIC=true "$ist" info
    grep -q '^OpenMP  *at most 1 thread (OMP_THREAD_LIMIT): too few, may give fewer threads (OMP_DYNAMIC)$' out ||
        fail "ist info does not tell of OMP_THREAD_LIMIT: $(cat out)"
    run 1 env OMP_THREAD_LIMIT=1 "$ist" "${small[@]}" --model m.ist
    one_line 'threads are needed, the OpenMP run time gives '
    [ ! -e m.ist ] || fail "a model was written"
}

# CASE quota: a quota of processor time is told as processors, with a note when our threads are more
case_quota() {
    make_group cpu cpu.max cpu.cfs_quota_us
    if [ $version = 2 ]; then
        put cpu.max "150000 100000"
    else
        put cpu.cfs_period_us 100000
        put cpu.cfs_quota_us 150000
    fi
    [ "$(value limits.cpu_quota join "$group")" = 1.5 ] || fail "the quota is $(value limits.cpu_quota join "$group")"
    run 0 join "$group" "$ist" info --threads 2
    grep -q '^quota  *of processor time: 1.5 processors, fewer than threads$' out || fail "ist info does not tell: $(cat out)"
    one_line '^ist info: note: the control group has a quota of 1.5 processors, the plan 2 threads: '
    run 0 join "$group" "$ist" info --threads 1
    [ ! -s err ] && grep -q '^quota  *of processor time: 1.5 processors$' out || fail "one thread is too many: $(cat err)"
    model free.ist env
    run 0 join "$group" "$ist" "${small[@]}" --threads 2 --model m.ist --quiet
    cmp m.ist free.ist || fail "the model depends on the quota"
    [ ! -s err ] || fail "quiet is not quiet: $(cat err)"
}

[ $# = 1 ] || fail "usage: limits.sh CASE"
"case_$1"
