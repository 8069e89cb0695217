r"""Hard spectator scattering and weak annihilation in B -> V l l at low q^2, V = K*, phi (QCD factorisation).

The amplitudes T_perp and T_par of Beneke, Feldmann and Seidel, hep-ph/0106067 (BFS01) eq. (15), hep-ph/0412400 (BFS04): the part
that does not multiply a soft form factor.  Included are leading-power weak annihilation, power-suppressed annihilation in
T_perp (BFS04 eq. 51), O8 spectator scattering and quark loops (O1..O6) with a gluon to the spectator.  The form-factor
corrections T^(f) are not: they belong to the form factors.  Nothing here depends on C7, C9, C10.

With x = 1 - u, s_1 = q^2 + x (m_B^2 - q^2), z = 4 m^2/s and phi(s) = arctan(1/sqrt(z - 1)) = arccos(w), w = sqrt(1 - s/4m^2),

    L_1(x+) + L_1(x-) = -2 phi^2,    B_0 = -2 A,  A(s) = w phi / sqrt(1 - w^2),                       (BFS01 eqs. 29-32)

and above threshold w = -i v, phi = pi/2 + i arsinh(v).  The meson distribution amplitude over x is the polynomial
W(x) = 6 (1 - x) [1 + a1 C_1^(3/2)(1 - 2x) + a2 C_2^(3/2)(1 - 2x)].  Loops of massless quarks and O8 are integrated in closed
form.  Loops of massive quarks are integrated numerically, in w below and in v above the charm threshold s_1 = 4 m_c^2, on 16
Chebyshev nodes in y = sqrt(1 - q^2/4m_c^2), and interpolated in y.

Domain (GeV, GeV^2, pole masses): 0 < q^2 <= 0.92 * 4 m_c^2, q^2 < m_B^2/3, q^2 < 20 m_B omega_0, 1.2 < m_c < 2, m_b > m_B/2.
Relative accuracy 1e-7, and 1e-9 for q^2 < 9 at 1.6 < m_c < 1.8.  Beyond, the polynomials in y extrapolate: 1e-5 at 0.95 * 4 m_c^2,
some per cent at threshold; above it the massive loops keep their value at threshold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

E_UP, E_DOWN = 2.0 / 3.0, -1.0 / 3.0


class Mode(NamedTuple):
    """One decay B -> V: scalars (arrays under vmap), masses and decay constants in GeV.

    f_perp: tensor decay constant of V at the scale mu.  a1, a2: Gegenbauer coefficients of V; the quark of charge -1/3 that b
    turns into carries the fraction u.  omega_0: parameter of the B-meson distribution amplitude, see :func:`omega_0`.
    charge, up, singlet: see :data:`SPECTATOR`.
    """

    m_bmeson: Any
    m_vector: Any
    f_bmeson: Any
    f_vector: Any
    f_perp: Any
    a1_par: Any
    a2_par: Any
    a1_perp: Any
    a2_perp: Any
    omega_0: Any
    charge: Any
    up: Any
    singlet: Any


class Spectator(NamedTuple):
    """charge of the spectator quark; up = 1 if it is an up quark; singlet = 1 if V is a pure state of it and its antiquark."""

    charge: float
    up: float
    singlet: float


SPECTATOR: dict[str, Spectator] = {
    "B0->K*0": Spectator(E_DOWN, 0.0, 0.0),
    "B+->K*+": Spectator(E_UP, 1.0, 0.0),
    "Bs->phi": Spectator(E_DOWN, 0.0, 1.0),
}


class Amplitudes(NamedTuple):
    """T_a = T_a,t + eps_u T_a,u with eps_u = lambda_u/lambda_t; complex, shape of q^2, in GeV."""

    perp_t: jax.Array
    perp_u: jax.Array
    par_t: jax.Array
    par_u: jax.Array


# --- polynomials ------------------------------------------------------------------------------------------------------------------


def _powers(t, count: int):
    """t^k, k < count, shape (..., count), from the binary digits of k."""
    k, t = np.arange(count), t[..., None]
    out = jnp.where(k & 1 > 0, t, 1.0)
    for bit in range(1, (count - 1).bit_length()):
        t = t * t
        out = out * jnp.where(k >> bit & 1 > 0, t, 1.0)
    return out


def _dot(a, b):
    return jnp.matmul(a, b, precision="highest")


def _series(coefficients, x):
    """sum_(k < 64) c_k x^k as eight polynomials in x, combined by one in x^8."""
    inner = _dot(_powers(x, 8), coefficients.reshape(8, 8).T)
    step, out = (x * x * (x * x)) ** 2, inner[..., 7]
    for k in range(6, -1, -1):  # no high power of x alone: float32 ends at 3e38
        out = out * step + inner[..., k]
    return out


# --- moments of the B-meson distribution amplitudes -------------------------------------------------------------------------------

_EIN = np.array([0.0] + [1.0 / (k * math.factorial(k)) for k in range(1, 64)])


@jax.custom_jvp
def ei(x):
    """Exponential integral Ei(x) for 0 < x <= 20 (power series); relative accuracy 1e-13 away from its zero at 0.37."""
    return _series(_EIN, x) + jnp.log(x) + np.euler_gamma


@ei.defjvp
def _ei_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return ei(x), jnp.exp(x) / x * dx


def omega_0(m_bmeson, m_b):
    """omega_0 = 2 Lambda_bar/3 = lambda_B,+ of the exponential model, Lambda_bar = m_B - m_b,pole (BFS01 eq. 53 and below)."""
    return 2.0 / 3.0 * (m_bmeson - m_b)


def inverse_lambda_b_minus(q2, m_bmeson, omega_0):
    """1/lambda_B,-(q^2) in 1/GeV, exponential model, BFS01 eq. (54); logarithmic for q^2 -> 0."""
    x = q2 / (m_bmeson * omega_0)
    return jnp.exp(-x) / omega_0 * (1j * math.pi - ei(x))


# --- the meson distribution amplitude as a polynomial -----------------------------------------------------------------------------

# W(x) = phi_V/x = 6 (1 - x) sum_n a_n C_n^(3/2)(1 - 2x), x = 1 - u, a_0 = 1: coefficients of x^k, [n, k]
_GEGENBAUER = np.array([[6.0, -6.0, 0.0, 0.0], [18.0, -54.0, 36.0, 0.0], [36.0, -216.0, 360.0, -180.0]])
_FLIP = np.diag([1.0, -1.0, 1.0])  # u <-> 1 - u


# --- loops of massive quarks: quadrature on nodes in q^2 --------------------------------------------------------------------------
#
# In units m_B = 1, with D[f] = f(s_1) - f(q^2), the four integrals over x
#   K_0 = int W (1 - 4 m^2 D[phi^2]/(s_1 - q^2)), K_1 = int W D[A]/x, K_2 = int W s_1 D[A]/x, K_3 = int W x [(2 + z) A - z]
# are linear in a_n; they have shape (4, nodes, 3), last axis n.

_NODES = 16
_Y_MIN = 0.3  # y at q^2 = 0.91 * 4 m_c^2
_T = np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES)
_Y = (0.5 * (1.0 + _Y_MIN) + 0.5 * (1.0 - _Y_MIN) * _T)[:, None]


def _to_powers():
    """Values at the nodes -> coefficients of t^k (through Chebyshev polynomials; rounding errors stay below 1e-11)."""
    c = np.cos(np.arange(_NODES)[:, None] * np.arccos(_T)) * 2.0 / _NODES
    c[0] *= 0.5
    powers = [np.polynomial.chebyshev.cheb2poly(row) for row in np.eye(_NODES)]
    return np.stack([np.pad(p, (0, _NODES - len(p))) for p in powers], axis=1) @ c


def _gauss(n):
    x, w = np.polynomial.legendre.leggauss(n)
    return 0.5 * (1.0 + x), 0.5 * w


_TO_POWERS = _to_powers()
_T_HIGH, _W_HIGH = _gauss(18)
_T_BOTTOM, _W_BOTTOM = _gauss(10)
_WEIGHTS_BOTTOM = (_W_BOTTOM * (_GEGENBAUER @ _T_BOTTOM ** np.arange(4)[:, None])).T


def _below(w):
    """phi^2 and A for 0 < w < 1 (s below threshold); constants."""
    phi = np.arccos(w)
    return phi**2, w * phi / np.sqrt(1.0 - w * w)


_PHI2_NODE, _A_NODE = _below(_Y)


def _low():
    """The part of the charm integrals below s_1 = 4 m_c^2 is sum_k c[i, node, n, k] scale^k, scale = 4 m_c^2/(1 - q^2).

    There x = scale (y^2 - w^2), and all else is constant.  K_0 and K_3 have one and two more factors of scale, K_2 one of 4 m_c^2.
    """
    t, weight = _gauss(12)
    w = _Y * t
    gap = _Y**2 - w * w
    phi2, a = _below(w)
    z = 1.0 / (1.0 - w * w)
    d_a = (a - _A_NODE) / gap
    f = np.stack([1.0 - (phi2 - _PHI2_NODE) / gap, d_a, d_a / z, ((2.0 + z) * a - z) * gap])
    return np.einsum("inj,nj,njk,mk->inmk", f, 2.0 * w * _Y * weight, gap[..., None] ** np.arange(4), _GEGENBAUER)


_LOW = _low()


def _charm_integrals(threshold, s):
    """K_i, real and imaginary part, (2, 4, nodes, 3); int over x = int over w (s_1 < 4 m_c^2) + int over v (above).

    threshold = 4 m_c^2, s = q^2 on the nodes, (nodes, 1).
    """
    scale = threshold / (1.0 - s)
    low = jnp.einsum("inmk,nk->inm", _LOW, _powers(scale[:, 0], 4), precision="highest")

    v_max = jnp.sqrt(1.0 / threshold - 1.0)
    v = v_max * _T_HIGH
    arg = jnp.arcsinh(v)
    s1 = 1.0 + v * v  # in units 4 m_c^2
    root = v / jnp.sqrt(s1)
    gap = _Y**2 + v * v
    d_a = (root * arg - _A_NODE) / gap, -0.5 * math.pi * root / gap
    h = root * (2.0 + 1.0 / s1)
    real = [1.0 - (0.25 * math.pi**2 - arg * arg - _PHI2_NODE) / gap, d_a[0], s1 * d_a[0], gap * (h * arg - 1.0 / s1)]
    imag = [-math.pi * arg / gap, d_a[1], s1 * d_a[1], gap * (-0.5 * math.pi * h)]
    weight = _dot(_powers(scale * gap, 4), _GEGENBAUER.T) * (2.0 * v * v_max * _W_HIGH)[:, None]
    high = jnp.einsum("cinj,njm->cinm", jnp.stack([jnp.stack(real), jnp.stack(imag)]), weight, precision="highest")

    factor = jnp.stack([scale, jnp.ones_like(scale), jnp.broadcast_to(threshold, scale.shape), scale * scale])
    return factor * jnp.stack([low + high[0], high[1]])


def _bottom_integrals(threshold, s):
    """K_i for a quark with threshold = 4 m_b^2 > 1: s_1 stays below, real."""
    s = s + np.concatenate([[0.0], _T_BOTTOM]) * (1.0 - s)
    phi = jnp.arcsin(jnp.sqrt(s / threshold))
    f = jnp.stack([phi * phi, phi * jnp.sqrt(threshold / s - 1.0)])
    d, a, s1 = (f[..., 1:] - f[..., :1]) / _T_BOTTOM, f[1, :, 1:], s[:, 1:]
    z = threshold / s1
    k = [1.0 - threshold / (1.0 - s[:, :1]) * d[0], d[1], s1 * d[1], _T_BOTTOM * ((2.0 + z) * a - z)]
    return _dot(jnp.stack(k), _WEIGHTS_BOTTOM)


def _massive(threshold_c, threshold_b, rho, a):
    """int phi_V t_perp, int phi_V t_par, int phi_V h (BFS01 eqs. 27, 28, 11) as polynomials in t; h at mu = m_B.

    threshold = 4 m^2, rho = m_V^2, in units m_B = 1; a: (3, 2), a_n of perp and par.
    Returns (integral, kind, power), kind = charm real, charm imaginary, bottom.
    """
    s = threshold_c * (1.0 - _Y**2)
    k = jnp.concatenate([_charm_integrals(threshold_c, s), _bottom_integrals(threshold_b, s)[None]])
    s = s[:, 0]
    e = 1.0 / (1.0 - s + rho)
    k = (
        _dot(k, a)
        * jnp.stack([e, s * e * e, e * e, jnp.ones_like(e)])[..., None]
        * np.array([4.0, -8.0, -8.0, -4.0 / 9.0])[:, None, None]
    )
    # int phi_V = 1: the constant in h
    zero = jnp.zeros_like(threshold_c)
    logs = jnp.stack([jnp.log(0.25 * threshold_c) - 2.0 / 3.0, zero, jnp.log(0.25 * threshold_b) - 2.0 / 3.0])
    h = k[:, 3, :, 1] - 4.0 / 9.0 * logs[:, None]
    return _dot(jnp.stack([k[:, 0, :, 0] + k[:, 1, :, 0], k[:, 0, :, 1] + k[:, 2, :, 1], h]), _TO_POWERS.T)


# --- functions of q^2 the amplitudes are linear in --------------------------------------------------------------------------------

# int x^k r/(1 + r x) over 0 < x < 1 is (-1/r)^k ln(1 + r) + sum_i (-1/r)^(k - i)/i, i = 1..k
_RATIONAL = np.array([[1.0 / (k - p) if p < k else 0.0 for k in range(6)] for p in range(6)])
_INV_K = 1.0 / np.arange(1, 6)
_DILOG = np.array([0.0] + [1.0 / k**2 for k in range(1, 64)])


def _moments(s):
    """With s = q^2/m_B^2 < 1/2 and r = (1 - s)/s, integrals over 0 < x < 1, last axis k:

    n_k = int x^k r/(1 + r x), k = 0..5, and j_k = int x^(k - 1) ln(1 + r x), k = 0..4.
    """
    log = -jnp.log(s)
    p = _powers(s / (s - 1.0), 6)
    n = p * log[..., None] + _dot(p, _RATIONAL)
    dilog = math.pi**2 / 6.0 + log * jnp.log1p(-s) - _series(_DILOG, s) + 0.5 * log * log  # Li2(1 - s) + ln(s)^2/2
    j = (log[..., None] - n[..., 1:5]) * _INV_K[:4]
    return n, jnp.concatenate([dilog[..., None], j], axis=-1)


# blocks of the basis, with e = m_B/2E: powers of t, linear in y; 4 e; 1/(1 - s); n_1..n_4/(1 - s); n_2..n_5; 4 e^2 s j_0..j_3;
# 4 e^2 (1 - s) j_1..j_4
_SIZE = {"t": _NODES, "lead": 1, "inv_s": 1, "n_s": 4, "n": 4, "j": 4, "j_next": 4}
_N_BASIS = sum(_SIZE.values())


def _basis(s, y, e):
    """Real, (..., _N_BASIS); s = q^2/m_B^2."""
    n, j = _moments(s)
    s, e = s[..., None], e[..., None]
    inv_s = 1.0 / (1.0 - s)
    r = 4.0 * e * e
    t = (2.0 * y - (1.0 + _Y_MIN)) / (1.0 - _Y_MIN)
    blocks = [_powers(t, _NODES), 4.0 * e, inv_s, n[..., 1:5] * inv_s, n[..., 2:], r * s * j[..., :4], r * (1.0 - s) * j[..., 1:]]
    return jnp.concatenate(blocks, axis=-1)


def _place(**blocks):
    """Constant rows in the basis: blocks (..., size)."""
    shape = np.shape(next(iter(blocks.values())))[:-1]
    return np.concatenate([np.broadcast_to(blocks.get(k, 0.0), (*shape, size)) for k, size in _SIZE.items()], axis=-1)


# massless quarks: int phi_V t_perp, int phi_V t_par, int phi_V h at mu = m_B, [n, basis]
_LEAD = (_GEGENBAUER @ _INV_K[:4])[:, None]
_PERP_LIGHT = _place(lead=_LEAD, j=-_GEGENBAUER)
_PAR_LIGHT = _place(lead=_LEAD, j=-_GEGENBAUER, j_next=-_GEGENBAUER)
_H_LIGHT = _place(n=4.0 / 9.0 * _GEGENBAUER * _INV_K[1:])
_ONE = np.eye(_N_BASIS)[0]
_INV_S = np.eye(_N_BASIS)[_NODES + 1]
_INV_UBAR = _place(n_s=_GEGENBAUER)  # int phi_V/(1 - u + u s)
_INV_U = _FLIP @ _INV_UBAR  # int phi_V/(u + (1 - u) s)


# --- assembly ---------------------------------------------------------------------------------------------------------------------

# combinations of C1..C6 (BFS01 appendix): factors of int phi_V t_perp, int phi_V t_par, int phi_V h in eqs. (23), (25), (26)
_C2BAR = np.array([-1.0 / 6.0, 1.0, 0.0, 0.0, 0.0, 0.0])
_C3BAR = np.array([0.0, 0.0, 1.0, -1.0 / 6.0, 16.0, -8.0 / 3.0])
_C4BAR = np.array([0.0, 0.0, 0.0, 0.5, 0.0, 8.0])
_C5BAR = np.array([0.0, 0.0, 1.0, -1.0 / 6.0, 4.0, -2.0 / 3.0])
_C6BAR = np.array([0.0, 0.0, 0.0, 0.5, 0.0, 2.0])
_ANNIHILATION = np.array([0.0, 0.0, 1.0, 4.0 / 3.0, 16.0, 64.0 / 3.0])  # C_q^34 of BFS04 eq. (48)
_MINUS, _PLUS = _C4BAR - _C6BAR, _C4BAR + _C6BAR
_CHARM = np.stack([E_UP * (_C2BAR + _MINUS), E_UP * (_C2BAR + _MINUS), _C2BAR + _PLUS])
_BOTTOM = np.stack([E_DOWN * (_C3BAR + _MINUS), E_DOWN * (_C3BAR + _MINUS), _C3BAR + _PLUS])
_LIGHT = np.stack([E_DOWN * _C3BAR, E_DOWN * _C3BAR, _C3BAR + 3.0 * _PLUS])
_UP = np.stack([E_UP * _C2BAR, E_UP * _C2BAR, _C2BAR])
_OTHER = np.stack(
    [
        -8.0 / 27.0 * (_C3BAR - _C5BAR - 15.0 * _C6BAR),
        _ANNIHILATION,
        np.array([0.0, 0.0, 6.0, 0.0, 60.0, 0.0]),  # singlet
        np.array([0.0, 0.0, 1.0, 4.0 / 3.0, 4.0, 16.0 / 3.0]),  # tensor current, BFS04 eq. (51)
        -4.0 * E_DOWN * _C5BAR,
        _CHARM[2] + _BOTTOM[2] + _LIGHT[2],
    ]
)
_COMBINATIONS = np.concatenate([_CHARM, _BOTTOM, _LIGHT, _UP, _OTHER])


def amplitudes(q2, mode: Mode, c: Mapping[str, Any], alpha_s, m_b, m_c, mu) -> Amplitudes:
    """T_perp and T_par of one decay: hard spectator scattering and weak annihilation, BFS01 eqs. (15)-(32), BFS04 eqs. (46)-(51).

    q2: (...) in GeV^2.  c: mapping 'C1'..'C6', 'C8eff' at the scale mu, real (CMM basis).  alpha_s at mu; m_b, m_c pole masses.
    All phases are strong: for the CP-conjugate decay conjugate eps_u, nothing else.  Several decays at once: vmap over ``mode``.

    BFS01 eqs. (23)-(26) as printed: the bottom loop in T_perp contains -4 m_b/m_B C5bar (flavio 2.7.1: 1 for 4, 0.06 % of h_-).
    """
    if any(jnp.iscomplexobj(c[k]) for k in ("C1", "C2", "C3", "C4", "C5", "C6", "C8eff")):
        raise TypeError("Wilson coefficients must be real: complex ones carry weak phases, which T does not separate")
    q2 = jnp.asarray(q2, float)
    e_q, c8 = mode.charge, c["C8eff"]
    combinations = _dot(_COMBINATIONS, jnp.stack([jnp.asarray(c[f"C{i}"], float) for i in range(1, 7)]))
    w_c, w_b, w_0, w_u = combinations[:12].reshape(4, 3, 1, 1)
    h_const, annihilation, singlet, tensor, c5_bar, h_sum = combinations[12:]
    w_b = w_b + m_b / mode.m_bmeson * c5_bar * np.array([1.0, 0.0, 0.0])[:, None, None]
    ann = jnp.stack([annihilation + mode.singlet * singlet, -3.0 * mode.up * c["C2"]])[:, None]  # (t, u); C_q^34, -C_q^12

    # integrals over phi_V: t_perp, t_par, h; massive as polynomials in t, massless in the basis
    m2 = mode.m_bmeson**2
    rho = mode.m_vector**2 / m2
    a_perp = jnp.stack([jnp.ones_like(mode.a1_perp), mode.a1_perp, mode.a2_perp])
    a_par = jnp.stack([jnp.ones_like(mode.a1_par), mode.a1_par, mode.a2_par])
    massive = _massive(4.0 * m_c * m_c / m2, 4.0 * m_b * m_b / m2, rho, jnp.stack([a_perp, a_par], axis=-1))
    massive = jnp.pad(massive, ((0, 0), (0, 0), (0, _N_BASIS - _NODES)))
    light = jnp.stack([_dot(a_perp, _PERP_LIGHT), _dot(a_par, _PAR_LIGHT), _dot(a_par, _H_LIGHT) + 8.0 / 27.0 * _ONE])
    light = jnp.stack([light, np.outer([0.0, 0.0, 4.0 * math.pi / 9.0], _ONE)], axis=1)

    # rows of the matrix: T_perp, and T_par = [plus + minus/lambda_B,-(q^2)]/E; axes (t, u), row, (real, imaginary), basis
    a = alpha_s / (3.0 * math.pi)
    ratio = mode.m_bmeson / m_b
    norm = math.pi**2 / 3.0 * mode.f_bmeson / mode.m_bmeson
    k_perp = norm * mode.f_perp
    k_par = norm * mode.f_vector * mode.m_vector
    loop = a * ratio * jnp.stack([0.5 * k_perp / mode.omega_0, k_par / mode.omega_0, 6.0 * k_par * e_q])[:, None, None]
    loops_t = w_c * massive[:, :2] + w_b * massive[:, 2:] * np.array([1.0, 0.0])[:, None] + w_0 * light
    loops_u = w_u * (massive[:, :2] - light)
    h_const = h_const - 4.0 / 9.0 * jnp.log(m2 / (mu * mu)) * h_sum
    inv_u, inv_ubar = _dot(a_perp, _INV_U), _dot(jnp.stack([a_perp, a_par]), _INV_UBAR)
    other_perp = 2.0 * e_q / m_b * k_par / mode.omega_0 * ann * _INV_S
    other_minus = -4.0 * k_par * e_q * ratio * ann * _ONE
    o8_perp = -4.0 * k_perp * (a / mode.omega_0 * E_DOWN * c8 * inv_u + e_q / m_b * tensor * inv_ubar[0])
    o8_minus = k_par * e_q * a * (8.0 * c8 * inv_ubar[1] + 6.0 * ratio * h_const * _ONE)
    first = np.array([1.0, 0.0])[:, None]
    other = jnp.stack([other_perp + first * o8_perp, jnp.zeros_like(other_perp), other_minus + first * o8_minus], axis=1)
    matrix = loop * jnp.stack([loops_t, loops_u]) + other[:, :, None] * first

    s = q2 / m2
    e = 1.0 / (1.0 - s + rho)
    y = jnp.sqrt(jnp.maximum(1.0 - q2 / (4.0 * m_c * m_c), 1e-8))
    out = _dot(_basis(s, y, e), matrix.reshape(12, _N_BASIS).T).reshape(*q2.shape, 2, 3, 2)
    out = out[..., 0] + 1j * out[..., 1]
    inv_minus = inverse_lambda_b_minus(q2, mode.m_bmeson, mode.omega_0)[..., None]
    par = (out[..., 1] + inv_minus * out[..., 2]) * (2.0 / mode.m_bmeson * e)[..., None]
    return Amplitudes(out[..., 0, 0], out[..., 1, 0], par[..., 0], par[..., 1])


def helicity(q2, amp: Amplitudes, eps_u, m_bmeson, m_vector, m_b):
    """(h_-, h_0): what spectator scattering adds to H_-^V/N and H_0^V/N, N = 4 G_F/sqrt2 lambda_t alpha_e/(4 pi); h_+ = 0.

    Conventions of arXiv:1506.03970: H_0^V = N 4i m_B m_V/sqrt(q^2) {C9 A_12 + ...}, H_-^V = i N/(2 (m_B + m_V)) {-sqrt(lambda) C9 V
    - ...}.  At leading power, C9 -> C9 + 2 m_b m_B T_perp/(q^2 xi_perp) and C9 - 2 m_b T_par/(m_B xi_par), BFS01 eqs. (40), (41).
    m_b: pole mass.  CP conjugate: eps_u -> eps_u^* (and N -> N^* outside).
    """
    perp = amp.perp_t + eps_u * amp.perp_u
    par = amp.par_t + eps_u * amp.par_u
    gap = m_bmeson**2 - q2
    h_minus = -2.0j * gap * m_b / q2 * perp
    h_zero = -0.5j * m_b * gap**2 / (m_bmeson**2 * m_vector * jnp.sqrt(q2)) * par
    return h_minus, h_zero
