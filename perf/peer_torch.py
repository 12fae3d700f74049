#!/usr/bin/python3
"""peer_torch.py NET [SECONDS] - the net of ist-bench-step in PyTorch, timed on request.

NET      widths, as 4096-4096-4096-35: features, hidden layers, classes
SECONDS  length of a sample (default: 1)

Says one JSON line about itself; then, for each line on stdin, trains for one sample and answers with one JSON line,
{"samples": N, "seconds": S}.  Two threads, unless OMP_NUM_THREADS says otherwise.

The same work as ist-bench-step: batches of 128 rows drawn without replacement from 4096 rows of the same bytes,
normalised on the fly; linear layers without bias, batch norm with the statistics of the batch after each of them (affine
but for the output), ReLU, cross-entropy, plain SGD.
"""
import ctypes
import json
import os
import sys
import time

import torch

ROWS, BATCH, LEARNING_RATE = 4096, 128, 0.01
MASK_64 = (1 << 64) - 1


def signed(value):
    """Torch has no unsigned 64 bits, but its products wrap around."""
    value &= MASK_64
    return value - (1 << 64) if value >> 63 else value


def noise(counter):
    """splitmix64 of a tensor of counters: the bytes and labels of step_child.c."""

    def shift(z, bits):  # of unsigned numbers
        return (z >> bits) & ((1 << (64 - bits)) - 1)

    z = counter * signed(0x9E3779B97F4A7C15)
    z = (z ^ shift(z, 30)) * signed(0xBF58476D1CE4E5B9)
    z = (z ^ shift(z, 27)) * signed(0x94D049BB133111EB)
    return z ^ shift(z, 31)


def make_data(features, classes):
    x = torch.empty(ROWS, features, dtype=torch.uint8)
    for row in range(0, ROWS, 256):  # in pieces: eight bytes are needed to make one
        counter = torch.arange(row * features, (row + 256) * features)
        x[row : row + 256] = (noise(counter) & 255).to(torch.uint8).view(256, features)
    bits = noise(-1 - torch.arange(ROWS)).tolist()
    labels = torch.tensor([(b & MASK_64) % classes for b in bits])
    return x, labels


def make_net(widths):
    layers = []
    for inputs, outputs in zip(widths[:-2], widths[1:-1]):
        layers += [
            torch.nn.Linear(inputs, outputs, bias=False),
            torch.nn.BatchNorm1d(outputs, track_running_stats=False),
            torch.nn.ReLU(inplace=True),
        ]
    layers += [
        torch.nn.Linear(widths[-2], widths[-1], bias=False),
        torch.nn.BatchNorm1d(widths[-1], affine=False, track_running_stats=False),
    ]
    return torch.nn.Sequential(*layers)


def loaded_blas():
    """The file that serves BLAS calls: what the configuration calls `generic` is whatever libblas.so.3 is."""
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        files = {line.split()[-1] for line in maps if "blas" in line.split("/")[-1]}
    return sorted(files)


def core_type(files):
    """The kernels of OpenBLAS in use; None if it is another library."""
    for file in files:
        library = ctypes.CDLL(file)
        if hasattr(library, "openblas_get_corename"):
            library.openblas_get_corename.restype = ctypes.c_char_p
            return library.openblas_get_corename().decode()
    return None


class Trainer:
    def __init__(self, widths):
        torch.manual_seed(1)
        self.x, self.labels = make_data(widths[0], widths[-1])
        self.net = make_net(widths)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=LEARNING_RATE)
        self.order = torch.randperm(ROWS)
        self.next = 0

    def step(self):
        if self.next == ROWS:
            self.order = torch.randperm(ROWS)
            self.next = 0
        rows = self.order[self.next : self.next + BATCH]
        self.next += BATCH
        batch = self.x[rows].float().sub_(127.5).mul_(1 / 74)
        loss = torch.nn.functional.cross_entropy(self.net(batch), self.labels[rows])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss

    def sample(self, seconds):
        steps = 0
        begin = now = time.perf_counter()
        while now - begin < seconds:
            self.step()
            steps += 1
            now = time.perf_counter()
        return {"samples": steps * BATCH, "seconds": now - begin}


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.splitlines()[0])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    trainer = Trainer([int(width) for width in sys.argv[1].split("-")])
    for _ in range(3):  # touches all pages
        loss = trainer.step()
    blas = [part.strip() for part in torch.__config__.show().replace("\n", ",").split(",") if "BLAS" in part]
    about = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "blas": ", ".join(blas),
        "blas_files": loaded_blas(),
        "core_type": core_type(loaded_blas()),
        "loss_after_3_steps": float(loss),
    }
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        print(json.dumps(trainer.sample(seconds)), flush=True)


if __name__ == "__main__":
    main()
