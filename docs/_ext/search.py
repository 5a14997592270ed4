"""The search's index: one entry a section or documented name, Chinese and English titles apart."""

import json
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes

from .formulas import plain
from .pages import WIDE

#: what is no text of its own place: sub-sections, pictures, raw HTML
_APART = (nodes.section, nodes.raw, nodes.comment, nodes.image, addnodes.toctree, addnodes.desc)


def _text(node):
    """The readable text of a node: formulas as symbols, code as it is."""
    if isinstance(node, (nodes.math, nodes.math_block)):
        return plain(node.astext())
    if isinstance(node, nodes.Text):
        return node.astext()
    inner = "".join(_text(child) for child in node.children if not isinstance(child, _APART))
    block = isinstance(node, (nodes.paragraph, nodes.list_item, nodes.literal_block, nodes.entry))
    return f"{inner} " if block else inner


def _clean(text):
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(rf"(?<={WIDE.pattern}) (?={WIDE.pattern})", "", text)


def entries(app):
    """[page, anchor, Chinese title, English title, text] of every section and documented name."""
    out = []
    for docname in sorted(app.env.found_docs):
        document = app.env.get_doctree(docname)
        page = app.builder.get_target_uri(docname)
        for section in document.findall(nodes.section):
            title = section.next_node(nodes.title)
            halves = {False: "", True: ""}  # Chinese and English
            for child in title.children:
                halves["english" in getattr(child, "attributes", {}).get("classes", [])] += _text(
                    child
                )
            name, english = map(_clean, halves.values())
            inside = (
                node for node in section if node is not title and not isinstance(node, _APART)
            )
            body = _clean("".join(map(_text, inside)))
            anchor = "" if section.parent is document else section["ids"][0]
            out.append([page, anchor, name, english, body])
        for described in document.findall(addnodes.desc):
            signature = described.next_node(addnodes.desc_signature)
            if signature is not None and signature.get("ids"):
                name = signature["ids"][0]
                content = described.next_node(addnodes.desc_content)
                body = _clean(_text(content)) if content is not None else ""
                out.append([page, name, name.removeprefix("nndl."), "", body])
    return out


def write_index(app):
    """The index as a script, so that it also loads from a folder without a server."""
    index = json.dumps(entries(app), ensure_ascii=False, separators=(",", ":"))
    target = Path(app.outdir) / "_static" / "search-index.js"
    target.write_text(f"const searchIndex={index};\n", "utf-8")
