"""The site, built and then opened in a real browser: no network, Chinese search, formulas, dark.

    make test-browser

Screenshots are kept in build/browser/.
"""

import functools
import http.server
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest

from tests.lab import BROWSER_OPTIONS, chromium

pytest.importorskip("myst_nb")
playwright = pytest.importorskip("playwright.sync_api")
ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "browser"
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
CHAPTERS = [f"_pages/notebooks/{name}.html" for name in NOTEBOOKS]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(folder of the site, seconds that the build took); a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", ROOT / "docs", folder]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, time.perf_counter() - started


@pytest.fixture(scope="module")
def address(built):
    handler = functools.partial(Quiet, directory=built[0])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        program = driver.chromium.launch(executable_path=chromium(), args=BROWSER_OPTIONS)
        yield program
        program.close()


@pytest.fixture
def open_page(browser, address):
    """Open a page; at the end the browser had no complaint and asked nobody else."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    complaints, contexts = [], []

    def request(asked):
        if not asked.url.startswith((address, "data:", "blob:")):
            complaints.append(f"asks for {asked.url}")

    def console(message):
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text} {message.location.get('url')}")

    def open_one(name, width=1300, height=900, scheme="light"):
        viewport = {"width": width, "height": height}
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("request", request)
        page.on("console", console)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}/{name}", wait_until="load")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def typeset(page):
    """Wait for MathJax; the number of formulas it drew."""
    page.wait_for_function("() => window.MathJax?.startup?.promise", timeout=30_000)
    page.evaluate("() => MathJax.startup.promise")
    return page.locator("mjx-container svg").count()


def test_builds_quickly_with_a_page_for_each_chapter(built):
    folder, seconds = built
    assert seconds < 30
    for page in ("index.html", "api.html", "search.html", "_pages/data.html", *CHAPTERS):
        assert (folder / page).exists(), page


def test_no_page_names_a_place_elsewhere_to_load_from(built):
    folder, _ = built
    loads = r"""<(?:script|img|iframe)[^>]*\ssrc=["'](https?:)?//"""
    loads += r"""|<link[^>]*rel="stylesheet"[^>]*href="(https?:)?//"""
    pages = list(folder.rglob("*.html"))
    assert len(pages) > 5
    assert [page.name for page in pages if re.search(loads, page.read_text("utf-8"))] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_is_whole(open_page, chapter):
    page = open_page(chapter)
    source = nbformat.read(ROOT / "notebooks" / f"{Path(chapter).stem}.ipynb", as_version=4)
    pictures = sum(
        "image/png" in o.get("data", {}) for c in source.cells for o in c.get("outputs", [])
    )
    assert typeset(page) > 20
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert page.locator(".math", has_text=re.compile(r"\\[(\[]")).count() == 0, "raw formula"
    images = page.locator("article .cell_output img")
    assert images.count() >= pictures >= 5
    described = images.evaluate_all("all => all.map(i => i.alt)")
    assert [
        alt for alt in described if len(alt) < 10 or re.search(r"[0-9a-f]{40}|\.png", alt)
    ] == []
    assert page.locator("article details").count() > 5
    assert page.locator("article details[open]").count() == 0, "answers are folded"
    download = page.locator(".dropdown-download-buttons a[href$='.ipynb']")
    assert download.count() == 1
    broken = page.evaluate(
        """() => [...document.querySelectorAll('article a[href^="#"]')]
           .map(a => a.getAttribute('href'))
           .filter(h => h.length > 1 && !document.getElementById(decodeURIComponent(h.slice(1))))"""
    )
    assert broken == []


def test_the_downloaded_chapter_is_a_notebook(open_page, address):
    page = open_page(CHAPTERS[0])
    page.locator(".dropdown-download-buttons > button").click()
    with page.expect_download() as download:
        page.locator(".dropdown-download-buttons a[href$='.ipynb']").click()
    notebook = nbformat.read(download.value.path(), as_version=4)
    original = nbformat.read(ROOT / "notebooks" / f"{NOTEBOOKS[0]}.ipynb", as_version=4)
    assert [c.source for c in notebook.cells] == [c.source for c in original.cells]


def test_the_reference_has_formulas(open_page):
    page = open_page("api.html")
    assert typeset(page) >= 5
    assert page.locator("dt.sig").count() > 50


@pytest.mark.parametrize("words", ["感受野", "步长", "卷积核", "Conv2D"])
def test_search_finds(open_page, words):
    page = open_page(f"search.html?q={words}")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    found = page.locator("#search-results li a").evaluate_all("all => all.map(a => a.href)")
    assert any("5.1_convolution" in link or "5.2_basic" in link for link in found)
    page.screenshot(path=SHOTS / "site-search.png")


def test_search_does_not_find_what_is_not_there(open_page):
    page = open_page("search.html?q=量子纠缠")
    page.wait_for_selector("text=没有匹配到文档", timeout=10_000)
    assert page.locator("#search-results li").count() == 0


def test_the_animation_steps_on_click(open_page):
    page = open_page(CHAPTERS[0])
    player = page.locator(".nndl-steps").first
    player.scroll_into_view_if_needed()
    seen = []
    for _ in range(2):
        player.locator("button[aria-label='next step']").click()
        (image,) = player.locator("img:visible").all()
        seen.append(image.get_attribute("alt").rpartition(", step ")[2])
    assert seen == ["1", "2"]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_dark_mode_keeps_figures_readable(open_page, chapter):
    page = open_page(chapter, scheme="dark")
    typeset(page)
    back = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", back)[:3])) < 60
    image = page.locator("article .cell_output img").first
    image.scroll_into_view_if_needed()
    assert image.evaluate("i => getComputedStyle(i).backgroundColor") == "rgb(255, 255, 255)"
    page.screenshot(path=SHOTS / f"site-dark-{Path(chapter).stem}.png")


@pytest.mark.parametrize("name", ["index.html", *CHAPTERS])
def test_a_phone_shows_everything_in_its_width(open_page, name):
    page = open_page(name, width=390, height=844)
    if name != "index.html":
        typeset(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    wide = page.locator("article .cell_output img:visible").evaluate_all(
        "all => all.filter(i => i.getBoundingClientRect().right > 391).length"
    )
    assert wide == 0
    page.evaluate("() => window.scrollTo(0, 3000)")
    page.screenshot(path=SHOTS / f"site-phone-{Path(name).stem}.png")
