#!/usr/bin/env python3
"""paper_report.py RESULTS [--quick] - tables and pictures from paper.csv and paper-rates.csv, both in the folder RESULTS.

Writes RESULTS/../results.md and the pictures beside the tables; with --quick prints the tables alone.
Called by paper.sh.  Standard library only; gnuplot draws.
"""

import collections
import csv
import math
import os
import shutil
import statistics
import subprocess
import sys

METHODS = ["sgd", "data-parallel", "local-sgd", "ensemble", "ist", "ist-full"]
TARGETS = [0.95, 0.98, 1.0]  # of data parallel's accuracy at its end
ROWS = {"speech": 7200, "quick": 7200, "mnist": 50000}


def option(options, name, default):
    words = options.split()
    return words[words.index("--" + name) + 1] if "--" + name in words else default


class Run:
    """One training: its options and its evaluations, in order."""

    def __init__(self, row):
        self.experiment, self.stage, self.method = row["experiment"], row["stage"], row["method"]
        self.subnets, self.seed, self.options = int(row["subnets"]), int(row["seed"]), row["options"]
        self.points = []

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
    rows = ROWS[run.experiment.split("-")[0]]
    total = float(option(run.options, "epochs", "0")) * rows
    before = float(option(run.options, "warmup-epochs", "0")) * rows
    behind = total - float(option(run.options, "full-width-epochs", "0")) * rows
    at_full_width = min(samples, before) + max(0, samples - behind)
    return samples - at_full_width, at_full_width


def crossing(run, target):
    """Where the test accuracy first reaches the target, on straight lines between evaluations; None: never."""
    last = {"samples": 0, "flops": 0, "bytes_moved": 0, "test": 0}
    for point in run.points:
        if point["test"] >= target:
            part = (target - last["test"]) / (point["test"] - last["test"]) if point["test"] > last["test"] else 1
            return {k: last[k] + part * (point[k] - last[k]) for k in ("samples", "flops", "bytes_moved")}
        last = point
    return None


def spread(values, digits):
    """mean and standard deviation"""
    values = [v for v in values if v is not None]
    if not values:
        return "-"
    text = f"{statistics.fmean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):.{digits}f}"
    return text.replace("0.", ".") if digits == 4 else text


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
            f"| {METHODS[method]} | {subnets} | {shown} | {len(same)} | {spread([r.end['valid'] for r in same], 4)} | "
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
            rows = ROWS[experiment.split("-")[0]]
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


def rate_table(rates, experiment, out):
    found = [(name, rate) for (e, name), rate in sorted(rates.items()) if e == experiment]
    if not found:
        return
    out.append("| rate | samples/s | time a sample, one net on all cores = 1: median, quartiles |")
    out.append("|---|---|---|")
    for name, (seconds, ratio, low, high) in found:
        out.append(f"| {name} | {1 / seconds:.0f} | {ratio:.3f} [{low:.3f}-{high:.3f}] |")
    out.append("")


def predicted_table(runs, experiment, folder, out):
    """Time to the same accuracy on larger machines: measured samples over predicted samples a second."""
    path = os.path.join(folder, "paper-predicted.csv")
    parallel = best_final(runs, experiment, "data-parallel")
    if not os.path.exists(path) or parallel is None:
        return
    speed = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["experiment"] == experiment:
                speed[int(row["sockets"]), row["method"]] = float(row["samples_per_s"])
    lines = []
    for (method, subnets, steps, _), same in configurations(runs, experiment):
        name = METHODS[method]
        found = [(r, crossing(r, TARGETS[0] * parallel)) for r in same]
        found = [(r, c) for r, c in found if c]
        if steps != 50 or not found:
            continue
        cells = []
        for sockets in (2, 4, 8):
            if name != "sgd" and subnets != sockets:
                cells.append("")
                continue
            narrow, wide = speed.get((sockets, name.replace("-full", ""))), speed.get((sockets, "sgd"))
            if not narrow or not wide:
                return
            seconds = []
            for run, at in found:
                parts = split_samples(run, at["samples"])
                seconds.append(parts[0] / narrow + parts[1] / wide)
            cells.append(f"{statistics.fmean(seconds):.2f}")
        lines.append(f"| {name} | {'' if name == 'sgd' else subnets} | " + " | ".join(cells) + " |")
    out += [f"**Predicted**, not measured: seconds to {TARGETS[0]:.0%} of data parallel's best on sockets of 32 cores each, one subnet or replica a socket; "
            "measured samples over the cost model's samples a second ([predict.md](predict.md): rates of this machine's cores; bandwidths and barriers "
            "between sockets are assumed).", "", "| method | n | 2 sockets | 4 sockets | 8 sockets |", "|---|---|---|---|---|", *lines, ""]


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


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.splitlines()[0])
    folder, quick = sys.argv[1], "--quick" in sys.argv[2:]
    runs = read_runs(os.path.join(folder, "paper.csv"))
    rates = read_rates(os.path.join(folder, "paper-rates.csv"))
    out = []
    for experiment in sorted({r.experiment for r in runs}):
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
        if any(r.stage == "explore" and r.experiment == experiment for r in runs):
            out += ["Further settings of IST that were tried, seed 1:", ""]
            trial_table(runs, experiment, "explore", out)
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
