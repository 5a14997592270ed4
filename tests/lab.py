"""JupyterLab on loopback and a headless Chromium that clicks in it, for the browser tests."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ERRORS = ".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']"
STDERR = ".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']"


def chromium():
    """Path of the system's Chromium, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextlib.contextmanager
def jupyter_lab(folder, settings):
    """Serve `folder`; yields the address. `settings` is an empty folder for JupyterLab's own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    choices = {
        # Windowing would take cells out of the page that are not on the screen.
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    for name, values in choices.items():
        file = settings / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    environment = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(settings / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    environment.pop("MPLBACKEND", None)  # the kernel shall draw into the page
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ip=127.0.0.1", f"--ServerApp.root_dir={folder}"]
    command += ["--IdentityProvider.token=", "--LabApp.news_url="]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with open(settings / "jupyter.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for_server(server, address, settings / "jupyter.log")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for_server(server, address, log, seconds=90):
    """Return when the server answers; fail with its log when it ended or never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api", timeout=2).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


class Notebook:
    """One notebook, opened in the page as a user would."""

    def __init__(self, page, address, name):
        self.page = page
        page.goto(f"{address}/lab/tree/{name}?reset", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-NotebookPanel-toolbar", timeout=90_000)
        page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell", timeout=60_000)
        self.wait_idle()
        # The status says idle before the channels are open; cells sent until then are lost.
        page.wait_for_timeout(4000)

    def menu(self, *labels):
        """Click through the menu bar: menu('Run', 'Run All Cells')."""
        self.page.click(f".lm-MenuBar-item:has-text('{labels[0]}')")
        for label in labels[1:]:
            self.page.click(f".lm-Menu-item:has(.lm-Menu-itemLabel:text-is('{label}'))")

    def run_all(self, seconds=600):
        self.menu("Run", "Run All Cells")
        self.page.wait_for_timeout(1000)
        self.wait_done(seconds)

    def cell(self, text, kind="Code"):
        """The first cell whose source contains `text`."""
        editor = self.page.locator(f".jp-{kind}Cell .jp-InputArea", has_text=text).first
        return editor.locator(f"xpath=ancestor::*[contains(@class, 'jp-{kind}Cell')]")

    def select(self, text, kind="Code"):
        self.cell(text, kind).locator(".jp-InputPrompt").first.click()

    def run_above(self, text, kind="Code", seconds=300):
        """Run every cell above the one that contains `text`."""
        self.select(text, kind)
        self.menu("Run", "Run All Above Selected Cell")
        self.page.wait_for_timeout(1000)
        self.wait_done(seconds)

    def run_cell(self, text, wait=True, seconds=300):
        self.select(text)
        self.page.keyboard.press("Control+Enter")
        if wait:
            self.page.wait_for_timeout(500)
            self.wait_done(seconds)

    def replace(self, text, old, new):
        """Type another source into the cell, as the reader would."""
        editor = self.cell(text).locator(".cm-content")
        source = "\n".join(editor.locator(".cm-line").all_inner_texts())
        assert old in source
        editor.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source.replace(old, new))
        self.page.keyboard.press("Escape")

    def output(self, text):
        """What the cell that contains `text` printed and drew as text."""
        return "\n".join(self.cell(text).locator(".jp-OutputArea-output pre").all_inner_texts())

    def wait_output(self, text, pattern, seconds=120):
        """Until the cell that contains `text` has printed what `pattern` describes."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.output(text)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{pattern!r} was not printed: {self.output(text)!r}")
            self.page.wait_for_timeout(200)

    def restart_and_run_all(self, seconds=600):
        self.menu("Kernel", "Restart Kernel and Run All Cells…")
        self.page.click(".jp-Dialog .jp-mod-accept")
        self.page.wait_for_timeout(3000)
        self.wait_done(seconds)

    def wait_idle(self, seconds=90):
        self.page.wait_for_selector(
            ".jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status='idle']",
            timeout=1000 * seconds,
            state="attached",
        )

    def wait_done(self, seconds):
        """Until no cell waits or runs any more."""
        self.page.wait_for_function(
            """() => {
                const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
                const texts = prompts.map(p => p.textContent);
                return texts.length && texts.every(t => !t.includes('*'))
                    && texts.filter(t => /\\d/.test(t)).length > 0;
            }""",
            timeout=1000 * seconds,
            polling=500,
        )
        self.wait_idle()
        self.page.wait_for_timeout(1000)

    def texts(self, selector):
        return self.page.eval_on_selector_all(selector, "nodes => nodes.map(n => n.textContent)")

    def problems(self):
        """Error and stderr blocks on the page."""
        return self.texts(ERRORS) + self.texts(STDERR)

    def blank_figures(self):
        """(number of figures, those that are not loaded or show a single colour)."""
        return self.page.evaluate(
            """async () => {
                const images = [...document.querySelectorAll('.jp-OutputArea-output img')];
                let blank = 0;
                for (const image of images) {
                    await image.decode().catch(() => {});
                    const canvas = document.createElement('canvas');
                    canvas.width = canvas.height = 64;
                    const pen = canvas.getContext('2d');
                    pen.fillStyle = 'white';
                    pen.fillRect(0, 0, 64, 64);
                    pen.drawImage(image, 0, 0, 64, 64);
                    const data = pen.getImageData(0, 0, 64, 64).data;
                    const colours = new Set();
                    for (let i = 0; i < data.length; i += 4)
                        colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
                    if (!image.naturalWidth || colours.size < 2) blank += 1;
                }
                return [images.length, blank];
            }"""
        )

    def printed(self):
        """What the cells printed, without the figures' alternative texts."""
        return self.texts(".jp-OutputArea-output pre")
