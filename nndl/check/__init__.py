"""Self-checks of the exercises: run an answer, name its mistake, give hints.

check.run("5.2-3", my_function)     check.hint("5.2-3")     check.exercises("5.2")
"""

import difflib
import importlib
import pkgutil

from . import bank
from .engine.diagnose import examine
from .engine.result import Hint, Listing
from .exercise import SETUP, Case, Exercise, case, chapter_cells, exercise_cells, integers, vary

__all__ = [
    "Case",
    "Exercise",
    "add",
    "case",
    "exercise",
    "exercise_cells",
    "exercises",
    "hint",
    "integers",
    "notebook_cells",
    "run",
    "vary",
]

_exercises = {}
_hints_given = {}


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


def run(id, answer):
    """Check an answer.

    Parameters
    ----------
    id : str
        Of the exercise, such as '5.2-3'.
    answer : function or class
        What the student wrote: the name itself, without parentheses.

    Returns
    -------
    Result
        Shown as a box in Jupyter. `.passed` is a bool, `.diagnosis` the key of the mistake,
        `.args` the arguments of the first case that failed. An unfilled stub gives
        「尚未完成」; whatever the answer raises becomes one readable line.

    Examples
    --------
    >>> from nndl import check
    >>> def my_output_size(size, kernel, stride=1, padding=0):
    ...     return (size - kernel + 2 * padding) // stride + 1
    >>> check.run("5.1-1", my_output_size).passed
    True
    """
    return examine(exercise(id), answer)


def hint(id):
    """One more hint with each call.

    Parameters
    ----------
    id : str

    Returns
    -------
    Hint
        The hints given so far, shown as a box in Jupyter.
    """
    item = exercise(id)
    _hints_given[id] = min(_hints_given.get(id, 0) + 1, len(item.hints))
    return Hint(item, _hints_given[id])


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


def notebook_cells(chapter, setup=SETUP):
    """The section 「动手练习」 of one notebook, made from its exercises.

    Parameters
    ----------
    chapter : str
        '5.1' … '5.5'.
    setup : str
        Source of the section's first code cell; '' leaves it out.

    Returns
    -------
    list of dict
        Cells in nbformat 4.5: `nbformat.from_dict(cell)` each.
    """
    return chapter_cells(list(exercises(chapter)), setup)
