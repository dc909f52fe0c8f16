"""Writes the training data: numbered shards of tokenized chats, and a held-out shard.

    python3 prepare.py --work work --shards 12 [--first 0] [--seed 100]

The tokenizer is read from tokenizer.json; if there is none, it is trained on the corpus first. (A trained model
depends on its tokenizer, so keep it unless you start from random weights.)
"""
import argparse
import collections
import os
import random
import time

import numpy as np

from corpus import conversation, render
from tokenizer import SPLIT, Tokenizer, train

TOKENIZER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer.json")
VOCABULARY = 2048
LONGEST = 960           # tokens of a chat; the context of the model is 1024
HELD_OUT_SEED = 1


def tokenizer():
    if os.path.exists(TOKENIZER):
        return Tokenizer.load(TOKENIZER)
    rng, counts = random.Random(7), collections.Counter()
    for _ in range(40000):
        for text, special, _ in render(conversation(rng)):
            if not special:
                counts.update(SPLIT.findall(text))
    counts = {word: n for word, n in counts.items() if n >= 3}
    for role in ("user", "assistant", "system", "tool"):
        counts[role] = counts.get(role, 0) + 10 ** 6
    made = Tokenizer(train(counts, VOCABULARY))
    made.save(TOKENIZER)
    return made


def write_shard(path, tokens, chats, seed):
    rng, ids, learn, offsets = random.Random(seed), [], [], [0]
    while len(offsets) <= chats:
        i, l = tokens.encode_chat(render(conversation(rng)))
        if len(i) <= LONGEST:
            ids.append(np.array(i, np.uint16))
            learn.append(np.array(l, bool))
            offsets.append(offsets[-1] + len(i))
    part = path + ".part.npz"
    np.savez(part, ids=np.concatenate(ids), learn=np.concatenate(learn), offsets=np.array(offsets))
    os.replace(part, path)
    lengths = np.diff(offsets)
    print(f"{path}: {chats} chats, {offsets[-1]} tokens, {np.concatenate(learn).mean():.0%} learned, length mean {lengths.mean():.0f}, "
          f"over 448: {(lengths > 448).mean():.1%}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", default="work")
    parser.add_argument("--shards", type=int, default=12)
    parser.add_argument("--first", type=int, default=0, help="number of the first shard")
    parser.add_argument("--chats", type=int, default=8000, help="chats per shard")
    parser.add_argument("--seed", type=int, default=100)
    options = parser.parse_args()
    os.makedirs(f"{options.work}/shards", exist_ok=True)
    began, tokens = time.time(), tokenizer()
    write_shard(f"{options.work}/held-out.npz", tokens, 300, HELD_OUT_SEED)
    for k in range(options.first, options.first + options.shards):
        write_shard(f"{options.work}/shards/{k:03d}.npz", tokens, options.chats, options.seed + k)
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
