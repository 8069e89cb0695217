"""CKM matrix elements from the tree-level inputs |V_us|, |V_cb|, |V_ub| and gamma (standard phase convention)."""

from __future__ import annotations

import jax.numpy as jnp


def tree(v_us, v_cb, v_ub, gamma):
    """Unitary CKM matrix as a dict 'Vud'..'Vtb' (complex); gamma in rad, exact (no Wolfenstein expansion).

    gamma = arg(-V_ud V_ub^* / (V_cd V_cb^*)) differs from the phase delta of the standard parametrisation by
    arg(1 + r e^(i delta)), r ~ 7e-4: solved by fixed-point iteration.
    """
    s13 = v_ub
    c13 = jnp.sqrt(1.0 - s13**2)
    s12, s23 = v_us / c13, v_cb / c13
    c12, c23 = jnp.sqrt(1.0 - s12**2), jnp.sqrt(1.0 - s23**2)
    r = c12 * s23 * s13 / (s12 * c23)
    delta = gamma
    for _ in range(4):
        delta = gamma + jnp.arctan2(r * jnp.sin(delta), 1.0 + r * jnp.cos(delta))
    e = jnp.cos(delta) + 1j * jnp.sin(delta)
    one = 1.0 + 0.0j
    return {
        "Vud": c12 * c13 * one,
        "Vus": s12 * c13 * one,
        "Vub": s13 * jnp.conj(e),
        "Vcd": -s12 * c23 - c12 * s23 * s13 * e,
        "Vcs": c12 * c23 - s12 * s23 * s13 * e,
        "Vcb": s23 * c13 * one,
        "Vtd": s12 * s23 - c12 * c23 * s13 * e,
        "Vts": -c12 * s23 - s12 * c23 * s13 * e,
        "Vtb": c23 * c13 * one,
    }


def lambdas(v, down: str = "s"):
    """(lambda_t, lambda_u) = (V_tb V_tq^*, V_ub V_uq^*) for b -> q, q = ``down``."""
    return v["Vtb"] * jnp.conj(v["Vt" + down]), v["Vub"] * jnp.conj(v["Vu" + down])
