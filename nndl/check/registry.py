"""Which exercises there are: those of the bank, found by walking it, and those that were added."""

import difflib
import importlib
import pkgutil

from . import bank
from .engine.result import Listing
from .exercise import Exercise

_exercises = {}


def _load():
    """All exercises by id: those of every module of `bank`, found when first asked for."""
    if not _exercises:
        for module in pkgutil.iter_modules(bank.__path__, f"{bank.__name__}."):
            for item in importlib.import_module(module.name).EXERCISES:
                if item.id in _exercises:
                    raise ValueError(f"two exercises are called {item.id}: {module.name}")
                _exercises[item.id] = item
    return _exercises


def exercise(id):
    """The exercise with this id.

    Parameters
    ----------
    id : str
        Such as '5.2-3'; `exercises()` lists them.

    Returns
    -------
    Exercise

    Raises
    ------
    ValueError
        No exercise has this id.
    """
    known = _load()
    if id not in known:
        chapter = str(id).partition("-")[0]
        close = [key for key in known if key.partition("-")[0] == chapter]
        close = close or difflib.get_close_matches(str(id), known, n=3) or list(known)[:3]
        raise ValueError(
            f"no exercise {id!r}: did you mean {', '.join(close)}? check.exercises() lists all"
        )
    return known[id]


def exercises(chapter=None):
    """All exercises, or those of one chapter ('5.2'); a table in Jupyter.

    Parameters
    ----------
    chapter : str, optional

    Returns
    -------
    Listing
        A sequence of Exercise.
    """
    found = [e for e in _load().values() if chapter is None or e.chapter == chapter]
    if not found:
        chapters = ", ".join(dict.fromkeys(e.chapter for e in _exercises.values()))
        raise ValueError(f"no chapter {chapter!r} has exercises: take one of {chapters}")
    return Listing(sorted(found, key=_order))


def _order(item):
    chapter, _, number = item.id.partition("-")
    return chapter, int(number) if number.isdigit() else 999, number


def add(id, reference=None, cases=(), *, title="", prompt="", stub="", hints=(), **options):
    """Add an exercise of one's own, or replace one.

    Parameters
    ----------
    id : str
        New ids may have any form; those like '5.2-9' join their chapter.
    reference : function
        Gives the right answer; it receives what the student's function receives.
    cases : sequence of tuple
        Arguments of each call; NumPy arrays arrive as Paddle tensors.
    title, prompt, stub, hints
        As in `Exercise`; all may be left out.
    **options
        Further fields of `Exercise`: mutants, judge, solution, versions, outputs, linear_in …

    Returns
    -------
    Exercise

    Examples
    --------
    >>> from nndl import check
    >>> _ = check.add("demo-1", lambda x: 2 * x, [(3,), (5,)],
    ...               mutants={"平方而不是两倍": lambda x: x * x})
    >>> check.run("demo-1", lambda x: x**2).diagnosis
    '平方而不是两倍'
    """
    name = getattr(reference, "__name__", "answer")
    name = name if name.isidentifier() else "answer"
    item = Exercise(
        id=id,
        title=title,
        prompt=prompt,
        stub=stub or f"def {name}(*args):\n    ...",
        hints=tuple(hints),
        solution=options.pop("solution", ""),
        reference=reference,
        cases=tuple(cases),
        **options,
    )
    _load()[id] = item
    return item
