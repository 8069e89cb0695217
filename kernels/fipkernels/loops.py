r"""Loop functions of heavy particles: penguins and boxes of the split dark sector, the W-top box.

All functions are elementwise on broadcasting arrays, dimensionless, of ratios of squared masses x = (m/M)^2 >= 0.

Penguins and the W-top box depend on one ratio.  Their poles at x = 1 (up to the fourth order) are removable:
for |ln x| < 1 a polynomial in ln x is used, elsewhere the closed form, written in powers of min(x, 1) and min(1/x, 1).

Boxes are integrals over four non-negative masses,

    int_0^inf ds s^2/[(s + a)(s + b)(s + c)(s + d)],

a positive integrand whatever masses coincide.  Widely different masses are taken apart with partial fractions between
the largest and the smallest, down to ln(b/a)/(b - a); these differ by more than a factor 2.5, so nothing cancels.
Masses within that factor are integrated with a 10-point Gauss rule, which converges there as 9^-20.

Accuracy against 50-digit arithmetic for x from 1e-12 to 1e12 (float64): 1e-14 in the value and 1e-13 in the first
derivatives, relative; where a function or its derivative changes sign, relative to the terms that cancel.
float32: 1e-5 in the value.
"""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp

# Powers of ln x, |ln x| <= 1, from Chebyshev interpolation of the closed forms at 48 nodes with 200 digits, tail
# dropped below 1e-18. tests/kernels/reference/make_loop_tables.py prints them. _S0 is without its factor x.
# fmt: off
_F9 = (
    -0.041666666666666664, 0.00833333333333334, 0.0013888888888888816, -0.00019841269841304715,
    -8.267195767176048e-05, 3.3068783117763843e-06, 3.858024689327633e-06, 5.010418585043051e-08,
    -1.5657566692653074e-07, -7.777061824125018e-09, 5.812578705105276e-09, 4.5939668586581703e-10,
    -2.0291637931486518e-10, -2.1012057564667832e-11, 6.727135779274275e-12, 7.390049263655413e-13,
    -1.9032449165755196e-13,
)
_G9 = (
    0.125, -0.09166666666666666, 0.026388888888888892, -0.0025793650793650667, -0.00038029100529111845,
    9.589947089924912e-05, 7.164902999402144e-06, -3.356982521869657e-06, -1.1899752085278057e-07,
    1.1216094271266482e-07, 1.146327347318723e-09, -3.6300888068688526e-09, 2.6798820258957422e-11,
    1.1487538931575427e-10, -2.2884050659261105e-12, -3.549641078731624e-12, 8.9395685100926e-14,
    9.535731250416484e-14,
)
_SUM = (
    0.08333333333333333, -0.08333333333333333, 0.027777777777777776, -0.0027777777777777696, -0.00046296296296287895,
    9.920634920620353e-05, 1.1022927688729777e-05, -3.3068783057096895e-06, -2.755731877793113e-07,
    1.0438377985674971e-07, 6.958906052423999e-09, -3.1705010790726755e-09, -1.7611755905590777e-10,
    9.365759428762203e-11, 4.438730713348165e-12, -2.6930718875292844e-12, -1.0092880655662597e-13,
    6.769513254256528e-14,
)
_F15 = (
    0.08333333333333333, 1.374241236822436e-19, -0.013888888888888888, 0.0027777777777777696, 0.00023148148148143948,
    -9.920634920620353e-05, -5.5114638443648885e-06, 3.3068783057096895e-06, 1.3778659388965564e-07,
    -1.0438377985674971e-07, -3.4794530262119997e-09, 3.1705010790726755e-09, 8.805877952795388e-11,
    -9.365759428762203e-11, -2.2193653566740823e-12, 2.6930718875292844e-12, 5.046440327831298e-14,
    -6.769513254256528e-14,
)
_S0 = (
    0.75, -0.125, -0.012499999999999933, 0.0041666666666666545, 0.0007440476190458443, -0.0001488095238093053,
    -3.472222220394869e-05, 4.960317458564534e-06, 1.4091810023387767e-06, -1.5657566978512456e-07,
    -5.2313208345947486e-08, 4.7557516186090135e-09, 1.8262474138337867e-09, -1.4048639143143305e-10,
    -6.054422201346848e-11, 4.039607831293926e-12, 1.7129204249179677e-12, -1.0154269881384791e-13,
)
# fmt: on

# Gauss-Legendre nodes and weights on [0, 1]
_GAUSS = (
    (0.01304673574141414, 0.03333567215434407),
    (0.06746831665550775, 0.0747256745752903),
    (0.1602952158504878, 0.10954318125799102),
    (0.2833023029353764, 0.13463335965499817),
    (0.4255628305091844, 0.14776211235737644),
    (0.5744371694908156, 0.14776211235737644),
    (0.7166976970646236, 0.13463335965499817),
    (0.8397047841495122, 0.10954318125799102),
    (0.9325316833444922, 0.0747256745752903),
    (0.9869532642585859, 0.03333567215434407),
)
_CLUSTER = 2.5  # masses within this factor of each other are integrated numerically
_NEAR = 5.0 / 3.0  # two masses within this factor: series of the logarithm, v = (b - a)/(b + a) <= 1/4
_ATANH = tuple(1.0 / (2 * k + 1) for k in range(14))  # atanh(v)/v in powers of v^2; 4^-28 = 1e-17


def _poly(coefficients, t):
    acc = coefficients[-1]
    for c in coefficients[-2::-1]:
        acc = acc * t + c
    return acc


def _regions(x):
    """near, t, (p, n, ln x): near x = 1 use t = ln x; elsewhere p = min(x, 1), n = min(1/x, 1), x = p/n."""
    x = 1.0 * jnp.asarray(x)
    info = jnp.finfo(x.dtype)
    inside = ((x > info.tiny) & (x < info.max)) | jnp.isnan(x)
    edge = jnp.where(x < 1.0, info.tiny, info.max).astype(x.dtype)
    # powers of p or n vanish faster than ln x grows, so its value at x = 0 and infinity only has to be finite
    log_x = jnp.log(jnp.where(inside, x, edge))
    near = jnp.abs(log_x) <= 1.0
    t = jnp.where(near, log_x, 0.0)
    far = jnp.where(near, 4.0, x)
    big = far > 1.0
    p = jnp.where(big, 1.0, far)
    n = jnp.where(big, 1.0 / jnp.where(big, far, 1.0), 1.0)
    return near, t, (p, n, jnp.where(near, math.log(4.0), log_x))


def penguin_f9(x):
    """F_9(x) of arXiv:2002.11150 eq. (10): vector attached to the heavy scalar, x = m_chi^2/m_Phi^2.

    F_9 = [-2 + 9x - 18x^2 + 11x^3 - 6x^3 ln x]/[36 (x - 1)^4] = -(1/6) int_0^1 du u^3/[(1 - u) x + u].
    -1/18 at x = 0, -1/24 at x = 1, -(ln x)/(6x) for large x.
    """
    near, t, (p, n, ln) = _regions(x)
    top = p**3 * (11.0 - 6.0 * ln) - 18.0 * p * p * n + 9.0 * p * n * n - 2.0 * n**3
    return jnp.where(near, _poly(_F9, t), n * top / (36.0 * (p - n) ** 4))


def penguin_g9(x):
    """G_9(x) of arXiv:2002.11150 eq. (10): vector attached to the light fermion, x = m_chi^2/m_Phi^2 > 0.

    G_9 = [-16 + 45x - 36x^2 + 7x^3 + 6 (3x - 2) ln x]/[36 (x - 1)^4].
    -4/9 - (ln x)/3 for x -> 0, 1/8 at x = 1, 7/(36 x) for large x.
    """
    near, t, (p, n, ln) = _regions(x)
    top = 7.0 * p**3 - 36.0 * p * p * n + 45.0 * p * n * n - 16.0 * n**3 + 6.0 * (3.0 * p - 2.0 * n) * n * n * ln
    return jnp.where(near, _poly(_G9, t), n * top / (36.0 * (p - n) ** 4))


def penguin_sum(x):
    """F_9(x) + G_9(x), the combination in arXiv:2002.11150 eqs. (7) and (11), x = m_chi^2/m_Phi^2 > 0.

    The sum has only a double pole to remove: [3 (x - 1) - (x + 2) ln x]/[6 (x - 1)^2].
    -1/2 - (ln x)/3 for x -> 0, 1/12 at x = 1, zero at x = 8.5773568, -(ln x)/(6x) for large x.
    The paper's prefactor 1/(32 pi^2) of eq. (11) has to be 1/(16 pi^2), as in arXiv:2106.12582 eq. (3.14).
    """
    near, t, (p, n, ln) = _regions(x)
    top = 3.0 * (p - n) - (p + 2.0 * n) * ln
    return jnp.where(near, _poly(_SUM, t), n * top / (6.0 * (p - n) ** 2))


def penguin_f15(y):
    """F(y) of arXiv:2106.12582 eq. (3.15), y = m_phi^2/m_chi^2 > 0.

    F = [3 - 3y + (1 + 2y) ln y]/[6 (y - 1)^2] = penguin_sum(1/y)/y.
    1/2 + (ln y)/6 for y -> 0, zero at y = 0.11658603, 1/12 at y = 1, (2 ln y - 3)/(6y) for large y.
    """
    near, t, (p, n, ln) = _regions(y)
    top = 3.0 * (n - p) + (n + 2.0 * p) * ln
    return jnp.where(near, _poly(_F15, t), n * top / (6.0 * (p - n) ** 2))


def inami_lim_s0(x):
    """S_0(x) of Inami and Lim, Prog. Theor. Phys. 65 (1981) 297: Delta F = 2 box with two W and two tops.

    S_0 = (4x - 11x^2 + x^3)/[4 (1 - x)^2] - 3x^3 ln x/[2 (1 - x)^3], x = m_t^2/m_W^2 >= 0.
    x for x -> 0, 3/4 at x = 1, x/4 for large x.
    """
    x = 1.0 * jnp.asarray(x)
    near, t, (p, n, ln) = _regions(x)
    far = (4.0 * n * n - 11.0 * p * n + p * p) / (4.0 * (n - p) ** 2) - 3.0 * p * p * n * ln / (2.0 * (n - p) ** 3)
    return x * jnp.where(near, _poly(_S0, t), far)


def _order(x, y):
    # where, not minimum and maximum: at x = y those would split derivatives evenly and spoil the second ones
    ordered = x <= y
    return jnp.where(ordered, x, y), jnp.where(ordered, y, x)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _gauss_sum(weights, order, sym):
    """sum_j weights_j / P(tau_j)^order, P(tau) = (1 - tau)^n + sum_k tau^k (1 - tau)^(n - k) sym_k."""
    n = len(sym)
    top, bottom = 0.0, 1.0  # over a common denominator: one division instead of ten
    for (tau, _), weight in zip(_GAUSS, weights, strict=True):
        p = ((1.0 - tau) ** n + sum(tau**k * (1.0 - tau) ** (n - k) * e for k, e in enumerate(sym, 1))) ** order
        top, bottom = top * p + weight * bottom, bottom * p
    return top / bottom


@_gauss_sum.defjvp
def _gauss_sum_jvp(weights, order, primals, tangents):
    # by hand: the chain of partial sums is cheaper to run again than to keep for the way back
    (sym,), (dsym,) = primals, tangents
    n = len(sym)
    slope = 0.0
    for k, de in enumerate(dsym, 1):
        w = tuple(-order * w * tau**k * (1.0 - tau) ** (n - k) for (tau, _), w in zip(_GAUSS, weights, strict=True))
        slope = slope + de * _gauss_sum(w, order + 1, sym)
    return _gauss_sum(weights, order, sym), slope


def _cluster(masses, power, inside):
    """int_0^inf ds s^power / prod_i (s + m_i) for power + 2 ordered masses; unused if not `inside`."""
    masses = [jnp.where(inside, m, 1.0) for m in masses]
    # s = c (1 - tau)/tau; the integral does not depend on c, so its derivative is not needed
    scale = jax.lax.stop_gradient(1.0 / jnp.sqrt(masses[0] * masses[-1]))
    # prod_i [(1 - tau) + tau m_i/c] through the elementary symmetric polynomials of m_i/c
    sym = [1.0]
    for m in masses:
        r = m * scale
        sym = [1.0] + [sym[k] + r * sym[k - 1] for k in range(1, len(sym))] + [r * sym[-1]]
    weights = tuple(w * (1.0 - tau) ** power for tau, w in _GAUSS)
    return scale * _gauss_sum(weights, 1, tuple(sym[1:]))


def _pair(a, b):
    """int_0^inf ds/[(s + a)(s + b)] = ln(b/a)/(b - a) for a <= b."""
    near = b <= _NEAR * a
    a_n, b_n = jnp.where(near, a, 1.0), jnp.where(near, b, 1.0)
    v = (b_n - a_n) / (b_n + a_n)
    at_near = 2.0 / (b_n + a_n) * _poly(_ATANH, v * v)
    a_f, b_f = jnp.where(near, 1.0, a), jnp.where(near, 2.0, b)
    return jnp.where(near, at_near, jnp.log(b_f / a_f) / (b_f - a_f))


def _triple(a, b, c, ab, bc):
    """int_0^inf ds s/[(s + a)(s + b)(s + c)] for a <= b <= c, given the pairs (a, b) and (b, c)."""
    near = c <= _CLUSTER * a
    gap = jnp.where(near, 1.0, c - a)
    return jnp.where(near, _cluster((a, b, c), 1, near), (c * bc - a * ab) / gap)


def box_f3(x, y, z):
    """F(x, y, z) of arXiv:2002.11150 eq. (3), symmetric: a box with four different masses, one of them the unit.

    F = sum over t in (x, y, z) of t^2 ln t/[(t - 1)(t - ..)(t - ..)], the second divided difference of
    t^2 ln t/(t - 1), which is int_0^inf ds s^2/[(s + 1)(s + x)(s + y)(s + z)].  Positive; 1/3 at x = y = z = 1,
    -ln t - 3/2 for x = y = z = t -> 0 (the paper's "F of order 1" for 100 GeV on 1 TeV is 3.2).
    At most two arguments may be zero; the derivative with respect to a zero argument is returned as 0.
    """
    x, y, z = (1.0 * jnp.asarray(v) for v in (x, y, z))
    # the smallest positive number that can still be divided by; zero stands for it
    floor = math.sqrt(float(jnp.finfo(jnp.result_type(x, y, z)).tiny))
    a, b = _order(jnp.maximum(x, floor), jnp.maximum(y, floor))
    c, d = _order(jnp.maximum(z, floor), 1.0)
    a, c = _order(a, c)
    b, d = _order(b, d)
    b, c = _order(b, c)
    near = d <= _CLUSTER * a
    ab, bc, cd = _pair(a, b), _pair(b, c), _pair(c, d)
    gap = jnp.where(near, 1.0, d - a)
    apart = (d * _triple(b, c, d, bc, cd) - a * _triple(a, b, c, ab, bc)) / gap
    return jnp.where(near, _cluster((a, b, c, d), 2, near), apart)


def mixing_box(x, y):
    """F(x, y) of arXiv:2002.11150 eq. (18), symmetric: neutral-meson mixing box with two scalars of the same mass.

    F = 1/[(1 - x)(1 - y)] + [h(x) - h(y)]/(x - y), h(t) = t^2 ln t/(1 - t)^2.  The same integral as box_f3 with
    one more mass equal to the unit: F = box_f3(1, x, y).  1 at x = y = 0, 1/3 at x = y = 1.
    """
    return box_f3(1.0, x, y)
