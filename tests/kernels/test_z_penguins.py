"""Penguin coefficients of a dark photon and dark Z against the printed two-mass brackets of arXiv:2210.15662 in high precision."""

import math
import sys

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import z_penguins as zp

jax.config.update("jax_enable_x64", True)

# Inputs of the quoted numbers
ALPHA, S2, M_W = 1 / 127.9, 0.2312, 80.379
E = math.sqrt(4 * math.pi * ALPHA)
G = E / math.sqrt(S2)
V_U, V_C, V_T = ((m / M_W) ** 2 for m in (2.16e-3, 1.27, 163.53))

# Closed forms of one variable
ONE = {
    "h_e0": lambda v: -v * (3 * v + 2) * mp.log(v) / (v - 1) ** 2 - v * (v - 6) / (v - 1),
    "h_a2": lambda v: (
        -2 * (3 * v**4 - 30 * v**3 + 54 * v**2 - 32 * v + 8) * mp.log(v) / (v - 1) ** 4 - v**2 * (19 * v - 25) / (v - 1) ** 3
    ),
    "h_m1": lambda v: 6 * v**2 * (3 * v - 2) * mp.log(v) / (v - 1) ** 4 - v * (8 * v**2 + 5 * v - 7) / (v - 1) ** 3,
    "h_z0": lambda v: (
        2 * (3 * v**4 - 24 * v**3 + 99 * v**2 - 36 * v + 12) * mp.log(v) / (v - 1) ** 4
        + 2 * v * (9 * v**2 - 39 * v - 24) / (v - 1) ** 3
    ),
    "h_n0": lambda v: 6 * v * (5 * v**2 - 3 * v + 1) * mp.log(v) / (v - 1) ** 4 - v**2 * (15 * v + 3) / (v - 1) ** 3,
}
EULER = float(np.e)  # |ln v| = 1 is where the series takes over
VS = np.concatenate(
    [
        np.geomspace(1e-12, 1e6, 91),
        np.geomspace(0.2, 5, 30),
        [s for x in (1 / EULER, EULER) for s in (np.nextafter(x, 0), x, np.nextafter(x, 9))],
        [1.0, 1 + 2.3e-16, 1 - 1.2e-16, 1 + 1e-10, 1 - 1e-10, 1 + 1e-5, 1 - 1e-5, 1 + 1e-3, 1 - 1e-3, 1.03, 0.97],
        [V_U, V_C, V_T, 1e-200, 1e12],
    ]
)


def reference(f, v):
    """Value and derivative; at v = 1 the 0/0 of the fourth order costs 160 digits."""
    with mp.workdps(650 if v < 1e-100 else 330):
        v = mp.mpf(float(v))
        h = v * mp.mpf(10) ** -40
        up, down = f(v + h), f(v - h)
        return (up + down) / 2, (up - down) / (2 * h)


# The brackets as printed over their denominators (a - 1)^n (b - 1)^n, literal but for a = x_1^2, b = x_j^2, x = m/m_W


def printed_e2a(a, b, s2):
    top = 4 * (3 * a**4 - 30 * a**3 + 54 * a**2 - 32 * a + 8) * (b - 1) ** 4 * mp.log(a) / 2 - (a - 1) * (
        4 * (a - 1) ** 3 * (3 * b**4 - 30 * b**3 + 54 * b**2 - 32 * b + 8) * mp.log(b) / 2
        + (b - 1)
        * (
            25 * b**2 - 19 * b**3 + a**3 * (32 * b**2 - 57 * b + 19) + (-32 * b**3 + 75 * b - 25) * a**2
            + (57 * b**3 - 75 * b**2) * a
        )
    )  # fmt: skip
    return top / ((a - 1) ** 4 * (b - 1) ** 4)


def printed_m1a(a, b, s2):
    top = -12 * a**2 * (3 * a - 2) * (b - 1) ** 4 * mp.log(a) / 2 + (a - 1) * (
        12 * (a - 1) ** 3 * b**2 * (3 * b - 2) * mp.log(b) / 2
        + (b - 1)
        * (
            a**3 * (-29 * b**2 + 31 * b - 8) + b * (8 * b**2 + 5 * b - 7) + (29 * b**3 - 6 * b - 5) * a**2
            + (-31 * b**3 + 6 * b**2 + 7) * a
        )
    )  # fmt: skip
    return top / ((a - 1) ** 4 * (b - 1) ** 4)


def printed_e0z(a, b, s2):
    top = 2 * a * (3 * a + 2) * (b - 1) ** 2 * mp.log(a) / 2 + (a - 1) * (
        -2 * (a - 1) * b * (3 * b + 2) * mp.log(b) / 2 + (b - 1) * ((b - 1) * a**2 - (b**2 - 6) * a + b * (b - 6))
    )
    return top / ((a - 1) ** 2 * (b - 1) ** 2)


def printed_e2z(a, b, s2):
    def p(v):
        return (3 * v**4 - 36 * v**3 + 36 * v**2 - 64 * v + 16) * s2 - 3 * (
            4 - 12 * v + v**4 * (1 - s2) - 8 * v**3 * (1 - s2) + 3 * v**2 * (8 * (1 - s2) + 3)
        )

    rest = (
        10 - 5 * a - 11 * a**2 - 5 * b - 26 * a * b + 43 * a**2 * b - 11 * b**2 + 43 * a * b**2 - 38 * a**2 * b**2
        + (1 - s2) * (-58 - 73 * b + 29 * b**2 + a * (-145 * b**2 + 422 * b - 73) + a**2 * (14 * b**2 - 145 * b + 29))
        - s2 * (58 + 23 * b + 9 * b**2 + (50 * b**2 + 31 * b + 9) * a**2 + (31 * b**2 - 234 * b + 23) * a)
    )  # fmt: skip
    top = 4 * mp.log(a) / 2 * p(a) * (b - 1) ** 4 - (a - 1) * (4 * (a - 1) ** 3 * mp.log(b) / 2 * p(b) - (a - b) * (b - 1) * rest)
    return top / ((a - 1) ** 4 * (b - 1) ** 4)


def printed_m1z(a, b, s2):
    c2 = 1 - s2

    def p(v):
        return v * (-2 * c2 + 2 * s2 - 1) + v**2 * (6 * c2 - 1) + 1

    rest = (
        10 - 17 * a + a**2 - 17 * b + 22 * a * b + 7 * a**2 * b + b**2 + 7 * a * b**2 - 14 * a**2 * b**2
        + 2 * s2 * (2 + 5 * b - b**2 + a**2 * (2 * b**2 + 5 * b - 1) + a * (5 * b**2 - 22 * b + 5))
        + 2 * c2 * (-5 + 10 * b + 7 * b**2 + (31 * b**2 - 26 * b + 7) * a**2 - 2 * (13 * b**2 + 4 * b - 5) * a)
    )  # fmt: skip
    top = -12 * a * mp.log(a) / 2 * p(a) * (b - 1) ** 4 + (a - 1) * (
        12 * (a - 1) ** 3 * b * mp.log(b) / 2 * p(b) - (a - b) * (b - 1) * rest
    )
    return top / ((a - 1) ** 4 * (b - 1) ** 4)


PRINTED = zp.Brackets(printed_e0z, printed_e2a, printed_e2z, printed_m1a, printed_m1z)


@pytest.mark.parametrize("name", sorted(ONE))
def test_one_variable(name):
    """Measured: 4e-15 in the value, 2e-14 in the derivative; bounds 1e-14 and 1e-13, relative to the terms where
    h_e0 changes sign."""
    term = 1.0 if name == "h_e0" else 0.0
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(getattr(zp, name))))(VS)
    for v, x, d in zip(VS, value, slope, strict=True):
        exact, derivative = reference(ONE[name], v)
        assert abs(float(x) - exact) < 1e-14 * (abs(exact) + term * v), v
        assert abs(float(d) - derivative) < 1e-13 * (abs(derivative) + term), v


def test_series_coefficients():
    """Values, first and second derivative at v = 1 in v (exact rationals) from the powers of ln v."""
    exact = {
        zp._E0: (-3 / 2 + 1, -5 / 3 + 1, 1 / 12), zp._A2: (11 / 6, -71 / 5, 39 / 5), zp._M1: (-5 / 2, -13 / 10, 1 / 2),
        zp._Z0: (-10, 93 / 5, -107 / 10), zp._N0: (-11 / 2, -12 / 5, 1),
    }  # fmt: skip
    for f, (a, b, c) in exact.items():
        # a + b t + c t^2 with t = v - 1 = L + L^2/2
        np.testing.assert_allclose(f.series[:3], [a, b, 0.5 * b + c], rtol=1e-15)
        # nothing left to sum at |ln v| = 1
        assert abs(f.series[-1]) < 1e-17


@pytest.mark.parametrize("v_j", [V_C, V_T, 0.98, 1.0 + 1e-9, 1e-9, 300.0])
@pytest.mark.parametrize("v_u", [V_U, 0.3])
def test_printed_brackets(v_j, v_u):
    """Literal brackets with two masses: value and derivative by either mass.  1e-13 of the larger of h(v_j), h(v_u), which is all
    that a difference can have."""
    ours = zp.brackets(v_j, v_u, S2)
    slope_j = jax.jacfwd(lambda v: jnp.stack(zp.brackets(v, v_u, S2)))(v_j)
    slope_u = jax.jacfwd(lambda v: jnp.stack(zp.brackets(v_j, v, S2)))(v_u)
    scale = [max(abs(float(h(v))) for v in (v_j, v_u)) for h in (zp.h_e0, zp.h_a2, zp.h_z0, zp.h_m1, zp.h_n0)]
    scale[2] += 2 * S2 * scale[1]
    scale[4] += 2 * S2 * scale[3]
    with mp.workdps(160):
        b, a = mp.mpf(float(v_j)), mp.mpf(float(v_u))
        for k, f in enumerate(PRINTED):
            s2, h = mp.mpf(S2), mp.mpf(10) ** -30
            assert abs(float(ours[k]) - f(a, b, s2)) < 1e-13 * scale[k]
            by_j = (f(a, b * (1 + h), s2) - f(a, b * (1 - h), s2)) / (2 * b * h)
            by_u = (f(a * (1 + h), b, s2) - f(a * (1 - h), b, s2)) / (2 * a * h)
            assert abs(float(slope_j[k]) / by_j - 1) < 1e-12
            assert abs(float(slope_u[k]) / by_u - 1) < 1e-12


def test_gim_and_check_numbers():
    """Exactly 0 for degenerate quarks, whatever the CKM factors; the quoted differences (nine digits) for c and t."""
    for v in (V_U, V_C, 1.0, V_T):
        assert [float(x) for x in zp.brackets(v, v, S2)] == [0.0] * 5
    charm = [0.00264725519, -204.053242, 211.687868, -0.00174229707, -0.0116227084]
    top = [-6.14862739, -353.438343, 354.966504, -4.50724990, -6.99137449]
    # half a digit of the quoted numbers
    np.testing.assert_allclose(zp.brackets(V_C, V_U, S2), charm, rtol=5e-9)
    np.testing.assert_allclose(zp.brackets(V_T, V_U, S2), top, rtol=5e-9)
    # the photon within the Z: J_Z = J_3 - s^2 J_em
    base, more = zp.brackets(V_T, V_U, 0.0), zp.brackets(V_T, V_U, 1.0)
    np.testing.assert_allclose(more.e2_z - base.e2_z, 2 * base.e2_a, rtol=1e-14)
    np.testing.assert_allclose(more.m1_z - base.m1_z, -2 * base.m1_a, rtol=1e-14)


def test_inami_lim():
    """C0, D0, D0' as in the literature (Buras, hep-ph/9806471)."""
    for x in (0.01, 0.5, 1.7, V_T, 60.0):
        ln = math.log(x)
        c0 = x / 8 * ((x - 6) / (x - 1) + (3 * x + 2) / (x - 1) ** 2 * ln)
        d0 = -4 / 9 * ln + (-19 * x**3 + 25 * x**2) / (36 * (x - 1) ** 3) + x**2 * (5 * x**2 - 2 * x - 6) / (18 * (x - 1) ** 4) * ln
        d0p = -(8 * x**3 + 5 * x**2 - 7 * x) / (12 * (1 - x) ** 3) + x**2 * (2 - 3 * x) / (2 * (1 - x) ** 4) * ln
        # 1e-13: the literature's form has lost that much next to x = 1
        np.testing.assert_allclose([zp.c0(x), zp.d0(x), zp.d0_prime(x)], [c0, d0, d0p], rtol=1e-11)


LAM_S = (0.040708, -0.041052 + 0.000755j)
LAM_K = (-0.21890 + 1.40e-4j, -3.228e-4 - 1.404e-4j)


def loop(lam, epsilon=1e-3, epsilon_z=1e-3, **options):
    masses = options.pop("masses", (4.18, 0.093))
    return zp.coefficients(*lam, epsilon, epsilon_z, *masses, V_U, V_C, V_T, g=G, e=E, s2=S2, m_w=M_W, **options)


def test_coefficients():
    """The quoted coefficients, to the digits of the CKM factors and of the numbers (four)."""
    c = loop(LAM_S, convention="appendix")
    assert abs(complex(c.e0_z)) == pytest.approx(1.26333e-7, rel=3e-5)
    ratio = {k: complex(v) / LAM_S[1] for k, v in c._asdict().items()}
    # lambda_u/lambda_t is left out of the quoted numbers where they are said to be over lambda_t
    assert ratio["e0_z"].real == pytest.approx(-3.076836e-6, rel=3e-5)
    for name, value in (("e2_a", -2.741e-10), ("e2_z", 3.121e-10)):
        assert ratio[name].real == pytest.approx(value, rel=5e-4)
    for name, value in (("m1_a_r", 1.0245e-10), ("m1_z_r", -1.8823e-10)):
        assert ratio[name].imag == pytest.approx(value, rel=5e-4)
        other = complex(getattr(c, name.replace("_r", "_l")))
        assert other == pytest.approx(complex(getattr(c, name)) * 0.093 / 4.18, rel=1e-12)
    kaon = complex(loop(LAM_K).e0_z)
    # five digits of the CKM factors, c and t parts of opposite sign
    assert kaon == pytest.approx(7.030e-10 + 4.318e-10j, rel=1e-3)
    # Z -> b sbar + bbar s at epsilon_Z = 1: |E0|^2 M_Z/(12 pi) of both over the width, 4.64e-8
    e0 = complex(loop(LAM_S, epsilon_z=1.0).e0_z)
    assert 3 * 91.1876 / (24 * math.pi) * 2 * abs(e0) ** 2 / 2.4952 == pytest.approx(4.64e-8, rel=0.01)


def test_signs():
    """The three conventions; C7 and C9 of the photon penguin with one sign."""
    common, appendix, printed = (loop(LAM_S, convention=c) for c in zp.CONVENTIONS)
    for name in zp.Coefficients._fields:
        a, b, c = (complex(getattr(x, name)) for x in (common, appendix, printed))
        assert a == (b if "z" in name else -b)
        assert c == (-b if name == "m1_a_r" else b)
    # E2A = e^3 eps/(32 pi^2 m_W^2 s^2) sum lambda Delta D0, M1A_R = +i e^3 m_b eps/(32 pi^2 m_W^2 s^2) sum lambda Delta D0'
    norm = E**3 * 1e-3 / (32 * math.pi**2 * M_W**2 * S2)
    for coefficient, f, factor in ((appendix.e2_a, zp.d0, 1.0), (appendix.m1_a_r, zp.d0_prime, 4.18j)):
        total = sum(lam * float(f(v) - f(V_U)) for lam, v in zip(LAM_S, (V_C, V_T), strict=True))
        assert complex(coefficient) == pytest.approx(norm * factor * total, rel=1e-13)
    # E0Z = -e^3 eps_Z/(8 pi^2 c s^3) sum lambda Delta C0
    total = sum(lam * float(zp.c0(v) - zp.c0(V_U)) for lam, v in zip(LAM_S, (V_C, V_T), strict=True))
    norm = -(E**3) * 1e-3 / (8 * math.pi**2 * math.sqrt(1 - S2) * S2**1.5)
    assert complex(common.e0_z) == pytest.approx(norm * total, rel=1e-13)
    with pytest.raises(ValueError, match="allowed: 'common'"):
        loop(LAM_S, convention="other")


def test_standard_model_limit():
    """The Z itself, epsilon_Z = 1 at q^2 << m_Z^2: C10 = -Delta C0/s^2, C9 = Delta C0 (1 - 4 s^2)/s^2 of the textbooks."""
    m_z = M_W / math.sqrt(1 - S2)
    e0 = complex(loop((0.0, 1.0), epsilon_z=1.0).e0_z)
    g_f = math.sqrt(2) * G**2 / (8 * M_W**2)
    n = 4 * g_f / math.sqrt(2) * ALPHA / (4 * math.pi)
    coupling = G / math.sqrt(1 - S2) / 4
    c9, c10 = (-e0 * x / (n * -(m_z**2)) for x in (coupling * (-1 + 4 * S2), coupling))
    delta = float(zp.c0(V_T) - zp.c0(V_U))
    assert c10.real == pytest.approx(-delta / S2, rel=1e-12) and c9.real == pytest.approx(delta * (1 - 4 * S2) / S2, rel=1e-12)
    # the photon, epsilon = 1 and coupling -e to leptons: C9 = -Delta D0
    e2 = complex(loop((0.0, 1.0), epsilon=1.0).e2_a)
    assert (-e2 * -E / n).real == pytest.approx(-float(zp.d0(V_T) - zp.d0(V_U)), rel=1e-12)


def test_floor():
    """The logarithms of u and c stop at v_floor, in E2 only."""
    floor = (4.8 / M_W) ** 2
    free, stopped = loop(LAM_S), loop(LAM_S, v_floor=floor)
    for name in zp.Coefficients._fields:
        a, b = complex(getattr(free, name)), complex(getattr(stopped, name))
        assert (a == b) != name.startswith("e2")
    only_t = LAM_S[1] * float(zp.h_a2(V_T) - zp.h_a2(floor))
    assert complex(stopped.e2_a) / only_t == pytest.approx(-(G**2) * E * 1e-3 / (1152 * math.pi**2 * M_W**2), rel=1e-13)
    # light-quark masses drop out
    slope = jax.grad(lambda v: zp.brackets(V_C, v, S2, floor).e2_z)(V_U)
    assert float(slope) == 0.0


def test_transformations():
    functions = (zp.h_e0, zp.h_a2, zp.h_m1, zp.h_z0, zp.h_n0)
    stack = jax.jit(lambda v: jnp.stack([f(v) for f in functions]))
    check_grads(stack, (jnp.array([0.2, 0.9, 1.0, 2.0, 5.0]),), order=1, modes=["fwd", "rev"])
    # second derivatives at v = 1 and on both sides of it
    second = jax.vmap(jax.jit(jax.hessian(stack)))(jnp.array([1.0 - 1e-6, 1.0, 1.0 + 1e-6]))
    np.testing.assert_allclose(second, np.broadcast_to(second[1], second.shape), rtol=1e-5)
    np.testing.assert_allclose(second[1], [2 * c for c in (1 / 12, 39 / 5, 1 / 2, -107 / 10, 1)], rtol=1e-12)
    for f in functions:
        np.testing.assert_array_equal(jax.vmap(f)(jnp.array([0.5, 3.0])), f(jnp.array([0.5, 3.0])))
    out = jax.jit(lambda e, z: loop(LAM_S, e, z))(jnp.full(3, 1e-3), jnp.linspace(0, 1e-3, 3))
    assert all(x.shape == (3,) and jnp.iscomplexobj(x) for x in (out.m1_a_r, out.m1_z_l))
    assert complex(out.e0_z[0]) == 0.0


def test_float32():
    """1e-5 of the terms that add up: a few roundings times the cancellation of the fourth-order pole at |ln v| = 1 (6.25)."""
    for name in ONE:
        f = jax.jit(getattr(zp, name))
        v = VS[(VS > 1e-30) & (VS < 1e7)]
        low, slope = jax.vmap(jax.value_and_grad(f))(v.astype(np.float32))
        assert low.dtype == jnp.float32 and bool(jnp.all(jnp.isfinite(slope)))
        np.testing.assert_allclose(low, f(v.astype(np.float32).astype(float)), rtol=1e-5, atol=2e-6 * (name == "h_e0"))


def test_extremes():
    """Finite value and derivative at v = 0 and the largest float."""
    for name in ONE:
        value, slope = jax.vmap(jax.value_and_grad(getattr(zp, name)))(jnp.array([0.0, sys.float_info.min, 1e200]))
        assert bool(jnp.all(jnp.isfinite(value)) & jnp.all(jnp.isfinite(slope)))
