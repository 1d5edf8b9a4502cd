"""Our optimal transport beside OTT's: the problems of `ot_peer.py`, one thread each, in f64.

    pip install -r benches/peers/requirements.txt
    python benches/peers/ott_peer.py [--sizes 10,100,500,2000] [--tasks exact,...] [--binary PATH]

OTT's solutions are jitted from the points to the value and compiled before they are timed.
"sinkhorn" iterates potentials (OTT's default), "sinkhorn kernel" scalings; "momentum" is OTT's
over-relaxation by 1.5, the fastest of its accelerations here. "exact" is its Hungarian algorithm,
which takes equal weights. Prints the table of `ot_peer.py`. Linux only.
"""

import functools
import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_ENABLE_X64"] = "1"

import jax
import jax.numpy as jnp
import ott
from ot_peer import compare
from ott.geometry import geometry, pointcloud
from ott.problems.linear import linear_problem
from ott.solvers.linear import acceleration, sinkhorn
from ott.tools import sliced, unreg

TASKS = (
    "exact,sinkhorn,sinkhorn momentum,sinkhorn kernel,sinkhorn kernel momentum,unbalanced,"
    "unbalanced momentum,sliced"
)


def entropic(task, x, y, a, b, epsilon, rho):
    """⟨P, C⟩ and the error that OTT stops by."""
    momentum = acceleration.Momentum(value=1.5 if "momentum" in task else 1.0)
    solver = sinkhorn.Sinkhorn(
        threshold=1e-9, max_iterations=100_000, lse_mode="kernel" not in task, momentum=momentum
    )
    if task.startswith("sinkhorn"):
        problem = linear_problem.LinearProblem(pointcloud.PointCloud(x, y, epsilon=epsilon), a, b)
        solution = solver(problem)
        value = solution.primal_cost
    else:
        cost = pointcloud.PointCloud(x, y).cost_matrix
        # OTT's plan is relative to the counting measure, ours and POT's to a ⊗ b.
        moved = cost - epsilon * (jnp.log(a)[:, None] + jnp.log(b)[None, :])
        tau = rho / (rho + epsilon)
        problem = linear_problem.LinearProblem(
            geometry.Geometry(cost_matrix=moved, epsilon=epsilon), a, b, tau_a=tau, tau_b=tau
        )
        solution = solver(problem)
        value = jnp.sum(solution.matrix * cost)
    errors = solution.errors.ravel()
    return value, errors[jnp.sum(errors != -1) - 1]


def hungarian(x, y):
    return unreg.hungarian(pointcloud.PointCloud(x, y))[0], 0.0


def projected(x, y, a, b, theta):
    return jnp.sqrt(sliced.sliced_wasserstein(x, y, a, b, proj_fn=lambda x: x @ theta.T)[0]), 0.0


@functools.cache
def compiled(task):
    if task == "exact":
        return jax.jit(lambda x, y, a, b, theta, epsilon, rho: hungarian(x, y))
    if task == "sliced":
        return jax.jit(lambda x, y, a, b, theta, epsilon, rho: projected(x, y, a, b, theta))
    # OTT wants to know when it is compiled whether a problem is balanced.
    fixed = (5, 6) if task.startswith("unbalanced") else ()
    entropy = lambda x, y, a, b, theta, *scales: entropic(task, x, y, a, b, *scales)
    return jax.jit(entropy, static_argnums=fixed)


READY = set()


def solve(task, *given):
    """Value and error; the first call of a shape is made twice, so that the least is compiled."""
    answer = compiled(task)
    key = (task, given[0].shape)
    if key not in READY:
        jax.block_until_ready(answer(*given))
        READY.add(key)
    value, error = jax.block_until_ready(answer(*given))
    return float(value), float(error)


def main():
    print(f"OTT {ott.__version__}, JAX {jax.__version__}, one thread on each side, f64\n")
    skipped = lambda task, n, weighted: task == "exact" and (weighted or n > 500)
    compare("OTT", solve, TASKS, skipped, __doc__.splitlines()[0])


if __name__ == "__main__":
    main()
