"""Our speed beside PyTorch's and JAX's, in turn, in one run; writes docs/src/performance.md.

    python -m venv venv && venv/bin/pip install -r benches/peers/requirements.txt
    venv/bin/python benches/compare.py [--rounds 3] [--seconds 1] [--threads 2]

Absolute times move with whatever else the machine does; each number is the median over rounds of
the ratio between neighbours in time. Peers get the same number of threads.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches" / "peers"
TRAIN = [(64, 256, 2), (128, 512, 2), (256, 1024, 2), (512, 512, 64)]
SAMPLE = [(64, 2, 100), (128, 2, 50), (256, 2, 20), (512, 64, 20)]
DERIVE = [(256, 256, 2), (256, 64, 8)]
POINTS = 10_000
# Side of the images, batch, samples, Euler steps.
UNETS = [(8, 128, 128, 10), (28, 32, 64, 10)]


def binary(bench="table"):
    command = ["cargo", "bench", "--bench", bench, "--no-run", "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    built = [json.loads(line) for line in lines.splitlines()]
    return [b["executable"] for b in built if b.get("executable")][-1]


class Side:
    """A process that answers questions."""

    def __init__(self, command, threads, **environment):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        count = {"RAYON_NUM_THREADS": threads, "OMP_NUM_THREADS": threads} | environment
        self.process = subprocess.Popen(
            command,
            env=kept | {k: str(v) for k, v in count.items()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question):
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"no answer to `{question}`")
        return float(answer)


def compare(sides, names, question, rounds):
    """The median of our answers, and of ours over each peer's in the same round."""
    answers = [{name: sides[name].ask(question) for name in names} for _ in range(rounds)]
    median = lambda f: statistics.median(f(a) for a in answers)
    ratios = {n: median(lambda a: a["ours"] / a[n]) for n in names if n != "ours"}
    print(question, {n: round(median(lambda a: a[n]), 2) for n in names}, flush=True)
    return median(lambda a: a["ours"]), ratios


def products(width, batch, dim):
    """Floating-point operations of a step's matrix products; inputs need no gradient."""
    layers = batch * (dim * width + 32 * width + 2 * width**2 + width * dim)
    backwards = batch * (2 * width**2 + width * dim)
    return 2 * (2 * layers + backwards)


def machine():
    models = [l for l in open("/proc/cpuinfo") if l.startswith("model name")]
    name = models[0].split(":")[1].strip() if models else "unknown CPU"
    return f"{name}, {os.cpu_count()} cores"


def cell(ratios, name):
    return f"{ratios[name]:.2f}" if name in ratios else ""


def measure(sides, rounds, seconds, threads):
    """The rows of the table."""
    peers = ["eager", "compile", "jax"]
    for width, batch, dim in TRAIN:
        question = f"train {width} {batch} {dim} {seconds}"
        ours, ratios = compare(sides, ["ours"] + peers, question, rounds)
        speed = sides["ours"].ask(f"gemm {batch // 2} {width} {width} {0.5 * seconds}")
        floor = speed * 1e9 / products(width, batch, dim)
        what = f"train {width}, {batch}, {dim}"
        yield width, what, f"{ours:.0f} steps/s", ratios, f"{ours / floor:.2f} ({speed:.0f})"
    for width, dim, steps in SAMPLE:
        question = f"sample {width} {dim} {POINTS} {steps} {seconds}"
        ours, ratios = compare(sides, ["ours", "eager", "jax"], question, rounds)
        speed = sides["ours"].ask(f"gemm 256 {width} {width} {0.5 * seconds}")
        work = 2 * POINTS * (2 * width**2 + 2 * dim * width)
        share = ours / (speed * 1e9 / work)
        what = f"sample {width}, {dim}"
        yield width, what, f"{100 / ours:.2f} s", ratios, f"{share:.2f} ({speed:.0f})"
    for task in ("jvp", "divergence"):
        for width, batch, dim in DERIVE:
            question = f"{task} {width} {batch} {dim} {0.5 * seconds}"
            ours, ratios = compare(sides, ["ours", "eager", "jax"], question, rounds)
            yield None, f"{task} {width}, {batch}, {dim}", f"{ours:.0f} /s", ratios, ""


    for side, batch, points, steps in UNETS:
        question = f"unet-train {side} {batch} {2 * seconds}"
        ours, ratios = compare(sides, ["ours", "eager", "compile"], question, rounds)
        yield None, f"unet train {side}×{side}, {batch}", f"{ours:.1f} steps/s", ratios, ""
        question = f"unet-sample {side} {points} {steps} {2 * seconds}"
        ours, ratios = compare(sides, ["ours", "eager", "compile"], question, rounds)
        what = f"unet eval {side}×{side}, {points}"
        yield None, what, f"{ours:.1f} /s", ratios, ""


def verdict(width, ratios, floor):
    """Whether the goal is met: 1.5 over the best peer; from 256 on 1.1, or 0.95 of the floor."""
    worst = min(ratios.values())
    if width is None:
        return f"{worst:.2f} {'≥' if worst >= 1 else '<'} 1"
    if width < 256:
        return f"{worst:.2f} {'≥' if worst >= 1.5 else '<'} 1.5"
    met = worst >= 1.1 or float(floor.split()[0]) >= 0.95
    return f"{worst:.2f} {'≥' if met else '<'} 1.1"


TEXT = """\
# Performance

Speed of this build beside PyTorch and JAX on one machine, in one run, in turn; written by
`benches/compare.py`, which has the exact work in it. Ratios are ours over theirs in speed: above 1
is faster. Absolute numbers depend on the machine and on what else it does.

- Network: embedding of time, three hidden layers with SiLU, two of them residual; f32.
- Training (width, batch, dimension): the denoising loss of the variance-preserving diffusion with
  AdamW. Ours also clips the gradient and averages the weights, and draws its noise from the
  counter-based generator.
- Sampling (width, dimension): {points} points, 100 Euler steps of the probability flow.
- Jvp and divergence (width, batch, dimension): one evaluation.
- U-Net (side, batch): the default network on 8 × 8 pixels, that of the [recipe](networks.md) for
  digits on 28 × 28; training as above, and evaluations of so many images in Euler steps.
- Floor: the speed that remains when only the matrix products are paid, at the rate (GFLOP/s, in
  brackets) of Burn's own product of a hidden layer's shape on all threads; 1 would be no overhead.
- Goal: 1.5 × the best peer at widths 64 and 128; at 256 and 512 1.1 ×, or 0.95 of the floor;
  derivatives and U-Nets ahead of each.

Machine: {machine}; {threads} threads on each side. Date: {date}. Median of {rounds} rounds.
PyTorch {torch}, JAX {jax}.

| task | ours | / eager | / compile | / JAX | of the floor | best peer, goal |
|---|---|---|---|---|---|---|
{rows}

{tail}"""


def tail(path):
    """What stands below the table in the page, written by hand."""
    mark = "## How it is reached"
    text = path.read_text() if path.exists() else ""
    return text[text.index(mark):] if mark in text else mark + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--binary", help="the built bench, when it is built already")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/src/performance.md")
    options = parser.parse_args()
    t = options.threads
    torch = [sys.executable, str(PEERS / "torch_peer.py")]
    sides = {
        "ours": Side([options.binary or binary(), "serve"], t),
        "eager": Side([*torch, "eager", str(t)], t),
        "compile": Side([*torch, "compile", str(t)], t),
        "jax": Side([sys.executable, str(PEERS / "jax_peer.py")], t),
    }
    rows = []
    for width, what, ours, ratios, floor in measure(sides, options.rounds, options.seconds, t):
        cells = [what, ours, *(cell(ratios, p) for p in ("eager", "compile", "jax")), floor]
        rows.append("| " + " | ".join([*cells, verdict(width, ratios, floor)]) + " |")
    pinned = dict(l.split("==") for l in (PEERS / "requirements.txt").read_text().split())
    options.out.write_text(
        TEXT.format(
            points=f"{POINTS:,}",
            machine=machine(),
            threads=t,
            date=datetime.date.today().isoformat(),
            rounds=options.rounds,
            torch=pinned["torch"],
            jax=pinned["jax"],
            rows="\n".join(rows),
            tail=tail(options.out),
        )
    )


if __name__ == "__main__":
    main()
