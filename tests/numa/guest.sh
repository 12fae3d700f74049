# shellcheck shell=bash
# guest.sh - what the tests of this folder share: a machine with the wanted nodes (a guest of numa-vm), runs of `ist train`
# in it, and what must be true afterwards.
#
# A script sources this file, has a function for each line `# CASE name: description`, and ends with `main "$@"`.  A case
# says in order: which machine; what is done in it, line by line (nothing happens yet, but the runs of the host, with which
# models are compared, are made at once); `boot`; then what must be true.  A check that fails says so and goes on: the
# files of a run are shown once, at the end.
#
#   machine OPTIONS..         the options of numa-vm
#   inside TEXT               a line of bash for the guest; files that it writes into its folder come back
#   run, alongside, during    a run of ist train in the guest, and the same on the host
#   boot                      starts the guest; a machine that does not start is a skip, one that dies is a failure
#   nodes_are, teams_are, well ..  what must be true
#
# Environment: IST, IST_BUILD, IST_SHARED.  Exit status: 0 passed, 1 failed, 77 skipped with a reason.
set -u -o pipefail
export LC_ALL=C
unset OMP_PLACES OMP_PROC_BIND OMP_NUM_THREADS OMP_THREAD_LIMIT OMP_DYNAMIC

skip() { printf 'SKIP: %s\n' "$*"; exit 77; }
die() { printf 'FAILED: %s\n' "$*"; exit 1; }
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}

vm=${IST_SHARED:+$IST_SHARED/numa-vm}
digits=${IST_SHARED:+$IST_SHARED/data/digits}
[ -n "$vm" ] && [ -x "$vm" ] || skip "no numa-vm in a folder shared beside the checkout: no machine with several nodes"
[ -r "$digits/digits-images.idx3.gz" ] || skip "no data/digits in a folder shared beside the checkout"
[ -n "${IST:-}" ] && [ -x "$IST" ] || skip "the command ist was not built"
command -v jq >/dev/null || skip "jq is not installed"
work=$(mktemp -d) || die "no temporary folder"
trap 'rm -rf "$work"' EXIT
cd "$work" || die "no temporary folder"

# ------------------------------------------------------------------------------------------------- before the boot --
data=(--train "$digits/digits-images.idx3.gz:$digits/digits-labels.idx1.gz")

machine() {
    shape=("$@")
    # Waiting threads of the run time would take the processor from those that work: all are threads of one emulator.
    printf 'export OMP_WAIT_POLICY=passive\n' >inside.sh
    inside 'cat /sys/devices/system/node/has_cpu >cpu_nodes; cat /sys/devices/system/node/has_memory >memory_nodes'
}

inside() { printf '%s\n' "$*" >>inside.sh; }

# run NAME OPTIONS..: ist train OPTIONS, in the guest under the words of `under` (taskset 5) and with --placement `placement`.
# Leaves host-NAME.ist and NAME.ist, NAME.jsonl, NAME.err, NAME.status.
under=() placement=strict
run() {
    both "$@"
    inside "$command; echo \$? >$1.status"
}

# alongside NAME OPTIONS..: the same, together with others of them; `inside wait` ends them.
alongside() {
    both "$@"
    inside "( $command; echo \$? >$1.status ) &"
}

# during TEXT NAME OPTIONS..: the same; TEXT (of which $pid is the run) is done after its first round, while it stands still.
during() {
    local text=$1
    shift
    both "$@"
    inside "$command & pid=\$!"
    inside "until grep -q '\"event\":\"round\"' $1.jsonl 2>/dev/null; do kill -0 \$pid || break; done"
    inside "kill -STOP \$pid; ! grep -q '\"event\":\"end\"' $1.jsonl || echo 'FAILED: $1 had ended'"
    inside "$text"
    inside "kill -CONT \$pid; wait \$pid; echo \$? >$1.status"
}

# The run on the host, and in $command that of the guest.
both() {
    local name=$1
    shift
    local words=("$IST" train "${data[@]}" "$@" --eval-every 0 --quiet)
    "${words[@]}" --model "host-$name.ist" || die "training on the host: ${words[*]}"
    words=("${under[@]}" "${words[@]}" --placement "$placement" --model "$name.ist" --log "$name.jsonl")
    command="$(printf '%q ' "${words[@]}") 2>$name.err"
}

# cpuset SETTINGS..: this shell, and what it starts, in a cgroup: cpuset.cpus=0-1
cpuset() {
    inside 'echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control; mkdir /sys/fs/cgroup/part'
    local setting
    for setting; do inside "echo ${setting#*=} >/sys/fs/cgroup/part/${setting%%=*}"; done
    inside 'echo $$ >/sys/fs/cgroup/part/cgroup.procs'
}

# Nets, with little arithmetic: a guest that is emulated does some 20 MFLOP/s.  Widths that 4 does not divide.
# small: batch norm and its calibration.  long: time to do something else meanwhile.  wide: regions and stripes of several huge pages.
# shellcheck disable=SC2034
{
    small=(--hidden 125,67 --local-steps 2 --batch 4 --calibration-batches 1 --rounds 2)
    long=(--hidden 125,67 --local-steps 2 --batch 4 --calibration-batches 1 --rounds 10)
    wide=(--hidden 3001,701 --local-steps 1 --batch 2 --norm none --output-norm none --rounds 1)
}

# ------------------------------------------------------------------------------------------------------- the boot --
# A guest that does not start is no fault of ours: it is tried again (an emulated boot hangs now and then), and a skip in the
# end.  One that started and died is a failure.
boot() {
    local status tries=0
    inside 'dmesg 2>/dev/null | grep -E "segfault|general protection|BUG:|Oops|Out of memory|oom-kill" >kernel_said; true'
    while true; do
        "$vm" --boot-timeout 25 --timeout 300 "${shape[@]}" -- bash inside.sh >boot.out 2>boot.err
        status=$?
        if [ $status -ne 125 ] || grep -q 'the guest died' boot.err; then break; fi
        tries=$((tries + 1))
        printf 'no guest:\n%s\n' "$(cat boot.err)"
        if [ $tries -eq 4 ]; then skip "the guest could not be started: $(tail -n 1 boot.err)"; fi
    done
    cat boot.out
    [ $status -eq 0 ] || fail "the guest ends with status $status"
    ! grep -q '^FAILED' boot.out || failures=$((failures + 1))
    [ ! -s boot.err ] || fail "on standard error of the guest: $(head -c 1000 boot.err)"
}

# ----------------------------------------------------------------------------------------------- what must be true --
# nodes_are CPU_NODES MEMORY_NODES, as the kernel lists them: 0-3
nodes_are() {
    [ "$(cat cpu_nodes)" = "$1" ] || fail "nodes with processors are $(cat cpu_nodes), not $1"
    [ "$(cat memory_nodes)" = "$2" ] || fail "nodes with memory are $(cat memory_nodes), not $2"
}

# of NAME EVENT FILTER: jq's FILTER of the event of a run, in raw text
of() { jq -r "select(.event == \"$2\") | $3" "$1.jsonl"; }

# value_is NAME EVENT FILTER WANT
value_is() {
    local got
    got=$(of "$1" "$2" "$3" 2>&1)
    [ "$got" = "$4" ] || fail "$1: $3 is $got, not $4"
}

# teams_are NAME "0:0,1 1:2,3": for each team the kernel's number of its node and the processors of its threads, as
# planned and, by the masks read back in the last round, as they were.
teams_are() {
    local each='.teams | map("\(.node_os_index):\(.PUS | join(","))") | join(" ")'
    value_is "$1" start ".context.plan${each/PUS/pus}" "$2"
    value_is "$1" end ".report.plan${each/PUS/bound}" "$2"
}

# What the report says of memory: every object that has local_bytes, wherever it is; but for what nobody placed (rows shared).
regions='[.report | del(.proof.not_placed) | .. | objects | select(has("local_bytes"))]'

# at_home NAME: every byte is where it should be, and nothing was refused.
at_home() {
    value_is "$1" end "$regions | length > 0 and all(.local_bytes == .bytes and .unknown_bytes == 0)" true
    value_is "$1" end "$regions | map(select(has(\"by_node\"))) | all((.by_node | add) == .bytes)" true
    value_is "$1" end '[.report.subnets[], .report.teams[], .report.master] | all(.bytes > 0)' true
    value_is "$1" end '.report.proof.verdict | .hot_bytes > 0 and .hot_local_bytes == .hot_bytes and .wrong_ranges == 0' true
    value_is "$1" end '.report.system | [.bind_refused, .memory_refused] | join(" ")' "0 0"
}

same_model() { cmp "host-$1.ist" "$1.ist" || fail "$1: the guest's model differs from the host's"; }

# clean NAME: the run ended well and said nothing.
clean() {
    [ "$(cat "$1.status" 2>/dev/null)" = 0 ] || fail "$1: exit status $(cat "$1.status")"
    [ ! -s "$1.err" ] || fail "$1: on standard error: $(head -c 1000 "$1.err")"
}

# well NAME..: all that holds for a run on a machine that refuses nothing.
well() {
    local name
    for name; do
        clean "$name"
        same_model "$name"
        at_home "$name"
    done
}

# subnets_on NAME "0 1 2 3": the nodes, by the kernel's numbers, on which the subnets are, each of them once
subnets_on() {
    local got
    got=$(jq -r -s '(map(select(.event == "start"))[0].context.machine.nodes | map({key: "\(.node)", value: .os_index})
        | from_entries) as $os | map(select(.event == "end"))[0].report.subnets | map($os["\(.node)"]) | unique | join(" ")' \
        "$1.jsonl" 2>&1)
    [ "$got" = "$2" ] || fail "$1: the subnets are on nodes $got, not $2"
}

main() {
    declare -F "case_${1:-}" >/dev/null || die "no case ${1:-}"
    "case_$1"
    if [ $failures -ne 0 ]; then
        printf -- '--- nodes\n'
        cat cpu_nodes memory_nodes
        for file in kernel_said *.err *.jsonl; do [ ! -s "$file" ] || { printf -- '--- %s\n' "$file" && cat "$file"; }; done
        exit 1
    fi
    exit 0
}
