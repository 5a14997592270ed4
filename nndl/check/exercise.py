"""What an exercise is, and the notebook cells made from it."""

import copy
import functools
import itertools
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

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
        What this case tries, in Chinese words ('填充', '步长'): an answer that fails there and
        nowhere else is told so.
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


def vary(make, changes, **base):
    """Cases that differ from the first in one thing each.

    Parameters
    ----------
    make : function
        Returns the arguments of a case from options such as `stride=2`.
    changes : dict of str to dict
        What the case tries → the options that differ from the base.
    **base
        Options of the first case.

    Returns
    -------
    tuple of Case
    """
    varied = (Case(make(**base | change), about) for about, change in changes.items())
    return (Case(make(**base)), *varied)


def integers(shape, seed, low=-4, high=5):
    """Small whole numbers as float32, the same for the same seed; no global state is touched."""
    return np.random.default_rng(seed).integers(low, high, shape).astype("float32")


@dataclass(frozen=True, eq=False)
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
    versions : tuple of str
        Further right answers, written otherwise (loops, arrays). Mistakes are made from the
        solution and from these by small edits.
    slips : str
        Mistakes that no single edit makes, a line each: `old ⇒ new ⇒ name：advice`, where
        `old` stands in the solution or a version.
    mutants : dict of str to function, list of functions or (function, advice)
        key → the reference with one mistake, called as the reference is. In a tuple of results,
        None means 'not concerned'.
    judge : function, optional
        judge(value, *args) → None, or 'name：advice' of what is wrong: for properties rather
        than values (random answers). It sees the raw value and the arguments after the call.
    outputs : tuple of str
        Names of the returned values; more than one makes the function return a tuple.
    inputs : 'tensor' or 'numpy'
        What arrays among the arguments become.
    integer : bool
        Whether the result must have an integer type.
    linear_in : tuple of str
        Arguments in each of which the result is linear (or affine), the input first: then a
        wrong answer is shown the terms that it adds up.
    axes : dict of str to str
        Meaning of an argument's or output's axes, one letter each (n sample, d input channel,
        p output map, i j place, u v place in the kernel), where the rank does not tell.
    by_hand : tuple of str
        Ready-made functions that the exercise is about: right, but the student is told.
    call : function, optional
        call(answer, *args) for answers that are not called directly (a Layer class).
    example : str
        Worked input → output in the prompt; made from the first case if empty.
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
    versions: tuple = ()
    slips: str = ""
    mutants: dict = field(default_factory=dict)
    judge: Callable | None = None
    outputs: tuple = ("Y",)
    inputs: str = "tensor"
    integer: bool = False
    linear_in: tuple = ()
    axes: dict = field(default_factory=dict)
    by_hand: tuple = ()
    call: Callable | None = None
    example: str = ""
    level: int = 1
    english: str = "Exercise"

    def __post_init__(self):
        for name in ("prompt", "stub", "solution", "slips"):
            object.__setattr__(self, name, textwrap.dedent(getattr(self, name)).strip())
        object.__setattr__(
            self, "versions", tuple(textwrap.dedent(v).strip() for v in self.versions)
        )
        cases = tuple(c if isinstance(c, Case) else Case(tuple(c)) for c in self.cases)
        object.__setattr__(self, "cases", cases)
        if not cases:
            raise ValueError(f"exercise {self.id} needs at least one case, got none")
        if self.reference is None and not self.judge:
            raise ValueError(f"exercise {self.id} needs a reference or a judge, got neither")

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

    def hand_over(self, values):
        """Arguments as the student's function receives them."""
        return tuple(_fresh(value, self.inputs) for value in values)

    def expected(self):
        """The right outcome of every case; worked out once."""
        from .engine.run import outcome

        if "_expected" not in self.__dict__:
            found = [outcome(self, self.reference, case, direct=True) for case in self.cases]
            object.__setattr__(self, "_expected", found)
        return self._expected

    def listed_mutants(self):
        """(key, advice or None, function, whether it is called directly) of slips and mutants."""
        from .engine.run import load_source

        if "_listed" not in self.__dict__:
            found = []
            for key, value in self.mutants.items():
                value, advice = value if isinstance(value, tuple) else (value, None)
                for function in value if isinstance(value, list) else [value]:
                    found.append((key, advice, function, True))
            for source, key, advice in self.slip_sources():
                found.append((key, advice, load_source(source, self.name, "slip"), False))
            object.__setattr__(self, "_listed", found)
        return self._listed

    def _slips(self):
        """(old, new, name, advice) of every line of `slips`."""
        for line in self.slips.splitlines():
            old, new, words = (part.strip() for part in line.split("⇒"))
            name, _, advice = words.partition("：")
            yield old, new.replace("\\n", "\n"), name, advice or None

    def slip_sources(self):
        """(source, name, advice) of every line of `slips`."""
        for old, new, name, advice in self._slips():
            source = next((s for s in (self.solution, *self.versions) if old in s), None)
            if source is None:
                raise ValueError(f"exercise {self.id}: no answer contains {old!r} ({name})")
            yield source.replace(old, new), name, advice

    def slip_pairs(self):
        """(key, advice, function, direct) of two slips in one answer."""
        from .engine.run import load_source

        for source in (self.solution, *self.versions):
            here = [slip for slip in self._slips() if slip[0] in source]
            for one, two in itertools.combinations(here, 2):
                once = source.replace(*one[:2])
                if one[0] in two[0] or two[0] in one[0] or two[0] not in once:
                    continue
                advice = " ".join(filter(None, (one[3], two[3])))
                program = load_source(once.replace(*two[:2]), self.name, "slip")
                yield f"{one[2]}，并且{two[2]}", advice, program, False


# -- text --------------------------------------------------------------------------------------

_BANK = Path(__file__).parent / "bank"
_FENCED = re.compile(r"```python\n(.*?)```", re.S)
#: headings of the sections of an exercise's text
_STUB, _SOLUTION, _VERSION, _HINTS = "空白", "答案", "另一种写法", "提示"
_EXAMPLE, _SLIPS = "例", "常见的错误"


@functools.lru_cache
def _texts(chapter):
    """id → text of every exercise in `bank/<chapter>.md`."""
    text = (_BANK / f"{chapter}.md").read_text(encoding="utf-8")
    parts = re.split(r"(?m)^# (?=\d)", text)[1:]
    return {part.split(maxsplit=1)[0]: part for part in parts}


def from_text(id, **fields):
    """An exercise whose words and sources stand in `bank/<chapter>.md`.

    Parameters
    ----------
    id : str
        Of the heading `# 5.1-1 title · English ★`.
    **fields
        What computes: reference, cases, linear_in … of `Exercise`.

    Returns
    -------
    Exercise
    """
    head, _, text = _texts(id.partition("-")[0])[id].partition("\n")
    title, stars = head.split(maxsplit=1)[1].rsplit(maxsplit=1)
    title, _, english = title.partition(" · ")
    prompt, *sections = re.split(r"(?m)^## ", text)
    found = {}
    for section in sections:
        name, _, body = section.partition("\n")
        found.setdefault(name.strip(), []).append(body.strip())
    code = {name: _FENCED.findall("\n".join(bodies)) for name, bodies in found.items()}
    bullets = {
        name: [line[2:] for line in "\n".join(bodies).splitlines() if line.startswith("- ")]
        for name, bodies in found.items()
    }
    solution = code[_SOLUTION][0]
    blank = f"{solution.splitlines()[0]}\n    # 在这里写你的代码\n    ..."
    return Exercise(
        id=id,
        title=title,
        english=english,
        level=len(stars),
        prompt=prompt,
        example="".join(f"例：{part}" for part in found.get(_EXAMPLE, ())),
        stub=code[_STUB][0] if _STUB in code else blank,
        hints=tuple(bullets[_HINTS]),
        solution=solution,
        versions=tuple(code.get(_VERSION, ())),
        slips="\n".join(bullets.get(_SLIPS, ())),
        **fields,
    )


# -- cells -------------------------------------------------------------------------------------

_INTRO = (
    "## 动手练习 · Exercises\n\n"
    "每道题先读要求，把代码单元格里的 `...` 换成自己的代码，运行它，再运行下面标着「检查」的单元格。"
    "答错时，检查会指出**第一个不同的位置**、在什么条件下出错，并尽量说出是哪一种错误；"
    "结果是求和的题，还会写出你的代码实际加了哪些项。没做的题只显示「尚未完成」，不影响 Run All。\n\n"
    '没有头绪时用 `check.hint("{example}")`：每调用一次多给一条提示。参考答案折叠在每题的最后。'
)

#: what a stub may use; a restart of the kernel forgets the imports of the chapter
SETUP = """import numpy as np
import paddle
import paddle.nn as nn
import paddle.nn.functional as F

from nndl import check"""


def _cell(kind, name, source, tag):
    cell = {
        "cell_type": kind,
        "id": name,
        "metadata": {"tags": ["exercise", tag]},
        "source": source,
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _literal(value):
    """A value as a student would type it, arrays as nested lists; None if that is too long."""
    if hasattr(value, "shape"):
        array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
        if array.size > 16:
            return None
        value = np.round(array, 4).tolist()
    if isinstance(value, tuple) and not all(isinstance(v, (int, float)) for v in value):
        return None
    if not isinstance(value, (int, float, list, tuple, str)):
        return None
    return str(value).replace(".0,", ",").replace(".0]", "]")


def worked_example(exercise):
    """`例：f(…) → …` from the first case, or the exercise's own; '' where it would be too long."""
    if exercise.example or exercise.call or exercise.reference is None:
        return exercise.example
    args = [_literal(value) for value in exercise.cases[0].fresh("numpy")]
    results = [_literal(value) for value in exercise.expected()[0]]
    if None in args or None in results:
        return ""
    return f"例：`{exercise.name}({', '.join(args)})` → `{', '.join(results)}`"


def exercise_cells(exercise):
    """The cells of one exercise: prompt, stub, check, folded solution."""
    anchor = "exercise-" + exercise.id.replace(".", "-")
    stars = "★" * exercise.level + "☆" * (3 - exercise.level)
    heading = f"### 练习 {exercise.id}　{exercise.title} · {exercise.english}　{stars}"
    prompt = "\n\n".join(filter(None, (heading, exercise.prompt, worked_example(exercise))))
    check = (
        f'# 检查；没有头绪时先运行 check.hint("{exercise.id}")\n'
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


def chapter_cells(exercises, setup=SETUP):
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
