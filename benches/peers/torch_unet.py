"""The U-Net of `crates/transport-models/src/net/unet` in PyTorch: the same blocks, the same number of
parameters."""

import torch
from torch import nn
from torch.nn import functional as F

# By the side of the images: planes of the levels, groups of a norm, the longest side with attention.
# 28 is the recipe of docs/src/networks.md, 8 what our side takes when nothing is said.
SIZES = {8: ([32, 64, 64], 8, 8), 28: ([16, 32, 64], 16, 7)}


class Block(nn.Module):
    """norm, silu, convolution; norm with a scale and a shift by the time, silu, convolution; around."""

    def __init__(self, inputs, outputs, told, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(told, 2 * outputs)
        self.norm2 = nn.GroupNorm(groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.around = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, told):
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.time(told)[:, :, None, None].chunk(2, 1)
        h = self.conv2(F.silu(torch.addcmul(shift, self.norm2(h), 1 + scale)))
        return self.around(x) + h


class Attention(nn.Module):
    """Every pixel asks all others, in heads of `head` features."""

    def __init__(self, planes, groups, head):
        super().__init__()
        self.norm = nn.GroupNorm(groups, planes)
        self.to_q, self.to_k, self.to_v, self.out = (nn.Linear(planes, planes) for _ in range(4))
        self.heads = planes // head

    def forward(self, x):
        n, c, h, w = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        heads = lambda y: y.view(n, h * w, self.heads, -1).transpose(1, 2)
        q, k, v = heads(self.to_q(tokens)), heads(self.to_k(tokens)), heads(self.to_v(tokens))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, h * w, c)
        return x + self.out(y).transpose(1, 2).reshape(n, c, h, w)


class UNet(nn.Module):
    """For images of `side` pixels a side and one plane."""

    def __init__(self, side):
        super().__init__()
        planes, groups, attention = SIZES[side]
        first, last, told = planes[0], planes[-1], 4 * planes[0]
        sides = [side]
        while len(sides) < len(planes):
            sides.append((sides[-1] + 1) // 2)
        block = lambda inputs, outputs: Block(inputs, outputs, told, groups)
        attend = lambda k: Attention(planes[k], groups, min(32, first)) if sides[k] <= attention else nn.Identity()
        self.turns = 2 * torch.pi * 0.25 * 64 ** torch.linspace(0, 1, first // 2)
        self.time = nn.Sequential(nn.Linear(first, told), nn.SiLU(), nn.Linear(told, told), nn.SiLU())
        self.conv_in = nn.Conv2d(1, first, 3, padding=1)
        levels = range(len(planes))
        before = [first, *planes]
        self.down = nn.ModuleList(block(before[k], planes[k]) for k in levels)
        self.down_attend = nn.ModuleList(attend(k) for k in levels)
        self.shrink = nn.ModuleList(nn.Conv2d(p, p, 3, stride=2, padding=1) for p in planes[:-1])
        self.mid = nn.ModuleList([block(last, last), Attention(last, groups, min(32, first)), block(last, last)])
        below = [*planes[1:], last]
        self.up = nn.ModuleList(
            nn.ModuleList([block(below[k] + planes[k], planes[k]), block(planes[k] + before[k], planes[k])])
            for k in levels
        )
        self.up_attend = nn.ModuleList(nn.ModuleList([attend(k), attend(k)]) for k in levels)
        self.grow = nn.ModuleList(nn.Conv2d(p, p, 3, padding=1) for p in planes[1:])
        self.norm_out = nn.GroupNorm(groups, first)
        self.conv_out = nn.Conv2d(first, 1, 3, padding=1)
        for layer in [b.conv2 for b in self.modules() if isinstance(b, Block)] + [self.conv_out]:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, t):
        """x: `[n, 1, side, side]`; t: `[n, 1]` or `[1, 1]`."""
        phase = t * self.turns
        told = self.time(torch.cat([phase.sin(), phase.cos()], -1))
        h = self.conv_in(x)
        kept = [h]
        for k, block in enumerate(self.down):
            h = self.down_attend[k](block(h, told))
            kept.append(h)
            if k < len(self.shrink):
                h = self.shrink[k](h)
                kept.append(h)
        h = self.mid[2](self.mid[1](self.mid[0](h, told)), told)
        for k in reversed(range(len(self.up))):
            for block, attend in zip(self.up[k], self.up_attend[k]):
                h = attend(block(torch.cat([h, kept.pop()], 1), told))
            if k > 0:
                h = self.grow[k - 1](F.interpolate(h, scale_factor=2))
        return self.conv_out(F.silu(self.norm_out(h)))
