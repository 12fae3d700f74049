#!/usr/bin/python3
"""peer_ist.py DIR RANK FILE ROUNDS - one of the two processes of the paper authors' trainer, on made data.

DIR     checkout of their released trainers
RANK    0 (parameter server and worker) or 1
FILE    where the two meet: it must not exist yet
ROUNDS  of 30 local steps, one round an epoch

Their program runs as it is, but for its data: noise takes the place of the features of speech, and files are not saved.
Rank 0 prints "Train Epoch .. total time" for each round.
"""
import runpy
import sys
import types

import numpy
import torch

FEATURES, CLASSES, BATCH, LOCAL_STEPS, WORKERS = 4096, 35, 128, 30, 2


class Noise(torch.utils.data.Dataset):
    def __init__(self, rows):
        generator = numpy.random.default_rng(1)
        self.x = generator.standard_normal((rows, FEATURES), dtype=numpy.float32)
        self.labels = generator.integers(CLASSES, size=rows)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, row):
        return {"wav": self.x[row], "label": self.labels[row]}


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__.splitlines()[0])
    folder, rank, meeting, rounds = sys.argv[1:]
    torch.set_num_threads(1)  # two workers on two cores
    loader = types.ModuleType("google_speech_data_loader")
    loader.train_dataset = lambda: Noise(WORKERS * LOCAL_STEPS * BATCH)
    loader.test_dataset = lambda: Noise(BATCH)
    sys.modules["google_speech_data_loader"] = loader
    numpy.savetxt = lambda *_, **__: None
    torch.save = lambda *_, **__: None
    program = folder + "/distributed_3layer_subnet_centralized_ps_gloo.py"
    sys.path.insert(0, folder)
    # They multiply the number of epochs by the number of workers.
    epochs = (int(rounds) + WORKERS - 1) // WORKERS
    sys.argv = [program, "--rank", rank, "--dist-url", "file://" + meeting, "--epochs", str(epochs)]
    sys.argv += ["--repartition-iter", str(LOCAL_STEPS), "--world-size", str(WORKERS)]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
