"""Does `import nndl` ever make `paddle.nn` slower? Three orders, each in processes of its own.

    python -m benchmarks.import_order [--rounds 3] [--json result.json]

`none` is Paddle alone; `late` computes with Paddle first and imports nndl then, as most notebooks
that exist do; `first` imports nndl first. The figure is the median time of a training step,
divided by that of `none` in the same round; the median over rounds is printed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ORDERS = ("none", "late", "first")
#: name -> how the network, its inputs and its optimizer are made
CASES = {
    "linear, SGD": ("linear", "SGD"),
    "linear, momentum": ("linear", "Momentum"),
    "linear, Adam": ("linear", "Adam"),
    "LeNet, Adam": ("lenet", "Adam"),
    "ResNet18, momentum": ("resnet18", "Momentum"),
    "LSTM, Adam": ("lstm", "Adam"),
    "attention, Adam": ("attention", "Adam"),
}


def build(paddle, kind):
    """A network of paddle.nn and a batch for it."""
    nn = paddle.nn
    if kind == "linear":
        layers = [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(512, 10)), paddle.randn([64, 784])
    if kind == "lenet":
        return paddle.vision.models.LeNet(), paddle.randn([64, 1, 28, 28])
    if kind == "resnet18":
        return paddle.vision.models.resnet18(num_classes=10), paddle.randn([16, 3, 32, 32])
    if kind == "lstm":
        body, inputs = nn.LSTM(32, 128), paddle.randn([32, 40, 32])
    else:
        body, inputs = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.0), None
        inputs = paddle.randn([16, 50, 128])

    class Last(nn.Layer):
        def __init__(self):
            super().__init__()
            self.body, self.head = body, nn.Linear(128, 10)

        def forward(self, X):
            found = self.body(X)
            return self.head((found[0] if isinstance(found, tuple) else found)[:, -1])

    return Last(), inputs


def worker(order, names, seconds):
    """Median milliseconds of a step of each case; run in a process of its own."""
    if order == "first":
        import nndl
    import paddle

    paddle.seed(0)
    if order != "first":  # what a notebook has computed before it imports nndl
        X = paddle.randn([256, 256])
        paddle.matmul(X, X).sum().item()
    if order == "late":
        import nndl  # noqa: F401
    times = {}
    for name in names:
        kind, optimizer = CASES[name]
        model, X = build(paddle, kind)
        y = paddle.randint(0, 10, [len(X)])
        step_of = getattr(paddle.optimizer, optimizer)
        optimizer = step_of(learning_rate=0.001, parameters=model.parameters())
        taken, begin = [], time.perf_counter()
        while time.perf_counter() - begin < seconds or len(taken) < 8:
            start = time.perf_counter()
            paddle.nn.functional.cross_entropy(model(X), y).backward()
            optimizer.step()
            optimizer.clear_grad()
            taken.append(1000 * (time.perf_counter() - start))
        times[name] = statistics.median(taken[3:])
    return times


def measure(rounds, seconds, names):
    """{name: {order: [ms of each round]}}, the orders interleaved."""
    found = {name: {order: [] for order in ORDERS} for name in names}
    for _ in range(rounds):
        for order in ORDERS:
            code = "import sys, json; from benchmarks.import_order import worker; "
            code += f"print(json.dumps(worker({order!r}, {names!r}, {seconds})))"
            done = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=True,
                cwd=Path(__file__).resolve().parent.parent,
            )
            for name, value in json.loads(done.stdout.splitlines()[-1]).items():
                found[name][order].append(value)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each case and order")
    parser.add_argument("--only", help="cases whose name contains this")
    parser.add_argument("--json", type=Path, help="write all times there")
    options = parser.parse_args()
    names = [name for name in CASES if not options.only or options.only in name]
    found = measure(options.rounds, options.seconds, names)
    print(f"{'':20} {'none (ms)':>10} {'late':>8} {'first':>8}   times that of none")
    for name, orders in found.items():
        ratio = {
            order: statistics.median(
                value / alone for value, alone in zip(orders[order], orders["none"], strict=True)
            )
            for order in ORDERS
        }
        alone = statistics.median(orders["none"])
        print(f"{name:20} {alone:10.2f} {ratio['late']:8.2f} {ratio['first']:8.2f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
