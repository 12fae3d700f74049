#!/usr/bin/env bash
# test_runs.sh - runs of all kinds on one machine of several nodes: where teams stand, where the data are, every optimiser,
# kernels, a run that goes on elsewhere; and what the kernel itself tells of pages and threads.
# shellcheck source=guest.sh
source "$(dirname "$0")/guest.sh"

# CASE team_at: teams at cores, at packages, and one over the whole machine
case_team_at() {
    machine --nodes 2 --cpus-per-node 2 --mem 1024
    run core "${small[@]}" --subnets 4 --team-at core
    run package "${small[@]}" --subnets 2 --team-at package
    run whole "${small[@]}" --subnets 2 --team-at machine
    boot
    teams_are core '0:0 0:1 1:2 1:3'
    teams_are package '0:0,1 1:2,3'
    value_is whole end '.report.plan.teams | map(.bound | join(",")) | join(" ")' '0,1,2,3'
    value_is core end '.report.subnets | map(.node) | join(" ")' '0 0 1 1'
    well core package whole
}

# CASE data: a copy of the rows on each node, and rows that all share
case_data() {
    machine --nodes 2 --cpus-per-node 2 --mem 1024
    run replicate "${small[@]}" --subnets 4 --data replicate
    run shared "${small[@]}" --subnets 4 --data shared
    boot
    value_is replicate end '[.report.proof.ranges[] | select(.kind == "data") | .node] | unique | join(" ")' '0 1'
    well replicate shared
}

# CASE optimizers: the state of every optimiser is at home, too
case_optimizers() {
    machine --nodes 2 --cpus-per-node 1 --mem 1024
    run sgd "${small[@]}" --subnets 2 --optimizer sgd
    run nesterov "${small[@]}" --subnets 2 --optimizer nesterov
    run adam "${small[@]}" --subnets 4 --optimizer adam --weight-decay 0.01
    run reset "${small[@]}" --subnets 4 --optimizer adam --state reset
    boot
    local name
    for name in nesterov adam reset; do
        value_is $name end '[.report.proof.ranges[] | select(.kind == "state") | .node] | unique | join(" ")' '0 1'
    done
    value_is adam end '.report.master_state | length' 2
    well sgd nesterov adam reset
}

# CASE phases: the whole net before and after rounds of subnets is striped over the nodes; idle teams take part in it
case_phases() {
    machine --nodes 2 --cpus-per-node 2 --mem 1024
    # 3 steps of 4 rows, 2 of 2 x 4, 3 of 4; of the 1797 rows. The block has two huge pages.
    run phases --hidden 1021,521 --output-norm batch --local-steps 2 --batch 4 --calibration-batches 1 --subnets 2 \
        --team-at core --epochs 0.02 --warmup-epochs 0.006 --full-width-epochs 0.006
    boot
    value_is phases end '.report.full_width[0].by_node | map(. > 0) | all' true
    value_is phases end '[.report.proof.ranges[] | select(.kind == "weights" and .subnet == null) | .node] | join(" ")' '0 1'
    value_is phases end '.report.planned_bytes == .report.region_bytes' true
    well phases
}

# CASE kernels: the guest has AVX2 and no AVX-512: the host's bits from other kernels, and from those for any x86-64
case_kernels() {
    machine --nodes 2 --cpus-per-node 1 --mem 1024
    run auto "${small[@]}" --subnets 2 --optimizer adam
    run portable "${small[@]}" --subnets 2 --optimizer adam --engine native-portable
    inside "\"$IST\" info --json >info.json; \"$IST\" train ${data[*]} --hidden 8 --subnets 2 --rounds 1 --quiet" \
        "--engine native-avx512 2>avx512.err; echo \$? >avx512.status"
    boot
    local inside outside
    inside=$(jq -r '.context.blas | "\(.engine) \(.kernels)"' info.json)
    outside=$("$IST" info --json | jq -r '.context.blas | "\(.engine) \(.kernels)"')
    printf 'kernels in the guest: %s; on the host: %s\n' "$inside" "$outside"
    [ "${inside% *}" = native ] || fail "the guest's engine is not native"
    cmp host-auto.ist portable.ist || fail "the portable kernels in the guest give another model"
    if [ "${inside#* }" != avx512 ]; then
        [ "$(cat avx512.status)" = 2 ] && grep -q 'the avx512 kernels cannot run' avx512.err ||
            fail "native-avx512 was not refused in the guest: $(cat avx512.status) $(cat avx512.err)"
    fi
    value_is portable start .context.blas.kernels portable
    well auto portable
}

# CASE resume: a run that was begun on the host and one of the guest go on, on other nodes, to the same bytes
case_resume() {
    # Few rows to look at: looking ends the run, for any accuracy is enough.
    { printf '\0\0\010\003\0\0\0\040\0\0\0\010\0\0\0\010' && gzip -dc "$digits/digits-images.idx3.gz" | tail -c +17 | head -c 2048; } >few.idx3
    { printf '\0\0\010\001\0\0\0\040' && gzip -dc "$digits/digits-labels.idx1.gz" | tail -c +9 | head -c 32; } >few.idx1
    local begin=(train "${data[@]}" "${long[@]}" --subnets 4 --valid few.idx3:few.idx1 --target-accuracy 0.0001
        --eval-every 0.02 --quiet)
    "$IST" "${begin[@]}" --checkpoint from.ist && "$IST" train "${data[@]}" "${long[@]}" --subnets 4 --quiet --model whole.ist ||
        die "the runs of the host"
    cp from.ist host-from.ist
    machine --nodes 4 --cpus-per-node 1 --mem 1024
    run host "${long[@]}" --subnets 4 --resume from.ist
    inside "taskset -c 3 $(printf '%q ' "$IST" "${begin[@]}") --checkpoint from.ist"
    run guest "${long[@]}" --subnets 4 --resume from.ist
    inside "\"$IST\" eval guest.ist --data few.idx3:few.idx1 --json >eval.json"
    boot
    local name
    for name in host guest; do
        value_is $name start '"\(.resumed)"' true
        value_is $name end '"\(.round)"' 10
        teams_are $name '0:0 1:1 2:2 3:3'
        cmp host-from.ist from.ist && cmp whole.ist $name.ist || fail "$name: the run that went on gave another model"
        clean $name
        at_home $name
    done
    "$IST" eval whole.ist --data few.idx3:few.idx1 --json >host-eval.json
    local told='"\(.rows) \(.correct) \(.loss)"'
    [ "$(jq -r "$told" eval.json)" = "$(jq -r "$told" host-eval.json)" ] || fail "evaluation: $(cat eval.json host-eval.json)"
}

# CASE kernel_tells: what the kernel tells of the pages and threads of a run that stands still, beside the report
case_kernel_tells() {
    machine --nodes 4 --cpus-per-node 2 --mem 1024
    during 'cat /proc/$pid/numa_maps >maps; cat /proc/$pid/task/*/status | sed -n "s/^Cpus_allowed_list:[[:blank:]]*//p" >masks' \
        eight "${long[@]}" --subnets 8
    boot
    well eight
    # A mask of one processor for each, while they work.
    [ "$(grep -x '[0-7]' masks | sort | tr '\n' ' ')" = '0 1 2 3 4 5 6 7 ' ] || fail "masks of the threads: $(cat masks)"
    # Memory with a policy has pages on the node of its policy alone; all that the report counts is there: every region, and
    # the page with the barrier of each node's team.
    awk '
        match($0, /prefer( \(many\))?:[0-9,-]+/) {
            policy = substr($0, RSTART, RLENGTH)
            sub(/.*:/, "", policy)
            for (i = 3; i <= NF; i++) if ($i ~ /^N[0-9]+=/) {
                split(substr($i, 2), part, "=")
                if (part[1] != policy) { print "pages of " policy " elsewhere: " $0; bad = 1 }
                bytes[part[1]] += part[2] * 4096
            }
        }
        END { for (i = 0; i < 4; i++) printf "%d ", bytes[i]; exit bad }' maps >told || fail "$(cat told)"
    value_is eight end '[.report.subnets[], .report.teams[], .report.master, .report.master_state[]] | map(.by_node) | transpose
        | map(add + 4096) | join(" ")' "$(sed 's/ $//' told)"
}

main "$@"
