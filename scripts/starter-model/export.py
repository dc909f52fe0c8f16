"""Writes a GGUF file from a checkpoint.

    python3 export.py work/model.pt ../../models/starter.gguf [--kind f16]
"""
import argparse
import os

import torch

import gguf_file
from prepare import TOKENIZER
from tensor_names import tensor_names
from tokenizer import SPECIALS, Tokenizer

CONTEXT = 1024          # the longest chats of training have 960 tokens
KINDS = {"f32": (gguf_file.F32, 0), "f16": (gguf_file.F16, 1), "q8_0": (gguf_file.Q8_0, 7)}      # tensor kind, general.file_type
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4         # control tokens are hidden when decoding, user defined ones are visible
TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chat_template.jinja")


def metadata(config, tokens, kind):
    plain = len(tokens.tokens) - len(SPECIALS)
    number = {s: plain + i for i, s in enumerate(SPECIALS)}
    with open(TEMPLATE, encoding="utf-8") as f:
        template = f.read().strip()
    return {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "Starter",
        "general.description": "A tiny chat model, trained from random weights on generated chats, so that a mesh answers before a real model is added.",
        "general.license": "apache-2.0",
        "general.languages": ["en"],
        "general.quantization_version": 2,
        "general.file_type": KINDS[kind][1],
        "llama.context_length": CONTEXT,
        "llama.embedding_length": config["dim"],
        "llama.block_count": config["layers"],
        "llama.feed_forward_length": config["ffn"],
        "llama.attention.head_count": config["heads"],
        "llama.attention.head_count_kv": config["kv_heads"],
        "llama.attention.layer_norm_rms_epsilon": float(config["eps"]),
        "llama.rope.dimension_count": config["dim"] // config["heads"],
        "llama.rope.freq_base": float(config["rope_theta"]),
        "llama.vocab_size": config["vocab"],
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens.tokens,
        "tokenizer.ggml.token_type": [NORMAL] * plain + [CONTROL, CONTROL, CONTROL, USER_DEFINED, USER_DEFINED],
        "tokenizer.ggml.merges": [f"{a} {b}" for a, b in tokens.merges],
        "tokenizer.ggml.bos_token_id": number["<|endoftext|>"],
        "tokenizer.ggml.eos_token_id": number["<|im_end|>"],
        "tokenizer.ggml.padding_token_id": number["<|endoftext|>"],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": template,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("target")
    parser.add_argument("--kind", choices=KINDS, default="f16")
    options = parser.parse_args()
    tokens = Tokenizer.load(TOKENIZER)
    saved = torch.load(options.checkpoint, map_location="cpu")
    config, state = saved["config"], {name: t.float().numpy() for name, t in saved["state"].items()}
    assert config["vocab"] == len(tokens.tokens)
    tensors = []
    for ours, theirs in tensor_names(config["layers"]):
        x = state[ours]
        tensors.append((theirs, x, gguf_file.F32 if x.ndim == 1 else KINDS[options.kind][0]))
    part = options.target + ".part"
    gguf_file.write(part, metadata(config, tokens, options.kind), tensors)
    os.replace(part, options.target)
    print(f"{options.target}: {sum(x.size for _, x, _ in tensors) / 1e6:.2f}M parameters, {os.path.getsize(options.target)} bytes")


if __name__ == "__main__":
    main()
