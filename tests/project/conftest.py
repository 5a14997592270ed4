"""The site, built once and served on loopback, and a browser that notes every complaint."""

import functools
import http.server
import os
import subprocess
import sys
import threading
import time

import pytest

from tests.conftest import ROOT
from tests.lab import BROWSER_OPTIONS, chromium

SHOTS = ROOT / "build" / "browser"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """(folder of the site, seconds that the build took); a warning is an error."""
    folder = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", ROOT / "docs", folder]
    started = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return folder, time.perf_counter() - started


@pytest.fixture(scope="session")
def address(built):
    handler = functools.partial(Quiet, directory=built[0])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def chrome():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        program = driver.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        yield program
        program.close()


@pytest.fixture
def open_page(chrome, address):
    """Open a page; at the end the browser had no complaint and asked nobody else."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    complaints, contexts = [], []

    def request(asked):
        if not asked.url.startswith((address, "data:", "blob:", "file:")):
            complaints.append(f"asks for {asked.url}")

    def console(message):
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text} {message.location.get('url')}")

    def open_one(name, width=1300, height=900, scheme="light", **options):
        viewport = {"width": width, "height": height}
        contexts.append(chrome.new_context(viewport=viewport, color_scheme=scheme, **options))
        page = contexts[-1].new_page()
        page.on("request", request)
        page.on("console", console)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(name if ":" in name else f"{address}/{name}", wait_until="load")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []
