"""Names for the difference of two sets of terms: which relation between the indices is wrong."""

import numpy as np

from .texts import describe

#: meaning of the axes by name and rank, unless the exercise says otherwise
_AXES = {
    "X": {1: "j", 2: "ij", 3: "dij", 4: "ndij"},
    "W": {1: "v", 2: "uv", 3: "duv", 4: "pduv"},
    "Y": {1: "j", 2: "ij", 3: "pij", 4: "npij"},
}
_WORDS = {
    "n": "样本",
    "p": "输出特征图",
    "d": "输入通道",
    "i": "行",
    "j": "列",
    "u": "核的行",
    "v": "核的列",
}
_DIRECTION = {"i": "行", "j": "列"}
_IN_GRADIENTS = {
    "window_overwritten": "gradient_overwritten",
    "stride_not_in_index": "stride_ignored",
}


def axes_of(exercise, name, rank):
    return exercise.axes.get(name) or _AXES.get(name, {}).get(rank, "?" * rank)


class _Table:
    """Two-factor terms of one output as rows of indices: output, first argument, second."""

    def __init__(self, terms, output):
        rows, weights, self.single = [], [], {}
        second = [
            f[1][0]
            for place, items in terms.of.items()
            if place[0] == output
            for f in items
            if len(f) > 1
        ]
        self.second = max(set(second), key=second.count) if second else None
        for (which, index), items in terms.of.items():
            if which != output:
                continue
            for factors, weight in items.items():
                if len(factors) == (2 if self.second else 1) and (
                    not self.second or factors[1][0] == self.second
                ):
                    rows.append((*index, *(i for _, place in factors for i in place)))
                    weights.append(weight)
                elif len(factors) == 1:
                    self.single.setdefault(index, {})[factors[0]] = weight
        self.rows, self.weights = np.array(rows, float), np.array(weights, float)


def _fit(target, inputs):
    """(coefficients, constant) of an exact linear relation with simple numbers, else None."""
    if not len(target):
        return None
    design = np.column_stack([inputs, np.ones(len(target))])
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    if np.abs(design @ solution - target).max() > 1e-6:
        return None
    simple = np.round(12 * solution) / 12
    return None if np.abs(simple - solution).max() > 1e-4 else (simple[:-1], simple[-1])


def _window_taps(table, out_rank, first_rank, spatial):
    """For pooling: the place within the window stands in for the kernel's index."""
    rows = table.rows
    taps = []
    for axis in spatial:
        column = rows[:, out_rank + axis]
        start = {}
        for key, value in zip(map(tuple, rows[:, :out_rank]), column, strict=True):
            start[key] = min(value, start.get(key, value))
        taps.append(column - [start[tuple(key)] for key in rows[:, :out_rank]])
    return np.column_stack([rows, *taps]) if taps else rows


def explain(exercise, found, wanted, values):
    """Keys or words for every relation in which two sets of terms differ.

    Parameters
    ----------
    exercise : Exercise
    found, wanted : Terms
        Of the answer and of the reference.
    values : dict
        The arguments of the case by name.

    Returns
    -------
    list of str
        Keys of the catalogue, or sentences.
    """
    names = []
    if not np.shape(values[exercise.linear_in[0]]):  # numbers have no axes
        return names
    for output in range(len(wanted.shapes)):
        name = exercise.outputs[output] if len(wanted.shapes) > 1 else "Y"
        part = _explain_output(exercise, found, wanted, values, output, name)
        if len(wanted.shapes) > 1:  # say which of the results
            part = [_IN_GRADIENTS.get(p, p) for p in part]
            part = [f"{name}：{describe(p)[0]}" for p in part]
        names += part
    return list(dict.fromkeys(names))


def _explain_output(exercise, found, wanted, values, output, name):
    first = exercise.linear_in[0]
    mine, right = _Table(found, output), _Table(wanted, output)
    shapes = found.shapes[output], wanted.shapes[output]
    if len(shapes[0]) != len(shapes[1]):
        return []
    x_shape = np.shape(values[first])
    out_axes = axes_of(exercise, name, len(shapes[1]))
    x_axes = axes_of(exercise, first, len(x_shape))
    names = _bias(mine, right, values, shapes)
    if not len(right.rows) or not np.prod(shapes[0]):
        return names
    if not len(mine.rows):
        return [*names, "所有的项都没有加进来"]
    if mine.second != right.second:
        return names
    w_axes = ""
    if right.second:
        w_axes = axes_of(exercise, right.second, len(np.shape(values[right.second])))
        tables = mine.rows, right.rows
    else:
        spatial = [k for k, letter in enumerate(x_axes) if letter in "ij"]
        spatial = [k for k in spatial if x_axes[k] in out_axes]
        w_axes = "".join({"i": "u", "j": "v"}[x_axes[k]] for k in spatial)
        tables = tuple(_window_taps(t, len(out_axes), len(x_axes), spatial) for t in (mine, right))
    letters = out_axes + x_axes + w_axes
    labels = [*out_axes, *(c.upper() for c in x_axes), *w_axes]
    if tables[0].shape[1] != len(letters) or tables[1].shape[1] != len(letters):
        return names
    scene = _Scene(labels, len(out_axes), len(x_axes), values, shapes, right.second)
    relations = scene.relations(tables)
    if relations and relations != ["size_off_by_one"]:
        return names + relations + ([] if right.second else scene.window(tables))
    different, words = scene.sets(tables, mine.weights, right.weights)
    if different:  # neither a size nor the place of a bias is the cause then
        return [n for n in names if n != "bias_wrong_axis"] + words
    return names + relations + words


class _Scene:
    """The indices of one output and their names."""

    def __init__(self, labels, outs, xs, values, shapes, second):
        self.labels, self.outs, self.xs = labels, outs, xs
        self.values, self.shapes, self.second = values, shapes, second
        self.padding = values.get("padding", 0) if isinstance(values.get("padding", 0), int) else 0

    def _inputs(self, rows):
        return np.column_stack([rows[:, : self.outs], rows[:, self.outs + self.xs :]])

    def relations(self, tables):
        """Stride, dilation, flips, exchanged axes and shifts from exact linear relations."""
        seen = {"stride": {}, "tap": {}, "swap": [], "shift": {}, "other": []}
        self.exact = {}
        spatial = []
        for k in range(self.xs):
            column = self.outs + k
            right = _fit(tables[1][:, column], self._inputs(tables[1]))
            mine = _fit(tables[0][:, column], self._inputs(tables[0]))
            if right is None:
                continue
            own_out = np.abs(right[0][: self.outs])
            own_tap = np.abs(right[0][self.outs :])
            letter = self.labels[column].lower()
            if letter in "ij":
                spatial.append(letter)
            self.exact[k] = right
            holds = self._inputs(tables[0]) @ right[0] + right[1] == tables[0][:, column]
            if holds.all() or mine is None or (not own_out.any() and not own_tap.any()):
                continue
            self._compare(letter, k, right, mine, tables, seen)
        for k in range(self.outs + self.xs, len(self.labels)):
            if self.labels[k] != "p" or "p" not in self.labels[: self.outs]:
                continue
            mine = _fit(tables[0][:, k], tables[0][:, : self.outs])
            if mine is not None and not mine[0].any() and tables[1][:, k].max() > 0:
                seen["other"].append("output_maps_same")
        return self._name(seen, spatial)

    def _compare(self, letter, k, right, mine, tables, seen):
        (c, c0), (a, a0) = right, mine
        if letter not in "ij":
            if not a.any() and c.any() and tables[1][:, self.outs + k].max() > 0:
                always = f"总是用第 {int(a0)} 个{_WORDS.get(letter, '元素')}"
                seen["other"].append("only_first_sample" if letter == "n" else always)
            return
        taps = self.labels[self.outs + self.xs :]
        o = self.labels.index(letter) if letter in self.labels[: self.outs] else None
        tap = {"i": "u", "j": "v"}[letter]
        t = self.outs + taps.index(tap) if tap in taps else None
        if o is None:
            return
        if wrong := [i for i in range(len(c)) if i not in (o, t) and a[i] and not c[i]]:
            inputs = self.labels[: self.outs] + taps
            seen["swap"] += [letter + inputs[i] for i in wrong]
            return
        inverse = t is not None and c[t] < 0 < c[o]
        if a[o] != c[o] and self.shapes[1][o] > 1 and tables[0][:, o].max() > 0 and not inverse:
            seen["stride"][letter] = a[o], c[o]
        if inverse and a[o]:
            # the output's index is the free one: its pixel lies at i·S + u, not the input's
            a, c, (a0, c0) = a.copy(), c.copy(), (-a0 / a[o], -c0 / c[o])
            a[o], a[t], c[o], c[t] = 1 / a[o], -a[t] / a[o], 1 / c[o], -c[t] / c[o]
            if a[o] != c[o] and tables[0][:, o].max() > 0:
                seen["stride"][letter] = a[o], c[o]
        shift = a0 - c0
        if t is not None and a[t] != c[t]:
            size = tables[1][:, self.outs + self.xs + t - self.outs].max()
            if a[t] == -c[t]:
                shift -= c[t] * size
            if size > 0:
                seen["tap"][letter] = a[t], c[t]
        if shift:
            seen["shift"][letter] = int(shift)

    def _name(self, seen, spatial):
        names = list(dict.fromkeys(seen["other"]))
        if swap := set(seen["swap"]):
            known = {"iv": "kernel_transposed", "ij": "rows_columns_swapped"}
            wrong = known.get(min(swap)) if swap in ({"iv", "ju"}, {"ij", "ji"}) else None
            return [*names, wrong or "下标用错了轴：检查 reshape、transpose 和下标的次序"]
        if stride := seen["stride"]:
            if {got for got, _ in stride.values()} != {1}:
                names += [
                    f"窗口在{_DIRECTION[x]}的方向每次移动了 {got:g} 格，应为 {want:g} 格"
                    for x, (got, want) in stride.items()
                ]
            elif len(stride) < len(spatial):
                names.append("stride_one_axis")
            else:
                same = self.shapes[0] == self.shapes[1]
                names.append("stride_not_in_index" if same else "stride_ignored")
        if tap := seen["tap"]:
            names += self._taps(tap, spatial)
        return names + self._shift(seen["shift"], spatial, bool(names))

    def _taps(self, tap, spatial):
        if all(got == -want for got, want in tap.values()):
            return ["kernel_flipped"]
        if "dilation" in self.values:
            if all(got == 1 for got, _ in tap.values()):
                whole = len(tap) == len(spatial)
                return ["dilation_ignored" if whole else "空洞率只用在了一个方向上"]
            if all(abs(got) == abs(want) + 1 for got, want in tap.values()):
                return ["dilation_off_by_one"]
        return [
            f"窗口里相邻的元素在{_DIRECTION[x]}的方向相距 {got:g} 格，应为 {want:g} 格"
            for x, (got, want) in tap.items()
        ]

    def _shift(self, shift, spatial, other_step):
        P = self.padding
        smaller = [b - a for a, b in zip(*self.shapes, strict=True)][-len(spatial or [0]) :]
        if not shift:
            if not any(smaller) or other_step:
                return []
            if P and all(s >= 0 for s in smaller):
                full = sum(s > 0 for s in smaller) == len(spatial)
                return (
                    ["padding_one_side" if full else "padding_one_axis"]
                    if max(smaller) <= P
                    else []
                )
            return ["size_off_by_one"] if max(map(abs, smaller)) == 1 else []
        if P and all(s == P for s in shift.values()):
            if len(shift) < len(spatial):
                return ["padding_one_axis"]
            whole = any(smaller) and (max(smaller) > P or P == 1 < max(smaller))
            return ["padding_forgotten" if whole else "padding_one_side"]
        if P and all(s == -P for s in shift.values()):
            return ["padding_doubled" if min(smaller) < 0 else "padding_one_side"]
        words = {"i": ("上", "下"), "j": ("左", "右")}
        return [f"窗口整体向{words[x][s > 0]}偏了 {abs(s)} 格" for x, s in shift.items()]

    def window(self, tables):
        """Size of a pooling window where it has no kernel."""
        names, sizes = [], []
        for k in range(self.outs + self.xs, len(self.labels)):
            got, want = (int(t[:, k].max()) + 1 for t in tables)
            sizes.append((got, want))
            if got != want:
                names.append(
                    f"窗口的{'行' if self.labels[k] == 'u' else '列'}数是 {got}，应为 {want}"
                )
        if len(names) == 2 and sizes[0] == sizes[1][::-1]:
            return ["rows_columns_swapped"]
        return names

    # -- sets of terms -------------------------------------------------------------------------

    def sets(self, tables, mine_weights, right_weights):
        """What is missing, superfluous or counted otherwise, output by output."""
        common = [min(a, b) for a, b in zip(*self.shapes, strict=True)]
        mine, right = (
            {
                tuple(row[: self.outs + self.xs + (99 if self.second else 0)].astype(int)): weight
                for row, weight in zip(rows, weights, strict=True)
                if all(i < n for i, n in zip(row, common, strict=False))
            }
            for rows, weights in ((tables[0], mine_weights), (tables[1], right_weights))
        )
        missing = [key for key in right if key not in mine]
        extra = [key for key in mine if key not in right]
        if not missing and not extra:
            return False, self._factor({mine[k] / right[k] for k in right})
        if missing and extra and not self.second and (names := self.window(tables)):
            return True, names
        names = []
        if missing:
            kept = np.array([k for k in right if k in mine])
            names += self._missing(np.array(missing), kept, right, np.array(extra))
        if extra:
            names += self._extra(np.array(extra), tables)
        return True, names

    def _factor(self, ratios):
        low, high = min(ratios), max(ratios)
        if high - low > 1e-4:
            return ["各项的系数（除数）不都一样"]
        if abs(low - 1) < 1e-4:
            return []
        x = np.shape(next(iter(self.values.values())))
        if not self.second:
            return [
                "pooling_by_sum"
                if low > 1.5 and abs(low - round(low)) < 1e-4
                else "pooling_divisor"
            ]
        if len(x) == 4 and x[1] > 1 and abs(low * x[1] - 1) < 1e-4:
            return ["channels_averaged"]
        if low == -1:
            return ["sign_flipped"]
        shown = (
            f"{low:.4g}"
            if low > 1 or abs(1 / low - round(1 / low)) > 1e-4
            else f"1/{round(1 / low)}"
        )
        return [f"每一项都多乘了 {shown}"]

    def _missing(self, missing, present, right, extra):
        for k in range(missing.shape[1]):
            gone = set(missing[:, k])
            here = set(present[:, k]) if len(present) else set()
            if len(extra) and gone & set(extra[:, k]):
                continue  # still there, in other terms
            if here and not gone & here:
                return [self._gone(k, gone, here)]
        wanted, kept = {}, {}
        for group, rows in ((wanted, right), (kept, map(tuple, present))):
            for row in rows:
                group.setdefault(row[: self.outs], []).append(row)
        last = all(rows == [max(wanted[place])] for place, rows in kept.items())
        if last and len(kept) == len(wanted) and max(map(len, wanted.values())) > 1:
            return ["window_overwritten"]  # each output keeps only its last term
        return []

    def _gone(self, k, gone, here):
        label, shown = self.labels[k], "、".join(str(int(i)) for i in sorted(gone)[:4])
        if k >= self.outs + self.xs:
            if label in "uv":
                return f"核的第 {shown} {'行' if label == 'u' else '列'}没有用上"
            if label != "d":
                return f"第 {shown} 个核没有用上" if label == "p" else f"第 {shown} 个元素没有用上"
        if label in "ij" and k < self.outs:
            return f"输出的第 {shown} {_DIRECTION[label]}没有算（留着 0）"
        if label in "nN":
            return "only_first_sample" if here == {0} else f"第 {shown} 个样本没有算"
        if label in "dD" and k >= self.outs:
            if here == {max(gone | here)}:
                return "channels_overwritten"
            one = len(here) == 1
            return "channels_not_summed" if one else f"第 {shown} 个输入通道没有加进来"
        if label in "IJ":
            return f"输入的第 {shown} {_DIRECTION[label.lower()]}没有用上"
        return f"第 {shown} 个{_WORDS.get(label.lower(), '元素')}没有算"

    def _extra(self, extra, tables):
        names = []
        for k, (c, c0) in self.exact.items():
            column = self.outs + k
            letter = self.labels[column].lower()
            if not self.second and letter in "ij":
                continue
            wanted = (
                self._inputs(
                    extra
                    if self.second
                    else np.column_stack(
                        [extra, np.zeros((len(extra), len(self.labels) - extra.shape[1]))]
                    )
                )
                @ c
                + c0
            )
            off = extra[:, column] != wanted
            if not off.any():
                continue
            if letter == "n":
                names.append("samples_mixed")
            elif letter == "d":
                names.append("channels_mixed")
            elif letter in "ij":
                size = tables[1][:, column].max() + 1
                names.append(self._border(extra[off, column], wanted[off], size))
        return [n for n in dict.fromkeys(names) if n]

    def _border(self, got, wanted, size):
        if not self.padding or ((wanted >= 0) & (wanted < size)).any():
            return None
        top = size - 1
        if (got == np.clip(wanted, 0, top)).all():
            return "padding_edge" if self.padding > 1 else "padding_not_zero"
        if (got == wanted % size).all():
            return "padding_wrap"
        mirrored = np.where(wanted < 0, -wanted, np.where(wanted > top, 2 * top - wanted, wanted))
        return "padding_reflect" if (got == mirrored).all() else "填充的不是零"


def _bias(mine, right, values, shapes):
    """How often, and which, single elements (biases) are added."""
    if not right.single:
        return ["多加了一些单独的项"] if mine.single and mine.second is not None else []
    counts, wrong, absent = set(), 0, 0
    for index, wanted in right.single.items():
        got = mine.single.get(index, {})
        for factor, weight in wanted.items():
            if factor in got:
                counts.add(round(got[factor] / weight, 4))
            elif not got:
                absent += 1
        wrong += any(factor not in wanted for factor in got)
    if absent and not counts and not wrong:
        return ["bias_missing"]
    if wrong:
        indices = {f for got in mine.single.values() for f in got}
        sums = max(len(got) for got in mine.single.values())
        if len(indices) == 1 or sums > 1:
            return ["bias_same_for_all"]
        return ["bias_wrong_axis"]
    if counts and counts != {1.0}:
        times = max(counts)
        kernel = np.shape(values.get("W", np.zeros(1)))
        if len(kernel) == 4 and len(counts) == 1:
            if times == np.prod(kernel[1:]) and np.prod(kernel[2:]) > 1:
                return ["bias_per_tap"]
            if times == kernel[1]:
                return ["bias_per_channel"]
        return [f"偏置加了 {times:g} 次" if len(counts) == 1 else "各处加偏置的次数不一样"]
    return []
