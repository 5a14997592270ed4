"""Who imports whom: arrows go down only, siblings by module, faces hold names alone."""

import ast
import subprocess
import sys

import house
import pytest

FOUND = house.modules()
IMPORTS = list(house.imports(FOUND))
#: faces that also do something: the names that load when they are asked for, the exercises
ACTIVE = {"", "check"}


def test_every_arrow_goes_down():
    upward = [
        f"{a or 'nndl'} → {b or 'nndl'}"
        for a, b, _ in IMPORTS
        if house.room(a) != house.room(b)
        and house.floor(house.room(a)) <= house.floor(house.room(b))
    ]
    assert upward == []


def test_siblings_are_imported_by_module():
    faces = [
        f"{a}: {name} from {b}"
        for a, b, name in IMPORTS
        if name and FOUND[b][1] and b and a != b and house.room(a) == house.room(b)
        and a.startswith(b + ".")
    ]  # fmt: skip
    assert faces == []


@pytest.mark.parametrize("face", [n for n, (_, package) in FOUND.items() if package])
def test_a_face_holds_a_sentence_and_names(face):
    tree, _ = FOUND[face]
    assert ast.get_docstring(tree)
    if face in ACTIVE:
        return
    for node in tree.body[1:]:
        names = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
        assert isinstance(node, ast.ImportFrom) or names == ["__all__"], ast.unparse(node)


def test_what_computes_and_what_trains_needs_no_figures():
    code = (
        "import sys, nndl.analysis, nndl.runner, nndl.networks; print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"


def test_the_picture_is_as_the_imports_are():
    drawn = house.PICTURE.read_text(encoding="utf-8")
    assert drawn == house.picture(house.arrows(FOUND)), "run python scripts/house.py"
    assert all(f">{name}</text>" in drawn for rooms in house.FLOORS for name in rooms)


def test_wrong_houses_are_noticed(tmp_path):
    """The tests above see what they are for: an upward arrow, a name from a sibling's face."""
    package = tmp_path / "nndl" / "layers"
    package.mkdir(parents=True)
    (tmp_path / "nndl" / "__init__.py").write_text("'''x'''")
    (package / "__init__.py").write_text("'''x'''\nfrom .a import f\n")
    (package / "a.py").write_text("def f():\n    from ..figures import plot\n")
    (package / "b.py").write_text("from . import f\nfrom nndl.layers import a\nimport nndl.train\n")
    found = list(house.imports(house.modules(tmp_path)))
    assert ("layers.a", "figures", "plot") in found
    assert ("layers.b", "layers", "f") in found and ("layers.b", "layers.a", None) in found
    assert ("layers.b", "train", None) in found
    assert house.floor("layers") < house.floor("figures") < house.floor("train")
    with pytest.raises(ValueError, match="cellar stands on no floor"):
        house.floor("cellar")
