#!/usr/bin/env bash
# checkpoint.sh [SECONDS] [INTERVAL] - what a checkpoint costs a run of a 4096-8192-8192-35 net (404 MB of parameters, with
# momentum as much again of state): runs with and without checkpoints in turn, of the same rounds.
#
# As minutes are long, checkpoints come every INTERVAL seconds (15) in runs of about SECONDS (90): the time that the runs with them
# take longer, for each checkpoint, is what a minute loses with one a minute.  The pause (the copy) is told apart from the rest
# (processor time and memory bandwidth that the writing thread takes), which is a difference of two noisy times: look at all
# pairs.  Environment: IST the executable; PAIRS how often (5);
# OPTIMIZER (momentum).  Needs 4 GB of memory, 2 GB of disk where it is run, python3, jq.
set -eu
seconds=${1:-90} interval=${2:-15} pairs=${PAIRS:-5} optimizer=${OPTIMIZER:-momentum}
ist=${IST:-ist}
work=$(mktemp -d ./checkpoint-perf.XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 - "$work" <<'MAKE'
import os, struct, sys
def npy(name, kind, shape, data):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)
    head = head.ljust(117) + "\n"
    with open(os.path.join(sys.argv[1], name), "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data)
rows = 2048
npy("x.npy", "|u1", "(%d, 4096)" % rows, os.urandom(rows * 4096))
npy("y.npy", "<i4", "(%d,)" % rows, struct.pack("<%di" % rows, *[i * 7 % 35 for i in range(rows)]))
MAKE
common=(train --train "$work/x.npy:$work/y.npy" --hidden 8192,8192 --subnets 2 --local-steps 1 --batch 64 --eval-every 0
    --optimizer "$optimizer" --calibration-batches 1 --quiet --json)

# One short run tells how many rounds take so long.
"$ist" "${common[@]}" --rounds 6 >"$work/probe.json"
rounds=$(jq -r --argjson s "$seconds" '($s / (.seconds / .round)) | floor' "$work/probe.json")
echo "net 4096-8192-8192-35, $optimizer, $(nproc) processors, $rounds rounds a run, a checkpoint every $interval s, to $(df --output=fstype . | tail -n 1)"
for ((pair = 0; pair < pairs; pair++)); do
    "$ist" "${common[@]}" --rounds "$rounds" >"$work/without.$pair.json"
    "$ist" "${common[@]}" --rounds "$rounds" --checkpoint "$work/c.ckpt" --checkpoint-every "${interval}s" >"$work/with.$pair.json"
    ls -l "$work/c.ckpt" | awk '{ print "a checkpoint has " $5 / 1e6 " MB" }' | sed -n "$((pair + 1))p;q"
    rm -f "$work/c.ckpt"
done
# Training seconds and what the run stood still for copies; the last checkpoint, at the end, is none of the copies.
jq -s --argjson pairs "$pairs" -r '
    def median: sort | .[length / 2 | floor];
    .[:$pairs] as $without | .[$pairs:] as $with |
    ($with | map(.checkpoints.written - 1) | add) as $count | ($with | map(.checkpoints.copy_s) | add / $count) as $copy |
    ($with | map(.checkpoints.write_s) | add / $count) as $write | ($with | map(.checkpoints.write_cpu_s) | add / $count) as $cpu |
    [range($pairs) | ($with[.].seconds - $without[.].seconds) / ($with[.].checkpoints.written - 1)] as $slower | ($slower | median) as $middle |
    "without \($without | map(.seconds * 100 | round / 100)) s, with \($with | map(.seconds * 100 | round / 100)) s and \($count) checkpoints",
    "each: \($copy * 1000 | round) ms of copying; slower rounds \($slower | map(. * 1000 | round)) ms by pairs; \($write * 100 | round / 100) s to be safe, \($cpu * 1000 | round) ms of processor time",
    "one a minute: \(($copy + $middle) / 60 * 10000 | round / 100) % of the time, by the median pair (the copy alone \($copy / 60 * 10000 | round / 100) %, processor time of one of the threads \($cpu / 60 * 10000 | round / 100) %)"
    ' "$work"/without.*.json "$work"/with.*.json
