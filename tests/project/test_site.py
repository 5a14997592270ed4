"""The site, built and then opened in a real browser: desktop, phone, dark, no scripts, no network.

    make test-browser

Screenshots are kept in build/browser/.
"""

import re
import sys
from importlib.resources import files
from pathlib import Path

import nbformat
import pytest

from tests.conftest import ROOT
from tests.lab import chromium

from .conftest import SHOTS

pytest.importorskip("myst_nb")
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
CHAPTERS = [f"_pages/notebooks/{name}.html" for name in NOTEBOOKS]
SECTION = "_pages/notebooks/5.1_convolution/two-dimensional-convolution.html"
#: the text of a page without its code
PROSE = """[...document.querySelectorAll('article :is(p, li, td, h1, h2, h3, h4)')].map(n => {
    const copy = n.cloneNode(true);
    copy.querySelectorAll('code, pre, math').forEach(c => c.remove());
    return copy.textContent; }).join('\\n')"""
HAN = r"[\u4e00-\u9fff]"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("site"),
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed"),
]


def read(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def pages_of(built, chapter):
    """The chapter's pages, its own first."""
    folder = built[0]
    return [folder / chapter, *sorted((folder / chapter.removesuffix(".html")).glob("*.html"))]


def every_page(built, sources=False):
    """All pages; those with a module's source only when asked."""
    names = (path.relative_to(built[0]).as_posix() for path in built[0].rglob("*.html"))
    return sorted(name for name in names if sources or not name.startswith("_modules"))


def test_builds_with_a_page_for_each_chapter_and_section(built):
    folder, seconds = built
    assert seconds < 300
    for page in ("index.html", "api.html", "search.html", "_pages/data.html", *CHAPTERS):
        assert (folder / page).exists(), page
    for name, chapter in zip(NOTEBOOKS, CHAPTERS, strict=True):
        titles = re.findall(
            r"(?m)^## (.+)$",
            "\n".join(c.source for c in read(name).cells if c.cell_type == "markdown"),
        )
        assert 4 <= len(pages_of(built, chapter)) - 1 <= len(titles)


def test_no_page_names_a_place_elsewhere_to_load_from(built):
    loads = r"""<(?:script|img|iframe)[^>]*\ssrc=["'](https?:)?//"""
    loads += r"""|<link[^>]*rel="stylesheet"[^>]*href="(https?:)?//"""
    pages = list(built[0].rglob("*.html"))
    assert len(pages) > 40
    assert [page.name for page in pages if re.search(loads, page.read_text("utf-8"))] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_is_whole(built, open_page, name):
    """Every heading, figure, formula and exercise of the notebook is on one of its pages."""
    chapter = f"_pages/notebooks/{name}.html"
    book = read(name)
    found = {"headings": [], "figures": 0, "formulas": 0, "folded": 0, "open": 0}
    for file in pages_of(built, chapter):
        page = open_page(file.relative_to(built[0]).as_posix())
        found["headings"] += page.locator("article :is(h1, h2, h3, h4)").all_inner_texts()
        images = page.locator("article .cell_output img.only-light")
        found["figures"] += images.count()
        for alt in images.evaluate_all("all => all.map(i => i.alt)"):
            assert len(alt) >= 10, alt
            assert not re.search(r"[0-9a-f]{40}|\.png", alt), alt
        found["formulas"] += page.locator("article math").count()
        assert page.locator("merror, .math-core-error").count() == 0
        assert not re.search(r"\\\(|\\\[|\\[a-z]{3,}|\$", page.evaluate(PROSE)), file.name
        found["folded"] += page.locator("article details").count()
        found["open"] += page.locator("article details[open]").count()
        broken = page.evaluate(
            """() => [...document.querySelectorAll('article a[href^="#"]')]
               .map(a => a.getAttribute('href')).filter(h => h.length > 1
                 && !document.getElementById(decodeURIComponent(h.slice(1))))"""
        )
        assert broken == []
    shown = " ".join(re.sub(r"[\s#¶]+", "", heading) for heading in found["headings"])
    for cell in book.cells:
        if cell.cell_type == "markdown":
            for heading in re.findall(
                r"(?m)^#{1,4} (.+)$", re.sub(r"(?s)```.*?```", "", cell.source)
            ):
                chinese = re.sub(r"[`$\\\s]", "", heading.partition(" · ")[0])
                assert chinese in shown, heading
    pictures = sum(
        "image/png" in o.get("data", {}) for c in book.cells for o in c.get("outputs", [])
    )
    players = sum(
        "nndl-steps" in str(o.get("data", {}).get("text/html", ""))
        for c in book.cells
        for o in c.get("outputs", [])
    )
    assert found["figures"] >= pictures - players >= 0
    assert found["formulas"] > 20
    assert found["folded"] > 5
    assert found["open"] == 0, "answers are folded"


def test_the_font_has_every_sign_of_the_formulas(built):
    """Signs without a glyph would fall back to another font; a root is drawn, not written."""
    from fontTools.ttLib import TTFont

    pages = "".join(path.read_text("utf-8") for path in built[0].rglob("*.html"))
    formulas = "".join(re.findall(r"(?s)<math.*?</math>", pages))
    used = set(re.sub(r"<[^>]+>|&\w+;|\s", "", formulas)) | (
        {"√"} if "<msqrt" in formulas else set()
    )
    has = TTFont(built[0] / "_static" / "math.woff2").getBestCmap()
    invisible = set(map(chr, range(0x2061, 0x2065)))
    missing = [
        c for c in used - invisible if ord(c) not in has and not re.match(r"[\u2E80-\uFFFF]", c)
    ]
    assert len(used) > 60
    assert missing == []


def test_links_between_pages_arrive(built):
    """Every link to a page or heading of the site leads to something that is there."""
    ids = {}

    def anchors(path):
        if path not in ids:
            ids[path] = set(re.findall(r'\bid="([^"]+)"', path.read_text("utf-8")))
        return ids[path]

    for name in every_page(built):
        path = built[0] / name
        for link in re.findall(r'<a [^>]*href="([^"]+)"', path.read_text("utf-8")):
            if re.match(r"\w+:", link) or link in ("#", ""):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file.partition("?")[0]).resolve() if file else path
            assert target.is_file(), f"{name} → {link}"
            if anchor and target.suffix == ".html":
                assert anchor in anchors(target), f"{name} → {link}"


def test_one_reads_on_section_by_section(open_page):
    page = open_page(CHAPTERS[0])
    seen = []
    for _ in range(4):
        page.locator("a.next-page").click()
        page.wait_for_load_state()
        seen.append(page.locator("h1").inner_text().split("\n")[0].rstrip("¶ "))
    book = "\n".join(c.source for c in read(NOTEBOOKS[0]).cells if c.cell_type == "markdown")
    order = [book.index(f"## {title}") for title in seen]
    assert order == sorted(order)
    assert len(set(order)) == 4
    page.locator("a.prev-page").click()
    assert page.locator("h1").inner_text().startswith(seen[2])


def test_headings_weigh_what_they_mean(open_page):
    page = open_page(SECTION)
    sizes = [
        page.evaluate(
            f"parseFloat(getComputedStyle(document.querySelector('article h{k}')).fontSize)"
        )
        for k in (1, 2, 3)
    ]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_gaps_between_chinese_characters(built, open_page, name):
    """A break in the source is no space on the page."""
    for file in pages_of(built, f"_pages/notebooks/{name}.html"):
        page = open_page(file.relative_to(built[0]).as_posix())
        texts = page.locator("article :is(p, li):not(.toctree-wrapper *)").evaluate_all(
            """all => all.map(n => [...n.childNodes]
               .filter(c => !/^(UL|OL|P|DIV)$/.test(c.nodeName))
               .map(c => c.textContent).join('').trim())"""
        )
        gaps = re.compile(rf"{HAN}[ \n]{HAN}|[，。：；、！？）」][ \n]+\S|\S[ \n]+[（「]")
        source = "".join(c.source for c in read(name).cells)
        source = re.sub(r"\]\([^)]*\)|[*`$\[]", "", source)  # as it reads
        assert [
            m[0] for t in texts for m in gaps.finditer(t) if m[0].replace("\n", " ") not in source
        ] == []


def test_the_downloaded_chapter_is_a_notebook(open_page):
    page = open_page(CHAPTERS[0])
    with page.expect_download() as download:
        page.locator("article a.download").click()
    notebook = nbformat.read(download.value.path(), as_version=4)
    assert [c.source for c in notebook.cells] == [c.source for c in read(NOTEBOOKS[0]).cells]


def test_the_reference_names_each_argument_once(open_page):
    page = open_page("api.html")
    assert page.locator("article math").count() >= 5
    assert page.locator("dt.sig").count() > 50
    doubled = page.evaluate(
        """() => [...document.querySelectorAll('dl.field-list dd ul')].flatMap(list => {
            const said = [...list.children].map(li => li.textContent.split('--')[1]?.trim());
            return said.filter((s, k) => s && said.indexOf(s) !== k);
        })"""
    )
    assert doubled == []


# --------------------------------------------------------------------------------- search
@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("感受野", "感受野"),
        ("步长", "步长"),
        ("Laplacian", "拉普拉斯算子"),
        ("混淆矩阵", "混淆矩阵"),
    ],
)
def test_a_hit_opens_at_its_section_with_the_words_marked(open_page, words, title):
    page = open_page(f"search.html?q={words}")
    hit = page.locator("#search-results li a").first
    assert hit.inner_text() == title
    hit.click()
    page.wait_for_load_state()
    anchor = page.evaluate("decodeURIComponent(location.hash.slice(1))")
    assert page.evaluate(
        "id => !id || document.getElementById(id).querySelector('h1, h2, h3, h4') !== null", anchor
    )
    if anchor:
        top = page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", anchor)
        assert -5 < top < 300
    marks = page.locator("article mark").all_inner_texts()
    assert marks
    assert {mark.lower() for mark in marks} == {words.lower()}
    page.screenshot(path=SHOTS / "site-hit.png")


@pytest.mark.parametrize("words", ["卷积", "Conv2D", "卷积核 参数", "1×1"])
def test_excerpts_can_be_read(open_page, words):
    page = open_page(f"search.html?q={words}")
    texts = page.locator("#search-results li p").all_inner_texts()
    assert len(texts) >= 5
    assert not any(re.search(r"\\\(|\\times|\\frac|\$", text) for text in texts), "raw formulas"
    assert all(
        any(word.lower() in (t + n).lower() for word in words.split())
        for t, n in zip(texts, page.locator("#search-results li").all_inner_texts(), strict=True)
    )
    assert not any(
        re.search(r"[A-Za-z]", title) and re.search(HAN, title) and " · " in title
        for title in page.locator("#search-results li a").all_inner_texts()
    )
    page.screenshot(path=SHOTS / "site-search.png")


def test_search_does_not_find_what_is_not_there(open_page):
    page = open_page("search.html?q=量子纠缠")
    page.wait_for_selector("text=没有找到")
    assert page.locator("#search-results li").count() == 0


def test_the_search_field_of_every_page_leads_there(open_page):
    page = open_page(SECTION)
    page.locator(".sidebar-search").fill("零填充")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li mark")


# ------------------------------------------------------------------- weight, ways of reading
def test_every_page_is_light(built, chrome, address):
    """Bytes over the wire: the first view at most 1 MB, everything at most 3 MB."""
    context = chrome.new_context(viewport={"width": 1300, "height": 900})
    heavy = []
    for name in every_page(built):
        page = context.new_page()
        talk, bytes_read = context.new_cdp_session(page), []
        talk.send("Network.enable")
        talk.send("Network.setCacheDisabled", {"cacheDisabled": True})
        talk.on(
            "Network.loadingFinished", lambda e, to=bytes_read: to.append(e["encodedDataLength"])
        )
        page.goto(f"{address}/{name}", wait_until="load")
        page.wait_for_timeout(150)
        first = sum(bytes_read)
        page.evaluate("document.querySelectorAll('img').forEach(i => { i.loading = 'eager' })")
        page.wait_for_load_state("networkidle")
        if first > 1e6 or sum(bytes_read) > 3e6:
            heavy.append((name, first, sum(bytes_read)))
        assert first > 50_000, "nothing was measured"
        page.close()
    context.close()
    assert heavy == []


def is_dark(page):
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(map(int, re.findall(r"\d+", back)[:3])) < 60


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_dark_pages_have_no_pale_slabs(built, open_page, chapter):
    """Figures have a dark palette, tables and players no ground of their own."""
    for file in pages_of(built, chapter)[1:]:
        page = open_page(file.relative_to(built[0]).as_posix(), scheme="dark")
        assert is_dark(page)
        assert page.locator("article img.only-light:visible").count() == 0
        pale = page.evaluate(
            """() => [...document.querySelectorAll('article :is(table, td, th, div, pre, figure)')]
               .filter(n => n.offsetWidth && !n.closest('.nndl-live')).filter(n => {
                 const ground = getComputedStyle(n).backgroundColor.match(/[\\d.]+/g);
                 const [r, g, b, a = 1] = ground.map(Number);
                 return a > 0.3 && Math.min(r, g, b) > 150;
               }).map(n => n.outerHTML.slice(0, 80))"""
        )
        assert pale == []
        image = page.locator("article img.only-dark").first
        if image.count():
            image.scroll_into_view_if_needed()
            page.wait_for_timeout(200)
            corner = image.evaluate(
                """async i => { await i.decode(); const c = document.createElement('canvas');
                   c.width = c.height = 1; const x = c.getContext('2d'); x.drawImage(i, 0, 0);
                   return [...x.getImageData(0, 0, 1, 1).data].slice(0, 3); }"""
            )
            assert max(corner) < 60
            page.screenshot(path=SHOTS / f"site-dark-{file.stem}.png")


def test_the_palette_can_be_chosen(open_page):
    page = open_page(SECTION)
    assert not is_dark(page)
    player = page.locator(".nndl-steps img").first
    light = player.get_attribute("src")
    for _ in range(2):
        page.locator(".theme-toggle-content button").click()
        if is_dark(page):
            break
    assert is_dark(page)
    page.wait_for_timeout(100)
    assert player.get_attribute("src") != light
    page.reload()
    assert is_dark(page), "the choice is remembered"


def test_a_phone_shows_everything_in_its_width(built, open_page):
    """360 pixels: the page does not scroll sideways, and what is wider scrolls in its own box."""
    for name in every_page(built):
        page = open_page(name, width=360, height=800)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
        cut = page.evaluate(
            """() => {
                const scrolls = n => { for (; n; n = n.parentElement) {
                    const way = getComputedStyle(n).overflowX;
                    if (/auto|scroll/.test(way) && !/BODY|HTML/.test(n.tagName)) return true;
                  } return false; };
                return [...document.querySelectorAll('article *')].filter(n => {
                    const r = n.getBoundingClientRect();
                    return r.width && r.right > 361 && getComputedStyle(n).visibility !== 'hidden'
                      && !n.closest('svg') && !scrolls(n);
                }).map(n => n.outerHTML.slice(0, 100));
            }"""
        )
        assert cut == [], name
        title = page.locator("article h1").bounding_box()
        assert title["height"] < 150, f"{name}: the title takes {title['height']} pixels"
        if "notebooks" in name:
            page.screenshot(path=SHOTS / f"site-phone-{Path(name).stem}.png")
        page.context.close()


def test_a_figure_can_be_enlarged(open_page):
    page = open_page(SECTION, width=360, height=800)
    image = page.locator("article .cell_output a.zoom img:visible").first
    small = image.bounding_box()["width"]
    image.click()
    large = page.locator("dialog.zoomed img")
    assert large.bounding_box()["width"] > 1.8 * small
    page.keyboard.press("Escape")
    assert not page.locator("dialog.zoomed").is_visible()


def test_the_player_opens_at_its_first_step(open_page):
    page = open_page(SECTION)
    player = page.locator(".nndl-steps").first
    player.scroll_into_view_if_needed()
    seen = []
    for _ in range(3):
        (image,) = player.locator("img:visible").all()
        seen.append(image.get_attribute("alt").rpartition(", step ")[2])
        player.locator("button[aria-label='next step']").click()
    assert seen == ["1", "2", "3"]


def test_without_scripts_nothing_is_missing(open_page):
    page = open_page(SECTION, java_script_enabled=False)
    for live in page.locator(".nndl-live").all():
        live.scroll_into_view_if_needed()
        page.wait_for_timeout(150)
        assert live.locator("img").is_visible()
        assert live.locator("img").evaluate("i => i.complete && i.naturalWidth > 300")
        assert len(live.inner_text()) > 15
    assert page.locator(".nndl-live").count() >= 1
    assert page.locator("article math").count() > 20
    assert page.locator(".cell_output img:visible").count() >= 3
    assert page.locator("a.next-page").is_visible()


def test_a_folder_without_a_server_is_enough(built, open_page):
    """Opened from a disk: live figures compute, the search finds, no request leaves."""
    page = open_page((built[0] / "index.html").as_uri(), offline=True)
    assert "7" in page.locator(".nndl-live .nl-sum").inner_text()
    page.locator(".sidebar-search").fill("感受野")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.click()
    page.wait_for_selector("article mark")


def test_the_landing_page_claims_no_more_than_the_readme():
    """Its own words about what is given: each number and promise stands in README too."""
    readme = (ROOT / "README.md").read_text("utf-8")
    landing = (ROOT / "docs" / "index.md").read_text("utf-8")
    for claim in ("逐位", "比框架更快", "所有数据", "无需安装", "秒内"):
        assert claim not in landing
    assert "不需要 GPU" in readme
    for number in re.findall(r"\d+(?:\.\d+)? ?%|\d+ ?分钟", landing):
        assert number in readme


# ----------------------------------------------------------------------------- accessibility
def violations(page, *rules):
    """What axe-core finds: {rule: elements}; all rules of WCAG 2.2 A and AA, or those named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    chosen = {"type": "rule" if rules else "tag", "values": rules or levels}
    found = page.evaluate(
        """async (runOnly) => (await axe.run(document, {runOnly, resultTypes: ['violations']}))
           .violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 160))])""",
        chosen,
    )
    return dict(found)


@pytest.mark.parametrize("part", ["_pages/notebooks/5.1", "_pages/notebooks/5.2",
                                  "_pages/notebooks/5.3", "_pages/notebooks/5.4",
                                  "_pages/notebooks/5.5", ""])  # fmt: skip
def test_no_page_violates_wcag(built, open_page, part):
    """axe-core on every page; in the dark palette the contrasts, which alone can differ."""
    bad = {}
    for name in every_page(built):
        if name.startswith(part) if part else "notebooks" not in name:
            page = open_page(name)
            if found := violations(page):
                bad[name] = found
            page.emulate_media(color_scheme="dark")
            page.wait_for_timeout(100)
            assert is_dark(page)
            if found := violations(page, "color-contrast"):
                bad[f"{name}, dark"] = found
            page.context.close()
    assert bad == {}


def test_the_checker_sees_what_is_wrong(open_page):
    page = open_page("index.html")
    wrong = '<img src="data:,"><p style="color:#bbb;background:#fff">pale</p>'
    page.locator("article").evaluate("(n, html) => n.insertAdjacentHTML('beforeend', html)", wrong)
    assert {"image-alt", "color-contrast"} <= set(violations(page))


# ------------------------------------------------------------------------------ small pieces
@pytest.fixture
def pages_module(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from _ext import pages

    yield pages
    for name in [n for n in sys.modules if n.split(".")[0] == "_ext"]:
        del sys.modules[name]


def test_a_notebook_is_cut_at_its_sections(pages_module):
    cell = nbformat.v4.new_markdown_cell
    cells = [
        cell("# 1 章 · Chapter\n\nintro"),
        cell("## 甲 · First part\n\ntext\n\n### 小 · Small"),
        nbformat.v4.new_code_cell("## no heading"),
        cell("tail\n\n```\n## no heading\n```\n\n## 乙 · Second"),
        cell("## 小结 · Summary\n\nend"),
    ]
    pages = pages_module.split(cells)
    assert [title for title, _ in pages] == [None, "甲 · First part", "乙 · Second"]
    assert [len(part) for _, part in pages] == [1, 3, 2]
    assert pages_module.page_name("甲 · First part") == "first-part"
    raised = pages_module._raised(pages[1][1][0].source)
    assert raised.startswith("# 甲") and "\n## 小" in raised
    assert pages_module._raised("## 小结 · Summary") == "## 小结 · Summary"


def test_links_follow_a_heading_to_its_page(pages_module):
    where = {("a", "甲-·-First"): "a/first", ("b", "乙"): "b/second"}
    relink = pages_module._relinked
    assert relink("[x](#甲-·-First)", "a", "a/first", where) == "[x](#甲-·-First)"
    assert relink("[x](#甲-·-First)", "a", "a", where) == "[x](a/first.ipynb#甲-·-First)"
    assert relink("[x](b.ipynb#乙)", "a", "a/first", where) == "[x](../b/second.ipynb#乙)"
    assert relink("[x](b.ipynb)", "a", "a/first", where) == "[x](../b.ipynb)"
    assert relink("[x](https://e.org/a)", "a", "a", where) == "[x](https://e.org/a)"


def test_optional_parts_are_folded(tmp_path, pages_module):
    from docutils.core import publish_doctree

    text = "T\n=\n\nintro\n\n选读 · More\n-----------\n\nhidden text\n"
    document = publish_doctree(text, settings_overrides={"doctitle_xform": False})
    pages_module.fold_optional(None, document)
    html = [node.astext() for node in document.findall(lambda n: n.tagname == "raw")]
    assert html == ['<details class="optional"><summary>展开选读</summary>', "</details>"]
