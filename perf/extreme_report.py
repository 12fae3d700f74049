#!/usr/bin/env python3
"""extreme_report.py FOLDER [--quick] - the tables of extreme.sh: into docs/results.md, or printed.

FOLDER has extreme.csv, and extreme-speed.csv and extreme-size.csv where these were measured.
"""
import collections
import csv
import os
import statistics
import sys

BEGIN = "<!-- from here on written by perf/extreme.sh --report -->"
END = "<!-- until here -->"
METHODS = ["sgd", "local-sgd", "ist"]
BATCH, FEATURES, LABELS = 256, 135909, 670091


def read(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def spread(values, digits=4):
    """mean and standard deviation"""
    text = f"{statistics.fmean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):.{digits}f}"
    return text.replace("0.", ".") if digits in (3, 4) else text


def number(text):
    return float(text) if text not in ("", "null") else float("nan")


def last_rows(table):
    """{(set, method, subnets, hidden, options): {seed: evaluations in order}}"""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for row in table:
        key = row["set"], row["method"], int(row["subnets"]), int(row["hidden"]), row["options"]
        found[key][row["seed"]].append(row)
    return found


def epochs_of(options):
    words = options.split()
    return float(words[words.index("--epochs") + 1])


def own_options(options):
    """Those that tell runs of a method apart."""
    words = options.split()
    return " ".join(f"--{name} {words[words.index('--' + name) + 1]}" for name in ("lr",) if "--" + name in words)


def accuracy_tables(table, out):
    runs = last_rows(table)
    for name in sorted({key[0] for key in runs}, reverse=True):
        out += [f"### {name}-xmc", "",
                "| method | n | H | H of a subnet | epochs | steps of a subnet | seeds | P@1 | P@3 | P@5 | TFLOP | seconds | options |",
                "|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
        mine = sorted((METHODS.index(k[1]), k[2], k[3], epochs_of(k[4]), k) for k in runs if k[0] == name)
        for *_, key in mine:
            _, method, subnets, hidden, options = key
            ends = [evaluations[-1] for evaluations in runs[key].values()]
            width = hidden // subnets if method == "ist" else hidden
            precision = [spread([number(e[p]) for e in ends]) for p in ("p1", "p3", "p5")]
            seconds = statistics.fmean(number(e["seconds"]) for e in ends)
            steps = int(ends[0]["samples"]) // (BATCH * subnets)
            out.append(f"| {method} | {subnets} | {hidden} | {width} | {number(ends[0]['epoch']):.0f} | {steps:,} | {len(ends)} | " +
                       " | ".join(precision) + f" | {number(ends[0]['flops']) / 1e12:.2f} | {seconds:.0f} | `{own_options(options)}` |")
        out.append("")
        course_table(runs, name, out)


def course_table(runs, name, out):
    """P@1 on the way, at each tenth of a run: means over seeds."""
    lines = []
    for key in sorted((k for k in runs if k[0] == name), key=lambda k: (METHODS.index(k[1]), k[2], k[3], epochs_of(k[4]))):
        courses = list(runs[key].values())
        count = min(len(c) for c in courses)
        mean = lambda i, field: statistics.fmean(number(c[i][field]) for c in courses)
        cells = [f"{mean(i, 'epoch'):.1f}: {spread([mean(i, 'p1')], 3)}" for i in range(count)] if count > 1 else []
        lines.append([f"{key[1]}, n = {key[2]}, H = {key[3]}", *cells])
    width = max((len(line) for line in lines), default=0)
    if width > 1:
        out += ["On the way, epoch: P@1 (mean over seeds):", "", "| run |" + " |" * (width - 1), "|" + "---|" * width,
                *("| " + " | ".join(line + [""] * (width - len(line))) + " |" for line in lines), ""]


def quartiles(values):
    values = sorted(values)
    quarter = len(values) // 4
    return f"{statistics.median(values):.2f} [{values[quarter]:.2f}-{values[-1 - quarter]:.2f}]"


def speed_table(table, out):
    turns = collections.defaultdict(list)
    for row in table:
        turns[row["set"], row["optimizer"]].append((number(row["ist_per_s"]), number(row["torch_per_s"])))
    if not turns:
        return
    out += ["### Speed beside PyTorch", "",
            "One net, 256 wide, batch 256, two threads each, in turn (`perf/extreme.sh --speed`); PyTorch with Adam of all weights, and of those of features that occur, "
            "which is the same work as ours: medians, and quartiles of the ratio in a turn. PyTorch multiplies with what OpenBLAS finds for the machine, unless OPENBLAS_CORETYPE says otherwise (`OPENBLAS_VERBOSE=2` tells).", "",
            "| set | PyTorch's optimizer | turns | libist, samples/s | PyTorch, samples/s | ratio |", "|---|---|---|---|---|---|"]
    for (name, kind), found in sorted(turns.items(), reverse=True):
        out.append(f"| {name}-xmc | {kind} | {len(found)} | {statistics.median(f[0] for f in found):,.0f} | {statistics.median(f[1] for f in found):,.0f} | "
                   f"{quartiles([f[0] / f[1] for f in found])} |")
    out.append("")


def bounds(row):
    """Seconds a sample that multiply-adds and that memory need at least: the output layer's, which is nearly all.

    Products: forward, dX, dW.  Memory: weights read twice, as the gradient of a softmax needs all logits first; weights and the two
    moments of Adam read and written once, a step each.  Blocks of logits are taken to stay in caches."""
    words = row["options"].split()
    if "--sampled-labels" in words:  # how many labels a step sees depends on its rows
        return None
    subnets = int(words[words.index("--subnets") + 1]) if "--subnets" in words else 1
    weights = int(row["hidden"]) / subnets * LABELS
    return 6 * weights / (number(row["peak_gflops"]) * 1e9), 4 * 7 * weights / BATCH / (number(row["triad_gb_per_s"]) * 1e9)


def size_table(table, out):
    if not table:
        return
    out += ["### The size of Amazon-670k, synthetic rows", "",
            f"{FEATURES:,} x {table[0]['hidden']} x {LABELS:,}, batch {BATCH}, Adam, on rows of `ist generate` (**synthetic**: speed and memory, not accuracy), by "
            "`perf/extreme.sh --size`. The peak is the largest resident memory of the whole process, beside what `ist info` plans. Shares: the time that the output layer's multiply-adds need at "
            "the peak of the moment, and the time that its weights and moments need at the triad of the moment (weights read twice, all read and written once a step), over the time taken.", "",
            "| run | samples/s | planned, GB | peak, GB | peak / planned | of the peak of multiply-adds | of the triad |", "|---|---|---|---|---|---|---|"]
    for row in table:
        rate, plan, peak = number(row["samples_per_s"]), number(row["planned_bytes"]), number(row["peak_bytes"])
        shares = [f"{100 * bound * rate:.0f} %" for bound in bounds(row)] if row["peak_gflops"] and rate == rate and bounds(row) else ["-", "-"]
        show = lambda value, digits=2: "-" if value != value else f"{value:.{digits}f}"
        out.append(f"| {row['name']} `{row['options']}` | {show(rate, 0)} | {show(plan / 1e9)} | {show(peak / 1e9)} | {show(peak / plan)} | " + " | ".join(shares) + " |")
    out.append("")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.splitlines()[0])
    folder = sys.argv[1]
    out = []
    accuracy_tables(read(folder, "extreme.csv"), out)
    speed_table(read(folder, "extreme-speed.csv"), out)
    size_table(read(folder, "extreme-size.csv"), out)
    text = "\n".join(out)
    if "--quick" in sys.argv[2:]:
        print(text)
        return
    page = os.path.join(os.path.dirname(os.path.abspath(folder)), "results.md")
    try:
        with open(page) as file:
            before, rest = file.read().split(BEGIN)
        _, after = rest.split(END)
    except (OSError, ValueError):
        sys.exit(f"extreme_report.py: {page}: no page with the marks of these tables; --quick prints them")
    with open(page, "w") as file:
        file.write(before + BEGIN + "\n\n" + text + "\n" + END + after)


main()
