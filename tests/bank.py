"""The bank of answers in tests/answers/: what students write, right and wrong."""

import re
from dataclasses import dataclass
from pathlib import Path

ANSWERS = Path(__file__).parent / "answers"
_HEADER = re.compile(r"(?m)^# %% (?P<id>\S+) (?P<kind>right|wrong)(?: (?P<keys>\S.*))?$")


@dataclass(frozen=True)
class Answer:
    """Source of one answer; a wrong one with the diagnoses that would be right for it."""

    exercise: str
    right: bool
    keys: tuple
    source: str
    where: str

    def build(self):
        """Run the source as a notebook cell would; return what it defines."""
        import numpy as np
        import paddle

        from nndl import check

        names = {"np": np, "paddle": paddle, "nn": paddle.nn, "F": paddle.nn.functional}
        exec(compile(self.source, self.where, "exec"), names)
        return names[check.exercise(self.exercise).name]


def read(path):
    """The answers of one file: blocks headed `# %% 5.1-3 wrong key | another key`."""
    text = path.read_text(encoding="utf-8")
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    answers = []
    for header, end in zip(headers, ends, strict=True):
        line = text.count("\n", 0, header.start()) + 1
        keys = tuple(key.strip() for key in (header["keys"] or "").split("|") if key.strip())
        answers.append(
            Answer(
                header["id"],
                header["kind"] == "right",
                keys,
                text[header.end() : end],
                f"{path.name}:{line}",
            )
        )
    return answers


def everything():
    """All answers of all chapters."""
    return [answer for path in sorted(ANSWERS.glob("*.py")) for answer in read(path)]
