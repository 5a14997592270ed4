"""Self-checks of the exercises: run an answer, name its mistake, give hints.

check.run("5.2-3", my_function)     check.hint("5.2-3")     check.exercises("5.2")
"""

from .engine.diagnose import examine
from .engine.result import Hint
from .exercise import SETUP, Case, Exercise, case, chapter_cells, exercise_cells, integers, vary
from .registry import add, exercise, exercises

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

_hints_given = {}


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
