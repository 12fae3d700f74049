#!/usr/bin/env python3
"""paper_report.py RESULTS LEFT [--quick] - tables and pictures from paper.csv, paper-rates.csv and paper-predicted.csv in the folder RESULTS.

LEFT is how many runs of the grid are missing.  Writes RESULTS/../results.md and the pictures beside the tables; with --quick
prints the tables alone.  Called by paper.sh.  Standard library only; gnuplot draws.
"""

import collections
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys

METHODS = ["sgd", "data-parallel", "local-sgd", "ensemble", "ist", "ist-full"]
TARGETS = [0.95, 0.98, 1.0]  # of data parallel's accuracy at its end
ROWS = {"speech": 7200, "quick": 7200, "mnist": 50000}
SEEDS = {"speech": 5, "quick": 2, "mnist": 5}
SUBNETS = ["ist", "ist-full"]  # methods that train one net in subnets


def option(options, name, default):
    words = options.split()
    return words[words.index("--" + name) + 1] if "--" + name in words else default


def rows_of(experiment):
    return ROWS[experiment.split("-")[0]]


def seeds_of(experiment):
    return SEEDS[experiment.split("-")[0]]


class Run:
    """One training: its options and its evaluations, in order."""

    def __init__(self, row):
        self.experiment, self.stage, self.method = row["experiment"], row["stage"], row["method"]
        self.subnets, self.seed, self.options = int(row["subnets"]), int(row["seed"]), row["options"]
        self.points = []
        self.fine = self.points  # the same run evaluated more often, where there is one

    def add(self, row):
        self.points.append({k: float(row[k]) for k in ("epoch", "samples", "flops", "bytes_moved", "valid", "test")})

    @property
    def steps(self):
        return int(option(self.options, "local-steps", "50"))

    @property
    def end(self):
        return self.points[-1]


def read_runs(path):
    runs = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            key = row["experiment"], row["options"], row["seed"]
            runs.setdefault(key, Run(row)).add(row)
    for run in runs.values():
        run.points.sort(key=lambda p: p["samples"])
    for curve in [run for run in runs.values() if run.stage == "curve"]:
        options = curve.options.split(" --local-steps ")[0]
        run = runs.get((curve.experiment, options, str(curve.seed)))
        if not run:
            continue
        if (run.end["valid"], run.end["test"]) != (curve.end["valid"], curve.end["test"]):
            sys.exit(f"paper_report.py: not the same run: {curve.experiment} seed {curve.seed} {options}, and {curve.options}")
        # Shorter rounds copy more; what is told is the traffic of the run as it is.
        run.fine = [dict(p, bytes_moved=run.end["bytes_moved"] * p["samples"] / run.end["samples"]) for p in curve.points]
    return list(runs.values())


def read_rates(path):
    """{(experiment, name): (median seconds a sample, quartiles of its ratio to sgd in the same turn)}"""
    turns = collections.defaultdict(dict)
    if os.path.exists(path):
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                turns[row["experiment"], row["turn"]][row["name"]] = float(row["seconds_per_sample"])
    ratios, base = collections.defaultdict(list), collections.defaultdict(list)
    for (experiment, _), names in turns.items():
        if "sgd" not in names:
            continue
        base[experiment].append(names["sgd"])
        for name, seconds in names.items():
            ratios[experiment, name].append(seconds / names["sgd"])
    rates = {}
    for (experiment, name), found in ratios.items():
        found.sort()
        quarter = len(found) // 4
        rates[experiment, name] = (
            statistics.median(found) * statistics.median(base[experiment]),
            statistics.median(found), found[quarter], found[-1 - quarter])
    return rates


def rate_name(run):
    if run.method == "sgd":
        return "sgd"
    if run.method in ("data-parallel", "ensemble"):
        return f"{run.method}-{run.subnets}"
    return f"{'ist' if run.method == 'ist-full' else run.method}-{run.subnets}-{run.steps}"


def seconds_at(run, rates, samples):
    """Training time until so many samples: samples of each phase times the measured time of a sample in it; None: not measured."""
    narrow, wide = rates.get((run.experiment, rate_name(run))), rates.get((run.experiment, "sgd"))
    if not narrow or not wide:
        return None
    parts = split_samples(run, samples)
    return parts[0] * narrow[0] + parts[1] * wide[0]


def split_samples(run, samples):
    """Of so many samples from the start: those of rounds as the method has them, those of phases at full width."""
    rows = rows_of(run.experiment)
    total = float(option(run.options, "epochs", "0")) * rows
    before = float(option(run.options, "warmup-epochs", "0")) * rows
    behind = float(option(run.options, "full-width-epochs", "0")) * rows
    # The last batch may go beyond the last epoch: no phase.
    at_full_width = min(samples, before) + (max(0, samples - total + behind) if behind else 0)
    return samples - at_full_width, at_full_width


def bracket(run, target):
    """The evaluation before the test accuracy first reaches the target, and the one at which it has; None: never."""
    last = {"samples": 0, "flops": 0, "bytes_moved": 0, "test": 0}
    for point in run.fine:
        if point["test"] >= target:
            return last, point
        last = point
    return None


def crossing(run, target):
    """Where the test accuracy first reaches the target, on straight lines between evaluations; None: never."""
    found = bracket(run, target)
    if not found:
        return None
    last, point = found
    part = (target - last["test"]) / (point["test"] - last["test"]) if point["test"] > last["test"] else 1
    return {k: last[k] + part * (point[k] - last[k]) for k in ("samples", "flops", "bytes_moved")}


def spread(values, digits):
    """mean and standard deviation"""
    values = [v for v in values if v is not None]
    if not values:
        return "-"
    text = f"{statistics.fmean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):.{digits}f}"
    return text.replace("0.", ".") if digits == 4 else text


def seeds(same):
    """How many seeds these runs are, with how many there will be."""
    wanted = seeds_of(same[0].experiment)
    return str(len(same)) if len(same) == wanted else f"**{len(same)} of {wanted}**"


def configurations(runs, experiment):
    """Final runs of an experiment, (method, subnets, steps, options) and its runs by seed, in the order of tables.  The
    trial that was chosen is its first seed."""
    found = collections.defaultdict(list)
    chosen = {run.options for run in runs if run.experiment == experiment and run.stage == "final"}
    for run in runs:
        if run.experiment == experiment and run.options in chosen:
            found[METHODS.index(run.method), run.subnets, run.steps, run.options].append(run)
    for key in sorted(found):
        yield key, sorted(found[key], key=lambda r: r.seed)


def final_table(runs, experiment, rates, out):
    if not any(configurations(runs, experiment)):
        return
    out.append("| method | n | J | seeds | valid | test | epochs | TFLOP | GB exchanged | seconds, predicted from rates | options |")
    out.append("|---|---|---|---|---|---|---|---|---|---|---|")
    for (method, subnets, steps, options), same in configurations(runs, experiment):
        seconds = [seconds_at(r, rates, r.end["samples"]) for r in same]
        shown = steps if METHODS[method] in ("ist", "ist-full", "local-sgd") else "-"
        tuned = options[options.index("--lr"):] if "--lr" in options else options
        out.append(
            f"| {METHODS[method]} | {subnets} | {shown} | {seeds(same)} | {spread([r.end['valid'] for r in same], 4)} | "
            f"{spread([r.end['test'] for r in same], 4)} | {same[0].end['epoch']:.0f} | {same[0].end['flops'] / 1e12:.2f} | "
            f"{same[0].end['bytes_moved'] / 1e9:.1f} | {spread(seconds, 0)} | `{tuned}` |")
    out.append("")


def best_final(runs, experiment, method):
    """Mean test accuracy of the configuration of a method that is best on the validation split; None: no such run."""
    best = None
    for key, same in configurations(runs, experiment):
        if METHODS[key[0]] == method:
            valid = statistics.fmean(r.end["valid"] for r in same)
            if best is None or valid > best[0]:
                best = valid, statistics.fmean(r.end["test"] for r in same)
    return best[1] if best else None


def target_table(runs, experiment, rates, out):
    parallel = best_final(runs, experiment, "data-parallel")
    if parallel is None:
        return
    out.append(f"To reach a share of data parallel's own best test accuracy ({parallel:.4f}): means over the seeds that reach it.")
    out.append("")
    out.append("| method | n | J | " + " | ".join(f"{t:.0%}: seeds, epochs, TFLOP, GB, seconds" for t in TARGETS) + " |")
    out.append("|---|---|---|" + "---|" * len(TARGETS))
    for (method, subnets, steps, _), same in configurations(runs, experiment):
        cells = []
        for target in TARGETS:
            found = [(r, crossing(r, target * parallel)) for r in same]
            found = [(r, c) for r, c in found if c]
            if not found:
                cells.append("never")
                continue
            rows = rows_of(experiment)
            mean = lambda key: statistics.fmean(c[key] for _, c in found)
            seconds = spread([seconds_at(r, rates, c["samples"]) for r, c in found], 0)
            cells.append(f"{len(found)} of {len(same)}, {mean('samples') / rows:.1f}, {mean('flops') / 1e12:.2f}, {mean('bytes_moved') / 1e9:.1f}, {seconds}")
        shown = steps if METHODS[method] in ("ist", "ist-full", "local-sgd") else "-"
        out.append(f"| {METHODS[method]} | {subnets} | {shown} | " + " | ".join(cells) + " |")
    out.append("")


def trial_table(runs, experiment, stage, out):
    found = sorted((METHODS.index(r.method), r.options, r) for r in runs if r.experiment == experiment and r.stage == stage)
    if not found:
        return
    out.append("| method | options | valid | test | TFLOP |")
    out.append("|---|---|---|---|---|")
    for _, options, run in found:
        out.append(f"| {run.method} | `{options}` | {spread([run.end['valid']], 4)} | {spread([run.end['test']], 4)} | {run.end['flops'] / 1e12:.2f} |")
    out.append("")


def explore_table(runs, experiment, out):
    """What IST was given beside the defaults, one seed each, the best on the validation split first."""
    found = [r for r in runs if r.experiment == experiment and r.stage == "explore"]
    if not found:
        return
    plain = min(found, key=lambda r: len(r.options))
    found.sort(key=lambda r: (-r.end["valid"], r.options))
    cheap = [r for r in found if r.end["flops"] < 1.02 * plain.end["flops"]]
    added = lambda run: run.options[len(plain.options):].strip() or "nothing"
    figures = lambda run: f"`{added(run)}`, valid {spread([run.end['valid']], 4)}, test {spread([run.end['test']], 4)}, {run.end['flops'] / 1e12:.2f} TFLOP"
    out.append(f"Settings of IST, seed 1: {len(found)} configurations, each `{plain.options}` and what the first column adds. Best on the validation split: {figures(found[0])}. "
               f"Best of those that take no more work than the plain one: {figures(cheap[0])}.")
    same = [v for key, v in configurations(runs, experiment) if METHODS[key[0]] == "ist" and key[1:3] == (4, 50) and len(v) > 2]
    if same:
        noise = spread([statistics.stdev(r.end["valid"] for r in same[0])], 4)
        out[-1] += f" The seeds of `ist`, n = 4 have a standard deviation of {noise} (valid): differences of that size say nothing, and the best of so many is flattered."
    out += ["", "| added | valid | test | valid, to the plain one | TFLOP |", "|---|---|---|---|---|"]
    for run in found:
        out.append(f"| `{added(run)}` | {spread([run.end['valid']], 4)} | {spread([run.end['test']], 4)} | "
                   f"{run.end['valid'] - plain.end['valid']:+.4f} | {run.end['flops'] / 1e12:.2f} |")
    out.append("")


def costs(rates):
    """How much a run took until a point: (name, digits, function of both); seconds where rates are known."""
    yield "TFLOP", 2, lambda run, point: point["flops"] / 1e12
    yield "seconds", 0, lambda run, point: seconds_at(run, rates, point["samples"])


def mean_cost(cost, pairs):
    values = [cost(run, point) for run, point in pairs]
    return None if None in values else statistics.fmean(values)


def times_sooner(cost, mine, others, target):
    """How many times the cost of `mine` until the target the others take: (least, most), as evaluations stand around it; None: not known."""
    ours, theirs = [(r, bracket(r, target)) for r in mine], [(r, bracket(r, target)) for r in others]
    if not all(b for _, b in ours + theirs):
        return None
    values = [mean_cost(cost, [(r, b[i]) for r, b in side]) for side in (theirs, ours) for i in (0, 1)]
    if None in values:
        return None
    return values[0] / values[3], values[1] / values[2] if values[2] else float("inf")


def times(between):
    """A pair of `times_sooner` in words."""
    least, most = between
    if not least and most == float("inf"):
        return "unknown"
    if most == float("inf"):
        return f"at least {least:.2f}"
    return f"{least:.2f} to {most:.2f}" if least else f"at most {most:.2f}"


def verdict(holds, same):
    """In bold; of what is known when seeds are missing."""
    word = {True: "reached", False: "not reached", None: "open"}[holds]
    return f"**{word}**" if all(len(s) == seeds_of(s[0].experiment) for s in same) else f"**{word} so far** (seeds are missing)"


def chosen_subnets(found):
    """Of methods that train one net in subnets the one that is best on the validation split."""
    return max((k for k in found if k[0] in SUBNETS), key=lambda k: statistics.fmean(r.end["valid"] for r in found[k]), default=None)


def name_of(key):
    return f"`{key[0]}`, J = {key[1]}" if key[0] in SUBNETS else f"`{key[0]}`"


def of_four(runs, experiment):
    """{(method, J): runs} of one net, and of four subnets or replicas."""
    return {(METHODS[method], steps): same for (method, subnets, steps, _), same in configurations(runs, experiment) if subnets in (1, 4)}


def speech_criteria(runs, experiment, rates, out):
    found = of_four(runs, experiment)
    key, one, parallel = chosen_subnets(found), found.get(("sgd", 50)), found.get(("data-parallel", 50))
    if not (key and one and parallel):
        out += ["**Open**: " + ", ".join(name for name, there in (("one net", one), ("data parallel", parallel), ("four subnets", key)) if not there) + " has not run.", ""]
        return
    net = statistics.fmean(r.end["test"] for r in one)
    tops = [(r, max(r.fine, key=lambda p: p["test"])) for r in parallel]
    target = TARGETS[0] * statistics.fmean(r.end["test"] for r in parallel)
    text = f"One net ({seeds(one)} seeds): test {spread([r.end['test'] for r in one], 4)}. Data parallel, n = 4 ({seeds(parallel)} seeds): {spread([r.end['test'] for r in parallel], 4)} at the end; " \
           f"the best evaluation of a run {spread([p['test'] for _, p in tops], 4)}"
    for unit, digits, cost in costs(rates):
        text += f", after {spread([cost(r, p) for r, p in tops], digits)} {unit} of {spread([cost(r, r.end) for r in parallel], digits)}"
    for n in (2, 8):
        more = [v for key, v in configurations(runs, experiment) if METHODS[key[0]] == "data-parallel" and key[1] == n]
        text += f". With n = {n} it ends at {spread([r.end['test'] for r in more[0]], 4)} ({seeds(more[0])} seeds)" if more else ""
    out += [text + ".", "", "| one net, or four subnets | seeds | valid | test | behind one net | TFLOP, seconds of the whole run | over data parallel's until its best | "
            "to 95 % of data parallel's end: times sooner than it, by TFLOP, by seconds |", "|---|---|---|---|---|---|---|---|"]
    ratios = {}
    for k, same in found.items():
        if k[0] not in SUBNETS + ["sgd", "ensemble"]:
            continue
        behind = net - statistics.fmean(r.end["test"] for r in same)
        whole, over, sooner = [], [], []
        for unit, digits, cost in costs(rates):
            mine, theirs = mean_cost(cost, [(r, r.end) for r in same]), mean_cost(cost, tops)
            over.append(mine / theirs if mine and theirs else None)
            whole.append(spread([mine], digits))
            sooner.append(times_sooner(cost, same, parallel, target))
        ratios[k] = behind, over, sooner
        shown = ["-" if s is None else times(s) for s in sooner]
        reached = sum(1 for r in same if bracket(r, target))
        shown = f"{', '.join(shown)}" if reached == len(same) else f"{reached} of {len(same)} seeds reach it"
        out.append(f"| {name_of(k)} | {seeds(same)} | {spread([r.end['valid'] for r in same], 4)} | {spread([r.end['test'] for r in same], 4)} | {behind:+.4f} | "
                   f"{', '.join(whole)} | {', '.join(spread([o], 2) for o in over)} | {shown} |")
    behind, over, sooner = ratios[key]
    known = [found[key], one, parallel]
    out += ["", f"Of the methods that train one net in subnets {name_of(key)} is the best on the validation split. For it:", "",
            f"- within .005 of one net's test accuracy: {verdict(behind <= .005, known)}, {behind:+.4f} behind it;",
            f"- in no more time than data parallel takes to its own best: {verdict(None if over[1] is None else over[1] <= 1, known)}, "
            + (f"{over[1]:.2f} of its seconds, " if over[1] else "seconds are not measured yet; ") + f"{over[0]:.2f} of its work;"]
    least, most = sooner[1] or (None, None)
    holds = None
    if any(not bracket(r, target) for r in found[key]): holds = False
    elif least is not None: holds = True if least >= 1.5 else False if most < 1.5 else None
    word = verdict(holds, known)
    text = [f"{times(s)} times by {unit}" for s, unit in zip(sooner, ("work", "seconds")) if s]
    if sooner[1] is None:
        text.append("seconds are not measured yet")
    asked = "" if experiment == "speech-3" else " (asked of speech-3 alone)"
    out += [f"- at 95 % of data parallel's accuracy at its end at least 1.5 times sooner{asked}: {word}, " + ", ".join(text)
            + ". From and to: evaluations stand on both sides of the target, and which of them is nearer is not known.", ""]


def mnist_criteria(runs, experiment, out):
    found = of_four(runs, experiment)
    key, one = chosen_subnets(found), found.get(("sgd", 50))
    if not (key and one):
        out += ["**Open**: runs are missing.", ""]
        return
    net = statistics.fmean(r.end["test"] for r in one)
    out += [f"One net ({seeds(one)} seeds): test {spread([r.end['test'] for r in one], 4)}.", "",
            "| four subnets | seeds | valid | test | at least .98 | behind one net | at most .002 |", "|---|---|---|---|---|---|---|"]
    for k, same in found.items():
        if k[0] in SUBNETS:
            test = statistics.fmean(r.end["test"] for r in same)
            out.append(f"| {name_of(k)} | {seeds(same)} | {spread([r.end['valid'] for r in same], 4)} | {spread([r.end['test'] for r in same], 4)} | "
                       f"{verdict(test >= .98, [same])} | {net - test:+.4f} | {verdict(net - test <= .002, [same, one])} |")
    out += ["", f"Of these {name_of(key)} is the best on the validation split.", ""]


def criteria(runs, experiments, rates, out):
    """What the experiments were to show, and whether they do."""
    out += ["## What was asked", "",
            "Of the two speech nets with four subnets: the best subnet method within .005 of one net's test accuracy, in no more time than data parallel takes to its own best, and for speech-3 at 95 % of "
            "data parallel's accuracy in at most 1/1.5 of its time; data parallel with four replicas. Of MNIST with four subnets: at least .98, and at most .002 behind one net. Figures are means over seeds ± standard deviation. Each answer is "
            "computed from the tables below; one that lacks runs or rates says so.", ""]
    for experiment in experiments:
        out += [f"### {experiment}", ""]
        if experiment == "mnist":
            mnist_criteria(runs, experiment, out)
        else:
            speech_criteria(runs, experiment, rates, out)


def rate_table(rates, experiment, out):
    found = [(name, rate) for (e, name), rate in sorted(rates.items()) if e == experiment]
    if not found:
        return
    out.append("| rate | samples/s | time a sample, one net on all cores = 1: median, quartiles |")
    out.append("|---|---|---|")
    for name, (seconds, ratio, low, high) in found:
        out.append(f"| {name} | {1 / seconds:.0f} | {ratio:.3f} [{low:.3f}-{high:.3f}] |")
    out.append("")


def read_predicted(folder, experiment):
    """{(sockets, method): row of paper-predicted.csv}"""
    path = os.path.join(folder, "paper-predicted.csv")
    if not os.path.exists(path):
        return {}
    with open(path, newline="") as file:
        return {(int(row["sockets"]), row["method"]): row for row in csv.DictReader(file) if row["experiment"] == experiment}


def measured_share(row):
    """Of predicted seconds those that rates give which were measured; of all else bandwidths or barriers are assumed."""
    return sum(float(row[cause]) for cause in ("products_s", "vectors_s", "copies_s")) / float(row["round_s"])


def predicted_seconds(run, samples, rounds, whole):
    """(least, most, measured part of most) for so many samples; `rounds` and `whole` are rows of paper-predicted.csv.

    Phases at full width have their weights on all nodes, which the model does not know: between a step without any traffic between
    nodes, and one of sgd, whose weights lie on one of them."""
    narrow, wide = split_samples(run, samples)
    narrow, wide = narrow / float(rounds["samples_per_s"]), wide / float(whole["samples_per_s"])
    least = narrow + wide * (1 - float(whole["link_s"]) / float(whole["round_s"]))
    return least, narrow + wide, narrow * measured_share(rounds) + wide * measured_share(whole)


def predicted_run(name, same, speed, sockets, target):
    """Cells of a configuration: until its runs reach the target, and until their end."""
    rounds, whole = speed[sockets, name.replace("-full", "")], speed[sockets, "sgd"]
    cells = []
    reached = [(r, crossing(r, target)) for r in same]
    for ends in ([(r, c) for r, c in reached if c], [(r, r.end) for r in same]):
        if not ends:
            cells += ["never", ""]
            continue
        least, most, measured = (statistics.fmean(v) for v in zip(*(predicted_seconds(r, c["samples"], rounds, whole) for r, c in ends)))
        text = f"{most:.2f}" if most - least < .005 else f"{least:.2f} to {most:.2f}"
        cells += [f"{len(ends)} of {len(same)}: {text}", f"{measured / most:.0%}"]
    return cells


def predicted_table(runs, experiment, folder, out):
    """Seconds on larger machines: of an epoch, to the same accuracy, of whole runs; measured samples over predicted samples a second."""
    speed, rows = read_predicted(folder, experiment), rows_of(experiment)
    if not speed:
        return
    assumed = sorted({row["assumed"] for row in speed.values()})
    out += ["**Predicted**, not measured: seconds on sockets of 32 cores each, one subnet or replica a socket, by the cost model ([predict.md](predict.md)). `measured` is the share of these seconds "
            "that comes from measured rates of this machine's cores: products, norms, batches, copies. The rest is what bandwidths (of a node's memory, between nodes) and barriers add, and counts as "
            f"assumed; of the rates not measured are: {'; '.join(assumed)}. That a rate of two cores holds for 32 is assumed for all of it.", "",
            f"| an epoch, {rows:,} rows | " + " | ".join(f"{k} socket{'s'[:k - 1]}: s, measured, bound by" for k in (1, 2, 4, 8)) + " |", "|---|---|---|---|---|"]
    for name in METHODS:
        cells = [speed.get((sockets, name)) for sockets in (1, 2, 4, 8)]
        if any(cells):
            cells = [f"{rows / float(c['samples_per_s']):.3f}, {measured_share(c):.0%}, {c['bound_by']}" if c else "-" for c in cells]
            out.append(f"| {name} | {' | '.join(cells)} |")
    out.append("")
    parallel = best_final(runs, experiment, "data-parallel")
    if parallel is None:
        return
    lines = []
    for sockets in (1, 2, 4, 8):
        for (method, subnets, steps, _), same in configurations(runs, experiment):
            if steps == 50 and subnets in (1, sockets):
                cells = predicted_run(METHODS[method], same, speed, sockets, TARGETS[0] * parallel)
                lines.append(f"| {sockets} | {METHODS[method]} | {seeds(same)} | {' | '.join(cells)} | {spread([r.end['test'] for r in same], 4)} |")
    out += [f"To {TARGETS[0]:.0%} of data parallel's best ({parallel:.4f}), and whole runs: these samples, which are exact, over the predicted samples a second. Two numbers: phases at full width without any "
            "traffic between nodes, and with that of `sgd`, whose weights lie on one node; the share is that of the larger.", "",
            "| sockets = n | method | seeds | s to 95%: seeds that reach it | measured | s of the whole run | measured | its test accuracy |", "|---|---|---|---|---|---|---|---|", *lines, ""]


def draw(runs, experiment, rates, folder):
    """Accuracy against time, work and traffic: one picture each, a curve a method, mean over seeds."""
    if not shutil.which("gnuplot"):
        print("paper_report.py: gnuplot is missing, no pictures: tools/install-packages.sh perf", file=sys.stderr)
        return []
    curves = {}
    for (method, subnets, steps, _), same in configurations(runs, experiment):
        if subnets not in (1, 4) or steps != 50:
            continue
        points = []
        for i in range(min(len(r.points) for r in same)):
            at = [r.points[i] for r in same]
            seconds = seconds_at(same[0], rates, at[0]["samples"])
            points.append((seconds, at[0]["flops"] / 1e12, at[0]["bytes_moved"] / 1e9, statistics.fmean(p["test"] for p in at)))
        curves[METHODS[method] + (f", {subnets}" if subnets > 1 else "")] = points
    pictures = []
    axes = [("time", 1, "seconds of training, from measured rates"), ("flops", 2, "TFLOP of products"),
            ("bytes", 3, "GB exchanged with the master or between replicas")]
    for word, column, label in axes:
        if not curves or any(p[column - 1] is None for c in curves.values() for p in c):
            continue
        name = f"{experiment}-{word}.svg"
        data = "".join(f"$curve{i} << end\n" + "\n".join(" ".join(f"{v if v is not None else 0:.6g}" for v in p) for p in c) + "\nend\n"
                       for i, c in enumerate(curves.values()))
        plots = ", ".join(f"$curve{i} using {column}:4 with linespoints lw 1.6 ps 0.5 title '{title}'" for i, title in enumerate(curves))
        script = (f"{data}set terminal svg size 820,480 font 'Helvetica,13' background '#ffffff'\nset output '{folder}/{name}'\n"
                  f"set xlabel '{label}'\nset ylabel 'test accuracy, mean over seeds'\nset grid lc rgb '#dddddd'\n"
                  f"set key bottom right\nset title '{experiment}'\nset border 3\nset tics nomirror\nplot {plots}\n")
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
        pictures.append(name)
    return pictures


def machine_of(folder):
    """The machine that the rates were measured on, in its own words."""
    path = os.path.join(folder, "paper-rates.json")
    if not os.path.exists(path):
        return None
    with open(path) as file:
        return json.load(file).get("on")


def notice(left, rates, predicted, out):
    if left:
        out += [f"**Not finished**: {left} runs of the grid are missing. A number of seeds in bold says so of a line.", ""]
    if not rates:
        out += ["**No seconds yet**: `perf/paper.sh --rates` has not run. Until then columns of seconds have a dash.", ""]
    if not predicted:
        out += ["**No prediction yet** for 2, 4 and 8 sockets: `perf/paper.sh --rates` makes it too, in a table of each experiment, with the share of its seconds that rests on measured rates.", ""]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.splitlines()[0])
    folder, left, quick = sys.argv[1], int(sys.argv[2]), "--quick" in sys.argv[3:]
    runs = read_runs(os.path.join(folder, "paper.csv"))
    rates = read_rates(os.path.join(folder, "paper-rates.csv"))
    experiments = sorted({r.experiment for r in runs})
    out = []
    notice(left, rates, os.path.exists(os.path.join(folder, "paper-predicted.csv")), out)
    if machine_of(folder):
        out += [f"Rates were measured on: {machine_of(folder)}.", ""]
    if not quick:
        criteria(runs, experiments, rates, out)
    for experiment in experiments:
        out += [f"## {experiment}", ""]
        final_table(runs, experiment, rates, out)
        target_table(runs, experiment, rates, out)
        predicted_table(runs, experiment, folder, out)
        for picture in [] if quick else draw(runs, experiment, rates, folder):
            out += [f"![{picture}](results/{picture})", ""]
        rate_table(rates, experiment, out)
        if any(r.stage == "tune" and r.experiment == experiment for r in runs):
            out += ["Trials, seed 1:", ""]
            trial_table(runs, experiment, "tune", out)
        explore_table(runs, experiment, out)
    text = "\n".join(out)
    if quick:
        print(text)
        return
    page = os.path.join(os.path.dirname(os.path.abspath(folder)), "results.md")
    mark = "<!-- from here on written by perf/paper.sh --report -->"
    with open(page) as file:
        kept = file.read().split(mark)[0]
    with open(page, "w") as file:
        file.write(kept + mark + "\n\n" + text + "\n")


main()
