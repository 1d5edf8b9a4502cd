"""Our flows' speed beside zuko's, in turn, in one run; prints the ratios of docs/src/flows.md.

    venv/bin/pip install -r benches/peers/requirements.txt
    venv/bin/python benches/compare_flows.py [--rounds 3] [--seconds 1] [--threads 2]

Both sides have the flows of `benches/flow_nll.py`. Numbers are medians over rounds of the ratio
between neighbours in time; above 1 ours is faster.
"""

import argparse
import sys

from compare import PEERS, Side, binary, compare

MODELS = ["realnvp", "maf", "nsf", "nsf-ar"]
TASKS = [
    ("flow-train", "steps/s", [(64, 256, 6), (128, 512, 6), (64, 256, 16)]),
    ("flow-log-prob", "/s", [(64, 256, 6), (128, 1024, 6), (64, 10_000, 6)]),
    ("flow-sample", "/s", [(64, 1024, 6)]),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="torch.compile too")
    parser.add_argument("--binary", help="the built bench, when it is built already")
    options = parser.parse_args()
    t, modes = options.threads, ["eager"] + ["compile"] * options.compile
    peer = [sys.executable, str(PEERS / "zuko_speed.py")]
    sides = {"ours": Side([options.binary or binary(), "serve"], t)}
    sides |= {mode: Side([*peer, mode, str(t)], t) for mode in modes}
    lines = ["| task | model | ours | " + " | ".join(f"/ {m}" for m in modes) + " |"]
    lines.append("|" + "---|" * (3 + len(modes)))
    for task, unit, sizes in TASKS:
        names = ["ours"] + (modes if task != "flow-sample" else ["eager"])
        for width, batch, dim in sizes:
            for k, model in enumerate(MODELS):
                question = f"{task} {k} {width} {batch} {dim} {options.seconds}"
                ours, ratios = compare(sides, names, question, options.rounds)
                cells = [f"{ratios[m]:.1f}" if m in ratios else "" for m in modes]
                what = f"{task[5:]} {width}, {batch}, {dim}"
                lines.append("| " + " | ".join([what, model, f"{ours:.0f} {unit}", *cells]) + " |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
