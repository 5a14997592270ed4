"""What an answer adds up: unit impulses recover every term of a result that is linear.

A convolution is linear in the image and in the kernel. One pixel set to 1 and all others to 0
shows what that pixel contributes to every output; with primes for the kernel's elements the
contribution tells which of them it was multiplied by. So the sum that the answer forms can be
written down, whatever its code looks like.
"""

import math
import time
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from .run import call, outputs, to_array


def _primes():
    sieve = np.ones(10000, bool)
    for n in range(2, 100):
        sieve[n * n :: n] = False
    return np.random.default_rng(5).permutation(np.flatnonzero(sieve)[169:])  # from 1009 on


_PRIMES = _primes()
_RATIOS = np.array(
    sorted({s * p / q for s in (1, -1) for p in range(1, 10) for q in (*range(1, 10), 12, 16, 18)})
)
#: elements of the first argument beyond which the impulses would take too long
MOST_ELEMENTS = 120


@dataclass
class Terms:
    """Terms of each output element: {(output, index): {((name, index), …): coefficient}}."""

    shapes: tuple
    of: dict = field(default_factory=dict)
    unread: set = field(default_factory=set)


class NotLinear(ValueError):
    """The answer is no sum of terms: doubling the input does not double the result."""


def recover(exercise, function, names, args, deadline, direct=False):
    """Terms of a function at the given options.

    Parameters
    ----------
    exercise : Exercise
        `linear_in` names the arguments; impulses go through the first of them.
    function : function or class
    names, args : sequences
        All arguments; those that are linear are replaced.
    deadline : float
        Value of `time.thread_time()` at which to give up.

    Returns
    -------
    Terms or None
        None where the function fails, or there is no time.

    Raises
    ------
    NotLinear
    """
    first, *others = exercise.linear_in
    at = {name: i for i, name in enumerate(names)}
    shapes = {name: tuple(np.shape(to_array(args[at[name]]))) for name in exercise.linear_in}
    if not any(shapes.values()):
        return _polynomial(exercise, function, names, direct)
    if np.prod(shapes[first]) > MOST_ELEMENTS:
        return None
    codes, used = {}, 0
    for name in others:
        count = int(np.prod(shapes[name]))
        codes[name] = _PRIMES[used : used + count].reshape(shapes[name]).astype("float32")
        used += count

    def run(impulse):
        values = list(args)
        for name, code in codes.items():
            values[at[name]] = code
        values[at[first]] = impulse
        try:
            value = call(exercise, function, exercise.hand_over(values), direct)
            found = outputs(exercise, value)
            return None if any(f is None for f in found) else found
        except (Exception, SystemExit):
            return None

    start = run(np.zeros(shapes[first], "float32"))
    if start is None:
        return None
    found = Terms(tuple(part.shape for part in start))
    _check_linear(run, start, shapes[first])
    reader = _Reader(codes)
    for o, part in enumerate(start):
        _read(found, reader, o, part, ())
    for index in np.ndindex(*shapes[first]):
        if time.thread_time() > deadline:
            return None
        impulse = np.zeros(shapes[first], "float32")
        impulse[index] = 1
        response = run(impulse)
        if response is None or any(
            a.shape != b.shape for a, b in zip(response, start, strict=True)
        ):
            return None
        for o, (got, zero) in enumerate(zip(response, start, strict=True)):
            _read(found, reader, o, got.astype("float64") - zero, ((first, index),))
    return found


def _polynomial(exercise, function, names, direct):
    """Terms of a formula in whole numbers that is linear in each: its values at 0 and 1 tell all."""

    def value(point):
        return np.ravel(outputs(exercise, call(exercise, function, point, direct))[0])[0]

    corners = {point: value(point) for point in product((0, 1), repeat=len(names))}
    here = {}
    for point in corners:
        below = product(*[range(x + 1) for x in point])
        coefficient = sum((-1) ** (sum(point) - sum(low)) * corners[low] for low in below)
        if coefficient:
            here[tuple((n, ()) for n, x in zip(names, point, strict=True) if x)] = coefficient
    for case in exercise.cases:
        at = dict(zip(names, case.fresh("numpy"), strict=True))
        total = sum(c * math.prod(at[name] for name, _ in key) for key, c in here.items())
        if total != value(tuple(at.values())):
            return None
    return Terms(((),), {(0, ()): here})


def _check_linear(run, start, shape):
    one, two = (
        np.random.default_rng(seed).integers(-5, 6, shape).astype("float32") for seed in (1, 2)
    )
    parts = [run(one), run(two), run(one + 2 * two)]
    if any(part is None for part in parts):
        return
    for zero, a, b, both in zip(start, *parts, strict=True):
        if not zero.shape == a.shape == b.shape == both.shape:
            return
        zero, a, b, both = (part.astype("float64") for part in (zero, a, b, both))
        size = np.abs(a).max(initial=0) + np.abs(b).max(initial=0) + np.abs(zero).max(initial=0)
        if np.abs(both - a - 2 * b + 2 * zero).max(initial=0) > 1e-3 * size + 1e-6:
            raise NotLinear


def _read(found, reader, output, values, prefix):
    for index in np.argwhere(np.abs(values) > 1e-6):
        place = (output, tuple(int(i) for i in index))
        terms = reader(float(values[place[1]]))
        if terms is None:
            found.unread.add(place)
            continue
        here = found.of.setdefault(place, {})
        for factors, coefficient in terms:
            here[prefix + factors] = here.get(prefix + factors, 0) + coefficient


class _Reader:
    """Which elements of the other arguments a number is the sum of."""

    def __init__(self, codes):
        names, values = [()], [1.0]
        for name, code in codes.items():
            for index in np.ndindex(*code.shape):
                names.append(((name, index),))
                values.append(float(code[index]))
        singles = list(zip(names[1:], values[1:], strict=True))
        for (a, x), (b, y) in product(singles, singles) if len(codes) > 1 else ():
            if a[0][0] < b[0][0]:
                names.append(tuple(sorted((a[0], b[0]))))
                values.append(x * y)
        self.names, self.values = names, np.array(values)
        self.sums = {}
        for name, code in codes.items():
            for axes in product((False, True), repeat=code.ndim):
                self._block_sums(name, code, tuple(i for i, a in enumerate(axes) if a))
        self.single = {int(v): n for n, v in zip(names, values, strict=True) if v < 1e6}
        self.known = {}

    def _block_sums(self, name, code, axes):
        if not axes:
            return
        sums = code.astype("float64").sum(axis=axes, keepdims=True)
        for index in np.ndindex(*sums.shape):
            spans = [
                range(n) if a in axes else [i]
                for a, (n, i) in enumerate(zip(code.shape, index, strict=True))
            ]
            self.sums[int(sums[index])] = [((name, place),) for place in product(*spans)]

    def __call__(self, value):
        key = round(value, 4)
        if key not in self.known:
            self.known[key] = self._find(value)
        return self.known[key]

    def _find(self, value):
        if len(self.names) == 1:  # nothing else is multiplied: the number is the coefficient
            return [((), value)]
        ratios = value / self.values
        near = np.clip(np.searchsorted(_RATIOS, ratios), 1, len(_RATIOS) - 1)
        best = np.where(
            np.abs(_RATIOS[near] - ratios) < np.abs(_RATIOS[near - 1] - ratios), near, near - 1
        )
        hits = np.flatnonzero(np.abs(_RATIOS[best] / ratios - 1) < 3e-6)
        if len(hits):
            k = min(hits, key=lambda k: abs(np.log(abs(ratios[k]))))
            return [(self.names[k], float(_RATIOS[best[k]]))]
        whole = round(value)
        if abs(value - whole) > 0.02:
            return None
        if abs(whole) in self.sums:
            return [(factors, float(np.sign(whole))) for factors in self.sums[abs(whole)]]
        for code, name in self.single.items():  # two elements, each once
            for sign in (1, -1):
                rest = whole - sign * code
                if rest and abs(rest) in self.single:
                    other = self.single[abs(rest)]
                    return [(name, float(sign)), (other, float(np.sign(rest)))]
        return None


# -- showing -----------------------------------------------------------------------------------


def index_text(name, index):
    return f"{name}[{','.join(map(str, index))}]" if index else name


def term_text(factors, coefficient):
    body = "·".join(index_text(*f) for f in factors) or "1"
    if abs(coefficient - 1) < 1e-6:
        return body
    if abs(coefficient + 1) < 1e-6:
        return f"−{body}"
    inverse = 1 / coefficient
    whole = abs(inverse - round(inverse)) < 1e-4 and abs(inverse) > 1
    shown = f"1/{round(inverse)}" if whole and inverse > 0 else f"{coefficient:.4g}"
    return f"{shown}·{body}"


def formula(terms, most=5):
    """`X[0,1]·W[0,0] + X[0,2]·W[0,1] + …（共 9 项）`"""
    if not terms:
        return "0"
    shown = [term_text(*item) for item in sorted(terms.items())]
    text = " + ".join(shown[:most]).replace("+ −", "− ")
    return text if len(shown) <= most else f"{text} + …（共 {len(shown)} 项）"


def changed(mine, wanted):
    """(missing, superfluous): what must be added to `mine`, and taken away, to give `wanted`."""
    missing, extra = {}, {}
    for factors in {**wanted, **mine}:
        got, want = mine.get(factors, 0), wanted.get(factors, 0)
        if abs(got - want) > 1e-4 * max(1, abs(want)):
            if abs(got) > abs(want):
                extra[factors] = got - want
            else:
                missing[factors] = want - got
    return missing, extra


def place_to_show(found, wanted):
    """The first output element, among those with few terms, whose terms differ; or None."""
    places = []
    for output, (a, b) in enumerate(zip(found.shapes, wanted.shapes, strict=True)):
        if len(a) != len(b):
            continue
        for index in np.ndindex(*[min(x, y) for x, y in zip(a, b, strict=True)]):
            place = (output, index)
            mine, right = found.of.get(place, {}), wanted.of.get(place, {})
            if place in found.unread or mine == right or not any(changed(mine, right)):
                continue
            places.append((not mine or not right, abs(len(mine) - len(right)), output, index))
    return min(places)[2:] if places else None


def picture(first, shape, mine, wanted):
    """SVG of the pixels: missing red, superfluous blue, common grey; the tap written in."""
    if not 1 <= len(shape) <= 4 or shape[-1] > 12:
        return ""
    groups = {}
    for terms, kind in ((mine, 1), (wanted, 2)):
        for factors in terms:
            if factors and factors[0][0] == first:
                cell = groups.setdefault(factors[0][1], [0, ""])
                cell[0] |= kind
                if len(factors) > 1 and (kind == 2 or not cell[1]):
                    cell[1] = ",".join(map(str, factors[1][1][-2:]))
    planes = list(dict.fromkeys(index[:-2] for index in sorted(groups)))[:3]
    rows, columns = (shape[-2] if len(shape) > 1 else 1), shape[-1]
    side, parts, left = 30, [], 4
    for plane in planes:
        title = index_text(first, (*plane, ":", ":")[: len(shape)])
        parts.append(f'<text x="{left}" y="12" font-size="11" fill="currentColor">{title}</text>')
        for r, c in np.ndindex(rows, columns):
            kind, tap = groups.get((*plane, r, c) if len(shape) > 1 else (c,), (0, ""))
            fill = ("none", "#2b7bba", "#d5402b", "#9a9a9a")[kind]
            x, y = left + c * side, 18 + r * side
            parts.append(
                f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{fill}" '
                'fill-opacity="0.75" stroke="#888"/>'
                f'<text x="{x + side / 2}" y="{y + 19}" font-size="10" text-anchor="middle" '
                f'fill="currentColor">{tap}</text>'
            )
        left += columns * side + 14
    words = "输入的像素：灰，都用到；红，少了；蓝，多了。格里的数是所乘的核元素的下标"
    return (
        f'<svg width="{left}" height="{rows * side + 40}" role="img" aria-label="{words}">'
        f'{"".join(parts)}<text x="4" y="{rows * side + 34}" font-size="10" fill="currentColor">'
        "灰 = 都用到　红 = 少了　蓝 = 多了</text></svg>"
    )
