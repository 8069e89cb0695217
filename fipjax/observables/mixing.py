"""Bs mixing: DeltaM_s, DeltaGamma_s, S_psiphi and a_fs."""

from __future__ import annotations

from collections.abc import Sequence

from fipjax.observables.base import NUMBER, Family, Request, register_family, register_group
from fipjax.theory import ScalarMediator, Theory, VectorMediator, couples_to_bs, propagating, wilson
from fipkernels import mixing

# hbar in GeV ps: DeltaM in ps^-1 = value / HBAR
HBAR = 6.582119569e-13

_OPERATORS = ("CVLL", "CVRR", "CVLR", "CSLL", "CSRR", "CSLR", "CTLL", "CTRR")


def bs_tables(par, sm):
    """What the Bs mixing matrix needs besides new physics."""
    me = mixing.matrix_elements(par["m_Bs"], par["f_Bs"], [par[f"bag_Bs_{i}"] for i in range(1, 6)], sm["m_b_mix"], sm["m_s_mix"])
    m12 = mixing.standard_model_m12(
        g_f=par["GF"], m_w=par["m_W"], lambda_t=sm["lambda_t"], eta=par["eta_tt_Bs"], s0=sm["s0"],
        alpha_s=sm["alpha_s_mix"], me_vll=me["CVLL"],
    )  # fmt: skip
    # arXiv:hep-ph/0612167 in the form Gamma12/M12 = 1e-4 (c + a lambda_u/lambda_t); no new physics in Gamma12 of the SM part
    gamma12 = m12 * (par["Gamma12_Bs_c"] + par["Gamma12_Bs_a"] * sm["eps_u"]) * 1e-4
    return {
        "me": me,
        "m12": m12,
        "gamma12": gamma12,
        "m": par["m_Bs"],
        "m_b": sm["m_b_mix"],
        "m_s": sm["m_s_mix"],
        # couplings of a scalar are given at 4.8 GeV and run as m_b
        "running": sm["m_b_mix"] / sm["m_b"],
        "v_cb_cs": sm["v_cb_cs"],
    }


def exchange(state: VectorMediator | ScalarMediator, tables, me):
    """(M12, Gamma12) in GeV of s-channel exchange of a light state; tables: m, m_b, m_s, running of :func:`bs_tables`; me: operator
    -> matrix element."""
    common = {"m": tables["m"], "me": me, "scheme": state.propagator}
    if isinstance(state, ScalarMediator):
        return mixing.light_scalar(state.bs_L, state.bs_R, state.mass, state.width, running=tables["running"], **common)
    return mixing.light_vector(state.bs_L, state.bs_R, state.mass, state.width, m_b=tables["m_b"], m_q=tables["m_s"], **common)


def bs_matrix(theory: Theory, tables):
    """(M12, Gamma12) of the Bs in GeV, each (B,) or (1,) complex: Standard Model, heavy operators, light vectors and scalars."""
    m12, gamma12 = tables["m12"][None], tables["gamma12"][None]
    for op in _OPERATORS:
        c = wilson(theory, f"{op}_bsbs")
        if c is not None:
            m12 = m12 - c * tables["me"][op]
    for state in propagating(theory):
        if couples_to_bs(state):
            dm, dg = exchange(state, tables, tables["me"])
            m12, gamma12 = m12 + dm, gamma12 + dg
    return m12 + 0.0j, gamma12 + 0.0j


class MixingGroup:
    """Observables from M12 and Gamma12, light vectors and scalars included."""

    def __init__(self, requests: Sequence[Request], conventions: str = "default"):
        self.requests = list(requests)

    def tables(self, par, sm):
        return bs_tables(par, sm)

    def evaluate(self, theory: Theory, tables):
        m12, gamma12 = bs_matrix(theory, tables)
        wanted = {r.family.name for r in self.requests}
        values = {}
        if wanted & {"DeltaM_s", "DeltaGamma_s"}:
            values["DeltaM_s"], values["DeltaGamma_s"] = mixing.observables(m12, gamma12)
        if wanted & {"S_psiphi", "a_fs_s"}:
            values["S_psiphi"], values["a_fs_s"] = mixing.asymmetries(m12, gamma12, tables["v_cb_cs"])
        return [values[r.family.name] for r in self.requests]


register_group("mixing", MixingGroup)
register_family(
    Family(
        "DeltaM_s", NUMBER, "GeV", r"\Delta M_s", "mass difference of the Bs eigenstates", "arXiv:2106.12582 app. A.3 (corrected)",
        "mixing", customary=(1.0 / HBAR, "ps^-1"),
    )
)  # fmt: skip
register_family(
    Family(
        "DeltaGamma_s", NUMBER, "GeV", r"\Delta\Gamma_s", "width difference of the Bs eigenstates", "arXiv:hep-ph/0612167",
        "mixing", customary=(1.0 / HBAR, "ps^-1"),
    )
)  # fmt: skip
for _name, _latex, _text in (
    ("S_psiphi", r"S_{\psi\phi}", "mixing-induced CP asymmetry of Bs -> J/psi phi (penguins neglected)"),
    ("a_fs_s", r"a_\mathrm{fs}^s", "flavour-specific CP asymmetry of the Bs"),
):
    register_family(Family(_name, NUMBER, "", _latex, _text, "arXiv:hep-ph/0612167", "mixing"))
