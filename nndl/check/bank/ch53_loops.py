"""Five broken training loops of 5.3: a symptom, to be diagnosed and cured."""

import numpy as np

from ..exercise import Case, Exercise

_GOOD = """
def my_fit(model, X, y, batches, lr):
    optimizer = paddle.optimizer.SGD(lr, parameters=model.parameters())
    losses = []
    for indices in batches:
        model.train()
        loss = F.cross_entropy(model(X[indices]), y[indices])
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
        model.eval()
        F.cross_entropy(model(X), y)
    return losses
"""


def _small_run(seed, norm):
    """A model with fixed weights, data that can be learned, and the batches of each step."""

    def make():
        import paddle
        import paddle.nn as nn

        rng = np.random.default_rng(seed)
        layers = [nn.Linear(5, 8), *([nn.BatchNorm(8)] if norm else []), nn.ReLU(), nn.Linear(8, 3)]
        model = nn.Sequential(*layers)
        for weight in [p for p in model.parameters() if p.ndim == 2]:
            weight.set_value((rng.normal(size=weight.shape) / 2).astype("float32"))
        X = rng.normal(size=(24, 5)).astype("float32")
        y = (X @ rng.normal(size=(5, 3))).argmax(axis=1)
        batches = [paddle.to_tensor(rng.permutation(24)[:8]) for _ in range(6)]
        return model, paddle.to_tensor(X), paddle.to_tensor(y), batches, 0.5

    return Case(make, "模型里有批量归一化" if norm else ())


def _reference(model, X, y, batches, lr):
    """Gradient descent with `paddle.grad`, without an optimizer."""
    import paddle
    import paddle.nn.functional as F

    model.train()
    weights, losses = [p for p in model.parameters() if not p.stop_gradient], []
    for indices in batches:
        loss = F.cross_entropy(model(X[indices]), y[indices])
        gradients = paddle.grad([loss], weights)
        losses.append(float(loss))
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.set_value(weight - lr * gradient)
    return losses


def _broken(number, title, symptom, old, new, hints, slips=""):
    """An exercise whose stub is the good loop with one thing wrong."""
    name = f"my_fit_{number}"
    good = _GOOD.replace("my_fit", name)
    if old not in good:
        raise ValueError(f"the loop of 5.3-{6 + number} does not contain {old!r}")
    stub = good.replace(old, new)
    return Exercise(
        id=f"5.3-{6 + number}",
        title=f"修好这个循环（{number}）：{title}",
        english=f"Repair this loop ({number})",
        level=1 if number < 4 else 2,
        prompt=f"""
    症状：{symptom} 循环里只有**一处**错误。先说出原因，再改。`batches` 是每一步所用样本的下标，返回每一步的损失。""",
        example="例：修好之后，在检查所用的小问题上，6 步的损失与逐步手算的梯度下降相同。",
        stub=stub,
        hints=hints,
        solution=good,
        slips=slips,
        reference=_reference,
        cases=tuple(_small_run(seed, norm) for seed in (1, 2) for norm in (False, True)),
        outputs=("losses",),
    )


EXERCISES = (
    _broken(
        1,
        "步子越迈越大",
        "前两步正常，之后损失忽上忽下，学习率减小也只是推迟。",
        "        optimizer.clear_grad()\n",
        "",
        (
            "第 1 步的损失是对的，第 2 步之后才不对：每一步之间有什么东西留了下来？",
            "`loss.backward()` 把梯度**加**到 `weight.grad` 上，不是替换它。",
            "更新之后要 `optimizer.clear_grad()`。",
        ),
    ),
    _broken(
        2,
        "损失降不下去",
        "三类的损失从 1.1 附近很慢地下降，怎样训练都停在 0.55 以上；准确率却在上升。",
        "F.cross_entropy(model(X[indices]), y[indices])",
        "F.cross_entropy(F.softmax(model(X[indices])), y[indices])",
        (
            "把完全正确、完全自信的输出 [1, 0, 0] 交给这个损失，得到多少？它应当是 0。",
            "`F.cross_entropy` 要的是 logits，还是概率？查它的文档。",
            "它自己会做 softmax；做了两次，概率就再也不能接近 1。",
        ),
    ),
    _broken(
        3,
        "什么也没有学到",
        "损失在 ln 3 ≈ 1.1 附近起伏，训练多久都一样；模型和数据单独检查都没有问题。",
        "F.cross_entropy(model(X[indices]), y[indices])",
        "F.cross_entropy(model(X[indices]), y[: len(indices)])",
        (
            "ln 3 是在三类之间乱猜的损失：模型看不到输入与标签的关系。",
            "取出一步里的输入和标签，看它们是不是同一批样本。",
            "输入按 `indices` 取，标签也要按 `indices` 取。",
        ),
    ),
    _broken(
        4,
        "评估之后变了样",
        "没有批量归一化的模型一切正常；有批量归一化的模型从第 2 步起就不对。",
        "    for indices in batches:\n        model.train()\n",
        "    model.train()\n    for indices in batches:\n",
        (
            "循环的最后几行在做什么？它们改变了模型的什么？",
            "批量归一化在训练和评估时的计算不同：`model.eval()` 之后，谁把它换回来？",
            "`model.train()` 要在每一步之前，不是只在循环之前。",
        ),
    ),
    _broken(
        5,
        "总是慢一步",
        "第 2 步的损失与第 1 步几乎没有关系：第一次更新什么也没有改变，之后每次都用上一批的梯度。",
        "        loss.backward()\n        optimizer.step()\n        optimizer.clear_grad()\n",
        "        optimizer.step()\n        optimizer.clear_grad()\n        loss.backward()\n",
        (
            "在 `optimizer.step()` 之前打印一个参数的 `grad`：第 1 步是什么？",
            "更新用的是**这一批**的梯度，它由哪一行算出来？",
            "次序是：算损失 → backward → step → clear_grad。",
        ),
    ),
)
