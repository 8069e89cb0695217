"""Dark effective field theory of a light vector, arXiv:2106.12582.

L = V_rho [C4 sbar gamma^rho P_L b + h.c. + mubar gamma^rho (c4 + t4 gamma5) mu]
    + (d_sigma V^(sigma rho)) [C6 sbar gamma_rho P_L b + h.c. + mubar gamma_rho (c6 + t6 gamma5) mu],

with the dimension-six couplings in GeV^-2 (the paper's C6/Lambda^2).  Model names: first digit the dimension of the b-s
operator, second that of the muon operator.
"""

from __future__ import annotations

import jax.numpy as jnp

from fipjax.models.base import Model, Parameter, Products, register_model
from fipjax.priors import Flat, LogFlat, SignedLog
from fipjax.theory import Theory, VectorMediator
from fipkernels import g2, widths

PAPER = "arXiv:2106.12582"
# PDG; the same value as in the hadronic inputs
M_MU = 0.1056583755

_MASS = Parameter("m_V", r"m_V", "GeV", "mass of the vector", None, 0.0, open_lower=True)
_WIDTH = Parameter(
    "gamma_V",
    r"\gamma_V",
    "",
    "total width over mass, Gamma_V/m_V; not given: the width to muons alone",
    None,
    0.0,
    1.0,
    open_lower=True,
    optional=True,
)


def _coupling(name, latex, unit, text, cplx=False):
    return Parameter(name, latex, unit, text, 0.0, complex_allowed=cplx)


_C4 = _coupling("C4_bsV", r"C_4^{bsV}", "", "left-handed b-s coupling, dimension four", True)
_C6 = _coupling("C6_bsV", r"C_6^{bsV}/\Lambda^2", "GeV^-2", "left-handed b-s coupling, dimension six", True)
_C4P = _coupling("C4p_bsV", r"C_4^{\prime bsV}", "", "right-handed b-s coupling, dimension four", True)
_C6P = _coupling("C6p_bsV", r"C_6^{\prime bsV}/\Lambda^2", "GeV^-2", "right-handed b-s coupling, dimension six", True)
_V4 = _coupling("C4_mumuV", r"C_4^{\mu\mu V}", "", "vector muon coupling, dimension four")
_A4 = _coupling("C4t_mumuV", r"\tilde C_4^{\mu\mu V}", "", "axial muon coupling, dimension four")
_V6 = _coupling("C6_mumuV", r"C_6^{\mu\mu V}/\Lambda^2", "GeV^-2", "vector muon coupling, dimension six")
_A6 = _coupling("C6t_mumuV", r"\tilde C_6^{\mu\mu V}/\Lambda^2", "GeV^-2", "axial muon coupling, dimension six")

ALL = (_MASS, _WIDTH, _C4, _C6, _C4P, _C6P, _V4, _A4, _V6, _A6)


def _poly(params, low, high):
    """Polynomial from the couplings that are present; a missing dimension-four part is a zero."""
    a, b = params.get(low), params.get(high)
    if a is None and b is None:
        return None
    if b is None:
        return jnp.stack([a])
    return jnp.stack([jnp.zeros_like(b) if a is None else a, b])


def build(params) -> Theory:
    """Theory of the vector from whichever couplings are in ``params`` (arrays (B,)); absent couplings cost nothing."""
    mass = params["m_V"]
    mu_v, mu_a = _poly(params, "C4_mumuV", "C6_mumuV"), _poly(params, "C4t_mumuV", "C6t_mumuV")
    zero = jnp.zeros_like(mass)
    m2 = mass * mass

    def on_shell(poly):
        return zero if poly is None else poly[0] + (poly[1] * m2 if poly.shape[0] > 1 else 0.0)

    # partial width at q^2 = m_V^2
    partial = {"mumu": widths.vector_to_fermions(mass, M_MU, on_shell(mu_v), on_shell(mu_a))}
    width = partial["mumu"]
    dark_mass = dark_strength = None
    if "gamma_V" in params:
        width = params["gamma_V"] * mass
        # what is not muons is light dark matter (2106.12582 section 3): one massless Dirac fermion with that partial width
        rest = width - partial["mumu"]
        partial["dark"] = jnp.where(rest > 0.0, rest, 0.0)
        dark_mass = zero[None]
        dark_strength = 12.0 * jnp.pi * partial["dark"][None] / mass
    g_v = zero if mu_v is None else mu_v[0]
    g_a = zero if mu_a is None else mu_a[0]
    a_mu = g2.delta_a_mu_vector(g_v, g_a, mass, M_MU)
    v6 = params.get("C6_mumuV")
    if v6 is not None:
        # 2106.12582 eq. (4.15): estimate of the dimension-six vector coupling, independent of m_V; the axial
        # counterpart is not known and not included
        a_mu = a_mu + dimension_six_g2(v6)
    four = {"bs_L": "C4_bsV", "bs_R": "C4p_bsV", "mu_V": "C4_mumuV", "mu_A": "C4t_mumuV"}
    couplings = {n: params[n] for n in four.values() if n in params}
    return Theory(
        mediators=(
            VectorMediator(
                mass,
                width,
                bs_L=_poly(params, "C4_bsV", "C6_bsV"),
                bs_R=_poly(params, "C4p_bsV", "C6p_bsV"),
                mu_V=mu_v,
                mu_A=mu_a,
                dark_mass=dark_mass,
                dark_strength=dark_strength,
                partial_widths=partial,
                # dimension six alone: no constant term
                lowest=tuple((field, 1) for field, name in four.items() if name not in params),
            ),
        ),
        a_mu=a_mu,
        couplings=couplings,
    )


# The estimate of 2106.12582 eq. (4.15) is delta a_mu = c6^2 m_mu^2/(12 pi^2 Lambda^2) with c6 dimensionless; in terms of
# v6 = c6/Lambda^2 it needs the cut-off Lambda itself, 1 TeV in the paper's figure 4.
LAMBDA = 1000.0


def dimension_six_g2(v6):
    """Delta a_mu of the dimension-six vector coupling v6 in GeV^-2, 2106.12582 eq. (4.15) with Lambda = 1 TeV."""
    return (v6 * LAMBDA * M_MU) ** 2 / (12.0 * jnp.pi**2)


# Priors of the paper (section 5.1): couplings log-flat in [1e-10, 1], gamma_V log-flat in [1e-3, 0.5], m_V flat.  The
# overall sign of (b-s, muon) couplings is unobservable: the b-s coupling is taken positive, the muon ones have both signs.
_LOG = (1e-10, 1.0)
_HIGH, _LOW = Flat(2.0, 20.0), Flat(0.01, 2.0)


def log_scale(mass):
    """ln of what divides a product of couplings: K X/(q^2 - m^2) at a typical q^2 of 4 GeV^2, without its sign change."""
    return jnp.log(mass**2 + 4.0)


def _log_scale(params):
    return log_scale(params["m_V"])


def _restriction(name, bs, mu_v, mu_a, text):
    chosen = (_MASS, _WIDTH, bs, mu_v, mu_a)
    pos, both = LogFlat(*_LOG), SignedLog(*_LOG)
    priors = {"m_V": Flat(0.01, 20.0), "gamma_V": LogFlat(1e-3, 0.5), bs.name: pos, mu_v.name: both, mu_a.name: both}

    def signs(s):
        return {mu_v.name: LogFlat(*_LOG, sign=s), mu_a.name: LogFlat(*_LOG, sign=-s)}

    return register_model(
        Model(
            name,
            text,
            PAPER,
            chosen,
            build,
            priors,
            {
                "high": {"m_V": _HIGH},
                "low": {"m_V": _LOW},
                # the signs to which the paper restricts its two fits
                "high-paper": {"m_V": _HIGH, **signs(-1)},
                "low-paper": {"m_V": _LOW, **signs(1)},
            },
            products=Products(bs.name, (mu_v.name, mu_a.name), _log_scale),
        )
    )


register_model(
    Model(
        "deft",
        "light vector, all dimension-four and -six couplings to b-s (left and right, complex) and muons",
        PAPER,
        ALL,
        build,
        {"m_V": Flat(0.01, 20.0), "gamma_V": LogFlat(1e-3, 0.5)},
        {"high": {"m_V": _HIGH}, "low": {"m_V": _LOW}},
    )
)
_restriction("deft44", _C4, _V4, _A4, "light vector, dimension four for b-s and for muons")
_restriction("deft46", _C4, _V6, _A6, "light vector, dimension four for b-s, six for muons")
_restriction("deft64", _C6, _V4, _A4, "light vector, dimension six for b-s, four for muons")
_restriction("deft66", _C6, _V6, _A6, "light vector, dimension six for b-s and for muons")
