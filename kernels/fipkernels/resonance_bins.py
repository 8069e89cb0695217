r"""A resonance in narrow windows of q = sqrt(q^2): what a scan in mass sees of a state that may be wider than its steps.

In a window of width w around q the rest of the spectrum is constant and the propagator, with S = q + m and G = Gamma q (or
m Gamma), is |D|^2 = S^2 (q' - m)^2 + G^2 for q' in the window:

    int dq'/|D|^2 = angle/(S G),    tan(angle) = S G w/(G^2 + S^2 [(q - m)^2 - w^2/4]).

Valid for w much smaller than q and than the scale on which the rest of the spectrum changes.  Elementwise; GeV.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

# Widths below this fraction of the mass count as this wide
GAMMA_FLOOR = 1e-18


def pole_fraction(width, window):
    """Part of a resonance of total ``width`` within a window centred on it, (2/pi) atan(window/width): 1 for width = 0."""
    return 2.0 / math.pi * jnp.arctan2(1.0 * jnp.asarray(window), width)


def window_integral(q, window, mass, width, scheme: str = "sqrt_q2"):
    """int dq/|D|^2 over q - window/2 < q' < q + window/2, GeV^-3, arXiv:2002.11150 eq. (22) with 1/|D|^2 alone in the integral.

    q, window, mass > 0, width >= 0, any broadcasting shapes.  scheme: D = q^2 - m^2 + i Gamma q ("sqrt_q2") or + i m Gamma
    ("constant").  Relative error below w/m; for Gamma -> 0 the full area pi/(2 m^2 Gamma) if the pole is inside, the area of the
    tail, proportional to w, if it is outside.
    """
    if scheme not in ("sqrt_q2", "constant"):
        raise ValueError(f"width scheme {scheme!r} (allowed: 'sqrt_q2', 'constant')")
    width = jnp.maximum(width, GAMMA_FLOOR * mass)
    s = q + mass
    g = width * (q if scheme == "sqrt_q2" else mass)
    d = q - mass
    # (d - w/2)(d + w/2): accurate next to the edges of the window
    beside = (d - 0.5 * window) * (d + 0.5 * window)
    return jnp.arctan2(s * g * window, g * g + s * s * beside) / (s * g)


def outside_pole(q, window, mass):
    """Weight of a window at q in a scan whose window around the pole counts apart: 0 if the pole is in this one too, 1 if it is
    further than ``window`` away, smooth between."""
    u = jnp.clip(2.0 * jnp.abs(q - mass) / window - 1.0, 0.0, 1.0)
    return u * u * (3.0 - 2.0 * u)
