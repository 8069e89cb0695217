"""Two-body kinematics that stays exact at thresholds.

Everything is elementwise on broadcasting real arrays.  Below threshold a momentum or velocity is exactly 0 with
derivative exactly 0, never NaN; at threshold as well, although the derivative grows without bound just above it.
"""

from __future__ import annotations

import jax.numpy as jnp


def sqrt_pos(x):
    """sqrt(x) for x > 0, otherwise exactly 0 with zero derivative (also for subnormal x, whose 1/sqrt overflows).

    Any unit; accurate to rounding.
    """
    x = 1.0 * jnp.asarray(x)
    positive = x > jnp.finfo(x.dtype).tiny
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def kallen(x, y, z):
    """Triangle function lambda(x, y, z) = x^2 + y^2 + z^2 - 2xy - 2xz - 2yz of three squared masses.

    Any real arguments (q^2 may be negative), one common unit (result: its square).  Exactly symmetric.
    Written as (a - b - c)^2 - 4bc with a the largest, which for non-negative arguments loses no more precision than
    lambda's own sensitivity to them.  Next to a threshold use masses instead: `momentum`.
    """
    x, y, z = 1.0 * jnp.asarray(x), jnp.asarray(y), jnp.asarray(z)

    # where, not minimum and maximum: those share the derivative at a tie, which spoils second derivatives
    def order(p, q):
        ordered = p <= q
        return jnp.where(ordered, p, q), jnp.where(ordered, q, p)

    x, y = order(x, y)
    y, z = order(y, z)
    x, y = order(x, y)
    # lambda is even: two negative arguments become two positive ones
    flip = y < 0.0
    a, b, c = jnp.where(flip, -x, z), jnp.where(flip, -y, y), jnp.where(flip, -z, x)
    d = (a - b) - c
    return d * d - 4.0 * b * c


def momentum(m, m1, m2):
    """Momentum of either daughter in the rest frame of m -> m1 m2: sqrt(lambda(m^2, m1^2, m2^2))/(2m).

    Masses m > 0, m1, m2 >= 0 and the momentum in one common unit; 0 for m <= m1 + m2.  From the factors
    (m -+ m1 -+ m2), so accurate to rounding even next to threshold.
    """
    m, m1, m2 = 1.0 * jnp.asarray(m), jnp.asarray(m1), jnp.asarray(m2)
    heavier, lighter = jnp.where(m1 > m2, m1, m2), jnp.where(m1 > m2, m2, m1)
    # the order of the subtractions matters: next to threshold m - heavier is exact
    release = (m - heavier) - lighter
    is_open = release > 0.0
    m = jnp.where(is_open, m, 1.0)
    product = release * (m + heavier + lighter) * ((m - heavier) + lighter) * (m + (heavier - lighter))
    return sqrt_pos(jnp.where(is_open, product, 0.0)) / (2.0 * m)


def beta(m_l, s):
    """Velocity of each lepton of a pair with squared mass s: sqrt(1 - 4 m_l^2/s), 0 for s <= 4 m_l^2.

    m_l >= 0 in GeV (or any unit), s in its square and of either sign: a space-like s counts as below threshold.
    """
    m_l, s = jnp.asarray(m_l), 1.0 * jnp.asarray(s)
    excess = s - 4.0 * m_l * m_l
    is_open = (excess > 0.0) & (s > 0.0)
    ratio = jnp.where(is_open, excess, 0.0) / jnp.where(is_open, s, 1.0)
    return sqrt_pos(ratio)
