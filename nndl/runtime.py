"""Prepare the machine before Paddle computes: threads, BLAS code path, device, seeds.

Importing `nndl` calls `prepare()`. What the user has set in the environment is kept;
`NNDL_RUNTIME=off` leaves everything as Paddle would have it.
"""

import contextlib
import ctypes
import dataclasses
import importlib.metadata
import io
import logging
import math
import os
import platform
import random
import sys
import warnings
from pathlib import Path

from ._arguments import integer

#: of this package, as in pyproject.toml
VERSION = "1.1.0"
#: variables by which a user chooses the number of threads
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "FLAGS_paddle_num_threads")
#: beginnings of lines that matplotlib logs on import where home can't be written to
_HOME_NOISE = ("mkdir -p failed for path", "Matplotlib created a temporary cache")
#: lines that importing Paddle writes to stderr and that tell a reader nothing
_IMPORT_NOISE = ("WARNING: OMP_NUM_THREADS set to", "PLEASE USE OMP_NUM_THREADS WISELY")

#: parameters of GNU's mallopt
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@dataclasses.dataclass(repr=False)
class Runtime:
    """What `prepare` found and chose; print it, or read its fields.

    Attributes
    ----------
    processor : str
        Vendor and architecture.
    cores : int
        Physical cores that this process may use.
    processes : int
        Training processes that share them on this machine.
    threads : int or None
        Threads of this package's operators; None where everything was left alone.
    paddle_threads : int or None
        Threads given to Paddle's CPU kernels; None where Paddle's own choice was left alone.
    fast_path : str
        Which code path Paddle's BLAS takes on this processor, and why.
    versions : str
        Python, Paddle and NumPy.
    device : str
        Where new tensors are placed.
    hints : list of str
        What the user can still do for speed.
    """

    processor: str
    cores: int
    processes: int = 1
    threads: int | None = None
    paddle_threads: int | None = None
    fast_path: str = "as the library chooses"
    versions: str = ""
    device: str = ""
    hints: list = dataclasses.field(default_factory=list)

    def __str__(self):
        shared = f", shared by {self.processes} processes" if self.processes > 1 else ""
        lines = [
            f"versions   {self.versions}",
            f"device     {self.device}",
            f"processor  {self.processor}, {self.cores} physical cores{shared}",
            f"threads    {self._threads()}",
            f"BLAS path  {self.fast_path}",
        ]
        return "\n".join(lines + [f"hint       {hint}" for hint in self.hints])

    def _threads(self):
        if self.threads == self.paddle_threads:
            return self.threads or "as Paddle chooses"
        return f"{self.threads} for nndl's operators, Paddle's own number for Paddle's"

    __repr__ = __str__


_runtime = None


def prepare():
    """Choose threads and the BLAS path, then import Paddle quietly; later calls change nothing.

    Raises
    ------
    RuntimeError
        If the installed Paddle is older than 2.6, or missing.
    """
    global _runtime
    if _runtime is not None:
        return
    runtime = Runtime(_processor(), _physical_cores(), _processes_on_this_machine())
    if os.environ.get("NNDL_RUNTIME", "").lower() == "off":
        runtime.hints.append("NNDL_RUNTIME=off is set: threads and BLAS path are Paddle's own")
        _import_paddle()
    else:
        paddle_was_first = sys.modules.get("paddle") is not None
        # Workers of Paddle's BLAS spin for 200 ms after each product and would take the cores from
        # our own threads. Without any waiting they are put to sleep between the small products of
        # one convolution, which made paddle.nn's LeNet 2.7 times slower; 1 ms costs neither.
        own_wait = os.environ.setdefault("KMP_BLOCKTIME", "1") == "1"
        late = paddle_was_first and _openmp_is_running(own_wait)
        _choose_blas_path(runtime, late)
        _keep_memory()
        asked = _threads_asked_for(paddle_was_first)
        runtime.threads = asked or max(1, runtime.cores // runtime.processes)
        _import_numpy(runtime.threads)
        paddle = _import_paddle()
        # Once Paddle has computed, its BLAS keeps the path that it chose then. On the slow one of
        # AMD processors small steps take 1.2 to 3 times as long on two threads as on one.
        runtime.paddle_threads = None if late and not asked else runtime.threads
        if not asked:
            if not late:
                paddle.base.core.set_num_threads(runtime.threads)
            # Paddle wrote "1" for itself; a child process must not take it for the user's wish.
            os.environ.pop("OMP_NUM_THREADS", None)
    _quiet_matplotlib()
    _runtime = runtime


def report():
    """What was found on this machine and what was chosen for it.

    Returns
    -------
    Runtime
        Printable; `hints` names what the user can still do.

    Examples
    --------
    >>> import nndl
    >>> nndl.runtime.report().cores > 0
    True
    """
    prepare()
    import numpy
    import paddle

    versions = f"Python {platform.python_version()}, Paddle {paddle.__version__}"
    return dataclasses.replace(
        _runtime,
        versions=f"{versions}, NumPy {numpy.__version__}",
        device=paddle.get_device(),
        hints=list(_runtime.hints),
    )


def threads():
    """Threads that computations of this process may use; 1 where Paddle's choice was left alone."""
    prepare()
    return _runtime.threads or 1


def seed_everything(seed):
    """Seed the generators of Python, NumPy and Paddle, so that a run can be repeated.

    Parameters
    ----------
    seed : int
        From 0 to 2³² − 1, what NumPy accepts.

    Returns
    -------
    int
        The seed.

    Raises
    ------
    TypeError, ValueError
        If it is not such an integer.
    """
    number = integer("seed", seed, 0, 2**32 - 1)
    import numpy as np
    import paddle

    random.seed(number)
    np.random.seed(number)  # noqa: NPY002  users call the legacy functions, too
    paddle.seed(number)
    return number


def set_device(name="auto"):
    """Choose where tensors live and kernels run.

    Parameters
    ----------
    name : 'auto', 'cpu', 'gpu' or 'gpu:0', 'gpu:1', …
        'auto' takes the GPU where Paddle was built for one and finds one.

    Returns
    -------
    str
        The device in use, 'cpu' or 'gpu:0'.

    Raises
    ------
    ValueError
        If the name is none of these.
    RuntimeError
        If there is no such GPU.
    """
    import paddle

    kind, _, index = name.partition(":") if isinstance(name, str) else ("", "", "")
    if kind not in ("auto", "cpu", "gpu") or (index and not (kind == "gpu" and index.isdigit())):
        raise ValueError(f"device must be 'auto', 'cpu', 'gpu' or 'gpu:0' …, got {name!r}")
    gpus = paddle.device.cuda.device_count() if paddle.is_compiled_with_cuda() else 0
    if kind == "auto":
        name = "gpu" if gpus else "cpu"
    elif kind == "gpu" and int(index or 0) >= gpus:
        why = "found" if paddle.is_compiled_with_cuda() else "this Paddle is built without CUDA:"
        raise RuntimeError(
            f"device {name!r} was asked for, {why} {gpus} GPU(s): use 'auto' or 'cpu', or install "
            "paddlepaddle-gpu on a machine with an NVIDIA GPU"
        )
    paddle.set_device(name)
    return paddle.get_device()


def _quiet_matplotlib():
    """Keep back what Paddle's log handler would print of matplotlib, whoever imports it."""
    for name in ("matplotlib", "fontTools"):
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("matplotlib").addFilter(
        lambda record: not str(record.msg).startswith(_HOME_NOISE)
    )


def _import_paddle():
    """Import Paddle without the lines that it writes to every reader's screen."""
    for package in ("paddlepaddle", "paddlepaddle-gpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(package)
            # 0.0.0 is a build from source
            if (1, 0) <= tuple(map(int, version.split(".")[:2])) < (2, 6):
                raise RuntimeError(
                    f"nndl needs Paddle 2.6 or newer, found {package} {version}: "
                    f'run pip install "{package}>=2.6,<3.4"'
                )
    captured = io.StringIO()
    # errors only: tracing a graph logs a line that means nothing to a reader
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(captured):
            warnings.filterwarnings("ignore", message="No ccache found")
            import paddle
    except ModuleNotFoundError as error:
        if error.name != "paddle":
            raise
        raise RuntimeError(
            'nndl needs Paddle, which is not installed: run pip install "paddlepaddle>=2.6,<3.4"'
        ) from None
    finally:
        for line in captured.getvalue().splitlines(keepends=True):
            if not line.startswith(_IMPORT_NOISE):
                sys.stderr.write(line)
    return paddle


def _openmp_is_running(own_wait):
    """Whether Paddle has computed: then its OpenMP does not know the waiting time set since."""
    import paddle

    library = Path(paddle.__file__).parent / "libs" / "libiomp5.so"
    if not own_wait or not library.exists():
        return True  # it cannot be told: be careful
    return ctypes.CDLL(str(library)).kmp_get_blocktime() != int(os.environ["KMP_BLOCKTIME"])


def _choose_blas_path(runtime, late):
    """On AMD the MKL in Paddle's wheel takes a slow path unless it is told the processor type."""
    if late:
        runtime.fast_path = "as Paddle chose it before nndl was imported"
        runtime.hints.append(
            "Paddle had computed before nndl was imported, so its threads and BLAS path are left "
            "as they are; restart and import nndl first for faster training"
        )
    elif "MKL_DEBUG_CPU_TYPE" in os.environ:
        runtime.fast_path = f"MKL_DEBUG_CPU_TYPE={os.environ['MKL_DEBUG_CPU_TYPE']}, set by you"
    elif runtime.processor.startswith("AMD") and _has_avx2():
        os.environ["MKL_DEBUG_CPU_TYPE"] = "5"  # 5 is AVX2; read when MKL is first used
        runtime.fast_path = "AVX2 (MKL_DEBUG_CPU_TYPE=5, chosen for AMD)"


def _keep_memory():
    """Let the C library keep what tensors give back, for the next ones.

    Otherwise it returns every large piece to the system and gets it anew, page by page: a tensor
    of 4 MB took 1,500 µs to fill, against 65 µs in memory that the process already had.
    """
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library than GNU's
        tune = ctypes.CDLL(None).mallopt
        tune(_M_MMAP_THRESHOLD, 2**30)
        tune(_M_TRIM_THRESHOLD, 2**30)


def _threads_asked_for(paddle_was_first):
    """The user's own number of threads, or None."""
    for name in _THREAD_VARIABLES:
        value = os.environ.get(name, "")
        if paddle_was_first and name == "OMP_NUM_THREADS" and not _set_by_user(name):
            continue  # importing Paddle writes OMP_NUM_THREADS=1 where there was nothing
        if value.isdigit() and int(value) > 0:
            return int(value)
    return None


def _set_by_user(name):
    """Whether the variable was there when the process started, as far as the system tells."""
    if os.environ.get(name, "1") != "1":
        return True
    try:
        initial = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(entry.startswith(name.encode() + b"=") for entry in initial)


def _import_numpy(threads):
    """Import NumPy with this number of BLAS threads, which it reads only then."""
    name = "OPENBLAS_NUM_THREADS"
    chosen = not {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}.isdisjoint(os.environ)
    if "numpy" not in sys.modules and not chosen:
        os.environ[name] = str(threads)
        try:
            import numpy  # noqa: F401
        finally:
            del os.environ[name]


def _processes_on_this_machine():
    """Training processes that `paddle.distributed.launch` started here; 1 without it."""
    local = os.environ.get("PADDLE_LOCAL_SIZE", "")
    if local.isdigit():
        return max(1, int(local))
    here = os.environ.get("PADDLE_CURRENT_ENDPOINT", "").rpartition(":")[0]
    endpoints = os.environ.get("PADDLE_TRAINER_ENDPOINTS", "").split(",")
    if here:
        return max(1, sum(endpoint.rpartition(":")[0] == here for endpoint in endpoints))
    trainers = os.environ.get("PADDLE_TRAINERS_NUM", "")
    return max(1, int(trainers)) if trainers.isdigit() else 1


def _cpuinfo():
    """The entries of /proc/cpuinfo, a dict a logical processor; empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    blocks = (block.splitlines() for block in text.strip().split("\n\n"))
    return [
        {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in block)}
        for block in blocks
    ]


def _processor():
    """Vendor and architecture, such as 'AMD x86_64'."""
    vendor = next((c["vendor_id"] for c in _cpuinfo() if "vendor_id" in c), platform.processor())
    names = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}
    found = next((short for long, short in names.items() if long in vendor), "")
    return f"{found} {platform.machine()}".strip()


def _has_avx2():
    if sys.platform == "win32":
        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(40))
    return any("avx2" in entry.get("flags", "").split() for entry in _cpuinfo())


def _physical_cores():
    """Physical cores that this process may use: affinity and container limits counted in."""
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # macOS, Windows
        allowed = set(range(os.cpu_count() or 1))
    cores = {
        (entry.get("physical id"), entry["core id"])
        for entry in _cpuinfo()
        if "core id" in entry and int(entry.get("processor", -1)) in allowed
    }
    return max(1, min(len(cores) or len(allowed), _container_limit()))


def _container_limit():
    """Processors that a container's quota leaves, rounded up; infinite without one."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return math.inf if quota == "max" else math.ceil(int(quota) / int(period))
    with contextlib.suppress(OSError, ValueError):
        folder = Path("/sys/fs/cgroup/cpu")
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
        return math.ceil(quota / period) if quota > 0 else math.inf
    return math.inf
