"""Sphinx settings of the site: built from the committed outputs, nothing is executed."""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]

from _ext import figures, formulas, pages, search  # noqa: E402  found through the line above

from nndl.figures.live_figures import LIVE, live_data  # noqa: E402

project = "卷积神经网络 · 动手实践"
author = "the authors of nndl"
copyright = "the authors of nndl"
language = "zh_CN"
html_title = project

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_static", "README.md"]
templates_path = ["_templates"]

# Notebooks, cut into pages, and the READMEs of other folders are written below docs/ for the build,
# so that one source stays where users look for it. What does not exist is left out.
PAGES = HERE / "_pages"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
READMES = {f"{name}.md": ROOT / name / "README.md" for name in ("benchmarks", "results", "data")}

nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # nothing is loaded from elsewhere
nb_code_prompt_show = "展开代码"
nb_code_prompt_hide = "收起代码"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "html_image"]
myst_dmath_double_inline = True  # $$…$$ in the middle of a paragraph, as JupyterLab has it
myst_heading_anchors = 4
myst_heading_slug_func = "_ext.pages.heading_slug"
myst_update_mathjax = False
html_math_renderer = "mathml"

html_theme = "furo"
html_theme_options = {"top_of_page_buttons": []}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["math.css", "site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_additional_pages = {"search": "search.html"}
html_show_sphinx = False
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_last_updated_fmt = None
if tags.has("print"):  # noqa: F821  the five chapters on one page, for scripts/make_pdf.py
    root_doc, html_theme, html_theme_options = "print", "basic", {}
    html_css_files, html_js_files, html_additional_pages = ["math.css", "print.css"], [], {}
    html_sidebars = {"**": []}
    exclude_patterns += [p.name for p in HERE.glob("*.md") if p.stem != "print"] + ["_pages/*.md"]
else:
    exclude_patterns += ["print.md"]
html_scaled_image_link = False  # a click enlarges every figure

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = True
napoleon_use_rtype = False
napoleon_use_param = False  # "in_channels, out_channels : int" stays one line
napoleon_use_ivar = False


def write_pages(app):
    """Bring notebooks and READMEs below the source folder; drop what no longer exists."""
    shutil.rmtree(PAGES, ignore_errors=True)
    pages.write_chapters(NOTEBOOKS, PAGES / "notebooks", paper=app.tags.has("print"))
    for name, source in READMES.items():
        if source.exists():
            shutil.copyfile(source, PAGES / name)


def adapt_docstring(app, what, name, obj, options, lines):
    """Docstrings are written for a terminal: bars and stars mean themselves.

    Each also counts its references from [1]; on one page they need numbers of their own.
    """
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            line = re.sub(r"(?<!\\)\|", r"\\|", line)
            line = re.sub(r"(?<=[(, ])(\*\*?)(?=(args|kwargs|options)\b(?!\*))", r"\\\1", line)
            lines[number] = re.sub(r"^(\s*)\.\. \[\d+\] ", r"\1.. [#] ", line)


def drop_absent_pages(app, docname, source):
    """Take out of the landing page the lines about files that the project does not have (yet)."""
    if docname == app.config.root_doc:
        mentioned = re.compile(r"(_pages/[\w./]+|^(?:checks|distributed)$)", flags=re.M)

        def there(name):
            name = name.removesuffix(".ipynb")
            return name in app.env.found_docs or (HERE / name).is_file()

        lines = source[0].splitlines()
        source[0] = "\n".join(line for line in lines if all(map(there, mentioned.findall(line))))


def without_own_search(app):
    """The site's search has an index of sections; Sphinx's, of whole pages, is not built."""
    app.builder.search = False


def finish(app, exception):
    """What needs all the pages: pictures, the font of the formulas, live numbers, the search."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    figures.replace_pictures(app)
    html = "".join(path.read_text("utf-8") for path in Path(app.outdir).rglob("*.html"))
    formulas.write_font(html, static / "math.woff2")
    if app.builder.name == "singlehtml":
        return
    for name in LIVE:
        (static / "live" / f"data_{name}.js").write_text(live_data(name), "utf-8")
    search.write_index(app)


def setup(app):
    app.add_html_math_renderer(
        "mathml", (formulas.visit_inline, None), (formulas.visit_block, None)
    )
    app.add_directive("live", pages.LiveFigure)
    app.connect("builder-inited", write_pages)
    app.connect("builder-inited", without_own_search)
    for handler in (
        pages.describe_figures,
        pages.join_chinese_lines,
        pages.part_titles,
        pages.fold_optional,
    ):
        app.connect("doctree-read", handler, priority=100)  # before titles are collected
    app.connect("source-read", drop_absent_pages)
    app.connect("autodoc-process-docstring", adapt_docstring)
    app.connect("html-page-context", pages.add_live_scripts)
    app.connect("build-finished", finish)
