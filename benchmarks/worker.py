"""A process that times what its parent asks for, in an environment of its own.

    python -m benchmarks.worker paddle|torch

Reads a line of JSON for every request, {"kind", "case", "variant", "seconds"}, and answers with
one: {"seconds": one call}, or {"error": why not}.
"""

import json
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
    """Calls on Paddle; variants 'loops', 'nndl' and 'paddle.nn'."""

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

        def call():
            forward(X).backward(dY)
            X.clear_gradient(False)
            layer.clear_gradients(False)

        return call

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

    def training_step(self, case, variant):
        paddle, nndl = self.paddle, self.nndl
        operators = "hand" if variant == "nndl" else "paddle"
        lenet = case.network == "LeNet-5"
        model = nndl.LeNet(1, operators=operators) if lenet else nndl.ResNet18(operators=operators)
        X = paddle.randn((case.batch, 1 if lenet else 3, 32, 32))
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
