"""How the parameters of model.py are called in a GGUF file."""

BLOCK = {
    "attn_norm": "attn_norm", "wq": "attn_q", "wk": "attn_k", "wv": "attn_v", "wo": "attn_output",
    "ffn_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
}


def tensor_names(layers):
    """[(name in model.py, name in GGUF)]. There is no output.weight: the embedding is tied."""
    names = [("emb.weight", "token_embd.weight"), ("norm.weight", "output_norm.weight")]
    for i in range(layers):
        names += [(f"blocks.{i}.{ours}.weight", f"blk.{i}.{theirs}.weight") for ours, theirs in BLOCK.items()]
    return names
