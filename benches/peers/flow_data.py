"""Tabular sets with a density, split and standardised: the same arrays for both sides of
`benches/flow_nll.py`.

Duplicate rows are removed. A column that is correlated above 0.98 with an earlier one is dropped.
A column with under 50 distinct values, or with one value in more than a fifth of the rows, is
dequantised: a value becomes uniform between the midpoints to its neighbours, so that no likelihood
is unbounded. POWER keeps the minute of the day and, as its recipe does, drops the reactive power;
20,000 of its rows are taken. Three fixed permutations give 80/10/10 % train, validation and test,
standardised by the training rows, float32.

    python flow_data.py FOLDER_WITH_TABULAR_SETS OUT
"""

import gzip
import pathlib
import sys

import numpy as np

SETS = ["wine", "parkinsons", "airfoil", "power"]
SPLITS = 3
POWER_ROWS = 20_000


def uci(root, name):
    with gzip.open(root / "tabular_uci" / f"{name}.csv.gz") as file:
        return np.loadtxt(file, delimiter=",")


def power(root):
    path = next((root / "tabular_power_subset").glob("household_power*.txt.gz"))
    with gzip.open(path, "rt") as file:
        lines = [line.strip().split(";") for line in list(file)[1:]]
    minutes = lambda time: 60 * int(time[:2]) + int(time[3:5])
    rows = [
        [minutes(time), float(values[0]), *map(float, values[2:])]
        for _, time, *values in lines
        if "?" not in values
    ]
    return np.array(rows)


def uncorrelated(a):
    """Without the columns that an earlier kept one gives away."""
    c, kept = np.abs(np.corrcoef(a.T)), []
    for j in range(a.shape[1]):
        if all(c[j, k] <= 0.98 for k in kept):
            kept.append(j)
    return a[:, kept]


def dequantised(column, rng):
    values, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    if len(values) >= 50 and counts.max() <= 0.2 * len(column):
        return column
    middle = (values[1:] + values[:-1]) / 2
    low = np.concatenate([[2 * values[0] - middle[0]], middle])
    high = np.concatenate([middle, [2 * values[-1] - middle[-1]]])
    return rng.uniform(low[place], high[place])


def prepared(root, name):
    raw = power(root) if name == "power" else uci(root, name)
    rng = np.random.default_rng(0)
    a = uncorrelated(np.unique(raw, axis=0))
    if name == "power":
        a = a[rng.permutation(len(a))[:POWER_ROWS]]
    return np.stack([dequantised(column, rng) for column in a.T], axis=1)


def main():
    root, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name in SETS:
        a = prepared(root, name)
        n, tenth = len(a), len(a) // 10
        for split in range(SPLITS):
            order = np.random.default_rng(1 + split).permutation(n)
            train = order[2 * tenth :]
            mean, std = a[train].mean(0), a[train].std(0)
            rows = {"train": train, "validation": order[:tenth], "test": order[tenth : 2 * tenth]}
            for part, which in rows.items():
                values = np.ascontiguousarray((a[which] - mean) / std, np.float32)
                np.save(out / f"{name}.{split}.{part}.npy", values)
        print(f"{name}: {n} rows, {a.shape[1]} columns")


if __name__ == "__main__":
    main()
