r"""Inclusive B -> X_s l+ l- with Wilson coefficients that may be complex, constant or resonant.

Decay rate and forward-backward asymmetry from hep-ph/0109140 and hep-ph/0204341 (matrix elements and bremsstrahlung),
hep-ph/0209006 (bremsstrahlung in the asymmetry) and arXiv:1503.04849 (QED logarithms, 1/m_b^2, normalisation), as in flavio.
With s = q^2/m_b^2, m_b, m_c pole masses and mu the scale of the coefficients (5 GeV), the amplitudes are

    "7":  C7eff [1 + (alpha_s/pi) sigma_7] + delta C7,          "9":  C9 f_9 + Y + eps_u Y_u + delta C9,
    "10": C10 f_9,   "S": m_b(mu) C_S,   "P": m_b(mu) C_P + (2 m_l m_b/q^2) f_9 C_H,        f_9 = 1 + (alpha_s/pi) sigma_9,

the same for the primed operators, and "c", "c7", "c9", "c10" = C2 + 4/3 C1, C7eff, C9, C10 without corrections, which enter
the QED and power corrections.  C_H is the longitudinal part of the axial coefficient: C10 for a constant, and for a light
mediator what the divergence of its current leaves of it.  In these amplitudes the terms with C10 and C_P of the papers,
-6 m^2 |c10|^2 + 6 m Re(C_P c10^*) + (3/2) s |C_P|^2 with m = m_l/m_b and C_P in units of 1/m_b(mu), become diagonal,
(3/2) s |P|^2 - 6 m^2 (1 + 1/s) |"10"|^2, and without QCD corrections the coefficient of |"10"|^2 is beta_l^2 (1 + 2 s).

The strange-quark mass is neglected, primed operators enter neither the QED nor the power corrections, the lepton mass is
neglected in the asymmetry.  Valid for 4 m_l^2 < q^2 < m_b^2 outside the charmonium region of 8.7 to 14 GeV^2; the QED
functions are fits for q^2 > 1 GeV^2, and near the end point the power corrections make the rate negative.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from fipkernels.charm import li2
from fipkernels.quadratic import Process

AMPLITUDES = ("7", "9", "10", "P", "S", "7p", "9p", "10p", "Pp", "Sp", "c", "c7", "c9", "c10")
_INDEX = {name: i for i, name in enumerate(AMPLITUDES)}

# deviations of flavio 2.7.1 from the papers, see process()
FLAVIO = frozenset({"omega_imag", "omega_17", "tau_710", "scalar_mass"})


class Nodes(NamedTuple):
    """s = q^2/m_b^2, r = 1 - s and the functions of s that the corrections share; see :func:`nodes`."""

    s: jax.Array
    r: jax.Array
    root: jax.Array
    log_s: jax.Array
    log_r: jax.Array
    li2_s: jax.Array
    log_one_plus_root: jax.Array
    li2_root: jax.Array


def nodes(s) -> Nodes:
    """Elementwise in 0 < s < 1."""
    root = jnp.sqrt(s)
    return Nodes(s, 1.0 - s, root, jnp.log(s), jnp.log1p(-s), li2(s), jnp.log1p(root), li2(root))


def _poly(c, x):
    acc = c[-1]
    for a in reversed(c[:-1]):
        acc = acc * x + a
    return acc


# bremsstrahlung and virtual corrections


def sigma(x):
    """Common part of the virtual and bremsstrahlung corrections (hep-ph/0109140) in the form of hep-ph/0512066."""
    return -4.0 / 3.0 * x.li2_s - 2.0 / 3.0 * x.log_s * x.log_r - 2.0 / 9.0 * math.pi**2 - (1.0 + 2.0 / 9.0 * x.r) * x.log_r


def sigma_7(x, log_mu):
    """Universal correction of C7, log_mu = ln(mu/m_b)."""
    return sigma(x) + 1.0 / 6.0 - 8.0 / 3.0 * log_mu


def sigma_9(x):
    """Universal correction of C9 and C10."""
    return sigma(x) + 1.5


def tau_77(x):
    """Bremsstrahlung in |C7|^2, hep-ph/0204341."""
    s, r = x.s, x.r
    bracket = 2.0 * r**2 * x.log_r + s * _poly((12.0, -12.0, -6.0), s) / r**2 * x.log_s + _poly((11.0, -7.0, -10.0), s) / r
    return -2.0 / 9.0 * bracket / (2.0 + s)


def tau_79(x):
    """Bremsstrahlung in Re C7 C9^*, hep-ph/0204341."""
    s, r = x.s, x.r
    return (-4.0 * r**2 / s * x.log_r - 4.0 * s * (3.0 - 2.0 * s) / r**2 * x.log_s - 2.0 * (5.0 - 3.0 * s) / r) / 9.0


def tau_99(x):
    """Bremsstrahlung in |C9|^2 and |C10|^2, hep-ph/0204341."""
    s, r = x.s, x.r
    bracket = 2.0 * r**2 * x.log_r + 3.0 * s * (1.0 + s) * (1.0 - 2.0 * s) / r**2 * x.log_s + 3.0 * (1.0 - 3.0 * s**2) / r
    return -4.0 / 9.0 * bracket / (1.0 + 2.0 * s)


def _asymmetric(x, log_one, dilog_root, dilog, log_root, rest):
    """Terms that tau_710 and tau_910 have in common; the arguments are the polynomials in front of their functions."""
    # log_root multiplies log(1 - sqrt s) - log(1 - s); the terms with s (6 - 7 s) log s in tau and f/3 cancel
    f = dilog_root * x.li2_root + dilog * x.li2_s - log_root * x.log_one_plus_root + rest
    return -2.5 - log_one * x.log_r / (9.0 * x.s) + f / (18.0 * x.r**2) + 4.0 / 3.0 * x.log_s * x.log_r


def tau_710(x, pole=False):
    """Bremsstrahlung in Re C7 C10^*, hep-ph/0209006.

    The term 1/(3 (1 - s)) is often written 1/(3 (1 - 3 s)) (pole=True, as in flavio), with a pole inside the physical
    region.  With 1 - s the pole at s = 1 cancels and tau_710 -> tau_910, as it must: the two currents become the same.
    """
    s, p2 = x.s, math.pi**2
    return 1.0 / (3.0 - (9.0 * s if pole else 3.0 * s)) + _asymmetric(
        x,
        _poly((3.0, -7.0, 4.0), s),
        _poly((24.0, 312.0, -96.0), s),
        _poly((12.0, -204.0, 72.0), s),
        _poly((-156.0, 192.0, -36.0), s),
        _poly((39.0 - 2.0 * p2, 252.0 - 26.0 * p2, 21.0 + 8.0 * p2), s) - (180.0 + 132.0 * s) * x.root,
    )


def tau_910(x):
    """Bremsstrahlung in Re C9 C10^*, hep-ph/0209006."""
    s, p2 = x.s, math.pi**2
    return 1.0 / (3.0 * x.r) + _asymmetric(
        x,
        _poly((6.0, -10.0, 4.0), s),
        s * (240.0 - 96.0 * s),
        _poly((24.0, -168.0, 72.0), s),
        _poly((-120.0, 168.0, -48.0), s),
        _poly((21.0, 156.0 - 20.0 * p2, -9.0 + 8.0 * p2), s) - (120.0 + 48.0 * s) * x.root,
    )


# Logarithmically enhanced QED corrections of 1503.04849 (rate: sum of H_T and H_L).  Fit coefficients of s^-1, s^0, ... for
# s < 1/2 (of s^0, s^1, ... in the imaginary parts) and of (1-s)^0, (1-s)^1, ... above; _W210 (asymmetry) from s^0 on.
_W22_LOW = (759773 / 27749657, 89893005 / 10186064, -74012480 / 6130973, 46465860 / 749363, -64848126 / 385135, 78573521 / 422377)
_W22_HIGH = (-1097570713 / 4986671, 1177568126 / 1344711, -1556319889 / 810348, 743874878 / 408259)
_W29_LOW = (12910827 / 114675722, 154715658 / 8534309, -303518651 / 4850674, 492828373 / 5448014, -456369038 / 3593685)
_W29_HIGH = (-278748564 / 1813913, 725609439 / 1454642, -3679136911 / 3208349, 3067453889 / 2693552)
_W29_LOW_IM = (243891481 / 182956795, 371106943 / 94992737, -607675179 / 82228837, 8495644071 / 126392279)
_W29_HIGH_IM = (-245650075 / 960653, 817116203 / 717333, -1031991377 / 427466, 639292733 / 268621)
_W27_LOW = (66788356 / 89691595, 210088143 / 2815255, -853046026 / 1861851, 112055731 / 104256, -534648229 / 441214)
_W27_HIGH = (-1569999625 / 5062667, 501693893 / 601369, -4187567828 / 1919191, 3462037641 / 1622488)
_W27_LOW_IM = (381643834 / 105094507, 1368925501 / 123691778, -1282659695 / 57060084, 5654586858 / 29025721)
_W27_HIGH_IM = (-612530674 / 1182081, 1248725501 / 609972, -12404910453 / 2775125, 3944570424 / 817063)
_W210 = (-12921704 / 42341767, -49563050 / 2047247, 278908189 / 1741458, -218213887 / 577021, 201127053 / 572486)
_W210_IM = (-66309793 / 8302997, -246272299 / 1032560, 354752063 / 462598)

_CUBIC = (1.0, 0.0, -6.0, 4.0)  # of s in omega_99


def _fit(x, low, high, laurent=True):
    """Fit times (1 - s)^2: the fits below s = 1/2 are the numerators of 1/(1 - s)^2, those above are the functions."""
    lower = _poly(low, x.s)
    return jnp.where(x.s < 0.5, lower / x.s if laurent else lower, x.r**2 * _poly(high, x.r))


def _log_terms(x):
    """r^2 (1+2s) times the coefficient of L in omega_99, r^2 in omega_79, r^2 (2+s) in omega_77; L = ln(m_b^2/m_l^2)."""
    s, r, r2 = x.s, x.r, x.r**2
    g = _poly((-1.0, -3.0, 12.0, -8.0), s) / 6.0 + r2 * (1.0 + 2.0 * s) * x.log_r - 0.5 * _poly(_CUBIC, s) * x.log_s
    k79 = -0.5 * r + r2 * x.log_r - _poly((0.5, -1.0, 1.0), s) * x.log_s
    k77 = 0.5 * s * r + r2 * (2.0 + s) * x.log_r + s * (1.5 - s**2) * x.log_s
    return g, k79, k77


def _omega_99_constant(x):
    """r^2 (1+2s) times the part of omega_99 without ln(m_b^2/m_l^2)."""
    s, r2, ls, l1, p2 = x.s, x.r**2, x.log_s, x.log_r, math.pi**2
    cubic, w = _poly(_CUBIC, s), 1.0 + 2.0 * s
    one = (
        _poly((-1.0, 6.0, -15.0, 10.0), s)
        + 2.0 * p2 * (cubic + 3.0 * s**2 - 2.0 * s**3)
        + 12.0 * r2 * w * l1 * (ls - 1.0)
        + _poly((4.0, -6.0, -12.0, 8.0), s) * ls
        - 6.0 * cubic * ls**2
    )
    two = (
        _poly((15.0, 12.0, -45.0, 18.0), s)
        - 4.0 * p2 * (cubic + 3.0 * s**2 - 2.0 * s**3)
        + 12.0 * s * _poly((-1.0, 1.0, 2.0), s) * ls
        - 6.0 * r2 * l1 * (5.0 + 4.0 * s + 2.0 * w * ls)
        - 24.0 * r2 * w * x.li2_s
    )
    return -0.5 * r2 * w + one / 12.0 + two / 216.0


def qed_rate(x, log_ml, log_5, imaginary_of_29=True):
    r"""QED corrections of the rate, 1503.04849 eq. (4.19) and appendix, in units of 2 alpha_e/pi.

    Phi = Re sum e_ij C_i C_j^* over "c", "c7", "c9" ("c10" as "c9"); log_ml = ln(m_b^2/m_l^2), log_5 = ln(mu/5 GeV).
    imaginary_of_29=False sets the imaginary part of omega_29 equal to its real part, as flavio does.
    """
    g, k79, k77 = _log_terms(x)
    w29 = _fit(x, _W29_LOW, _W29_HIGH)
    w22 = log_ml * (_fit(x, _W22_LOW, _W22_HIGH) / 8.0 + log_5 * w29 / 9.0 + 64.0 / 81.0 * log_5**2 * g)
    re29 = log_ml * (w29 / 8.0 + 16.0 / 9.0 * log_5 * g)
    im29 = log_ml * _fit(x, _W29_LOW_IM, _W29_HIGH_IM, False) / 8.0 if imaginary_of_29 else re29
    re27 = log_ml * (_fit(x, _W27_LOW, _W27_HIGH) / 96.0 + 8.0 / 9.0 * log_5 * k79)
    im27 = log_ml * _fit(x, _W27_LOW_IM, _W27_HIGH_IM, False) / 96.0
    return {
        ("c", "c"): w22,
        ("c", "c9"): re29 + 1j * im29,
        ("c", "c7"): 12.0 * (re27 + 1j * im27),
        ("c9", "c9"): log_ml * g + _omega_99_constant(x),
        ("c7", "c9"): 12.0 * log_ml * k79,
        ("c7", "c7"): 4.0 / x.s * log_ml * k77,
    }


def qed_asymmetry(x, log_ml, log_5, m_c_hat):
    """QED corrections of H_A, 1503.04849 eq. (4.19), in units of 2 alpha_e/pi; known for s < 1/2, zero above.

    Coefficients of Re C_i C10^*; m_c_hat = m_c/m_b; other arguments as in :func:`qed_rate`.
    """
    s, r, ls, root = x.s, x.r, x.log_s, x.root
    half, l1 = x.log_one_plus_root - math.log(2.0), x.log_r - x.log_one_plus_root
    w710 = r * ((7.0 - 16.0 * root + 9.0 * s) / 4.0 + r * l1 + (1.0 + 3.0 * s) * half - s * ls)
    w910 = r * (-(5.0 - 16.0 * root + 11.0 * s) / 4.0 + r * l1 + (1.0 - 5.0 * s) * half - (1.0 - 3.0 * s) * ls)
    t = jnp.maximum(s - (4.0 * m_c_hat**2) ** 2, 0.0)  # charm pairs on shell
    fit = _poly(_W210, s) + 1j * _poly(_W210_IM, t) * t * t
    known = jnp.where(s < 0.5, log_ml, 0.0)
    return {
        "c": known * (fit / 6.0 - 32.0 / 9.0 * log_5 * s * w910),
        "c7": known * -8.0 * w710,
        "c9": known * -4.0 * s * w910,
    }


def power_rate(x, l1, l2):
    """1/m_b^2 corrections of the rate, 1503.04849 appendix (H_T + H_L); l1, l2 = lambda_1, lambda_2 over m_b^2."""
    s, r = x.s, x.r
    # chi_1 and chi_2 of the transverse plus the longitudinal part
    return {
        ("c7", "c7"): l1 * r * (4.0 / s - 2.0 - 2.0 * s) + l2 * (-36.0 / s - 18.0 + 30.0 * s**2),
        ("c7", "c9"): 6.0 * l1 * r**2 + l2 * _poly((-30.0, -36.0, 42.0), s),
        ("c9", "c9"): l1 * r * _poly((0.5, 0.5, -1.0), s) + l2 * _poly((1.5, 0.0, -22.5, 15.0), s),
    }


def power_asymmetry(x, l1, l2):
    """1/m_b^2 corrections of H_A, 1503.04849 appendix: coefficients of Re C_i C10^*."""
    s = x.s
    a = l1 * _poly((-2.0, -4.0 / 3.0, -2.0), s)
    return {
        "c7": 2.0 * a + l2 * _poly((28.0, 40.0, -36.0), s),
        "c9": s * a + l2 * s * _poly((18.0, 28.0, -30.0), s),
    }


def phi_u(alpha_s, alpha_s_mz, alpha_e, l1, l2):
    """B -> X_u l nu normalisation, 1503.04849 eq. (4.8), without the term of order alpha_s^2.

    alpha_s, alpha_e at mu; l1, l2 = lambda_1, lambda_2 over m_b^2.
    """
    qcd = alpha_s / (4.0 * math.pi) * (50.0 / 3.0 - 8.0 / 3.0 * math.pi**2)
    return 1.0 + qcd + alpha_e / alpha_s * 12.0 / 23.0 * (1.0 - alpha_s / alpha_s_mz) + 0.5 * l1 - 4.5 * l2


def process(
    q2,
    *,
    c,
    y,
    y_bar,
    delta_c7,
    delta_c7_bar,
    delta_c9,
    delta_c9_bar,
    m_l,
    m_b,
    m_b_run,
    m_c,
    mu,
    alpha_s,
    alpha_s_mz,
    alpha_e,
    lambda_1,
    lambda_2,
    br_semileptonic,
    c_semileptonic,
    ckm,
    quirks=frozenset(),
) -> Process:
    r"""Amplitudes and forms of B -> X_s l l on nodes q2 (P, n) in GeV^2, for integrals over dq (not dq^2).

    Forms: "rate" is dBR/dq of the b -> s decay (s, C) or of its conjugate (s_bar, C^*), not averaged; "rate_no_qed" the same
    without the QED logarithms (flavio's denominator of A_FB above 14 GeV^2); "afb" the numerator of A_FB, so that A_FB is
    the ratio of the integrals of "afb" and "rate" (for s_bar it refers to l+ and l- exchanged, as the rate: the average of
    both numerators is the CP-even one).  All are exactly zero, with zero gradients, outside 4 m_l^2 < q2 < m_b^2.
    Operators: 9, 9p, 10, 10p, dimensionless; P, Pp, S, Sp in GeV^-1; H, Hp: the longitudinal part of 10, 10p, dimensionless,
    equal to C10, C10' for constants and to the polynomial of :func:`fipkernels.bkll.longitudinal` for light mediators.

    c: mapping 'C1', 'C2', 'C7eff', 'C7effp', 'C9', 'C10' of the Standard Model at mu; y = Y + eps_u Y_u, delta_c7, delta_c9:
    complex (P, n) from :mod:`fipkernels.charm` at mu, with CP conjugates (eps_u conjugated).  m_l lepton mass, m_b and m_c
    pole masses, m_b_run the MS-bar mass at mu, all in GeV; alpha_s, alpha_e at mu, alpha_s_mz at the weak scale; lambda_1,
    lambda_2 in GeV^2; br_semileptonic = BR(B -> X_c e nu); c_semileptonic = C of 1503.04849, |V_ub/V_cb|^2 times the
    ratio of the X_c and X_u rates; ckm = |V_tb V_ts^*/V_cb|^2.
    quirks: deviations of flavio to reproduce (all: FLAVIO): "omega_imag" (imaginary part of omega_29 equal to the real
    part), "omega_17" (QED interference of O1 with O7 missing), "tau_710" (see :func:`tau_710`), "scalar_mass" (longitudinal
    exchange of a
    light vector as a pseudoscalar operator: MS-bar instead of pole mass, no QCD correction).
    """
    unknown = set(quirks) - FLAVIO
    if unknown:
        raise ValueError(f"unknown quirks: {sorted(unknown)}; choose from {sorted(FLAVIO)}")
    inside = (q2 > 4.0 * m_l**2) & (q2 < m_b**2)
    q2 = jnp.where(inside, q2, 0.5 * (4.0 * m_l**2 + m_b**2))
    s = q2 / m_b**2
    m2 = m_l**2 / q2  # (m_l/m_b)^2/s
    ml2 = (m_l / m_b) ** 2
    r2 = (1.0 - s) ** 2
    b2 = 1.0 - 4.0 * m2
    l1, l2 = lambda_1 / m_b**2, lambda_2 / m_b**2
    a = alpha_s / math.pi
    qed = 2.0 * alpha_e / math.pi
    log_ml, log_5 = 2.0 * jnp.log(m_b / m_l), jnp.log(mu / 5.0)

    # amplitudes
    at = nodes(s)
    f7 = 1.0 + a * sigma_7(at, jnp.log(mu / m_b))
    f9 = 1.0 + a * sigma_9(at)
    axial = 2.0 * m_l * m_b / q2 * f9
    one = jnp.ones_like(s)

    def vector(parts):
        zero = jnp.zeros_like(s)
        return jnp.stack([parts.get(name, zero) for name in AMPLITUDES])

    def standard(c, y, d7, d9):
        y, d7, d9 = (jnp.where(inside, x, 0.0) for x in (y, d7, d9))
        parts = {"7": c["C7eff"] * f7 + d7, "9": c["C9"] * f9 + y + d9, "10": c["C10"] * f9, "P": c["C10"] * axial}
        parts |= {"7p": c["C7effp"] * f7, "c": (c["C2"] + 4.0 / 3.0 * c["C1"]) * one}
        parts |= {"c7": c["C7eff"] * one, "c9": c["C9"] * one, "c10": c["C10"] * one}
        return vector({name: part + 0.0j for name, part in parts.items()})

    # divergence of the axial current: with the mass and the QCD correction of the current itself (Ward identity)
    long = 2.0 * m_l * m_b_run / q2 if "scalar_mass" in quirks else axial
    rest = axial - long  # the longitudinal part of C10 that is not in H: zero, but for the quirk
    u = {"9": vector({"9": f9, "c9": one}), "10": vector({"10": f9, "c10": one, "P": rest}), "H": vector({"P": long})}
    u |= {"9p": vector({"9p": f9}), "10p": vector({"10p": f9, "Pp": rest}), "Hp": vector({"Pp": long})}
    u |= {name: vector({name: m_b_run * one}) for name in ("P", "Pp", "S", "Sp")}

    names = {"9": ("9", "c9"), "10": ("10", "c10", "P"), "H": ("P",), "9p": ("9p",), "10p": ("10p", "Pp"), "Hp": ("Pp",)}
    names |= {name: (name,) for name in ("P", "Pp", "S", "Sp")}
    support = {op: tuple(_INDEX[i] for i in where) for op, where in names.items()}

    # rate
    tree = r2 * jnp.sqrt(b2)
    vv = (1.0 + 2.0 * s + 2.0 * m2 * (1.0 - s)) * (1.0 + a * tau_99(at))
    diagonal = {
        ("7", "7"): 4.0 * (1.0 + 2.0 / s) * (1.0 + 2.0 * m2) * (1.0 + a * tau_77(at)),
        ("7", "9"): 12.0 * (1.0 + 2.0 * m2) * (1.0 + a * tau_79(at)),
        ("9", "9"): vv + 6.0 * ml2,
        ("10", "10"): vv - 6.0 * (ml2 + m2),
        ("P", "P"): 1.5 * s,
        ("S", "S"): 1.5 * s * b2,
    }
    plain = {(i + p, j + p): tree * x for (i, j), x in diagonal.items() for p in ("", "p")}
    log_terms = {pair: qed * x for pair, x in qed_rate(at, log_ml, log_5, "omega_imag" not in quirks).items()}
    if "omega_17" in quirks:
        log_terms["c", "c7"] = log_terms["c", "c7"] * c["C2"] / (c["C2"] + 4.0 / 3.0 * c["C1"])
    log_terms["c10", "c10"] = log_terms["c9", "c9"]
    power = power_rate(at, l1, l2)
    with_qed = {pair: power.get(pair, 0.0) + x for pair, x in log_terms.items()}

    # asymmetry, H_A of 1503.04849
    c910 = s * (1.0 + a * tau_910(at))
    c710 = 2.0 * (1.0 + a * tau_710(at, "tau_710" in quirks))
    asymmetry = {("9", "10"): -c910, ("7", "10"): -c710, ("9p", "10p"): c910, ("7p", "10p"): c710}
    h_a = {pair: 4.0 * r2 * x for pair, x in asymmetry.items()}
    corrections = {i: qed * x for i, x in qed_asymmetry(at, log_ml, log_5, m_c / m_b).items()}
    for i, x in power_asymmetry(at, l1, l2).items():
        corrections[i] = corrections[i] + x
    h_a |= {(i, "c10"): x for i, x in corrections.items()}

    norm = alpha_e**2 / (4.0 * math.pi**2 * m_b**2) * br_semileptonic / c_semileptonic * ckm
    norm = norm / phi_u(alpha_s, alpha_s_mz, alpha_e, l1, l2)
    per_q = jnp.where(inside, 2.0 * jnp.sqrt(q2), 0.0) * norm

    def form(terms, factor=1.0):
        return tuple((_INDEX[i], _INDEX[j], factor * per_q * x) for (i, j), x in terms.items())

    forms = {"rate": form(plain | with_qed), "rate_no_qed": form(plain | power), "afb": form(h_a, 0.75)}
    conjugate = {name: jnp.conj(x) for name, x in c.items()}
    return Process(standard(c, y, delta_c7, delta_c9), standard(conjugate, y_bar, delta_c7_bar, delta_c9_bar), u, forms, support)
