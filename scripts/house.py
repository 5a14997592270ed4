"""The house as its imports build it: rooms, floors, and a picture for CONTRIBUTING.md.

python scripts/house.py        # writes docs/house.svg
"""

import ast
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "house.svg"

#: rooms (folders and modules of nndl) by floor, from the ground up; an import goes down only
FLOORS = (
    ("_arguments", "_paddle"),
    ("runtime", "display", "probe"),
    ("layers", "dataset", "metric"),
    ("networks", "runner", "analysis"),
    ("figures", "check"),
    ("experiments",),
    ("op", "tools", "train", "download"),
)
#: what stands in a room of another name
INSIDE = {"_moved": "the package's face", "": "the package's face"}
TEXTS = {
    "_arguments": "arguments, taken in once",
    "_paddle": "Paddle 2.6 as Paddle 3",
    "runtime": "threads, BLAS, seeds",
    "display": "tables, sources, progress",
    "probe": "run a model, leave no trace",
    "layers": "formula, plain form, fast forms",
    "dataset": "files, images, loaders",
    "metric": "accuracy, confusion",
    "networks": "LeNet, ResNet18",
    "runner": "training loop, saving, resume",
    "analysis": "FLOPs, fields, Grad-CAM",
    "figures": "draws what it is given",
    "check": "exercises and answers",
    "experiments": "recipes, runs, comparisons",
    "op": "the book's names",
    "tools": "the book's figures",
    "train": "python -m nndl.train",
    "download": "python -m nndl.download",
}


def modules(root=ROOT):
    """Every module of nndl, by dotted name without 'nndl', as (syntax tree, is a package)."""
    found = {}
    for path in sorted((root / "nndl").rglob("*.py")):
        parts = path.relative_to(root / "nndl").with_suffix("").parts
        package = parts[-1] == "__init__"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[".".join(parts[:-1] if package else parts)] = tree, package
    return found


def imports(found):
    """(importing module, imported module, name from its face or None), for all within nndl.

    A name that is a module itself counts as that module.
    """
    for name, (tree, package) in found.items():
        own = name.split(".") if name else []
        here = own if package else own[:-1]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == "nndl":
                        yield name, ".".join(alias.name.split(".")[1:]), None
            if not isinstance(node, ast.ImportFrom):
                continue
            parts = node.module.split(".") if node.module else []
            if node.level:
                parts = here[: len(here) - node.level + 1] + parts
            elif parts[:1] == ["nndl"]:
                parts = parts[1:]
            else:
                continue
            for alias in node.names:
                whole = ".".join([*parts, alias.name])
                yield (name, whole, None) if whole in found else (name, ".".join(parts), alias.name)


def room(module):
    """The folder or module of nndl in which a module stands."""
    first = module.split(".")[0]
    return INSIDE.get(first, first)


def arrows(found):
    """Pairs (room, room that it imports)."""
    pairs = {(room(a), room(b)) for a, b, _ in imports(found)}
    return {(a, b) for a, b in pairs if a != b}


def floor(name):
    """The number of a room's floor, 0 the ground; the package's face is above all."""
    for number, rooms in enumerate(FLOORS):
        if name in rooms:
            return number
    if name == INSIDE[""]:
        return len(FLOORS)
    raise ValueError(f"{name} stands on no floor: give it one in scripts/house.py")


def picture(pairs):
    """The house as SVG text; an arrow that follows from two others is left out."""
    width, height, gap, margin = 176, 46, 44, 14
    columns = max(len(rooms) for rooms in FLOORS)
    whole = columns * (width + 24) + 2 * margin
    top = {n: margin + (len(FLOORS) - 1 - n) * (height + gap) for n in range(len(FLOORS))}
    place = {}
    for number, rooms in enumerate(FLOORS):
        step = (whole - 2 * margin) / len(rooms)
        for k, name in enumerate(rooms):
            place[name] = margin + step * (k + 0.5), top[number]
    reached = set(pairs)
    while more := {(a, d) for a, b in reached for c, d in reached if b == c} - reached:
        reached |= more
    through = {(a, d) for a, b in pairs for c, d in reached if b == c}
    tall = top[0] + height + margin
    style = "font-family='sans-serif' text-anchor='middle'"
    out = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {whole} {tall}' {style}>",
        "<title>Rooms of nndl; an arrow leads from a room to one that it imports</title>",
        "<defs><marker id='head' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7'"
        " markerHeight='7' orient='auto'><path d='M0 0L8 4L0 8z' fill='#666'/></marker></defs>",
        f"<rect width='{whole}' height='{tall}' fill='#fff'/>",
    ]
    for a, b in sorted(pairs - through):
        if a in place and b in place:
            (x, y), (to_x, to_y) = place[a], place[b]
            x += max(min((to_x - x) / 6, width / 3), -width / 3)
            to_x += max(min((x - to_x) / 6, width / 3), -width / 3)
            out.append(
                f"<path d='M{x:.0f} {y + height}L{to_x:.0f} {to_y - 1}' stroke='#666' fill='none'"
                " marker-end='url(#head)'/>"
            )
    for name, (x, y) in place.items():
        out += [
            f"<rect x='{x - width / 2:.0f}' y='{y}' width='{width}' height='{height}' rx='7'"
            " fill='#e8f1fa' stroke='#0072b2'/>",
            f"<text x='{x:.0f}' y='{y + 19}' font-size='14' font-weight='bold'>{name}</text>",
            f"<text x='{x:.0f}' y='{y + 36}' font-size='11'>{escape(TEXTS[name])}</text>",
        ]
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(picture(arrows(modules())), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)} drawn from {len(modules())} modules")
