"""zuko's flows on the arrays of `flow_data.py`, trained as `examples/flow_nll.rs` trains ours.

    python zuko_peer.py ARRAYS OUT.csv [--models ...] [--sets ...] [--seeds 3] [--share]

Three transforms of zuko's own: networks of two hidden layers of 64 with ReLU; no permutation but the
alternating mask (couplings) or the reversed order (autoregressive). NSF (C) is zuko's coupling flow
with its own spline of 8 bins in place of the affine map; NSF (AR) is zuko's `NSF`. Adam on the
negative log-likelihood per coordinate, gradients clipped to norm 1, warm-up and cosine, the
validation set every 100 steps: the weights that are best there are tested, in nats a row. A row of
the output is written when its run is done; runs that are in it already are not repeated. With
`--share` RealNVP begins with the weights and sees the rows that `flow_nll --share` wrote.
"""

import argparse
import copy
import csv
import math
import pathlib
import time
from functools import partial

import numpy as np
import torch
import zuko

TRANSFORMS, HIDDEN, BINS = 3, (64, 64), 8
STEPS, BATCH, RATE, WARMUP, FLOOR, EVERY = 2000, 256, 2e-3, 100, 0.01, 100
MODELS = ["realnvp", "maf", "nsf", "nsf-ar"]
SETS = ["wine", "parkinsons", "airfoil", "power"]


def flow(model, dim):
    spline = dict(
        univariate=partial(zuko.transforms.MonotonicRQSTransform, slope=1e-3),
        shapes=[(BINS,), (BINS,), (BINS - 1,)],
    )
    common = dict(transforms=TRANSFORMS, hidden_features=HIDDEN)
    match model:
        case "realnvp":
            return zuko.flows.RealNVP(dim, **common)
        case "maf":
            return zuko.flows.MAF(dim, **common)
        case "nsf":
            return zuko.flows.RealNVP(dim, **common, **spline)
        case "nsf-ar":
            return zuko.flows.NSF(dim, bins=BINS, **common)


def rate(step):
    warm = min((step + 1) / WARMUP, 1)
    done = min(max(step - WARMUP, 0) / (STEPS - WARMUP), 1)
    return warm * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))


def batches(n, seed):
    """Permutation after permutation, without a break between them."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(n) for _ in range(STEPS * BATCH // n + 1)])
    return (order[k * BATCH : (k + 1) * BATCH] for k in range(STEPS))


@torch.no_grad()
def fill(net, values):
    """The weights of a RealNVP, from the data's side on: `[inputs, outputs]` before its bias."""
    values = torch.from_numpy(values[:, 0]).float()
    for transform in net.transform.transforms:
        layers = [m for m in transform.hyper.modules() if hasattr(m, "weight")]
        for layer in layers:
            count, outputs = layer.weight.numel(), layer.bias.numel()
            weight, bias, values = values.split([count, outputs, len(values) - count - outputs])
            weight = weight.reshape(-1, outputs).T
            if layer is layers[-1]:  # ours gives the scale before the shift, zuko the shift first
                swap = torch.arange(outputs).reshape(-1, 2).flip(1).flatten()
                weight, bias = weight[swap], bias[swap]
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    assert len(values) == 0


@torch.no_grad()
def nll(model, x):
    return -model().log_prob(x).double().mean().item()


def run(model, parts, seed, shared=None):
    torch.manual_seed(seed)
    train, validation, test = parts
    net = flow(model, train.shape[1])
    order = batches(len(train), seed)
    if shared:
        fill(net, np.load(f"{shared}.weights.npy"))
        order = np.load(f"{shared}.order.npy").astype(np.int64).reshape(STEPS, BATCH)
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    best, kept, spent = math.inf, None, 0.0
    start = time.process_time()
    for step, rows in enumerate(order, 1):
        loss = -net().log_prob(train[rows]).mean() / train.shape[1]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % EVERY == 0:
            spent += time.process_time() - start
            value = nll(net, validation)
            if value < best:
                best, kept = value, (step, copy.deepcopy(net.state_dict()))
            start = time.process_time()
    net.load_state_dict(kept[1])
    return nll(net, test), best, kept[0], STEPS / spent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("arrays", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.share and options.models != ["realnvp"]:
        parser.error("--share goes with --models realnvp")
    fields = ["set", "model", "split", "seed", "test", "validation", "step", "rate"]
    done = set()
    if options.out.exists():
        done = {tuple(row[f] for f in fields[:4]) for row in csv.DictReader(options.out.open())}
    else:
        options.out.write_text(",".join(fields) + "\n")
    for split in range(3):
        for seed in range(options.seeds):
            for name in options.sets:
                load = lambda part: np.load(options.arrays / f"{name}.{split}.{part}.npy")
                parts = [torch.from_numpy(load(p)) for p in ("train", "validation", "test")]
                for model in options.models:
                    key = (name, model, str(split), str(seed))
                    if key not in done:
                        shared = options.arrays / f"{name}.{split}.{seed}"
                        shared = shared if options.share else None
                        row = [*key, *run(model, parts, seed, shared)]
                        with options.out.open("a") as file:
                            file.write(",".join(map(str, row)) + "\n")


if __name__ == "__main__":
    main()
