"""diffrax on the CPU, everything jitted, doing what `benches/solvers.rs` does.

Fresh increments are diffrax's `UnsafeBrownianPath`, `-tree` is its `VirtualBrownianTree`. Adaptive
methods take the set of points as one state with one step; with `-rows` a solution is mapped over
the rows, so that each has steps of its own.

    python jax_solvers.py
"""

import functools

import diffrax
import jax
import jax.numpy as jnp
import lineax
import numpy as np
import solver_tasks as tasks
from jax_peer import apply, network
from serve import serve

SDE = {
    "euler-maruyama": (diffrax.Euler, diffrax.BrownianIncrement),
    "sra1": (diffrax.SRA1, diffrax.SpaceTimeLevyArea),
}
ODE = {"dopri5": diffrax.Dopri5, "tsit5": diffrax.Tsit5}
ODE |= {f"{name}-rows": solver for name, solver in ODE.items()}


def parameters(problem, dim):
    """What a compiled function is given, so that it cannot be folded into it."""
    if problem == 0:
        return ()
    if problem == 1:
        return jnp.array(tasks.means(dim), jnp.float32)
    *layers, (w, b) = network(128, dim)
    return [*layers, (0 * w, 0 * b)]


def along(problem, given, x, t, c, k):
    """β(c x + k score) of rows `[n, d]`, or of one row."""
    if problem == 0:
        return -x
    beta, alpha, precision = tasks.coefficients(t, jnp, -0.75 if problem == 1 else 3)
    if problem == 1:
        pull = alpha * precision
        mean = jax.nn.softmax(pull * (x @ given.T), -1) @ given
        return beta * (c - k * precision) * x + beta * k * pull * mean
    net = apply(given, x, t.reshape(1, 1)).reshape(x.shape)
    return beta * (c - k * precision) * x - beta * k * net


def start(points, dim):
    return jnp.array(tasks.starts(points, dim), jnp.float32)


@functools.cache
def sde_solver(method, problem, dim, points, steps, tree):
    solver, area = SDE[method]
    size = points * dim

    @jax.jit
    def solve(given, y, key):
        if tree:
            path = diffrax.VirtualBrownianTree(0.0, 1.0, 0.5 / steps, (size,), key, area)
        else:
            path = diffrax.UnsafeBrownianPath((size,), key, area)
        drift = lambda t, y, _: along(problem, given, y.reshape(points, dim), t, 0.5, 1.0).ravel()
        # A diagonal operator: the whole set is one long vector.
        scale = lambda t: 1.0 if problem == 0 else tasks.coefficients(t, jnp)[0] ** 0.5
        diffusion = lambda t, y, _: lineax.DiagonalLinearOperator(jnp.full(size, scale(t)))
        terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(diffusion, path))
        return diffrax.diffeqsolve(
            terms,
            solver(),
            0.0,
            1.0,
            1 / steps,
            y.ravel(),
            saveat=diffrax.SaveAt(t1=True),
            adjoint=diffrax.ForwardMode(),
        ).ys[0]

    return solve, parameters(problem, dim), start(points, dim)


KEYS = iter(range(1 << 30))


def sde(method, problem, dim, points, steps):
    name, tree = method.removesuffix("-tree"), method.endswith("-tree")
    solve, given, y = sde_solver(name, problem, dim, points, steps, tree)
    return solve(given, y, jax.random.key(next(KEYS))).block_until_ready()


@functools.cache
def ode_solver(method, problem, dim, points, digits):
    tolerance = 10.0**-digits

    def one(given, x):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, _: along(problem, given, y, t, 0.5, 0.5)),
            ODE[method](),
            0.0,
            1.0,
            None,
            x,
            stepsize_controller=diffrax.PIDController(tolerance, tolerance),
            saveat=diffrax.SaveAt(t1=True),
            adjoint=diffrax.ForwardMode(),
        )
        # Six evaluations a step, the last of which begins the next; two choose the first step.
        return solution.ys[0], 6 * solution.stats["num_steps"] + 2

    solve = jax.vmap(one, (None, 0)) if method.endswith("-rows") else one
    return jax.jit(solve), parameters(problem, dim), start(points, dim)


def ode(method, problem, dim, points, digits):
    solve, given, x = ode_solver(method, problem, dim, points, digits)
    x, evals = jax.block_until_ready(solve(given, x))
    return np.asarray(x), float(np.mean(evals))


methods = ["euler-maruyama", "sra1", "euler-maruyama-tree", "sra1-tree"]
serve(tasks.tasks(sde, ode, methods, ODE))
