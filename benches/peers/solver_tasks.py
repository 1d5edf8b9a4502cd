"""What the peers of `benches/solvers.rs` share: its formulas, and its tasks by name."""

import functools

import numpy as np
from scipy.integrate import solve_ivp
from serve import rate

COMPONENTS, SHOWN = 8, 256


def coefficients(t, library, excess=0):
    """β and α of the variance-preserving diffusion at s = 1 − t, and 1/v of a law of variance
    1 + excess at s = 0."""
    s = 1 - t
    alpha = library.exp(-0.25 * s * (0.2 + 19.9 * s))
    return 0.1 + 19.9 * s, alpha, 1 / (1 + excess * alpha**2)


def means(dim):
    """On a circle in each two coordinates, of norm 3 together."""
    k, j = np.arange(COMPONENTS)[:, None], np.arange(dim)
    return 3 / np.sqrt(dim / 2) * np.cos(2 * np.pi * (k / COMPONENTS - j / 4))


@functools.cache
def starts(points, dim):
    """Nearly normal points by a formula, the same ones for everybody."""
    k = np.arange(points * dim) + 0.5
    u, v = k * 0.7548776662466927 % 1, k * 0.5698402909980532 % 1
    return (np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * np.pi * v)).reshape(points, dim)


def exact(problem, dim):
    """The ends of the first rows: a formula, or SciPy's method of eighth order in f64."""
    x = starts(SHOWN, dim)
    if problem == 0:
        return x * np.exp(-1)
    if problem == 2:
        return 2 * x * np.sqrt(coefficients(0.0, np, 3)[2])
    centres = means(dim)

    def velocity(t, flat):
        x = flat.reshape(SHOWN, dim)
        beta, alpha, precision = coefficients(t, np, -0.75)
        pull = alpha * precision
        logits = pull * (x @ centres.T)
        r = np.exp(logits - logits.max(1, keepdims=True))
        mean = r / r.sum(1, keepdims=True) @ centres
        return (0.5 * beta * ((1 - precision) * x + pull * mean)).ravel()

    end = solve_ivp(velocity, (0, 1), x.ravel(), method="DOP853", rtol=1e-11, atol=1e-12)
    return end.y[:, -1].reshape(SHOWN, dim)


def tasks(sde, ode, sde_methods, ode_methods):
    """Names to functions, from `sde(…)` to end states and `ode(…)` to end states and work."""

    def error(method, problem, dim, points, digits, seconds):
        gap = ode(method, problem, dim, SHOWN, digits)[0] - exact(problem, dim)
        return 1e6 * np.sqrt(np.mean(gap**2))

    named = {}
    for m in sde_methods:
        named[m] = lambda *a, m=m: a[3] * rate(a[4], lambda: sde(m, *a[:4]))
        named[f"{m}-std"] = lambda *a, m=m: float(np.std(np.asarray(sde(m, *a[:4]))))
    for m in ode_methods:
        named[m] = lambda *a, m=m: rate(a[4], lambda: ode(m, *a[:4]))
        named[f"{m}-evals"] = lambda *a, m=m: ode(m, *a[:4])[1]
        named[f"{m}-error"] = functools.partial(error, m)
    return named
