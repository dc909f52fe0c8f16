"""Reads the shards that prepare.py wrote and cuts them into length-bucketed batches."""
import numpy as np
import torch


class Shard:
    """Chats as one long row: ids, learn (was the token written by the assistant), offsets of the chats."""

    def __init__(self, path):
        with np.load(path) as z:
            self.ids, self.learn, self.offsets = z["ids"], z["learn"], z["offsets"]

    def __len__(self):
        return len(self.offsets) - 1

    def length(self, i):
        return int(self.offsets[i + 1] - self.offsets[i])

    def batches(self, max_tokens, rng):
        """Lists of chat indices, in random order; chats of similar length share a batch of at most max_tokens."""
        order = rng.permutation(len(self))
        result = []
        for start in range(0, len(order), 4096):
            current, width = [], 0
            for i in sorted(order[start:start + 4096], key=self.length):
                if current and max(width, self.length(i)) * (len(current) + 1) > max_tokens:
                    result.append(current)
                    current, width = [], 0
                current.append(i)
                width = max(width, self.length(i))
            result.append(current)
        rng.shuffle(result)
        return result

    def load(self, batch):
        """-> ids (batch, time) and kinds: 1 where the assistant wrote, 2 for other text, 0 for padding."""
        width = max(map(self.length, batch))
        x = np.zeros((len(batch), width), np.int64)
        kinds = np.zeros((len(batch), width), np.int8)
        for row, i in enumerate(batch):
            cut = slice(self.offsets[i], self.offsets[i + 1])
            n = self.length(i)
            x[row, :n] = self.ids[cut]
            kinds[row, :n] = np.where(self.learn[cut], 1, 2)
        return torch.from_numpy(x), torch.from_numpy(kinds)
