"""B -> K(*) V on and off shell: printed numbers, adaptive quadrature in high precision, limits, thresholds, gradients."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import b_to_v, nunu
from fipkernels.form_factors import bcl, bsz

jax.config.update("jax_enable_x64", True)

# arXiv:2002.11150 and 2106.12582: masses and lifetimes (GeV), f+ of arXiv:1509.06235
M_B, M_K, TAU = 5.27934, 0.493677, 2.48856e12
M_B0, M_KST, TAU0 = 5.27966, 0.89555, 2.30777e12
END = M_B - M_K


def f_plus(s):
    return bcl(s, [0.466, -0.885, -0.213], 5.4154, M_B, M_K, True)


# arXiv:1503.05534 (LCSR + lattice), as in fipjax/data/form_factors_kstar.toml; a0_A12 from a0_A0
V = [0.376313, -1.16597, 2.42443]
A1 = [0.29725, 0.392378, 1.18916]
A12 = [0.369196 * (M_B0**2 - M_KST**2) / (8 * M_B0 * M_KST), 0.533638, 0.483166]


def k_star_ff(s):
    return tuple(bsz(s, a, m, M_B0, M_KST) for a, m in ((V, 5.415), (A1, 5.83), (A12, 5.83)))


def contact(q):
    return b_to_v.contact_k(q, M_B, M_K, f_plus(q * q))


def contact_star(q):
    return b_to_v.contact_kstar(q, M_B0, M_KST, *k_star_ff(q * q))


def column(*x):
    return jnp.array(x)[:, None]


@partial(jax.jit, static_argnums=(8, 9))
def dark(lo, hi, mass, width, bs_l, bs_r, m_chi, strength, scheme, mode):
    """fipkernels.b_to_v.dark_bins, compiled."""
    v = b_to_v.Resonance(mass, width, bs_l, bs_r, scheme)
    return b_to_v.dark_bins(lo, hi, v, m_chi, strength, contact_star if mode == "K*" else contact)


# -- on shell -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m,br", [(0.01, 1.983e15), (1.0, 1.979e11), (2.0, 4.867e10), (3.0, 1.997e10), (4.0, 7.739e9)])
def test_width_k_printed(m, br):
    """BR(B+ -> K+ V)/C4^2 with the inputs of the papers: four printed digits."""
    assert float(TAU * b_to_v.width_k(m * m, 1.0, M_B, M_K, f_plus(m * m))) == pytest.approx(br, rel=3e-4)


@pytest.mark.parametrize("m,br", [(0.05, 4.958e8), (0.5, 4.956e10), (2.0, 7.787e11), (4.0, 1.981e12)])
def test_width_k_transverse(m, br):
    """2002.11150 eq. (21): coupling g-tilde s, BR/g-tilde^2 in GeV^4."""
    assert float(TAU * b_to_v.width_k(m * m, m * m, M_B, M_K, f_plus(m * m))) == pytest.approx(br, rel=3e-4)


@pytest.mark.parametrize("m,br", [(0.01, 2.109e15), (1.0, 2.351e11), (2.0, 7.632e10), (3.0, 4.502e10), (4.0, 2.514e10)])
def test_width_kstar_printed(m, br):
    """BR(B0 -> K*0 V)/C4^2: four printed digits."""
    got = float(TAU0 * b_to_v.width_kstar(m * m, 1.0, 0.0, M_B0, M_KST, *k_star_ff(m * m)))
    assert got == pytest.approx(br, rel=3e-4)


def test_widths_against_tensors():
    """Widths from explicit polarisation sums over hadronic tensors (numpy), with left- and right-handed complex couplings.

    <K|sbar gamma^mu b|B> = f+ (p + k)^mu + q^mu (...), and the form factors of B -> K* in the frame of the B.  1e-12: rounding.
    """
    m_x, g_l, g_r = 1.7, 0.3 + 0.2j, -0.4 + 0.1j
    s = m_x * m_x

    def sum_over_v(current, e_v, p_v):
        # sum over polarisations of V: -g + q q/s
        q = np.array([e_v, 0, 0, p_v])
        metric = np.diag([1.0, -1, -1, -1])
        lower = metric @ current
        return np.real(-np.conj(current) @ lower + abs(np.conj(current) @ metric @ q) ** 2 / s)

    def kin(m_b, m):
        p = math.sqrt((m_b**2 - (m + m_x) ** 2) * (m_b**2 - (m - m_x) ** 2)) / (2 * m_b)
        return p, math.hypot(m, p), math.hypot(m_x, p)

    p, e_k, e_v = kin(M_B, M_K)
    fp = float(f_plus(s))
    both = np.array([M_B + e_k, 0, 0, -p]) * fp * 0.5 * (g_l + g_r)
    width = p / (8 * math.pi * M_B**2) * sum_over_v(both, e_v, p)
    assert float(b_to_v.width_k(s, g_l + g_r, M_B, M_K, fp)) == pytest.approx(width, rel=1e-12)

    p, e_k, e_v = kin(M_B0, M_KST)
    v, a1, a12 = (float(x) for x in k_star_ff(s))
    lam = 4 * M_B0**2 * p * p
    total = M_B0 + M_KST
    # A2 from A12: 1503.05534 eq. (A12 definition)
    a2 = (total**2 * (M_B0**2 - M_KST**2 - s) * a1 - 16 * M_B0 * M_KST**2 * total * a12) / lam
    rate = 0.0
    for eps in ([0, 1, 0, 0], [0, 0, 1, 0], [-p / M_KST, 0, 0, e_k / M_KST]):
        eps = np.array(eps, float)  # K* along -z for the longitudinal one
        big_p = np.array([M_B0, 0, 0, 0.0])
        k = np.array([e_k, 0, 0, -p])
        eq = eps[0] * M_B0  # eps.q = eps.P as eps.k = 0
        vector = np.zeros(4)
        if eps[0] == 0:  # i eps_{mu nu rho sigma} eps^nu P^rho k^sigma, transverse: a rotated vector of length M_B p
            vector = np.array([0, -eps[2], eps[1], 0]) * M_B0 * p
        axial = total * a1 * eps - a2 / total * eq * (big_p + k)
        current = (g_l + g_r) / 2 * 2 * v / total * vector * 1j + (g_r - g_l) / 2 * axial
        rate += sum_over_v(current, e_v, p)
    width = p / (8 * math.pi * M_B0**2) * rate
    assert float(b_to_v.width_kstar(s, g_l, g_r, M_B0, M_KST, v, a1, a12)) == pytest.approx(width, rel=1e-12)


def test_dipole_against_tensors():
    """Monopole and dipole couplings from the hadronic tensors of arXiv:2210.15662 eqs. (A.1) to (A.4), explicit polarisation sums.

    q_mu V_nu sigma^(mu nu) = V_mu i (i q_nu sigma^(mu nu)).  1e-12: rounding.
    """
    m_x, g_l, g_r, d_l, d_r = 1.3, 0.3 + 0.2j, -0.4 + 0.1j, 0.05 - 0.2j, 0.3 + 0.1j
    s = m_x * m_x

    def sum_over_v(current, q):
        lower = np.diag([1.0, -1, -1, -1]) @ current
        return np.real(-np.conj(current) @ lower + abs(np.conj(lower) @ q) ** 2 / s)

    def kin(m_b, m):
        p = math.sqrt((m_b**2 - (m + m_x) ** 2) * (m_b**2 - (m - m_x) ** 2)) / (2 * m_b)
        return p, math.hypot(m, p), np.array([math.hypot(m_x, p), 0, 0, p])

    p, e_k, q = kin(M_B, M_K)
    f_plus, f_t = 0.41, 0.37
    both = np.array([M_B + e_k, 0, 0, -p])
    # <K|sbar i q_nu sigma^(mu nu) b|B> = -q^2 f_T/(m_B + m_K) (p + k)^mu + ...
    current = 0.5 * ((g_l + g_r) * f_plus - 1j * (d_l + d_r) * s * f_t / (M_B + M_K)) * both
    width = p / (8 * math.pi * M_B**2) * sum_over_v(current, q)
    assert float(b_to_v.width_k(s, g_l + g_r, M_B, M_K, f_plus, d_l + d_r, f_t)) == pytest.approx(width, rel=1e-12)

    p, e_k, q = kin(M_B0, M_KST)
    plus, minus, lam = M_B0 + M_KST, M_B0 - M_KST, 4 * M_B0**2 * p * p
    v, a1, a2, t1, t2, t3 = 0.41, 0.33, 0.29, 0.35, 0.31, 0.22
    a12 = (plus**2 * (M_B0**2 - M_KST**2 - s) * a1 - lam * a2) / (16 * M_B0 * M_KST**2 * plus)
    t23 = (plus * minus * (M_B0**2 + 3 * M_KST**2 - s) * t2 - lam * t3) / (8 * M_B0 * M_KST**2 * minus)
    v1, v2, v3 = -v / plus, -a1 / minus, (plus * a1 - minus * a2) / s
    c1 = 0.5 * ((g_l + g_r) * v1 + 1j * (d_l + d_r) * t1)
    c2 = 0.5 * ((g_l - g_r) * v2 + 1j * (d_r - d_l) * t2)
    c3 = 0.5 * ((g_l - g_r) * v3 + 1j * (d_r - d_l) * t3)
    total = np.array([M_B0 + e_k, 0, 0, -p])
    rate = 0.0
    for eps in ([0, 1, 0, 0], [0, 0, 1, 0], [-p / M_KST, 0, 0, e_k / M_KST]):
        eta = np.array(eps, float)
        eq = eta[0] * M_B0
        p1 = 2 * np.array([0, -eta[2], eta[1], 0]) * M_B0 * p if eta[0] == 0 else np.zeros(4)
        p2 = 1j * (plus * minus * eta - eq * total)
        p3 = 1j * eq * (q - s / (plus * minus) * total)
        rate += sum_over_v(c1 * p1 + c2 * p2 + c3 * p3, q)
    width = p / (8 * math.pi * M_B0**2) * rate
    got = b_to_v.width_kstar(s, g_l, g_r, M_B0, M_KST, v, a1, a12, d_l, d_r, t1, t2, t23)
    assert float(got) == pytest.approx(width, rel=1e-12)


def test_thresholds():
    """Exactly zero with zero derivatives at and beyond the end point and for s <= 0; s Gamma is finite for s -> 0."""

    def k(s, g):
        return b_to_v.width_k(s, g, M_B, M_K, 0.4)

    def ks(s, g):
        return b_to_v.width_kstar(s, g, 0.1, M_B0, M_KST, 0.4, 0.3, 0.3)

    for f, end in ((k, END), (ks, M_B0 - M_KST)):
        step = jax.jit(jax.value_and_grad(f, argnums=(0, 1)))
        for s in (end * end * (1 + 1e-15), end * end + 1, 40.0, 0.0, -1.0):
            value, slopes = step(s, 0.3)
            assert float(value) == 0.0 and all(float(x) == 0.0 for x in slopes)
        for s in (1e-100, 1e-12, end * end * (1 - 1e-12), end * end * (1 - 1e-15)):
            value, slopes = step(s, 0.3)
            assert np.isfinite([float(value), *(float(x) for x in slopes)]).all()
        # longitudinal growth: s Gamma constant up to corrections of order s
        assert float(f(1e-12, 0.3)) * 1e-12 == pytest.approx(float(f(1e-10, 0.3)) * 1e-10, rel=1e-9)
        check_grads(jax.jit(f), (3.0, 0.3), order=1, modes=["fwd", "rev"], rtol=1e-5)


@pytest.mark.parametrize("key", ["K", "K*"])
def test_contact_against_nunu(key):
    """Contact rates against the amplitudes of fipkernels.nunu with |N| = 1, C_L, C_R: G = 2 C.  1e-12: rounding."""
    q = jnp.array([[0.01, 0.5, 2.0, 4.0]])
    c_l, c_r = 0.3 + 0.1j, -0.2 + 0.4j
    if key == "K":
        p = nunu.pseudoscalar(q, m_b=M_B, m_k=M_K, n_abs=1.0, c_l=0.0, f_plus=f_plus(q * q))
        vector, axial = contact(q)
    else:
        p = nunu.vector(q, m_b=M_B0, m_v=M_KST, n_abs=1.0, c_l=0.0, ff=k_star_ff(q * q))
        vector, axial = contact_star(q)
    want = sum(t[2] * jnp.abs(c_l * p.u["L"][t[0]] + c_r * p.u["R"][t[0]]) ** 2 for t in p.forms["rate"])
    got = 4.0 * (vector * abs(c_l + c_r) ** 2 + axial * abs(c_l - c_r) ** 2)
    np.testing.assert_allclose(got, want, rtol=1e-12)


# -- off shell ----------------------------------------------------------------------------------------------------------


def exact_dark(lo, hi, m, width, g, scheme, m_chi=0.0):
    """tau-less Gamma(B -> K chi chi) from 2002.11150 eq. (22) by adaptive quadrature (mpmath, 20 digits); g(s) coupling."""
    with mp.workdps(20):
        b = [mp.mpf(x) for x in (0.466, -0.885, -0.213)]
        m_b, m_k, m, width = (mp.mpf(x) for x in (M_B, M_K, m, width))
        t_p, t_0 = (m_b + m_k) ** 2, (m_b + m_k) * (mp.sqrt(m_b) - mp.sqrt(m_k)) ** 2

        def rate(q):
            s = q * q
            z = (mp.sqrt(t_p - s) - mp.sqrt(t_p - t_0)) / (mp.sqrt(t_p - s) + mp.sqrt(t_p - t_0))
            fp = sum(b[k] * (z**k - (-1) ** (k - 3) * mp.mpf(k) / 3 * z**3) for k in range(3)) / (1 - s / mp.mpf(5.4154) ** 2)
            lam = max((m_b - m_k - q) * (m_b + m_k + q) * (m_b**2 - (m_k - q) ** 2), mp.mpf(0))
            width_kv = g(s) ** 2 * fp**2 * lam * mp.sqrt(lam) / (64 * mp.pi * m_b**3 * s)
            beta = mp.sqrt(max(1 - 4 * mp.mpf(m_chi) ** 2 / s, mp.mpf(0)))
            width_inv = q / (12 * mp.pi) * beta * (3 - beta**2) / 2
            im = width * (q if scheme == "sqrt_q2" else m)
            return 2 * q * q / mp.pi * width_inv * width_kv / ((s - m * m) ** 2 + im * im)

        lo = max(mp.mpf(lo), 2 * mp.mpf(m_chi))
        points = {mp.mpf(lo), mp.mpf(hi)}
        for k in range(-6, 8):
            for x in (m - width * mp.mpf(10) ** k, m + width * mp.mpf(10) ** k, m):
                if lo < x < hi:
                    points.add(x)
        return mp.quad(rate, sorted(points))


BINS = ((1e-3, 2.4), (2.4, 3.4), (3.4, 4.0), (4.0, END))


@pytest.mark.parametrize(
    "m,gamma,scheme,m_chi,h6",
    [
        (3.0, 1e-9, "sqrt_q2", 0.0, False),
        (2.4, 1e-5, "sqrt_q2", 0.0, True),  # on a bin edge
        (2.4001, 1e-3, "constant", 0.3, False),
        (0.01, 1e-6, "sqrt_q2", 0.0, True),  # flat tail of a coupling that grows with q^2
        (3.7, 0.1, "constant", 1.5, True),
        (4.8, 1e-3, "sqrt_q2", 0.0, False),  # just beyond the end point
        (1.0, 0.5, "sqrt_q2", 0.6, True),  # below the threshold of the dark pair
        (1.2002, 1e-7, "sqrt_q2", 0.6, False),  # just above it
        (10.0, 0.5, "constant", 0.0, False),
    ],
)
def test_dark_bins(m, gamma, scheme, m_chi, h6):
    """Every bin against adaptive quadrature.  1e-8: the claim of resonance_nodes; bins below 1e-14 of the largest do not count."""
    lo, hi = (column(*x) for x in zip(*BINS, strict=True))
    poly = jnp.array([[0.7], [0.3 if h6 else 0.0]])
    got = dark(lo, hi, jnp.array([m]), jnp.array([m * gamma]), poly, None, column(m_chi), column(1.0), scheme, "K")[:, 0]
    want = [float(exact_dark(*b, m, m * gamma, lambda s: 0.7 + (0.3 * s if h6 else 0), scheme, m_chi)) for b in BINS]
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-14 * max(want))


def test_off_shell_printed():
    """m_V <= 10 MeV, coupling h6 q^2: BR/(h6^2 gamma) = 1.0433e12 GeV^4 in all, 3.589e11 and 2.075e11 in the two windows."""
    for gamma, m in ((1e-3, 1e-4), (0.5, 1e-3)):
        mass, poly, strength = jnp.array([m]), column(0.0, 1.0), column(12 * math.pi * gamma)
        lo, hi = column(1e-9, 1e-9, 3.4), column(END, 2.4, 4.0)
        got = TAU * dark(lo, hi, mass, gamma * mass, poly, None, column(0.0), strength, "sqrt_q2", "K")[:, 0]
        np.testing.assert_allclose(got / gamma, [1.0433e12, 3.589e11, 2.075e11], rtol=3e-4)


@pytest.mark.parametrize("gamma", [1e-9, 1e-15])
def test_narrow_limit(gamma):
    """On-shell width times BR_inv in the bin that holds m, in every other bin suppressed by gamma; several masses at once.

    Massive dark pair and complex couplings of both chiralities, B -> K*; relative corrections of order gamma ln gamma, 1e-7."""
    m = jnp.array([0.9, 2.0, 2.399, 2.401, 3.9])
    width = gamma * m
    g_l, g_r = jnp.full((1, 5), 0.2 + 0.1j), jnp.full((1, 5), -0.3 + 0.0j)
    strength, m_chi = jnp.full((1, 5), gamma), jnp.full((1, 5), 0.4)
    lo, hi = column(0.0, 2.4), column(2.4, M_B0 - M_KST)
    got = dark(lo, hi, m, width, g_l, g_r, m_chi, strength, "sqrt_q2", "K*")
    partial = strength[0] * m / (12 * math.pi) * b_to_v.dark_shape(m, 0.4)
    on_shell = b_to_v.width_kstar(m * m, g_l[0], g_r[0], M_B0, M_KST, *k_star_ff(m * m)) * partial / width
    inside = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 1, 1]])
    np.testing.assert_allclose(got, inside * on_shell, rtol=1e-6, atol=1e-5 * float(on_shell.min()))


def test_gradient_across_an_edge():
    """d/dm, d/dGamma, d/dm_chi as m crosses a bin edge, against central differences of the exact integral at 20 digits.

    1e-6: the gradient of the quadrature (40 nodes) at a width of 1e-3 of the mass.
    """
    lo, hi = column(2.4), column(3.4)

    def rate(m, width, m_chi):
        return dark(lo, hi, m[None], width[None], column(0.7, 0.3), None, m_chi[None, None], column(1.0), "sqrt_q2", "K")[0, 0]

    step = jax.jit(jax.grad(rate, argnums=(0, 1, 2)))
    for m in (2.399, 2.4, 2.4003):
        x = (m, 2.4e-3, 0.7)
        got = step(*(jnp.float64(a) for a in x))
        for i, slope in enumerate(got):
            h = 1e-7
            up, down = ([a + (j == i) * sign * h for j, a in enumerate(x)] for sign in (1, -1))
            ends = [exact_dark(2.4, 3.4, u[0], u[1], lambda s: 0.7 + 0.3 * s, "sqrt_q2", u[2]) for u in (up, down)]
            want = float((ends[0] - ends[1]) / (2 * mp.mpf(h)))
            # finite differences: third derivative h^2/width^2, 1e-8 of f/width
            assert float(slope) == pytest.approx(want, rel=1e-6), (m, i)


def test_neutrinos_and_interference():
    """Two vectors (degenerate, or a narrow on a broad one) beside a complex contact amplitude, averaged over CP, B -> K*.

    Reference: |G + sum g g'/D|^2 - |G|^2 for B and its conjugate by direct summation on 4e5 points per piece; 1e-5: that sum.
    """
    lo, hi = column(0.5, 2.0), column(2.0, 4.0)
    g_l, g_r = 0.3 * np.exp(0.4j), 0.1 * np.exp(-0.7j)
    for masses, gammas, schemes in (
        ((1.5, 1.5), (0.01, 0.3), ("sqrt_q2", "constant")),
        ((2.5, 2.6), (0.002, 0.2), ("constant", "sqrt_q2")),
        ((6.0, 0.2), (0.1, 0.05), ("sqrt_q2", "sqrt_q2")),
    ):
        bs = ((0.5 + 0.2j, 0.1), (0.3, -0.2j))
        nu = ((0.7, 0.05), (-0.4, 0.0))
        rs = [
            b_to_v.Resonance(jnp.array([m]), jnp.array([m * g]), jnp.array([[b[0] + 0j]]), jnp.array([[b[1] + 0j]]), scheme)
            for m, g, b, scheme in zip(masses, gammas, bs, schemes, strict=True)
        ]
        g_nu = [column(a, b) for a, b in nu]
        got = jax.jit(lambda lo, hi: b_to_v.neutrino_bins(lo, hi, rs, g_nu, g_l, g_r, contact_star)[:, 0])(lo, hi)  # noqa: B023
        for i, (a, b) in enumerate(((0.5, 2.0), (2.0, 4.0))):
            edges = np.linspace(a, b, 400_001)
            q = 0.5 * (edges[1:] + edges[:-1])
            vector, axial = (np.asarray(x) for x in jax.jit(contact_star)(jnp.asarray(q)))
            total = 0.0
            for conj in (lambda x: x, np.conj):
                left, right = conj(g_l) + 0 * q, conj(g_r) + 0 * q
                for m, g, c, n, scheme in zip(masses, gammas, bs, nu, schemes, strict=True):
                    d = q * q - m * m + 1j * m * g * (q if scheme == "sqrt_q2" else m)
                    left = left + conj(c[0]) * (n[0] + n[1] * q * q) / d
                    right = right + conj(c[1]) * (n[0] + n[1] * q * q) / d
                total = total + 0.5 * vector * (abs(left + right) ** 2 - abs(g_l + g_r) ** 2)
                total = total + 0.5 * axial * (abs(left - right) ** 2 - abs(g_l - g_r) ** 2)
            want = float(np.sum(total) * (b - a) / len(q))
            assert float(got[i]) == pytest.approx(want, rel=1e-5), (masses, i)


def test_contact_bins_and_basis():
    """The whole spectrum against adaptive quadrature, and the first moment in q with a basis.  1e-10: 40 nodes."""
    lo, hi = np.array([0.0, 3.0]), np.array([3.0, END])
    plus, minus = jax.jit(lambda: b_to_v.contact_bins(lo, hi, contact))()
    moments, _ = jax.jit(lambda: b_to_v.contact_bins(lo, hi, contact, lambda q: [jnp.ones_like(q), q]))()
    for i in range(2):
        x, w = np.polynomial.legendre.leggauss(400)
        q = 0.5 * (lo[i] + hi[i]) + 0.5 * (hi[i] - lo[i]) * x
        f = np.asarray(contact(jnp.asarray(q))[0]) * 0.5 * (hi[i] - lo[i]) * w
        assert float(plus[i]) == pytest.approx(f.sum(), rel=1e-10)
        assert float(moments[0][i]) == pytest.approx(f.sum(), rel=1e-10)
        assert float(moments[1][i]) == pytest.approx((f * q).sum(), rel=1e-10)
    assert float(jnp.max(jnp.abs(minus))) == 0.0


def test_closed_dark_channel():
    """Dark pairs heavier than the range allows: exactly zero, and so every derivative."""

    def rate(m, width, m_chi):
        lo, hi, one = column(0.0), column(END), column(1.0)
        return dark(lo, hi, m[None], width[None], one, None, m_chi[None, None], one, "sqrt_q2", "K")[0, 0]

    step = jax.jit(jax.value_and_grad(rate, argnums=(0, 1, 2)))
    for m_chi in (END / 2, 2.6, 10.0):
        value, slopes = step(*(jnp.float64(x) for x in (3.0, 0.1, m_chi)))
        assert float(value) == 0.0 and all(float(x) == 0.0 for x in slopes)


def test_single_precision():
    """float32: 1e-4 for widths that it can represent next to the mass."""

    def rate(dtype):
        lo, hi, zero, one = (jnp.array([[x]], dtype) for x in (1.0, 3.0, 0.0, 1.0))
        mass, width = (jnp.array([x], dtype) for x in (2.0, 2e-3))
        return dark(lo, hi, mass, width, jnp.array([[0.7], [0.3]], dtype), None, zero, one, "sqrt_q2", "K")[0, 0]

    single = rate(jnp.float32)
    assert single.dtype == jnp.float32
    assert float(single) == pytest.approx(float(rate(jnp.float64)), rel=1e-4)
