"""A process that times what its parent asks for, in an environment of its own.

    python -m benchmarks.worker paddle|torch

Reads a line of JSON for every request, {"kind", "case", "variant", "seconds"}, and answers with
one: {"seconds": one call}, or {"error": why not}. A request whose
variant is "work" or "peak" is answered with {"answer": ...}.
"""

import json
import math
import os
import statistics
import sys
import time

from . import cases


def seconds_of(call, budget):
    """Seconds of one call, from as many calls as fill the budget; the first one is not counted."""
    call()
    begin = time.perf_counter()
    call()
    once = time.perf_counter() - begin
    repeats = max(1, round(budget / max(once, 1e-7)))
    begin = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - begin) / repeats


class Paddle:
    """Calls on Paddle; variants 'loops', 'plain', 'direct', 'nndl' and 'paddle.nn'."""

    def __init__(self):
        import nndl  # prepares the runtime, unless NNDL_RUNTIME=off

        self.nndl = nndl
        import paddle

        self.paddle = paddle

    def convolution(self, case, variant):
        paddle, nndl = self.paddle, self.nndl
        shape = (case.batch, case.in_channels, case.size, case.size)
        X = paddle.randn(shape)
        X.stop_gradient = False
        options = (case.in_channels, case.out_channels, case.kernel, case.stride, case.padding)
        layer = (paddle.nn if variant == "paddle.nn" else nndl).Conv2D(*options)
        if variant == "loops":

            def forward(X):
                return nndl.op.conv2d_loops(X, layer.weight, layer.bias, case.stride, case.padding)

        else:
            forward = layer
        dY = paddle.randn(forward(X).shape)

        form = variant if variant in ("plain", "direct") else "fast"

        def call():
            os.environ["NNDL_FORM"] = form
            forward(X).backward(dY)
            X.clear_gradient(False)
            layer.clear_gradients(False)

        return call

    def work(self, case):
        """Multiply-adds of the formula, the form that nndl takes, and its products over those.

        Of a training step: the multiply-adds alone, of its convolutions and linear layers, forward
        and for both gradients.
        """
        if isinstance(case, cases.TrainingStep):
            model, X = self.network(case, "nndl")
            return {"multiply-adds": 3 * case.batch * self.nndl.flops(model, X).flops}
        import numpy as np

        from nndl.layers.fast import convolution, winograd

        X = np.empty((case.batch, case.in_channels, case.size, case.size), "float32")
        W = np.empty((case.out_channels, case.in_channels, case.kernel, case.kernel), "float32")
        plan = convolution.choose(X, W, (case.stride,) * 2, (case.padding,) * 2, (1, 1))
        products = plan.length * math.prod(plan.window)
        if plan.form == "winograd":
            tiles = winograd.tiling(X.shape[2:], plan.padding)
            products = tiles.count * len(tiles.G)
        direct = math.prod(plan.output) * case.kernel**2
        return {
            "multiply-adds": 3 * direct * case.batch * case.in_channels * case.out_channels,
            "form": plan.form,
            "multiplications": products / direct,
        }

    def peak(self):
        """Floating-point operations a second of NumPy's own product of two large matrices."""
        import numpy as np

        from nndl.layers.fast.threads import over_batch

        A, B, n = np.ones((2048, 1024), "float32"), np.ones((1024, 1024), "float32"), 2048

        def call():  # as our forms do: every thread its part, each with one thread of the BLAS
            over_batch(lambda part: A[part] @ B, n)

        return 2 * n * 1024**2 / statistics.median(seconds_of(call, 0.1) for _ in range(5))

    def pooling(self, case, variant):
        paddle, nndl = self.paddle, self.nndl
        X = paddle.randn((case.batch, case.channels, case.size, case.size))
        X.stop_gradient = False
        if variant == "paddle.nn":
            layer = {"max": paddle.nn.MaxPool2D, "avg": paddle.nn.AvgPool2D}[case.mode]
            layer = layer(case.window, case.stride, case.padding)
        else:
            layer = nndl.Pool2D(case.window, case.mode, case.stride, case.padding)
        dY = paddle.randn(layer(X).shape)

        def call():
            layer(X).backward(dY)
            X.clear_gradient(False)

        return call

    def network(self, case, variant):
        """The model, and the shape of one image for it."""
        operators = "hand" if variant == "nndl" else "paddle"
        if case.network == "LeNet-5":
            return self.nndl.LeNet(1, operators=operators), (1, 1, 32, 32)
        return self.nndl.ResNet18(operators=operators), (1, 3, 32, 32)

    def training_step(self, case, variant):
        paddle = self.paddle
        model, shape = self.network(case, variant)
        X = paddle.randn((case.batch, *shape[1:]))
        y = paddle.randint(0, 10, [case.batch])
        optimizer = paddle.optimizer.Momentum(
            0.01, 0.9, model.parameters(), use_nesterov=True, weight_decay=5e-4
        )

        def call():
            paddle.nn.functional.cross_entropy(model(X), y).backward()
            optimizer.step()
            optimizer.clear_grad()

        return call


class Torch:
    """The same calls on PyTorch."""

    def __init__(self):
        import torch

        self.torch = torch

    def convolution(self, case, variant):
        torch = self.torch
        X = torch.randn(case.batch, case.in_channels, case.size, case.size, requires_grad=True)
        options = (case.in_channels, case.out_channels, case.kernel, case.stride, case.padding)
        layer = torch.nn.Conv2d(*options)
        dY = torch.randn_like(layer(X))

        def call():
            layer(X).backward(dY)
            X.grad = None
            layer.zero_grad()

        return call

    def pooling(self, case, variant):
        torch = self.torch
        X = torch.randn(case.batch, case.channels, case.size, case.size, requires_grad=True)
        layer = {"max": torch.nn.MaxPool2d, "avg": torch.nn.AvgPool2d}[case.mode]
        layer = layer(case.window, case.stride, case.padding)
        dY = torch.randn_like(layer(X))

        def call():
            layer(X).backward(dY)
            X.grad = None

        return call

    def training_step(self, case, variant):
        torch = self.torch
        lenet = case.network == "LeNet-5"
        model = self.lenet() if lenet else self.resnet18()
        X = torch.randn(case.batch, 1 if lenet else 3, 32, 32)
        y = torch.randint(0, 10, (case.batch,))
        optimizer = torch.optim.SGD(
            model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4
        )

        def call():
            torch.nn.functional.cross_entropy(model(X), y).backward()
            optimizer.step()
            optimizer.zero_grad()

        return call

    def lenet(self):
        nn = self.torch.nn
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(16, 120, 5), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
        )

    def resnet18(self):
        nn = self.torch.nn

        class Unit(nn.Module):
            def __init__(self, D, P, stride):
                super().__init__()
                self.main = nn.Sequential(
                    *(nn.Conv2d(D, P, 3, stride, 1, bias=False), nn.BatchNorm2d(P), nn.ReLU()),
                    *(nn.Conv2d(P, P, 3, 1, 1, bias=False), nn.BatchNorm2d(P)),
                )
                self.edge = nn.Sequential()
                if stride > 1 or D != P:
                    self.edge.append(nn.Conv2d(D, P, 1, stride, bias=False))
                    self.edge.append(nn.BatchNorm2d(P))

            def forward(self, X):
                return nn.functional.relu(self.main(X) + self.edge(X))

        units, D = [], 64
        for P, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            units += [Unit(D, P, stride), Unit(P, P, 1)]
            D = P
        return nn.Sequential(
            *(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.MaxPool2d(3, 2, 1), *units),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)),
        )


def main(library):
    try:
        maker = {"paddle": Paddle, "torch": Torch}[library]()
    except ImportError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    print(json.dumps({"ready": library}), flush=True)
    calls = {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["variant"] in ("work", "peak"):
            case = request["case"] and getattr(cases, request["kind"])(**request["case"])
            answer = maker.work(case) if case else maker.peak()
            print(json.dumps({"answer": answer}), flush=True)
            continue
        key = request["kind"], request["variant"], json.dumps(request["case"])
        if key not in calls:
            case = getattr(cases, request["kind"])(**request["case"])
            method = {"Convolution": "convolution", "Pooling": "pooling"}.get(
                request["kind"], "training_step"
            )
            calls = {**calls, key: getattr(maker, method)(case, request["variant"])}
        print(json.dumps({"seconds": seconds_of(calls[key], request["seconds"])}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
