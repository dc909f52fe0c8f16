"""Byte-level BPE: the "gpt2" tokenizer model of GGUF with the "qwen2" pre-tokenizer, in which every digit is a token."""
import collections
import json

import regex

# the split pattern that llama.cpp uses for tokenizer.ggml.pre = "qwen2"
SPLIT = regex.compile(r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
                      r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]


def byte_map():
    """GPT-2's printable stand-in for every byte."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    stand_ins, n = {b: chr(b) for b in keep}, 0
    for b in range(256):
        if b not in stand_ins:
            stand_ins[b] = chr(256 + n)
            n += 1
    return stand_ins


BYTE_TO_CHARACTER = byte_map()
CHARACTER_TO_BYTE = {c: b for b, c in BYTE_TO_CHARACTER.items()}


def train(word_counts, size):
    """{pretoken: count} -> merges [(left, right)], most frequent pairs first."""
    words = [[[BYTE_TO_CHARACTER[b] for b in w.encode()], n] for w, n in word_counts.items()]
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for i, (symbols, n) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += n
            where[pair].add(i)
    merges = []
    while len(merges) < size - 256 - len(SPECIALS):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if pairs[best] < 2:
            break
        merges.append(best)
        for i in list(where[best]):
            symbols, n = words[i]
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] -= n
                where[pair].discard(i)
            words[i][0] = merged = merge(symbols, best)
            for pair in zip(merged, merged[1:]):
                pairs[pair] += n
                where[pair].add(i)
        del pairs[best]
    return merges


def merge(symbols, pair):
    """Joins every occurrence of the pair, from the left."""
    result, j = [], 0
    while j < len(symbols):
        if j + 1 < len(symbols) and (symbols[j], symbols[j + 1]) == pair:
            result.append(symbols[j] + symbols[j + 1])
            j += 2
        else:
            result.append(symbols[j])
            j += 1
    return result


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.tokens = [BYTE_TO_CHARACTER[b] for b in range(256)] + [a + b for a, b in self.merges] + SPECIALS
        self.id = {t: i for i, t in enumerate(self.tokens)}
        assert len(self.id) == len(self.tokens)
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.cache = {}

    def word(self, text):
        """The ids of one pretoken."""
        ids = self.cache.get(text)
        if ids is None:
            symbols = [BYTE_TO_CHARACTER[b] for b in text.encode()]
            while len(symbols) > 1:
                i = min(range(len(symbols) - 1), key=lambda i: self.rank.get((symbols[i], symbols[i + 1]), 1 << 30))
                if (symbols[i], symbols[i + 1]) not in self.rank:
                    break
                symbols[i:i + 2] = [symbols[i] + symbols[i + 1]]
            ids = self.cache[text] = [self.id[t] for t in symbols]
        return ids

    def encode(self, text):
        """Plain text only: special tokens in it become ordinary characters."""
        return [i for word in SPLIT.findall(text) for i in self.word(word)]

    def encode_chat(self, pieces):
        """corpus.render's pieces -> ids, and for each id whether the assistant wrote it."""
        ids, learn = [], []
        for text, special, own in pieces:
            new = [self.id[text]] if special else self.encode(text)
            ids += new
            learn += [own] * len(new)
        return ids, learn

    def decode(self, ids):
        out = b""
        for i in ids:
            token = self.tokens[i]
            out += token.encode() if token in SPECIALS else bytes(CHARACTER_TO_BYTE[c] for c in token)
        return out.decode(errors="replace")

    def save(self, path):
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"merges": self.merges}, f, ensure_ascii=False)

    @staticmethod
    def load(path):
        with open(path, encoding="utf-8") as f:
            return Tokenizer(json.load(f)["merges"])
