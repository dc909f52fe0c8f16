"""A llama-architecture decoder in plain PyTorch (1.13 or newer, CPU).

Its weights map one to one onto llama.cpp's "llama" architecture: RMSNorm, SwiGLU, grouped-query attention, tied
embeddings, and RoPE in the interleaved layout (pairs 2i, 2i+1), so that q and k need no permutation on export.
"""
import math
from dataclasses import asdict, dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    """The shape of a model. `context` bounds the sequences that can be trained on, not those that llama.cpp accepts."""

    vocab: int = 2048
    dim: int = 128
    layers: int = 8
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 512
    context: int = 1024
    rope_theta: float = 10000.0
    eps: float = 1e-5

    @property
    def head_dim(self):
        return self.dim // self.heads

    def to_dict(self):
        return asdict(self)


class RMSNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rope_tables(config):
    """Cosines and sines, each of shape (context, head_dim / 2)."""
    half = config.head_dim // 2
    frequencies = config.rope_theta ** (-torch.arange(half).float() / half)
    angles = torch.arange(config.context).float()[:, None] * frequencies[None]
    return torch.cos(angles), torch.sin(angles)


def rope(x, cos, sin):
    """Rotates the pairs (x[2i], x[2i+1]); x is (batch, heads, time, head_dim)."""
    x1, x2 = x[..., 0::2], x[..., 1::2]
    return torch.stack((x1 * cos - x2 * sin, x1 * sin + x2 * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        kv = c.kv_heads * c.head_dim
        self.c = c
        self.attn_norm = RMSNorm(c.dim, c.eps)
        self.wq = nn.Linear(c.dim, c.dim, bias=False)
        self.wk = nn.Linear(c.dim, kv, bias=False)
        self.wv = nn.Linear(c.dim, kv, bias=False)
        self.wo = nn.Linear(c.dim, c.dim, bias=False)
        self.ffn_norm = RMSNorm(c.dim, c.eps)
        self.gate = nn.Linear(c.dim, c.ffn, bias=False)
        self.up = nn.Linear(c.dim, c.ffn, bias=False)
        self.down = nn.Linear(c.ffn, c.dim, bias=False)

    def forward(self, x, cos, sin, mask):
        c, (B, T, _) = self.c, x.shape
        h = self.attn_norm(x)
        q = rope(self.wq(h).view(B, T, c.heads, c.head_dim).transpose(1, 2), cos, sin)
        k = rope(self.wk(h).view(B, T, c.kv_heads, c.head_dim).transpose(1, 2), cos, sin)
        v = self.wv(h).view(B, T, c.kv_heads, c.head_dim).transpose(1, 2)
        # Each kv head serves `group` query heads; these are folded into the row dimension, so k and v are never copied.
        group = c.heads // c.kv_heads
        q = q.reshape(B, c.kv_heads, group * T, c.head_dim) * (c.head_dim ** -0.5)
        attention = (q @ k.transpose(-1, -2)).view(B, c.kv_heads, group, T, T) + mask
        attention = F.softmax(attention, -1).view(B, c.kv_heads, group * T, T)
        y = (attention @ v).view(B, c.heads, T, c.head_dim).transpose(1, 2).reshape(B, T, c.dim)
        x = x + self.wo(y)
        h = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.emb = nn.Embedding(c.vocab, c.dim)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = RMSNorm(c.dim, c.eps)
        cos, sin = rope_tables(c)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.register_buffer("mask", torch.full((c.context, c.context), -1e9).triu(1), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                std = 0.02 if "emb" in name else 1 / math.sqrt(p.shape[1])
                if name.endswith(("wo.weight", "down.weight")):
                    std /= math.sqrt(2 * c.layers)
                nn.init.normal_(p, 0, std)

    def hidden(self, ids):
        """The normalised last hidden states, (batch, time, dim)."""
        T = ids.shape[1]
        x = self.emb(ids)
        for block in self.blocks:
            x = block(x, self.cos[:T], self.sin[:T], self.mask[:T, :T])
        return self.norm(x)

    def forward(self, ids):
        """Logits; the embedding is also the output matrix."""
        return self.hidden(ids) @ self.emb.weight.t()
