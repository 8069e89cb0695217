"""B -> X_s l l against flavio 2.7.1 (reference/bxsll.json), and properties that do not need a reference."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipkernels import bxsll

DATA = json.loads((Path(__file__).parent / "reference" / "bxsll.json").read_text())
INPUTS = {k: v for k, v in DATA["inputs"].items() if k not in ("m_e", "m_mu", "ckm_bar")}
M_L = {"e": DATA["inputs"]["m_e"], "mu": DATA["inputs"]["m_mu"]}


def pairs(values):
    return jax.lax.complex(*jnp.moveaxis(jnp.asarray(values), -1, 0))


Q2 = jnp.asarray(DATA["q2"])[None]
FUNCTIONS = {name: pairs(values)[None] for name, values in DATA["functions"].items()}


def setup(lepton, quirks=(), **changes):
    return bxsll.process(Q2, m_l=M_L[lepton], quirks=quirks, **(INPUTS | FUNCTIONS | changes))


def evaluate(p, form, coefficients, bar=False):
    """Re sum coef H_a H_b^* with H = s + sum C u."""
    h = p.s_bar if bar else p.s
    for op, value in coefficients.items():
        h = h + (jnp.conj(value) if bar else value) * p.u[op]
    left, right, coef = zip(*p.forms[form], strict=True)
    return jnp.sum((jnp.stack([x + 0j for x in coef]) * h[jnp.asarray(left)] * jnp.conj(h[jnp.asarray(right)])).real, 0)


def point(name):
    """Coefficients of a reference point; the longitudinal part of a constant is C10."""
    c = {op: complex(*value) for op, value in DATA["points"][name].items()}
    return c | {"H" + op[2:]: value for op, value in c.items() if op in ("10", "10p")}


def compare(kind, lepton, quirks):
    p = setup(lepton, quirks)
    for key, reference in DATA[kind].items():
        name, which, side = key.split("|")
        if which != lepton:
            continue
        for form, expected in reference.items():
            got = evaluate(p, form, point(name), side == "bar")[0] / (2 * jnp.sqrt(Q2[0]))
            if side == "bar":  # flavio's conjugate CKM factors are not exactly conjugate
                got = got * DATA["inputs"]["ckm_bar"] / INPUTS["ckm"]
            np.testing.assert_allclose(got, expected, rtol=1e-10, err_msg=f"{key} {form}")


@pytest.mark.parametrize("lepton", ["e", "mu"])
def test_reproduces_flavio(lepton):
    compare("flavio", lepton, bxsll.FLAVIO)


@pytest.mark.parametrize("lepton", ["e", "mu"])
def test_right_values_by_default(lepton):
    compare("right", lepton, ())


def test_each_quirk_acts_where_it_should():
    c = point("all")
    base = setup("mu")
    for quirk, form, others in (
        ("omega_imag", "rate", ("afb", "rate_no_qed")),
        ("omega_17", "rate", ("afb", "rate_no_qed")),
        ("tau_710", "afb", ("rate", "rate_no_qed")),
    ):
        p = setup("mu", {quirk})
        change = evaluate(p, form, c) / evaluate(base, form, c) - 1
        assert 1e-4 < np.max(np.abs(change))
        for other in others:
            np.testing.assert_array_equal(evaluate(p, other, c), evaluate(base, other, c))
    with pytest.raises(ValueError, match="omega_29"):
        setup("mu", {"omega_29"})


def test_quirk_of_omega_29_matters_for_complex_coefficients():
    """The imaginary part is that of the fit: an order of magnitude below the real part at low q2."""
    s = jnp.asarray([0.05, 0.1, 0.2, 0.3])
    e = bxsll.qed_rate(bxsll.nodes(s), 7.0, 0.0)["c", "c9"]
    # independent fit of hep-ph/0512066: Sigma_1 for s < 0.4
    fit = 23.787 - 120.948 * s + 365.373 * s**2 - 584.206 * s**3 + 1j * (1.653 + 6.009 * s - 17.080 * s**2 + 115.880 * s**3)
    np.testing.assert_allclose(e.real, 7 * fit.real / 8, rtol=0.2)
    np.testing.assert_allclose(e.imag, 7 * fit.imag / 8, rtol=0.5)
    wrong = bxsll.qed_rate(bxsll.nodes(s), 7.0, 0.0, imaginary_of_29=False)["c", "c9"]
    np.testing.assert_array_equal(wrong.imag, e.real)


def test_bremsstrahlung_functions():
    """The interferences with O7 and O9 agree at s -> 1, where the two currents coincide, without poles before."""
    x = bxsll.nodes(jnp.asarray([1 - 1e-3, 1 - 1e-4]))
    np.testing.assert_allclose(bxsll.tau_710(x), bxsll.tau_910(x), rtol=0.03)
    np.testing.assert_allclose(bxsll.tau_77(x), bxsll.tau_99(x), rtol=0.01)
    np.testing.assert_allclose(bxsll.tau_79(x), bxsll.tau_99(x), rtol=0.01)
    grid = bxsll.tau_710(bxsll.nodes(jnp.linspace(0.01, 0.99, 400)))
    assert np.all(np.diff(grid) > 0) and np.all(grid > -0.8) and np.all(grid < 0)
    pole = bxsll.tau_710(bxsll.nodes(jnp.asarray([0.333, 0.334])), pole=True)
    assert pole[0] > 100 and pole[1] < -100
    # at s -> 0, 2 sigma_9 + tau_99 is the correction of t -> b W for a light W
    tiny = bxsll.nodes(jnp.asarray(1e-9))
    expected = 2.0 / 3.0 * (2.5 - 2.0 / 3.0 * np.pi**2)
    np.testing.assert_allclose(2 * bxsll.sigma_9(tiny) + bxsll.tau_99(tiny), expected, rtol=1e-6)


def test_conjugate_decay():
    c = point("all")
    p = setup("mu")
    # real coefficients and no weak phase in the functions: no CP violation
    weak = setup("mu", **{name + "_bar": FUNCTIONS[name] for name in ("y", "delta_c7", "delta_c9")})
    real = {op: value.real for op, value in c.items()}
    for form in ("rate", "afb"):
        np.testing.assert_allclose(evaluate(weak, form, real), evaluate(weak, form, real, True), rtol=1e-14)
    # no strong phase either: none for complex coefficients (the QED functions contain strong phases)
    flat = {name: FUNCTIONS[name].real + 0j for name in FUNCTIONS}
    flat |= {name + "_bar": flat[name] for name in ("y", "delta_c7", "delta_c9")}
    none = setup("mu", **flat)
    np.testing.assert_allclose(evaluate(none, "rate_no_qed", c), evaluate(none, "rate_no_qed", c, True), rtol=1e-14)
    # strong and weak phases: C9 acquires a CP asymmetry linear in its imaginary part
    up, down = ({"9": 0.0 + sign * 1.0j} for sign in (1, -1))
    a = evaluate(weak, "rate", up) - evaluate(weak, "rate", up, True)
    b = evaluate(weak, "rate", down) - evaluate(weak, "rate", down, True)
    np.testing.assert_allclose(a, -b, rtol=1e-9)
    assert np.all(np.abs(a / evaluate(weak, "rate", {}))[0, 2:-2] > 1e-3)
    # conjugating coefficients and functions together exchanges the two
    swapped = {name: FUNCTIONS[name.removesuffix("_bar") if name.endswith("_bar") else name + "_bar"] for name in FUNCTIONS}
    other = setup("mu", **swapped)
    bar = {op: np.conj(value) for op, value in c.items()}
    np.testing.assert_allclose(evaluate(other, "rate", bar), evaluate(p, "rate", c, True), rtol=1e-14)


def test_longitudinal_part():
    """A constant in C10 equals its transverse and longitudinal parts; the latter vanishes with the lepton mass."""
    p = setup("mu")
    both = evaluate(p, "rate_no_qed", {"10": 1j, "H": 1j}) - evaluate(p, "rate_no_qed", {})
    # imaginary: no interference; transverse part has beta^2, the longitudinal one compensates to order alpha_s
    transverse = evaluate(p, "rate_no_qed", {"10": 1j}) - evaluate(p, "rate_no_qed", {})
    longitudinal = evaluate(p, "rate_no_qed", {"H": 1j}) - evaluate(p, "rate_no_qed", {})
    np.testing.assert_allclose(both, transverse + longitudinal, rtol=1e-9)
    plain = setup("mu", alpha_s=1e-6, alpha_s_mz=1e-6, alpha_e=1e-9, lambda_1=0.0, lambda_2=0.0)
    s, m2 = Q2 / INPUTS["m_b"] ** 2, M_L["mu"] ** 2 / Q2
    zero = evaluate(plain, "rate_no_qed", {"10": -INPUTS["c"]["C10"], "H": -INPUTS["c"]["C10"]})
    ratio = (evaluate(plain, "rate_no_qed", {"10": 1 - INPUTS["c"]["C10"], "H": -INPUTS["c"]["C10"]}) - zero) / (
        evaluate(plain, "rate_no_qed", {"10": -INPUTS["c"]["C10"], "H": 1 - INPUTS["c"]["C10"]}) - zero
    )
    np.testing.assert_allclose(ratio, (1 + 2 * s) * (1 - 4 * m2) / (6 * m2), rtol=1e-5)


def test_positivity():
    """The forms without QED and power corrections are positive matrices; the rate bounds the asymmetry."""
    s = np.linspace(0.05, 0.99, 300) * INPUTS["m_b"] ** 2
    flat = {name: jnp.zeros_like(s) + 0j for name in FUNCTIONS}
    p = bxsll.process(jnp.asarray(s), m_l=M_L["mu"], **(INPUTS | flat | {"lambda_1": 0.0, "lambda_2": 0.0}))
    n = len(bxsll.AMPLITUDES)
    matrices = {}
    for form in ("rate_no_qed", "afb"):
        m = np.zeros((len(s), n, n), complex)
        for a, b, coef in p.forms[form]:
            m[:, a, b] += 0.5 * np.asarray(coef)
            m[:, b, a] += 0.5 * np.conj(coef)
        matrices[form] = m
    scale = np.abs(matrices["rate_no_qed"]).max((1, 2))
    assert np.all(np.linalg.eigvalsh(matrices["rate_no_qed"])[:, 0] > -1e-12 * scale)
    # dressed amplitudes only: the asymmetry with the massless-lepton rate
    light = bxsll.process(jnp.asarray(s), m_l=1e-6, **(INPUTS | flat | {"lambda_1": 0.0, "lambda_2": 0.0}))
    bound = np.zeros((len(s), 10, 10))
    for a, b, coef in light.forms["rate_no_qed"]:
        if max(a, b) < 10:
            bound[:, a, b] += 0.5 * coef
            bound[:, b, a] += 0.5 * coef
    for sign in (1, -1):
        difference = bound + sign * matrices["afb"].real[:, :10, :10]
        assert np.all(np.linalg.eigvalsh(difference)[:, 0] > -1e-12 * scale)


INSIDE, BULK = 22, slice(6, 18)


def edge_nodes(lepton):
    low, high = 4 * M_L[lepton] ** 2, INPUTS["m_b"] ** 2
    inside = [low * (1 + np.geomspace(1e-9, 1, 6)), np.linspace(2 * low + 0.1, 22.9, 12), high * (1 - np.geomspace(1e-3, 1e-9, 4))]
    outside = np.asarray([1e-12, 0.5 * low, low, high, high * (1 + 1e-9), 25.0, 40.0])
    return jnp.asarray(np.concatenate([*inside, outside]))[None]


def total(q2, inputs, constants, weights):
    """Sum over nodes and forms for the conjugate decay, and the forms."""
    functions = {k: v[0, 3] * jnp.ones_like(q2) for k, v in FUNCTIONS.items()}
    p = bxsll.process(q2, c=constants, **inputs, **functions)
    values = {form: evaluate(p, form, point("all"), True) for form in ("rate", "afb")}
    return sum(jnp.sum(weights * v) for v in values.values()) * 1e6, values


value_and_grad = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True))


@pytest.mark.parametrize("lepton", ["e", "mu"])
def test_zero_outside_and_finite_gradients(lepton):
    q2 = edge_nodes(lepton)
    inputs = {k: jnp.asarray(v, float) for k, v in INPUTS.items() if k != "c"} | {"m_l": jnp.asarray(M_L[lepton])}
    constants = {k: jnp.asarray(v) for k, v in INPUTS["c"].items()}
    (_, values), gradients = value_and_grad(q2, inputs, constants, jnp.ones_like(q2))
    for value in values.values():
        assert np.all(np.isfinite(value))
        assert np.all(value[0, :INSIDE] != 0) and np.all(value[0, INSIDE:] == 0)
    assert all(np.all(np.isfinite(g)) for g in jax.tree.leaves(gradients))
    np.testing.assert_array_equal(gradients[0][0, INSIDE:], 0.0)
    # away from the edges, against differences
    bulk = jnp.zeros_like(q2).at[0, BULK].set(1.0)
    _, (_, gradient, _) = value_and_grad(q2, inputs, constants, bulk)
    for name, value in inputs.items():
        step = 1e-5 * value
        plus, minus = (value_and_grad(q2, inputs | {name: value + sign * step}, constants, bulk)[0][0] for sign in (1, -1))
        np.testing.assert_allclose(gradient[name], (plus - minus) / (2 * step), rtol=1e-5, atol=1e-9, err_msg=name)
