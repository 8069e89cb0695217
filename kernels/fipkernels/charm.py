r"""Matrix elements of the four-quark and chromomagnetic operators in b -> s l l.

They turn C7eff and C9 into functions of q^2 (form-factor-independent part).  No charm resonances: the region
8.7 to 14 GeV^2 is unreliable; above it the functions are those of the operator product expansion.
All functions are elementwise in q^2 (GeV^2, 0 < q^2 < m_b,pole^2) and complex-valued; masses in GeV.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

_ZETA3 = 1.2020569031595942854


def h(q2, m, mu):
    """One-loop quark bubble h(q^2, m), hep-ph/0106067 eq. (11)."""
    z = 4.0 * m * m / q2
    above = z < 1.0
    zb = jnp.where(above, 2.0, z)  # safe argument below threshold
    rb = jnp.sqrt(zb - 1.0)
    below_term = rb * jnp.arctan(1.0 / rb) + 0.0j
    za = jnp.where(above, z, 0.5)
    ra = jnp.sqrt(1.0 - za)
    above_term = ra * (jnp.log((1.0 + ra) / jnp.sqrt(za)) - 0.5j * math.pi)
    return (
        -4.0 / 9.0 * jnp.log(m * m / (mu * mu))
        + 8.0 / 27.0
        + 4.0 / 9.0 * z
        - 4.0 / 9.0 * (2.0 + z) * jnp.where(above, above_term, below_term)
    )


def h_massless(q2, mu):
    """h(q^2, 0)."""
    return 8.0 / 27.0 + 4.0j * math.pi / 9.0 + 8.0 / 9.0 * jnp.log(mu) - 4.0 / 9.0 * jnp.log(q2)


def y_function(q2, c, m_c, m_b, mu):
    """Y(q^2), hep-ph/0106067 eq. (10), 0811.1214 eq. (10); c: mapping 'C1'..'C6' (CMM basis), pole masses."""
    f_c = 4.0 / 3.0 * c["C1"] + c["C2"] + 6.0 * c["C3"] + 60.0 * c["C5"]
    f_b = 7.0 * c["C3"] + 4.0 / 3.0 * c["C4"] + 76.0 * c["C5"] + 64.0 / 3.0 * c["C6"]
    f_q = c["C3"] + 4.0 / 3.0 * c["C4"] + 16.0 * c["C5"] + 64.0 / 3.0 * c["C6"]
    f_0 = 4.0 / 3.0 * c["C3"] + 64.0 / 9.0 * c["C5"] + 64.0 / 27.0 * c["C6"]
    return h(q2, m_c, mu) * f_c - 0.5 * h(q2, m_b, mu) * f_b - 0.5 * h_massless(q2, mu) * f_q + f_0


def y_u_function(q2, c, m_c, mu):
    """Doubly Cabibbo-suppressed part, hep-ph/0412400 eq. (43); multiplies lambda_u/lambda_t."""
    return (4.0 / 3.0 * c["C1"] + c["C2"]) * (h(q2, m_c, mu) - h_massless(q2, mu))


def f8_7(s, log_mu):
    """F_8^(7)(s = q^2/m_b^2), hep-ph/0312063 eq. (40); log_mu = ln(mu/m_b)."""
    p = math.pi
    return (
        -32.0 / 9.0 * log_mu
        + 8.0 / 27.0 * p**2
        - 44.0 / 9.0
        - 8.0j / 9.0 * p
        + (4.0 / 3.0 * p**2 - 40.0 / 3.0) * s
        + (32.0 / 9.0 * p**2 - 316.0 / 9.0) * s**2
        + (200.0 / 27.0 * p**2 - 658.0 / 9.0) * s**3
        - 8.0 / 9.0 * jnp.log(s) * (s + s**2 + s**3)
    )


def f8_9(s):
    """F_8^(9)(s), hep-ph/0312063 eq. (39)."""
    p2 = math.pi**2
    return (
        104.0 / 9.0
        - 32.0 / 27.0 * p2
        + (1184.0 / 27.0 - 40.0 / 9.0 * p2) * s
        + (14212.0 / 135.0 - 32.0 / 3.0 * p2) * s**2
        + (193444.0 / 945.0 - 560.0 / 27.0 * p2) * s**3
        + 16.0 / 9.0 * jnp.log(s) * (1.0 + s + s**2 + s**3)
    )


def _axis(grid, x):
    """Cell index and offset in [0, 1] on a uniform axis (host array), extrapolating linearly outside."""
    t = (x - grid[0]) / (grid[1] - grid[0])
    i = jnp.clip(jnp.floor(t), 0, len(grid) - 2).astype(int)
    return i, t - i


def two_loop(table, mu_hat, z, s):
    """Trilinear interpolation of the charm two-loop functions of arXiv:0810.4077.

    table: mapping with host arrays 'muhat', 'z', 'shat' (uniform axes) and complex 'F17', 'F27', 'F19', 'F29' of shape
    (muhat, z, shat), the (9) functions stored times shat.  mu_hat = mu/m_b, z = m_c^2/m_b^2 scalars; s elementwise.
    Returns dict of F_1^(7), F_2^(7), F_1^(9), F_2^(9).  Domain 0.5 < mu_hat < 1.5, 0.05 < z < 0.15, 0 < s < 1.5.
    """
    i, u = _axis(table["muhat"], mu_hat)
    j, v = _axis(table["z"], z)
    k, w = _axis(table["shat"], s)
    out = {}
    for name in ("F17", "F27", "F19", "F29"):
        f = jnp.asarray(table[name])
        plane = (1 - u) * ((1 - v) * f[i, j] + v * f[i, j + 1]) + u * ((1 - v) * f[i + 1, j] + v * f[i + 1, j + 1])
        value = (1 - w) * plane[k] + w * plane[k + 1]
        out[name] = value / s if name.endswith("9") else value
    return out


# Bernoulli numbers for the dilogarithm and the Clausen function
_BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330]
_BERNOULLI += [854513 / 138, -236364091 / 2730, 8553103 / 6, -23749461029 / 870, 8615841276005 / 14322]
_LI2 = [b / math.factorial(2 * k + 3) for k, b in enumerate(_BERNOULLI)]
_CL2 = [abs(b) / (2 * (k + 1) * math.factorial(2 * k + 3)) for k, b in enumerate(_BERNOULLI)]


def _li2_small(x):
    u = -jnp.log1p(-x)
    u2 = u * u
    acc = 0.0 * u
    for c in reversed(_LI2):
        acc = acc * u2 + c
    return u - 0.25 * u2 + u * u2 * acc


def li2(x):
    """Real dilogarithm for 0 <= x < 1; relative accuracy 1e-14."""
    big = x > 0.5
    xs = jnp.where(big, 1.0 - x, x)
    xs = jnp.where(xs <= 0.0, 0.25, xs)
    small = _li2_small(xs)
    flipped = math.pi**2 / 6.0 - jnp.log(xs) * jnp.log1p(-xs) - small
    return jnp.where(x <= 0.0, 0.0, jnp.where(big, flipped, small))


def clausen(theta):
    """Cl_2(theta) = Im Li_2(e^(i theta)) for 0 < theta <= pi; accuracy 1e-11."""
    t2 = theta * theta
    acc = 0.0 * theta
    for c in reversed(_CL2):
        acc = acc * t2 + c
    return theta * (1.0 - jnp.log(theta) + t2 * acc)


def _seidel_common(q2, m_b):
    # the expansion has removable poles up to (1-s)^-4 at s = 1, just beyond the kinematic endpoint
    s = jnp.minimum(q2 / (m_b * m_b), 0.999)
    t = jnp.sqrt(4.0 / s - 1.0)
    phi = jnp.arctan(t)
    return s, t, phi


def seidel_a(q2, m_b, mu):
    """A(q^2) of hep-ph/0403185 eq. (29)."""
    s, t, phi = _seidel_common(q2, m_b)
    acot = 0.5 * math.pi - phi
    ls, l1 = jnp.log(s), jnp.log1p(-s)
    p = math.pi
    r = 1.0 - s
    return (
        -104.0 / 243.0 * jnp.log(m_b**2 / mu**2)
        + 4.0 * s / (27.0 * r) * (li2(s) + ls * l1)
        + (6.0 * s * (29.0 - 47.0 * s) * ls + 785.0 - 1600.0 * s + 833.0 * s**2 + 6.0j * p * (20.0 - 49.0 * s + 47.0 * s**2))
        / (729.0 * r**2)
        - 2.0
        / (243.0 * r**3)
        * (2.0 * t * (-4.0 + 9.0 * s - 15.0 * s**2 + 4.0 * s**3) * acot + 9.0 * s**3 * ls**2 + 18.0j * p * s * (1.0 - 2.0 * s) * ls)
        + 2.0 * s / (243.0 * r**4) * (36.0 * acot**2 + p**2 * (-4.0 + 9.0 * s - 9.0 * s**2 + 3.0 * s**3))
    )


def seidel_b(q2, m_b, mu):
    """B(q^2) of hep-ph/0403185 eq. (30)."""
    s, t, phi = _seidel_common(q2, m_b)
    p = math.pi
    acot = 0.5 * p - phi
    ls, l1 = jnp.log(s), jnp.log1p(-s)
    lm = jnp.log(m_b**2 / mu**2)
    # x1, x2 = (1 +- i t)/2, x3, x4 = (1 +- i/t)/2
    lx1 = -0.5 * ls + 1j * phi
    lx2 = -0.5 * ls - 1j * phi
    m34 = 0.5 * jnp.log(0.25 * (1.0 + 1.0 / t**2))
    lx3 = m34 + 1j * acot
    lx4 = m34 - 1j * acot
    theta = p - 2.0 * phi  # -x2/x1 = exp(i theta)
    li = p**2 / 6.0 - 0.25 * theta * (2.0 * p - theta) + 1j * clausen(theta)
    lt = jnp.log(t * t)
    r = 1.0 - s
    out = 8.0 / (243.0 * s) * ((4.0 - 34.0 * s - 17.0j * p * s) * lm + 8.0 * s * lm**2 + 17.0 * s * ls * lm)
    out += (
        (2.0 + s)
        * t
        / (729.0 * s)
        * (
            -48.0 * lm * acot
            - 18.0 * p * lt
            + 3.0j * lt**2
            - 24.0j * li
            - 5.0j * p**2
            + 6.0j * (-9.0 * lx1**2 + lx2**2 - 2.0 * lx4**2 + 6.0 * lx1 * lx2 - 4.0 * lx1 * lx3 + 8.0 * lx1 * lx4)
            - 12.0 * p * (2.0 * lx1 + lx3 + lx4)
        )
    )
    out -= (
        2.0
        / (243.0 * s * r)
        * (
            4.0 * s * (-8.0 + 17.0 * s) * (li2(s) + ls * l1)
            + 3.0 * (2.0 + s) * (3.0 - s) * (lx2 - lx1) ** 2
            + 12.0 * p * (-6.0 - s + s**2) * acot
        )
    )
    out += (
        2.0
        / (2187.0 * s * r**2)
        * (
            -18.0 * s * (120.0 - 211.0 * s + 73.0 * s**2) * ls
            - 288.0
            - 8.0 * s
            + 934.0 * s**2
            - 692.0 * s**3
            + 18.0j * p * s * (82.0 - 173.0 * s + 73.0 * s**2)
        )
    )
    out -= (
        4.0
        / (243.0 * s * r**3)
        * (
            -2.0 * t * (4.0 - 3.0 * s - 18.0 * s**2 + 16.0 * s**3 - 5.0 * s**4) * acot
            - 9.0 * s**3 * ls**2
            + 2.0j * p * s * (8.0 - 33.0 * s + 51.0 * s**2 - 17.0 * s**3) * ls
        )
    )
    out += (
        2.0
        / (729.0 * s * r**4)
        * (
            72.0 * (3.0 - 8.0 * s + 2.0 * s**2) * acot**2
            - p**2 * (54.0 - 53.0 * s - 286.0 * s**2 + 612.0 * s**3 - 446.0 * s**4 + 113.0 * s**5)
        )
    )
    return out


def seidel_c(q2, mu):
    """C(q^2) of hep-ph/0403185 eq. (31)."""
    return -16.0 / 81.0 * jnp.log(q2 / mu**2) + 428.0 / 243.0 - 64.0 / 27.0 * _ZETA3 + 16.0j / 81.0 * math.pi


def delta_c7_c9(q2, c, alpha_s, m_b, m_c7, m_c9, mu, table):
    r"""Order-alpha_s matrix elements of O1, O2, O8: (t7, u7, t9, u9) with delta C_i = t_i + eps_u u_i.

    delta C_i = -(alpha_s/4 pi) [C8eff F_8^(i) + T_i - eps_u (T_i + U_i)], T_i = C1 F_1^(i) + C2 F_2^(i), eps_u = lambda_u/lambda_t;
    the relative sign of the u-quark part follows hep-ph/0403185 (see footnote 5 of 0811.1214).

    c: mapping 'C1', 'C2', 'C8eff'; m_b, m_c9 pole masses; m_c7 the charm mass used in the photon penguin (GeV); table: see
    :func:`two_loop`.
    """
    s = q2 / (m_b * m_b)
    f7 = two_loop(table, mu / m_b, (m_c7 / m_b) ** 2, s)
    f9 = two_loop(table, mu / m_b, (m_c9 / m_b) ** 2, s)
    t7 = c["C1"] * f7["F17"] + c["C2"] * f7["F27"]
    t9 = c["C1"] * f9["F19"] + c["C2"] * f9["F29"]
    a, b, cc = seidel_a(q2, m_b, mu), seidel_b(q2, m_b, mu), seidel_c(q2, mu)
    u7 = (6.0 * c["C2"] - c["C1"]) * a
    u9 = -c["C1"] * (b + 4.0 * cc) + c["C2"] * (6.0 * b - 3.0 * cc)
    k = -alpha_s / (4.0 * math.pi)
    d7 = k * (c["C8eff"] * f8_7(s, jnp.log(mu / m_b)) + t7)
    d9 = k * (c["C8eff"] * f8_9(s) + t9)
    return d7, -k * (t7 + u7), d9, -k * (t9 + u9)


def check_table(table) -> None:
    """Raise ValueError unless the axes are uniform, as :func:`two_loop` assumes (host code)."""
    for name in ("muhat", "z", "shat"):
        step = np.diff(table[name])
        if not np.allclose(step, step[0], rtol=1e-9):
            raise ValueError(f"two-loop table: axis {name} is not uniform")
