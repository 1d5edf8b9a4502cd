"""torchcfm on the cells of `examples/bench_2d`: the same laws, network, recipe and points.

Reads the starts that `bench_2d` wrote, trains, carries them to t = 1, and writes the ends
and the energies beside them; `bench_2d --methods torchcfm-i-cfm,torchcfm-ot-cfm` scores them.
What `bench_2d --methods stream` wrote, if it is there, takes the place of this script's own draws:
the first weights, and for each step the starts, the data, the times and the noise on the paths.
Couplings are always torchcfm's.

    python torchcfm_peer.py POINTS_DIR TASK METHOD SEED STEPS THREADS
"""

import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torchcfm.conditional_flow_matching import (
    ConditionalFlowMatcher,
    ExactOptimalTransportConditionalFlowMatcher,
)

folder, task, method = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
seed, steps = int(sys.argv[4]), int(sys.argv[5])
torch.set_num_threads(int(sys.argv[6]))
torch.manual_seed(seed)
np.random.seed(seed)  # torchcfm's couplings
rng = np.random.default_rng(seed)
BATCH, WIDTH, LR, BLUR = 512, 64, 1e-3, 0.1


def normal(n):
    return rng.standard_normal((n, 2))


def eight(n):
    angle = 2 * math.pi * rng.integers(0, 8, n) / 8
    return 5 * np.stack([np.cos(angle), np.sin(angle)], 1) + math.sqrt(0.1) * normal(n)


def moons(n):
    a = math.pi * rng.random(n)
    upper = np.stack([np.cos(a), np.sin(a)], 1)
    lower = np.stack([1 - np.cos(a), 0.5 - np.sin(a)], 1)
    point = np.where((rng.random(n) < 0.5)[:, None], lower, upper)
    return 3 * point - 1 + 0.6 * normal(n)


def s_curve(n):
    a = 3 * math.pi * (rng.random(n) - 0.5)
    point = np.stack([np.sin(a), np.sign(a) * (np.cos(a) - 1)], 1)
    return 3 * point + 0.2 * normal(n)


LAWS = {"normal": normal, "8gaussians": eight, "moons": moons, "s-curve": s_curve}
first, second = task.split("-", 1)


def drawn(k):
    """Starts, data and times of a step; times None for torchcfm to draw."""
    if stream is None:
        return [torch.from_numpy(LAWS[law](BATCH)).float() for law in (first, second)] + [None]
    rows = torch.from_numpy(stream[k * BATCH : (k + 1) * BATCH].copy()).float()
    matcher.sample_noise_like = lambda x: rows[:, 5:]
    return rows[:, :2], rows[:, 2:4], rows[:, 4]


def given(what):
    path = folder / f"{task}-{seed}-{what}.npy"
    return np.load(path, mmap_mode="r") if path.exists() else None


stream, init = given("stream"), given("init")

matcher = {
    "i-cfm": ConditionalFlowMatcher,
    "ot-cfm": ExactOptimalTransportConditionalFlowMatcher,
}[method](sigma=BLUR)

sizes = [3, WIDTH, WIDTH, WIDTH, 2]
layers = [torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]
net = torch.nn.Sequential(*[m for l in layers[:-1] for m in (l, torch.nn.SELU())], layers[-1])
if init is not None:
    begin = torch.from_numpy(init.copy()).float()
    for layer in layers:
        count = layer.weight.numel()
        with torch.no_grad():
            layer.weight.copy_(begin[:count].reshape(layer.weight.shape[::-1]).T)
            layer.bias.copy_(begin[count:][: layer.bias.numel()].flatten())
        begin = begin[count + layer.bias.numel() :]
optimiser = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=1e-2)
average = [p.detach().clone() for p in net.parameters()]


def rate(k):
    """The recipe of our side: 200 steps up, half a cosine down to a hundredth."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(max(k - 200, 0) / max(steps - 200, 1), 1)))
    return LR * min((k + 1) / 200, 1) * (0.01 + 0.99 * cosine)


began = time.perf_counter()
for k in range(steps):
    x0, x1, t = drawn(k)
    t, x, u = matcher.sample_location_and_conditional_flow(x0, x1, t=t)
    loss = (net(torch.cat([x, t[:, None]], 1)) - u).square().mean()
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    for group in optimiser.param_groups:
        group["lr"] = rate(k)
    optimiser.step()
    decay = min(0.999, (2 + k) / (11 + k))
    with torch.no_grad():
        for a, p in zip(average, net.parameters()):
            a.lerp_(p, 1 - decay)
speed = steps / (time.perf_counter() - began)

with torch.no_grad():
    for a, p in zip(average, net.parameters()):
        p.copy_(a)
    x = torch.from_numpy(np.load(folder / f"{task}-{seed}-start.npy")).float()
    energy = torch.zeros(len(x))
    for k in range(100):
        v = net(torch.cat([x, torch.full((len(x), 1), k / 100)], 1))
        energy += v.square().sum(1) / 100
        x = x + v / 100
# x, y and the energy, then one row with the speed.
out = np.concatenate([x.numpy(), energy[:, None].numpy()], 1)
out = np.concatenate([out, [[speed, 0, 0]]], 0).astype(np.float64)
np.save(folder / f"{task}-{seed}-torchcfm-{method}.npy", out)
print(f"{task} {method} {seed}: {speed:.0f} steps/s")
