"""Makes a training checkpoint from a GGUF file of ours, optionally with more layers and a wider feed-forward part.

    python3 grow.py MODEL.gguf work/grown.pt --layers 8 --ffn 512

Growing keeps the function: new layers and new feed-forward units start with zero output weights.
"""
import argparse

import torch

import gguf_file
from model import Config, Llama
from tensor_names import tensor_names


def read_checkpoint(path):
    """-> the configuration and the state dict of a llama GGUF file with tied embeddings."""
    meta, tensors = gguf_file.read(path)
    config = Config(
        vocab=meta["llama.vocab_size"], dim=meta["llama.embedding_length"], layers=meta["llama.block_count"],
        heads=meta["llama.attention.head_count"], kv_heads=meta["llama.attention.head_count_kv"],
        ffn=meta["llama.feed_forward_length"], rope_theta=meta["llama.rope.freq_base"],
        eps=round(meta["llama.attention.layer_norm_rms_epsilon"], 9))
    return config, {ours: torch.from_numpy(tensors[theirs]) for ours, theirs in tensor_names(config.layers)}


def grow(config, state, layers, ffn):
    """A model with the same function. The new layers are spread over the upper part, behind old ones."""
    bigger = Llama(Config(**{**config.to_dict(), "layers": layers, "ffn": ffn}))
    extra = layers - config.layers
    followed = {config.layers - 1 - round(i * config.layers / max(1, extra)) for i in range(extra)}
    if len(followed) != extra:
        raise SystemExit("at most one new layer can follow each old one")
    new = bigger.state_dict()
    for name in ("emb.weight", "norm.weight"):
        new[name].copy_(state[name])
    target = 0
    for source in range(config.layers):
        for name in [n.split(".", 2)[2] for n in state if n.startswith(f"blocks.{source}.")]:
            old, place = state[f"blocks.{source}.{name}"], new[f"blocks.{target}.{name}"]
            if name == "down.weight":
                place.zero_()
            place[tuple(slice(n) for n in old.shape)] = old
        target += 1
        if source in followed:
            new[f"blocks.{target}.wo.weight"].zero_()
            new[f"blocks.{target}.down.weight"].zero_()
            target += 1
    bigger.load_state_dict(new)
    return bigger


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--ffn", type=int)
    options = parser.parse_args()
    torch.manual_seed(5)
    config, state = read_checkpoint(options.source)
    model = grow(config, state, options.layers or config.layers, options.ffn or config.ffn)
    torch.save({"config": model.c.to_dict(), "state": model.state_dict()}, options.target)
    small = Llama(config)
    small.load_state_dict(state)
    ids = torch.randint(0, config.vocab, (2, 64))
    with torch.no_grad():
        difference = float((small(ids) - model(ids)).abs().max())
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters, largest difference of a logit {difference:.1e}")


if __name__ == "__main__":
    main()
