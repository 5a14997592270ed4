"""Mistakes made from right answers: every edit of the kind that students make, in words.

A right answer is a tree of expressions. One small edit - an index exchanged, a factor or a step
left out, `=` in place of `+=`, another axis - makes the programs that are nearly right; where a
student's results agree with one of them on every case, the edit says what went wrong (the error
models of Singh, Gulwani and Solar-Lezama, PLDI 2013, made rather than written down).
"""

import ast
import functools
import itertools
import textwrap

from .run import load_source

#: what a call does, for 「没有……」
_DOES = {
    "sqrt": "开方",
    "abs": "取绝对值",
    "relu": "做 ReLU",
    "exp": "取指数",
    "log": "取对数",
    "softmax": "做 softmax",
    "log_softmax": "做 log_softmax",
    "mean": "取平均",
    "sum": "求和",
    "max": "取最大值",
    "maximum": "取两者中较大的",
    "reshape": "改变形状（reshape）",
    "transpose": "交换轴（transpose）",
    "copy": "复制",
    "clone": "复制",
    "pad": "补零（pad）",
    "astype": "转换类型（astype）",
    "one_hot": "变成独热向量",
    "eval": "切换到评估模式",
    "clear_grad": "清除梯度（clear_grad）",
    "backward": "反向传播（backward）",
    "step": "更新参数（step）",
    "flatten": "展平",
    "train": "切换到训练模式",
    "shortcut": "经过直连边上的 1×1 卷积",
}
#: a call that students write in place of another
_INSTEAD = {
    "mean": ("sum", "max"),
    "sum": ("mean", "max"),
    "max": ("min", "mean", "sum"),
    "argmax": ("argmin",),
    "argsort": ("sort",),
    "cos": ("sin",),
    "relu": ("abs",),
    "zeros": ("ones",),
    "log_softmax": ("softmax",),
    "var": ("std",),
    "concat": ("stack",),
    "einsum": (),
    "diag": (),
}
_PAIRS = [
    ("i", "j"),
    ("u", "v"),
    ("U", "V"),
    ("M", "N"),
    ("rows", "columns"),
    ("top", "left"),
    ("row", "column"),
    ("D", "P"),
    ("gamma", "beta"),
    ("mean", "variance"),
    ("X", "dY"),
    ("running_mean", "running_variance"),
    ("labels", "predictions"),
    ("label", "prediction"),
    ("maps", "gradients"),
    ("lr", "momentum"),
]
_TWIN = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
_LOSS = {
    ast.Mult: "少乘了",
    ast.Add: "少加了",
    ast.Sub: "少减了",
    ast.Div: "少除以",
    ast.FloorDiv: "少除以",
}
_NEUTRAL = {"padding": 0, "stride": 1, "dilation": 1, "groups": 1, "epsilon": 0, "weight_decay": 0}


def _code(node):
    text = ast.unparse(node)
    return f"`{text if len(text) <= 60 else text[:57] + '…'}`"


class _Edit:
    """Replace one field of a node, remember how to undo it."""

    def __init__(self, rank, words, *changes):
        self.rank, self.words, self.changes = rank, words, changes

    def apply(self):
        self.before = [self._get(*c[:3]) for c in self.changes]
        for owner, name, index, value in self.changes:
            self._set(owner, name, index, value)

    def undo(self):
        for (owner, name, index, _), value in zip(self.changes, self.before, strict=True):
            self._set(owner, name, index, value)

    @staticmethod
    def _get(owner, name, index):
        return getattr(owner, name) if index is None else getattr(owner, name)[index]

    @staticmethod
    def _set(owner, name, index, value):
        if index is None:
            setattr(owner, name, value)
        else:
            getattr(owner, name)[index] = value


def _places(tree):
    """(owner, field, index, node) of every expression and statement."""
    for owner in ast.walk(tree):
        for name, value in ast.iter_fields(owner):
            if isinstance(value, ast.AST):
                yield owner, name, None, value
            elif isinstance(value, list):
                for index, node in enumerate(value):
                    if isinstance(node, ast.AST):
                        yield owner, name, index, node


def _exchanged(items):
    """Lists with two of the items exchanged."""
    for a, b in itertools.combinations(range(len(items)), 2):
        order = list(items)
        order[a], order[b] = order[b], order[a]
        yield order


def _called(node):
    func = node.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _binary(node):
    left, right, op = node.left, node.right, type(node.op)
    whole = _code(node)
    if op in _LOSS:
        yield 2, f"{_LOSS[op]} {_code(right)}（{whole} 里只有 {_code(left)}）", left
        if op is ast.Mult or op is ast.Add:
            yield 2, f"{_LOSS[op]} {_code(left)}（{whole} 里只有 {_code(right)}）", right
        if op is ast.Sub:
            yield 3, f"{whole} 里只有 {_code(right)}", right
    if op is ast.Pow:
        text = ast.unparse(right)
        yield (
            1,
            f"没有{'平方' if text in ('2', '(2)') else '开方' if '0.5' in text else '乘方'}（{_code(left)}）",
            left,
        )
    for other in {
        ast.Add: (ast.Sub, ast.Mult),
        ast.Sub: (ast.Add,),
        ast.Mult: (ast.Div, ast.Add, ast.MatMult),
        ast.Div: (ast.Mult, ast.FloorDiv, ast.Sub),
        ast.FloorDiv: (ast.Div,),
        ast.MatMult: (ast.Mult,),
        ast.Mod: (ast.FloorDiv,),
    }.get(op, ()):
        changed = ast.BinOp(left, other(), right)
        yield 3, f"{whole} 写成了 {_code(changed)}", changed
    if op is ast.FloorDiv:
        ceil = ast.UnaryOp(ast.USub(), ast.BinOp(ast.UnaryOp(ast.USub(), left), op(), right))
        yield 2, f"{whole} 向上取整了，应向下取整", ceil
    if op in (ast.Sub, ast.Div, ast.FloorDiv, ast.MatMult):
        yield 3, f"{whole} 的次序弄反了", ast.BinOp(right, op(), left)
    yield from _brackets(node, left, right, op, whole)


def _brackets(node, left, right, op, whole):
    """`(a + b) / c` as `a + b / c`, `a * (b + c)` as `a * b + c`, `a // b + c` as `(a + c) // b`."""
    inner = getattr(left, "op", None)
    if op in (ast.Mult, ast.Div, ast.FloorDiv) and isinstance(inner, (ast.Add, ast.Sub)):
        changed = ast.BinOp(left.left, inner, ast.BinOp(left.right, op(), right))
        yield 2, f"{whole} 少了括号", changed
        changed = ast.BinOp(ast.BinOp(left.left, op(), right), inner, left.right)
        yield 2, f"{whole} 的括号不对：{_code(changed)}", changed
    if op in (ast.Add, ast.Sub) and isinstance(inner, (ast.FloorDiv, ast.Div)):
        changed = ast.BinOp(ast.BinOp(left.left, op(), right), inner, left.right)
        yield 2, f"{whole} 的括号不对：{_code(changed)}", changed
    inner = getattr(right, "op", None)
    if op is ast.Mult and isinstance(inner, (ast.Add, ast.Sub)):
        changed = ast.BinOp(ast.BinOp(left, op(), right.left), inner, right.right)
        yield 2, f"{whole} 少了括号", changed


def _constant(node):
    value = node.value
    if isinstance(value, bool):
        yield 3, f"{value} 写成了 {not value}", ast.Constant(not value)
    elif isinstance(value, int):
        for other in dict.fromkeys((value + 1, value - 1, 0, 1, 2)):
            if other != value:
                yield 5, f"{value} 写成了 {other}", ast.Constant(other)
    elif isinstance(value, float):
        for other in (2 * value, value / 2, 1.0):
            if other != value:
                yield 5, f"{value} 写成了 {other:g}", ast.Constant(other)
    elif isinstance(value, str) and "->" in value:  # einsum: two letters of one operand exchanged
        yield from _einsum(value)


def _einsum(text):
    inputs, _, output = text.partition("->")
    operands = inputs.split(",")
    for k, operand in enumerate([*operands, output]):
        for letters in _exchanged(operand):
            parts = [*operands, output]
            parts[k] = "".join(letters)
            changed = ",".join(parts[:-1]) + "->" + parts[-1]
            if changed != text:
                yield 4, f"轴的次序：'{text}' 写成了 '{changed}'", ast.Constant(changed)


def _call(node):
    name = _called(node)
    verb = _DOES.get(name)
    inner = None
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        inner = node.func.value
    elif node.args:
        inner = node.args[0]
    if inner is not None and name not in ("range", "len", "zip", "enumerate", "super"):
        words = f"没有{verb}" if verb else f"少了 `{name}(…)`"
        yield 1 if verb else 3, f"{words}（{_code(node)} 只写了 {_code(inner)}）", inner
    single = len(node.args) == 1 and isinstance(node.args[0], ast.Call) and name != "len"
    if single and len(node.args[0].args) == 1:  # f(g(x)) as g(f(x))
        within = node.args[0]
        outer = ast.Call(node.func, within.args, node.keywords)
        changed = ast.Call(within.func, [outer], within.keywords)
        yield 1, f"次序弄反了：{_code(node)} 写成了 {_code(changed)}", changed
    for other in _INSTEAD.get(name, ()):
        func = (
            ast.Attribute(node.func.value, other, ast.Load())
            if isinstance(node.func, ast.Attribute)
            else ast.Name(other, ast.Load())
        )
        changed = ast.Call(func, node.args, node.keywords)
        yield 2, f"{_code(node)} 写成了 `{other}`", changed
    for k, keyword in enumerate(node.keywords):
        rest = [*node.keywords[:k], *node.keywords[k + 1 :]]
        shown = f"{keyword.arg}={ast.unparse(keyword.value)}"
        yield 2, f"{_code(node)} 少了 `{shown}`", ast.Call(node.func, node.args, rest)
        if keyword.arg == "axis":
            for axis in _other_axes(keyword.value):
                changed = ast.Call(node.func, node.args, [*rest, ast.keyword("axis", axis)])
                yield 2, f"轴不对：`{shown}` 写成了 `axis={ast.unparse(axis)}`", changed
    for k, argument in enumerate(
        node.args[1:] if name != "range" else node.args, 1 if name != "range" else 0
    ):
        if len(node.args) > 1:
            fewer = [*node.args[:k], *node.args[k + 1 :]]
            yield (
                4,
                f"{_code(node)} 少了 {_code(argument)}",
                ast.Call(node.func, fewer, node.keywords),
            )
    for order in _exchanged(node.args):
        yield 4, f"{_code(node)} 的参数次序弄反了", ast.Call(node.func, order, node.keywords)


def _is_module(node):
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in (
        "np",
        "F",
        "paddle",
        "nn",
        "math",
        "self",
        "unit",
    )


def _other_axes(node):
    if isinstance(node, (ast.Tuple, ast.List)):
        for k in range(len(node.elts)):
            fewer = [*node.elts[:k], *node.elts[k + 1 :]]
            yield type(node)(fewer, ast.Load())
            if len(fewer) == 1:
                yield fewer[0]
        for axis in range(4):
            present = {getattr(e, "value", None) for e in node.elts}
            if axis not in present:
                yield type(node)([ast.Constant(axis), *node.elts], ast.Load())
                yield type(node)([ast.Constant(axis), *node.elts[1:]], ast.Load())
                yield ast.Constant(axis)
        yield from node.elts if len(node.elts) > 2 else ()
    else:
        for axis in (0, 1, 2, -1):
            if ast.unparse(node) != str(axis):
                yield ast.Constant(axis)


def _name(node):
    if isinstance(node.ctx, ast.Load) and node.id in _TWIN:
        other = _TWIN[node.id]
        yield 3, f"`{node.id}` 写成了 `{other}`", ast.Name(other, ast.Load())


def _subscript(node):
    if isinstance(node.ctx, ast.Load):
        yield 4, f"{_code(node)} 没有取下标", node.value
        if isinstance(node.slice, ast.Name):
            yield (
                3,
                f"{_code(node)} 总是取第 0 个",
                ast.Subscript(node.value, ast.Constant(0), ast.Load()),
            )
    if isinstance(node.slice, ast.Tuple):
        for order in _exchanged(node.slice.elts):
            changed = ast.Subscript(node.value, ast.Tuple(order, ast.Load()), node.ctx)
            yield 3, f"{_code(node)} 的下标次序弄反了", changed


def _slice(node):
    shown = ast.unparse(node)
    if node.step is not None:
        yield 2, f"切片 `{shown}` 没有步长", ast.Slice(node.lower, node.upper)
    if node.lower is not None:
        yield 3, f"切片 `{shown}` 没有起点", ast.Slice(None, node.upper, node.step)
    if node.upper is not None:
        yield 3, f"切片 `{shown}` 没有终点", ast.Slice(node.lower, None, node.step)
        for op, words in ((ast.Sub, "少取了一个"), (ast.Add, "多取了一个")):
            upper = ast.BinOp(node.upper, op(), ast.Constant(1))
            yield 3, f"切片 `{shown}` {words}", ast.Slice(node.lower, upper, node.step)
        if node.lower is None:
            last = ast.UnaryOp(ast.USub(), node.upper)
            yield 3, f"切片 `{shown}` 取了最后的几个", ast.Slice(last, None)
            start = ast.BinOp(node.upper, ast.Sub(), ast.Constant(1))
            yield 3, f"切片 `{shown}` 只取了最后一个", ast.Slice(start, node.upper)


def _compare(node):
    if len(node.ops) == 1:
        exchange = {
            ast.Lt: (ast.LtE, ast.Gt),
            ast.LtE: (ast.Lt,),
            ast.Gt: (ast.GtE, ast.Lt),
            ast.GtE: (ast.Gt,),
            ast.Eq: (ast.NotEq,),
            ast.NotEq: (ast.Eq,),
            ast.Is: (ast.IsNot,),
        }
        for other in exchange.get(type(node.ops[0]), ()):
            changed = ast.Compare(node.left, [other()], node.comparators)
            yield 3, f"{_code(node)} 写成了 {_code(changed)}", changed


def _boolean(node):
    other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
    changed = ast.BoolOp(other, node.values)
    yield 1, f"{_code(node)} 写成了 {_code(changed)}", changed
    for value in node.values:
        yield 2, f"{_code(node)} 只看了 {_code(value)}", value


def _branch(node):
    yield 2, f"没有区分 {_code(node.test)}：总是 {_code(node.body)}", node.body
    yield 2, f"没有区分 {_code(node.test)}：总是 {_code(node.orelse)}", node.orelse
    for part, condition in ((node.body, "成立"), (node.orelse, "不成立")):
        nothing = ast.Constant(0)
        halves = (nothing, node.orelse) if part is node.body else (node.body, nothing)
        words = f"{_code(node.test)} {condition}时漏了 {_code(part)}"
        yield 2, words, ast.IfExp(node.test, *halves)


def _unary(node):
    if isinstance(node.op, (ast.USub, ast.Not)):
        yield (
            2,
            f"{_code(node)} 少了{'负号' if isinstance(node.op, ast.USub) else ' not'}",
            node.operand,
        )


def _sequence(node):
    for order in _exchanged(node.elts) if isinstance(node.ctx, ast.Load) else ():
        changed = type(node)(order, ast.Load())
        yield 4, f"次序弄反了：{_code(node)} 写成了 {_code(changed)}", changed


_BY_KIND = {
    ast.BinOp: _binary,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.Name: _name,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.IfExp: _branch,
    ast.UnaryOp: _unary,
    ast.Tuple: _sequence,
    ast.List: _sequence,
}


def _lines(tree):
    """id of every node → code of the statement it stands in (of a loop, the first line)."""
    found = {}
    for statement in [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]:
        text = ast.unparse(statement).splitlines()[0].rstrip(":")
        found |= dict.fromkeys(map(id, ast.walk(statement)), f"（`{text}` 这一行）")
    return found


def _expression_edits(tree):
    lines = _lines(tree)
    for owner, name, index, node in list(_places(tree)):
        if name in ("targets", "target", "keywords") or isinstance(node, ast.Expr):
            continue
        if isinstance(owner, ast.arguments):
            continue  # defaults
        if isinstance(owner, ast.Expr) and isinstance(node, ast.Constant):
            continue  # a docstring
        for rank, words, changed in _BY_KIND.get(type(node), lambda _: ())(node):
            small = isinstance(node, (ast.Constant, ast.Name))
            shown = words + lines.get(id(node), "") if small else words
            yield _Edit(rank, shown, (owner, name, index, changed))


def _statement_edits(tree):
    for owner in list(ast.walk(tree)):
        for name in ("body", "orelse"):
            body = getattr(owner, name, None)
            if isinstance(body, list) and isinstance(
                owner, (ast.FunctionDef, ast.For, ast.If, ast.With)
            ):
                yield from _in_body(owner, name, body)


def _in_body(owner, name, body):
    for k, statement in enumerate(body):
        shown = _code(statement)
        rest = [*body[:k], *body[k + 1 :]]
        plain = isinstance(statement, (ast.Assign, ast.AugAssign, ast.Expr, ast.If, ast.For))
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if plain and rest and not docstring:
            yield _Edit(2, _left_out(statement, shown), (owner, name, None, rest))
        if isinstance(statement, ast.AugAssign):
            plain_assign = ast.Assign([statement.target], statement.value, lineno=1)
            yield _Edit(
                1,
                f"{shown} 用了 =，后面的覆盖了前面的：要用 {_aug(statement)} 累加",
                (owner, name, k, plain_assign),
            )
            for other in (ast.Sub, ast.Add, ast.Mult):
                if not isinstance(statement.op, other):
                    changed = ast.AugAssign(statement.target, other(), statement.value)
                    yield _Edit(3, f"{shown} 写成了 {_code(changed)}", (owner, name, k, changed))
        if isinstance(statement, ast.If) and not statement.orelse:
            yield _Edit(
                2,
                f"没有判断 `{ast.unparse(statement.test)}`",
                (owner, name, None, [*body[:k], *statement.body, *body[k + 1 :]]),
            )
        if k + 1 < len(body) and not isinstance(body[k + 1], ast.Return):
            swapped = [*body[:k], body[k + 1], statement, *body[k + 2 :]]
            yield _Edit(
                2, f"次序弄反了：先 {shown}，后 {_code(body[k + 1])}", (owner, name, None, swapped)
            )
        if k + 1 < len(body):
            yield from _input_overwritten(owner, name, body, k)
        if isinstance(statement, ast.For):
            yield from _indentation(owner, name, body, k, statement)


def _input_overwritten(owner, name, body, k):
    """`X = f(X)` where the result should have had a name of its own, as X is needed again."""
    first, second = body[k : k + 2]
    if not (isinstance(first, ast.Assign) and isinstance(second, ast.Assign)):
        return
    target = first.targets[0]
    if not isinstance(target, ast.Name) or ast.unparse(second.targets[0]) != target.id:
        return
    arguments = owner.args.args if isinstance(owner, ast.FunctionDef) else ()
    for parameter in [a.arg for a in arguments if a.arg != "self"]:
        if any(isinstance(n, ast.Name) and n.id == parameter for n in ast.walk(first.value)):
            uses = [p for p in _places(second.value) if getattr(p[3], "id", "") == target.id]
            changes = [(*p[:3], ast.Name(parameter, ast.Load())) for p in uses]
            target_change = (first, "targets", 0, ast.Name(parameter, ast.Store()))
            words = f"输入 `{parameter}` 被 {_code(first)} 的结果覆盖了，后面用到的已不是输入"
            yield _Edit(1, words, target_change, *changes)


def _left_out(statement, shown):
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        verb = _DOES.get(_called(statement.value))
        if verb:
            return f"没有{verb}（少了 {shown}）"
    return f"少了一步：{shown}"


def _aug(statement):
    return {"Add": "+=", "Mult": "*=", "Sub": "-="}.get(type(statement.op).__name__, "+=")


def _indentation(owner, name, body, k, loop):
    if len(loop.body) > 1:
        last = loop.body[-1]
        yield _Edit(
            2,
            f"缩进不对：{_code(last)} 应在循环里面",
            (loop, "body", None, loop.body[:-1]),
            (owner, name, None, [*body[: k + 1], last, *body[k + 1 :]]),
        )
    if k + 1 < len(body):
        after = body[k + 1]
        yield _Edit(
            2,
            f"缩进不对：{_code(after)} 写进了循环里面",
            (loop, "body", None, [*loop.body, after]),
            (owner, name, None, [*body[: k + 1], *body[k + 2 :]] or [ast.Pass()]),
        )
    if k and isinstance(body[k - 1], ast.Assign):
        before = body[k - 1]
        yield _Edit(
            2,
            f"{_code(before)} 写进了循环里面，每一轮都重新开始",
            (loop, "body", None, [before, *loop.body]),
            (owner, name, None, [*body[: k - 1], *body[k:]]),
        )


def _parameter_edits(tree):
    """A parameter never looked at: everywhere its default, or what leaves no trace."""
    for function in [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]:
        arguments = function.args
        names = [a.arg for a in arguments.args]
        defaults = dict(
            zip(names[len(names) - len(arguments.defaults) :], arguments.defaults, strict=True)
        )
        for name in names:
            uses = [
                place
                for place in _places(function)
                if isinstance(place[3], ast.Name)
                and place[3].id == name
                and isinstance(place[3].ctx, ast.Load)
            ]
            values = [_NEUTRAL[name]] if name in _NEUTRAL else []
            default = defaults.get(name)
            if isinstance(default, ast.Constant) and default.value not in values:
                values.append(default.value)
            elif default is not None and not isinstance(default, ast.Constant):
                values.append(ast.literal_eval(default))
            for value in values if uses else ():
                fixed = ast.parse(repr(value), mode="eval").body
                words = f"没有用上参数 `{name}`（总当作 {value!r}）"
                yield _Edit(0, words, *[(*place[:3], fixed) for place in uses])


def _pair_edits(tree):
    """Two names exchanged in a whole statement: rows for columns."""
    for *_, node in list(_places(tree)):
        if not isinstance(node, (ast.Assign, ast.AugAssign, ast.Return, ast.For)):
            continue
        scope = node.iter if isinstance(node, ast.For) else node
        for a, b in _PAIRS:
            uses = [
                p
                for p in _places(ast.Module([node], []) if scope is node else ast.Expr(scope))
                if isinstance(p[3], ast.Name)
                and p[3].id in (a, b)
                and isinstance(p[3].ctx, ast.Load)
            ]
            if {p[3].id for p in uses} == {a, b}:
                changes = [(*p[:3], ast.Name(_TWIN[p[3].id], ast.Load())) for p in uses]
                yield _Edit(1, f"`{a}` 与 `{b}` 弄反了（{_code(scope)}）", *changes)


def mutants(source, name):
    """Every mistaken form of a right answer.

    Parameters
    ----------
    source : str
        Of one function or class.
    name : str
        What it defines.

    Yields
    ------
    (rank, words, function)
        The lower the rank, the likelier the mistake. Some functions raise when called.
    """
    tree = ast.parse(textwrap.dedent(source))
    seen = {ast.unparse(tree)}
    edits = itertools.chain(
        _parameter_edits(tree),
        _pair_edits(tree),
        _statement_edits(tree),
        _expression_edits(tree),
    )
    for edit in edits:
        edit.apply()
        try:
            text = ast.unparse(tree)
            if text not in seen:
                seen.add(text)
                yield edit.rank, edit.words, load_source(text, name, "mutant")
        except (SyntaxError, ValueError, TypeError, NameError, AttributeError):
            pass  # not every edit makes a program
        finally:
            edit.undo()


@functools.lru_cache(maxsize=64)
def collection(sources, name):
    """Mutants of several right answers, the likeliest first."""
    found = [item for source in sources for item in mutants(source, name)]
    return tuple(sorted(found, key=lambda item: item[0]))
