"""zuko on the CPU, eager or compiled, doing what the flow tasks of `benches/table.rs` do.

    python zuko_speed.py eager|compile THREADS
"""

import sys

import torch
import zuko_peer
from serve import rate, serve

MODE = sys.argv[1]
torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(0)


def compiled(f):
    return torch.compile(f) if MODE == "compile" else f


def flow(model, width, dim):
    zuko_peer.HIDDEN = (width, width)
    return zuko_peer.flow(zuko_peer.MODELS[model], dim)


def train(model, width, batch, dim, seconds):
    data, net = torch.randn(4096, dim), flow(model, width, dim)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    loss_of = compiled(lambda x: -net().log_prob(x).mean() / dim)

    def step():
        loss = loss_of(data[torch.randint(0, 4096, (batch,))])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        loss.item()

    return rate(seconds, step)


def log_prob(model, width, batch, dim, seconds):
    x, net = torch.randn(batch, dim), flow(model, width, dim)
    f = compiled(lambda x: net().log_prob(x))
    with torch.no_grad():
        return rate(seconds, lambda: f(x))


def sample(model, width, batch, dim, seconds):
    net = flow(model, width, dim)
    with torch.no_grad():
        return rate(seconds, lambda: net().sample((batch,)))


serve({"flow-train": train, "flow-log-prob": log_prob, "flow-sample": sample})
