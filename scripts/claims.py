#!/usr/bin/env python3
"""Which claims of the chapter the stored runs support: the tables of results/README.md.

python scripts/claims.py            write them
python scripts/claims.py --check    say whether the page is what the runs give; exit code 1 if not

Every number comes from `results/*/summary.json`, `results/search/*.json` and the records of
data/weights. A verdict follows from the interval alone: it supports a claim, contradicts it, or
cannot tell.
"""

import argparse
import itertools
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nndl.experiments import compare, records, shipped, studies  # noqa: E402  of this checkout

PAGE = ROOT / "results" / "README.md"
POINTS = "个百分点"


def row(claim, values, seeds, command):
    """A line of the table: the claim is that the mean is above 0."""
    mean, half = values
    supports = "支持" if mean > half else "反对" if mean < -half else "分不出"
    verdict = "只是线索" if math.isnan(half) else supports
    effect = f"{mean:+.1f}".replace("-", "−") + ("" if math.isnan(half) else f" ± {half:.1f}")
    return [claim, effect, seeds, verdict, f"`{command}`"]


def pair(claim, study, better, worse, part="dev", sign=1):
    """A claim on two settings of a study, seed by seed."""
    differences = [sign * d for d in study.differences(better, worse, part)]
    command = f"python scripts/studies.py {study.name}"
    return row(claim, studies.interval(differences), len(differences), command)


def ladder(study, where):
    """One line a rung: it raises the accuracy on dev. Not every study has all rungs."""
    for below, above in itertools.pairwise(LADDER):
        if {below, above} <= set(study.runs):
            yield pair(f"{where}，{WORDS[above]}：验证准确率提高", study, above, below)
    claim = f"{where}，从书上的配方到最后一级：验证准确率提高"
    yield pair(claim, study, LADDER[-1], LADDER[0])


WORDS = {
    "book": "书上的配方",
    "+ Nesterov": "Adam 换成 Nesterov 动量（学习率都是 0.001）",
    "+ rate 0.01": "学习率 0.001 → 0.01",
    "+ one-cycle": "不变的学习率 → 单周期",
    "+ batch 32": "批大小 64 → 32",
    "+ decay 0.0005": "权重衰减 0.005 → 0.0005",
    "+ small last layer": "最后一层的初始权重 ×0.1",
    "+ augmentation": "加上翻转和裁剪",
}
LADDER = list(WORDS)


def claims():
    """The lines of the table."""
    lenet = studies.Study("lenet-mnist")
    for rate in ("0.03", "0.1", "0.3"):
        names = (f"{n} epochs, rate {rate}" for n in (15, 5))
        yield pair(f"LeNet、1,000 张数字、学习率 {rate}：15 个回合好过 5 个", lenet, *names)

    stored = compare.test_scores(compare.stored("resnet18-mnist"), "book")
    whole, plain = stored["as the preset"], stored["use_residual=False"]
    slow = stored["learning_rate=0.005, use_residual=False"]
    command = "python -m nndl.train resnet18-mnist --preset book"
    start = "ResNet18、1,000 张数字、5 个回合"
    edges, rates = studies.welch(whole, plain), studies.welch(plain, slow)
    yield row(f"{start}：直连边提高测试准确率（学习率都是 0.01）", edges, len(plain), command)
    claim = f"{start}、没有直连边：学习率 0.01 好过 0.005（测试）"
    yield row(claim, rates, len(plain), f"{command} --no-residual")

    depth = studies.Study("depth-mnist")

    def best(n, kind):
        return depth.best([s for s in depth.runs if s.startswith(f"{n} layers, {kind}")])

    for kind, word, sign in (("plain", "没有", -1), ("residual", "有", 1)):
        for n in (18, 34):
            claim = f"{word}直连边：{n} 层的训练准确率比 10 层{'低' if sign < 0 else '高'}"
            claim += "（各取最好的学习率）"
            yield pair(claim, depth, best(n, kind), best(10, kind), "train", sign)
    for n in (10, 34):
        settings = best(n, "pre-activation"), best(n, "residual")
        yield pair(f"{n} 层：预激活的单元训练准确率更高", depth, *settings, "train")

    mini = studies.Study("cifar10-mini")
    start = "5,000 张照片、3 轮"
    yield from ladder(mini, start)
    for above, below, words in (
        ("book + augmentation", "book", "书上的配方加上增广"),
        (LADDER[-1], LADDER[-2], "最后一级加上增广"),
    ):
        yield pair(f"{start}，{words}：训练与验证的差距缩小", mini, above, below, "gap", -1)
    claim = f"{start}，书上的配方加上增广：验证准确率提高"
    yield pair(claim, mini, "book + augmentation", "book")

    decay = studies.Study("decay-lenet")
    start = "LeNet、5,000 张照片、10 轮"
    yield pair(f"{start}：权重衰减 0.005 提高验证准确率", decay, "decay 0.005", "decay 0")
    yield pair(f"{start}：权重衰减 0.05 提高验证准确率", decay, "decay 0.05", "decay 0")
    claim = f"{start}：权重衰减 0.005 缩小训练与验证的差距"
    yield pair(claim, decay, "decay 0.005", "decay 0", "gap", -1)

    yield from ladder(studies.Study("cifar10-full"), "40,000 张照片、3 轮")


def networks():
    """The networks that ship: accuracy on the test set with its 95 % interval (Wilson)."""
    for task in shipped.EMBEDDED:
        _, record = shipped.shipped(task)
        test, n = record["test"]["score"], record["test"]["samples"]
        z2 = 1.96**2 / n
        middle = (test + z2 / 2) / (1 + z2)
        half = math.sqrt(z2 * test * (1 - test) + z2**2 / 4) / (1 + z2)
        minutes = f"{record['seconds'] / 60:.0f}" if "seconds" in record else "—"
        low, high = (f"{100 * value:.2f}" for value in (middle - half, middle + half))
        parts = [record["data"]["train"]["samples"], record["recipe"]["num_epochs"], minutes]
        where = f"{record['machine']['processor']}, {record['machine']['threads_per_process']}"
        yield [task, f"{100 * test:.2f}", f"{low}–{high}", *parts, where, f"`{record['command']}`"]


def markdown(columns, rows, left=()):
    """Rows as a Markdown table."""
    lines = ["| " + " | ".join(columns) + " |"]
    lines.append("|" + "|".join(":--" if c in left else "--:" for c in columns) + "|")
    return "\n".join(lines + ["| " + " | ".join(map(str, cells)) + " |" for cells in rows])


def tables():
    """What stands between the page's marks: name of the mark to text."""
    folders = sorted(p.parent for p in (ROOT / "results").glob(f"*/{records.SUMMARY}"))
    names = ["说法", "效应（百分点，95% 区间）", "种子", "结论", "重做"]
    nets = ["网络", "测试 %", "95% 区间", "训练图", "回合", "分钟", "处理器，线程", "一条命令"]
    return {
        "runs": compare.markdown(dict(sorted(compare.group(folders).items()))),
        "claims": markdown(names, claims(), ("说法", "结论", "重做")),
        "networks": markdown(nets, networks(), ("网络", "处理器，线程", "一条命令")),
    }


def main():
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    before = PAGE.read_text("utf-8")
    for name, text in tables().items():
        compare.put_between(PAGE, name, text) if not options.check else None
        if options.check and f"<!-- {name}: begin -->\n{text}\n<!-- {name}: end -->" not in before:
            print(f"the table {name!r} is not what the runs give: run python scripts/claims.py")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
