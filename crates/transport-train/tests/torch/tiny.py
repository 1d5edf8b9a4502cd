"""Makes tiny.pth and tiny_legacy.pth, which tests/it/torch_files.rs reads (torch 2.15)."""

from collections import OrderedDict

import torch

base = torch.arange(12, dtype=torch.float32) / 8
weights = OrderedDict(
    plain=base.reshape(3, 4),
    turned=base.reshape(3, 4).t(),
    part=base[5:9],
    half=torch.tensor([1.5, -0.25]).half(),
    brain=torch.tensor([3.0, -0.5]).bfloat16(),
    double=torch.tensor([[0.1]], dtype=torch.float64),
    scalar=torch.tensor(7.0),
    empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(torch.tensor([2.0])),
    counter=torch.tensor(5),
)
weights._metadata = {"version": 1}
state = {"model": weights, "epoch": 3, "lr": 1e-3, "history": [0.5, (1, None)], 7: {"ema": base[:1]}}
torch.save(state, "tiny.pth")
torch.save(state, "tiny_legacy.pth", _use_new_zipfile_serialization=False)
