"""PyTorch on the CPU, eager or compiled, doing what `benches/table.rs` does.

The same residual network with the same embedding of time, the denoising loss of the
variance-preserving diffusion, fused AdamW. It neither clips gradients nor averages weights, which
our side does: the comparison leans its way.

    python torch_peer.py eager|compile THREADS
"""

import math
import sys

import torch
from serve import rate, serve
from torch_unet import UNet

MODE = sys.argv[1]
torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(0)
FREQUENCIES = 16
TURNS = 2 * math.pi * torch.tensor([0.25 * 64 ** (k / 15) for k in range(FREQUENCIES)])


class Net(torch.nn.Module):
    """x W + phi(t) U, two residual layers, a linear read-out."""

    def __init__(self, width, dim):
        super().__init__()
        self.input = torch.nn.Linear(dim, width)
        self.time = torch.nn.Linear(2 * FREQUENCIES, width)
        self.hidden = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(2))
        self.output = torch.nn.Linear(width, dim)

    def forward(self, x, t):
        phase = t * TURNS
        h = self.input(x) + self.time(torch.cat([phase.sin(), phase.cos()], -1))
        for layer in self.hidden:
            h = h + layer(torch.nn.functional.silu(h))
        return self.output(torch.nn.functional.silu(h))


def compiled(f):
    return torch.compile(f) if MODE == "compile" else f


def alpha_sigma(s):
    """The marginal of dx = -beta x / 2 dt + sqrt(beta) dw, beta from 0.1 to 20."""
    integral = 0.1 * s + 0.5 * 19.9 * s * s
    return torch.exp(-0.5 * integral), torch.sqrt(-torch.expm1(-integral))


def train(width, batch, dim, seconds):
    return steps(Net(width, dim), batch, [dim], 4096, seconds)


def unet_train(side, batch, seconds):
    return steps(UNet(side), batch, [1, side, side], 1024, seconds)


def steps(net, batch, shape, rows, seconds):
    """Steps of the optimiser on the denoising loss, per second."""
    data = torch.randn(rows, *shape)
    column = [batch] + [1] * len(shape)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2, fused=True)

    @compiled
    def loss_of(x1, t, x0):
        alpha, sigma = alpha_sigma(1 - t.view(column))
        return (net(alpha * x1 + sigma * x0, t) - x0).square().mean()

    def step():
        x1 = data[torch.randint(0, rows, (batch,))]
        loss = loss_of(x1, torch.rand(batch, 1), torch.randn(batch, *shape))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        loss.item()

    return rate(seconds, step)


def sample(width, dim, points, steps, seconds):
    return steps * rate(seconds, euler(Net(width, dim), [points, dim], steps))


def unet_sample(side, points, steps, seconds):
    return steps * rate(seconds, euler(UNet(side), [points, 1, side, side], steps))


def euler(net, shape, steps):
    """Draws samples by Euler steps of the probability flow."""
    step_size = 1 / steps

    @compiled
    def step(x, t):
        beta = 0.1 + 19.9 * (1 - t)
        sigma = alpha_sigma(1 - t)[1]
        return x + step_size * 0.5 * beta * (x - net(x, t) / sigma)

    @torch.no_grad()
    def draw():
        x = torch.randn(shape)
        for k in range(steps):
            x = step(x, torch.full((1, 1), k / steps))
        return x

    return draw


def jvp(width, batch, dim, seconds):
    net = Net(width, dim)
    x, u, t = torch.randn(batch, dim), torch.randn(batch, dim), torch.full((1, 1), 0.5)
    f = compiled(lambda x, u: torch.func.jvp(lambda x: net(x, t), (x,), (u,)))
    with torch.no_grad():
        return rate(seconds, lambda: f(x, u))


def divergence(width, batch, dim, seconds):
    net = Net(width, dim)
    x, t = torch.randn(batch, dim), torch.full((1, 1), 0.5)
    basis = torch.eye(dim)[:, None, :].expand(dim, batch, dim)

    @compiled
    def f(x):
        along = lambda u: torch.func.jvp(lambda x: net(x, t), (x,), (u,))[1]
        return torch.func.vmap(along)(basis).diagonal(dim1=0, dim2=2).sum(-1)

    with torch.no_grad():
        return rate(seconds, lambda: f(x))


if __name__ == "__main__":
    serve(
        {
            "train": train,
            "sample": sample,
            "jvp": jvp,
            "divergence": divergence,
            "unet-train": unet_train,
            "unet-sample": unet_sample,
        }
    )
