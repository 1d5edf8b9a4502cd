"""Outputs of torch's and diffusers' networks that tests/it/import.rs checks (torch 2.15, diffusers
0.42.1), with weights that are waves of their names:

    w_i = sin(s + 0.6180339887498949 i),   s = sum of the name's bytes mod 1009

over sqrt(fan) for matrices and kernels, times 0.1 for vectors, plus 1 for the scales of norms.
"""

import math

import torch
import torch.nn.functional as F
from diffusers import UNet2DModel


def wave(name, shape):
    count = math.prod(shape)
    seed = sum(name.encode()) % 1009
    w = torch.sin(seed + 0.6180339887498949 * torch.arange(count, dtype=torch.float64))
    if len(shape) == 1:
        w = 0.1 * w + (1 if "norm" in name and name.endswith("weight") else 0)
    else:
        w = w / math.sqrt(count / shape[0])
    return w.reshape(shape)


def state(*shape):
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    return (torch.sin(0.37 * i) * torch.cos(0.0187 * i)).reshape(shape)


def show(title, y):
    y = y.detach().double().reshape(-1)
    some = ", ".join(f"{v:.6f}" for v in y[:: len(y) // 7][:8].tolist())
    print(f"{title}: [{some}], sum of squares {y.square().sum():.5f}")


def unet(title, arrays, labels=None, **config):
    net = UNet2DModel(**config)
    net.load_state_dict({k: wave(k, v.shape).float() for k, v in net.state_dict().items()})
    x = state(2, config["in_channels"], 8, 8).float()
    t = torch.tensor([10, 700])
    labels = None if labels is None else torch.tensor(labels)
    assert len(net.state_dict()) == arrays, (title, len(net.state_dict()))
    with torch.no_grad():
        show(title, net.eval()(x, t, class_labels=labels).sample)


common = dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4)
unet(
    "ddpm", 144, in_channels=1, out_channels=1, attention_head_dim=4,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    **common,
)
unet(
    "asymmetric", 124, in_channels=3, out_channels=3, attention_head_dim=None, downsample_padding=0,
    freq_shift=1, flip_sin_to_cos=False, norm_eps=1e-6, mid_block_scale_factor=math.sqrt(2),
    center_input_sample=True, add_attention=False,
    down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "AttnUpBlock2D"),
    **common,
)
unet(
    "residual", 161, labels=[1, 2], in_channels=1, out_channels=1, attention_head_dim=8, num_class_embeds=3,
    resnet_time_scale_shift="scale_shift", attn_norm_num_groups=2,
    downsample_type="resnet", upsample_type="resnet",
    down_block_types=("AttnDownBlock2D", "ResnetDownsampleBlock2D"),
    up_block_types=("ResnetUpsampleBlock2D", "AttnUpBlock2D"),
    **common,
)
unet(
    "fourier", 115, in_channels=1, out_channels=1, attention_head_dim=8, time_embedding_type="fourier",
    down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    **common,
)


def cnn(x, t, widths=(6, 4), image=(2, 9, 7), kernel=5, time=(10, 6), frequencies=3):
    f = wave("gt.frequencies", (frequencies,)) * 10
    h = torch.cat([torch.sin(t[:, None] * f), torch.cos(t[:, None] * f) - 1], 1)
    for k, width in enumerate(time):
        name = f"gt.time_embed.{2 * k}"
        h = F.gelu(h) if k else h
        h = F.linear(h, wave(f"{name}.weight", (width, h.shape[1])), wave(f"{name}.bias", (width,)))
    e, h = h, x
    for k, width in enumerate(widths):
        name = f"gt.blocks.{k}.net"
        weight = wave(f"{name}.0.weight", (width, h.shape[1], kernel, kernel))
        h = F.conv2d(h, weight, wave(f"{name}.0.bias", (width,)), padding=kernel // 2)
        shape = (width, *image[1:])
        h = F.gelu(F.layer_norm(h, shape, wave(f"{name}.1.weight", shape), wave(f"{name}.1.bias", shape)))
        h = h + e[:, :, None, None] if k == 0 else h
    name = f"gt.blocks.{len(widths)}"
    weight = wave(f"{name}.weight", (image[0], widths[-1], 3, 3))
    return F.conv2d(h, weight, wave(f"{name}.bias", (image[0],)), padding=1)


show("cnn", cnn(state(2, 2, 9, 7), torch.tensor([0.1, 0.75], dtype=torch.float64)))
