#!/usr/bin/python3
"""peer_extreme.py TRAIN.isd [OPTION..] - one hidden layer over sparse rows and many labels in PyTorch.

TRAIN.isd            a data file of `ist convert`
--test TEST.isd      evaluate on it after each epoch: a JSON line with P@1, P@3, P@5
--hidden H           neurons (default: 256)
--epochs E           epochs to train (default: 8)
--batch B            rows of a step (default: 256)
--lr F               learning rate (default: 0.001)
--schedule WORD      constant, linear (to 0 at the end, default) or cosine
--dropout F          of hidden neurons (default: 0.3)
--optimizer WORD     adam: all weights in every step (default); sparse-adam: of the first layer only those of features that occur
--init F             standard deviation of the first layer's initial weights (default: 0.05; torch's own is 1)
--log1p              values v become log(1 + v)
--row-length F       then rows are scaled to this Euclidean length; 0: not (default)
--turns SECONDS      say a JSON line about itself; then, for each line on stdin, train so long and answer with a JSON
                     line, {"samples": N, "seconds": S, "peak_rss_bytes": P}
--seed S             (default: 1)

EmbeddingBag (sum, the values its weights), batch norm, ReLU, dropout, a linear layer; softmax with each of a row's labels
having the same share.  Two threads, unless OMP_NUM_THREADS says otherwise.
"""
import argparse
import json
import math
import os
import resource
import sys
import time

import numpy
import torch


def padded(size):
    return (size + 63) // 64 * 64


class Rows:
    """The arrays of a data file (docs/format.md), checksums unread."""

    def __init__(self, path, log1p, row_length):
        body = numpy.memmap(path, dtype=numpy.uint8, mode="r")
        if bytes(body[:8]) != b"\x89ISD\r\n\x1a\n":
            sys.exit(f"{path}: not a data file")
        block = int(body[12:16].view(numpy.uint32)[0])
        length, rows, features, labels, values, ids = (int(n) for n in body[16:64].view(numpy.uint64))
        self.rows, self.features, self.labels = rows, features, labels
        at = padded(128 + 8 * ((length + block - 1) // block))

        def take(kind, count):
            nonlocal at
            end = at + numpy.dtype(kind).itemsize * count
            array = numpy.array(body[at:end].view(kind))
            at = at + padded(end - at)
            return array

        self.begin, self.label_begin = take(numpy.int64, rows + 1), take(numpy.int64, rows + 1)
        self.feature, self.value = take(numpy.int32, values), take(numpy.float32, values)
        self.label = take(numpy.int32, ids)
        if log1p:
            self.value = numpy.log1p(self.value)
        if row_length:
            row = numpy.repeat(numpy.arange(rows), numpy.diff(self.begin))
            norm = numpy.sqrt(numpy.bincount(row, self.value.astype(numpy.float64) ** 2, rows))
            norm[norm == 0] = 1
            self.value = (self.value * (row_length / norm)[row]).astype(numpy.float32)

    @staticmethod
    def pick(begin, rows):
        """Where the entries of these rows are, and where each row's begin among them."""
        count = begin[rows + 1] - begin[rows]
        start = numpy.cumsum(count) - count
        return numpy.repeat(begin[rows] - start, count) + numpy.arange(count.sum()), start, count

    def batch(self, rows):
        at, start, _ = self.pick(self.begin, rows)
        return torch.from_numpy(self.feature[at]), torch.from_numpy(start.astype(numpy.int32)), torch.from_numpy(self.value[at])

    def targets(self, rows):
        """Of all labels of these rows: its row in the batch, itself, its share."""
        at, _, count = self.pick(self.label_begin, rows)
        row = numpy.repeat(numpy.arange(len(rows)), count)
        share = (1 / numpy.maximum(count, 1))[row].astype(numpy.float32)
        return torch.from_numpy(row), torch.from_numpy(self.label[at].astype(numpy.int64)), torch.from_numpy(share)


class Net(torch.nn.Module):
    def __init__(self, data, options):
        super().__init__()
        self.first = torch.nn.EmbeddingBag(data.features, options.hidden, mode="sum", sparse=options.optimizer == "sparse-adam")
        torch.nn.init.normal_(self.first.weight, std=options.init)
        self.norm = torch.nn.BatchNorm1d(options.hidden)
        self.dropout = torch.nn.Dropout(options.dropout)
        self.last = torch.nn.Linear(options.hidden, data.labels)

    def forward(self, features, start, values):
        return self.last(self.dropout(torch.relu(self.norm(self.first(features, start, per_sample_weights=values)))))


class Trainer:
    def __init__(self, data, options):
        torch.manual_seed(options.seed)
        self.data, self.options = data, options
        self.net = Net(data, options)
        groups = [list(self.net.parameters())]
        if options.optimizer == "sparse-adam":
            groups = [[self.net.first.weight], [p for p in self.net.parameters() if p is not self.net.first.weight]]
            kinds = [torch.optim.SparseAdam, torch.optim.Adam]
        else:
            kinds = [torch.optim.Adam]
        self.optimizers = [kind(group, lr=options.lr) for kind, group in zip(kinds, groups)]
        self.steps = 0
        self.total = options.epochs * ((data.rows + options.batch - 1) // options.batch)
        self.random = numpy.random.default_rng(options.seed)
        self.order, self.next = self.random.permutation(data.rows), 0

    def rate(self):
        part = min(self.steps / self.total, 1)
        if self.options.turns or self.options.schedule == "constant":
            return self.options.lr
        return self.options.lr * (1 - part if self.options.schedule == "linear" else (1 + math.cos(math.pi * part)) / 2)

    def step(self):
        if self.next >= self.data.rows:
            self.order, self.next = self.random.permutation(self.data.rows), 0
        rows = self.order[self.next : self.next + self.options.batch]
        self.next += len(rows)
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] = self.rate()
            optimizer.zero_grad(set_to_none=True)
        logs = torch.log_softmax(self.net(*self.data.batch(rows)), 1)
        row, label, share = self.data.targets(rows)
        loss = -(logs[row, label] * share).sum() / len(rows)
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        self.steps += 1
        return loss.item(), len(rows)

    def precision(self, test):
        self.net.eval()
        hits = numpy.zeros(5)
        with torch.no_grad():
            for first in range(0, test.rows, 256):
                rows = numpy.arange(first, min(first + 256, test.rows))
                best = self.net(*test.batch(rows)).topk(5).indices
                row, label, _ = test.targets(rows)
                true = torch.zeros(len(rows), self.data.labels, dtype=torch.bool)
                true[row, label.clamp(max=self.data.labels - 1)] = True
                hits += true.gather(1, best).sum(0).numpy()
        self.net.train()
        return [float(hits[:k].sum() / k / test.rows) for k in (1, 3, 5)]


def turns(trainer, seconds):
    for _ in sys.stdin:
        samples, begin = 0, time.perf_counter()
        now = begin
        while now - begin < seconds:
            samples += trainer.step()[1]
            now = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"samples": samples, "seconds": now - begin, "peak_rss_bytes": peak}), flush=True)


def epochs(trainer, test):
    train_s = 0
    for epoch in range(1, trainer.options.epochs + 1):
        begin, samples, loss = time.perf_counter(), 0, 0
        while samples < trainer.data.rows:
            one, rows = trainer.step()
            loss += one * rows
            samples += rows
        train_s += time.perf_counter() - begin
        line = {"epoch": epoch, "samples": epoch * samples, "seconds": train_s, "samples_per_s": epoch * samples / train_s, "loss": loss / samples}
        if test:
            line.update(zip(("precision_at_1", "precision_at_3", "precision_at_5"), trainer.precision(test)))
        print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("train")
    parser.add_argument("--test")
    for name, default in (("hidden", 256), ("epochs", 8), ("batch", 256), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=default)
    for name, default in (("lr", 0.001), ("dropout", 0.3), ("init", 0.05), ("row-length", 0.0), ("turns", 0.0)):
        parser.add_argument("--" + name, type=float, default=default)
    parser.add_argument("--schedule", choices=("constant", "linear", "cosine"), default="linear")
    parser.add_argument("--optimizer", choices=("adam", "sparse-adam"), default="adam")
    parser.add_argument("--log1p", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    trainer = Trainer(Rows(options.train, options.log1p, options.row_length), options)
    if options.turns:
        for _ in range(3):  # touches all pages
            loss, _ = trainer.step()
        print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "loss_after_3_steps": loss}), flush=True)
        turns(trainer, options.turns)
    else:
        epochs(trainer, Rows(options.test, options.log1p, options.row_length) if options.test else None)


if __name__ == "__main__":
    main()
