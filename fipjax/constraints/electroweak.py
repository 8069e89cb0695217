r"""Light vectors in W and Z decay: W -> l nu V (lepton universality, width of the W) and Z -> 4 mu, arXiv:2106.12582 section 4.2.

W: tree-level width of :mod:`fipkernels.w_decay`, V on shell with its couplings at q^2 = m_V^2 (a dimension-six coupling acts as
g_6 m_V^2).  Kinetic mixing is left out: with it the W carries the charge that V couples to, nothing grows as 1/m_V^2, and what
is left is of order alpha epsilon^2.  Mixing with the Z acts alike: ``charged_current`` is the part of g_L(l) - g_L(nu) that the W
carries, and only the rest, delta = g_L(l) - g_L(nu) - charged_current, grows.  It is entered as part of the neutrino coupling,
which gives the growth exactly and the rest, of order coupling^2/(16 pi^2) without enhancement, in size.  arXiv:2210.15662
eqs. (4.40)-(4.42) keep the emission from the charged lepton alone, so that mixing seems to be bounded; ``as_printed`` (model with
scheme "narrow") does the same, for one lepton, with the invisible fraction of eq. (4.41).  W -> tau nu V is left out (no tau
couplings in a Theory).  Virtual corrections are not included; without gauge symmetry they are of the order of the growth and need a
complete theory.  Massless leptons: m_V of at least a few MeV.

Z: table made by :mod:`fipjax.constraints.make_z4mu`.  ATLAS measured the sum over 4e, 4mu and 2e2mu; muon couplings change the 4mu
share of it alone, 35.5 % within the cuts.  2106.12582 compares pp -> 4mu with the sum over flavours (its 22 fb is what 4mu gives
without the 5 GeV cut on the softer muons); ``as_printed`` does the same.  That reading bounds the coupling more tightly by
a factor 1.4 to 2.2.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import as_file, files

import jax.numpy as jnp
import numpy as np

from fipjax.constraints.base import Constraint, Context, register_constraint
from fipjax.theory import Theory, VectorMediator, charged, evaluate_at, invisible_branching, poly_sum, total
from fipkernels import w_decay, z4mu

G_F = 1.1663787e-5  # GeV^-2, PDG

# vintage "2021" is what 2106.12582 quotes from PDG 2020; "latest": PDG 2026 for mass and width
_M_W = {"2021": 80.379, "latest": 80.362}
_GAMMA_W = {"2021": (2.085, 0.042), "latest": (2.140, 0.050)}
# Gamma(W -> mu nu)/Gamma(W -> e nu): PDG 2020 average; ATLAS arXiv:2403.02133, errors 0.0022, 0.0036, 0.0014 added in quadrature.
# The older measurements (LEP 0.993(19), LHCb 0.980(18)) weigh little against it and are not averaged in.
_R_MU_E = {"2021": (0.996, 0.008), "latest": (0.9995, 0.0045)}
_BR_W_E = 0.1071  # LEP arXiv:1302.3415, as in 2106.12582
# standard model: tree level (0.2272 GeV per lepton) with QCD to third order for quarks and -0.35 % of electroweak corrections;
# uncertain to 0.001 GeV
_GAMMA_W_SM = 2.091

# sum over flavours, 60 < m_4l < 100 GeV: measured and standard model, fb, ATLAS arXiv:2103.01918
_SIGMA_4L, _SIGMA_4L_SM = (22.1, 1.3), (21.2, 1.3)
_SIGMA_PRINTED = 22.0  # standard model of 2106.12582, taken as all 4mu


def _vintage(values: dict, context: Context):
    return values["latest" if context.vintage == "latest" else "2021"]


def _emission(m: VectorMediator, lepton: str, context: Context):
    """Gamma(W -> l nu V) in GeV (B,), l = "mu" or "e"; None without couplings."""
    vector, axial = getattr(m, f"{lepton}_V"), getattr(m, f"{lepton}_A")
    neutrino = getattr(m, f"nu{lepton}_L")
    if vector is None and axial is None and neutrino is None:
        return None
    s = m.mass * m.mass
    nu = jnp.real(evaluate_at(neutrino, s))
    if _lepton_leg(m, context):
        vector, axial = charged(m, lepton)
        nu = jnp.zeros_like(nu)
    elif m.charged_current is not None:
        nu = nu + m.charged_current
    left = jnp.real(evaluate_at(vector, s) - evaluate_at(axial, s))
    width = w_decay.width_light if context.as_printed else w_decay.width
    return width(m.mass, left, nu, _vintage(_M_W, context), G_F)


def _lepton_leg(m: VectorMediator, context: Context) -> bool:
    """Whether the printed eq. (4.40) of 2210.15662 is asked for."""
    return context.as_printed and m.scheme == "narrow"


def _invisible(m: VectorMediator):
    # a V without any decay is invisible too
    return jnp.where(m.width > 0.0, invisible_branching(m), 1.0)


def _universality(theory: Theory, context: Context):
    shifts = {}
    for lepton in ("mu", "e"):
        seen = [(_emission(m, lepton, context), m) for m in theory.mediators]
        shifts[lepton] = total(*(w * _invisible(m) for w, m in seen if w is not None))
    if all(v is None for v in shifts.values()):
        return None
    value, sigma = _vintage(_R_MU_E, context)
    unit = w_decay.width_to_lepton(_vintage(_M_W, context), G_F)
    if context.as_printed:
        unit = _BR_W_E * _vintage(_GAMMA_W, context)[0]
    mu, e = (0.0 if shifts[k] is None else shifts[k] / unit for k in ("mu", "e"))
    return jnp.abs((1.0 + mu) / (1.0 + e) - value) / (2.0 * sigma)


def _w_width(theory: Theory, context: Context):
    parts = []
    for m in theory.mediators:
        printed = _lepton_leg(m, context)
        widths = [_emission(m, lepton, context) for lepton in (("mu",) if printed else ("mu", "e"))]
        parts += [None if w is None else w * _invisible(m) if printed else w for w in widths]
    shift = total(*parts)
    if shift is None:
        return None
    value, sigma = _vintage(_GAMMA_W, context)
    central = value if context.as_printed else _GAMMA_W_SM
    return jnp.abs(central + shift - value) / (2.0 * sigma)


@lru_cache
def z4mu_table(scheme: str) -> tuple[z4mu.Table, float]:
    """Table of Z -> 4 mu for a form of the propagator, and the share of 4 mu in the sum over flavours."""
    with as_file(files("fipjax.data").joinpath("z4mu.npz")) as path, np.load(path) as f:
        linear, square, on_shell = (np.asarray(f[f"{name}_{scheme}"], float) for name in ("linear", "square", "on_shell"))
        table = z4mu.make_table(f["m"], f["gamma"], linear, square, on_shell, float(f["m_scale"]), float(f["m_cut"]))
        return table, float(f["share_4mu"])


def z4mu_rate(theory: Theory, context: Context):
    """sigma(4mu)/sigma_SM(4mu) - 1 within the ATLAS cuts (B,), and the share of 4mu; (None, share) without muon couplings.

    Several mediators: each interferes with the standard model, their interference with each other is left out.  Massless muons:
    axial couplings gain a further part (4 m_mu^2/m_V^2 relative to the one included) from the longitudinal mode, so the result is
    too small, and the bound too weak, for axial couplings below about 0.5 GeV.
    """
    changes = []
    share = 1.0
    for m in theory.mediators:
        # event generators, and so the numbers of 2106.12582, use a constant width
        table, share = z4mu_table("constant" if context.as_printed else m.scheme)
        vector, axial = charged(m, "mu")
        if vector is None and axial is None:
            continue
        left, right = (jnp.real(jnp.asarray(poly_sum(vector, axial, sign))) for sign in (-1.0, 1.0))
        changes.append(z4mu.relative_rate(table, m.mass, m.width / m.mass, left, right))
    return total(*changes), share


def _z_4mu(theory: Theory, context: Context):
    change, share = z4mu_rate(theory, context)
    if change is None:
        return None
    value, sigma = _SIGMA_4L
    if context.as_printed:
        return jnp.abs(_SIGMA_PRINTED * (1.0 + change) - value) / (2.0 * sigma)
    sm, sm_sigma = _SIGMA_4L_SM
    return jnp.abs(sm * (1.0 + share * change) - value) / (2.0 * math.hypot(sigma, sm_sigma))


_W_NOTE = "tree level; narrow V, on shell; m_V above a few MeV (massless leptons)"

register_constraint(
    Constraint(
        "W_universality",
        r"R_W^{\mu/e}",
        "Gamma(W -> mu nu)/Gamma(W -> e nu) with invisible V radiated from the leptons, two standard deviations",
        "arXiv:2106.12582 eqs. (4.8)-(4.10); data: PDG 2020 (vintage 2021), ATLAS arXiv:2403.02133 (latest)",
        "2 sigma",
        "vectors coupled to leptons unequally to charged lepton and neutrino, with invisible decays",
        _universality,
        kind="gaussian",
        group="electroweak",
        color="#999999",
        notes=_W_NOTE,
    )
)
register_constraint(
    Constraint(
        "W_width",
        r"\Gamma_W",
        "total width of the W with V radiated from the leptons, whatever V decays to, two standard deviations",
        "arXiv:2106.12582 eq. (4.11), 2210.15662 eqs. (4.40)-(4.42), (5.4); data: PDG 2020 (vintage 2021), PDG 2026 (latest)",
        "2 sigma",
        "vectors coupled unequally to charged lepton and neutrino",
        _w_width,
        kind="gaussian",
        group="electroweak",
        color="#666666",
        notes=f"{_W_NOTE}; mixing with photon or Z alone is not bounded (the W carries the charge); as_printed neglects the"
        " difference between measured and standard-model width",
    )
)
register_constraint(
    Constraint(
        "Z_4mu",
        r"Z\to 4\mu",
        "four-lepton cross section in the Z window, sum over flavours, with V between two muon lines, on and off shell, "
        "two standard deviations",
        "arXiv:2106.12582 section 4.2; data: ATLAS arXiv:2103.01918, 22.1 +- 1.3 fb (standard model 21.2 +- 1.3 fb)",
        "2 sigma",
        "vectors coupled to muons; on shell times the branching fraction to muons",
        _z_4mu,
        # parton-level Monte Carlo without Z transverse momentum, parton luminosities or detector: 10 % on the coupling
        softness=0.1,
        kind="gaussian",
        group="electroweak",
        color="#0072B2",
        notes="the limit on a coupling is good to 10 %; as_printed attributes the sum over flavours to 4mu (2106.12582)",
    )
)
