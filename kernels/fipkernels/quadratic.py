r"""Bin integrals of Hermitian forms in decay amplitudes that contain constant and resonant Wilson coefficients.

Every amplitude of b -> s l l is linear in the coefficients of the operators o = 9, 9', 10, 10', ...,

    H_a(q) = s_a(q) + sum_o C_o(q) u_{o,a}(q),      C_o(q) = c_o + sum_m L_{o,m}(q^2) / (N D_m(q)),

with s the Standard-Model part (strong phases, form factors), c_o constants, L_{o,m} the product of the quark and lepton
couplings of light mediator m, a polynomial in q^2, D_m its inverse propagator, and N the normalisation of the
effective Hamiltonian.  In the CP-conjugate decay s -> s_bar, while c_o, L_{o,m} and N are conjugated (weak phases) and
u and D_m are not (strong phases).

An observable is J = Re sum_ab M_ab(q) H_a H_b^*.  With every coefficient split into real components x_r that carry a
constant phase, J is a real quadratic form in (1, x_1, x_2, ...), whose matrix is contracted with amplitudes once for given
hadronic inputs (:func:`contract`); a point then costs one matrix product (:func:`evaluate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fipkernels.breit_wigner import Weights
from fipkernels.indexing import once, select, take


@dataclass
class Process:
    """The amplitudes of one decay on nodes q of shape (P, n).

    s, s_bar: (A, P, n) complex, Standard-Model amplitudes and their CP conjugates.
    u: operator -> (A, P, n), the coefficient of C_o (no weak phases); operators that do not contribute are left out.
    forms: name -> tuple of (a, b, coef) or (a, b, coef, number): the integrand over dq is Re sum number coef H_a H_b^*; coef (P, n)
    real or complex (one array may serve many terms), number a Python scalar, real or complex.
    support: operator -> indices of the amplitudes where u is not zero (static); all, where left out.
    """

    s: Any
    s_bar: Any
    u: dict[str, Any]
    forms: dict[str, tuple]
    support: dict[str, tuple[int, ...]] = field(default_factory=dict)


def _terms(forms: dict[str, tuple]):
    """Distinct coefficient arrays, and per form a tuple of (a, b, index of the array, number)."""
    arrays: list = []
    seen: dict[int, int] = {}
    out = {}
    for name, terms in forms.items():
        row = []
        for a, b, coef, *number in terms:
            if id(coef) not in seen:
                seen[id(coef)] = len(arrays)
                arrays.append(coef)
            row.append((a, b, seen[id(coef)], number[0] if number else 1.0))
        out[name] = tuple(row)
    return arrays, out


def _flatten(p: Process):
    arrays, terms = _terms(p.forms)
    return (p.s, p.s_bar, p.u, arrays), (tuple(terms.items()), tuple(p.support.items()))


def _unflatten(aux, children):
    s, s_bar, u, arrays = children
    forms = {k: tuple((a, b, arrays[j], c) for a, b, j, c in terms) for k, terms in aux[0]}
    return Process(s, s_bar, u, forms, dict(aux[1]))


jax.tree_util.register_pytree_node(Process, _flatten, _unflatten)


class Component(NamedTuple):
    """One real component of a Wilson coefficient: operator, source (-1: constant, else index of the mediator), part (0: real,
    1: imaginary, a weak phase; 2, 3: the same with a strong phase i)."""

    op: str
    source: int
    part: int


@partial(jax.tree_util.register_dataclass, data_fields=["constants", "light", "strong"], meta_fields=["lowest"])
@dataclass(frozen=True)
class Coefficients:
    """Wilson coefficients of one lepton flavour, new physics only.

    constants: operator -> (B,) real or complex.  light: one mapping operator -> (K, B) per mediator, polynomials in q^2
    (lowest power first), the product of the b-s and lepton couplings; real or complex (b-s weak phase).  strong: (), or the
    same for parts with a strong phase i, which the CP-conjugate decay keeps.
    lowest: ((mediator, operator), power), static: polynomials whose first coefficient belongs to another power of q^2 than the
    zeroth, with and without strong phase.
    """

    constants: dict[str, jax.Array]
    light: tuple[dict[str, jax.Array], ...] = ()
    strong: tuple[dict[str, jax.Array], ...] = ()
    lowest: tuple[tuple[tuple[int, str], int], ...] = ()

    def coupling(self, source: int, op: str, q2, strong: bool = False):
        """The polynomial of a mediator's operator at q2, which broadcasts with (B,); 0 where there is none."""
        entries = (self.strong if strong else self.light) or ({},) * len(self.light)
        if op not in entries[source]:
            return jnp.zeros_like(q2)
        return evaluate_polynomial(entries[source][op], q2) * q2 ** dict(self.lowest).get((source, op), 0)


def multiply(a, b):
    """Product of two polynomials in q^2, (K, B) and (M, B), lowest power first -> (K + M - 1, B)."""
    k, m = a.shape[0], b.shape[0]
    return jnp.stack([sum(a[i] * b[r - i] for i in range(max(0, r - m + 1), min(k, r + 1))) for r in range(k + m - 1)])


def evaluate_polynomial(poly, x):
    """Polynomial (K, ...) at x, lowest power first (Horner)."""
    out = poly[-1]
    for k in range(poly.shape[0] - 2, -1, -1):
        out = out * x + poly[k]
    return out


def layout(c: Coefficients) -> tuple[Component, ...]:
    """The real components that a set of coefficients has; static, follows from which entries exist and which are complex."""
    out = []
    strong = c.strong or ({},) * len(c.light)
    groups = [(-1, 0, c.constants)]
    for source, (weak, absorptive) in enumerate(zip(c.light, strong, strict=True)):
        groups += [(source, 0, weak), (source, 2, absorptive)]
    for source, first, entries in groups:
        for op in sorted(entries):
            out.append(Component(op, source, first))
            if jnp.iscomplexobj(entries[op]):
                out.append(Component(op, source, first + 1))
    return tuple(out)


def _value(c: Coefficients, comp: Component):
    if comp.source < 0:
        entry = c.constants[comp.op]
    else:
        entry = (c.light if comp.part < 2 else c.strong)[comp.source][comp.op]
    return jnp.imag(entry) if comp.part % 2 else jnp.real(entry)


def _phase(part: int, conjugate: bool) -> complex:
    """Constant phase of a component in the decay or its CP conjugate."""
    weak = (-1.0j if conjugate else 1.0j) if part % 2 else 1.0
    return 1.0j * weak if part >= 2 else weak


def _constant_rows(lay):
    """Rows of the form that need no propagator: (r,) linear, (r, r') quadratic; indices into the layout."""
    idx = [i for i, c in enumerate(lay) if c.source < 0]
    return [(i,) for i in idx] + [(i, j) for k, i in enumerate(idx) for j in idx[k:]]


def _light_rows(lay):
    """Rows that do: (kind, r, r' or None), kind 're', 'im', 'sq', or ('xre', 'xim') for two mediators; rows with one weight, those
    of a kind and mediator or pair of mediators, are next to each other."""
    const = [i for i, c in enumerate(lay) if c.source < 0]
    light = [i for i, c in enumerate(lay) if c.source >= 0]
    rows: list[tuple] = []
    for i in light:
        for other in (None, *const):
            rows += [("re", i, other), ("im", i, other)]
    for k, i in enumerate(light):
        for j in light[k:]:
            if lay[i].source == lay[j].source:
                rows.append(("sq", i, j))
            else:  # sources are sorted: the first index belongs to the first mediator
                rows += [("xre", i, j), ("xim", i, j)]
    return sorted(rows, key=lambda row: _weight_key(lay, row))


def _weight_key(lay, row) -> tuple:
    """(kind, mediator, second mediator or -1) of a row."""
    kind, i, j = row
    return kind, lay[i].source, lay[j].source if kind in ("xre", "xim") else -1


def light_rows(lay) -> int:
    """Number of rows with propagators."""
    return len(_light_rows(lay))


def used_rows(lay, nodes: int, tables: Sequence[Any]) -> tuple[int, ...]:
    """The rows with propagators that are not zero in all of the tables (..., n Rl), concrete arrays."""
    used = _in_rows(lay, nodes, np.concatenate([np.any(np.asarray(t) != 0.0, axis=tuple(range(t.ndim - 1)))[None] for t in tables]))
    return tuple(int(r) for r in np.flatnonzero(used.any(axis=(0, 1))))


def keep_rows(lay, nodes: int, table, keep: Sequence[int]):
    """A table (..., n Rl) without the other rows."""
    where = _in_rows(lay, nodes, np.arange(table.shape[-1]))
    order = np.concatenate([np.zeros(0, int), *(where[:, group].ravel() for group in _groups(lay, keep))])
    return np.asarray(table)[..., order]


def _groups(lay, keep):
    """The kept rows of each weight."""
    start, out = 0, []
    for count in _group_sizes(lay):
        out.append([r for r in keep if start <= r < start + count])
        start += count
    return out


def _in_rows(lay, nodes: int, flat):
    """(..., n Rl) in the order of :func:`to_table` -> (..., n, Rl)."""
    ends = np.cumsum([0, *(nodes * count for count in _group_sizes(lay))])
    pieces = [flat[..., a:b].reshape(*flat.shape[:-1], nodes, -1) for a, b in zip(ends[:-1], ends[1:], strict=True)]
    return np.concatenate([np.zeros((*flat.shape[:-1], nodes, 0), flat.dtype), *pieces], axis=-1)


def _group_sizes(lay) -> list[int]:
    """Number of rows of each weight, in order."""
    keys = [_weight_key(lay, row) for row in _light_rows(lay)]
    return [keys.count(k) for k in dict.fromkeys(keys)]


class Table(NamedTuple):
    """Contracted forms of one decay, for O outputs and S bins; see :func:`contract`.

    sm: (O, S); constant: (O, S, Rc); light: (P, O, n Rl) on the decay's own panels; turned: (P, n Rl, O), the same.
    """

    sm: jax.Array
    constant: jax.Array
    light: jax.Array
    turned: jax.Array


class Mixing(NamedTuple):
    """How the CP-conjugate amplitudes of a neutral meson interfere with the direct ones.

    partner, sign: (A,) amplitude a interferes with sign[a] * (conjugate amplitude partner[a]).
    n_ratio: N_bar/N (complex), the weak phase that is not part of the amplitudes.
    """

    partner: tuple[int, ...]
    sign: tuple[float, ...]
    n_ratio: Any


def _real(terms):
    """The same form with real coefficients only."""
    out = []
    for a, b, coef, *number in terms:
        c = number[0] if number else 1.0
        out.append((a, b, jnp.real(coef) if jnp.iscomplexobj(coef) else coef, c))
        if jnp.iscomplexobj(coef):
            out.append((a, b, jnp.imag(coef), 1j * c))
    return tuple(out)


class _Sums:
    """sum number coef x_a y_b^* of several forms at once, for vectors x, y (A, P, n) of which only some entries are not zero."""

    def __init__(self, process: Process, forms: Sequence[str]):
        arrays, self.terms = _terms({f: _real(process.forms[f]) for f in forms})
        self.forms = tuple(forms)
        self.coefficients = jnp.stack([jnp.broadcast_to(x, process.s.shape[1:]) for x in arrays])

    def __call__(self, x, in_x, y, in_y):
        """(O, P, n) real and imaginary parts; None where identically zero."""
        triples = sorted({t[:3] for f in self.forms for t in self.terms[f] if t[0] in in_x and t[1] in in_y})
        if not triples:
            return None, None
        a, b, j = (np.array(k) for k in zip(*triples, strict=True))
        matrix = np.zeros((len(self.forms), len(triples)), complex)
        for row, f in enumerate(self.forms):
            for *triple, number in self.terms[f]:
                if tuple(triple) in triples:
                    matrix[row, triples.index(tuple(triple))] += number
        c = select(self.coefficients, j)
        left, right = (select(jnp.real(x), a), self._imag(x, a)), (select(jnp.real(y), b), self._imag(y, b))
        re, im = c * (left[0] * right[0]), None
        if left[1] is not None and right[1] is not None:
            re = re + c * (left[1] * right[1])
        if left[1] is not None:
            im = c * (left[1] * right[0])
        if right[1] is not None:
            im = _add(im, -c * (left[0] * right[1]))

        def apply(m, z):
            return None if z is None or not m.any() else jnp.einsum("om,mpn->opn", m, z, precision="highest")

        return _add(apply(matrix.real, re), apply(-matrix.imag, im)), _add(apply(matrix.real, im), apply(matrix.imag, re))

    @staticmethod
    def _imag(x, index):
        return select(jnp.imag(x), index) if jnp.iscomplexobj(x) else None


def _add(a, b):
    return b if a is None else a if b is None else a + b


def _times(phase, z):
    """phase (complex scalar) times (re, im)."""
    re, im = z
    pr, pi = jnp.real(phase), jnp.imag(phase)
    scaled = lambda c, v: None if v is None else c * v  # noqa: E731
    return _add(scaled(pr, re), scaled(-pi, im)), _add(scaled(pr, im), scaled(pi, re))


def _plus(*terms):
    """Sum of pairs (re, im)."""
    re = im = None
    for r, i in terms:
        re, im = _add(re, r), _add(im, i)
    return re, im


def contract_nodes(
    process: Process,
    forms: Sequence[str],
    kind: str,
    lay: tuple[Component, ...],
    n,
    n_bar,
    mixing: Mixing | None = None,
):
    r"""Real kernels of the forms on the nodes: (rows, O, P, n); rows: Standard Model, :func:`constant rows <rows>`, light rows.

    kind: see :func:`contract`.
    """
    sums = _Sums(process, forms)
    every = tuple(range(process.s.shape[0]))
    zero = jnp.zeros((len(forms), *process.s.shape[1:]))
    # (phase of a component, vector of its operator, where it is not zero, Standard Model) of the left and the right vector of a
    # product
    sides: list[tuple[Any, Any, Any]] = []

    def side(bar: bool, partner: Mixing | None = None):
        norm = n_bar if bar else n
        s, factor = (process.s_bar if bar else process.s), 1.0
        if partner is not None:
            s = partner.n_ratio * jnp.asarray(partner.sign)[:, None, None] * take(s, partner.partner)
            factor = partner.n_ratio

        def component(c: Component):
            phase = factor * _phase(c.part, bar) / (norm if c.source >= 0 else 1.0)
            u, where = process.u.get(c.op), process.support.get(c.op, every)
            if u is None:
                return phase, None, ()
            if partner is not None:
                where = tuple(a for a in every if partner.partner[a] in where)
                u = jnp.asarray(partner.sign)[:, None, None] * take(u, partner.partner)
            return phase, u, where

        return s, [component(c) for c in lay]

    direct = side(False)
    if kind in ("cos", "sin"):
        tilde = side(True, mixing)
        i = 1.0 if kind == "cos" else 1.0j
        sides = [(i, tilde, direct), (np.conj(i), direct, tilde)]
    elif kind in ("decay", "twice"):
        sides = [(2.0 if kind == "twice" else 1.0, direct, direct)]
    elif kind == "conjugate":
        bar = side(True)
        sides = [(1.0, bar, bar)]
    else:
        bar = side(True)
        sides = [(1.0, direct, direct), (1.0 if kind == "sum" else -1.0, bar, bar)]

    def linear(r, antisymmetric):
        """Re(G_r0 + G_0r), or -Im(G_r0 - G_0r)."""
        out: list[Any] = []
        for factor, (s_l, left), (s_r, right) in sides:
            p, u, where = left[r]
            if u is not None:
                out.append(_times(factor * p, memo(u, where, s_r, every)))
            p, u, where = right[r]
            if u is not None:
                g = _times(factor * jnp.conj(p), memo(s_l, every, u, where))
                out.append((None if g[0] is None else -g[0], None if g[1] is None else -g[1]) if antisymmetric else g)
        re, im = _plus(*out)
        return (None if im is None else -im) if antisymmetric else re

    cache: dict[tuple, Any] = {}

    def memo(x, in_x, y, in_y):
        key = (id(x), id(y))
        if key not in cache:
            cache[key] = (sums(x, in_x, y, in_y), x, y)  # keeps x, y alive: their ids stay unique
        return cache[key][0]

    def pair(r, t, antisymmetric):
        out = []
        for first, second, sign in ((r, t, 1.0), (t, r, -1.0 if antisymmetric else 1.0))[: 1 if r == t else 2]:
            for factor, (_, left), (_, right) in sides:
                p, u, where = left[first]
                p2, u2, where2 = right[second]
                if u is not None and u2 is not None:
                    out.append(_times(sign * factor * p * jnp.conj(p2), memo(u, where, u2, where2)))
        re, im = _plus(*out)
        return (None if im is None else -im) if antisymmetric else re

    result = [_plus(*[_times(jnp.asarray(f), memo(left[0], every, right[0], every)) for f, left, right in sides])[0]]
    for row in _constant_rows(lay):
        result.append(linear(row[0], False) if len(row) == 1 else pair(row[0], row[-1], False))
    for name, r, t in _light_rows(lay):
        antisymmetric = name in ("im", "xim")
        result.append(linear(r, antisymmetric) if t is None else pair(r, t, antisymmetric))
    return jnp.stack([zero if x is None else x for x in result])


def point_integrals(
    process: Process,
    forms: Sequence[str],
    kind: str,
    c: Coefficients,
    q2,
    w,
    weights: Weights | None,
    n,
    n_bar,
    mixing: Mixing | None = None,
):
    r"""Panel integrals of the forms at one point, (O, P), without tables: for inputs that change with every point.

    The same as :func:`contract` and :func:`evaluate` for coefficients with B = 1 and at most one light mediator, whose components
    are added before products are formed.  q2, w (P, n); weights: (P, n, 1) each, of the mediator; kind: see :func:`contract`.
    """
    sums = _Sums(process, forms)
    every = tuple(range(process.s.shape[0]))
    source, light = next(((i, x) for i, x in enumerate(c.light) if x), (0, {}))
    strong = next((x for x in c.strong if x), {})
    where = tuple(sorted({a for op in light if op in process.u for a in process.support.get(op, every)}))

    def side(bar: bool, partner: Mixing | None = None):
        norm, s = (n_bar, process.s_bar) if bar else (n, process.s)
        turn = jnp.conj if bar else lambda z: z
        for op, value in c.constants.items():
            if op in process.u:
                s = s + turn(value[0]) * process.u[op]
        resonant = None
        for part, entries, absorptive in ((1.0, light, False), (1.0j, strong, True)):
            for op in entries:
                if op in process.u:
                    term = part * turn(c.coupling(source, op, q2, absorptive)) / norm * process.u[op]
                    resonant = term if resonant is None else resonant + term
        support = where
        if partner is not None:
            sign = partner.n_ratio * jnp.asarray(partner.sign)[:, None, None]
            s = sign * take(s, partner.partner)
            support = tuple(a for a in every if partner.partner[a] in where)
            resonant = None if resonant is None else sign * take(resonant, partner.partner)
        return s, resonant, support

    direct = side(False)
    if kind in ("cos", "sin"):
        tilde, i = side(True, mixing), 1.0 if kind == "cos" else 1.0j
        pairs = [(i, tilde, direct), (np.conj(i), direct, tilde)]
    elif kind in ("decay", "twice"):
        pairs = [(2.0 if kind == "twice" else 1.0, direct, direct)]
    else:
        bar = side(True)
        pairs = [(1.0, direct, direct), (1.0 if kind == "sum" else -1.0, bar, bar)]
        if kind == "conjugate":
            pairs = [(1.0, bar, bar)]
    out: Any = 0.0
    for factor, (s_l, l_l, in_l), (s_r, l_r, in_r) in pairs:
        f = jnp.asarray(factor)
        terms = [(_times(f, sums(s_l, every, s_r, every))[0], w)]
        if l_l is not None and weights is not None:
            re, im, sq = (x[..., 0] for x in weights)
            for g, sign in (
                (_times(f, sums(l_l, in_l, s_r, every)), -1.0),
                (_times(f, sums(s_l, every, l_r, in_r)), 1.0),
            ):
                terms += [(g[0], re), (g[1], sign * im)]
            terms.append((_times(f, sums(l_l, in_l, l_r, in_r))[0], sq))
        for value, weight in terms:
            if value is not None:
                out = out + jnp.sum(value * weight, axis=-1)
    return jnp.broadcast_to(out, (len(forms), q2.shape[0]))


def to_table(g, lay, w, sums) -> Table:
    """Kernels (rows, O, P, n) of :func:`contract_nodes` -> :class:`Table`; w (P, n) weights over dq, sums (S, P)."""
    n_c = 1 + len(_constant_rows(lay))
    binned = jnp.einsum("rop,sp->osr", jnp.sum(g[:n_c] * w, axis=-1), sums, precision="highest")
    _, o, p, nodes = g.shape
    # as in rows: the rows of one weight together, nodes first
    light, start = [jnp.zeros((p, o, 0), g.dtype)], n_c
    for count in _group_sizes(lay):
        light.append(jnp.transpose(g[start : start + count], (2, 1, 3, 0)).reshape(p, o, nodes * count))
        start += count
    together = jnp.concatenate(light, axis=-1)
    return Table(binned[..., 0], binned[..., 1:], together, jnp.swapaxes(together, 1, 2))


def contract(
    process: Process,
    outputs: Sequence[tuple[str, str]],
    lay: tuple[Component, ...],
    w,
    sums,
    n,
    n_bar,
    mixing: Mixing | None = None,
) -> Table:
    r"""Contract the amplitudes of one decay into real quadratic forms.

    outputs: pairs (form, kind); kind is "sum" (J + J_bar), "difference" (J - J_bar), "decay" (J), "twice" (2 J), "conjugate"
    (J_bar) or, with ``mixing``, "cos" and "sin": interference such that h = cos(phi) h_cos + sin(phi) h_sin belongs to
    X Y^* -> e^{i phi} X~ Y^* + e^{-i phi} X Y~^* (arXiv:1502.05509 eqs. 14, 15).
    w: (P, n) weights over dq; sums: (S, P) adds panels to bins; n, n_bar: normalisation of the effective Hamiltonian.
    """
    parts, order = [], []
    for kind in dict.fromkeys(kind for _, kind in outputs):
        mine = [i for i, (_, k) in enumerate(outputs) if k == kind]
        parts.append(contract_nodes(process, [outputs[i][0] for i in mine], kind, lay, n, n_bar, mixing))
        order += mine
    return to_table(take(jnp.concatenate(parts, axis=1), np.argsort(order), axis=1), lay, w, sums)


class Rows(NamedTuple):
    """What a point contributes: constant (Rc, B); light: arrays (P, n, R, B), the rows of one weight each, in the order of the
    table; empty without mediators."""

    constant: jax.Array
    light: tuple[jax.Array, ...]


def pad(poly, k: int, first: int = 0):
    """A polynomial (K, ...) with zeros up to k coefficients, ``first`` of them in front."""
    if poly.shape[0] == k:
        return poly
    return jnp.pad(poly, ((first, k - first - poly.shape[0]), *((0, 0),) * (poly.ndim - 1)))


def rows(c: Coefficients, lay, q2=None, weights: Sequence[Weights | None] = (), cross=None, keep=None) -> Rows:
    """Products of coefficients and propagators, shared by all decays to the same leptons.

    q2: (P, n) nodes in GeV^2; weights: one :class:`~fipkernels.breit_wigner.Weights` per mediator; cross: for several mediators
    mapping (m, m') with m < m' -> (re, im) weights of 1/(D_m D_m'^*).  keep: which of the rows with propagators; default all.
    """
    values = [_value(c, comp) for comp in lay]
    const = [values[r[0]] if len(r) == 1 else values[r[0]] * values[r[1]] for r in _constant_rows(lay)]
    constant = jnp.stack(jnp.broadcast_arrays(*const)) if const else jnp.zeros((0, 1))
    known = dict(c.lowest)
    lowest = [known.get((comp.source, comp.op), 0) for comp in lay]
    groups: dict[tuple, list] = {}
    for number, row in enumerate(_light_rows(lay)):
        if keep is not None and number not in keep:
            continue
        _, i, j = row
        # polynomials are multiplied before they are evaluated on the nodes
        partner = None if j is None else values[j] if lay[j].source >= 0 else values[j][None]
        product = values[i] if partner is None else multiply(values[i], partner)
        groups.setdefault(_weight_key(lay, row), []).append((lowest[i] + (0 if j is None else lowest[j]), product))
    light = []
    for (kind, first, second), polys in groups.items():
        start, b = min(k for k, _ in polys), max(p.shape[1] for _, p in polys)
        stop = max(k + p.shape[0] for k, p in polys)
        stacked = [jnp.broadcast_to(pad(p, stop - start, k - start), (stop - start, b)) for k, p in polys]
        factor = once(jnp.stack(stacked, axis=1))  # (K, R, B)
        weight = getattr(weights[first], kind) if second < 0 else cross[first, second][kind == "xim"]
        if start:
            weight = weight * jnp.asarray(np.asarray(q2) ** start, weight.dtype)[..., None]
        light.append(_times_weight(factor, weight, np.asarray(q2)))
    return Rows(constant, tuple(light))


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _times_weight(factor, weight, q2):
    """Polynomials factor (K, R, B) at q2 (P, n), times a weight (P, n, B) -> (P, n, R, B)."""
    return evaluate_polynomial(factor[:, None, None], jnp.asarray(q2, weight.dtype)[..., None, None]) * weight[:, :, None]


@_times_weight.defjvp
def _times_weight_jvp(q2, primals, tangents):
    (factor, weight), (d_factor, d_weight) = primals, tangents
    k, r, b = factor.shape
    # The reverse pass is then sums of rows, one after the other, and a matrix (flat nodes) times what is in memory.  A division,
    # so that the sum is done once
    d_weight = d_weight / jnp.where(weight == weight, 1.0, 2.0)
    powers = np.stack([q2.ravel() ** i for i in range(k)], axis=-1)
    moved = [d_weight * jnp.asarray(x.reshape(*q2.shape, 1), weight.dtype) for x in powers.T]
    turned = jnp.stack([sum(f * m for f, m in zip(factor[:, i], moved, strict=True)) for i in range(r)], axis=2)
    d_poly = jnp.matmul(jnp.asarray(powers, weight.dtype), d_factor.reshape(k, r * b), precision="highest")
    return _times_weight(factor, weight, q2), turned + d_poly.reshape(*q2.shape, r, b) * weight[:, :, None]


@jax.custom_jvp
def per_panel(light, turned, rows: Sequence[jax.Array]):
    """Terms with propagators, panel by panel: light (P, O, n Rl) times the rows -> (P, O, B).

    turned: (P, n Rl, O), the same table for the reverse pass, which is a product along memory with it.
    """
    return _sum_of_products("pok,pkb->pob", light, rows, 2)


def _sum_of_products(path, table, rows, axis):
    """Sum over the weights of a table, cut along an axis, times the rows (P, n, R, B)."""
    out = None
    pieces = jax.lax.split(table, [x.shape[1] * x.shape[2] for x in rows], axis=axis)
    for t, x in zip(pieces, rows, strict=True):
        out = _add(out, jnp.einsum(path, t, x.reshape(x.shape[0], -1, x.shape[3]), precision="highest"))
    return out


@per_panel.defjvp
def _per_panel_jvp(primals, tangents):
    light, turned, rows = primals
    d_light, _, d_rows = tangents
    moved = _sum_of_products("pko,pkb->pob", turned, d_rows, 1) + _sum_of_products("pok,pkb->pob", d_light, rows, 2)
    return per_panel(light, turned, rows), moved


def constant_part(table: Table, r: Rows):
    """Standard Model and constant coefficients: (O, S, B)."""
    out = table.sm[..., None]
    if r.constant.shape[0]:
        out = out + jnp.einsum("osr,rb->osb", table.constant, r.constant, precision="highest")
    return out


def light_part(table: Table, rows, sums):
    """:func:`per_panel` added to bins by sums (S, P) -> (O, S, B)."""
    return add_panels(sums, per_panel(table.light, table.turned, rows))


def add_panels(sums, x):
    """Panels x (P, O, B) added to bins by sums (S, P) -> (O, S, B)."""
    # one plain matrix product: nothing is moved in memory before it
    flat = jnp.matmul(sums, x.reshape(x.shape[0], -1), precision="highest")
    return jnp.swapaxes(flat.reshape(-1, *x.shape[1:]), 0, 1)


def evaluate(table: Table, r: Rows, sums):
    """All outputs in all bins, (O, S, B), for a decay on its own panels; sums: (S, P)."""
    out = constant_part(table, r)
    return out + light_part(table, r.light, sums) if r.light else out
