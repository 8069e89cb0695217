"""Matching relations of the effective theory; spin-0 exchange against explicit Dirac spinors."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from fipkernels import deft_matching as match

jax.config.update("jax_enable_x64", True)

N = -7.50298e5  # GeV^2, V_tb V_ts^* = -0.0404
N_OVER_ALPHA = N * 133.0


def test_mixing_coupling():
    """4.99950e-5 for g_D = Q = 1, Y = 0.1, v = 100 GeV, m = 1 TeV; and the rotation that it comes from."""
    assert float(match.c4_from_mixing(1.0, 1.0, 0.1, 0.1, 100.0, 1000.0)) == pytest.approx(4.99950e-5, abs=6e-11)
    # mass term chibar (m chi + Y_i v/sqrt2 q_i): the light fields are rows orthogonal to the heavy one, as close to s, b as can be
    y = np.array([0.3 + 0.1j, -0.2 + 0.4j])
    v, m, charge = 700.0, 900.0, 1.3
    heavy = np.array([m, *(y * v / math.sqrt(2.0))])
    heavy = heavy / np.linalg.norm(heavy)
    rows = np.eye(3)[1:] - np.outer(heavy[1:].conj(), heavy)
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    rows = left @ right
    np.testing.assert_allclose(rows @ heavy.conj(), 0.0, atol=1e-15)
    value = complex(match.c4_from_mixing(charge, 1.0, y[0], y[1], v, m))
    assert value == pytest.approx(charge * rows[0, 0] * rows[1, 0].conjugate(), rel=1e-12)


def test_loop_coupling():
    """F15 at 1e-6 and 0.01 as quoted, over 16 pi^2; the sign change at y = 0.11658603."""
    unit = 1.0 / (16.0 * math.pi**2 * 1e6)
    for m, f in ((1.0, -1.80259), (100.0, -0.293724)):
        assert float(match.c6_from_loop(1.0, 1.0, 1.0, 1.0, m, 1000.0)) == pytest.approx(unit * f, rel=3e-6)
    assert abs(float(match.c6_from_loop(2.0, 1.0, 1.0, 1.0, 1e3 * math.sqrt(0.11658603275812085), 1e3))) < 1e-15 * unit * 10
    assert float(match.c6_from_loop(2.0, 0.5, 1.0, 1.0, 1000.0, 1000.0)) == pytest.approx(unit / 12, rel=1e-14)
    assert complex(match.c6_from_loop(1.0, 1.0, 0.1j, 0.2, 1.0, 1e3)) == pytest.approx(unit * -1.80259 * -0.02j, rel=3e-6)
    # heavy scalar: m_phi^2 >> m_chi^2, (2 ln y - 3)/(6 y)
    assert float(match.c6_from_loop(1.0, 1.0, 1.0, 1.0, 1e8, 1e3)) == pytest.approx(
        unit * (2 * math.log(1e10) - 3) / 6e10, rel=1e-8
    )
    # a light scalar: the paper's logarithm is cut off by q^2
    full = complex(match.c6_from_loop(1.0, 1.0, 1.0, 1.0, 1e-3, 1e3, q2=3.5))
    assert full == pytest.approx(unit * complex(math.log(3.5e-6) / 6 + 1 / 18, -math.pi / 6), rel=1e-6)
    assert complex(match.c6_from_loop(1.0, 1.0, 1.0, 1.0, 5.0, 1e3, q2=1e-6)).imag == 0.0


def test_dark_matter_loops():
    """C = 1, 1 TeV: 15.88, and for the scalar 7.94, printed 1.985."""
    assert float(match.c9_fermion_loop(1.0, 1.0, 1e3, N_OVER_ALPHA)) == pytest.approx(15.88, abs=6e-3)
    assert float(match.c9_scalar_loop(1.0, 1.0, 1e3, N_OVER_ALPHA)) == pytest.approx(7.94, abs=6e-3)
    assert float(match.c9_scalar_loop(1.0, 1.0, 1e3, N_OVER_ALPHA, printed=True)) == pytest.approx(1.985, abs=6e-4)
    assert float(match.c9_fermion_loop(0.5, -0.2, 2e3, N_OVER_ALPHA)) == pytest.approx(-15.882 * 0.1 / 4, rel=1e-4)


def test_ratio_of_the_loops():
    """Cut-off integrals of the current correlators at q = 0, Euclidean, massless, coefficient of g_mu_nu:
    fermion: -tr[gamma_m kslash gamma_n kslash]/k^4 -> 4 (2 k_m k_n - k^2 g)/k^4 = -2 g/k^2 with k_m k_n -> k^2 g/4;
    scalar: (2k)_m (2k)_n/k^4 -> g/k^2.  Magnitudes 2 : 1, the ratio of 1/(2 pi) to 1/(4 pi)."""
    cut = 3.0
    radial = lambda f: quad(lambda k: k**3 * f(k * k), 0, cut)[0]  # noqa: E731
    fermion = radial(lambda k2: -4 * (2 * k2 / 4 - k2) / k2**2)
    scalar = radial(lambda k2: 4 * k2 / 4 / k2**2)
    ratio = float(match.c9_fermion_loop(1.0, 1.0, 1e3, N_OVER_ALPHA) / match.c9_scalar_loop(1.0, 1.0, 1e3, N_OVER_ALPHA))
    assert fermion / scalar == pytest.approx(ratio, rel=1e-10)


# -- spin 0 ----------------------------------------------------------------------------------------------------------------

I2, SIGMA = np.eye(2), np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
GAMMA = np.array([np.kron([[1, 0], [0, -1]], I2), *(np.kron([[0, 1], [-1, 0]], s) for s in SIGMA)])
G5 = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
P_L, P_R = 0.5 * (np.eye(4) - G5), 0.5 * (np.eye(4) + G5)


def slash(p):
    return np.einsum("m,mij->ij", METRIC @ p, GAMMA)


def spinor(p, m, spin, anti=False):
    """u(p, spin), or v: solutions of (pslash -+ m) from a fixed spinor."""
    seed = np.zeros(4, complex)
    seed[spin + (2 if anti else 0)] = 1.0
    return (slash(p) + (-m if anti else m) * np.eye(4)) @ seed


def bar(s):
    return s.conj() @ GAMMA[0]


def on_shell(m, vector):
    return np.concatenate([[math.sqrt(m * m + np.dot(vector, vector))], vector])


def test_spin_zero_amplitude():
    """b -> s a*, a* -> mu- mu+: the derivative-coupled amplitude equals that of C_P and C_P', for all spins; no C9, C10 is left.
    1e-12: rounding."""
    rng = np.random.default_rng(3)
    m_b, m_s, m_mu, m_a, width = 4.8, 0.1, 0.1056583745, 1.3, 0.2
    c5, t5 = (2.0 + 0.7j) * 1e-5, -3e-4
    k1, k2 = on_shell(m_mu, rng.normal(size=3)), on_shell(m_mu, rng.normal(size=3))
    q = k1 + k2
    p_s = on_shell(m_s, rng.normal(size=3))
    p_b = p_s + q
    # the b quark's mass follows from the momenta
    m_b = math.sqrt(p_b @ METRIC @ p_b)
    q2 = q @ METRIC @ q
    wc = match.spin_zero(q2, c5, t5, m_a, width, m_b=m_b, m_s=m_s, m_mu=m_mu, n_over_alpha=N_OVER_ALPHA, m_b_operator=4.1)
    assert set(wc) == {"CP_bsmumu", "CPp_bsmumu"}
    propagator = 1.0 / (q2 - m_a**2 + 1j * m_a * width)
    for spins in np.ndindex(2, 2, 2, 2):
        b, s = spinor(p_b, m_b, spins[0]), spinor(p_s, m_s, spins[1])
        mu, anti = spinor(k1, m_mu, spins[2]), spinor(k2, m_mu, spins[3], anti=True)
        # i M = (i L_bs)(i/(q2 - m^2))(i L_mu); a leaves the quark vertex with momentum q: d_rho a -> +i q, at the other one -i q
        quark = 0.5 * c5 * 1j * (bar(s) @ slash(q) @ P_L @ b)
        muon = 0.5 * t5 * -1j * (bar(mu) @ slash(q) @ G5 @ anti)
        vector_current = bar(mu) @ slash(q) @ anti
        derivative = 1j * quark * 1j * propagator * 1j * muon
        # L = (alpha/4 pi N) sum C O, O_P = m_b (sbar P_R b)(mubar gamma5 mu)
        contact = wc["CP_bsmumu"] * (bar(s) @ P_R @ b) + wc["CPp_bsmumu"] * (bar(s) @ P_L @ b)
        contact = 1j / (4 * math.pi * N_OVER_ALPHA) * 4.1 * complex(contact) * (bar(mu) @ G5 @ anti)
        size = abs(0.25 * c5 * t5 * propagator) * 100.0
        assert abs(derivative - contact) < 1e-12 * max(abs(derivative), size)
        # a vector muon coupling drops out
        assert abs(vector_current) < 1e-12 * 100.0


def test_spin_zero_is_longitudinal_vector():
    """Eq. (3.9) of 2106.12582 for dimension-four couplings with C_4 t_4/m^2 = c5 t5/4."""
    q2 = jnp.array([1.0, 5.36688**2])
    m, width, c4, t4 = 10.0, 0.5, 1e-5, 2e-3
    k = 4 * math.pi * N_OVER_ALPHA
    vector = -k * 2 * 0.1056583745 * 4.2 * c4 * t4 / m**2 / (q2 - m**2 + 1j * m * width)
    wc = match.spin_zero(
        q2, 2 * c4 / m, 2 * t4 / m, m, width, m_b=4.2, m_s=0.08, m_mu=0.1056583745, n_over_alpha=N_OVER_ALPHA, m_b_operator=1.0
    )
    np.testing.assert_allclose(wc["CP_bsmumu"], vector, rtol=1e-13)
    np.testing.assert_allclose(wc["CPp_bsmumu"], -vector * 0.08 / 4.2, rtol=1e-13)
    electrons = match.spin_zero(q2, 1.0, 1.0, m, width, m_b=4.2, m_s=0.08, m_mu=5.11e-4, n_over_alpha=N_OVER_ALPHA, lepton="ee")
    assert set(electrons) == {"CP_bsee", "CPp_bsee"}
    # gradients at the pole
    f = lambda mass: jnp.abs(  # noqa: E731
        match.spin_zero(4.0, 1.0, 1.0, mass, 0.1, m_b=4.2, m_s=0.1, m_mu=0.1, n_over_alpha=N_OVER_ALPHA)["CP_bsmumu"]
    )
    assert np.isfinite(jax.grad(f)(2.0))
