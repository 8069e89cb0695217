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
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fipkernels.breit_wigner import Weights


@dataclass
class Process:
    """The amplitudes of one decay on nodes q of shape (P, n).

    s, s_bar: (A, P, n) complex, Standard-Model amplitudes and their CP conjugates.
    u: operator -> (A, P, n), the coefficient of C_o (no weak phases); operators that do not contribute are left out.
    forms: name -> tuple of (a, b, coef) or (a, b, coef, number): the integrand over dq is Re sum number coef H_a H_b^*; coef (P, n)
    real or complex (one array may serve many terms), number a Python scalar, real or complex.
    """

    s: Any
    s_bar: Any
    u: dict[str, Any]
    forms: dict[str, tuple]


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
    return (p.s, p.s_bar, p.u, arrays), tuple(terms.items())


def _unflatten(aux, children):
    s, s_bar, u, arrays = children
    return Process(s, s_bar, u, {k: tuple((a, b, arrays[j], c) for a, b, j, c in terms) for k, terms in aux})


jax.tree_util.register_pytree_node(Process, _flatten, _unflatten)


class Component(NamedTuple):
    """One real component of a Wilson coefficient: operator, source (-1: constant, else index of the mediator), part (0: real,
    1: imaginary)."""

    op: str
    source: int
    part: int


class Coefficients(NamedTuple):
    """Wilson coefficients of one lepton flavour, new physics only.

    constants: operator -> (B,) real or complex.  light: one mapping operator -> (K, B) per mediator, polynomials in q^2
    (lowest power first), the product of the b-s and lepton couplings; real or complex (b-s weak phase).
    """

    constants: dict[str, jax.Array]
    light: tuple[dict[str, jax.Array], ...] = ()


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
    for source, entries in ((-1, c.constants), *enumerate(c.light)):
        for op in sorted(entries):
            out.append(Component(op, source, 0))
            if jnp.iscomplexobj(entries[op]):
                out.append(Component(op, source, 1))
    return tuple(out)


def _value(c: Coefficients, comp: Component):
    entry = c.constants[comp.op] if comp.source < 0 else c.light[comp.source][comp.op]
    return jnp.imag(entry) if comp.part else jnp.real(entry)


def _constant_rows(lay):
    """Rows of the form that need no propagator: (r,) linear, (r, r') quadratic; indices into the layout."""
    idx = [i for i, c in enumerate(lay) if c.source < 0]
    return [(i,) for i in idx] + [(i, j) for k, i in enumerate(idx) for j in idx[k:]]


def _light_rows(lay):
    """Rows that do: (kind, r, r' or None), kind 're', 'im', 'sq', or ('x', m, m') for two mediators (real, then imaginary)."""
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
    return rows


class Table(NamedTuple):
    """Contracted forms of one decay, for O outputs and S bins; see :func:`contract`.

    sm: (O, S); constant: (O, S, Rc); light: (P, O, n Rl) on the decay's own panels.
    """

    sm: jax.Array
    constant: jax.Array
    light: jax.Array


class Mixing(NamedTuple):
    """How the CP-conjugate amplitudes of a neutral meson interfere with the direct ones.

    partner, sign: (A,) amplitude a interferes with sign[a] * (conjugate amplitude partner[a]).
    n_ratio: N_bar/N (complex), the weak phase that is not part of the amplitudes.
    """

    partner: tuple[int, ...]
    sign: tuple[float, ...]
    n_ratio: Any


def _forms(process: Process, outputs, direct, bar, tilde):
    """sum_ab M_ab left[r, a] conj(right[r', b]) of every output: (O, 1 + R, 1 + R, P, n) complex.

    Products of amplitudes are formed once for all outputs, which then are one constant matrix times these products: little code
    to compile, and no product is computed twice.
    """
    arrays, terms = _terms({f: process.forms[f] for f, _ in outputs})
    stack = jnp.stack([jnp.broadcast_to(x, direct.shape[2:]) for x in arrays])
    parts, order = [], []
    for kind in dict.fromkeys(kind for _, kind in outputs):
        mine = [i for i, (_, k) in enumerate(outputs) if k == kind]
        triples = sorted({t[:3] for i in mine for t in terms[outputs[i][0]]})
        a, b, j = (np.array(x) for x in zip(*triples, strict=True))
        matrix = np.zeros((len(mine), len(triples)), complex)
        for row, i in enumerate(mine):
            for *triple, number in terms[outputs[i][0]]:
                matrix[row, triples.index(tuple(triple))] += number

        def product(left, right, a=a, b=b):
            return left[:, None, a] * jnp.conj(right[None, :, b])  # (1 + R, 1 + R, M, P, n)

        if kind in ("cos", "sin"):
            x, y = product(tilde, direct), product(direct, tilde)
            z = x + y if kind == "cos" else 1j * (x - y)
        elif kind in ("decay", "twice"):
            z = (2.0 if kind == "twice" else 1.0) * product(direct, direct)
        elif kind == "conjugate":
            z = product(bar, bar)
        else:
            x, y = product(direct, direct), product(bar, bar)
            z = x + y if kind == "sum" else x - y
        z = z * stack[j]
        parts.append(jnp.einsum("om,rsmpn->orspn", jnp.asarray(matrix), z, precision="highest"))
        order += mine
    return jnp.concatenate(parts)[np.argsort(order)]


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

    outputs: pairs (form, kind); kind is "sum" (J + J_bar), "difference" (J - J_bar), "decay" (J), "twice" (2 J), "conjugate" (J_bar) or, with ``mixing``,
    "cos" and "sin": J_bar-J interference such that h = cos(phi) h_cos + sin(phi) h_sin belongs to X Y^* -> e^{i phi} X~ Y^* +
    e^{-i phi} X Y~^* (arXiv:1502.05509 eqs. 14, 15).
    w: (P, n) weights over dq; sums: (S, P) adds panels to bins; n, n_bar: normalisation of the effective Hamiltonian.
    """
    zero = jnp.zeros_like(process.s)
    i_phase = (1.0, 1.0j), (1.0, -1.0j)

    def vectors(s, phases, norm):
        rows = [s]
        for c in lay:
            u = process.u.get(c.op)
            factor = phases[c.part] if c.source < 0 else phases[c.part] / norm
            rows.append(zero if u is None else factor * u)
        return jnp.stack(rows)  # (1 + R, A, P, n)

    direct = vectors(process.s, i_phase[0], n)
    bar = vectors(process.s_bar, i_phase[1], n_bar)
    if mixing is not None:
        sign = jnp.asarray(mixing.sign)[None, :, None, None]
        tilde = mixing.n_ratio * sign * bar[:, jnp.asarray(mixing.partner)]
    g = _forms(process, outputs, direct, bar, None if mixing is None else tilde)  # (O, 1 + R, 1 + R, P, n)
    add = lambda k: jnp.einsum("opn,pn,sp->os", k, w, sums, precision="highest")  # noqa: E731
    sm = add(jnp.real(g[:, 0, 0]))

    def symmetric(i, j):
        return jnp.real(g[:, i, i]) if i == j else jnp.real(g[:, i, j] + g[:, j, i])

    def pair(row):
        return (row[0] + 1, 0) if len(row) == 1 else (row[0] + 1, row[1] + 1)

    rows_c = _constant_rows(lay)
    if rows_c:
        i, j = (np.array(x) for x in zip(*(pair(r) for r in rows_c), strict=True))
        both = jnp.real(g[:, i, j] + g[:, j, i]) * jnp.asarray(np.where(i == j, 0.5, 1.0))[None, :, None, None]
        constant = jnp.einsum("orpn,pn,sp->osr", both, w, sums, precision="highest")
    else:
        constant = jnp.zeros((*sm.shape, 0), sm.dtype)
    kernels = []
    for kind, i, j in _light_rows(lay):
        a, b = i + 1, 0 if j is None else j + 1
        kernels.append(-jnp.imag(g[:, a, b] - g[:, b, a]) if kind in ("im", "xim") else symmetric(a, b))
    p, nodes = w.shape
    if kernels:
        light = jnp.transpose(jnp.stack(kernels), (2, 1, 3, 0)).reshape(p, len(outputs), nodes * len(kernels))
    else:
        light = jnp.zeros((p, len(outputs), 0), sm.dtype)
    return Table(sm, constant, light)


class Rows(NamedTuple):
    """What a point contributes: constant (Rc, B); light (P, n Rl, B) or None without mediators."""

    constant: jax.Array
    light: jax.Array | None


def rows(c: Coefficients, lay, q2=None, weights: Sequence[Weights | None] = (), cross=None) -> Rows:
    """Products of coefficients and propagators, shared by all decays to the same leptons.

    q2: (P, n) nodes in GeV^2; weights: one :class:`~fipkernels.breit_wigner.Weights` per mediator; cross: for several mediators
    mapping (m, m') with m < m' -> (re, im) weights of 1/(D_m D_m'^*).
    """
    values = [_value(c, comp) for comp in lay]
    const = [values[r[0]] if len(r) == 1 else values[r[0]] * values[r[1]] for r in _constant_rows(lay)]
    constant = jnp.stack(jnp.broadcast_arrays(*const)) if const else jnp.zeros((0, 1))
    spec = _light_rows(lay)
    if not spec:
        return Rows(constant, None)
    x = jnp.asarray(q2)[..., None]
    poly = {i: evaluate_polynomial(values[i][:, None, None, :], x) for i, comp in enumerate(lay) if comp.source >= 0}
    out = []
    for kind, i, j in spec:
        source = lay[i].source
        if kind in ("re", "im", "sq"):
            weight = getattr(weights[source], kind)
        else:
            weight = cross[source, lay[j].source][0 if kind == "xre" else 1]
        factor = poly[i]
        if j is not None:
            factor = factor * (poly[j] if j in poly else values[j])
        out.append(factor * weight)
    stacked = jnp.stack(out, axis=2)  # (P, n, Rl, B)
    return Rows(constant, stacked.reshape(stacked.shape[0], -1, stacked.shape[-1]))


def evaluate(table: Table, r: Rows, sums, panels=None):
    """All outputs in all bins: (O, S, B).

    sums: (S, P) of the decay's own panels; panels: their indices among the shared ones (static), None for all.
    """
    out = table.sm[..., None]
    if r.constant.shape[0]:
        out = out + jnp.einsum("osr,rb->osb", table.constant, r.constant, precision="highest")
    if r.light is not None:
        light = r.light if panels is None else r.light[panels]
        per_panel = jnp.einsum("pok,pkb->pob", table.light, light, precision="highest")
        out = out + jnp.einsum("sp,pob->osb", sums, per_panel, precision="highest")
    return out
