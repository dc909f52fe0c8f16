"""Muon for the weight matrices, AdamW (without decay) for the embedding and the norms."""
import torch


def orthogonalise(g):
    """Five Newton-Schulz steps towards the nearest orthogonal matrix."""
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.t()
    for _ in range(5):
        a = x @ x.t()
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.t() if tall else x


class Optimizer:
    """Updates the parameters whose indices are in `mine`; the other processes update the rest."""

    MUON_RATE, ADAM_RATE, DECAY = 0.02, 0.004, 0.02

    def __init__(self, params, mine, vocab):
        self.params, self.mine, self.vocab = params, mine, vocab
        self.state = {i: [torch.zeros_like(params[i]), torch.zeros_like(params[i])] for i in mine}
        self.steps = 0

    @torch.no_grad()
    def step(self, gradient_of, rate):
        """gradient_of(i) is the averaged gradient of parameter i; rate in [0, 1] scales the peak rates."""
        self.steps += 1
        for i in self.mine:
            p, g = self.params[i], gradient_of(i)
            first, second = self.state[i]
            if p.dim() == 2 and p.shape[0] != self.vocab:
                first.mul_(0.95).add_(g)
                update = orthogonalise(g + 0.95 * first)
                p.mul_(1 - rate * self.MUON_RATE * self.DECAY)
                p.add_(update, alpha=-rate * self.MUON_RATE * max(1, p.shape[0] / p.shape[1]) ** 0.5)
            else:
                first.mul_(0.9).add_(g, alpha=0.1)
                second.mul_(0.98).addcmul_(g, g, value=0.02)
                c1, c2 = 1 - 0.9 ** self.steps, 1 - 0.98 ** self.steps
                p.addcdiv_(first / c1, (second / c2).sqrt_().add_(1e-10), value=-rate * self.ADAM_RATE)
