"""What is timed: shapes of convolutions and poolings, two training steps, and who computes them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Convolution:
    """One convolution, forward and backward, gradients to input, weight and bias.

    Attributes
    ----------
    in_channels, size, out_channels, kernel, stride, padding : int
        Square images of `size` pixels.
    batch : int
    """

    in_channels: int
    size: int
    out_channels: int
    kernel: int
    stride: int
    padding: int
    batch: int = 64

    def __str__(self):
        shape = f"{self.in_channels}×{self.size}×{self.size} → {self.out_channels}"
        return f"{shape}, {self.kernel}×{self.kernel}/{self.stride}, padding {self.padding}"


@dataclasses.dataclass(frozen=True)
class Pooling:
    """One pooling, forward and backward."""

    mode: str
    channels: int
    size: int
    window: int
    stride: int
    padding: int
    batch: int = 64

    def __str__(self):
        shape = f"{self.mode} {self.channels}×{self.size}×{self.size}"
        return f"{shape}, {self.window}×{self.window}/{self.stride}, padding {self.padding}"


@dataclasses.dataclass(frozen=True)
class TrainingStep:
    """Forward, cross-entropy, backward and an update by SGD with Nesterov momentum."""

    network: str
    batch: int = 64

    def __str__(self):
        shape = {"LeNet-5": "1×32×32", "ResNet18": "3×32×32"}[self.network]
        return f"{self.network}, {shape}, batch {self.batch}"


CONVOLUTIONS = [
    Convolution(1, 32, 6, 5, 1, 0),
    Convolution(6, 14, 16, 5, 1, 0),
    Convolution(16, 5, 120, 5, 1, 0),
    Convolution(3, 32, 64, 7, 2, 3),
    Convolution(64, 8, 64, 3, 1, 1),
    Convolution(64, 8, 128, 3, 2, 1),
    Convolution(64, 8, 128, 1, 2, 0),
    Convolution(128, 4, 128, 3, 1, 1),
    Convolution(256, 2, 256, 3, 1, 1),
    Convolution(512, 1, 512, 3, 1, 1),
    Convolution(64, 32, 64, 3, 1, 1),
]
#: 3×3 kernels, by every way that nndl has
FORMS = [case for case in CONVOLUTIONS if case.kernel == 3 and case.stride == 1]
POOLINGS = [
    Pooling("max", 6, 28, 2, 2, 0),
    Pooling("avg", 16, 10, 2, 2, 0),
    Pooling("max", 64, 16, 3, 2, 1),
    Pooling("avg", 64, 16, 3, 2, 1),
]
TRAINING_STEPS = [TrainingStep("LeNet-5"), TrainingStep("ResNet18")]
#: small enough for Python loops
LOOPS = [Convolution(1, 8, 2, 3, 1, 0, batch=2), Convolution(2, 8, 3, 3, 2, 1, batch=2)]
