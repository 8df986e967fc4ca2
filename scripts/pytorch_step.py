"""Measures training steps of Isoflop's GPT-2 model in PyTorch: one shape, one mode, one thread, random tokens.

    pytorch_step.py 32,2,4,128,4,79 --rotary --mode bfloat16-compiled --seconds 2

The shape is width, depth, heads, context, batch and vocabulary, followed for a moe model by experts and experts per token.
Weights and the optimizer's state are float32 in all modes: bfloat16 is the autocast of the forward pass and the loss.
Compiling is part of the warm-up, which is not measured. Prints a line of JSON. `compare-pytorch` calls it."""

import argparse
import contextlib
import gc
import json
import statistics
import sys
import time

import torch
from torch.nn.functional import cross_entropy, embedding, gelu, layer_norm, linear, scaled_dot_product_attention

MODES = ("float32", "bfloat16", "float32-compiled", "bfloat16-compiled")
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


def is_compiled(mode):
    return mode.endswith("-compiled")


def reset_peak():
    """Makes the present resident size the peak, so that the peak is not that of the compiler."""
    gc.collect()
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def training(width, depth, heads, context, batch, vocabulary, experts=0, chosen=1, *, rotary, mode):
    """Returns a function that performs training step n and returns its loss."""
    model = Transformer(width, depth, heads, context, vocabulary, rotary, experts, chosen)
    weights = list(model.weights.values())
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, betas=BETAS, weight_decay=0, fused=True)
    compute_loss = model.loss
    if is_compiled(mode):
        # The rows of each expert are variables in one graph. Otherwise it would end at their counts.
        torch._dynamo.config.capture_scalar_outputs = True
        compute_loss = torch.compile(model.loss)
    windows = torch.randint(vocabulary, (BATCHES, batch, context + 1))
    batches = [(w[:, :-1].contiguous(), w[:, 1:].contiguous()) for w in windows]

    def step(number):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mode.startswith("bfloat16")):
            loss = compute_loss(*batches[number % BATCHES])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, CLIP)
        optimizer.step()
        return loss

    return step


def base_size(mode):
    """Returns the resident size after a few steps of a tiny model, when all code for training is loaded."""
    step = training(width=8, depth=1, heads=1, context=8, batch=1, vocabulary=8, rotary=True, mode=mode)
    for number in range(3):
        step(number)
    if is_compiled(mode):
        # Otherwise the compiler would take the sizes of the next model for variable ones.
        torch.compiler.reset()
    gc.collect()
    return resident("VmRSS")


def warm_up(step, mode):
    """Performs at least three steps, until half a second passes without one that compiles."""
    count, graphs, end = 0, 0, time.perf_counter() + 0.5
    while count < 3 or time.perf_counter() < end:
        step(count)
        count += 1
        # Eager PyTorch does not load the compiler, which would count as memory.
        if is_compiled(mode) and torch._dynamo.utils.counters["stats"]["unique_graphs"] > graphs:
            graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
            end = time.perf_counter() + 0.5


def measure(step, seconds):
    """Returns the median duration of steps, at least three."""
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        step(len(times))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape")
    parser.add_argument("--rotary", action="store_true", help="rotary positions instead of learned ones")
    parser.add_argument("--mode", choices=MODES, default=MODES[0], help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2, help="duration of a measurement; default: %(default)s")
    parser.add_argument("--turns", action="store_true",
                        help="print an empty line when warm, then measure whenever a line arrives on standard input")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base = base_size(arguments.mode)
    shape = list(map(int, arguments.shape.split(",")))
    context, batch = shape[3:5]
    step = training(*shape, rotary=arguments.rotary, mode=arguments.mode)
    warm_up(step, arguments.mode)
    reset_peak()
    if arguments.turns:
        print(flush=True)
    for _ in sys.stdin if arguments.turns else [None]:
        median = measure(step, arguments.seconds)
        print(json.dumps({
            "version": torch.__version__, "step_seconds": median, "tokens_per_second": batch * context / median,
            "resident_bytes": resident("VmHWM"), "base_bytes": base,
        }), flush=True)


if __name__ == "__main__":
    main()
