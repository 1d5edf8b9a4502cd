"""Held-out negative log-likelihood of our flows and zuko's, paired by set, model, split and seed.

    python benches/flow_nll.py arrays SETS ARRAYS        # prepare the arrays
    python benches/peers/zuko_peer.py ARRAYS zuko.csv    # zuko's runs
    cargo run --release --example flow_nll -- ARRAYS ours.csv
    python benches/flow_nll.py table ours.csv zuko.csv   # the table of docs/src/flows.md

The bound is the upper end of the one-sided 95 % interval of the mean paired difference, ours − zuko,
by Student's t over the pairs of a cell, and over all pairs of a model.
"""

import collections
import csv
import math
import pathlib
import subprocess
import sys

# Student's t, one-sided 95 %: https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm
T = {2: 2.920, 8: 1.860, 17: 1.740, 26: 1.706, 35: 1.690, 100: 1.660}
BAR = 0.05


def read(path):
    with open(path) as file:
        rows = csv.DictReader(file)
        return {tuple(r[k] for k in ("set", "model", "split", "seed")): r for r in rows}


def bound(gaps):
    n, mean = len(gaps), sum(gaps) / len(gaps)
    variance = sum((g - mean) ** 2 for g in gaps) / (n - 1)
    quantile = T[min((k for k in T if k <= n - 1), key=lambda k: n - 1 - k)]
    return mean, mean + quantile * math.sqrt(variance / n)


def table(ours, zuko):
    ours, zuko = read(ours), read(zuko)
    cells, pooled = collections.defaultdict(list), collections.defaultdict(list)
    for key in sorted(ours.keys() & zuko.keys()):
        pair = float(ours[key]["test"]), float(zuko[key]["test"])
        cells[key[:2]].append(pair)
        pooled[key[1]].append(pair[0] - pair[1])
    print("| model | set | pairs | ours | zuko | ours − zuko | 95 % upper bound |")
    print("|---|---|---|---|---|---|---|")
    for (name, model), pairs in sorted(cells.items(), key=lambda c: (c[0][1], c[0][0])):
        if len(pairs) < 3:
            continue
        means = [sum(column) / len(pairs) for column in zip(*pairs)]
        mean, upper = bound([a - b for a, b in pairs])
        numbers = [f"{m:.3f}" for m in means] + [f"{mean:+.3f}", f"{upper:+.3f}"]
        print("| " + " | ".join([model, name, str(len(pairs)), *numbers]) + " |")
    for model, gaps in sorted(pooled.items()):
        mean, upper = bound(gaps)
        verdict = "holds" if upper <= BAR else "missed"
        print(f"| {model} | all | {len(gaps)} | | | {mean:+.3f} | {upper:+.3f} {verdict} |")


def main():
    match sys.argv[1:]:
        case ["arrays", sets, arrays]:
            script = pathlib.Path(__file__).parent / "peers" / "flow_data.py"
            subprocess.run([sys.executable, script, sets, arrays], check=True)
        case ["table", ours, zuko]:
            table(ours, zuko)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
