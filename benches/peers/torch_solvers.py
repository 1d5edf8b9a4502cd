"""torchsde and torchdiffeq on the CPU, doing what `benches/solvers.rs` does.

Additive noise is given as a product with the diffusion, so that no matrix is made; Rössler's
method for it is torchsde's `srk`. Both sides step the whole set of points. The step of
torchdiffeq is one for the set, by the root mean square error over all of it.

    python torch_solvers.py eager|compile THREADS
"""

import functools

import solver_tasks as tasks
import torch
import torchdiffeq
import torchsde
from serve import serve
from torch_peer import Net, compiled

METHODS = {"euler-maruyama": ("euler", "none"), "sra1": ("srk", "space-time")}


def field(problem, dim):
    """(x, t, c, k) to β(c x + k score), t a number of torch."""
    if problem == 0:
        return lambda x, t, c, k: -x
    if problem == 1:
        means = torch.tensor(tasks.means(dim), dtype=torch.float32)

        def mixture(x, t, c, k):
            beta, alpha, precision = tasks.coefficients(t, torch, -0.75)
            pull = alpha * precision
            mean = torch.softmax(pull * (x @ means.T), -1) @ means
            return beta * (c - k * precision) * x + beta * k * pull * mean

        return mixture
    net = Net(128, dim)
    for p in net.output.parameters():
        torch.nn.init.zeros_(p)

    def network(x, t, c, k):
        beta, _, precision = tasks.coefficients(t, torch, 3)
        return beta * (c - k * precision) * x - beta * k * net(x, t.reshape(1, 1))

    return network


class Equation(torch.nn.Module):
    sde_type, noise_type = "ito", "additive"

    def __init__(self, problem, dim):
        super().__init__()
        self.drift = compiled(functools.partial(field(problem, dim), c=0.5, k=1.0))
        self.linear = problem == 0

    def f(self, t, y):
        return self.drift(y, t)

    def g_prod(self, t, y, v):
        return v if self.linear else tasks.coefficients(t, torch)[0].sqrt() * v


def start(points, dim):
    return torch.tensor(tasks.starts(points, dim), dtype=torch.float32)


@functools.cache
def equation(problem, dim):
    return Equation(problem, dim)


@torch.no_grad()
def sde(method, problem, dim, points, steps):
    name, area = METHODS[method]
    path = torchsde.BrownianInterval(0.0, 1.0, size=(points, dim), levy_area_approximation=area)
    ts, y = torch.tensor([0.0, 1.0]), start(points, dim)
    solve = torchsde.sdeint(equation(problem, dim), y, ts, bm=path, method=name, dt=1 / steps)
    return solve[-1]


@functools.cache
def velocity(problem, dim):
    return compiled(functools.partial(field(problem, dim), c=0.5, k=0.5))


@torch.no_grad()
def ode(method, problem, dim, points, digits):
    f, count = velocity(problem, dim), 0

    def counted(t, x):
        nonlocal count
        count += 1
        return f(x, t)

    tolerance = 10.0**-digits
    ts = torch.tensor([0.0, 1.0])
    x = torchdiffeq.odeint(
        counted, start(points, dim), ts, rtol=tolerance, atol=tolerance, method=method
    )
    return x[-1].numpy(), count


METHODS |= {f"{m}-tree": v for m, v in METHODS.items()}
serve(tasks.tasks(sde, ode, METHODS, ["dopri5"]))
