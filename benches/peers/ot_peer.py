"""Our optimal transport beside POT's: the same problems from the same points, one thread each.

    pip install -r benches/peers/requirements.txt
    python benches/peers/ot_peer.py [--sizes 10,100,500,2000] [--tasks exact,...] [--binary PATH]

`ott_peer.py` sets OTT beside ours on the same problems. Prints a table: value of each, relative difference, marginal error, milliseconds of processor time
(least of the repeats; the peer's include its cost matrix, ours the reading of points), and the
peer's over ours. Linux only.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import ot

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIRECTIONS = 200
TASKS = "exact,sinkhorn,sinkhorn log,unbalanced,sliced"


def binary():
    command = ["cargo", "bench", "--bench", "ot", "--no-run", "--message-format=json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    built = [json.loads(line) for line in lines.splitlines()]
    return [b["executable"] for b in built if b.get("executable")][-1]


def problem(n, weighted, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), 1 + 1.5 * rng.normal(size=(n, 2))
    a, b = (rng.random(n) if weighted else np.ones(n) for _ in range(2))
    theta = rng.normal(size=(DIRECTIONS, 2))
    return x, y, a / a.sum(), b / b.sum(), theta / np.linalg.norm(theta, axis=1, keepdims=True)


def save(path, x, y, a, b, theta):
    head = np.array([len(x), len(y), x.shape[1], len(theta)], dtype="<f8")
    path.write_bytes(b"".join(np.ascontiguousarray(p, "<f8").tobytes() for p in (head, x, y, a, b, theta)))


def pot(task, x, y, a, b, theta, epsilon, rho):
    """Value and marginal error."""
    if task == "sliced":
        return ot.sliced_wasserstein_distance(x, y, a, b, projections=theta.T, p=2), 0.0
    cost = ot.dist(x, y)
    if task == "exact":
        plan = ot.emd(a, b, cost, numItermax=10**8)
    elif task == "sinkhorn":
        plan = ot.sinkhorn(a, b, cost, epsilon, numItermax=10**6, stopThr=1e-9)
    elif task == "sinkhorn log":
        plan = ot.sinkhorn(
            a, b, cost, epsilon, method="sinkhorn_log", numItermax=10**6, stopThr=1e-9
        )
    else:
        plan = ot.sinkhorn_unbalanced(a, b, cost, epsilon, rho, numItermax=10**6, stopThr=1e-12)
        return float((plan * cost).sum()), 0.0
    off = np.abs(plan.sum(1) - a).sum() + np.abs(plan.sum(0) - b).sum()
    return float((plan * cost).sum()), off


def best(repeats, solve):
    least = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        answer = solve()
        least = min(least, time.process_time() - start)
    return least, *answer


def rows(sizes, tasks, solve, skipped, ask, folder):
    for n in sizes:
        for weighted in (False, True):
            points = problem(n, weighted)
            path = folder / "problem"
            save(path, *points)
            mean = ot.dist(points[0], points[1]).mean()
            epsilon, rho = 0.05 * mean, mean
            for task in tasks:
                if skipped(task, n, weighted):
                    continue
                repeats = 20 if n <= 100 else 3
                theirs = best(repeats, lambda: solve(task, *points, epsilon, rho))
                ours = ask(f"{task.split()[0]} {path} 3 {epsilon} {rho}")
                yield n, weighted, task, ours, theirs


def compare(name, solve, tasks, skipped, about):
    """The table of a peer's solutions beside ours; `solve` and `skipped` take a task first."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--sizes", default="10,100,500,2000")
    parser.add_argument("--tasks", default=tasks)
    parser.add_argument("--binary")
    options = parser.parse_args()
    side = subprocess.Popen(
        [options.binary or binary(), "serve"],
        env=os.environ | {"RAYON_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask(question):
        side.stdin.write(question + "\n")
        side.stdin.flush()
        return [float(word) for word in side.stdout.readline().split()]

    print(
        f"| n | weights | task | value | rel. difference | our error | ours, ms | {name}, ms "
        f"| {name} / ours |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder, sizes = pathlib.Path(folder), [int(s) for s in options.sizes.split(",")]
        answers = rows(sizes, options.tasks.split(","), solve, skipped, ask, folder)
        for n, weighted, task, ours, theirs in answers:
            gap = abs(ours[1] - theirs[1]) / abs(theirs[1])
            weights = "random" if weighted else "equal"
            print(
                f"| {n} | {weights} | {task} | {ours[1]:.6f} | {gap:.0e} | {ours[2]:.0e} "
                f"| {1e3 * ours[0]:.3g} | {1e3 * theirs[0]:.3g} | {theirs[0] / ours[0]:.1f} |",
                flush=True,
            )


def main():
    print(f"POT {ot.__version__}, numpy {np.__version__}, one thread on each side\n")
    slow = lambda task, n, weighted: task == "sinkhorn log" and (n > 500 or weighted)
    compare("POT", pot, TASKS, slow, __doc__.splitlines()[0])


if __name__ == "__main__":
    main()
