"""Every notebook, opened in JupyterLab in a real browser and run by clicks.

    make test-browser

Screenshots are kept in build/browser/.
"""

import re
import shutil
from pathlib import Path

import pytest

from .lab import BROWSER_OPTIONS, Notebook, chromium, jupyter_lab

playwright = pytest.importorskip("playwright.sync_api")
ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
SHOTS = ROOT / "build" / "browser"

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


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs_by_click(lab, page, name):
    notebook = Notebook(page, lab, name)
    notebook.menu("Edit", "Clear Outputs of All Cells")
    notebook.run_all()
    page.screenshot(path=SHOTS / f"{Path(name).stem}.png")
    assert notebook.problems() == []
    figures, blank = notebook.blank_figures()
    assert figures >= 5
    assert blank == 0
    assert page.locator(".jp-OutputArea-output table").count() >= 1
    page.locator(".jp-OutputArea-output table").first.screenshot(
        path=SHOTS / f"{Path(name).stem}-table.png"
    )


def test_animation_steps_on_click(lab, page):
    notebook = Notebook(page, lab, NOTEBOOKS[0])
    notebook.run_all()
    player = page.locator(".jp-OutputArea-output .animation").first
    player.scroll_into_view_if_needed()
    image = player.locator("img").first
    before = image.get_attribute("src")
    player.locator(
        "button[title*='Next'], button[title*='next'], button[aria-label*='ext']"
    ).first.click()
    page.wait_for_timeout(500)
    assert image.get_attribute("src") != before
    player.screenshot(path=SHOTS / "animation.png")


def test_slider_recomputes(lab, page):
    notebook = Notebook(page, lab, NOTEBOOKS[0])
    notebook.run_all()
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.scroll_into_view_if_needed()
    area = page.locator(".jp-OutputArea-output:has(.widget-slider)").first
    before = area.inner_html()
    handle.focus()
    handle.press("ArrowRight")
    page.wait_for_timeout(3000)
    assert area.inner_html() != before
    area.screenshot(path=SHOTS / "slider.png")


def test_restart_gives_the_same_results(lab, page):
    notebook = Notebook(page, lab, NOTEBOOKS[1])
    notebook.run_all()
    first = stable(notebook.printed())
    notebook.restart_and_run_all()
    assert first
    assert stable(notebook.printed()) == first
