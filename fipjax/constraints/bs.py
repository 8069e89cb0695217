"""B_s mixing and B_s -> mu mu.

Both keep the longitudinal part of a light vector, which grows as 1/m_V^2: in mixing -(5/8) m_b^2/m_V^2 of the transverse one
(vacuum insertion), in Bs -> mu mu everything, C10 -> C10 - g_bs g_A/(N m_V^2) for a constant b-s coupling.  For m_V below some
hundred MeV local matrix elements and q^2 = M_Bs^2 are not justified for mixing: an order of magnitude there, and a sign that
depends on the momentum transfer (2210.15662 eq. (4.3) has the opposite one).

``as_printed`` is 2106.12582, or 2210.15662 eqs. (4.3)-(4.9) for models of that paper (scheme "narrow"): 6.5 % as the width of two
standard deviations in mixing, and Bs -> mu mu without the longitudinal part.
"""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp

from fipjax.constraints.base import Constraint, Context, register_constraint
from fipjax.hadronic import default_inputs, derive
from fipjax.observables.base import parse
from fipjax.observables.leptonic import LeptonicGroup
from fipjax.observables.mixing import bs_matrix, bs_tables
from fipjax.theory import Theory, couples_to_bs, evaluate_at, poly_sum, propagating, scalar_charges, total
from fipkernels import breit_wigner as bw

# measured/SM - 1 and its error, theory included
MIXING = {
    # 2106.12582 eq. (4.5)
    "2021": (-0.09, 0.08),
    # 2210.15662 eqs. (4.4), (4.5): 17.765(6) over 18.4 +0.7 -1.2 ps^-1, error made symmetric
    "datta2022": (-0.035, 0.050),
    # LHCb 2104.04421, 17.7656(57) ps^-1, over 17.34(77) ps^-1 of this package's inputs
    "latest": (0.0245, 0.0444),
}
BS_MU_MU = {
    # 2106.12582 eq. (4.2): 2.93(35)e-9 over 3.67(15)e-9
    "2021": (-0.2016, 0.1008),
    # 2210.15662 eqs. (4.8), (4.9): 3.09 +0.48 -0.43 over 3.67(15), error made symmetric
    "datta2022": (-0.158, 0.129),
    # combination of 2212.10497, 3.361(281)e-9, over 3.63(10)e-9 of this package's inputs
    "latest": (-0.0738, 0.0818),
}
# as the paper used it: error of the measurement alone (its bound (4.4) comes out only so)
BS_MU_MU_PRINTED = (-0.20163, 0.0954)

# 2106.12582 as printed: C1 of the Standard Model at m_b (sec. A.3), R_2, and the quark mass that reproduces its bounds
C1_SM, R_2, M_B_POLE, M_BS = 7.2e-11, -0.96, 4.8, 5.36688

# 2210.15662 as printed: f^2 B (GeV^2) with which its numbers come out, m_b(m_b), DeltaM_s of eq. (4.4) in GeV, bound on
# |Delta_mix|, and eqs. (4.8), (4.9): measured/SM - 1 with errors up and down
F2B, M_B, DELTA_M_PRINTED, DELTA_MIX = 0.2561**2, 4.18, 18.4 * 6.582119569e-13, 0.065
BS_MU_MU_DARK_Z = (3.09 / 3.67 - 1.0, 0.484 / 3.67, 0.43 / 3.67)


@lru_cache(maxsize=1)
def _tables():
    """What both need of the Standard Model, as constants."""
    with jax.ensure_compile_time_eval():
        par = {n: jnp.asarray(v) for n, v in default_inputs().central().items()}
        sm = derive(par)
        group = LeptonicGroup([parse("BR(Bs->mumu)")])
        leptonic = group.tables(par, sm)
        mixing = bs_tables(par, sm)
        reference = group.evaluate(Theory(), leptonic)[0]
        phase = sm["lambda_t"] ** 2 / jnp.abs(sm["lambda_t"]) ** 2
    return group, leptonic, reference, mixing, complex(phase)


def _relative_size(z):
    """|1 + z| - 1 without cancellation."""
    return (2.0 * jnp.real(z) + jnp.real(z * jnp.conj(z))) / (jnp.abs(1.0 + z) + 1.0)


def _mixing_printed(theory: Theory):
    """|1 + C1/C1_SM + R_2 C2/C1_SM| - 1 of 2106.12582 eqs. (4.6), (A.42): no factor 1/2, left-handed couplings only."""
    z = jnp.zeros_like(theory.mediators[0].mass) + 0.0j
    m2 = jnp.asarray(M_BS**2)
    for m in theory.mediators:
        if m.bs_L is None:
            continue
        g, g0 = evaluate_at(m.bs_L, jnp.full_like(m.mass, M_BS**2)), m.bs_L[0]
        g1 = (g - g0) / M_BS**2
        re, im = bw.inverse_propagator(m2, m.mass, m.width, m.scheme)
        w = (g0 / m.mass) ** 2 + 2.0 * g0 * g1 + M_BS**2 * g1**2
        z = z - (re + 1j * im) * (g * g + R_2 * M_B_POLE**2 * w) / C1_SM
    return _relative_size(z)


def mixing_shift(theory: Theory, as_printed: bool = False):
    """DeltaM_s over its Standard-Model value, minus 1, (B,)."""
    if as_printed:
        return _mixing_printed(theory)
    t = _tables()[3]
    m12, _ = bs_matrix(theory, t)
    sm = t["m12"]
    return _relative_size((m12 - sm) / sm)


def dark_z_mixing(theory: Theory):
    """Delta_mix of 2210.15662 eqs. (4.3), (4.6) as printed, relative to 18.4 ps^-1; None without vectors of that paper."""
    phase = _tables()[4]
    shifts = []
    for m in theory.mediators:
        if m.scheme != "narrow" or m.bs_L is None:
            continue
        # no width in the paper; here it keeps the pole finite
        re, _ = bw.inverse_propagator(jnp.asarray(M_BS**2), m.mass, m.width, "constant")
        square = jnp.real(m.bs_L[0] ** 2 / phase)
        shifts.append(F2B * M_BS / 3.0 * re * square * (1.0 - 0.625 * (M_B / m.mass) ** 2) / DELTA_M_PRINTED)
    return total(*shifts)


def bs_mu_mu_shift(theory: Theory):
    """BR(Bs->mumu) over its Standard-Model value, minus 1, (B,); a V with scheme "narrow" has no longitudinal part."""
    group, tables, reference = _tables()[:3]
    return group.evaluate(theory, tables)[0] / reference - 1.0


def _mixing(theory: Theory, context: Context):
    heavy = any(n.endswith("_bsbs") for n in theory.wc)
    if not heavy and not any(map(couples_to_bs, propagating(theory))):
        return None
    if context.as_printed and not propagating(theory):
        return None
    # the papers have no scalars
    as_printed = context.as_printed and not theory.scalars
    printed = dark_z_mixing(theory) if as_printed else None
    if printed is not None:
        return jnp.abs(printed) / DELTA_MIX
    value, error = MIXING["2021" if context.as_printed else context.vintage]
    return jnp.abs(mixing_shift(theory, as_printed) - value) / (2.0 * error)


def _bs_mu_mu(theory: Theory, context: Context):
    light = any(
        poly_sum(m.bs_L, m.bs_R, -1.0) is not None and m.mu_A is not None for m in theory.mediators
    )  # axial muons only: the vector current is conserved
    light = light or any(couples_to_bs(m) and any(g is not None for g in scalar_charges(m, "mu")) for m in theory.scalars)
    heavy = any(n.endswith("_bsmumu") and n.startswith(("C10", "CS", "CP")) for n in theory.wc)
    if not light and not heavy:
        return None
    shift = bs_mu_mu_shift(theory)
    if context.as_printed and any(m.scheme == "narrow" for m in theory.mediators):
        value, up, down = BS_MU_MU_DARK_Z
        return jnp.abs(shift - value) / (3.0 * jnp.where(shift > value, up, down))
    value, error = BS_MU_MU_PRINTED if context.as_printed else BS_MU_MU[context.vintage]
    return jnp.abs(shift - value) / (3.0 * error)


register_constraint(
    Constraint(
        "Bs_mixing", r"\Delta M_s", "mass difference of the Bs within 2 sigma of the measurement",
        "arXiv:2106.12582 eq. (4.5), app. A.3; as_printed also 2210.15662 eq. (4.3)",
        "95%", "b-s couplings of vectors and scalars, whatever the muon couplings", _mixing, kind="gaussian", strength=2.0,
        observables=("DeltaM_s",),
        group="mixing", color="#009E73",
        notes="light vectors and scalars by s-channel exchange with q2 = M_Bs^2: the shape next to m_V = M_Bs is a model, and below"
        " some hundred MeV local matrix elements give an order of magnitude",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "Bs_mumu", r"B_s\to\mu\mu", "branching fraction of Bs -> mu mu within 3 sigma of the measurement",
        "arXiv:2106.12582 eqs. (4.2), (A.24)", "99.7%", "axial muon and dimension-four b-s couplings, scalars, C10, CS, CP",
        _bs_mu_mu, kind="gaussian", strength=3.0, observables=("BR(Bs->mumu)",), group="rare decays", color="#CC79A7",
    )
)  # fmt: skip
