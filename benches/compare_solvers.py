"""Our solvers' speed beside torchsde's, torchdiffeq's and diffrax's, in turn, in one run; writes
docs/src/solver_speed.md.

    venv/bin/pip install -r benches/peers/requirements.txt
    venv/bin/python benches/compare_solvers.py [--rounds 3] [--seconds 1] [--threads 1] [--busy]

`benches/solvers.rs` has the problems. Each number is the median over rounds of the ratio between
neighbours in time; above 1 ours is faster. On a machine that does other things too, `--busy`
divides by the processor's time instead of the clock's; it means something with one thread only.
"""

import argparse
import datetime
import os
import pathlib
import sys
import time

from compare import PEERS, ROOT, Side, binary, compare, machine, tail

POINTS, DIMS = 10_000, (2, 64)
PROBLEMS = ["linear", "mixture", "network"]
SDE = [("euler-maruyama", 64), ("sra1", 32)]
DIGITS = 5
ODE = [
    ("dopri5", ["ours", "torch", "diffrax"]),
    ("tsit5", ["ours", "diffrax"]),
    ("dopri5-rows", ["ours", "diffrax"]),
    ("tsit5-rows", ["ours", "diffrax"]),
]


class Pinned(Side):
    """A side that stays on as many cores as it may have threads."""

    def __init__(self, command, threads, busy):
        cores = sorted(os.sched_getaffinity(0))[-threads:]
        pinned = ["taskset", "-c", ",".join(map(str, cores)), *command]
        super().__init__(pinned, threads, XLA_FLAGS="--xla_cpu_multi_thread_eigen=" + (
            "false" if threads == 1 else "true"
        ))
        self.busy = busy

    def processor(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def speed(self, question):
        before, start = self.processor(), time.perf_counter()
        answer = super().ask(question)
        spent, passed = self.processor() - before, time.perf_counter() - start
        return answer * passed / spent if self.busy and spent > 0 else answer


class Speed:
    """A side asked for speeds; what is compiled at the first question is not in the answer."""

    def __init__(self, side):
        self.side, self.known = side, set()

    def ask(self, question):
        start = question.rsplit(" ", 1)[0]
        if start not in self.known:
            self.known.add(start)
            self.side.ask(f"{start} 0.01")
        return self.side.speed(question)


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def worst(ratios):
    least = min(ratios.values())
    return f"{least:.2f} {'≥' if least >= 1 else '<'} 1"


def ratio_cells(ratios, names):
    return [f"{ratios[n]:.2f}" if n in ratios else "" for n in names]


def stochastic(sides, speeds, options):
    """The rows of the first table; both sides have to end with the same deviation."""
    names = ["ours", "torch", "diffrax"]
    for tree in ("", "-tree"):
        for method, steps in SDE:
            for problem, what in enumerate(PROBLEMS):
                for dim in DIMS:
                    task = f"{problem} {dim} {POINTS} {steps}"
                    question = f"{method}{tree} {task} {options.seconds}"
                    ours, ratios = compare(speeds, names, question, options.rounds)
                    ends = [sides[n].ask(f"{method}{tree}-std {task} 0") for n in names]
                    if max(ends) > 1.05 * min(ends):
                        raise RuntimeError(f"the sides disagree on {question}: {ends}")
                    name = f"{method}{', tree' * bool(tree)}; {what}, {dim}"
                    cells = [name, number(ours), *ratio_cells(ratios, names[1:]), worst(ratios)]
                    yield "| " + " | ".join(cells) + " |"


def deterministic(sides, speeds, options):
    """The rows of the second table, with evaluations a row and errors."""
    for method, names in ODE:
        for problem, what in enumerate(PROBLEMS):
            for dim in DIMS:
                task = f"{problem} {dim} {POINTS} {DIGITS}"
                ours, ratios = compare(speeds, names, f"{method} {task} {options.seconds}", options.rounds)
                evals = [f"{sides[n].ask(f'{method}-evals {task} 0'):.0f}" for n in names]
                errors = [f"{sides[n].ask(f'{method}-error {task} 0'):.3g}" for n in names]
                cells = [f"{method}; {what}, {dim}", number(ours)]
                cells += ratio_cells(ratios, ["torch", "diffrax"]) + [worst(ratios)]
                yield "| " + " | ".join([*cells, ", ".join(evals), ", ".join(errors)]) + " |"


TEXT = """\
# Solvers beside others

Speed of fixed-step SDE solvers beside torchsde and diffrax, and of adaptive ODE solvers beside
torchdiffeq and diffrax, on one machine, in one run, in turn; written by
`benches/compare_solvers.py`. Ratios are ours over theirs in speed: above 1 is faster.

- Problems (`benches/solvers.rs`), {points:,} points in dimension 2 and 64, f32: a linear drift, which
  shows what the solver itself costs; the exact drift of a mixture of 8 Gaussians under the reverse
  variance-preserving diffusion; the same with a network of three layers of 128 (last layer 0, so
  that the flow is known).
- Ours integrates chunks of particles that stay in a core's cache, as its samplers do; theirs
  take the whole set, diffrax compiled as one function. torchsde runs eagerly.
- Increments: ours and diffrax's (`UnsafeBrownianPath`) are drawn afresh, or with `tree` read off a
  virtual Brownian tree with leaves of a step; torchsde has its `BrownianInterval` in both rows.
  Both sides have to end with the same standard deviation within 5 %.
- `dopri5` and `tsit5` at rtol = atol = 1e-{digits}: one step for the set (ours: for a chunk), and
  with `-rows` a step for each row (diffrax: `vmap`). Evaluations are those of a row on average; errors
  are root mean squares over 256 rows in 10⁻⁶, beside an f64 solution of eighth order.

Machine: {machine}; {threads} thread{s} on each side{busy}. Date: {date}. Median of {rounds} rounds.
PyTorch {torch}, torchsde {torchsde}, torchdiffeq {torchdiffeq}, JAX {jax}, diffrax {diffrax}.

| solver; problem, dimension | ours, steps/s | / torchsde | / diffrax | least, goal |
|---|---|---|---|---|
{stochastic}

| solver; problem, dimension | ours, solutions/s | / torchdiffeq | / diffrax | least, goal | evaluations of ours, torchdiffeq, diffrax | errors in the same order |
|---|---|---|---|---|---|---|
{deterministic}

{tail}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--binary", help="the built bench, when it is built already")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/src/solver_speed.md")
    options = parser.parse_args()
    t = options.threads
    torch = [sys.executable, str(PEERS / "torch_solvers.py"), "eager", str(t)]
    commands = {
        "ours": [options.binary or binary("solvers"), "serve"],
        "torch": torch,
        "diffrax": [sys.executable, str(PEERS / "jax_solvers.py")],
    }
    sides = {name: Pinned(command, t, options.busy) for name, command in commands.items()}
    speeds = {name: Speed(side) for name, side in sides.items()}
    rows = list(stochastic(sides, speeds, options)), list(deterministic(sides, speeds, options))
    pinned = dict(l.split("==") for l in (PEERS / "requirements.txt").read_text().split())
    names = ("torch", "torchsde", "torchdiffeq", "jax", "diffrax")
    options.out.write_text(
        TEXT.format(
            points=POINTS,
            digits=DIGITS,
            machine=machine(),
            threads=t,
            s="s" * (t > 1),
            busy=", by the processor's time" * options.busy,
            date=datetime.date.today().isoformat(),
            rounds=options.rounds,
            stochastic="\n".join(rows[0]),
            deterministic="\n".join(rows[1]),
            tail=tail(options.out),
            **{name: pinned[name] for name in names},
        )
    )


if __name__ == "__main__":
    main()
