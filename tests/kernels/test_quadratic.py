"""Contracted quadratic forms against the direct sum over nodes of Re sum M_ab H_a H_b^*."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import breit_wigner as bw
from fipkernels import quadratic

A, P, S, B = 4, 5, 3, 4
N, N_BAR = -0.8 + 0.3j, -0.7 - 0.35j
KINDS = ("sum", "difference", "decay", "twice", "conjugate", "cos", "sin")
MIXING = quadratic.Mixing((1, 0, 2, 3), (1.0, 1.0, 1.0, -1.0), N_BAR / N)
# where the amplitudes of an operator are not zero; "10" has no entry: everywhere
SUPPORT = {"9": (0, 1, 2), "9p": (0, 1, 2), "S": (3,)}
WIDTHS = [
    SimpleNamespace(mass=jnp.array([1.2, 1.4, 3.0, 0.3]), width=jnp.array([0.1, 1e-6, 0.5, 0.0]), scheme="sqrt_q2"),
    SimpleNamespace(mass=jnp.array([2.0, 1.4, 0.7, 8.0]), width=jnp.array([0.2, 0.3, 1e-3, 1.0]), scheme="constant"),
]


def random_complex(rng, *shape):
    return jnp.asarray(rng.normal(size=shape) + 1j * rng.normal(size=shape))


def make(nodes):
    """Random amplitudes and forms on random nodes (P, nodes); every kind of coefficient and number."""
    rng = np.random.default_rng(nodes)
    q = np.sort(rng.uniform(0.3, 4.5, (P, nodes)), axis=0)
    u = {}
    for op in ("9", "9p", "10", "S"):
        mask = np.zeros((A, 1, 1))
        mask[list(SUPPORT.get(op, range(A)))] = 1.0
        # "9" real, as in the decays; the others complex
        value = jnp.asarray(rng.normal(size=(A, P, nodes))) if op == "9" else random_complex(rng, A, P, nodes)
        u[op] = value * mask
    real, other = jnp.asarray(rng.normal(size=(P, nodes))), jnp.asarray(rng.normal(size=(P, nodes)))
    cplx = random_complex(rng, P, nodes)
    forms = {
        "diagonal": ((0, 0, real), (1, 1, real, 2.0), (2, 2, other, -0.5), (3, 3, other)),
        "one": ((3, 3, other),),
        "phases": ((0, 1, cplx), (1, 2, real, 1.0j), (3, 0, cplx, 0.3 - 2.0j), (2, 2, cplx)),
        "column": ((0, 3, jnp.ones((P, 1)), 1.0 - 1.0j), (1, 3, real, -1.0)),
    }
    s, s_bar = random_complex(rng, A, P, nodes), random_complex(rng, A, P, nodes)
    return quadratic.Process(s, s_bar, u, forms, dict(SUPPORT)), q, rng.uniform(size=(S, P))


def polynomial(rng, powers, cplx):
    return random_complex(rng, powers, B) if cplx else jnp.asarray(rng.normal(size=(powers, B)))


def coefficients(constants, *mediators, strong=(), lowest=()):
    """constants: operator -> complex?; mediators, strong: operator -> (powers of q^2, complex?); lowest: of Coefficients."""
    rng = np.random.default_rng(5)
    light, absorptive = (
        tuple({op: polynomial(rng, *x) for op, x in m.items()} for m in entries) for entries in (mediators, strong)
    )
    return quadratic.Coefficients({op: polynomial(rng, 1, c)[0] for op, c in constants.items()}, light, absorptive, lowest)


CASES = {
    "standard model": coefficients({}),
    "real constants": coefficients({"9": False, "10": False}),
    "complex constants": coefficients({"9": True, "S": True, "10": False}),
    "one real mediator": coefficients({}, {"9": (1, False), "10": (3, False)}),
    "one complex mediator": coefficients({"9p": True, "10": False}, {"9": (2, True), "S": (1, True)}),
    "operator that the decay does not have": coefficients({"7": True, "9": False}, {"9": (1, True), "7": (2, False)}),
    "two mediators": coefficients({"10": True}, {"9": (2, False), "9p": (1, True)}, {"9": (1, True), "10": (2, False)}),
    "strong phase": coefficients({"9": False}, {"9": (2, False)}, strong=[{"9": (3, False)}]),
    "strong and weak phases, two mediators": coefficients(
        {"10": True}, {"9": (2, True), "10": (1, False)}, {"9p": (1, True)}, strong=[{"9": (3, True)}, {"9p": (2, True)}]
    ),
    "powers that start higher": coefficients(
        {"S": True}, {"9": (1, True), "10": (2, False)}, strong=[{"9": (2, False)}], lowest=(((0, "9"), 2), ((0, "10"), 1))
    ),
    "powers that start higher, two mediators": coefficients(
        {"10": False}, {"9": (1, True)}, {"9": (1, False), "10": (1, True)}, lowest=(((1, "9"), 1), ((1, "10"), 1))
    ),
    "two mediators, one without couplings": coefficients({"9": False}, {}, {"10": (2, True)}),
}


def amplitudes(process, c, q, bar, xp):
    """H_a (A, P, n, B) or, of the CP conjugate, with conjugated couplings, constants and N."""
    turn = xp.conj if bar else lambda x: x
    h = (process.s_bar if bar else process.s)[..., None]
    x = (q * q)[..., None]
    for op, value in c.constants.items():
        if op in process.u:
            h = h + turn(value) * process.u[op][..., None]
    lowest = dict(c.lowest)
    for phase, source, entries in [(1.0, *z) for z in enumerate(c.light)] + [(1.0j, *z) for z in enumerate(c.strong)]:
        m = WIDTHS[source]
        mass, width = np.asarray(m.mass), np.maximum(m.width, bw.GAMMA_FLOOR * m.mass)
        d = x - mass**2 + 1j * width * (q[..., None] if m.scheme == "sqrt_q2" else mass)
        for op, poly in entries.items():
            if op in process.u:
                coupling = phase * sum(turn(a) * x ** (k + lowest.get((source, op), 0)) for k, a in enumerate(poly))
                h = h + coupling / ((N_BAR if bar else N) * d) * process.u[op][..., None]
    return h


def pairs(h, h_bar, kind, mixing=MIXING):
    """(factor, X, Y) such that the integrand is Re sum factor M_ab X_a Y_b^*."""
    if kind in ("cos", "sin"):
        sign = np.asarray(mixing.sign)[:, None, None, None]
        tilde = mixing.n_ratio * sign * h_bar[np.array(mixing.partner)]
        # X Y^* -> e^{i phi} X~ Y^* + e^{-i phi} X Y~^*: the parts with cos(phi) and sin(phi)
        return [(1.0, tilde, h), (1.0, h, tilde)] if kind == "cos" else [(1j, tilde, h), (-1j, h, tilde)]
    direct, bar = (1.0, h, h), (1.0, h_bar, h_bar)
    return {
        "sum": [direct, bar],
        "difference": [direct, (-1.0, h_bar, h_bar)],
        "decay": [direct],
        "twice": [direct, direct],
        "conjugate": [bar],
    }[kind]


def direct(process, c, q, w, sums, outputs, xp=np):
    """The sum over nodes, (O, S, B), and the sum of the moduli of its terms; xp: numpy, or jax.numpy for derivatives."""
    if xp is np:
        process, c = jax.tree.map(np.asarray, (process, c))
    h, h_bar = (amplitudes(process, c, q, bar, xp) for bar in (False, True))
    out, size = [], []
    for form, kind in outputs:
        terms = [
            (number[0] if number else 1.0) * factor * (coef * w)[..., None] * x[a] * xp.conj(y[b])
            for factor, x, y in pairs(h, h_bar, kind)
            for a, b, coef, *number in process.forms[form]
        ]
        out.append(xp.einsum("sp,pnb->sb", sums, xp.real(sum(terms))))
        size.append(xp.einsum("sp,pnb->sb", sums, sum(xp.abs(t) for t in terms)))
    return xp.stack(out), xp.stack(size)


def point_weights(c, q):
    """Weights of the active mediators: 1/D at the nodes, with the measure 1/(2q) of w."""
    m = WIDTHS[: len(c.light)]
    weights = [bw.point_weights(q, x.mass, x.width, x.scheme) if entry else None for x, entry in zip(m, c.light, strict=True)]
    return weights, bw.cross_point_weights_all(q, m)


def contracted(process, c, q, sums, outputs):
    lay = quadratic.layout(c)
    table = quadratic.contract(process, outputs, lay, jnp.asarray(0.5 / q), jnp.asarray(sums), N, N_BAR, MIXING)
    return quadratic.evaluate(table, quadratic.rows(c, lay, q * q, *point_weights(c, q)), jnp.asarray(sums))


@pytest.mark.parametrize("case,nodes", [*((case, 2) for case in CASES), ("two mediators", 1)])
def test_against_the_direct_sum(case, nodes):
    """All kinds and forms; 1e-12 of the sum of moduli: rounding of some hundred terms."""
    process, q, sums = make(nodes)
    outputs = [(f, k) for f in process.forms for k in KINDS]
    got = contracted(process, CASES[case], q, sums, outputs)
    want, size = direct(process, CASES[case], q, 0.5 / q, sums, outputs)
    assert got.shape[:2] == want.shape[:2]
    error = np.abs(np.asarray(got) - want) / size
    assert error.max() < 1e-12, [o for o, e in zip(outputs, error, strict=True) if e.max() >= 1e-12]


@pytest.mark.parametrize("case", ["one complex mediator", "two mediators", "powers that start higher"])
def test_gradient(case):
    """Derivatives with respect to all coefficients: those of the direct sum, and finite where couplings vanish."""
    process, q, sums = make(2)
    outputs = [("diagonal", "sum"), ("phases", "difference"), ("column", "sin")]
    weights = np.random.default_rng(2).normal(size=(3, S, B))
    c = CASES[case]

    def of(function):
        return jax.grad(lambda x: jnp.sum(weights * function(x)))

    got = of(lambda x: contracted(process, x, q, sums, outputs))(c)
    want = of(lambda x: direct(process, x, q, 0.5 / q, sums, outputs, jnp)[0])(c)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        # rounding, of derivatives that cancel to a hundredth of their terms
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10 * np.abs(b).max())
    zero = of(lambda x: contracted(process, x, q, sums, outputs))(jax.tree.map(jnp.zeros_like, c))
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(zero))


def test_gradient_with_respect_to_mass_and_width():
    """Through the weights of a narrow state in the middle of the nodes: finite, and that of the direct sum."""
    process, q, sums = make(2)
    c, lay = CASES["one complex mediator"], quadratic.layout(CASES["one complex mediator"])
    outputs = [("diagonal", "sum"), ("phases", "sum")]
    table = quadratic.contract(process, outputs, lay, jnp.asarray(0.5 / q), jnp.asarray(sums), N, N_BAR)

    def total(mass, width):
        weights = (bw.point_weights(q, mass, width),)
        return jnp.sum(quadratic.evaluate(table, quadratic.rows(c, lay, q * q, weights), jnp.asarray(sums)))

    mass, width = jnp.array([1.2, 1.4, 3.0, 0.3]), jnp.array([0.1, 1e-4, 0.5, 0.01])
    for got, i in zip(jax.grad(total, (0, 1))(mass, width), (0, 1), strict=True):
        assert np.isfinite(got).all()
        step = 1e-6 * np.asarray(width)
        for b in range(B):
            e = jnp.zeros(B).at[b].set(step[b])
            up, down = ((mass + x, width) if i == 0 else (mass, width + x) for x in (e, -e))
            number = (total(*up) - total(*down)) / (2 * step[b])
            # 1e-4: rounding of 1e-16 of the total over a step of 1e-6 Gamma
            assert float(got[b]) == pytest.approx(float(number), rel=1e-4, abs=1e-9 * abs(float(total(mass, width))) / step[b])


@pytest.mark.parametrize(
    "case", ["standard model", "complex constants", "one complex mediator", "one real mediator", "powers that start higher"]
)
def test_one_point_without_tables(case):
    """Straight from the amplitudes at one point: the same panel integrals."""
    process, q, _ = make(2)
    for b in (0, 3):
        c = jax.tree.map(lambda x, b=b: x[..., b : b + 1], CASES[case])
        weights, _ = point_weights(CASES[case], q)
        light = bw.Weights(*(x[..., b : b + 1] for x in weights[0])) if weights else None
        for kind in KINDS:
            forms = tuple(process.forms)
            got = quadratic.point_integrals(process, forms, kind, c, q * q, 0.5 / q, light, N, N_BAR, MIXING)
            want, size = direct(process, CASES[case], q, 0.5 / q, np.eye(P), [(f, kind) for f in forms])
            b_or_0 = min(b, want.shape[-1] - 1)
            assert np.max(np.abs(got - want[..., b_or_0]) / size[..., b_or_0]) < 1e-12, kind


def test_support_is_only_a_saving():
    """Leaving the support out changes nothing."""
    process, q, sums = make(2)
    outputs = [(f, k) for f in process.forms for k in ("sum", "cos")]
    full = quadratic.Process(process.s, process.s_bar, process.u, process.forms)
    a, b = (contracted(p, CASES["two mediators"], q, sums, outputs) for p in (process, full))
    np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12 * np.abs(a).max())


def test_rows_that_vanish():
    """Tables without the rows that are zero everywhere: fewer numbers, the same integrals.  Complex couplings of one vector
    have some: the interference of a real with an imaginary part in a sum over CP conjugates."""
    process, q, sums = make(2)
    c = CASES["one complex mediator"]
    real = quadratic.Process(process.s.real, process.s_bar.real, {k: u.real for k, u in process.u.items()}, process.forms)
    lay, outputs = quadratic.layout(c), [("diagonal", "sum"), ("one", "sum")]
    table = quadratic.contract(real, outputs, lay, jnp.asarray(0.5 / q), jnp.asarray(sums), N, np.conj(N))
    keep = quadratic.used_rows(lay, 2, [table.light])
    assert 0 < len(keep) < quadratic.light_rows(lay)
    light = quadratic.keep_rows(lay, 2, table.light, keep)
    short = quadratic.Table(table.sm, table.constant, light, np.swapaxes(light, 1, 2))
    weights, _ = point_weights(c, q)
    want = quadratic.evaluate(table, quadratic.rows(c, lay, q * q, weights), jnp.asarray(sums))
    rows = quadratic.rows(c, lay, q * q, weights, keep=keep)
    assert sum(x.shape[2] for x in rows.light) == len(keep)
    got = quadratic.evaluate(short, rows, jnp.asarray(sums))
    np.testing.assert_allclose(got, want, rtol=1e-13)


def test_products_with_the_turned_table():
    """Derivatives in both modes and in every argument; the reverse pass multiplies by the turned table."""
    rng = np.random.default_rng(4)
    light, d = (jnp.asarray(rng.normal(size=(2, 3, 10))) for _ in range(2))
    rows = tuple(jnp.asarray(rng.normal(size=(2, 2, r, 4))) for r in (2, 3))
    turned = jnp.swapaxes(light, 1, 2)
    flat = jnp.concatenate([x.reshape(2, -1, 4) for x in rows], axis=1)
    np.testing.assert_allclose(quadratic.per_panel(light, turned, rows), jnp.matmul(light, flat), rtol=1e-13)
    check_grads(lambda x: quadratic.per_panel(light, turned, x), (rows,), order=2, rtol=1e-6)
    _, change = jax.jvp(lambda t: quadratic.per_panel(t, turned, rows), (light,), (d,))
    np.testing.assert_allclose(change, jnp.matmul(d, flat), rtol=1e-12)


def test_layout():
    """One component per real coefficient, two per complex one; constants first, then the mediators in order."""
    c = coefficients({"S": False, "9": True}, {"10": (1, True)}, {"9": (2, False)})
    assert [tuple(x) for x in quadratic.layout(c)] == [
        ("9", -1, 0),
        ("9", -1, 1),
        ("S", -1, 0),
        ("10", 0, 0),
        ("10", 0, 1),
        ("9", 1, 0),
    ]


def test_polynomials():
    rng = np.random.default_rng(3)
    a, b = random_complex(rng, 3, B), random_complex(rng, 2, B)
    product = quadratic.multiply(a, b)
    for i in range(B):
        np.testing.assert_allclose(product[:, i], np.polynomial.polynomial.polymul(a[:, i], b[:, i]), rtol=1e-14)
    x = jnp.asarray(rng.normal(size=B))
    got = quadratic.evaluate_polynomial(product, x)
    np.testing.assert_allclose(got, quadratic.evaluate_polynomial(a, x) * quadratic.evaluate_polynomial(b, x), rtol=1e-13)


def test_a_process_is_a_pytree_with_shared_coefficients():
    """Arrays are leaves, each coefficient once, and everything comes back."""
    process, _, _ = make(1)
    leaves, structure = jax.tree.flatten(process)
    # s, s_bar, four operators, four distinct coefficients
    assert len(leaves) == 2 + 4 + 4
    back = jax.tree.unflatten(structure, leaves)
    assert back.support == process.support and list(back.forms) == list(process.forms)
    assert back.forms["diagonal"][0][2] is back.forms["column"][1][2]
    jitted = jax.jit(lambda p: p)(process)
    for form, terms in process.forms.items():
        for x, y in zip(terms, jitted.forms[form], strict=True):
            np.testing.assert_array_equal(x[2], y[2])
            assert x[:2] == y[:2] and (x[3] if len(x) > 3 else 1.0) == y[3]
