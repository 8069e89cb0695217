"""Bs -> l l and B0 -> l l."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from fipjax.observables.base import NUMBER, Family, Request, register_family, register_group
from fipjax.theory import ScalarMediator, Theory, evaluate_at, poly_sum, scalar_charges_at, total, wilson
from fipkernels import leptonic
from fipkernels.breit_wigner import GAMMA_FLOOR, inverse_propagator
from fipkernels.quadratic import evaluate_polynomial

_PAPERS = "arXiv:1204.1735, arXiv:1204.1737, arXiv:1311.0903"


def _scalar(m: ScalarMediator, t, lepton: str):
    """C_S - C_S' and C_P - C_P', each with that of the CP-conjugate decay, from S at q^2 = m_Bs^2; None without any."""
    bs = poly_sum(m.bs_R, m.bs_L, -1.0)
    at = jnp.broadcast_to(t["m"] ** 2, m.mass.shape)
    charges = scalar_charges_at(m, lepton, at)
    if bs is None or charges is None:
        return None
    re, im = inverse_propagator(at, m.mass, jnp.maximum(m.width, GAMMA_FLOOR * m.mass), m.propagator)
    # signs and the weak phase i of the pseudoscalar: fipjax.observables.bsll.scalar_products
    g = -evaluate_at(bs, at) / t["m_b"]
    return [
        tuple(turn(g * c * phase) * (re + 1j * im) / turn(t["n"]) for turn in (lambda z: z, jnp.conj))
        for c, phase in zip(charges, (1.0, 1.0j), strict=True)
    ]


class LeptonicGroup:
    """BR(Bs->mumu), BR(Bs->ee), BR(B0->mumu), A_DeltaGamma and the effective lifetime."""

    def __init__(self, requests: Sequence[Request], conventions: str = "default"):
        self.requests = list(requests)

    def tables(self, par, sm):
        y = 0.5 * par["DeltaGamma/Gamma_Bs"]
        out = {}
        for lep, mass in (("mumu", "m_mu"), ("ee", "m_e")):
            out["Bs" + lep] = {
                "m": par["m_Bs"], "tau": par["tau_Bs"], "f": par["f_Bs"], "m_l": par[mass], "y": y, "n": sm["n"],
                "m_b": sm["m_b"], "chiral": par["m_Bs"] * sm["m_b"] / (sm["m_b"] + sm["m_s"]), "c10": sm["c"]["C10"],
            }  # fmt: skip
            # the d quark mass is negligible next to m_b
            out["B0" + lep] = {
                "m": par["m_B0"], "tau": par["tau_B0"], "f": par["f_B0"], "m_l": par[mass], "y": 0.0, "n": sm["n_d"],
                "m_b": sm["m_b"], "chiral": par["m_B0"], "c10": sm["c"]["C10"],
            }  # fmt: skip
        return out

    def _one(self, theory: Theory, t, lepton: str, quark: str):
        label = f"b{quark}{lepton}"

        def diff(op):
            a, b = wilson(theory, f"{op}_{label}"), wilson(theory, f"{op}p_{label}")
            return total(a, None if b is None else -b)

        helicity = 2.0 * t["m_l"] / t["m"]
        beta = jnp.sqrt(1.0 - helicity**2)
        p = jnp.asarray(helicity * t["c10"] + 0.0j)[None]
        p_bar = p
        for c, factor in ((diff("C10"), helicity), (diff("CP"), t["chiral"])):
            if c is not None:
                p, p_bar = p + factor * c, p_bar + factor * jnp.conj(c)
        s = s_bar = None
        cs = diff("CS")
        if cs is not None:
            s, s_bar = beta * t["chiral"] * cs, beta * t["chiral"] * jnp.conj(cs)
        if quark == "s":
            for scalar in theory.scalars:
                exchange = _scalar(scalar, t, "mu" if lepton == "mumu" else "e")
                if exchange is None:
                    continue
                (a, a_bar), (b, b_bar) = exchange
                p, p_bar = p + t["chiral"] * b, p_bar + t["chiral"] * b_bar
                a, a_bar = beta * t["chiral"] * a, beta * t["chiral"] * a_bar
                s, s_bar = (a, a_bar) if s is None else (s + a, s_bar + a_bar)
        if quark == "s":
            for med in theory.mediators:
                bs = poly_sum(med.bs_L, med.bs_R, -1.0)
                ax = med.mu_A if lepton == "mumu" else med.e_A
                if bs is None or ax is None:
                    continue
                if med.scheme == "narrow":
                    # no longitudinal part: C10 at q^2 = m^2 (2210.15662 eq. 2.11)
                    at = jnp.broadcast_to(t["m"] ** 2, med.mass.shape)
                    g = evaluate_polynomial(bs, at) * evaluate_polynomial(ax, at)
                    re, im = inverse_propagator(at, med.mass, med.width, med.propagator)
                else:
                    g = bs[0] * ax[0]
                    re, im = leptonic.light_vector(1.0, med.mass, med.width, t["m"], med.propagator)
                for coupling, n, bar in ((g, t["n"], False), (jnp.conj(g), jnp.conj(t["n"]), True)):
                    add = helicity * coupling * (re + 1j * im) / n
                    p, p_bar = (p, p_bar + add) if bar else (p + add, p_bar)
        return leptonic.branching_ratio(
            p,
            p_bar,
            s,
            s_bar,
            n_abs=jnp.abs(t["n"]),
            m_b_meson=t["m"],
            tau=t["tau"],
            f_b=t["f"],
            m_l=t["m_l"],
            y=t["y"],
        )

    def evaluate(self, theory: Theory, tables):
        done = {}
        out = []
        for r in self.requests:
            key, pick = _MEANING[r.family.name]
            if key not in done:
                quark, lepton = ("s", key[2:]) if key.startswith("Bs") else ("d", key[2:])
                done[key] = self._one(theory, tables[key], lepton, quark)
            out.append(done[key][pick])
        return out


_MEANING = {
    "BR(Bs->mumu)": ("Bsmumu", 0),
    "BR(Bs->ee)": ("Bsee", 0),
    "BR(B0->mumu)": ("B0mumu", 0),
    "BR(B0->ee)": ("B0ee", 0),
    "ADeltaGamma(Bs->mumu)": ("Bsmumu", 1),
    "tau_mumu": ("Bsmumu", 2),
}

register_group("leptonic", LeptonicGroup)
for _name, _unit, _latex, _text, _cust in (
    (
        "BR(Bs->mumu)",
        "",
        r"\overline{\mathcal{B}}(B_s\to\mu^+\mu^-)",
        "time-integrated branching fraction",
        (1e9, "1e-9"),
    ),
    ("BR(Bs->ee)", "", r"\overline{\mathcal{B}}(B_s\to e^+e^-)", "time-integrated branching fraction", (1e14, "1e-14")),
    ("BR(B0->mumu)", "", r"\mathcal{B}(B^0\to\mu^+\mu^-)", "branching fraction", (1e10, "1e-10")),
    ("BR(B0->ee)", "", r"\mathcal{B}(B^0\to e^+e^-)", "branching fraction", (1e15, "1e-15")),
    ("ADeltaGamma(Bs->mumu)", "", r"A_{\Delta\Gamma}(B_s\to\mu^+\mu^-)", "mass-eigenstate rate asymmetry", None),
    ("tau_mumu", "GeV^-1", r"\tau_{\mu\mu}", "effective lifetime of Bs -> mu mu", (6.582119569e-13, "ps")),
):
    register_family(Family(_name, NUMBER, _unit, _latex, _text, _PAPERS, "leptonic", customary=_cust))
