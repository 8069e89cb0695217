r"""One-loop contributions of a light neutral boson to the anomalous magnetic moment of the muon, a_mu = (g - 2)/2.

Everything here is elementwise on broadcasting arrays, dimensionless, and built from the Feynman integrals

    I_n(a) = int_0^1 dz z^n / (1 - z + a z^2),        a = x^2,  x = m_mu/m_boson = 1/r.

With w = 1 - 4a,

    I_0 = [ln((1 + sqrt w)/(1 - sqrt w))]/sqrt w      (an arctangent for w < 0, 2 at w = 0),
    I_1 = (ln a + I_0)/(2a),   I_2 = (I_1 - I_0 + 1)/a,   I_3 = (I_2 - I_1 + 1/2)/a.

These closed forms lose a factor 1/a^3 of precision for a heavy boson and are 0/0 at 2x = 1, so they are not used
directly.  Three regions, each convergent and without cancellation, cover all x:

* heavy boson, x < 0.083:   sum_n a^n (p_n + q_n ln a), radius of convergence a = 1/4;
* light boson, x > 3.02:    sum_n e^(2n) (p_n + q_n ln a) + pi e sum_n o_n e^(2n), e = 1/x, radius e = 2;
* between:                  a Chebyshev fit in ln x, centred on the removable point 2x = 1.

Accuracy against 50-digit arithmetic for x from 1e-8 to 1e6 (float64): 5e-15 in the value and 5e-13 in the first
derivative, both relative; float32: 2e-6 in the value.  x = 0 and x = infinity give the limits where those are finite.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import jax.numpy as jnp

# Half-width in ln x of the middle region; its centre is ln(1/2). Series terms then fall by exp(-3.6) = 0.027.
_HALF = 1.8
_X_HEAVY = 0.5 * math.exp(-_HALF)
_X_LIGHT = 0.5 * math.exp(_HALF)
_TERMS = 11  # 0.027^11 = 6e-18, times growing coefficients

# Middle region: powers of t = ln(2x)/_HALF in [-1, 1], from Chebyshev interpolation of the closed forms at 48
# nodes with 60 digits, tail dropped where the Chebyshev coefficients fall below 1e-17 of the smallest value.
# tests/kernels/reference/make_loop_tables.py prints them.
# fmt: off
_VECTOR = (
    0.3614195558364998, -0.40444160404559715, -0.0440178945127378, 0.1735562697930804, 0.03744417094509669,
    -0.07666244690331023, -0.02331754270701163, 0.030411087798508388, 0.011999165017008229, -0.011036929359822428,
    -0.005440451895037, 0.003741704218699812, 0.0022586936154668238, -0.0012031926547314052, -0.0008803084193234126,
    0.0003708472439749658, 0.0003275647493929709, -0.00011029741286415235, -0.00011772548366276391,
    3.176123756375111e-05, 4.1143356413286846e-05, -8.843545983571906e-06, -1.3965165344967745e-05,
    2.3538374321126317e-06, 4.5185173156165615e-06, -5.784777589499146e-07, -1.325449697923917e-06,
    1.2140077042641897e-07, 3.208313391729211e-07, -1.8705578292268864e-08, -5.4753294843199146e-08,
    1.5228186576385066e-09, 4.762741224388257e-09,
)
_AXIAL = (
    -2.909645111040875, 0.6725015977243517, 0.24548689866031378, -0.18894133156182805, -0.14235408722168214,
    0.04857533663972909, 0.06284973429370169, -0.008338962304582063, -0.023617445881825145, -0.00015235336056024766,
    0.008001435416445763, 0.0009423690477251839, -0.0025277275532129048, -0.0005509695111045913,
    0.0007604388137063317, 0.00023999233309065626, -0.00022080879391438244, -9.183473792188479e-05,
    6.233495578938322e-05, 3.25203937790285e-05, -1.705469858652867e-05, -1.0767273782016203e-05,
    4.397623224668883e-06, 3.234777932949925e-06, -9.893301236071461e-07, -8.117767966320623e-07,
    1.6591095065580053e-07, 1.4563263346155213e-07, -1.4791278301301398e-08, -1.3446530674675184e-08,
)
_SCALAR = (
    1.090354888959125, -1.951665601517099, 1.0919923309231123, 0.07923221012292696, -0.23430096422065336,
    -0.04043970462064579, 0.06899620221280423, 0.017987818658209247, -0.020527484260906, -0.007199498988748607,
    0.005959941821374401, 0.002670767097309236, -0.0016837666679069432, -0.0009382253586923574,
    0.00046408748085235735, 0.0003169056860192169, -0.0001251570996646068, -0.00010403300118309485,
    3.307957321907206e-05, 3.341910696883502e-05, -8.557756647156087e-06, -1.05108814007435e-05,
    2.1466773974494905e-06, 3.1906207267616923e-06, -5.061242418567872e-07, -8.937196646302885e-07,
    1.0395591485096288e-07, 2.1070538822880002e-07, -1.5960711919276646e-08, -3.562963053545769e-08,
    1.3111989047964118e-09, 3.107970061697639e-09,
)
_PSEUDOSCALAR = (
    -0.7289353331226252, 1.5472239974715019, -1.1360102254358502, 0.09432405967015345, 0.2717451351657555,
    -0.03622274228266443, -0.09231374491999991, 0.01242326914029914, 0.03252664928116169, -0.003837430371073821,
    -0.011400393751050971, 0.0010709371213905765, 0.003942460525850761, -0.00026496729603904784,
    -0.0013443970725920008, 5.394155795574893e-05, 0.00045272589389357376, -6.264411681057498e-06,
    -0.00015081520862708113, -1.657869405083909e-06, 4.97198136437893e-05, 1.6673354171715938e-06,
    -1.613710067317078e-05, -8.367832946490607e-07, 5.0493504027757295e-06, 3.15241905680374e-07,
    -1.4464357092294444e-06, -8.930461780238104e-08, 3.4463130184112425e-07, 1.6924052243188827e-08,
    -5.8227045678733893e-08, -1.5851514040591327e-09, 5.03306021573055e-09,
)
_C_A = (
    0.6370563888010938, -0.06701499841968865, -0.05036725103689501, 0.00384626544218867, 0.02622747906922484,
    0.007021777565811572, -0.009883047899084648, -0.005518031371616046, 0.002904570255215245, 0.0027973206564655528,
    -0.0006402462624292216, -0.0011710181275653194, 6.726094338607434e-05, 0.000438539523546301,
    2.9956459624727525e-05, -0.00015270605528137267, -2.6654224817874782e-05, 5.0522649854655706e-05,
    1.3767248667510095e-05, -1.6049996637666826e-05, -5.885728819086676e-06, 4.8735460870712e-06,
    2.222119616141001e-06, -1.3671882202193346e-06, -7.293652802049036e-07, 3.259883917421549e-07,
    1.9289163215138646e-07, -5.643173694988165e-08, -3.5467584191007806e-08, 5.087566092561406e-09,
    3.2945003086789703e-09,
)
_C_PHI = (
    0.27258872223978126, 0.49340299968393775, 0.2828739614791715, -0.0394472199596286, -0.10459169147544374,
    -0.010892520773916642, 0.03144625752920186, 0.008531794343538662, -0.008458724679593986, -0.0036507467089509304,
    0.0021265521414311635, 0.0013017049787249911, -0.0005101807813631053, -0.00042641131111129495,
    0.00011771647053846238, 0.0001335421132014527, -2.6061799853334343e-05, -4.078922199331864e-05,
    5.45750088164438e-06, 1.2277455141061498e-05, -1.0430111748570414e-06, -3.64931668286323e-06,
    1.667577800048792e-07, 1.0572048603004693e-06, -1.689418001701302e-08, -2.8569585602233385e-07,
    -7.815318568784651e-10, 6.56755047719294e-08, 6.609480538750443e-10, -1.0922683696160312e-08,
    -8.800326842453993e-11, 9.427823083889225e-10,
)
# fmt: on


class _Function(NamedTuple):
    """Coefficients of one loop function in its three regions."""

    heavy: tuple[float, ...]
    heavy_log: tuple[float, ...]
    middle: tuple[float, ...]
    light: tuple[float, ...]
    light_log: tuple[float, ...]
    light_odd: tuple[float, ...]


def _heavy_series(n: int) -> list[list[list[Fraction]]]:
    """Coefficients [plain, times ln a] in powers of a = x^2 of I_1, I_2, I_3, a I_2, a I_3."""
    # I_0 = (2/s) ln((1 + s)/2) - (1/s) ln a with s = sqrt(1 - 4a)
    m = n + 3
    inv_s = [Fraction(math.comb(2 * k, k)) for k in range(m)]
    log_s = [Fraction(0)] + [Fraction(-math.comb(2 * k, k), 2 * k) for k in range(1, m)]
    plain = [2 * sum((inv_s[j] * log_s[k - j] for j in range(k + 1)), Fraction(0)) for k in range(m)]
    i0 = [plain, [-v for v in inv_s]]
    # each division by a removes the first coefficient, which has cancelled
    i1 = [[v / 2 for v in i0[0][1:]], [v / 2 for v in i0[1][1:]]]
    ai2 = [[p - q for p, q in zip(i1[s], i0[s], strict=False)] for s in (0, 1)]
    ai2[0][0] += 1
    i2 = [ai2[0][1:], ai2[1][1:]]
    ai3 = [[p - q for p, q in zip(i2[s], i1[s], strict=False)] for s in (0, 1)]
    ai3[0][0] += Fraction(1, 2)
    i3 = [ai3[0][1:], ai3[1][1:]]
    return [[part[:n] for part in integral] for integral in (i1, i2, i3, ai2, ai3)]


def _light_series(n: int) -> list[list[list[Fraction]]]:
    """Coefficients [plain, times ln a, times pi e] in powers of e^2 = 1/x^2 of I_1, I_2, I_3, a I_2, a I_3."""
    # I_0 = (pi - 2 asin(e/2))/sqrt(4a - 1)
    zero = [Fraction(0)]
    fact = math.factorial
    plain = zero + [Fraction(-(fact(k) ** 2), 2 * fact(2 * k + 1)) for k in range(n - 1)]
    i0 = [plain, zero * n, [Fraction(math.comb(2 * k, k), 2 * 16**k) for k in range(n)]]
    ai1 = [[v / 2 for v in part] for part in i0]
    ai1[1][0] += Fraction(1, 2)
    i1 = [zero + part[:-1] for part in ai1]
    ai2 = [[p - q for p, q in zip(i1[s], i0[s], strict=True)] for s in range(3)]
    ai2[0][0] += 1
    i2 = [zero + part[:-1] for part in ai2]
    ai3 = [[p - q for p, q in zip(i2[s], i1[s], strict=True)] for s in range(3)]
    ai3[0][0] += Fraction(1, 2)
    i3 = [zero + part[:-1] for part in ai3]
    return [i1, i2, i3, ai2, ai3]


def _function(weights: tuple[int, ...], middle: tuple[float, ...]) -> _Function:
    """Loop function sum_k weights_k (I_1, I_2, I_3, a I_2, a I_3)_k, with its fit in the middle region."""

    def combine(series: list[list[list[Fraction]]], part: int, scale: float = 1.0) -> tuple[float, ...]:
        columns = [integral[part] for integral in series]
        return tuple(scale * float(sum(w * column[k] for w, column in zip(weights, columns, strict=True))) for k in range(_TERMS))

    heavy, light = _heavy_series(_TERMS), _light_series(_TERMS)
    return _Function(
        combine(heavy, 0),
        combine(heavy, 1),
        middle,
        combine(light, 0),
        combine(light, 1),
        combine(light, 2, math.pi),
    )


_F_VECTOR = _function((0, 2, -2, 0, 0), _VECTOR)
_F_AXIAL = _function((-8, 10, -2, 0, -4), _AXIAL)
_F_SCALAR = _function((0, 2, -1, 0, 0), _SCALAR)
_F_PSEUDOSCALAR = _function((0, 0, -1, 0, 0), _PSEUDOSCALAR)
_F_C_PHI = _function((0, 0, 0, 2, -1), _C_PHI)
_F_C_A = _function((2, -3, 1, 0, 1), _C_A)


def _poly(coefficients: tuple[float, ...], t):
    acc = coefficients[-1]
    for c in coefficients[-2::-1]:
        acc = acc * t + c
    return acc


def _select(f: _Function, heavy, light, a, e, log_x):
    """Value of f; a and e hold a harmless constant outside the heavy and light regions, so no branch can overflow."""
    t = jnp.where(heavy | light, 0.0, (log_x + math.log(2.0)) / _HALF)
    log_a, b = 2.0 * log_x, e * e
    at_heavy = _poly(f.heavy, a) + log_a * _poly(f.heavy_log, a)
    at_light = _poly(f.light, b) + log_a * _poly(f.light_log, b) + e * _poly(f.light_odd, b)
    return jnp.where(heavy, at_heavy, jnp.where(light, at_light, _poly(f.middle, t)))


def _safe_log(v):
    """ln v with v kept inside the normal numbers: its factor vanishes at v = 0 and infinity."""
    info = jnp.finfo(v.dtype)
    inside = (v > info.tiny) & (v < info.max)
    edge = jnp.where(v < 1.0, info.tiny, info.max).astype(v.dtype)
    return jnp.log(jnp.where(inside | jnp.isnan(v), v, edge))


def _of_x(f: _Function, x):
    x = 1.0 * jnp.asarray(x)
    heavy, light = x < _X_HEAVY, x > _X_LIGHT
    a = jnp.where(heavy, x, _X_HEAVY) ** 2
    e = 1.0 / jnp.where(light, x, _X_LIGHT)
    return _select(f, heavy, light, a, e, _safe_log(x))


def _of_r(f: _Function, r):
    r = 1.0 * jnp.asarray(r)
    heavy, light = r > 1.0 / _X_HEAVY, r < 1.0 / _X_LIGHT
    a = 1.0 / jnp.where(heavy, r, 1.0 / _X_HEAVY) ** 2
    e = jnp.where(light, r, 1.0 / _X_LIGHT)
    return _select(f, heavy, light, a, e, -_safe_log(r))


def vector(x):
    """F(x) of arXiv:2106.12582 eq. (4.13): vector boson with vector coupling, x = m_mu/m_V.

    F = int_0^1 dz 2 z^2 (1 - z)/D, D = x^2 z + (1 - z)(1 - x^2 z) = 1 - z + x^2 z^2, that is 2 (I_2 - I_3).
    Positive and decreasing: 2/3 for a heavy boson (x -> 0), 1/x^2 for a light one.
    """
    return _of_x(_F_VECTOR, x)


def axial(x):
    """F~(x) of arXiv:2106.12582 eq. (4.14): vector boson with axial coupling, x = m_mu/m_V.

    F~ = int_0^1 dz [2 z (1 - z)(z - 4) - 4 x^2 z^3]/D, D as in `vector`.
    Negative and increasing: -10/3 for x -> 0, -2 for x -> infinity (with the x^2 of eq. 4.12: the longitudinal mode).
    """
    return _of_x(_F_AXIAL, x)


def scalar(x):
    """One-loop integral of a neutral scalar phi with coupling g_S phi mubar mu, x = m_mu/m_phi > 0.

    Delta a_mu = x^2/(8 pi^2) [g_S^2 scalar(x) + g_P^2 pseudoscalar(x)]  (Jackiw-Weinberg 1972; Leveille 1978), with
    scalar = int_0^1 dz (1 - z)^2 (1 + z)/[(1 - z)^2 x^2 + z] = 2 I_2 - I_3.
    Positive and decreasing: -2 ln x - 7/6 for x -> 0, 3/(2 x^2) for x -> infinity.
    """
    return _of_x(_F_SCALAR, x)


def pseudoscalar(x):
    """One-loop integral of a neutral pseudoscalar with coupling g_P phi mubar i gamma5 mu, x = m_mu/m_phi > 0.

    Normalised as in `scalar`: pseudoscalar = -int_0^1 dz (1 - z)^3/[(1 - z)^2 x^2 + z] = -I_3.
    Negative and increasing: 2 ln x + 11/6 for x -> 0, -1/(2 x^2) for x -> infinity.
    """
    return _of_x(_F_PSEUDOSCALAR, x)


def c_phi(r):
    """C_phi' of the U(1)_T3R model (Dutta, Ghosh, Huang, Kumar 2021, eq. 4), r = m_phi'/m_mu >= 0.

    C_phi' = int_0^1 dx (1 - x)^2 (1 + x)/[(1 - x)^2 + x r^2] = scalar(1/r)/r^2, and
    Delta a_mu = m_mu^2/(16 pi^2 V^2) [C_phi'(r_phi') - C_A'(r_A')].  Decreases from 3/2 at r = 0; 1/2 at r = 1.
    """
    return _of_r(_F_C_PHI, r)


def c_a(r):
    """C_A' of the U(1)_T3R model (Dutta, Ghosh, Huang, Kumar 2021, eq. 4), r = m_A'/m_mu >= 0.

    C_A' = int_0^1 dx [x (1 - x)(2 - x) r^2 + x^3]/[x^2 + (1 - x) r^2] = -[vector(1/r) + axial(1/r)]/4.
    Rises from 1/2 at r = 0 to 2/3.
    """
    return _of_r(_F_C_A, r)


def _abs2(g):
    return jnp.real(g * jnp.conj(g))


def delta_a_mu_vector(g_v, g_a, m_v, m_mu):
    """Delta a_mu of a vector boson, arXiv:2106.12582 eq. (4.12), for V_rho mubar gamma^rho (g_v + g_a gamma5) mu.

    Delta a_mu = x^2/(8 pi^2) [g_v^2 F(x) + g_a^2 F~(x)], x = m_mu/m_V.  Couplings are dimensionless, the masses
    (> 0) in any common unit; all arguments broadcast.
    """
    x = m_mu / m_v
    return x * x / (8.0 * math.pi**2) * (_abs2(g_v) * vector(x) + _abs2(g_a) * axial(x))


def delta_a_mu_scalar(g_s, g_p, m_phi, m_mu):
    """Delta a_mu of a neutral spin-0 boson with phi mubar (g_s + i g_p gamma5) mu; arguments as delta_a_mu_vector."""
    x = m_mu / m_phi
    return x * x / (8.0 * math.pi**2) * (_abs2(g_s) * scalar(x) + _abs2(g_p) * pseudoscalar(x))


def tuned_axial(g_v, m_v, m_mu, a_max):
    """|g_a| >= 0 that brings Delta a_mu of a vector coupling g_v down to a_max; 0 where it is below already.

    2106.12582 section 4.3: the axial contribution is negative.  Elementwise; m_v, m_mu in GeV, a_max > 0.  The derivative by g_v is
    that of a square root: large just above the point where tuning sets in, and set to 0 at it and below.
    """
    x = m_mu / m_v
    scale = x * x / (8.0 * math.pi**2)
    excess = (scale * g_v * g_v * vector(x) - a_max) / (-scale * axial(x))
    over = excess > 0.0
    return jnp.where(over, jnp.sqrt(jnp.where(over, excess, 1.0)), 0.0)
