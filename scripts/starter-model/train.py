"""Trains the model on prepare.py's shards until a budget of tokens is used up.

    python3 train.py --work work --tokens 14e6 [--init work/start.pt | --resume]

Two single-threaded processes share the parameters: each computes gradients on its own half of the batch, then each
updates half of the parameters. On small matrices this scales better than threads inside one process.

The learning rate follows the tokens that have been seen, not the clock, so pausing the processes (SIGSTOP, SIGCONT)
or sharing the machine costs nothing but time. The budget stands in work/tokens and is read again at every step:
write another number there to end a run earlier or later, fully annealed. Checkpoints hold everything that --resume
needs. A shard is read when its turn comes, so shards may be replaced while a run is going on.
"""
import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")    # before numpy and torch: BLAS threads would spin against each other

import argparse
import glob
import json
import time

import numpy as np
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F

from batches import Shard
from model import Config, Llama
from optimizer import Optimizer

PROCESSES = 2
BATCH_TOKENS = 2048     # per process, padding included
WARM_STEPS = 60
OTHER_TEXT = 0.12       # share of the tokens not written by the assistant that count in the loss, too
SAVE_STEPS = 250
FRESH = {"step": 0, "tokens": 0, "turn": 0, "position": 0, "average": None}      # turn counts shards, position batches of the shard


def loss_of(model, x, kinds, other=0.0, generator=None, mixed=False):
    """Mean cross entropy over the assistant's tokens and a random share of the others.

    With `mixed` the layers multiply in bfloat16, which is much faster on processors that have it; the residual
    stream, the logits and the weights stay in float32.
    """
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        hidden = model.hidden(x[:, :-1])
    hidden = hidden.float().reshape(-1, model.c.dim)
    targets, kinds = x[:, 1:].reshape(-1), kinds[:, 1:].reshape(-1)
    chosen = kinds == 1
    if other:
        chosen |= (kinds == 2) & (torch.rand(kinds.shape, generator=generator) < other)
    chosen = chosen.nonzero()[:, 0]
    return F.cross_entropy(hidden[chosen] @ model.emb.weight.t(), targets[chosen])


@torch.no_grad()
def validate(model, path):
    """Mean loss over the assistant's tokens of the held-out shard."""
    shard = Shard(path)
    total = count = 0
    for batch in shard.batches(4096, np.random.default_rng(0)):
        x, kinds = shard.load(batch)
        n = int((kinds[:, 1:] == 1).sum())
        total += float(loss_of(model, x, kinds)) * n
        count += n
    return total / count


def learning_rate(step, progress, hold):
    """1 until `hold` of the budget is used (after a short warm-up), then linearly down to 0."""
    return min(1, (step + 1) / WARM_STEPS) * min(1.0, max(0.0, (1 - progress) / (1 - hold)))


def save(path, value):
    torch.save(value, path + ".part")
    os.replace(path + ".part", path)


class Shared:
    """What the processes share beside the parameters: gradients, a few numbers, and a barrier."""

    def __init__(self, size):
        self.gradients = torch.zeros(PROCESSES, size).share_memory_()
        self.numbers = torch.zeros(3 + 2 * PROCESSES, dtype=torch.float64).share_memory_()
        self.losses, self.tokens = self.numbers[3:3 + PROCESSES], self.numbers[3 + PROCESSES:]
        self.barrier = mp.Barrier(PROCESSES)

    def agree(self, rank, slot, read):
        """The first process reads a number for all of them."""
        if rank == 0:
            self.numbers[slot] = read()
        self.barrier.wait()
        return float(self.numbers[slot])


class Worker:
    """One of the processes. All of them go through the same steps at the same time."""

    def __init__(self, rank, options, model, shared, start):
        self.rank, self.options, self.model, self.shared = rank, options, model, shared
        self.step, self.tokens, self.turn, self.position, self.average = (start[k] for k in FRESH)
        self.params = list(model.parameters())
        self.ends = np.cumsum([0] + [p.numel() for p in self.params])
        self.optimizer = Optimizer(self.params, [i for i in range(len(self.params)) if i % PROCESSES == rank], model.c.vocab)
        if "optimizer" in start:
            self.optimizer.steps = self.step
            for i in self.optimizer.mine:
                self.optimizer.state[i] = [t.clone() for t in start["optimizer"][i]]
        self.generator = torch.Generator().manual_seed(options.seed * 1000 + rank + self.step)
        self.began, self.first_tokens = time.time(), self.tokens

    def run(self):
        done = False
        while not done:
            shards = self.shared.agree(self.rank, 1, lambda: len(glob.glob(f"{self.options.work}/shards/*.npz")))
            shard = Shard(f"{self.options.work}/shards/{self.turn % int(shards):03d}.npz")
            batches = shard.batches(BATCH_TOKENS, np.random.default_rng([self.options.seed, self.turn]))
            count = int(self.shared.agree(self.rank, 2, lambda: len(batches)))     # a shard may be replaced between two reads
            while self.position + PROCESSES <= count and not done:
                done = self.train_on(shard, batches[(self.position + self.rank) % len(batches)])
            self.turn, self.position = self.turn + 1, 0

    def train_on(self, shard, batch):
        """One step; says whether the budget is used up."""
        x, kinds = shard.load(batch)
        for p in self.params:
            p.grad = None
        loss = loss_of(self.model, x, kinds, OTHER_TEXT, self.generator, self.options.mixed)
        loss.backward()
        for i, p in enumerate(self.params):
            self.shared.gradients[self.rank, self.ends[i]:self.ends[i + 1]] = p.grad.view(-1)
        self.shared.losses[self.rank] = float(loss)
        self.shared.tokens[self.rank] = int((kinds > 0).sum())
        budget = self.shared.agree(self.rank, 0, self.budget)
        progress = self.tokens / budget
        rate = learning_rate(self.step, progress, self.options.hold)
        self.optimizer.step(self.gradient_of, rate)
        mean = float(self.shared.losses.mean())
        self.average = mean if self.average is None else 0.98 * self.average + 0.02 * mean
        self.tokens += int(self.shared.tokens.sum())
        self.step += 1
        self.position += PROCESSES
        self.shared.barrier.wait()
        if self.step % SAVE_STEPS == 0 or progress >= 1:
            self.checkpoint(rate)
        return progress >= 1

    def budget(self):
        with open(f"{self.options.work}/tokens") as f:
            return float(f.read())

    def gradient_of(self, i):
        return self.shared.gradients[:, self.ends[i]:self.ends[i + 1]].mean(0).view(self.params[i].shape)

    def checkpoint(self, rate):
        work = self.options.work
        save(f"{work}/optimizer-{self.rank}.pt", {"step": self.step, "state": self.optimizer.state})
        if self.rank == 0:
            seconds = time.time() - self.began
            line = json.dumps(dict(step=self.step, seconds=round(seconds), tokens=self.tokens, shard=self.turn, train=round(self.average, 4),
                                   held_out=round(validate(self.model, f"{work}/held-out.npz"), 4), rate=round(rate, 3),
                                   tokens_per_second=round((self.tokens - self.first_tokens) / seconds)))
            print(line, flush=True)
            with open(f"{work}/train.log", "a") as log:
                log.write(line + "\n")
            save(f"{work}/model.pt", {"config": self.model.c.to_dict(), "state": self.model.state_dict(), **{k: getattr(self, k) for k in FRESH}})
        self.shared.barrier.wait()


def work_in_process(*arguments):
    torch.set_num_threads(1)
    Worker(*arguments).run()


def starting_point(options):
    """-> the model and the position at which training starts or goes on."""
    if options.resume:
        saved = torch.load(f"{options.work}/model.pt")
        parts = [torch.load(f"{options.work}/optimizer-{rank}.pt") for rank in range(PROCESSES)]
        if any(part["step"] != saved["step"] for part in parts):
            raise SystemExit("the checkpoint files are of different steps; use --init work/model.pt instead")
        start = {**{k: saved[k] for k in FRESH}, "optimizer": {i: t for part in parts for i, t in part["state"].items()}}
    elif options.init:
        saved, start = torch.load(options.init), FRESH
    else:
        return Llama(Config()), FRESH
    model = Llama(Config(**saved["config"]))
    model.load_state_dict(saved["state"])
    return model, start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", default="work", help="folder of the shards, the checkpoints and the log")
    parser.add_argument("--tokens", type=float, help="budget; the default is what work/tokens says")
    parser.add_argument("--init", help="checkpoint whose weights to start from, with a fresh optimizer")
    parser.add_argument("--resume", action="store_true", help="go on from work/model.pt")
    parser.add_argument("--no-mixed", dest="mixed", action="store_false", help="multiply in float32 only")
    parser.add_argument("--hold", type=float, default=0.35, help="share of the budget at the full learning rate")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.tokens:
        with open(f"{options.work}/tokens", "w") as f:
            f.write(f"{options.tokens:.0f}\n")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    model, start = starting_point(options)
    model.share_memory()
    size = sum(p.numel() for p in model.parameters())
    print(f"{size / 1e6:.2f}M parameters, {model.c}", flush=True)
    mp.start_processes(work_in_process, (options, model, Shared(size), start), nprocs=PROCESSES, start_method="fork")


if __name__ == "__main__":
    main()
