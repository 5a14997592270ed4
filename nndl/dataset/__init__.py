"""MNIST and CIFAR-10 as Datasets, their files, loaders, transforms, and pictures of one's own."""

from .cifar10 import (
    CIFAR10_CLASSES,
    CIFAR10_MEAN,
    CIFAR10_STD,
    CIFAR10Dataset,
    load_cifar10,
    open_cifar10_cache,
)
from .folders import cache_folder, data_folder
from .image_folder import ImageFolder
from .images import ImageDataset
from .loader import BatchLoader
from .mnist import (
    EMNIST_CLASSES,
    FASHION_MNIST_CLASSES,
    MNIST_CLASSES,
    MNIST_MEAN,
    MNIST_STD,
    MNIST_dataset,
    MNISTDataset,
    find_mnist_file,
    load_idx,
    load_mnist,
    load_mnist_book,
)
from .own_image import load_image, preprocess_digit, preprocess_photo
from .transforms import Compose, Normalize, Resize, flip_and_crop

__all__ = [
    "CIFAR10_CLASSES",
    "CIFAR10_MEAN",
    "CIFAR10_STD",
    "EMNIST_CLASSES",
    "FASHION_MNIST_CLASSES",
    "MNIST_CLASSES",
    "MNIST_MEAN",
    "MNIST_STD",
    "BatchLoader",
    "CIFAR10Dataset",
    "Compose",
    "ImageDataset",
    "ImageFolder",
    "MNISTDataset",
    "MNIST_dataset",
    "Normalize",
    "Resize",
    "cache_folder",
    "data_folder",
    "find_mnist_file",
    "flip_and_crop",
    "load_cifar10",
    "load_idx",
    "load_image",
    "load_mnist",
    "load_mnist_book",
    "open_cifar10_cache",
    "preprocess_digit",
    "preprocess_photo",
]
