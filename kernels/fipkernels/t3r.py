r"""U(1)_T3R with right-handed u, d, mu, nu charged (Dutta, Ghosh, Huang, Kumar, arXiv:2105.07655; equation numbers below are of
that paper).

A dark photon A' and a dark Higgs phi' from phi = V + phi'/sqrt2.  Charges Q(u_R, nu_R, phi) = +2, Q(d_R, mu_R) = -2, Q(eta) = 1 and
D = d - i (g/2) Q A', so that m_A' = sqrt2 g V, a right-handed fermion couples with |g|, half of it vector and half axial, and eta
with g/2.  phi' couples to a fermion with m_f/(sqrt2 V).  The vacuum expectation value of the Standard Model is <H> = v/sqrt2.

Elementwise on broadcasting arrays; masses, widths and V in GeV, cross sections in GeV^-2 (times :data:`CM2` for cm^2).  Loop
functions C_phi' and C_A': :func:`fipkernels.g2.c_phi`, :func:`fipkernels.g2.c_a`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fipkernels import g2, relic
from fipkernels.dark_photon import ALPHA, M_E, M_MU
from fipkernels.kinematics import beta, sqrt_pos
from fipkernels.widths import vector_to_fermions

SQRT2 = math.sqrt(2.0)
HBARC = 1.973269804e-16  # GeV m
CM2 = 3.8937937e-28  # cm^2 per GeV^-2
# PDG: neutral pion, pion decay constant (92.2 MeV normalisation), rho, nucleon, proton; GeV
M_PI0, F_PI, M_RHO, M_NUCLEON, M_PROTON = 0.1349768, 0.0922, 0.77526, 0.9389187, 0.9382721
# muon mass of the printed prefactor 6.98e-7 of eq. (3)
M_MU_PRINTED = 0.105

# U(1)_T3R charges of left-handed Weyl fields, Table III: name -> (number of states, hypercharge, charge)
CHARGES = {
    "u_R^c": (3, -2.0 / 3.0, -2.0),
    "d_R^c": (3, 1.0 / 3.0, 2.0),
    "mu_R^c": (1, 1.0, 2.0),
    "nu_R^c": (1, 0.0, -2.0),
}


# --- couplings and g-2 ---------------------------------------------------------------------------------------------------


def gauge_coupling(m_ap, v):
    """g = m_A'/(sqrt2 V), from m_A'^2 = 2 g^2 V^2."""
    return m_ap / (SQRT2 * v)


def delta_a_mu(m_phip, m_ap, v, m_mu=M_MU):
    """Delta a_mu = m_mu^2/(16 pi^2 V^2) [C_phi'(m_phi'/m_mu) - C_A'(m_A'/m_mu)], eq. (3); masses >= 0, V > 0.

    The factor is 7.0695e-7 at V = 10 GeV; the paper's 6.98e-7 and its windows of m_phi' are those of m_mu = M_MU_PRINTED.
    Two loops and the interference of kinetic mixing with the tree coupling (3e-10 at V = 10 GeV, of unknown sign) are left out.
    """
    return (m_mu / (4.0 * math.pi * v)) ** 2 * (g2.c_phi(m_phip / m_mu) - g2.c_a(m_ap / m_mu))


def inverse_c_phi(y):
    """r with C_phi'(r) = y for 0 < y < 3/2; 0 for larger y, infinity for smaller, with zero derivative there.

    Bisection in ln r, then one Newton step; the derivative is that of the implicit function.  Relative accuracy 1e-14, towards y =
    3/2 1e-16/(3/2 - y).
    """
    y = 1.0 * jnp.asarray(y)
    inside = (y > 0.0) & (y < 1.5)
    target = jnp.where(inside, y, 0.5)
    fixed = jax.lax.stop_gradient(target)
    low, high = jnp.full_like(fixed, -35.0), jnp.full_like(fixed, 30.0)

    def halve(_, edges):
        low, high = edges
        mid = 0.5 * (low + high)
        above = g2.c_phi(jnp.exp(mid)) > fixed
        return jnp.where(above, mid, low), jnp.where(above, high, mid)

    low, high = jax.lax.fori_loop(0, 40, halve, (low, high))
    start = jax.lax.stop_gradient(jnp.exp(0.5 * (low + high)))
    value, slope = jax.jvp(g2.c_phi, (start,), (jnp.ones_like(start),))
    r = start + (target - value) / slope
    return jnp.where(inside, r, jnp.where(y >= 1.5, 0.0, jnp.inf))


def phi_mass(m_ap, shift, v, m_mu=M_MU):
    """m_phi' at which Delta a_mu = shift for a given m_A'; 0 where none is light enough, infinity where none is heavy enough."""
    return m_mu * inverse_c_phi(g2.c_a(m_ap / m_mu) + shift * (4.0 * math.pi * v / m_mu) ** 2)


# --- scalar sector -------------------------------------------------------------------------------------------------------


class ScalarMixing(NamedTuple):
    """Squares of m_h and m_phi' (GeV^2; negative: no minimum) and the angle of h = cos(alpha) rho_0 - sin(alpha) rho_phi."""

    m_h2: jax.Array
    m_phip2: jax.Array
    alpha: jax.Array


def scalar_mixing(l_h, l_phi, l_mix, v, vev):
    """Masses and mixing from the quartic couplings of eq. (A1), exact; h is the heavier state, -pi/2 < alpha <= pi/2.

    Mass matrix in (rho_0, rho_phi): 2 l_h v^2, 4 l_phi V^2, off-diagonal sqrt2 l v V (vev: V).  Two equal states without mixing:
    alpha = 0, with zero derivative.
    """
    a, b, c = 2.0 * l_h * v * v, 4.0 * l_phi * vev * vev, SQRT2 * l_mix * v * vev
    size2 = (a - b) ** 2 + 4.0 * c * c
    mixed = size2 > 0.0
    size = jnp.where(mixed, jnp.sqrt(jnp.where(mixed, size2, 1.0)), 0.0)
    heavy = 0.5 * (a + b + size)
    angle = 0.5 * jnp.arctan2(jnp.where(mixed, -2.0 * c, 0.0), jnp.where(mixed, a - b, 1.0))
    # from the determinant: no cancellation for a light phi'
    there = heavy > 0.0
    light = jnp.where(there, (a * b - c * c) / jnp.where(there, heavy, 1.0), 0.5 * (a + b - size))
    return ScalarMixing(heavy, light, angle)


def scalar_couplings(m_h, m_phip, alpha, v, vev):
    """(l_H, l_phi, l) of eq. (A1) from masses and mixing angle: the inverse of :func:`scalar_mixing`."""
    s, c = jnp.sin(alpha), jnp.cos(alpha)
    h2, p2 = m_h * m_h, m_phip * m_phip
    l_h = (c * c * h2 + s * s * p2) / (2.0 * v * v)
    l_phi = (s * s * h2 + c * c * p2) / (4.0 * vev * vev)
    return l_h, l_phi, s * c * (p2 - h2) / (SQRT2 * v * vev)


def scalar_mass_terms(l_h, l_phi, l_mix, v, vev):
    """(m_H^2, m_phi^2) of eq. (A1) that put the minimum at <H> = v/sqrt2, <phi> = V."""
    return -l_h * v * v - l_mix * vev * vev, -2.0 * l_phi * vev * vev - 0.5 * l_mix * v * v


def higgs_trilinear(l_h, l_phi, l_mix, alpha, v, vev):
    """kappa in GeV of V = kappa h phi' phi' + ..., exact in alpha; l v/2 for alpha -> 0."""
    s, c = jnp.sin(alpha), jnp.cos(alpha)
    own = 3.0 * c * s * s * l_h * v - 3.0 * SQRT2 * s * c * c * l_phi * vev
    return own + l_mix * (0.5 * v * (c**3 - 2.0 * s * s * c) + vev / SQRT2 * (2.0 * c * c * s - s**3))


def higgs_to_phi(kappa, m_h, m_phip):
    """Gamma(h -> phi' phi') = kappa^2/(8 pi m_h) sqrt(1 - 4 m_phi'^2/m_h^2), kappa of :func:`higgs_trilinear`; 0 where closed.

    For alpha -> 0 this is (l v)^2/(32 pi m_h).
    """
    return kappa * kappa / (8.0 * math.pi * m_h) * beta(m_phip, m_h * m_h)


# --- fermions ------------------------------------------------------------------------------------------------------------


class Seesaw(NamedTuple):
    """Masses of f and chi_f (GeV) and mixing angles, f = cos(theta) f' - sin(theta) chi', chi = sin(theta) f' + cos(theta) chi' for
    each handedness: eq. (A8) with the sign that eqs. (A9) and (A10) need."""

    m_f: jax.Array
    m_chi: jax.Array
    theta_l: jax.Array
    theta_r: jax.Array


def seesaw(x, y, m):
    """Exact diagonalisation of eq. (A5), M = [[0, x], [y, m]]: x = l_L v/sqrt2, y = l_R V, m = m_chi', all >= 0, not all 0, in GeV.

    m_chi^2 is the larger root of s^2 - (x^2 + y^2 + m^2) s + x^2 y^2 and m_f = x y/m_chi, without cancellation.  The leading terms
    eqs. (A6), (A9), (A10) are m_f = x y/m, tan theta_L = x/m, tan theta_R = y/m.  m = 0 and x = y: degenerate, angles pi/4.
    """
    trace = x * x + y * y + m * m
    # (trace - 2 x y)(trace + 2 x y), positive
    root = sqrt_pos(((x - y) ** 2 + m * m) * ((x + y) ** 2 + m * m))
    m_chi = jnp.sqrt(0.5 * (trace + root))

    def angle(sine, cosine):
        there = (sine != 0.0) | (cosine != 0.0)
        return jnp.where(there, 0.5 * jnp.arctan2(jnp.where(there, sine, 0.0), jnp.where(there, cosine, 1.0)), 0.25 * math.pi)

    left = angle(2.0 * x * m, m * m + (y - x) * (y + x))
    right = angle(2.0 * y * m, m * m + (x - y) * (x + y))
    return Seesaw(x * y / m_chi, m_chi, left, right)


def heavy_fermion_mass(m_f, l_l, l_r, v, vev):
    """Physical mass of chi_f for given m_f > 0: l_L l_R v V/(sqrt2 m_f), exact (the printed eq. (A6) has m_chi' there)."""
    return l_l * l_r * v * vev / (SQRT2 * m_f)


def majorana_masses(m_d, m_m):
    """(m_1, m_2) = (m_M - m_D, m_M + m_D) of the two dark Majorana fermions, for m_M >= m_D >= 0."""
    return m_m - m_d, m_m + m_d


# --- decays --------------------------------------------------------------------------------------------------------------

_TERMS = 30  # (1/4)^30 = 1e-18


def _asin2_series(n: int) -> list[float]:
    """arcsin(sqrt t)^2 = sum_k c_k t^k, k = 1 ... n."""
    return [0.5 * 4.0**k / (k * k * math.comb(2 * k, k)) for k in range(1, n + 1)]


# coefficients of A(t) = 2 [t + (t - 1) asin^2(sqrt t)]/t^2: the first terms cancel
_C = _asin2_series(_TERMS + 2)
_AMPLITUDE = [2.0 * (_C[k] - _C[k + 1]) for k in range(_TERMS)]


def fermion_amplitude(t):
    """(Re, Im) of A(t) = 2 [t + (t - 1) f(t)]/t^2, t = m_phi'^2/(4 m_f^2) >= 0: fermion loop in phi' -> gamma gamma.

    f = arcsin(sqrt t)^2 up to t = 1, -[ln((1 + b)/(1 - b)) - i pi]^2/4 with b = sqrt(1 - 1/t) above.  A(0) = 4/3.  Series below
    1/4; accurate to 1e-14, also in the derivative, which is that of the limit at t = 1.
    """
    t = 1.0 * jnp.asarray(t)
    small = t < 0.25
    series = jnp.full_like(t, _AMPLITUDE[-1])
    near = jnp.where(small, t, 0.0)
    for c in _AMPLITUDE[-2::-1]:
        series = series * near + c
    above = t > 1.0
    low = jnp.where(small | above, 0.5, t)
    angle = jnp.arctan2(jnp.sqrt(low), sqrt_pos(1.0 - low))
    below_re = 2.0 * (low + (low - 1.0) * angle * angle) / (low * low)
    high = jnp.where(above, t, 2.0)
    log = 2.0 * jnp.arcsinh(sqrt_pos(high - 1.0))
    above_re = 2.0 * (high - 0.25 * (high - 1.0) * (log * log - math.pi**2)) / (high * high)
    above_im = math.pi * (high - 1.0) * log / (high * high)
    re = jnp.where(small, series, jnp.where(above, above_re, below_re))
    return re, jnp.where(above, above_im, 0.0)


def phi_to_photons(m_phip, v, m_mu=M_MU):
    """Gamma(phi' -> gamma gamma) = alpha^2 m^3/(512 pi^3 V^2) |A|^2 from the muon loop; loops of u and d (hadrons) are left out."""
    re, im = fermion_amplitude(0.25 * (m_phip / m_mu) ** 2)
    return ALPHA**2 * m_phip**3 / (512.0 * math.pi**3 * v * v) * (re * re + im * im)


def phi_to_vectors(m_phip, m_ap, v):
    """Gamma(phi' -> A' A') = m^3/(64 pi V^2) sqrt(1 - 4x)(1 - 4x + 12x^2), x = m_A'^2/m_phi'^2; 0 where closed."""
    b = beta(m_ap, m_phip * m_phip)
    x = (m_ap / m_phip) ** 2
    return m_phip**3 / (64.0 * math.pi * v * v) * b * (1.0 - 4.0 * x + 12.0 * x * x)


def phi_to_eta(m_phip, m_eta, v):
    """Gamma(phi' -> eta eta) = y^2 m beta^3/(16 pi) for one Majorana fermion, y = m_eta/(sqrt2 V), eq. (A11); 0 where closed."""
    y = m_eta / (SQRT2 * v)
    return y * y * m_phip / (16.0 * math.pi) * beta(m_eta, m_phip * m_phip) ** 3


def kinetic_mixing(m_ap, v, factor=1.0):
    """epsilon = factor (m_A'/(sqrt2 V)) sqrt(alpha/(4 pi^3)) = factor e g/(4 pi^2): loop of the charged fermions.

    An order of magnitude with an unknown sign: sum of N_c Q_em Q/2 over u, d, mu is 4, hence (e g/(6 pi^2)) ln, and the paper's
    value is ln = 3/2; ``factor`` stands for the rest.
    """
    return factor * gauge_coupling(m_ap, v) * math.sqrt(ALPHA / (4.0 * math.pi**3))


def electron_width(m_ap, eps):
    """Gamma(A' -> e+ e-) = (alpha eps^2 m/3)(1 + 2 m_e^2/m^2) sqrt(1 - 4 m_e^2/m^2)."""
    return vector_to_fermions(m_ap, M_E, math.sqrt(4.0 * math.pi * ALPHA) * eps, 0.0)


def chiral_width(m_ap, m_f, g, n_c=1.0):
    """Gamma(A' -> f fbar) of a right-handed coupling g: n_c g^2 m/(24 pi) (1 - r) sqrt(1 - 4r), r = m_f^2/m^2."""
    return vector_to_fermions(m_ap, m_f, 0.5 * g, 0.5 * g, n_c)


def pion_photon_width(m_ap, g_up, g_down):
    """Gamma(A' -> pi0 gamma) for vector couplings g_up, g_down to u and d, from the anomaly; not in the paper.

    e^2 g_pi^2 m^3/(1536 pi^5 f_pi^2) (1 - m_pi^2/m^2)^3 with g_pi = 2 g_up + g_down (arXiv:1404.4370 eq. (7) for baryon number,
    where
    g_pi = g_B), times the rho pole (1 - m^2/m_rho^2)^-2, which holds for g_up = -g_down.  20 %, m < 2 m_pi.
    """
    is_open = m_ap > M_PI0
    m = jnp.where(is_open, m_ap, 1.0)
    phase = 1.0 - (M_PI0 / m) ** 2
    pole = 1.0 / (1.0 - (jnp.minimum(m, 0.9 * M_RHO) / M_RHO) ** 2) ** 2
    g = 2.0 * g_up + g_down
    rate = ALPHA * g * g * m**3 / (384.0 * math.pi**4 * F_PI**2) * phase**3 * pole
    return jnp.where(is_open, rate, 0.0)


def decay_length(energy, mass, width):
    """Mean flight (p/m) hbar c/Gamma in metres at a given energy; 0 at rest (energy <= mass); width > 0."""
    return sqrt_pos((energy - mass) * (energy + mass)) / mass * HBARC / width


def needed_displacement(energy, m_ap, v, factor=1.0):
    """Largest d/ln N in metres at which N exp(-d/d_dec) >= 1: the decay length for A' -> e e alone (the paper's Figure 6)."""
    return decay_length(energy, m_ap, electron_width(m_ap, kinetic_mixing(m_ap, v, factor)))


# --- dark matter ---------------------------------------------------------------------------------------------------------
# f_u + f_d of the nucleon for sigma_piN = 34 MeV (arXiv:1305.0237).  It grows with sigma_piN, about 0.049 for 46 MeV and 0.063 for
# the 59 MeV of arXiv:1506.04142, and rates with its square: the largest uncertainty
F_UD = 0.0153 + 0.0191


def reduced_mass(m, m_n):
    """m m_n/(m + m_n)."""
    return m * m_n / (m + m_n)


def nucleon_scalar(m_eta, m_phip, v, f=F_UD, m_n=M_NUCLEON):
    """Elastic, spin-independent sigma(eta N) in GeV^-2 through phi' (q^2 << m_phi'^2): mu^2 m_eta^2 m_N^2 f^2/(4 pi V^4 m_phi'^4).

    Not printed in the paper.  f = f_u + f_d of the nucleon: only u and d couple.  A nucleus: A^2.
    """
    mu = reduced_mass(m_eta, m_n)
    return (mu * m_eta * m_n * f / (v * v * m_phip * m_phip)) ** 2 / (4.0 * math.pi)


def nucleon_vector(m_eta, v, m_n=M_PROTON):
    """Inelastic sigma(eta_1 p -> eta_2 p) in GeV^-2 through A' without mass splitting: mu^2/(64 pi V^4), independent of m_A'.

    Not printed.  Spin-independent (vector current; the text of the paper says spin-dependent).  A nucleus: (2Z - A)^2, as p and n
    have opposite charges.
    """
    return (reduced_mass(m_eta, m_n) / (8.0 * v * v)) ** 2 / math.pi


def annihilation(energy, m_eta, m_phip, v, width, final):
    """sigma v_rel in GeV^-2 of eta eta -> phi' -> X at E = sqrt(s) (Majorana eta, p wave); final: Gamma(phi' -> X) for mass E.

    (y^2 v_rel^2/4) E Gamma_X/[(s - m^2)^2 + m^2 Gamma^2], v_rel^2/4 = 1 - 4 m_eta^2/s, y = m_eta/(sqrt2 V).  0 below threshold.
    """
    s = energy * energy
    y = m_eta / (SQRT2 * v)
    b = beta(m_eta, s)
    off = (energy - m_phip) * (energy + m_phip)
    return y * y * b * b * energy * final / (off * off + (m_phip * width) ** 2)


# nodes on either side of the resonance, and how far the thermal tail is followed
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_RANGE = 40.0


def thermal_average(x, m_eta, m_phip, v, m_ap=None):
    """<sigma v> in GeV^-2 of eta eta -> phi' -> gamma gamma (and A' A' if m_ap is given) at x = m_eta/T >= 1.

    Gondolo-Gelmini average; all arguments (B,).  The resonance is as narrow as 1e-12 of its mass: nodes in t = sqrt(E - 2 m_eta)
    follow the pole, t = a + w sinh(u), and s - m_phi'^2 is formed without cancellation.  1e-8 for m_eta above m_phi'/2 (1e-4
    where the tail reaches the cusp of gamma gamma at 2 m_mu), 1e-6 below, where phi' -> eta eta is open.
    """
    shape = jnp.broadcast_shapes(*(jnp.shape(a) for a in (x, m_eta, m_phip, v)))
    x, m_eta, m_phip, v = (jnp.broadcast_to(1.0 * jnp.asarray(a), shape) for a in (x, m_eta, m_phip, v))

    def final(energy):
        out = phi_to_photons(energy, v)
        return out if m_ap is None else out + phi_to_vectors(energy, m_ap, v)

    width = final(m_phip) + phi_to_eta(m_phip, m_eta, v)
    temperature = m_eta / x
    nodes, weights = (jnp.asarray(k, x.dtype).reshape(-1, *(1,) * x.ndim) for k in (_NODES, _WEIGHTS))
    # pole at t = a - i b with t^2 = re - i im
    re, im = m_phip - 2.0 * m_eta, 0.5 * width
    size = jnp.sqrt(re * re + im * im)
    big = jnp.sqrt(0.5 * (size + jnp.abs(re)))
    small = 0.5 * im / big
    a, b = jnp.where(re >= 0.0, big, small), jnp.where(re >= 0.0, small, big)
    last = jnp.sqrt(_RANGE * temperature)
    beyond = a > last
    center = jnp.where(beyond, last, a)
    gap = jnp.where(beyond, a - last, 0.0)
    w = jnp.sqrt(gap * gap + b * b)
    edge = jnp.arcsinh(jnp.stack([-center, last - center])[:, None] / w)
    u = 0.5 * edge * (1.0 + nodes)
    delta = w * jnp.sinh(u)
    t = center + delta
    # t^2 - re, and a^2 - re = b^2
    off = jnp.where(beyond, center * center - re, b * b) + delta * (2.0 * center + delta)
    energy = 2.0 * m_eta + t * t
    square = t * t * (energy + 2.0 * m_eta)  # s - 4 m_eta^2
    speed = sqrt_pos(square) / energy
    y = m_eta / (SQRT2 * v)
    d = (off * (energy + m_phip)) ** 2 + (m_phip * width) ** 2
    # sigma (s - 4 m^2) = (y^2/2) beta^3 s^(3/2) Gamma_X/|D|^2, times ds = 2 E 2 t dt, times sqrt(s) K_1
    value = 0.5 * y * y * speed**3 * energy**3 * final(energy) / d * 4.0 * energy * t
    scaled = relic.bessel_k_scaled(1, energy / temperature) * jnp.exp(-t * t / temperature)
    step = 0.5 * jnp.abs(edge) * weights * w * jnp.cosh(u)
    integral = jnp.sum(step * value * energy * scaled, axis=(0, 1))
    k2 = relic.bessel_k_scaled(2, x)
    return integral / (8.0 * m_eta**4 * temperature * k2 * k2)


def narrow_average(x, m_eta, m_phip, v, m_ap=None):
    """<sigma v> for m_eta < m_phi'/2 with the resonance as a delta function; 0 above.

    pi^2 m_phi'^2 K_1(m_phi'/T)/(m_eta^4 T K_2(m_eta/T)^2) Gamma_eta Gamma_X/(Gamma_eta + Gamma_X): good to Gamma/T.
    """
    x = 1.0 * jnp.asarray(x)
    is_open = m_phip > 2.0 * m_eta
    temperature = m_eta / x
    gain = phi_to_photons(m_phip, v)
    if m_ap is not None:
        gain = gain + phi_to_vectors(m_phip, m_ap, v)
    loss = phi_to_eta(m_phip, m_eta, v)
    k2 = relic.bessel_k_scaled(2, x)
    heat = jnp.exp(-jnp.where(is_open, m_phip - 2.0 * m_eta, 0.0) / temperature)
    heat = heat * relic.bessel_k_scaled(1, jnp.where(is_open, m_phip, 2.0 * m_eta) / temperature)
    rate = math.pi**2 * m_phip**2 * heat / (m_eta**4 * temperature * k2 * k2) * gain * loss / (gain + loss)
    return jnp.where(is_open, rate, 0.0)


def relic_density(m_eta, m_phip, v, m_ap=None, g_star=10.75):
    """Omega h^2 (B,) of the lighter Majorana fermion eta_1, which annihilates through phi'.

    eta_2 is taken to be gone (heavier, decayed): two degenerate states count twice.  Kinetic equilibrium throughout; next to so
    narrow a resonance, early kinetic decoupling would raise the result.  :func:`fipkernels.relic.freeze_out`, 0.5 %; constant
    g_star, right for freeze-out at 1 to 50 MeV.
    """
    m_eta, m_phip, v = jnp.broadcast_arrays(*(1.0 * jnp.asarray(a) for a in (m_eta, m_phip, v)))
    return relic.freeze_out(m_eta, lambda x: thermal_average(x, m_eta, m_phip, v, m_ap), 2, 1.0, g_star)


# --- flavour -------------------------------------------------------------------------------------------------------------
# C_i in L = +N sum C_i O_i, N = alpha G_F |V_tb V_ts|/(sqrt2 pi): the WCxf basis "flavio".  "paper": the one set of inputs that
# gives all five printed numbers of eq. (10); "modern": |V_tb V_ts| of today and alpha at m_b
PRESETS = {
    "paper": {"alpha": 1.0 / 137.036, "s2w": 0.23, "vtb_vts": 0.0341},
    "modern": {"alpha": 1.0 / 133.0, "s2w": 0.23, "vtb_vts": 0.0405},
}
G_F, M_Z = 1.1663787e-5, 91.1876
LAMBDA = 2.0  # GeV, the paper's scale of light exchange


def normalisation(alpha, vtb_vts):
    """N = alpha G_F |V_tb V_ts|/(sqrt2 pi) in GeV^-2, eq. (8)."""
    return alpha * G_F * vtb_vts / (SQRT2 * math.pi)


def universal(ss, alpha, s2w, vtb_vts, printed: bool = False):
    """(Delta C9^U, Delta C10^U) for ss = sin(th_sL) sin(th_bL) + sin(th'_sL) sin(th'_bL): flavour-changing Z, any charged lepton.

    The Z couples to b-s through the difference of weak isospins, (g/cos th_W)/2: L = -e^2/(2 cos^2 th_W m_Z^2) ss (bbar g P_L s)
    (lbar g [P_R + (1 - 1/(2 s2w)) P_L] l).  printed: eq. (5), which has +e^2 tan^2 th_W/(3 m_Z^2) instead, smaller by 3/(2 s2w) and
    of the other sign.  C9/C10 = 4 s2w - 1 in both; C_L of each neutrino pair equals C10.
    """
    tan2 = s2w / (1.0 - s2w)
    c = 4.0 * math.pi * alpha * tan2 / (3.0 * M_Z**2) / normalisation(alpha, vtb_vts)
    if not printed:
        c = -1.5 / s2w * c
    return c * (1.0 - 0.25 / s2w) * ss, c * 0.25 / s2w * ss


def non_universal(mixing, m_ap, v, alpha, vtb_vts, scale2=LAMBDA**2):
    """Delta C9^NU = Delta C10^NU (muons) for mixing = sin(th'_sL) sin(th'_bL), or the primed pair for right-handed quarks, eq.
    (10).

    scale2: Lambda^2 of the paper, or q^2 - m_A'^2 at the dilepton mass squared q^2, which is right.
    """
    return mixing * gauge_coupling(m_ap, v) ** 2 / (2.0 * scale2 * normalisation(alpha, vtb_vts))


def pseudoscalar(ll, rr, v, alpha, vtb_vts, m_s_over_m_b=0.02, scale2=LAMBDA**2, m_mu=M_MU, printed: bool = False):
    """(Delta C_P, Delta C_P') in GeV^-1 from the longitudinal A', ll = sin th'_sL sin th'_bL, rr right-handed.

    q.(sbar gamma P_L b) = m_b sbar P_R b - m_s sbar P_L b: C_P = -K [ll - (m_s/m_b) rr], C_P' = -K [rr - (m_s/m_b) ll],
    K = m_mu/(2 V^2 scale2 N), with the sign of :func:`non_universal` such that C10 and C_P together are -1/m_A'^2 at q^2 = m_Bs^2.
    printed: eq. (10), C_P = -C_P' = -K [rr - (m_s/m_b) ll].
    """
    k = m_mu / (2.0 * v * v * scale2 * normalisation(alpha, vtb_vts))
    right = -k * (rr - m_s_over_m_b * ll)
    return (right, -right) if printed else (-k * (ll - m_s_over_m_b * rr), right)


def scalar(coupling, v, alpha, vtb_vts, m_b=4.18, scale2=LAMBDA**2, m_mu=M_MU):
    """Delta C_S^NU in GeV^-1 from phi' exchange, eq. (10); coupling = lambda''_b sin(th'_sL) (C_S': lambda''_s sin(th'_bL))."""
    return coupling * m_mu / (SQRT2 * v * m_b * scale2 * normalisation(alpha, vtb_vts))


# One-loop QED running from 160 to 4.8 GeV in the five-flavour theory (the numbers of the program "wilson")
MIX_9_10, PENGUIN, SCALAR_RUNNING = 0.0093, 0.0062, 0.9728


def run_vectors(c9, c10, primed: bool = False, weight=1.0):
    """(C9, C10) at 4.8 GeV from those at 160 GeV; c9, c10: (3, B), leptons e, mu, tau first.

    C9 -> C9 + a C10 - p sum_l C9^l, C10 -> C10 + a C9, a = 0.0093 (primed: -0.0093), p = 0.0062.  weight: 1 runs, 0 does not.
    """
    a = weight * (-MIX_9_10 if primed else MIX_9_10)
    return c9 + a * c10 - weight * PENGUIN * jnp.sum(c9, axis=0), c10 + a * c9


def run_scalar(c, weight=1.0):
    """C_S, C_P (which multiply m_b) at 4.8 GeV from those at 160 GeV."""
    return c * (1.0 + weight * (SCALAR_RUNNING - 1.0))
