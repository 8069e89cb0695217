"""A model, an observable, a bound and a measurement of one's own; docs/own_model.md explains them.

    fipjax models  --model examples/my_model.py:LightScalar
    fipjax predict --model examples/my_model.py:LightScalar --plugin examples/my_model.py \
        --set m_S=0.2 --set g_mu=5e-4 --observable a_mu --observable "BR(B0->mumu)/BR(Bs->mumu)"
"""

import jax.numpy as jnp

import fipjax
from fipjax import Theory
from fipjax.priors import Flat, LogFlat
from fipkernels import g2

M_MU = 0.1056583755


class LightScalar:
    """A light scalar with a coupling to muons; its heavy partners make a scalar b -> s mu mu operator."""

    name = "light-scalar"
    paper = "an example"
    parameters = {  # noqa: RUF012
        "m_S": dict(latex="m_S", unit="GeV", description="mass", lower=0.0, open_lower=True, prior=LogFlat(0.01, 10.0)),
        "g_mu": dict(latex=r"g_\mu", description="coupling g S mubar mu", prior=LogFlat(1e-5, 1e-1)),
        "C_S": dict(latex="C_S", unit="GeV^-1", description="heavy partners", default=0.0, prior=Flat(-0.1, 0.1)),
    }

    def theory(p):
        return Theory(
            a_mu=g2.delta_a_mu_scalar(p["g_mu"], 0.0, p["m_S"], M_MU),
            wc={"CS_bsmumu": p["C_S"], "CP_bsmumu": -p["C_S"]},
            couplings={"g_mu": p["g_mu"]},
        )


@fipjax.observable("BR(B0->mumu)/BR(Bs->mumu)", of=["BR(B0->mumu)", "BR(Bs->mumu)"], latex=r"\mathcal{B}_d/\mathcal{B}_s")
def ratio(b0, bs):
    """Ratio of the two branching fractions."""
    return b0 / bs


@fipjax.constraint("g_mu_cap", cl="95 %", source="an example", description="direct limit on the muon coupling, 0.05")
def g_mu_cap(theory):
    g = theory.couplings.get("g_mu")
    return None if g is None else jnp.abs(g) / 0.05


fipjax.measurement("my-ratio", {"BR(B0->mumu)/BR(Bs->mumu)": (0.039, [0.030, 0.024])}, experiment="an example")
