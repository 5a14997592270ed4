"""What an exercise is, and the notebook cells made from it."""

import copy
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Case:
    """Arguments for one call of the student's function.

    Parameters
    ----------
    args : tuple, or function without arguments that returns one
        Handed over by position. NumPy arrays become fresh copies for every call; anything
        else that a call could change (layers, random generators) comes from a function.
    about : str or tuple of str
        What this case tries, in Chinese words ('填充', '步长'): when all cases about one
        thing fail and no other does, the answer says so.
    """

    args: tuple | Callable
    about: str | tuple = ()

    @property
    def tags(self):
        return (self.about,) if isinstance(self.about, str) else tuple(self.about)

    def fresh(self, kind):
        """New copies of the arguments, arrays as Paddle tensors if kind == 'tensor'."""
        args = self.args() if callable(self.args) else self.args
        return tuple(_fresh(value, kind) for value in args)


def _fresh(value, kind):
    if isinstance(value, np.ndarray):
        if kind == "numpy":
            return value.copy()
        import paddle

        return paddle.to_tensor(value)
    return copy.deepcopy(value) if isinstance(value, (list, dict)) else value


def case(*args, about=()):
    """`Case(args, about)` in fewer characters."""
    return Case(args, about)


def integers(shape, seed, low=-4, high=5):
    """Small whole numbers as float32, the same for the same seed; no global state is touched."""
    return np.random.default_rng(seed).integers(low, high, shape).astype("float32")


@dataclass(frozen=True)
class Exercise:
    """One exercise: text, stub, hints, solution and what is needed to check an answer.

    Parameters
    ----------
    id : str
        Notebook and number: '5.2-3'.
    title, prompt : str
        Chinese; the prompt is Markdown and names the shapes.
    stub, solution : str
        Python source. The stub is what the student starts from.
    hints : tuple of str
        From a nudge to nearly the answer.
    reference : function
        The right answer, independent of the code shown in the notebooks.
    cases : tuple of Case or tuple of arguments
    mutants : dict of str to function, list of functions or (function, advice)
        key → the reference with one mistake. A student whose output agrees with a mutant
        on every case gets this diagnosis. In a tuple of results, None means 'not concerned'.
    tests : dict of str to function or (function, advice)
        key → f(output, *args) → bool, for properties rather than values (random answers);
        run on the raw return value with the arguments as the call left them.
    outputs : tuple of str
        Names of the returned values; more than one makes the function return a tuple.
    inputs : 'tensor' or 'numpy'
        What arrays among the arguments become.
    integer : bool
        Whether the result must have an integer type.
    call : function, optional
        call(answer, *args) for answers that are not called directly (a Layer class).
    level : int
        Difficulty, 1 to 3 stars.
    english : str
        Title in English, for the heading in the notebook.
    """

    id: str
    title: str
    prompt: str
    stub: str
    hints: tuple
    solution: str
    reference: Callable | None
    cases: tuple
    mutants: dict = field(default_factory=dict)
    tests: dict = field(default_factory=dict)
    outputs: tuple = ("Y",)
    inputs: str = "tensor"
    integer: bool = False
    call: Callable | None = None
    level: int = 1
    english: str = "Exercise"

    def __post_init__(self):
        for name in ("prompt", "stub", "solution"):
            object.__setattr__(self, name, textwrap.dedent(getattr(self, name)).strip())
        cases = tuple(c if isinstance(c, Case) else Case(tuple(c)) for c in self.cases)
        object.__setattr__(self, "cases", cases)
        if not cases:
            raise ValueError(f"exercise {self.id} needs at least one case, got none")
        if self.reference is None and not self.tests:
            raise ValueError(f"exercise {self.id} needs a reference function or tests, got neither")

    @property
    def chapter(self):
        return self.id.partition("-")[0]

    @property
    def name(self):
        """Name of the function or class that the stub defines."""
        for line in self.stub.splitlines():
            if line.startswith(("def ", "class ")):
                return line.split(maxsplit=1)[1].split("(")[0].rstrip(":")
        raise ValueError(f"the stub of exercise {self.id} defines no function or class")

    def mutants_flat(self):
        """(key, own advice or None, function) of every mutant."""
        return _flatten(self.mutants)

    def tests_flat(self):
        return _flatten(self.tests)


def _flatten(named):
    flat = []
    for key, value in named.items():
        advice = None
        if isinstance(value, tuple):
            value, advice = value
        for function in value if isinstance(value, list) else [value]:
            flat.append((key, advice, function))
    return flat


# -- cells -------------------------------------------------------------------------------------

_INTRO = """## 动手练习 · Exercises

每道题先读要求，把代码单元格里的 `...` 换成自己的代码，运行它，再运行下面的检查。
答错时，检查会指出**第一个不同的位置**，并尽量说出是哪一种错误；
没做的题只显示「尚未完成」，不影响 Run All。
没有头绪时用 `check.hint("{example}")`：每调用一次多给一条提示。参考答案折叠在每题的最后。"""


def _cell(kind, name, source, tag):
    cell = {
        "cell_type": kind,
        "id": name,
        "metadata": {"tags": ["exercise", tag]},
        "source": source,
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def exercise_cells(exercise):
    """Four notebook cells: prompt, stub, check, folded solution."""
    anchor = "exercise-" + exercise.id.replace(".", "-")
    stars = "★" * exercise.level + "☆" * (3 - exercise.level)
    heading = f"### 练习 {exercise.id}　{exercise.title} · {exercise.english}　{stars}"
    prompt = f"{heading}\n\n{exercise.prompt}"
    check = (
        f'# check.hint("{exercise.id}")  # 去掉行首的 # 看提示，每次多一条\n'
        f'check.run("{exercise.id}", {exercise.name})'
    )
    solution = (
        f"<details><summary>练习 {exercise.id} 的参考答案（先自己做！）</summary>\n\n"
        f"```python\n{exercise.solution}\n```\n\n</details>"
    )
    return [
        _cell("markdown", f"{anchor}-prompt", prompt, "prompt"),
        _cell("code", f"{anchor}-stub", exercise.stub, "stub"),
        _cell("code", f"{anchor}-check", check, "check"),
        _cell("markdown", f"{anchor}-solution", solution, "solution"),
    ]


def chapter_cells(exercises, setup="from nndl import check"):
    """The whole section 「动手练习」 of one notebook, as dictionaries in nbformat 4.5.

    Parameters
    ----------
    exercises : list of Exercise
        Of one chapter.
    setup : str
        Source of the first code cell; '' leaves it out.

    Returns
    -------
    list of dict
        Heading, setup, then four cells an exercise. `nbformat.from_dict` makes them cells.
    """
    anchor = "exercise-" + exercises[0].chapter.replace(".", "-")
    cells = [_cell("markdown", f"{anchor}-intro", _INTRO.format(example=exercises[0].id), "intro")]
    if setup:
        cells.append(_cell("code", f"{anchor}-setup", setup, "setup"))
    return cells + [cell for exercise in exercises for cell in exercise_cells(exercise)]
