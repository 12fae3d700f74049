# shellcheck shell=bash disable=SC2154
# paper_grid.sh - what paper.sh runs.  Options hold no commas: they stand in a table with commas between columns.
#
# Every method gets four trials.  They differ in what matters most to it; all else is as docs/defaults.md found it.  The
# tuning is done with four subnets on the smaller of the two speech nets, and on MNIST; the larger net takes the smaller
# one's choice, with fewer epochs for all methods alike.
#
# ist-full is IST whose last epochs are trained at full width.

experiments() { if [ -n "$quick" ]; then echo quick-2 quick-3; else echo speech-2 speech-3 mnist; fi; }
methods() { echo sgd data-parallel local-sgd ensemble ist ist-full; }
seeds() { if [ -n "$quick" ]; then echo 1 2; else echo 1 2 3 4 5; fi; }
tuned_on() { case $1 in speech-3) echo speech-2 ;; quick-3) echo quick-2 ;; *) echo "$1" ;; esac; }

# epochs EXPERIMENT KIND: whole nets (wide), subnets that are all there is (narrow), subnets before a phase at full width (begin),
# that phase (end).  Epochs count the rows that all subnets together have seen.
epochs() {
    case $1/$2 in
    speech-2/wide) echo 20 ;; speech-2/narrow) echo 60 ;; speech-2/begin) echo 16 ;; speech-2/end) echo 12 ;;
    speech-3/wide) echo 6 ;; speech-3/narrow) echo 40 ;; speech-3/begin) echo 16 ;; speech-3/end) echo 4 ;;
    mnist/wide) echo 10 ;; mnist/narrow) echo 40 ;; mnist/begin) echo 10 ;; mnist/end) echo 6 ;;
    quick-*/wide) echo 8 ;; quick-*/narrow) echo 24 ;; quick-*/begin) echo 8 ;; quick-*/end) echo 5 ;;
    esac
}

# Epochs between evaluations of data parallel's second look (`curves` of paper.sh); nothing: none.
curve_every() { case $1 in speech-2) echo 1 ;; speech-3) echo 0.3 ;; esac; }

# What a method is, without what is tuned: options EXPERIMENT METHOD SUBNETS LOCAL_STEPS
options() {
    local wide narrow begin end
    wide=$(epochs "$1" wide) narrow=$(epochs "$1" narrow) begin=$(epochs "$1" begin) end=$(epochs "$1" end)
    case $2 in
    sgd) echo "--method sgd --epochs $wide" ;;
    data-parallel) echo "--method data-parallel --subnets $3 --epochs $wide" ;;
    local-sgd) echo "--method local-sgd --subnets $3 --local-steps $4 --epochs $wide" ;;
    ensemble) echo "--method ensemble --subnets $3 --data shared --epochs $narrow" ;;
    ist) echo "--subnets $3 --local-steps $4 --epochs $narrow" ;;
    ist-full) echo "--subnets $3 --local-steps $4 --epochs $((begin + end)) --full-width-epochs $end" ;;
    esac
}

# tuned METHOD: the tuned part of its four trials, a line each.
tuned() {
    case $1 in
    ist-full)
        printf '%s\n' '--lr 0.3 --lr-floor 1 --full-width-lr 0.3' '--lr 0.3 --lr-floor 1 --full-width-lr 1' \
            '--lr 0.3 --lr-floor 1 --full-width-lr 3' '--lr 1 --lr-floor 1 --full-width-lr 1'
        ;;
    *) printf '%s\n' '--lr 0.1' '--lr 0.3' '--lr 1' '--lr 3' ;;
    esac
}

# finals EXPERIMENT first|more: lines of METHOD SUBNETS LOCAL_STEPS, four subnets first.
finals() {
    local n
    if [ "$2" = first ]; then
        printf '%s\n' 'sgd 1 50' 'data-parallel 4 50' 'ist 4 50' 'ist-full 4 50' 'ensemble 4 50' 'local-sgd 4 50'
    elif [ -z "$quick" ]; then
        for n in 2 8; do
            printf '%s\n' "ist $n 50" "ist-full $n 50" "data-parallel $n 50" "local-sgd $n 50" "ensemble $n 50"
        done
        printf '%s\n' 'ist 4 10' 'ist 4 200'
        # Not the most expensive ones: the two other experiments answer the question.
        [ "$1" = speech-3 ] || printf '%s\n' 'local-sgd 4 10' 'local-sgd 4 200'
    fi
}

# Lines of further runs, as `runs` prints them: what IST may be given beside the learning rate, one at a time, seed 1, four
# subnets, twenty epochs: so at a quarter of the work of one net.
explorations() {
    local plain='--subnets 4 --epochs 20' one
    [ -z "$quick" ] || return 0
    while IFS= read -r one; do
        printf 'speech-2,explore,ist,4,1,%s%s\n' "$plain" "${one:+ $one}"
    done <<'END'

--lr 0.1
--lr 1
--lr-schedule constant
--lr-floor 0.1
--lr-schedule step --lr-step-every 0.34 --lr-step-factor 0.3
--lr-ramp 0.1
--local-steps 10
--local-steps 25
--local-steps 100
--local-steps 200
--local-steps 10 --local-steps-last 100
--local-steps 100 --local-steps-last 10
--batch 32
--batch 64
--batch 32 --lr 0.1
--data shared
--state reset
--optimizer sgd --lr 1
--optimizer nesterov
--optimizer adam --lr 0.003
--weight-decay 0.0001
--weight-decay 0.001
--label-smoothing 0.05
--label-smoothing 0.1
--input-dropout 0.1
--input-dropout 0.2
--hidden-dropout 0.1
--hidden-dropout 0.2
--output-scale 0.5
--output-scale 2
--output-scale 4
--output-norm none --lr 0.03
--repartition-fraction 0.25
--repartition-fraction 0.5
--outer-momentum 0.3
--outer-momentum 0.6 --outer-lr 0.7
--outer-lr 0.7
--average-from 0.5 --lr-floor 0.3
--average-from 0.5 --lr-schedule constant
--average-from 0.2 --average-decay 0.7 --lr-schedule constant
--warmup-epochs 1
--warmup-epochs 2
--full-width-epochs 1
--full-width-epochs 2
--full-width-epochs 4
--full-width-epochs 4 --lr-floor 1
--full-width-epochs 4 --lr-floor 1 --label-smoothing 0.1 --input-dropout 0.1
END
}

# rate_runs EXPERIMENT: lines of NAME OPTIONS, a second or more of training each.
rate_runs() {
    local n
    echo "sgd --method sgd --rounds 1 --local-steps $(rate_steps "$1")"
    for n in 2 4 8; do
        echo "data-parallel-$n --method data-parallel --subnets $n --rounds 1 --local-steps $(($(rate_steps "$1") / 2))"
        echo "ist-$n-50 --subnets $n --rounds 2"
        echo "ensemble-$n --method ensemble --subnets $n --rounds 2"
        echo "local-sgd-$n-50 --method local-sgd --subnets $n --rounds 1"
    done
    if [ -n "$quick" ]; then return; fi
    echo "ist-4-10 --subnets 4 --rounds 10 --local-steps 10"
    echo "ist-4-200 --subnets 4 --rounds 1 --local-steps 200"
    echo "local-sgd-4-10 --method local-sgd --subnets 4 --rounds 2 --local-steps 10"
}
rate_steps() { case $1 in speech-3) echo 8 ;; *) echo 60 ;; esac; }
