"""How the answer of a check looks: a coloured box in Jupyter, plain text elsewhere."""

import html
import re

import numpy as np

#: status -> (mark, heading, colour that reads on light and dark and does not rest on red/green)
_STATUS = {
    "passed": ("✔", "通过", "#0a7fc4"),
    "unfinished": ("…", "尚未完成", "#8a8a8a"),
    "wrong": ("✘", "还不对", "#d55e00"),
    "error": ("✘", "运行出错", "#d55e00"),
}


class Result:
    """What a check found.

    Attributes
    ----------
    passed : bool
    status : 'passed', 'wrong', 'error' or 'unfinished'
    diagnosis : str or None
        Key of the mistake ('padding_forgotten', two joined by '+'), None if passed.
    lines : list of str
        The message, in Chinese.
    args : tuple or None
        Fresh arguments of the first case that failed, to try again by hand.
    picture : str
        SVG of the pixels that one output adds up, '' where there is none.
    """

    def __init__(self, exercise, status, lines, diagnosis=None, args=None, picture=""):
        self.exercise = exercise
        self.status = status
        self.lines = lines
        self.diagnosis = diagnosis
        self.args = args
        self.picture = picture

    @property
    def passed(self):
        return self.status == "passed"

    @property
    def message(self):
        return "\n".join(self.lines)

    @property
    def title(self):
        mark, heading, _ = _STATUS[self.status]
        return f"{mark} 练习 {self.exercise.id} {self.exercise.title}：{heading}"

    def __str__(self):
        return "\n".join([self.title, *("  " + line for line in self.lines)])

    __repr__ = __str__

    def _repr_html_(self):
        body = "".join(f"<div>{_code(line)}</div>" for line in self.lines) + self.picture
        return box(_STATUS[self.status][2], html.escape(self.title), body)


def _code(line):
    """Escape; set what stands between backquotes as code, between pairs of stars bold."""
    parts = html.escape(line).split("`")
    if len(parts) % 2 == 0:  # an unpaired backquote: leave the line as it is
        return html.escape(line)
    return "".join(
        f"<code>{p}</code>" if i % 2 else re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", p)
        for i, p in enumerate(parts)
    )


def box(colour, title, body):
    """A block that takes the page's own text colour, so that it reads in light and dark."""
    return (
        f'<div style="border-left:4px solid {colour};background:{colour}1a;color:inherit;'
        'padding:.5em .9em;margin:.3em 0;line-height:1.6">'
        f'<div style="font-weight:600">{title}</div>{body}</div>'
    )


class Hint:
    """The hints given so far; the newest last."""

    def __init__(self, exercise, count):
        self.exercise = exercise
        self.shown = exercise.hints[:count]

    def _title(self):
        return f"练习 {self.exercise.id} 的提示 {len(self.shown)}/{len(self.exercise.hints)}"

    def _end(self):
        left = len(self.exercise.hints) - len(self.shown)
        return "再调用一次，多给一条。" if left else "提示给完了；参考答案折叠在这道题的最后。"

    def __str__(self):
        lines = [f"  {i}. {hint}" for i, hint in enumerate(self.shown, 1)]
        return "\n".join([self._title(), *lines, f"  {self._end()}"])

    __repr__ = __str__

    def _repr_html_(self):
        items = "".join(f"<li>{_code(hint)}</li>" for hint in self.shown)
        body = f'<ol style="margin:.2em 0">{items}</ol><div>{self._end()}</div>'
        return box("#b8860b", self._title(), body)


class Listing:
    """A table of exercises."""

    def __init__(self, exercises):
        self.exercises = exercises

    def __iter__(self):
        return iter(self.exercises)

    def __len__(self):
        return len(self.exercises)

    def __getitem__(self, index):
        return self.exercises[index]

    def __str__(self):
        return "\n".join(f"{e.id:8}{'★' * e.level:4}{e.title}  {e.name}" for e in self.exercises)

    __repr__ = __str__

    def _repr_html_(self):
        rows = "".join(
            f'<tr><td>{html.escape(e.id)}</td><td style="text-align:left">{html.escape(e.title)}'
            f'</td><td style="text-align:left"><code>{html.escape(e.name)}</code></td>'
            f'<td style="text-align:left">{"★" * e.level}</td></tr>'
            for e in self.exercises
        )
        head = "<tr><th>编号</th><th>题目</th><th>要写的名字</th><th>难度</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def number(value):
    """One value as a student would write it: 25, 0.5, 0.3333."""
    value = np.asarray(value).item()
    if isinstance(value, float) and np.isfinite(value) and value == int(value) and abs(value) < 1e9:
        value = int(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def describe_args(names, args):
    """`X 形状 [3, 3]，stride=2` for a line of the message."""
    parts = []
    for name, value in zip(names, args, strict=False):
        shape = getattr(value, "shape", None)
        if shape is not None:
            parts.append(f"{name} 形状 {list(shape)}")
        elif isinstance(value, (int, float, str, bool, list, tuple)):
            parts.append(f"{name}={value!r}")
    return "，".join(parts)
