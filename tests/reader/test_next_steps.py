"""The examples of docs/next_steps.md run as they stand."""

import re
from pathlib import Path

import paddle
import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "next_steps.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## (.*?)$.*?```python\n(.*?)```", PAGE, flags=re.S | re.M))


def after_scores(space, out):
    assert len(space["runner"].train_scores) == 2
    assert set(space["runner"].dev_metrics) == {"accuracy", "f1", "precision", "recall"}
    assert (
        Path("records.csv").read_text().startswith("step,train_loss,dev_loss,dev_accuracy,dev_f1")
    )
    assert Path("curves.png").exists()
    assert space["runner"].best_score == max(space["runner"].dev_metrics["f1"])


def after_pretrained(space, out):
    fresh = paddle.vision.models.resnet18()
    still = {n for n, p in space["model"].named_parameters() if p.stop_gradient}
    assert still == {n for n, _ in fresh.named_parameters() if not n.startswith("fc.")}
    mean = space["model"].bn1._mean
    assert float(mean.abs().sum()) == 0  # as it was made: not updated


def after_grid(space, out):
    assert [(row["rate"], row["batch"]) for row in space["rows"]] == [
        (0.03, 32), (0.03, 64), (0.1, 32), (0.1, 64),
    ]  # fmt: skip
    assert "0.1" in out
    assert not list(Path().glob("*.pdparams"))


def after_depths(space, out):
    # 16·27 + 32 for the stem; a unit is 18 p² + 4 p, its first one 9 (p / 2) p + 9 p² and a
    # shortcut of p² / 2 more; the head 64·10 + 10. He et al. 2015, table 6, have 0.27 million.
    expected = 16 * 27 + 32 + 3 * (18 * 16**2 + 4 * 16) + 650
    for p in (32, 64):
        expected += 2 * (18 * p**2 + 4 * p) + 9 * p * p // 2 + 9 * p**2 + p * p // 2 + 6 * p
    assert f"{expected:,} of them trainable" in out
    convolutions = [n for n, p in space["resnet34"].named_parameters() if p.ndim == 4]
    assert sum(".shortcut." not in n for n in convolutions) + 1 == 34
    convolutions = [n for n, p in space["resnet20"].named_parameters() if p.ndim == 4]
    assert sum(".shortcut." not in n for n in convolutions) + 1 == 20
    assert out.count("[1, 10]") >= 2


def after_error(space, out):
    runner = space["runner"]
    assert runner.best_score == min(runner.dev_scores) < 0.05
    assert space["model"].weight.item() == pytest.approx(3, abs=0.1)


CHECKS = [after_scores, after_pretrained, after_grid, after_depths, after_error]


def test_five_of_at_most_twenty_lines():
    assert len(EXAMPLES) == 5
    lines = [[x for x in text.splitlines() if x.strip()] for text in EXAMPLES.values()]
    assert max(map(len, lines)) <= 20


@pytest.mark.parametrize(("title", "check"), [*zip(EXAMPLES, CHECKS, strict=True)])
def test_examples(title, check, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space = {}
    exec(compile(EXAMPLES[title], title, "exec"), space)
    check(space, capsys.readouterr().out)
