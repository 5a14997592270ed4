"""Every notebook, opened in JupyterLab in a real browser and run by clicks.

    make test-browser

Screenshots are kept in build/browser/.
"""

import re
import shutil
from pathlib import Path

import nbformat
import pytest

from tests.lab import BROWSER_OPTIONS, Notebook, chromium, jupyter_lab

playwright = pytest.importorskip("playwright.sync_api")
ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
SHOTS = ROOT / "build" / "browser"
#: address of a JupyterLab -> the folder that it serves
FOLDERS = {}
#: a bar that is still being drawn; a finished one is replaced by a summary
BAR = re.compile(r"\d+% ?\|.*")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "work", ignore=shutil.ignore_patterns("runs"))
    (folder / "settings").mkdir()
    SHOTS.mkdir(parents=True, exist_ok=True)
    with jupyter_lab(folder / "work", folder / "settings") as address:
        FOLDERS[address] = folder / "work"
        yield address


@pytest.fixture
def page(lab):
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        yield page
        browser.close()


def stable(lines):
    """Printed text without what may differ between two runs: durations and speeds."""
    timed = re.compile(r"\d[\d.,]*\s*(s|ms|µs|img/s|×|x)\b|\d+(\.\d+)?\s*(秒|毫秒|倍)")
    return [line for line in lines if not timed.search(line)]


def image_bytes(image):
    """What a picture on the page shows now."""
    return image.evaluate(
        "async i => Array.from(new Uint8Array(await (await fetch(i.src)).arrayBuffer()))"
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_run_all_and_again_after_a_restart(lab, page, name):
    notebook = Notebook(page, lab, name)
    notebook.menu("Edit", "Clear Outputs of All Cells")
    notebook.run_all()
    page.screenshot(path=SHOTS / f"{Path(name).stem}.png")
    assert notebook.problems() == []
    figures, blank = notebook.blank_figures()
    assert figures >= 5
    assert blank == 0
    figure = page.locator(".jp-OutputArea-output img").nth(figures // 2)
    figure.scroll_into_view_if_needed()
    page.screenshot(path=SHOTS / f"{Path(name).stem}-figure.png")
    tables = page.locator(".jp-OutputArea-output table")
    assert tables.count() >= 1
    assert all(tables.nth(i).locator("td").count() for i in range(tables.count()))
    tables.first.screenshot(path=SHOTS / f"{Path(name).stem}-table.png")
    printed = notebook.printed()
    assert [line for text in printed for line in BAR.findall(text)] == [], "a bar did not finish"
    first = stable(printed)
    notebook.restart_and_run_all()
    assert notebook.problems() == []
    assert first
    assert stable(notebook.printed()) == first


def test_animation_steps_on_click(lab, page):
    notebook = Notebook(page, lab, NOTEBOOKS[0])
    notebook.run_above("interactive_conv2d()")
    player = page.locator(".jp-OutputArea-output .nndl-steps").first
    player.scroll_into_view_if_needed()

    def shown():
        return [image.get_attribute("alt") for image in player.locator("img:visible").all()]

    (first,) = shown()
    player.locator("button[aria-label='next step']").click()
    (second,) = shown()
    assert [text.rpartition(", step ")[2] for text in (first, second)] == ["1", "2"]
    player.locator("button[aria-label='play or pause']").click()
    page.wait_for_timeout(2500)
    assert shown() != [second], "it plays"
    player.screenshot(path=SHOTS / "animation.png")


def test_slider_recomputes(lab, page):
    notebook = Notebook(page, lab, NOTEBOOKS[0])
    notebook.run_above("### 平移等变", kind="Markdown")
    area = page.locator(".jp-OutputArea-output:has(.widget-slider)").first
    area.scroll_into_view_if_needed()
    before = image_bytes(area.locator("img").first)
    slider = area.locator(".widget-slider:has-text('stride') .noUi-handle")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_timeout(3000)
    assert image_bytes(area.locator("img").first) != before
    assert "/ 2⌋ + 1" in area.inner_text()
    area.screenshot(path=SHOTS / "slider.png")


def test_a_live_figure_is_a_cells_output(lab, page):
    """The snippet of the site, in JupyterLab: it computes without asking the kernel."""
    name = "live.ipynb"
    cells = [
        nbformat.v4.new_code_cell(source)
        for source in ("from nndl import figures", 'figures.live("lenet")', 'figures.live("conv")')
    ]
    kernel = nbformat.read(ROOT / "notebooks" / NOTEBOOKS[0], as_version=4).metadata
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), FOLDERS[lab] / name)
    notebook = Notebook(page, lab, name)
    notebook.run_all()
    assert notebook.problems() == []
    live = page.locator('.jp-OutputArea-output .nndl-live[data-live="lenet"]')
    assert live.count() == 1, "shown once"
    live.get_by_label("test digit 3", exact=True).first.click()
    assert "prediction: 3" in live.locator(".nl-sum").inner_text()
    live.scroll_into_view_if_needed()
    live.screenshot(path=SHOTS / "live-lab.png")
    conv = page.locator('.jp-OutputArea-output .nndl-live[data-live="conv"]')
    conv.locator('.nl-grid[aria-label="output"] td').nth(6).hover()
    assert conv.locator(".nl-sum").inner_text().startswith("Y[1, 1] = ")


@pytest.mark.skipif(not any(n.startswith("5.3") for n in NOTEBOOKS), reason="5.3 is not there")
def test_a_training_cell_interrupted_by_the_button_goes_on_to_the_same_end(lab, page):
    notebook = Notebook(page, lab, next(n for n in NOTEBOOKS if n.startswith("5.3")))
    train, test = "whole.train(", "whole.evaluate(test_loader)"
    notebook.run_above(train)
    for cell in (train, test):
        notebook.run_cell(cell)
    whole = stable(notebook.output(test).splitlines())
    assert whole

    notebook.run_cell(train, wait=False)
    notebook.wait_output(train, r"dev score: ")  # somewhere in the first epoch
    assert BAR.search(notebook.output(train)), "no progress was drawn"
    notebook.cell(train).screenshot(path=SHOTS / "training.png")
    page.locator("[data-command='notebook:interrupt-kernel']").first.click()
    notebook.wait_done(60)
    assert notebook.problems() == []
    stopped = notebook.output(train)
    assert "Training done!" not in stopped
    assert "resume=True" in stopped
    notebook.cell(train).screenshot(path=SHOTS / "interrupted.png")

    notebook.replace(train, '"overwrite": True', '"resume": True')
    notebook.run_cell(train)
    assert "Training done!" in notebook.output(train)
    assert not BAR.search(notebook.output(train)), "the bar did not finish"
    notebook.run_cell(test)
    assert notebook.problems() == []
    assert stable(notebook.output(test).splitlines()) == whole
