"""A chapter becomes pages: one notebook in, one page a section out, linked and described."""

import base64
import copy
import hashlib
import re
import shutil
from pathlib import Path

import nbformat
from docutils import nodes
from docutils.parsers.rst import Directive

from nndl.figures.live_figures import LIVE, live_html

#: heading -> live figure, put below the text of that heading (unless the notebook shows it itself)
LIVE_AT = {
    "一步一步看": "conv",
    "感受野": "field",
    "从循环到一次矩阵乘法": "im2col",
    "快速算法": "winograd",
    "认一认自己写的数字": "lenet",
}
#: second-level headings that stay on the page before them
STAYS = ("目录", "小结", "常见错误", "延伸阅读")
#: a Chinese character or mark
WIDE = re.compile(r"[\u2014\u2018-\u201d\u2026\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
#: a full-width mark, which brings its own space
MARK = re.compile(r"[\u2014\u201c\u201d\u2026\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]")
#: sha256 of a figure's PNG, which is its file name on the site -> what it shows
_alternatives = {}


def heading_slug(title):
    """JupyterLab's rule, so that one link works in the notebook and on the site."""
    return title.replace(" ", "-")


def chinese(title):
    """The Chinese part of a heading 中文 · English."""
    return title.partition(" · ")[0].strip()


def page_name(title):
    """A file name from the English part of a heading, or from the whole."""
    english = title.partition(" · ")[2] or title
    return re.sub(r"[^a-z0-9]+", "-", english.lower()).strip("-") or heading_slug(title)


def split(cells):
    """[(title or None for the chapter's first page, cells)], cut at second-level headings."""
    pages = [(None, [])]
    for cell in cells:
        if cell.cell_type != "markdown":
            pages[-1][1].append(cell)
            continue
        for number, (title, text) in enumerate(_parts(cell.source)):
            if title and not title.startswith(STAYS):
                pages.append((title, []))
            if text.strip():
                part = copy.copy(cell)
                part.source = text
                part.id = f"{cell.id[:56]}-{number}" if number else cell.id
                pages[-1][1].append(part)
    return pages


def _parts(source):
    """A Markdown cell cut before each second-level heading: [(title or None, text)]."""
    parts, fenced = [(None, [])], False
    for line in source.split("\n"):
        fenced ^= line.startswith("```")
        if line.startswith("## ") and not fenced:
            parts.append((line[3:].strip(), []))
        parts[-1][1].append(line)
    return [(title, "\n".join(lines)) for title, lines in parts]


def _raised(source):
    """Headings of a page one level up, its own becomes the first; those that stay keep theirs."""
    out, fenced = [], False
    for line in source.split("\n"):
        fenced ^= line.startswith("```")
        if line.startswith("##") and not fenced and not line[2:].strip().startswith(STAYS):
            line = line[1:]
        out.append(line)
    return "\n".join(out)


def write_chapters(sources, target, paper=False):
    """Write every notebook's pages below `target`; what earlier builds left goes."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    books = {path.stem: nbformat.read(path, as_version=4) for path in sources}
    where = {}  # slug of a heading -> page, for the links between sections
    for stem, book in books.items():
        place = stem
        for title, cells in split(book.cells):
            place = f"{stem}/{page_name(title)}" if title else stem
            for cell in cells:
                if cell.cell_type == "markdown":
                    for found in re.findall(r"(?m)^#{1,4} (.+)$", cell.source):
                        where[stem, heading_slug(found.strip())] = place
    for stem, book in books.items():
        shown = set(re.findall(r'data-live=\\?"(\w+)', str(book)))
        pages = split(book.cells)
        names = [(title, f"{stem}/{page_name(title)}") for title, _ in pages[1:]]
        for title, cells in pages:
            page = copy.copy(book)
            place = f"{stem}/{page_name(title)}" if title else stem
            page.cells = [copy.deepcopy(cell) for cell in cells]
            for cell in page.cells:
                if cell.cell_type == "markdown":
                    if title:
                        cell.source = _raised(cell.source)
                    cell.source = _relinked(cell.source, stem, place, where)
            page.cells = _with_live(page.cells, shown)
            if not title:
                contents = nbformat.v4.new_markdown_cell(_contents(stem, names, paper))
                if paper:
                    page.cells = [*map(_flat, page.cells), contents]
                else:  # before a heading that stays here, which would swallow the list
                    stays = (k for k, c in enumerate(page.cells) if c.source.startswith("## "))
                    page.cells.insert(next(stays, len(page.cells)), contents)
            file = target / f"{place}.ipynb"
            file.parent.mkdir(exist_ok=True)
            nbformat.write(_prepared(page), file)


def _flat(cell):
    """A cell whose headings open no section: on paper the chapter's sections follow it."""

    def rubric(match):
        return f"```{{rubric}} {match[2]}\n:heading-level: {len(match[1])}\n```\n"

    if cell.cell_type == "markdown":
        cell.source = re.sub(r"(?m)^(#{2,4}) (.+)$", rubric, cell.source)
    return cell


def _contents(stem, names, paper):
    """The chapter's table of contents and the way to the notebook itself."""
    lines = [f"{chinese(title)} <{name}>" for title, name in names]
    tree = ["```{toctree}", ":maxdepth: 2", "", *lines, "```"]
    link = f"{{download}}`下载笔记 <../../../notebooks/{stem}.ipynb>`"
    head = [f"**在自己的电脑上运行这一章**：{link}", "", "**本章各节**", ""]
    return "\n".join(tree if paper else [*head, *tree])


def _relinked(source, stem, place, where):
    """Links to headings and notebooks, from where the page now lies."""
    up = "../" if "/" in place else ""

    def link(match):
        book, _, anchor = match[1].partition("#")
        name = Path(book).stem if book else stem
        if not book.endswith(".ipynb") and book:
            return match[0]
        page = where.get((name, anchor), name) if anchor else name
        if page == place:
            return f"](#{anchor})"
        return f"]({up}{page}.ipynb{'#' + anchor if anchor else ''})"

    return re.sub(r"\]\(([^)\s:]*(?:\.ipynb)?(?:#[^)\s]*)?)\)", link, source)


def _with_live(cells, shown):
    """Live figures as directives: where the table says, or where the notebook printed them."""
    out = []
    for cell in cells:
        out.append(cell)
        names = re.findall(r'data-live=\\?"(\w+)', str(cell.get("outputs", "")))
        for output in cell.get("outputs", []):
            if "data-live=" in str(output.get("data", {}).get("text/html", "")):
                cell.outputs = [other for other in cell.outputs if other is not output]
        if cell.cell_type == "markdown":
            for heading in re.findall(r"(?m)^#{1,4} (.+)$", cell.source):
                name = LIVE_AT.get(chinese(heading))
                names += [name] if name and name not in shown else []
        for name in dict.fromkeys(names):
            out.append(nbformat.v4.new_markdown_cell(f"```{{live}} {name}\n```"))
    return out


def _prepared(notebook):
    """Fold the code of the exercises, and note the alternative text of each figure."""
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "exercise" in tags and {"stub", "check"} & set(tags):
            cell.metadata["tags"] = [*tags, "hide-cell"]
        for output in cell.get("outputs", []):
            png = output.get("data", {}).get("image/png")
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if png:
                name = hashlib.sha256(base64.b64decode(png)).hexdigest()
                _alternatives[name] = alt or output["data"].get("text/plain", "")
    return notebook


class LiveFigure(Directive):
    """``{live} name`` — a figure that computes in the page."""

    required_arguments = 1

    def run(self):
        (name,) = self.arguments
        if name not in LIVE:
            raise self.error(f"no live figure {name!r}: there are {', '.join(LIVE)}")
        page = live_html(name, f"%ROOT%_static/live/{name}.webp")
        return [nodes.raw("", page, format="html")]


def add_live_scripts(app, pagename, templatename, context, doctree):
    """A page with live figures loads their scripts, and no other page does."""
    body = context.get("body", "")
    names = list(dict.fromkeys(re.findall(r'data-live="(\w+)"', body)))
    context["body"] = body.replace("%ROOT%", context["content_root"])
    if names and app.builder.name != "singlehtml":
        app.add_css_file("live/live.css")
        for script in ["core", *(f"{kind}{n}" for n in names for kind in ("data_", ""))]:
            app.add_js_file(f"live/{script}.js")


def describe_figures(app, document):
    """Alternative texts, which the notebook keeps beside its pictures."""
    for image in document.findall(nodes.image):
        if text := _alternatives.get(Path(image["uri"]).stem):
            image["alt"] = text


def join_chinese_lines(app, document):
    """A line break in a Chinese paragraph of the source is not a space between two words."""
    for text in [text for text in document.findall(nodes.Text) if text == "\n"]:
        # MyST makes each break a node of its own; equal ones must be told apart by identity.
        siblings = text.parent.children
        place = next(k for k, node in enumerate(siblings) if node is text)
        before = siblings[place - 1].astext()[-1:] if place else ""
        after = siblings[place + 1].astext()[:1] if place + 1 < len(siblings) else ""
        both = WIDE.match(before) and WIDE.match(after)
        if both or MARK.match(before) or MARK.match(after):
            del siblings[place]


def part_titles(app, document):
    """中文 · English: the English half is set smaller, and left out of the lists of sections."""
    for title in document.findall(nodes.title):
        for place, node in enumerate(title.children):
            if isinstance(node, nodes.Text) and " · " in node:
                before, _, after = node.partition(" · ")
                if after[:1] and WIDE.match(after[0]):
                    continue  # both halves are Chinese
                english = nodes.inline("", after, *title.children[place + 1 :], classes=["english"])
                title[place:] = [nodes.Text(before), nodes.Text(" "), english]
                break


def fold_optional(app, document):
    """A part whose heading says 选读 is folded."""
    for section in document.findall(nodes.section):
        title = section.next_node(nodes.title)
        if title is None or "选读" not in title.astext() or section.parent is document:
            continue
        start = section.index(title) + 1
        opening = '<details class="optional"><summary>展开选读</summary>'
        section.insert(start, nodes.raw("", opening, format="html"))
        section.append(nodes.raw("", "</details>", format="html"))
