"""Imported once by the process from which those of the answers are forked."""

import numpy  # noqa: F401
import paddle
import paddle.nn.functional  # noqa: F401

from .. import bank  # noqa: F401
from . import diagnose  # noqa: F401
