#!/usr/bin/env python3
"""ring.py - ring.c in Python, through ist.py beside it.  IST_LIBRARY=PREFIX/lib/libist.so.0 where the loader does not find it."""
import array

import ist

ROWS, TOLD = 2048, 8


def make_data():
    points, labels, state = array.array("f"), [], 1
    for _ in range(ROWS):
        at = []
        for _ in range(2):
            state = (state * 1103515245 + 12345) % 2147483648
            at.append(state // 32768 - 32768)
        points.extend(value / 32768 for value in at)
        labels.append(int(268435456 < at[0] * at[0] + at[1] * at[1] < 805306368))
    return points, labels


points, labels = make_data()
with ist.Context() as context:
    data = context.wrap(points, labels)
    model = context.model(features=2, classes=2, hidden=[256], output_norm=ist.NORM_NONE, subnets=2, seed=7)
    trainer = context.trainer(model, data, epochs=60, local_steps=10, seed=7)
    trainer.run()
    trainer.calibrate()
    print(f"right {model.evaluate(data).correct} of {ROWS}")
    for label, (no, yes) in list(zip(labels, model.predict(data)))[:TOLD]:
        print(f"{label} {no:.8E} {yes:.8E}")
