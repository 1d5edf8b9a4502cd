"""Our solvers' speed beside torchsde's, torchdiffeq's and diffrax's, in turn, in one run; writes
docs/src/solver_speed.md.

    venv/bin/pip install -r benches/peers/requirements.txt
    venv/bin/python benches/compare_solvers.py [--rounds 3] [--seconds 1] [--threads 1] [--busy]
                                               [--only REGEX] [--again]

A row is kept in `target/solver_speed.json` as soon as it is measured, and the page is written anew:
a run that was cut goes on where it stopped, `--only` takes some rows, `--again` measures rows once
more. What was measured with other options or by another build is not mixed in.

`benches/solvers.rs` has the problems. Each number is the median over rounds of the ratio between
neighbours in time; above 1 ours is faster. On a machine that does other things too, `--busy`
divides by the processor's time instead of the clock's; it means something with one thread only.
"""

import argparse
import datetime
import functools
import hashlib
import json
import os
import pathlib
import re
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


def stochastic(options):
    """The first table's rows: names, and what measures them. Both sides have to end with the same
    deviation."""
    names = ["ours", "torch", "diffrax"]

    def row(method, task, sides, speeds):
        question = f"{method} {task} {options.seconds}"
        ours, ratios = compare(speeds, names, question, options.rounds)
        ends = [sides[n].ask(f"{method}-std {task} 0") for n in names]
        if max(ends) > 1.05 * min(ends):
            raise RuntimeError(f"the sides disagree on {question}: {ends}")
        return [number(ours), *ratio_cells(ratios, names[1:]), worst(ratios)]

    for tree in ("", "-tree"):
        for method, steps in SDE:
            for problem, what in enumerate(PROBLEMS):
                for dim in DIMS:
                    task = f"{problem} {dim} {POINTS} {steps}"
                    name = f"{method}{', tree' * bool(tree)}; {what}, {dim}"
                    yield name, functools.partial(row, f"{method}{tree}", task)


def deterministic(options):
    """The second table's rows, with evaluations a row and errors."""

    def row(method, names, task, sides, speeds):
        ours, ratios = compare(speeds, names, f"{method} {task} {options.seconds}", options.rounds)
        evals = [f"{sides[n].ask(f'{method}-evals {task} 0'):.0f}" for n in names]
        errors = [f"{sides[n].ask(f'{method}-error {task} 0'):.3g}" for n in names]
        cells = [number(ours), *ratio_cells(ratios, ["torch", "diffrax"]), worst(ratios)]
        return [*cells, ", ".join(evals), ", ".join(errors)]

    for method, names in ODE:
        for problem, what in enumerate(PROBLEMS):
            for dim in DIMS:
                task = f"{problem} {dim} {POINTS} {DIGITS}"
                yield f"{method}; {what}, {dim}", functools.partial(row, method, names, task)


class Kept:
    """Rows that were measured with the same options by the same build."""

    def __init__(self, path, build, options):
        self.path = path
        digest = hashlib.sha256(pathlib.Path(build).read_bytes()).hexdigest()[:16]
        self.under = f"{digest} {options.threads} {options.busy} {options.rounds} {options.seconds}"
        kept = json.loads(path.read_text()) if path.exists() else {}
        self.rows = kept.get("rows", {}) if kept.get("under") == self.under else {}

    def add(self, name, cells):
        self.rows[name] = cells
        self.path.parent.mkdir(exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({"under": self.under, "rows": self.rows}))
        part.replace(self.path)

    def table(self, rows):
        known = [(name, self.rows[name]) for name, _ in rows if name in self.rows]
        return "\n".join("| " + " | ".join([name, *cells]) + " |" for name, cells in known)


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

Machine: {machine}; {threads} thread{s} on each side{busy}. Date: {date}. Median of {rounds} rounds.{lacking}
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
    parser.add_argument("--only", default="", help="rows whose names this expression is found in")
    parser.add_argument("--again", action="store_true", help="measure rows that are known, too")
    parser.add_argument("--kept", type=pathlib.Path, default=ROOT / "target/solver_speed.json")
    options = parser.parse_args()
    t, build = options.threads, options.binary or binary("solvers")
    commands = {
        "ours": [build, "serve"],
        "torch": [sys.executable, str(PEERS / "torch_solvers.py"), "eager", str(t)],
        "diffrax": [sys.executable, str(PEERS / "jax_solvers.py")],
    }
    tables = list(stochastic(options)), list(deterministic(options))
    kept = Kept(options.kept, build, options)
    sides = {name: Pinned(command, t, options.busy) for name, command in commands.items()}
    speeds = {name: Speed(side) for name, side in sides.items()}
    for name, measure in [*tables[0], *tables[1]]:
        if re.search(options.only, name) and (options.again or name not in kept.rows):
            kept.add(name, measure(sides, speeds))
            write(options, kept, tables)
    write(options, kept, tables)


def write(options, kept, tables):
    """The page, with the rows that are known."""
    t, lacking = options.threads, sum(n not in kept.rows for table in tables for n, _ in table)
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
            lacking=f" {lacking} rows are not measured." * bool(lacking),
            stochastic=kept.table(tables[0]),
            deterministic=kept.table(tables[1]),
            tail=tail(options.out),
            **{name: pinned[name] for name in names},
        )
    )


if __name__ == "__main__":
    main()
