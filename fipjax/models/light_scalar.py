r"""A light scalar with b-s and muon couplings.

L = S [sbar (y_bsL P_L + y_bsR P_R) b + h.c. + mubar (y_muS + i y_muP gamma5) mu],

all couplings dimensionless, the b-s ones at 4.8 GeV (MS-bar, running as m_b).  The scalar counterpart of the dimension-four models
of arXiv:2106.12582: what of the total width is not muons is invisible.  B -> K sees y_bsL + y_bsR, B -> K* and Bs -> mu mu their
difference.
"""

from __future__ import annotations

import jax.numpy as jnp

from fipjax.models.base import Model, Parameter, Products, register_model
from fipjax.models.deft import M_MU, log_scale
from fipjax.priors import Flat, LogFlat, SignedLog
from fipjax.theory import ScalarMediator, Theory
from fipkernels import g2, widths

PAPER = "arXiv:0911.4938"

PARAMETERS = (
    Parameter("m_S", r"m_S", "GeV", "mass of the scalar", None, 0.0, open_lower=True),
    Parameter(
        "gamma_S",
        r"\gamma_S",
        "",
        "total width over mass, Gamma_S/m_S; not given: the width to muons alone",
        None,
        0.0,
        1.0,
        open_lower=True,
        optional=True,
    ),
    Parameter("y_bsL", r"y_L^{bs}", "", "coupling to sbar P_L b at 4.8 GeV", 0.0, complex_allowed=True),
    Parameter("y_bsR", r"y_R^{bs}", "", "coupling to sbar P_R b at 4.8 GeV", 0.0, complex_allowed=True),
    Parameter("y_muS", r"y_S^{\mu\mu}", "", "scalar muon coupling"),
    Parameter("y_muP", r"y_P^{\mu\mu}", "", "pseudoscalar muon coupling, mubar i gamma5 mu"),
)
COUPLINGS = ("y_bsL", "y_bsR", "y_muS", "y_muP")


def build(params) -> Theory:
    """Theory of the scalar from whichever couplings are in ``params`` (arrays (B,)); absent couplings cost nothing."""
    mass = params["m_S"]
    zero = jnp.zeros_like(mass)
    poly = {n: jnp.stack([params[n]]) for n in COUPLINGS if n in params}
    y_s, y_p = params.get("y_muS", zero), params.get("y_muP", zero)
    partial = {"mumu": widths.scalar_to_fermions(mass, M_MU, y_s, y_p)}
    width = partial["mumu"]
    if "gamma_S" in params:
        width = params["gamma_S"] * mass
        rest = width - partial["mumu"]
        partial["dark"] = jnp.where(rest > 0.0, rest, 0.0)
    scalar = ScalarMediator(
        mass, width, poly.get("y_bsL"), poly.get("y_bsR"), poly.get("y_muS"), poly.get("y_muP"), partial_widths=partial
    )
    return Theory(
        scalars=(scalar,),
        a_mu=g2.delta_a_mu_scalar(y_s, y_p, mass, M_MU),
        couplings={n: params[n] for n in COUPLINGS if n in params},
    )


# As for the vector of arXiv:2106.12582: log-flat couplings, the b-s one positive (the overall sign of b-s and muon couplings is not
# seen), muon couplings of both signs; gamma_S log-flat, m_S flat.  The second b-s chirality is off unless a run sets it.
_LOG = (1e-10, 1.0)


def _log_scale(params):
    return log_scale(params["m_S"])


register_model(
    Model(
        "light_scalar",
        "light scalar, b-s couplings of both chiralities (complex) and scalar and pseudoscalar muon couplings",
        PAPER,
        PARAMETERS,
        build,
        {
            "m_S": Flat(0.01, 20.0),
            "gamma_S": LogFlat(1e-3, 0.5),
            "y_bsR": LogFlat(*_LOG),
            "y_muS": SignedLog(*_LOG),
            "y_muP": SignedLog(*_LOG),
        },
        {"high": {"m_S": Flat(2.0, 20.0)}, "low": {"m_S": Flat(0.01, 2.0)}, "heavy": {"m_S": Flat(20.0, 100.0)}},
        products=Products("y_bsR", ("y_muS", "y_muP"), _log_scale),
    )
)
