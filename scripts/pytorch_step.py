"""Measures training steps of Isoflop's GPT-2 model in PyTorch: one shape, one thread, random tokens.

    pytorch_step.py 32,2,4,128,4,79 --rotary --seconds 2

The shape is width, depth, heads, context, batch and vocabulary, followed for a moe model by experts and experts per token.
Prints a line of JSON. `compare-pytorch` calls it."""

import argparse
import json
import statistics
import time

import torch
from torch.nn.functional import cross_entropy, embedding, gelu, layer_norm, linear, scaled_dot_product_attention

LEARNING_RATE, BETAS, CLIP, BATCHES = 0.008, (0.9, 0.95), 1.0, 16
BALANCE, LOGIT_SIZE = 0.01, 0.001


class Transformer:
    """Plain functions of named weights, without the overhead of modules. The head is tied to the embedding."""

    def __init__(self, width, depth, heads, context, vocabulary, rotary, experts=0, chosen=1):
        self.width, self.depth, self.heads = width, depth, heads
        self.experts, self.chosen = experts, chosen
        self.weights = {}
        self.add("embedding", vocabulary, width)
        self.angles = None
        if rotary:
            half = width // heads // 2
            angle = torch.outer(torch.arange(context), 100 ** (-torch.arange(half) / half))
            # (T, 1, 1, D/2), to rotate the queries and keys (B, T, 2, H, D) of all heads together.
            self.angles = angle.cos()[:, None, None], angle.sin()[:, None, None]
        else:
            self.add("positions", context, width)
        for block in range(depth):
            maps = [("qkv", width, 3 * width), ("out", width, width)]
            for expert in range(experts) if experts else [""]:
                maps += [(f"up{expert}", width, 4 * width), (f"down{expert}", 4 * width, width)]
            if experts:
                self.add(f"{block}.router", experts, width)
            for name, inputs, outputs in maps:
                self.add(f"{block}.{name}", outputs, inputs)
                self.add(f"{block}.{name}.bias", outputs)
        for name in [f"{block}.{part}" for block in range(depth) for part in ("norm1", "norm2")] + ["norm"]:
            self.add(name, width)
            self.add(f"{name}.bias", width)

    def add(self, name, *shape):
        is_gain = len(shape) == 1 and not name.endswith("bias")
        self.weights[name] = (torch.ones(shape) if is_gain else 0.02 * torch.randn(shape)).requires_grad_()

    def linear(self, name, x):
        return linear(x, self.weights[name], self.weights[f"{name}.bias"])

    def norm(self, name, x):
        return layer_norm(x, (self.width,), self.weights[name], self.weights[f"{name}.bias"])

    def attention(self, block, x):
        batch, context, width = x.shape
        qkv = self.linear(f"{block}.qkv", x).view(batch, context, 3, self.heads, width // self.heads)
        if self.angles:
            cosine, sine = self.angles
            u, v = qkv[:, :, :2].chunk(2, dim=-1)
            turned = torch.cat((u * cosine - v * sine, u * sine + v * cosine), dim=-1)
            (q, k), v = turned.unbind(2), qkv[:, :, 2]
        else:
            q, k, v = qkv.unbind(2)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.linear(f"{block}.out", mixed.transpose(1, 2).reshape(batch, context, width))

    def feed_forward(self, block, x, expert=""):
        return self.linear(f"{block}.down{expert}", gelu(self.linear(f"{block}.up{expert}", x), approximate="tanh"))

    def routed_feed_forward(self, block, x):
        """Returns the weighted outputs of the chosen experts for each row, and the penalties of the router."""
        shape, x = x.shape, x.flatten(0, 1)
        logits = linear(x, self.weights[f"{block}.router"]).float()
        probabilities = logits.softmax(-1)
        gates, choices = (part.flatten() for part in probabilities.topk(self.chosen))
        order = choices.argsort()
        # The length of a bincount would depend on the data, for which the compiler has no code.
        counts = torch.zeros(self.experts, dtype=torch.int64).index_add(0, choices, torch.ones_like(choices))
        rows = order // self.chosen
        parts = x.index_select(0, rows).split(counts.tolist())
        # Experts without rows are left out, except in a compiled graph, whose shape cannot depend on the counts.
        made = torch.cat([self.feed_forward(block, part, expert) for expert, part in enumerate(parts)
                          if torch.compiler.is_compiling() or len(part)])
        out = torch.zeros_like(x).index_add_(0, rows, made * gates[order, None])
        balance = self.experts * (counts / len(choices) * probabilities.mean(0)).sum()
        return out.view(shape), BALANCE * balance + LOGIT_SIZE * logits.logsumexp(-1).square().mean()

    def loss(self, tokens, targets):
        penalties = 0
        x = embedding(tokens, self.weights["embedding"])
        if "positions" in self.weights:
            x = x + self.weights["positions"]
        for block in range(self.depth):
            x = x + self.attention(block, self.norm(f"{block}.norm1", x))
            normal = self.norm(f"{block}.norm2", x)
            if self.experts:
                made, penalty = self.routed_feed_forward(block, normal)
                x, penalties = x + made, penalties + penalty
            else:
                x = x + self.feed_forward(block, normal)
        logits = linear(self.norm("norm", x), self.weights["embedding"])
        return cross_entropy(logits.flatten(0, 1), targets.flatten()) + penalties


def resident(key):
    """Returns a memory size of this process in bytes, from /proc/self/status."""
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(f"{key}:"))


def training(width, depth, heads, context, batch, vocabulary, experts=0, chosen=1, *, rotary, compiled=False):
    """Returns a function that performs training step n."""
    model = Transformer(width, depth, heads, context, vocabulary, rotary, experts, chosen)
    weights = list(model.weights.values())
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, betas=BETAS, weight_decay=0, fused=True)
    loss = torch.compile(model.loss) if compiled else model.loss
    windows = torch.randint(vocabulary, (BATCHES, batch, context + 1))
    batches = [(w[:, :-1].contiguous(), w[:, 1:].contiguous()) for w in windows]

    def step(number):
        optimizer.zero_grad(set_to_none=True)
        loss(*batches[number % BATCHES]).backward()
        torch.nn.utils.clip_grad_norm_(weights, CLIP)
        optimizer.step()

    return step


def base_size():
    """Returns the resident size after a few steps of a tiny model, when all code for training is loaded."""
    step = training(width=8, depth=1, heads=1, context=8, batch=1, vocabulary=8, rotary=True)
    for number in range(3):
        step(number)
    return resident("VmRSS")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape")
    parser.add_argument("--rotary", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--seconds", type=float, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base = base_size()
    shape = list(map(int, arguments.shape.split(",")))
    context, batch = shape[3:5]
    step = training(*shape, rotary=arguments.rotary, compiled=arguments.compile)
    for number in range(5):
        step(number)
    times, end = [], time.perf_counter() + arguments.seconds
    while time.perf_counter() < end or len(times) < 10:
        start = time.perf_counter()
        step(len(times))
        times.append(time.perf_counter() - start)
    median = statistics.median(times)
    print(json.dumps({
        "version": torch.__version__, "step_seconds": median, "tokens_per_second": batch * context / median,
        "resident_bytes": resident("VmHWM"), "base_bytes": base,
    }))


main()
