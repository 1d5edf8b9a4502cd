"""Reads `transport export` of a flow-matching run (an MLP) and finds the log-density of rows.

    python velocity.py moons.safetensors rows.csv log_prob.csv

The network is rebuilt from the card, its velocity integrated from the data (t = 1) to the normal
law (t = 0) by Heun's method together with the trace of its Jacobian, and the result laid beside
what `transport density` wrote for the same rows. Needs torch, safetensors and numpy.
"""

import json
import sys

import numpy as np
import torch
from safetensors import safe_open
from torch.nn.functional import silu

model, rows, theirs = sys.argv[1:]
with safe_open(model, "pt") as file:
    card = json.loads(file.metadata()["transport"])
    w = {name: file.get_tensor(name).double() for name in file.keys()}
about, scaler = card["export"], card["schema"]["scaler"]
assert about["schedule"]["name"] == "rectified" and about["head"]["predicts"] == {"plain": "velocity"}
turns = torch.tensor(about["network"]["turns"], dtype=torch.float64)
mean, scale = (torch.tensor([float(v) for v in scaler[k]]).double() for k in ("means", "scales"))


def velocity(x, t):
    """One state and one time; on straight lines alpha = t, sigma = 1 - t."""
    phase = 2 * torch.pi * turns * t
    phi = torch.cat([phase.sin(), phase.cos()])
    x = x / np.hypot(t, 1 - t)
    h = x @ w["net.input.weight"] + w["net.input.bias"]
    h = h + phi @ w["net.time.weight"] + w["net.time.bias"]
    for k in range(about["network"]["depth"] - 1):
        h = h + silu(h) @ w[f"net.hidden.{k}.weight"] + w[f"net.hidden.{k}.bias"]
    return silu(h) @ w["net.output.weight"] + w["net.output.bias"]


def field(x, t):
    """The velocity and its divergence, row by row."""
    jacobian = torch.func.vmap(torch.func.jacrev(velocity), (0, None))(x, t)
    return torch.func.vmap(velocity, (0, None))(x, t), jacobian.diagonal(0, 1, 2).sum(1)


def log_prob(x, steps):
    x = (x - mean) / scale
    divergence, h = torch.zeros(len(x), dtype=torch.float64), -1 / steps
    for k in range(steps):
        t = 1 + h * k
        v, d = field(x, t)
        v2, d2 = field(x + h * v, t + h)
        x, divergence = x + h / 2 * (v + v2), divergence + h / 2 * (d + d2)
    normal = -0.5 * (x**2 + np.log(2 * np.pi)).sum(1)
    return normal + divergence - scale.log().sum()


x = torch.tensor(np.loadtxt(rows, delimiter=",", skiprows=1))
ours = log_prob(x, card["config"]["sample"]["steps"])
gap = np.abs(ours.numpy() - np.loadtxt(theirs, skiprows=1)).max()
print(f"{len(x)} rows, mean log-density {ours.mean():.6f}, largest difference {gap:.1e}")
