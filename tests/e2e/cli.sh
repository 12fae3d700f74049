#!/usr/bin/env bash
# cli.sh - the command ist as people type it: help, exit statuses, files, signals.
#
# Run as `bash cli.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable,
# IST_SHARED a folder with data that is not part of the project (may be empty), IST_SOURCE the checkout.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
source_dir=${IST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"
verbs="train eval predict convert generate export import info demo"

# write_npy FILE DESCR SHAPE: bytes as octal escapes on stdin become an .npy with a header of 128 bytes.
write_npy() {
    local header
    header=$(printf "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" "$2" "$3")
    { printf '\223NUMPY\001\000\166\000%-117s\n' "$header"; printf '%b' "$(cat)"; } >"$1"
}

# make_data ROWS: pictures of 8 x 8 bytes in 4 classes, by the row pair that is bright; files x.npy, y.npy, labels.
make_data() {
    awk -v n="$1" 'BEGIN { srand(7); for (i = 0; i < n; i++) { c = int(rand() * 4); print c > "labels"
        for (p = 0; p < 64; p++) printf "\\0%03o", int(rand() * 90 + (int(p / 16) == c ? rand() * 100 : 0)) } }' |
        write_npy x.npy '|u1' "($1, 8, 8)"
    awk '{ printf "\\0%03o\\0000\\0000\\0000", $1 }' labels | write_npy y.npy '<i4' "($1,)"
    data=x.npy:y.npy x=x.npy rows=$1 classes=4
}

# pick_data: real digits if they are there, else made ones.
pick_data() {
    local folder="${IST_SHARED:-}/data/digits"
    if [ -n "${IST_SHARED:-}" ] && [ -r "$folder/digits-images.idx3.gz" ]; then
        ln -s "$folder/digits-images.idx3.gz" x.gz && ln -s "$folder/digits-labels.idx1.gz" y.gz
        zcat y.gz | od -An -v -t u1 -j 8 -w1 | tr -d ' ' >labels
        data=x.gz:y.gz rows=1797 classes=10
    else
        make_data 1800
    fi
    x=${data%%:*}
}

options_of_help() { "$ist" help "$1" | sed -n 's/^  --\([a-z0-9-]*\).*/\1/p' | sort; }

# CASE help: the help of each verb lists every option that DESIGN.md promises, and the parser knows each one listed
case_help() {
    local verb name promised value
    run 0 --help
    for verb in $verbs; do grep -q "^  $verb " out || fail "ist --help does not name $verb"; done
    run 0 --version
    grep -Eq '^ist [0-9]+\.[0-9]+\.[0-9]+ \(libist [0-9]+\.[0-9]+\.[0-9]+\)$' out || fail "--version: $(cat out)"
    local team="teams threads team-at part placement engine"
    for verb in $verbs; do
        case $verb in
        train) promised="train valid test hidden method subnets local-steps batch epochs rounds optimizer lr momentum beta1
            beta2 epsilon weight-decay lr-schedule lr-ramp lr-floor lr-step-every lr-step-factor label-smoothing
            input-dropout hidden-dropout output-scale state data normalize norm activation output-norm statistics calibration-batches seed
            target-accuracy eval-every log model checkpoint checkpoint-every keep resume resume-any verify-placement json quiet $team" ;;
        eval) promised="data batch statistics calibrate calibrate-rows calibrate-seed json $team" ;;
        predict) promised="data out top-k batch statistics $team" ;;
        convert) promised="text index-base features json $team" ;;
        generate) promised="rows features labels values-per-row labels-per-row feature-zipf label-zipf signal first-row seed
            json $team" ;;
        export) promised="out format fold-bn answer subnet round seed subnets shares calibrate json $team" ;;
        import) promised="out json $team" ;;
        info) promised="json topology subnets hidden features classes rows batch optimizer $team" ;;
        demo) promised="verify-placement $team" ;;
        esac
        options_of_help "$verb" >listed
        for name in $promised; do grep -qx -e "$name" listed || fail "ist help $verb does not list --$name"; done
        while read -r name; do
            for value in "" "=x"; do # known names fail otherwise, or not at all
                "$ist" "$verb" "--$name$value" --no-such-option </dev/null >out 2>err
                grep -q "there is no option \"--$name\"" err && fail "ist $verb does not know --$name, which its help lists"
            done
        done <listed
        wrong "there is no option \"--no-such-option\"" "$verb" --no-such-option
        "$ist" "$verb" --help >long && run 0 help "$verb" && cmp -s long out || fail "ist help $verb is not ist $verb --help"
        awk 'length > 100' out | grep . && fail "ist help $verb has long lines"
    done
    # Defaults come from ist.h: look one up there.
    local steps
    steps=$("$ist" help train | tr -s ' \n' ' ' | sed -n 's/.*--local-steps J [^(]*(default: \([0-9]*\)).*/\1/p')
    grep -A1 'define IST_TRAIN_CONFIG_INIT' "$source_dir/include/ist/ist.h" | grep -q "0, $steps, " ||
        fail "the default of --local-steps is not that of ist.h: $steps"
}

# CASE wrong: wrong command lines exit with 2 and one line that says what is wrong
case_wrong() {
    local t=(train --train a:b --hidden 8)
    run 2
    wrong 'did you mean train' trian
    wrong 'not something ist can do' help nothing
    wrong 'did you mean --train' train --trian a:b
    wrong 'train is missing' train --hidden 8
    wrong 'hidden is missing' train --train a:b
    wrong '"ab" is not X:Y' train --train ab --hidden 8
    wrong '":b" is not X:Y' train --train :b --hidden 8
    wrong '"8,0" is not' train --train a:b --hidden 8,0
    wrong '"8,," is not' train --train a:b --hidden 8,,
    wrong 'value is missing' train --train a:b --hidden
    wrong 'value is missing' "${t[@]}" --lr --quiet
    wrong 'lr: "abc" is not a number' "${t[@]}" --lr abc
    wrong 'lr: "0" is not a number in (0, 1000000]' "${t[@]}" --lr 0
    wrong 'lr: "nan" is not' "${t[@]}" --lr nan
    wrong 'lr: "1e999" is not' "${t[@]}" --lr=1e999
    wrong 'momentum: "1" is not a number in \[0, 1)' "${t[@]}" --momentum 1
    wrong 'did you mean step' "${t[@]}" --lr-schedule stop
    wrong 'lr-ramp: "1" is not a number in \[0, 1)' "${t[@]}" --lr-ramp 1
    wrong 'lr-floor: "1.01" is not a number in \[0, 1\]' "${t[@]}" --lr-floor 1.01
    wrong 'lr-step-every: "0" is not a number in (0, 1\]' "${t[@]}" --lr-step-every 0
    wrong 'lr-step-factor: "2" is not' "${t[@]}" --lr-step-factor 2
    wrong 'label-smoothing: "1" is not' "${t[@]}" --label-smoothing 1
    wrong 'input-dropout: "-0.1" is not' "${t[@]}" --input-dropout -0.1
    wrong 'hidden-dropout: "nan" is not' "${t[@]}" --hidden-dropout nan
    wrong 'activation: "relu6" is not one of' "${t[@]}" --activation relu6
    wrong 'output-scale: "0" is not a number in \[0.0001, 10000\]' "${t[@]}" --output-scale 0
    wrong 'batch: "12x" is not a whole number' "${t[@]}" --batch 12x
    wrong 'verify-placement: "0" is not a whole number from 1' "${t[@]}" --verify-placement=0
    wrong 'verify-placement: "7x" is not a whole number' "${t[@]}" --verify-placement 7x
    wrong 'lr: "abc" is not' "${t[@]}" --verify-placement --lr abc # what follows is no value of it
    wrong 'lr: "abc" is not' "${t[@]}" --verify-placement 3 --lr abc
    wrong 'batch: "0x10" is not' "${t[@]}" --batch 0x10
    wrong 'teams: "4097" is not' "${t[@]}" --teams 4097
    wrong 'seed: "-1" is not' "${t[@]}" --seed -1
    wrong 'did you mean adam' "${t[@]}" --optimizer adma
    wrong 'an ensemble needs batch norm on the output' "${t[@]}" --method ensemble --output-norm none
    wrong 'an ensemble needs batch norm on the output, and on all hidden' "${t[@]}" --hidden 9,9 --method ensemble --norm none
    wrong 'normalize: "1,0" is not' "${t[@]}" --normalize 1,0
    wrong 'rounds and --epochs' "${t[@]}" --rounds 3 --epochs 2
    wrong 'target-accuracy: needs' "${t[@]}" --target-accuracy 0.9
    wrong '9 subnets cannot share' "${t[@]}" --subnets 9
    wrong 'shares: 3 shares for 2 subnets' "${t[@]}" --subnets 2 --shares 1,1,2
    wrong 'shares' "${t[@]}" --shares 1,x
    wrong 'shares' "${t[@]}" --shares 1,0
    wrong 'shares' "${t[@]}" --shares 1,,2
    wrong 'repartition-fraction' "${t[@]}" --repartition-fraction 0
    wrong 'repartition-fraction' "${t[@]}" --repartition-fraction 1.5
    wrong 'balance: adaptive shares begin even' "${t[@]}" --subnets 2 --shares 1,2 --balance adaptive
    wrong 'balance: adaptive moves seats' "${t[@]}" --repartition-fraction 0.5 --balance adaptive
    wrong 'subnets: --method sgd' "${t[@]}" --subnets 2 --method sgd
    wrong 'json takes no value' "${t[@]}" --json=yes
    wrong 'nothing else is expected' "${t[@]}" extra
    wrong 'same file' "${t[@]}" --model m --log m
    wrong 'MODEL is missing' eval --data a:b
    wrong 'one MODEL is enough' eval m n --data a:b
    wrong 'top-k: "0" is not' predict m --data a --out p --top-k 0
    for part in 2/2 -1/2 1 1/ /2 0/0 0/2x 0/65537 a/b; do wrong "part: \"$part\" is not a part I/N" info --part=$part; done
    run 1 info --part 0/65536
    grep -q '^ist info: 65536 parts of [0-9]* cores*: a part would have no core$' err || fail "$(cat err)"
    wrong 'topology "no such machine"' info --topology 'no such machine'
    wrong '^ist info: ' info --hidden 4 --subnets 9
}

# CASE bad_files: what cannot be read, or is damaged, exits with 3 and names the file
case_bad_files() {
    make_data 64
    run 3 train --train none.npy:y.npy --hidden 8
    grep -q 'none.npy' err || fail "the file is not named: $(cat err)"
    head -c 300 x.npy >short.npy
    run 3 train --train short.npy:y.npy --hidden 8
    grep -q 'short.npy' err || fail "the file is not named: $(cat err)"
    run 3 train --train y.npy:x.npy --hidden 8
    run 3 train --train x.npy:y.npy --test y.npy:y.npy --hidden 8
    run 3 train --train x.npy:y.npy --hidden 8 --resume none.ist
    run 3 train --train x.npy:y.npy --hidden 8 --resume x.npy
    run 3 eval none.ist --data x.npy:y.npy
    grep -q 'none.ist' err || fail "the file is not named: $(cat err)"
    run 3 eval x.npy --data x.npy:y.npy
    run 3 predict x.npy --data x.npy --out p.npy
    [ -e p.npy ] && fail "an output file was left behind"
    run 0 train --train x.npy:y.npy --hidden 8 --rounds 2 --local-steps 2 --batch 8 --model m.ist
    head -c 200 m.ist >cut.ist
    run 3 eval cut.ist --data x.npy:y.npy
    awk 'BEGIN { for (i = 0; i < 64; i++) print i "," i + 1 }' >two.csv
    run 3 eval m.ist --data two.csv:y.npy
    return 0
}

# CASE train: model and log of a run; the log's keys; ist eval repeats the logged accuracy to the last digit
case_train() {
    need jq
    pick_data
    run 0 train --train "$data" --test "$data" --hidden 48,32 --subnets 2 --local-steps 5 --epochs 4 --seed 3 \
        --log run.jsonl --model m.ist --checkpoint c.ist
    grep -q '^test accuracy' out || fail "no accuracy in the summary: $(cat out)"
    grep -q '^round' err || fail "no progress lines: $(cat err)"
    jq -es . run.jsonl >/dev/null || fail "the log is not JSON lines"
    [ "$(jq -r .event run.jsonl | uniq | head -n 1)" = start ] || fail "the log does not begin with start"
    [ "$(jq -r .event run.jsonl | tail -n 1)" = end ] || fail "the log does not end with end"
    [ "$(jq -r 'select(.event == "start" or .event == "end") | .event' run.jsonl | wc -l)" = 2 ] || fail "starts and ends"
    jq -es 'all(.[] | select(.event == "round"); has("round", "epoch", "samples", "seconds", "loss", "gather_s", "train_s",
        "wait_s", "writeback_s", "gflops", "bytes_moved", "bytes_crossed", "team_busy_s", "team_wait_s", "flops",
        "wall_s") and (.bytes_crossed <= .bytes_moved) and (.team_busy_s | length) == (.team_wait_s | length) and
        .team_busy_s[0] > 0)' run.jsonl >/dev/null || fail "keys of round"
    jq -es 'all(.[] | select(.event == "eval"); has("round", "epoch", "samples", "seconds", "loss", "accuracy", "split"))
        and (map(select(.event == "eval")) | length >= 5)' run.jsonl >/dev/null || fail "keys or number of eval"
    jq -es '[.[] | select(.event == "round") | .round] as $r | ($r | length > 1) and $r == [range(1; ($r | length) + 1)]' \
        run.jsonl >/dev/null || fail "rounds are not 1, 2, .."
    jq -es '.[0] | .version and .options.lr and .options["local-steps"] == 5 and .options.subnets == 2 and
        .rows.train == '"$rows"' and .classes == '"$classes"' and (.context | has("plan"))' run.jsonl >/dev/null ||
        fail "the start event: $(head -n 1 run.jsonl)"
    jq -es '.[-1] | .status == 0 and .reason == "finished" and (.report.subnets | length == 2) and
        .report.traffic.bytes_crossed == .bytes_crossed and
        .report.traffic.bytes_crossed + .report.traffic.bytes_stayed == .bytes_moved and
        .final.test.rows == '"$rows" run.jsonl >/dev/null || fail "the end event: $(tail -n 1 run.jsonl)"
    local logged again batch
    logged=$(jq -r 'select(.event == "end") | "\(.final.test.accuracy) \(.final.test.loss) \(.final.test.correct)"' run.jsonl)
    awk -v a="${logged%% *}" 'BEGIN { exit !(a > 0.8) }' || fail "it did not learn: $logged"
    for batch in 1 7 1000; do
        for model in m.ist c.ist; do
            run 0 eval $model --data "$data" --batch $batch --json
            again=$(jq -r '"\(.accuracy) \(.loss) \(.correct)"' out)
            [ "$again" = "$logged" ] || fail "ist eval $model --batch $batch says $again, the log $logged"
        done
    done
    run 0 train --train "$data" --test "$data" --hidden 48,32 --subnets 2 --local-steps 5 --epochs 4 --seed 3 --json --quiet
    [ -s err ] && fail "--quiet wrote to standard error: $(cat err)"
    [ "$(jq -r '"\(.final.test.accuracy) \(.final.test.loss) \(.final.test.correct)"' out)" = "$logged" ] ||
        fail "the same command gave another result"
    return 0
}

# CASE threads: the model's bytes do not depend on teams and threads
case_threads() {
    make_data 400
    local common=(train --train "$data" --hidden 40,24 --subnets 4 --local-steps 4 --batch 16 --epochs 3 --quiet)
    run 0 "${common[@]}" --model a.ist --teams 1 --threads 1
    run 0 "${common[@]}" --model b.ist --teams 1 --threads 2
    run 0 "${common[@]}" --model c.ist --teams 2 --threads 1
    run 0 "${common[@]}" --model d.ist --placement none --teams 3 --threads 2
    for other in b c d; do cmp a.ist $other.ist || fail "a.ist and $other.ist differ"; done
}

# CASE verify: --verify-placement looks as often as it says, tells in log and table, and changes no bit of the model
case_verify() {
    need jq
    make_data 300
    local common=(train --train "$data" --hidden 24,16 --subnets 2 --local-steps 3 --batch 16 --rounds 7) every want
    run 0 "${common[@]}" --model plain.ist --log plain.jsonl
    grep -q '^pages  *.*(at the end)$' out || fail "the table has no pages: $(cat out)"
    jq -es 'all(.event != "placement") and .[-1].verify == null' plain.jsonl >/dev/null || fail "it looked without being asked"
    for every in "" 1 3 100; do
        case $every in "" | 1) want="0 1 2 3 4 5 6 7" ;; 3) want="0 3 6" ;; 100) want=0 ;; esac
        # shellcheck disable=SC2086 # nothing is a word too many
        run 0 "${common[@]}" --verify-placement $every --model m.ist --log m.jsonl
        [ "$(jq -r 'select(.event == "placement") | .round' m.jsonl | xargs)" = "$want" ] ||
            fail "--verify-placement $every: $(jq -c 'select(.event == "placement")' m.jsonl)"
        jq -es --argjson count "$(wc -w <<<"$want")" '.[-1].verify.checks == $count and (map(select(.event == "placement"))
            | all(.bytes == .local_bytes + .remote_bytes + .unknown_bytes and .hot_bytes < .bytes and .verify_s >= 0))' \
            m.jsonl >/dev/null || fail "numbers of --verify-placement $every: $(tail -n 1 m.jsonl)"
        grep -q "^pages  *.*(checked $(($(wc -w <<<"$want") + 1)) times)\$" out || fail "the table: $(cat out)"
        if [ "$(jq -r 'select(.event == "end") | .report.proof.verdict.nodes' m.jsonl)" = 1 ]; then
            grep -q '^pages .* nothing can be wrong' out || fail "one node: $(grep '^pages' out)"
        fi
        cmp plain.ist m.ist || fail "looking changed the model"
    done
}

# CASE engines: the model's bytes do not depend on the instruction set, nor on whether it is native or the reference
case_engines() {
    need jq
    make_data 200
    local common=(train --train "$data" --hidden 37,19 --subnets 2 --local-steps 3 --batch 23 --epochs 2 --quiet) engine
    run 0 "${common[@]}" --model reference.ist --engine reference
    for engine in native native-avx512 native-avx2 native-portable; do
        if ! "$ist" info --engine $engine >out 2>err; then
            echo "not on this processor: $engine"
            wrong 'kernels cannot run' "${common[@]}" --model $engine.ist --engine $engine
            [ -e $engine.ist ] && fail "a model was written"
            continue
        fi
        run 0 "${common[@]}" --model $engine.ist --engine $engine
        cmp reference.ist $engine.ist || fail "the models of reference and $engine differ"
        run 0 predict reference.ist --data "$x" --out $engine.npy --engine $engine
        cmp native.npy $engine.npy || fail "the answers of native and $engine differ"
        run 0 info --engine $engine
        grep -q '^engine  *native, [a-z0-9]* kernels$' out || fail "info does not tell the engine: $(cat out)"
        run 0 info --engine $engine --json
        jq -e --arg set "${engine#native-}" '.context.blas | .engine == "native" and
            (.kernels == $set or $set == "native")' out >/dev/null || fail "$engine: $(jq -c .context.blas out)"
    done
    run 0 "${common[@]}" --model openblas.ist --engine openblas
    run 0 eval openblas.ist --data "$data" --engine native
    wrong 'engine: "avx512" is not one of' "${common[@]}" --engine avx512
    wrong 'engine: "" is not one of' "${common[@]}" --engine=
}

# CASE methods: ist, sgd, logistic regression, every optimizer, norm, schedule and normalization trains and evaluates
case_methods() {
    need jq
    make_data 300
    local common=(train --train "$data" --valid "$data" --local-steps 3 --batch 16 --epochs 2 --quiet --model m.ist)
    run 0 "${common[@]}" --hidden none
    run 0 "${common[@]}" --hidden none --method sgd
    run 0 "${common[@]}" --hidden 16 --method sgd --optimizer sgd --lr-schedule constant --state reset
    run 0 "${common[@]}" --hidden 16 --optimizer adam --lr 0.01 --beta1 0.8 --beta2 0.99 --epsilon 1e-6 --weight-decay 0.01
    run 0 "${common[@]}" --hidden 16,16 --optimizer nesterov --momentum 0.5 --norm none --data shared --normalize none
    run 0 "${common[@]}" --hidden 16 --subnets 3 --output-norm batch --data replicate --normalize zscore
    run 0 "${common[@]}" --hidden 16 --statistics batch --normalize 100,50 --calibration-batches 2
    run 0 eval m.ist --data "$data" --statistics batch --batch 50
    run 0 "${common[@]}" --hidden 16 --engine reference --teams 1 --threads 1 --eval-every 0
    run 0 "${common[@]}" --hidden 16,16 --lr-schedule step --lr-step-every 0.25 --lr-step-factor 0.5 --lr-ramp 0.1 --lr-floor 0.05 \
        --label-smoothing 0.1 --input-dropout 0.1 --hidden-dropout 0.5 --output-scale 0.25
    run 0 eval m.ist --data "$data"
    grep -q 'logits times 0.25' out || fail "the scale of the logits is not told: $(cat out)"
    [ "$("$ist" eval m.ist --data "$data" --json | jq .output_scale)" = 0.25 ] || fail "output_scale is not in the JSON"
    run 0 "${common[@]}" --hidden 16,16 --activation gelu --hidden-dropout 0.2 --log log.jsonl
    run 0 eval m.ist --data "$data"
    grep -q ', GELU, ' out || fail "the activation is not told: $(cat out)"
    [ "$("$ist" eval m.ist --data "$data" --json | jq -r .activation)" = gelu ] || fail "activation is not in the JSON"
    [ "$(head -1 log.jsonl | jq -r .options.activation)" = gelu ] || fail "activation is not in the log"
}

# CASE predict: shapes and types of the .npy, rows that sum to one, and an argmax that agrees with ist eval
case_predict() {
    need jq
    pick_data
    run 0 train --train "$data" --hidden 32 --local-steps 5 --epochs 2 --model m.ist --quiet
    run 0 eval m.ist --data "$data" --json
    local correct
    correct=$(jq .correct out)
    run 0 predict m.ist --data "$x" --out p.npy
    head -c 128 p.npy | grep -aq "'descr': '<f4'.*'shape': ($rows, $classes)" || fail "header of p.npy: $(head -c 128 p.npy)"
    [ "$(wc -c <p.npy)" = $((128 + 4 * rows * classes)) ] || fail "size of p.npy"
    od -An -v -t f4 -j 128 -w$((4 * classes)) p.npy | awk '{ best = 1; sum = 0; for (i = 1; i <= NF; i++) { sum += $i
        if ($i > $best) best = i } if (sum < 0.9999 || sum > 1.0001) exit 1; print best - 1 }' >argmax || fail "rows of p.npy"
    [ "$(paste argmax labels | awk '$1 == $2' | wc -l)" = "$correct" ] || fail "argmax and eval's $correct disagree"
    run 0 predict m.ist --data "$x" --out k.npy --top-k 3 --batch 11
    head -c 128 k.npy | grep -aq "'descr': '<i4'.*'shape': ($rows, 3)" || fail "header of k.npy"
    od -An -v -t d4 -j 128 -w12 k.npy | awk '{ if ($1 == $2 || $2 == $3 || $1 == $3) exit 1; print $1 }' >top ||
        fail "classes of k.npy repeat"
    cmp -s argmax top || fail "the first of --top-k is not the argmax"
    wrong 'top-k: the model has' predict m.ist --data "$x" --out k.npy --top-k 99
    run 1 predict m.ist --data "$x" --out /dev/full
    [ "$(find . -name '*.npy.*' | wc -l)" = 0 ] || fail "a temporary file was left behind"
}

# start_and_kill SIGNAL STATUS WORDS..: run ist WORDS --log killed.jsonl, send SIGNAL after the third round
start_and_kill() {
    local signal=$1 want=$2 pid got i
    shift 2
    rm -f killed.jsonl
    "$ist" "$@" --log killed.jsonl >out 2>err &
    pid=$!
    for ((i = 0; i < 3000; i++)); do
        [ "$(grep -c '"event":"round"' killed.jsonl 2>/dev/null)" -ge 3 ] 2>/dev/null && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.01
    done
    kill "-$signal" $pid 2>/dev/null || fail "the run ended too early: $(cat err)"
    wait $pid
    got=$?
    [ "$got" = "$want" ] || fail "exit status $got after SIG$signal instead of $want: $(cat err)"
}

# CASE signal: SIGTERM and SIGINT end the round, write the checkpoint and exit 143 and 130; --resume gives the same bytes
case_signal() {
    need jq
    make_data 1200
    local common=(train --train "$data" --hidden 192,192 --subnets 4 --local-steps 20 --batch 32 --rounds 150)
    run 0 "${common[@]}" --model whole.ist
    start_and_kill TERM 143 "${common[@]}" --model broken.ist --checkpoint c.ist
    [ -s c.ist ] || fail "no checkpoint"
    [ -e broken.ist ] && fail "a model was written although the run did not end"
    grep -q 'stopped by SIGTERM after round' err || fail "nothing was said: $(cat err)"
    jq -es '.[-1] | .event == "end" and .status == 143 and .reason == "signal" and .round < .rounds' killed.jsonl >/dev/null ||
        fail "the end event: $(tail -n 1 killed.jsonl)"
    run 0 eval c.ist --data "$data" --calibrate "${data%%:*}" # a checkpoint is a model, too
    start_and_kill INT 130 "${common[@]}" --model broken.ist --checkpoint c.ist --resume c.ist
    run 0 "${common[@]}" --model broken.ist --checkpoint c.ist --resume c.ist --teams 1 --threads 1
    cmp whole.ist broken.ist || fail "the resumed model differs from the unbroken one"
    wrong 'lr' "${common[@]}" --resume c.ist --lr 0.01
    [ "$(find . -name '*.ist.*' | wc -l)" = 0 ] || fail "a temporary file was left behind"
}

# CASE outputs: outputs that cannot be written are refused before training, and nothing half-written is left
case_outputs() {
    make_data 64
    local option common=(train --train "$data" --hidden 8 --rounds 1000000)
    mkdir folder
    for option in model log checkpoint; do
        wrong "$option: .*No such file" "${common[@]}" --$option none/out
        wrong "$option: folder is a folder" "${common[@]}" --$option folder
    done
    wrong 'out: ' predict m.ist --data x.npy --out none/p.npy
    echo old >m.ist
    wrong 'log' "${common[@]}" --model m.ist --log none/l
    [ "$(cat m.ist)" = old ] || fail "the old file was touched"
    [ "$(ls -A | tr '\n' ' ')" = "err folder labels m.ist out x.npy y.npy " ] || fail "left behind: $(ls -A)"
}

# CASE target: --target-accuracy stops early
case_target() {
    need jq
    pick_data
    run 0 train --train "$data" --valid "$data" --hidden 32 --local-steps 5 --epochs 60 --eval-every 1 --target-accuracy 0.7 \
        --json
    jq -e '.reason == "target" and .round < .rounds and .final.valid.accuracy >= 0.7 and .status == 0' out >/dev/null ||
        fail "$(cat out)"
}

# CASE quiet: --quiet says nothing, and standard output stays free for results
case_quiet() {
    make_data 100
    local common=(train --train "$data" --test "$data" --hidden 8 --rounds 3 --local-steps 2 --batch 8)
    run 0 "${common[@]}" --quiet --model m.ist
    [ -s out ] || [ -s err ] && fail "not quiet: $(cat out err)"
    run 0 "${common[@]}"
    grep -q 'round' out && ! grep -q 'accuracy' out && fail "progress on standard output"
    run 3 train --train none:y.npy --hidden 8 --quiet
    [ "$(wc -l <err)" = 1 ] || fail "an error must be told even so"
    "$ist" eval m.ist --data "$data" >/dev/full 2>err && fail "a full standard output was not noticed"
    [ "$(wc -l <err)" = 1 ] || fail "a full standard output needs one line: $(cat err)"
}

# CASE full_disk: a log that cannot be written is a failed run, told in one line before the work
case_full_disk() {
    [ -w /dev/full ] || skip "there is no /dev/full"
    make_data 100
    run 1 train --train "$data" --hidden 8 --rounds 100000 --log /dev/full --model m.ist
    [ "$(wc -l <err)" = 1 ] && grep -q 'log' err || fail "not one line about the log: $(cat err)"
    [ -e m.ist ] && fail "a model was written"
    return 0
}

# CASE diverged: a loss that is not finite ends the run with 1, names the round, and leaves the old model alone
case_diverged() {
    make_data 200
    echo old >m.ist
    run 1 train --train "$data" --hidden 16,16 --norm none --output-norm none --optimizer sgd --lr 1e6 --local-steps 5 --batch 16 --epochs 50 \
        --model m.ist --log run.jsonl
    grep -Eq 'diverged in round [0-9]+ .*smaller --lr' err || fail "no round or no advice: $(cat err)"
    [ "$(cat m.ist)" = old ] || fail "the old model was overwritten"
    tail -n 1 run.jsonl | grep -q '"reason":"diverged"' || fail "the end event: $(tail -n 1 run.jsonl)"
}

# CASE info: the machine and a plan, for people and as JSON, here and for a machine given as text
case_info() {
    need jq
    run 0 info
    grep -q '^machine ' out && grep -q 'node 0' out || fail "$(cat out)"
    run 0 info --json
    jq -e '.context.plan.teams | length >= 1' out >/dev/null || fail "$(cat out)"
    run 0 info --topology 'numa:4 core:2 pu:1' --hidden 64,64 --features 20 --classes 5 --rows 1000 --subnets 8 \
        --optimizer adam --batch 32 --json
    jq -e '(.context.plan.teams | length == 4) and (.plan.subnets | length == 8) and (.plan.by_node | length == 4)' out \
        >/dev/null || fail "$(cat out)"
    run 0 info --topology 'numa:4 core:2 pu:1' --hidden 64,64
    [ "$(grep -c '^| node .* of .* team' out)" = 4 ] || fail "$(cat out)"
    run 0 info --topology 'numa:2 core:2 pu:1' --team-at core --json
    jq -e '.context.plan.teams | length == 4' out >/dev/null || fail "$(cat out)"
}

# CASE demo: the demo ends in a table in which each net beats the linear model
case_demo() {
    need jq
    run 0 demo --rows 2000 --test-rows 500 --hidden 96 --subnets 2 --local-steps 4 --epochs 6 --json
    jq -e '(.runs | length == 4) and .runs[0].accuracy > 0.2 and .runs[1].accuracy > .runs[0].accuracy and
        .runs[3].accuracy > 0.3 and .runs[3].samples > 2 * .runs[2].samples' out >/dev/null ||
        fail "$(jq -c '[.runs[] | .accuracy]' out)"
    run 0 demo --rows 400 --test-rows 100 --hidden 16 --epochs 1 --quiet
    [ -s err ] && fail "--quiet wrote to standard error"
    grep -q 'accuracy' out && grep -q '^linear' out && grep -q '^IST' out || fail "$(cat out)"
}

# CASE man: the man page lints, and documents exactly the options that each verb has
case_man() {
    need mandoc
    local page=$source_dir/docs/man/ist.1 verb
    [ -r "$page" ] || fail "$page is not there"
    mandoc -Tlint "$page" >lint 2>&1 || true
    [ -s lint ] && fail "$(cat lint)"
    for verb in $verbs; do
        awk -v verb="$verb" '/^\.S[hs] / { here = ($0 == ".Ss ist " verb || $0 == ".Ss Machine options") }
            here && /^\.It Fl -/ { sub("^-", "", $3); print $3 }' "$page" | sort >documented
        options_of_help "$verb" >listed
        diff documented listed >difference || fail "ist $verb, man page (<) and parser (>): $(grep '[<>]' difference)"
    done
}

[ "$#" = 1 ] && declare -F "case_$1" >/dev/null || fail "usage: cli.sh CASE, one of: $(sed -n 's/^# CASE \([a-z_]*\):.*/\1/p' "$0" | tr '\n' ' ')"
"case_$1"
