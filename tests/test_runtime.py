"""The runtime in fresh processes: what is chosen, what is kept, what is said."""

import json
import os
import subprocess
import sys

import numpy as np
import paddle
import pytest

import nndl

VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "FLAGS_paddle_num_threads", "OPENBLAS_NUM_THREADS",
    "MKL_DEBUG_CPU_TYPE", "KMP_BLOCKTIME", "NNDL_RUNTIME", "PADDLE_LOCAL_SIZE",
    "PADDLE_TRAINERS_NUM", "PADDLE_CURRENT_ENDPOINT", "PADDLE_TRAINER_ENDPOINTS",
)  # fmt: skip
REPORT = (
    "import json, os, sys, nndl.runtime\n"
    "found = nndl.runtime.report()\n"
    "print(json.dumps({'threads': found.threads, 'paddle_threads': found.paddle_threads,\n"
    "    'cores': found.cores, 'hints': found.hints,\n"
    "    'processes': found.processes, 'path': found.fast_path, 'text': str(found),\n"
    "    'omp': os.environ.get('OMP_NUM_THREADS'), 'mkl': os.environ.get('MKL_DEBUG_CPU_TYPE')}))"
)


def process(code, root, **variables):
    """Run code in a Python of its own; only these of the runtime's variables are set."""
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    environment |= {"PYTHONPATH": str(root), **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def reported(request):
    def report(before="", **variables):
        done = process(before + REPORT, request.config.rootpath, **variables)
        return json.loads(done.stdout.splitlines()[-1])

    return report


def test_a_thread_a_physical_core(reported):
    found = reported()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert 1 <= found["cores"] <= allowed
    assert found["threads"] == found["cores"]
    assert found["omp"] is None  # a child process must not take our choice for the user's
    assert found["hints"] == []


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_the_user_s_threads_are_kept(reported, name):
    found = reported(**{name: "3"})
    assert found["threads"] == 3
    assert found["omp"] == ("3" if name == "OMP_NUM_THREADS" else found["omp"])


def test_words_are_no_number_of_threads(reported):
    found = reported(MKL_NUM_THREADS="many")
    assert found["threads"] == found["cores"]


def test_the_user_s_blas_path_is_kept(reported):
    found = reported(MKL_DEBUG_CPU_TYPE="4")
    assert found["mkl"] == "4"
    assert "set by you" in found["path"]


def test_off_leaves_everything_as_paddle_has_it(reported):
    found = reported(NNDL_RUNTIME="off")
    assert found["threads"] is None
    assert found["mkl"] is None
    assert found["omp"] == "1"  # what Paddle writes on import
    assert any("NNDL_RUNTIME=off" in hint for hint in found["hints"])
    assert "threads    as Paddle chooses" in found["text"]


def test_paddle_imported_first_makes_no_difference(reported):
    found = reported(before="import paddle\n")
    assert found["threads"] == found["paddle_threads"] == found["cores"]  # its "1" is no wish
    assert found["hints"] == []


def test_paddle_that_has_computed_keeps_its_threads(reported):
    """On a slow BLAS path that can't be left any more, a second thread costs more than it gives."""
    before = "import paddle\nX = paddle.randn([64, 64])\nX @ X\n"
    found = reported(before=before)
    assert found["paddle_threads"] is None
    assert found["threads"] == found["cores"]
    assert found["mkl"] is None
    assert any("import nndl first" in hint for hint in found["hints"])
    assert "Paddle's own number" in found["text"]


@pytest.mark.parametrize(
    "variables",
    [
        {"PADDLE_LOCAL_SIZE": "2"},
        {"PADDLE_TRAINERS_NUM": "2"},
        {
            "PADDLE_TRAINERS_NUM": "3", "PADDLE_CURRENT_ENDPOINT": "10.0.0.1:6170",
            "PADDLE_TRAINER_ENDPOINTS": "10.0.0.1:6170,10.0.0.1:6171,10.0.0.2:6170",
        },
    ],
)  # fmt: skip
def test_each_of_several_processes_gets_its_share(reported, variables):
    found = reported(**variables)
    assert found["processes"] == 2
    assert found["threads"] == max(1, found["cores"] // 2)
    assert "shared by 2 processes" in found["text"]


def test_import_is_silent_draws_nothing_and_seeds_nothing(request):
    code = (
        "import random, numpy as np\n"
        "np.random.seed(5); random.seed(5)\n"
        "before = random.getstate(), np.random.get_state()[1].tobytes()\n"
        "import nndl, sys\n"
        "assert (random.getstate(), np.random.get_state()[1].tobytes()) == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    for variables in ({}, {"OMP_NUM_THREADS": "2"}):
        done = process(code, request.config.rootpath, **variables)
        assert (done.stdout, done.stderr) == ("", "")


def test_a_home_that_cannot_be_written_to_costs_no_word(request, tmp_path):
    (tmp_path / "file").touch()  # below a file nobody can write, not even root
    home = str(tmp_path / "file" / "home")
    variables = {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
    # Paddle first: then its log handler writes to the screen. Not only figures import matplotlib.
    for last in ("nndl.figures", "nndl.runner; import matplotlib.figure"):
        code = f"import paddle, {last}"
        done = process(code, request.config.rootpath, MPLCONFIGDIR="", **variables)
        assert "atplotlib" not in done.stdout + done.stderr
    code = "import paddle, matplotlib.figure"  # the control
    done = process(code, request.config.rootpath, MPLCONFIGDIR="", **variables)
    assert "atplotlib" in done.stdout + done.stderr


DRAW = (
    "import nndl, random, json, hashlib, numpy as np, paddle\n"
    "from tests.training_cases import Points, make_runner\n"
    "class Noisy(Points):\n"
    "    def __getitem__(self, i):\n"
    "        X, y = super().__getitem__(i)\n"
    "        return X + np.float32(np.random.normal() + random.random()), y\n"
    "def draw():\n"
    "    runner = make_runner(seed=4, dropout=0.3)\n"
    "    nndl.seed_everything(8)\n"
    "    loader = paddle.io.DataLoader(Noisy(60), batch_size=8, shuffle=True, num_workers=2)\n"
    "    runner.train(loader, num_epochs=2, log_steps=0)\n"
    "    losses = runner.train_step_losses\n"
    "    return [losses, random.random(), np.random.rand(), paddle.rand([2]).tolist()]\n"
    "a, b = draw(), draw()\n"
    "assert a == b\n"
    "print(json.dumps(a))\n"
)


def test_a_seed_makes_runs_identical_in_one_process_and_in_two(request):
    found = {process(DRAW, request.config.rootpath).stdout.splitlines()[-1] for _ in range(2)}
    assert len(found) == 1


def test_seeds_are_checked_and_returned():
    assert nndl.seed_everything(np.int64(7)) == 7
    first = paddle.rand([3]).numpy()
    assert nndl.seed_everything(7) == 7
    np.testing.assert_array_equal(paddle.rand([3]).numpy(), first)
    nndl.seed_everything(8)
    assert not np.array_equal(paddle.rand([3]).numpy(), first)
    for bad in (1.0, "1", None, True):
        with pytest.raises(TypeError, match="seed must be an integer, got"):
            nndl.seed_everything(bad)
    for bad in (-1, 2**32):
        with pytest.raises(ValueError, match=r"from 0 to 4294967295, got"):
            nndl.seed_everything(bad)


def test_devices_are_chosen_or_refused():
    assert nndl.runtime.set_device("cpu") == "cpu"
    for bad in ("tpu", "", 3, None, "cpu:1", "gpu:x", "gpu:-1"):
        with pytest.raises(ValueError, match="device must be 'auto', 'cpu', 'gpu'"):
            nndl.runtime.set_device(bad)
    if not paddle.is_compiled_with_cuda():
        assert nndl.runtime.set_device("auto") == "cpu"
        with pytest.raises(RuntimeError, match=r"built without CUDA.*use 'auto' or 'cpu'"):
            nndl.runtime.set_device("gpu")


def test_a_missing_or_old_paddle_is_named(request):
    for code, message in (
        ("import sys; sys.modules['paddle'] = None", "nndl needs Paddle, which is not installed"),
        (
            "import importlib.metadata as m; m.version = lambda name: '2.5.2'",
            "nndl needs Paddle 2.6 or newer, found paddlepaddle 2.5.2",
        ),
    ):
        try_it = f"{code}\ntry:\n    import nndl\nexcept RuntimeError as error:\n    print(error)"
        assert message in process(try_it, request.config.rootpath).stdout
