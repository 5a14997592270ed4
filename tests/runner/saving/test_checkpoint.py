"""Files of weights: whole or not there, and never more than weights."""

import errno
import os
import resource

import numpy as np
import paddle
import pytest
import robustness
from mutations import malicious_pickles, mutations, object_archive

from nndl.runner.saving import checkpoint
from tests.conftest import needs_paddle
from tests.training_cases import assert_same_weights, batches, make_runner, network, weights

ARRAYS = {
    "weight": np.arange(6, dtype="float32").reshape(2, 3),
    "count": np.array(7),
    "empty": np.zeros((0, 3)),
    "mask": np.array([True, False]),
    "turned": np.arange(6.0).reshape(2, 3).T,
}


@pytest.fixture(params=["safetensors", "npz"])
def file_format(request, monkeypatch):
    if request.param == "npz":
        monkeypatch.setattr(checkpoint, "_build_safetensors", None)
    return request.param


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("suffix", ["pdparams", "nndl", "safetensors"])
def test_arrays_and_record_return(tmp_path, file_format, suffix):
    path = tmp_path / "new" / f"x.{suffix}"
    record = {"run_id": "abc", "name": "卷积", "loss": 0.1 + 0.2, "steps": [1, None]}
    checkpoint.write_file(path, ARRAYS, record)
    arrays, found = checkpoint.read_file(path)
    assert found == record
    assert arrays.keys() == ARRAYS.keys()
    for name, array in arrays.items():
        assert array.dtype == ARRAYS[name].dtype
        np.testing.assert_array_equal(array, ARRAYS[name])
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    start = path.read_bytes()[:2]
    assert (start == b"\x80\x04") == (suffix == "pdparams")
    assert (start == b"PK") == (suffix != "pdparams" and file_format == "npz")


@needs_paddle(3, 0, "safetensors itself looks for a type of it")
def test_files_of_paddle_and_safetensors_load(tmp_path):
    from safetensors.paddle import save_file

    source = make_runner(seed=1)
    paddle.save(source.model.state_dict(), "book.pdparams")
    save_file(source.model.state_dict(), "plain.safetensors")
    # Paddle 2 stored a pair (name, array) for each tensor.
    import pickle

    pairs = {name: (name, array) for name, array in weights(source.model).items()}
    (tmp_path / "old.pdparams").write_bytes(pickle.dumps(pairs, protocol=2))
    for name in ("book.pdparams", "plain.safetensors", "old.pdparams"):
        runner = make_runner(seed=2)
        runner.load_model(name)
        assert_same_weights(runner.model, source.model)


def test_a_model_file_returns_exactly_what_was_saved(file_format):
    source, runner = make_runner(seed=1), make_runner(seed=2)
    source.save_model("a.pdparams")
    runner.load_model("a.pdparams")
    assert_same_weights(runner.model, source.model)


def test_another_network_is_refused_with_every_mismatch():
    other = paddle.nn.Sequential(
        paddle.nn.Linear(12, 9), paddle.nn.ReLU(), paddle.nn.Linear(9, 3, bias_attr=False)
    )
    runner = make_runner()
    before = weights(runner.model)
    checkpoint.write_file("other", checkpoint.model_arrays(other), {})
    with pytest.raises(ValueError) as error:
        runner.load_model("other")
    for part in (
        "0.weight is [12, 9] in the file, [12, 8] here",
        "0.bias is [9] in the file, [8] here",
        "3.weight [8, 3] is missing in the file",
        "3.bias [3] is missing in the file",
        "2.weight [9, 3] of the file has no place in the model",
    ):
        assert part in str(error.value)
    for name, array in weights(runner.model).items():
        np.testing.assert_array_equal(array, before[name])


def test_strict_false_loads_what_fits_and_returns_the_rest():
    runner = make_runner()
    arrays = {**weights(network()), "extra": np.zeros(2)}
    arrays["0.bias"] = np.zeros(8)  # another type
    checkpoint.write_file("file", arrays, {})
    wrong = runner.load_model("file", strict=False)
    assert wrong == [
        "0.bias is float64 in the file, float32 here",
        "extra [2] of the file has no place in the model",
    ]
    np.testing.assert_array_equal(weights(runner.model)["3.weight"], arrays["3.weight"])
    checkpoint.write_file("file", {"extra": np.zeros(2)}, {})
    with pytest.raises(ValueError, match="another network"):
        runner.load_model("file", strict=False)


def test_missing_and_foreign_files_are_named(tmp_path):
    runner = make_runner()
    with pytest.raises(FileNotFoundError, match=r"no file nothing\.pdparams"):
        runner.load_model("nothing.pdparams")
    with pytest.raises(ValueError, match="name the file"):
        runner.load_model()
    for content in (b"", b"\x80", b"hello, this is text", b"PK\x03\x04", b"\x89PNG" * 9):
        (tmp_path / "foreign").write_bytes(content)
        with pytest.raises(ValueError, match="foreign cannot be used"):
            runner.load_model("foreign")
    with pytest.raises(ValueError, match="cannot be read"):
        runner.load_model(tmp_path)


def test_pickles_cannot_run_anything(tmp_path):
    sentinel = tmp_path / "executed"
    runner = make_runner()
    hostile = [*malicious_pickles(str(sentinel)), object_archive(str(sentinel))]
    for number, content in enumerate(hostile):
        path = tmp_path / f"{number}.pdparams"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"nothing (in it )?was executed"):
            runner.load_model(path)
        assert not sentinel.exists()
    # The first is a real attack: an ordinary unpickler falls for it.
    import pickle

    pickle.loads(hostile[0])
    assert sentinel.exists()


@pytest.mark.parametrize("kind", ["model", "checkpoint"])
def test_damaged_files_are_refused_or_whole(tmp_path, file_format, kind):
    runner = make_runner(optimizer="Adam")
    runner.train(batches(), batches(), log_steps=0, checkpoint="run")
    path = (
        tmp_path / "run" / {"model": "best_model.pdparams", "checkpoint": "checkpoint.nndl"}[kind]
    )
    content = path.read_bytes()
    intact, intact_record = checkpoint.read_file(path)
    others = [p.read_bytes() for p in (tmp_path / "run").iterdir() if p != path]
    refused = 0
    damaged = tmp_path / "damaged"
    for what, new in mutations(content, np.random.default_rng(5), 120, others):
        damaged.write_bytes(new)
        try:
            arrays, record = checkpoint.read_file(damaged)
        except ValueError as error:
            assert "damaged" in str(error), what
            refused += 1
        else:
            assert record == intact_record, what
            assert all(np.array_equal(arrays[name], intact[name]) for name in intact), what
        assert damaged.read_bytes() == new
    assert refused >= 100


def test_a_damaged_checkpoint_leaves_the_runner_as_it_is(tmp_path):
    runner = make_runner(seed=1)
    runner.train(batches(), log_steps=0, checkpoint="run")
    path = tmp_path / "run" / "checkpoint.nndl"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    fresh, untouched = make_runner(seed=2), make_runner(seed=2)
    with pytest.raises(ValueError, match=r"checkpoint\.nndl cannot be used: its content"):
        fresh.train(batches(), log_steps=0, checkpoint="run", resume=True)
    assert_same_weights(fresh.model, untouched.model)
    assert path.read_bytes() == content


@pytest.fixture(params=["no space", "file size limit"])
def full_disk(request, monkeypatch):
    """Within this fixture's function, files cannot be written in full."""
    if request.param == "no space":

        def fail(handle):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def fill():
            monkeypatch.setattr(os, "fsync", fail)

        yield fill
    else:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_file_before(tmp_path, full_disk):
    runner = make_runner()
    runner.save_model("best.pdparams")
    before = files(tmp_path)
    runner.train(batches(), log_steps=0)
    full_disk()
    with pytest.raises(RuntimeError, match=r"best\.pdparams could not be written.*is as it was"):
        runner.save_model("best.pdparams")
    assert files(tmp_path) == before


def test_a_file_system_that_is_full_or_read_only():
    lines = robustness.disk().splitlines()
    if "not possible here" in lines[0]:
        pytest.skip(lines[0])
    full, loads, files, read_only, again = lines
    assert "training stopped, the checkpoint of step 2 is intact" in full
    assert loads == "checkpoint of step 2 loads"
    assert files == "files there: checkpoint.nndl"
    assert "Read-only file system" in read_only
    assert again == "with space again: resumed and finished, 15 steps"


def test_training_stops_at_a_full_disk_and_goes_on_from_the_checkpoint(tmp_path, full_disk):
    whole = make_runner(optimizer="Adam")
    whole.train(batches(), num_epochs=2, log_steps=0)
    runner = make_runner(optimizer="Adam")
    with pytest.raises(RuntimeError, match="the checkpoint of step 3 is intact") as error:
        runner.train(
            batches(), num_epochs=2, log_steps=0, checkpoint="run", checkpoint_steps=3,
            custom_print_log=lambda r: full_disk() if r.steps_done == 4 else None,
        )  # fmt: skip
    assert "could not be written" in str(error.value)
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["checkpoint.nndl"]


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o755)
    os.chdir(folder)  # the relative path still works for a user who may not pass through tmp_path
    make_runner().save_model("best.pdparams")
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # permissions do not bind root
    try:
        runner = make_runner()
        for options in ({"save_path": "best.pdparams"}, {"checkpoint": "."}):
            with pytest.raises(RuntimeError, match=r"(cannot|could not) be written"):
                runner.train(batches(), batches(), log_steps=0, **options)
            assert runner.steps_done == 0
        with pytest.raises(RuntimeError, match="could not be written"):
            runner.save_model("best.pdparams")
        runner.load_model("best.pdparams")
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
    assert [p.name for p in folder.iterdir()] == ["best.pdparams"]


def test_a_file_of_another_run_is_kept(tmp_path, capsys):
    path = tmp_path / "best_model.pdparams"
    path.write_bytes(b"somebody's precious work")
    first, second, third = (make_runner() for _ in range(3))
    for runner in (first, second, third):
        runner.train(batches(), batches(), log_steps=0)
        runner.load_model()
    assert (tmp_path / "best_model.pdparams.bak").read_bytes() == b"somebody's precious work"
    assert capsys.readouterr().out.splitlines() == [
        "best_model.pdparams was not written by nndl: it is kept as best_model.pdparams.bak.",
        "best_model.pdparams was of another run: it is kept as best_model.pdparams.bak2.",
        "best_model.pdparams was of another run: it is kept as best_model.pdparams.bak2.",
    ]
    _, record = checkpoint.read_file("best_model.pdparams.bak2")
    assert record["run_id"] == second.run_id


def test_overwrite_keeps_nothing(tmp_path, capsys):
    for _ in range(2):
        make_runner().train(batches(), batches(), log_steps=0, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["best_model.pdparams"]
    assert capsys.readouterr().out == ""


def test_the_best_model_is_of_this_run_or_an_error(tmp_path):
    make_runner().train(batches(), batches(), log_steps=0)
    runner = make_runner()
    runner.train(batches(), log_steps=0)  # no dev_loader: evaluates nothing, saves nothing
    for name in (None, "best_model.pdparams", tmp_path / "best_model.pdparams"):
        with pytest.raises(RuntimeError, match=r"not of this one.*has saved no best model"):
            runner.load_model(name)
    (tmp_path / "best_model.pdparams").unlink()
    with pytest.raises(FileNotFoundError, match="has saved no best model"):
        runner.load_model()
    fresh = make_runner()
    runner.save_model("mine.pdparams")
    fresh.load_model("mine.pdparams")  # a runner that has not trained may load any file


def test_a_best_model_whose_name_another_run_took_is_found_again(capsys):
    runners = [make_runner(seed) for seed in (1, 2, 3)]
    for runner in runners[:2]:
        runner.train(batches(), batches(), log_steps=0)
    best = weights(runners[0].model)
    runners[0].model[0].weight.set_value(np.zeros([12, 8], "float32"))
    capsys.readouterr()
    runners[0].load_model()
    assert "of another run now: loading this run's, kept as best_model.pdparams.bak" in (
        capsys.readouterr().out
    )
    for name, array in weights(runners[0].model).items():
        np.testing.assert_array_equal(array, best[name])
    runners[2].train(batches(), batches(), log_steps=0, overwrite=True)
    with pytest.raises(RuntimeError, match="best model was there and has been replaced"):
        runners[1].load_model()


def test_weights_load_out_of_a_checkpoint():
    runner = make_runner(optimizer="Adam")
    runner.train(batches(), log_steps=0, checkpoint="run")
    fresh = make_runner(seed=8)
    fresh.load_model("run/checkpoint.nndl")
    assert_same_weights(fresh.model, runner.model)
