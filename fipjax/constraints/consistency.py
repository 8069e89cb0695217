"""What a model must respect to make sense: perturbative couplings, and a total width that holds its parts."""

from __future__ import annotations

import math

import jax.numpy as jnp

from fipjax.constraints.base import Constraint, Context, largest, register_constraint
from fipjax.theory import Theory, propagating
from fipkernels.widths import share


def _perturbativity(theory: Theory, context: Context):
    if not theory.couplings:
        return None
    return largest(jnp.abs(v) for v in theory.couplings.values()) / math.sqrt(4.0 * math.pi)


def _width(theory: Theory, context: Context):
    ratios = []
    for m in propagating(theory):
        if m.partial_widths:
            # where the parts make up the whole, their sum may exceed it by rounding
            known = jnp.asarray(sum(m.partial_widths.values())) * (1.0 - 1e-9)
            # a stable particle without any open channel is consistent, one with an open channel is not
            ratios.append(jnp.where(m.width > 0.0, share(known, m.width), jnp.where(known > 0.0, 1e3, 0.0)))
    return largest(ratios)


register_constraint(
    Constraint(
        "perturbativity",
        r"|g| < \sqrt{4\pi}",
        "every dimensionless coupling below sqrt(4 pi)",
        "unitarity of tree-level scattering",
        "theory",
        "models with dimension-four couplings",
        _perturbativity,
        0.1,
    )
)
register_constraint(
    Constraint(
        "total_width",
        r"\sum_f\Gamma(V\to f) < \Gamma_V",
        "the total width is not smaller than the sum of the partial widths that the model predicts",
        "arXiv:2002.11150 eq. (9), on shell",
        "theory",
        "models whose total width is a free parameter",
        _width,
        # partial widths are computed at tree level on shell: accurate to the coupling squared over 4 pi, a per cent
        0.05,
    )
)
