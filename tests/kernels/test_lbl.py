"""Lambda_b -> Lambda l l against flavio 2.7.1 (reference/lbl.json), free-quark decay and helicity amplitudes."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipkernels import lbl, quadratic

DATA = json.loads((Path(__file__).parent / "reference" / "lbl.json").read_text())
PAR = DATA["parameters"]
M_LB, M_L, M_MU = PAR["m_Lambdab"], PAR["m_Lambda"], PAR["m_mu"]
ALPHA = PAR["Lambda->ppi alpha_-"]
Q2 = np.array(DATA["q2"])[None]
MASSES = dict(m_lambda_b=M_LB, m_lambda=M_L, m_b=PAR["m_B+"], m_k=PAR["m_K+"])
ENDPOINT = M_LB - M_L


def array(pairs):
    return jnp.array([complex(*z) for z in pairs])[None]


def form_factors(q2, terms=2):
    return lbl.form_factors(q2, DATA["coefficients"], terms=terms, **MASSES)


def unit_form_factors(q2):
    return lbl.FormFactors(*[jnp.ones_like(q2)] * 8)


CENTRAL = dict(m_lambda_b=M_LB, m_lambda=M_L, m_l=M_MU, c7p=DATA["c7p"], c10=DATA["c10"])
CENTRAL |= dict(n_abs=PAR["n_abs"], m_b_run=PAR["m_b_run"])


def at_reference(**changes):
    effective = {k: array(DATA[k]) for k in ("c7", "c7_bar", "c9", "c9_bar")}
    return lbl.process(jnp.sqrt(Q2), ff=form_factors(Q2), **(CENTRAL | effective | changes))


def at(q, c7=-0.37 - 0.013j, c9=4.36 + 0.09j, ff=None, **changes):
    """Process with coefficients that depend neither on q^2 nor on weak phases."""
    one = jnp.ones_like(q)
    full = dict(c7=c7 * one, c7_bar=c7 * one, c9=c9 * one, c9_bar=c9 * one, ff=form_factors(q * q) if ff is None else ff)
    return lbl.process(q, **(CENTRAL | full | changes))


def evaluate(p, form, coefficients=None, bar=False):
    """Re sum number coef H_a H_b^* with H = s + sum C u."""
    h = p.s_bar if bar else p.s
    for op, value in (coefficients or {}).items():
        h = h + (np.conj(value) if bar else value) * p.u[op]
    return sum((number * coef * h[a] * h[b].conj()).real for a, b, coef, number in p.forms[form])


def all_k(p, coefficients=None, bar=False):
    """Every form, in numpy."""
    p = jax.tree.map(np.asarray, p)
    return {form: evaluate(p, form, coefficients, bar) for form in p.forms}


NP = {"9": -1.2 + 0.6j, "10": 0.8 - 0.4j, "9p": -0.6 - 0.7j, "10p": 0.5 + 0.9j}
DIPOLE = {"7": 0.1 - 0.2j, "7p": -0.15 + 0.1j}


@pytest.mark.parametrize("name", DATA["points"])
def test_reproduces_flavio(name):
    """All K of Lambda_b and of the conjugate decay; flavio's conjugate CKM factors are not exactly conjugate, hence its own |N|."""
    point = DATA["points"][name]
    shifts = {}
    if name == "subleading":
        s = {k: [complex(*z) for z in v] for k, v in DATA["subleading"].items()}
        shifts = dict(zip(("shift7", "shift9"), lbl.subleading(Q2, **s), strict=True))
    coefficients = {op: complex(*v) for op, v in point["C"].items()}
    for key, n_abs, bar in (("K", PAR["n_abs"], False), ("K_bar", PAR["n_abs_bar"], True)):
        p = at_reference(n_abs=n_abs, **shifts)
        got = all_k(p, coefficients, bar)
        for form, expected in point[key].items():
            expected = np.array(expected) / (ALPHA if form.startswith("K2") else 1.0)
            # 6e-13 from the cancellation (m_Lb - m_L)^2 - q^2 at q^2 = 20.28
            np.testing.assert_allclose((got[form] / (2 * np.sqrt(Q2)))[0], expected, rtol=1e-11, err_msg=f"{key} {form}")
        np.testing.assert_allclose(got["rate"], 2 * got["K1ss"] + got["K1cc"], rtol=1e-14)


def test_form_factors():
    names = dict(zip(lbl.FormFactors._fields, ("Vperp", "V0", "Aperp", "A0", "Tperp", "T0", "T5perp", "T50"), strict=True))
    ff = form_factors(Q2)
    for field, name in names.items():
        np.testing.assert_allclose(getattr(ff, field)[0], DATA["form_factors"]["f" + name], rtol=1e-13)
    # three terms against numpy's polynomials
    a = dict(DATA["coefficients"])
    a |= {"a0_fAperp": a["a0_fA0"], "a0_fT5perp": a["a0_fT50"]}
    ff = form_factors(Q2, terms=3)
    up, zero = np.sqrt((PAR["m_B+"] + PAR["m_K+"]) ** 2 - Q2), np.sqrt((PAR["m_B+"] + PAR["m_K+"]) ** 2 - ENDPOINT**2)
    for field, name in names.items():
        pole = 5.416 if name in ("Vperp", "V0", "Tperp", "T0") else 5.75
        poly = np.polyval([a[f"a{k}_f{name}"] for k in (2, 1, 0)], (up - zero) / (up + zero))
        np.testing.assert_allclose(getattr(ff, field), poly / (1 - Q2 / pole**2), rtol=1e-13)
    # z = 0 at q^2_max: endpoint relations, and no dependence on the number of terms
    end = [form_factors(jnp.array(ENDPOINT**2), terms=terms) for terms in (1, 2, 3)]
    for f in end:
        assert f.a_perp == f.a_0 and f.t5_perp == f.t5_0
        np.testing.assert_allclose(f, end[0], rtol=1e-14)


def test_free_quark():
    """Form factors 1 and a massless Lambda: b -> s l l with H_T, H_L, H_A of hep-ph/0612156, helicity -1/2 (primes: +1/2)."""
    q = jnp.linspace(0.3, 5.5, Q2.size)[None]
    c7, c9, c7p = -0.37 - 0.05j, 4.36 + 0.3j, 0.21
    p = at(q, c7, c9, m_lambda=0.0, m_b_run=M_LB, c7p=c7p, ff=unit_form_factors(q))
    s = np.asarray(q / M_LB) ** 2
    gamma = 2 * np.asarray(q) * PAR["n_abs"] ** 2 * M_LB**3 / (384 * np.pi**3) * (1 - s) ** 2
    both = {}
    for helicity, (a7, a9, a10) in {
        -1: (c7 + DIPOLE["7"], c9 + NP["9"], DATA["c10"] + NP["10"]),
        1: (c7p + DIPOLE["7p"], NP["9p"], NP["10p"]),
    }.items():
        h_t = 2 * s * gamma * (abs(a9 + 2 * a7 / s) ** 2 + abs(a10) ** 2)
        h_l = gamma * (abs(a9 + 2 * a7) ** 2 + abs(a10) ** 2)
        h_a = -4 * s * gamma * np.real(a10 * np.conj(a9 + 2 * a7 / s))
        both[helicity] = {"1ss": h_t / 4 + h_l / 2, "1cc": h_t / 2, "1c": helicity * h_a / 2}
    got = all_k(p, NP | DIPOLE)
    for i in ("ss", "cc", "c"):
        left, right = both[-1]["1" + i], both[1]["1" + i]
        np.testing.assert_allclose(got["K1" + i], left + right, rtol=1e-12)
        np.testing.assert_allclose(got["K2" + i], right - left, rtol=1e-12, atol=1e-12 * both[-1]["1ss"].max())


def helicity_distribution(p, coefficients, c, c_lambda):
    """d^3Gamma/(dq dcos dcos) from |d^1_{m, +-1}(theta_l)|^2 and the polarisation of a Lambda of helicity +-1/2."""
    h = np.asarray(p.s)
    for op, value in coefficients.items():
        h = h + value * np.asarray(p.u[op])
    unit = np.asarray(p.forms["rate"][0][2])
    total = 0.0
    for chirality, (perp1, par1, perp0, par0) in enumerate((range(4), range(4, 8))):
        for helicity in (1, -1):
            transverse = abs(h[perp1] + helicity * h[par1]) ** 2 / 2
            longitudinal = abs(h[perp0] + helicity * h[par0]) ** 2 / 2
            sign = helicity * (1 - 2 * chirality)
            lepton = transverse * (1 + sign * c) ** 2 / 4 + longitudinal * (1 - c * c) / 2
            total = total + unit * lepton * (1 + helicity * ALPHA * c_lambda)
    return 0.75 * total


def test_angular_distribution():
    """The K describe a distribution of helicity amplitudes: same in all directions, nowhere negative, with its bounds."""
    p = at_reference()
    for coefficients in ({}, NP, {"9": -8.4, "10": 6.0, "9p": 3.0, "10p": -4.0}):
        k = all_k(p, coefficients)
        for c in (-1.0, -0.6, 0.1, 0.8, 1.0):
            for c_lambda in (-1.0, -0.3, 0.5, 1.0):
                want = helicity_distribution(p, coefficients, c, c_lambda)
                s = 1 - c * c
                got = 0.75 * (
                    (k["K1ss"] * s + k["K1cc"] * c * c + k["K1c"] * c)
                    + (k["K2ss"] * s + k["K2cc"] * c * c + k["K2c"] * c) * ALPHA * c_lambda
                )
                assert np.all(got >= 0.0)
                np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14 * k["rate"].max())
        assert np.all(k["rate"] > 0) and np.all(2 * k["K1ss"] >= k["K1cc"]) and np.all(k["K1cc"] >= 0)
        for bounded, bound in (("K1c", "K1cc"), ("K2c", "K1cc"), ("K2cc", "K1cc"), ("K2ss", "K1ss")):
            assert np.all(abs(k[bounded]) <= k[bound])


def test_signs():
    """C10 -> -C10, or c7, c9 -> -c7, -c9, exchanges the lepton chiralities: K1c and K2c change sign, nothing else does."""
    p = at_reference()
    k = all_k(p)
    flipped_c10 = all_k(p, {"10": -2 * DATA["c10"]})
    flipped_c9 = all_k(at_reference(c7=-array(DATA["c7"]), c9=-array(DATA["c9"]), c7p=-DATA["c7p"]))
    for form, value in k.items():
        sign = -1.0 if form in ("K1c", "K2c") else 1.0
        for flipped in (flipped_c10, flipped_c9):
            np.testing.assert_allclose(flipped[form], sign * value, rtol=1e-11, atol=1e-13 * k["rate"].max())
    # Standard Model: the lepton asymmetry has its zero crossing below 6 GeV^2 and is negative at low recoil; A_FB^h < 0
    at_q2 = lambda form, q2: k[form][0, DATA["q2"].index(q2)]  # noqa: E731
    assert at_q2("K1c", 1.0) > 0 > at_q2("K1c", 6.0) and at_q2("K1c", 15.5) < 0
    assert at_q2("K2ss", 15.5) + at_q2("K2cc", 15.5) / 2 < 0 < at_q2("K2c", 15.5)


def test_cp_conjugate():
    """Without strong phases the conjugate decay with conjugated coefficients is the mirror image: all K agree."""
    q = jnp.sqrt(Q2)
    p = at(q, -0.37 + 0.0j, 4.36 + 0.0j)
    k, k_bar = all_k(p, NP), all_k(p, NP, bar=True)
    for form, value in k.items():
        np.testing.assert_allclose(k_bar[form], value, rtol=1e-12)
    # with them, a difference
    p = at(q, c9=4.36 + 0.5j)
    assert abs(all_k(p, NP)["rate"] / all_k(p, NP, bar=True)["rate"] - 1).max() > 1e-2


def test_kinematic_endpoint():
    """Rates like sqrt(s-), F_L -> 1/3, and the terms odd under parity vanish like another sqrt(s-)."""
    gap = np.logspace(-4, -9.5, Q2.size)  # steps of sqrt(10)
    k = all_k(at(jnp.array(ENDPOINT - gap)[None]), NP)
    rate = k["rate"][0]
    np.testing.assert_allclose(rate[:-1] / rate[1:], 10**0.25, rtol=1e-3)
    np.testing.assert_allclose(((2 * k["K1ss"] - k["K1cc"])[0] / rate), 1 / 3, atol=1e-4)
    for form in ("K1c", "K2ss", "K2cc"):
        ratio = k[form][0] / rate
        np.testing.assert_allclose(ratio[:-1] / ratio[1:], 10**0.25, rtol=1e-2)
    # K2c is even: the difference of chiralities
    assert abs(k["K2c"][0, -1] / rate[-1]) > 1e-3


@jax.jit
@jax.value_and_grad
def total(x):
    """A sum of forms, and its derivatives; x: nodes, masses, coefficients and form factors (arrays of 12 nodes)."""
    shift = [x["shift"][i] * jnp.ones_like(x["q"]) for i in range(4)]
    p = at(
        x["q"], c9=x["c9"] + 0.3j, m_lambda_b=x["m_lambda_b"], m_lambda=x["m_lambda"], c10=x["c10"], n_abs=1.0,
        ff=lbl.FormFactors(*x["ff"]), shift7=shift, shift9=shift,
    )  # fmt: skip
    return sum(weight * evaluate(p, form, NP).sum() for form, weight in (("K1ss", 1.0), ("K1c", 0.7), ("K2cc", -0.6), ("K2c", 1.3)))


def inputs(q, ff):
    scalars = dict(m_lambda_b=M_LB, m_lambda=M_L, c10=-4.1, c9=4.3)
    return {k: np.array(v) for k, v in scalars.items()} | {
        "q": np.array(q)[None],
        "ff": np.stack(list(ff)),
        "shift": np.array([0.1, -0.2, 0.05, 0.02]),
    }


def test_zero_outside():
    """Exactly zero at and beyond the edges of phase space, without NaN in value or gradient; finite next to them."""
    unit = unit_form_factors(Q2)
    low, high = 2 * M_MU, ENDPOINT
    outside = [0.0, 1e-9, M_MU, low, high, high * (1 + 1e-15), 4.6, 5.416, 6.5, M_LB + M_L, 7.0, 30.0]
    value, gradient = total(inputs(outside, unit))
    assert value == 0.0 and all(np.all(np.asarray(g) == 0.0) for g in gradient.values())
    near = [low * (1 + d) for d in (1e-15, 1e-12, 1e-9, 0.1)] + [1.0, 2.0, 3.0, 4.0]
    near += [high * (1 - d) for d in (1e-15, 1e-12, 1e-9, 1e-3)]
    value, gradient = total(inputs(near, unit))
    assert np.isfinite(value) and value > 0 and all(np.all(np.isfinite(g)) for g in gradient.values())


def check_gradient(function, x, step=1e-5):
    """Derivative along one direction per input against central differences."""
    value, gradient = function(x)
    rng = np.random.default_rng(1)
    for name in x:
        direction = jax.tree.map(lambda v: step * rng.standard_normal(v.shape), x[name])
        move = lambda sign: x | {name: jax.tree.map(lambda v, d: v + sign * d, x[name], direction)}  # noqa: B023, E731
        expected = sum(jax.tree.leaves(jax.tree.map(lambda g, d: (g * d).sum(), gradient[name], direction)))
        got = (function(move(1))[0] - function(move(-1))[0]) / 2
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-12 * abs(value), err_msg=name)


def test_gradients():
    q = np.linspace(0.9, 4.4, Q2.size)
    check_gradient(total, inputs(q, form_factors(q[None] ** 2)))

    @jax.jit
    @jax.value_and_grad
    def form_factor_sum(x):
        ff = lbl.form_factors(x["q2"], x["a"], terms=3, **(MASSES | {"m_b": x["m_b"], "m_lambda": x["m_lambda"]}))
        return sum((k + 1.0) * f.sum() for k, f in enumerate(ff))

    values = dict(q2=Q2, a=DATA["coefficients"], m_b=PAR["m_B+"], m_lambda=M_L)
    check_gradient(form_factor_sum, jax.tree.map(np.asarray, values))


def test_subleading_windows():
    shift7, shift9 = lbl.subleading(jnp.array([[1.0, 9.0, 9.1, 14.0, 14.1]]), [1.0, 0, 0, 0], [2.0, 0, 0, 0], [3.0, 0, 0, 0])
    np.testing.assert_array_equal(shift7[0][0], [3.0, 19.0, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(shift9[0][0], [0.0, 0.0, 0.0, 0.0, 3.0])


def test_contracts():
    """Tables of bin integrals from the process are the integrals of the integrand."""
    x, weight = np.polynomial.legendre.leggauss(Q2.size)
    q = jnp.asarray(3.9 + 0.4 * x)[None]
    p = at(q)
    n = complex(PAR["n_abs"] * np.exp(0.3j))
    c = quadratic.Coefficients({op: jnp.array([value]) for op, value in NP.items()})
    lay = quadratic.layout(c)
    outputs = (("rate", "sum"), ("K2c", "decay"), ("K1c", "conjugate"))

    @jax.jit
    def integrals(p, c):
        table = quadratic.contract(p, outputs, lay, jnp.asarray(0.4 * weight)[None], jnp.ones((1, 1)), n, np.conj(n))
        return quadratic.evaluate(table, quadratic.rows(c, lay), jnp.ones((1, 1)))[:, 0, 0]

    got = integrals(p, c)
    k, k_bar = all_k(p, NP), all_k(p, NP, bar=True)
    want = [k["rate"] + k_bar["rate"], k["K2c"], k_bar["K1c"]]
    np.testing.assert_allclose(got, [(w * 0.4 * weight).sum() for w in want], rtol=1e-12)
