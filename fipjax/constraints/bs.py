"""B_s mixing and B_s -> mu mu."""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp

from fipjax.constraints.base import Constraint, Context, register_constraint
from fipjax.hadronic import default_inputs, derive
from fipjax.observables.base import parse
from fipjax.observables.leptonic import LeptonicGroup
from fipjax.observables.mixing import bs_matrix, bs_tables
from fipjax.theory import Theory, couples_to_bs, evaluate_at, poly_sum
from fipkernels import breit_wigner as bw

# measured/SM - 1 and its error, theory included
MIXING = {
    # 2106.12582 eq. (4.5)
    "2021": (-0.09, 0.08),
    "datta2022": (-0.09, 0.08),
    # LHCb 2104.04421, 17.7656(57) ps^-1, over 17.34(77) ps^-1 of this package's inputs
    "latest": (0.0245, 0.0444),
}
BS_MU_MU = {
    # 2106.12582 eq. (4.2): 2.93(35)e-9 over 3.67(15)e-9
    "2021": (-0.2016, 0.1008),
    "datta2022": (-0.2016, 0.1008),
    # combination of 2212.10497, 3.361(281)e-9, over 3.63(10)e-9 of this package's inputs
    "latest": (-0.0738, 0.0818),
}
# as the paper used it: error of the measurement alone (its bound (4.4) comes out only so)
BS_MU_MU_PRINTED = (-0.20163, 0.0954)

# 2106.12582 as printed: C1 of the Standard Model at m_b (sec. A.3), R_2, and the quark mass that reproduces its bounds
C1_SM, R_2, M_B_POLE, M_BS = 7.2e-11, -0.96, 4.8, 5.36688


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
    return group, leptonic, reference, mixing


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


def bs_mu_mu_shift(theory: Theory):
    """BR(Bs->mumu) over its Standard-Model value, minus 1, (B,)."""
    group, tables, reference, _ = _tables()
    return group.evaluate(theory, tables)[0] / reference - 1.0


def _mixing(theory: Theory, context: Context):
    heavy = any(n.endswith("_bsbs") for n in theory.wc)
    if not heavy and not any(map(couples_to_bs, theory.mediators)):
        return None
    if context.as_printed and not theory.mediators:
        return None
    value, error = MIXING["2021" if context.as_printed else context.vintage]
    return jnp.abs(mixing_shift(theory, context.as_printed) - value) / (2.0 * error)


def _bs_mu_mu(theory: Theory, context: Context):
    light = any(
        poly_sum(m.bs_L, m.bs_R, -1.0) is not None and m.mu_A is not None for m in theory.mediators
    )  # axial muons only: the vector current is conserved
    heavy = any(n.endswith("_bsmumu") and n.startswith(("C10", "CS", "CP")) for n in theory.wc)
    if not light and not heavy:
        return None
    value, error = BS_MU_MU_PRINTED if context.as_printed else BS_MU_MU[context.vintage]
    return jnp.abs(bs_mu_mu_shift(theory) - value) / (3.0 * error)


register_constraint(
    Constraint(
        "Bs_mixing", r"\Delta M_s", "mass difference of the Bs within 2 sigma of the measurement",
        "arXiv:2106.12582 eq. (4.5), app. A.3",
        "95%", "b-s couplings, whatever the muon couplings", _mixing, kind="gaussian", strength=2.0, observables=("DeltaM_s",),
        group="mixing", color="#009E73",
        notes="light vectors by s-channel exchange with q2 = M_Bs^2: the shape next to m_V = M_Bs is a model",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "Bs_mumu", r"B_s\to\mu\mu", "branching fraction of Bs -> mu mu within 3 sigma of the measurement",
        "arXiv:2106.12582 eqs. (4.2), (A.24)", "99.7%", "axial muon and dimension-four b-s couplings, C10, CS, CP", _bs_mu_mu,
        kind="gaussian", strength=3.0, observables=("BR(Bs->mumu)",), group="rare decays", color="#CC79A7",
    )
)  # fmt: skip
