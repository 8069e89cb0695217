"""B -> K l l: branching fractions, F_H, A_FB, A_CP and the lepton-universality ratio, in bins and at points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from fipjax.hadronic import central_derived, default_inputs, effective_coefficients
from fipjax.observables.base import BINNED, POINT, Family, Request, register_family, register_group
from fipjax.theory import Theory, poly_sum, total, wilson
from fipkernels import bkll
from fipkernels import breit_wigner as bw
from fipkernels.amplitudes import multiply
from fipkernels.form_factors import b_to_k
from fipkernels.panels import make_panels

_FF = ("a0_f+", "a1_f+", "a2_f+", "a1_f0", "a2_f0", "a0_fT", "a1_fT", "a2_fT")
# Edges of the parametrisation of non-factorisable corrections (arXiv:1411.3161), GeV^2
_LOW_Q2, _HIGH_Q2 = 9.0, 14.0


@dataclass(frozen=True)
class Mode:
    """Names of the inputs of one charge mode."""

    key: str
    m_b: str
    m_k: str
    tau: str
    subleading: str


MODES = {
    "B+->K": Mode("B+->K", "m_B+", "m_K+", "tau_B+", "B+->K+"),
    "B0->K": Mode("B0->K", "m_B0", "m_K0", "tau_B0", "B0->K0"),
}
LEPTONS = {"mumu": "m_mu", "ee": "m_e"}


def _subleading(q2, par, mode: Mode):
    """Shift of C9 by non-factorisable effects: a + b q^2 up to 9 GeV^2, c above 14 GeV^2 (all central values 0)."""

    def z(name):
        return par[f"{mode.subleading} deltaC9 {name} Re"] + 1j * par[f"{mode.subleading} deltaC9 {name} Im"]

    low = z("a") + z("b") * q2
    return jnp.where(q2 <= _LOW_Q2, low, jnp.where(q2 > _HIGH_Q2, z("c"), 0.0))


class _Set:
    """Nodes of one lepton mode: panels for the bins, single nodes for the points."""

    def __init__(self, mode: Mode, lepton: str, bins: list[tuple[float, float]], points: list[float]):
        par = default_inputs().central()
        self.mode, self.lepton = mode, lepton
        self.m_b, self.m_k, self.m_l = par[mode.m_b], par[mode.m_k], par[LEPTONS[lepton]]
        self.bins, self.points = bins, points
        q_lo, q_hi = 2.0 * self.m_l, self.m_b - self.m_k
        # charm thresholds at their central values: a cusp of c9 at the pole mass, of c7 at the mass used there
        cusp = 2.0 * central_derived()["m_c_pole"]
        kinks = [math.sqrt(_LOW_Q2), math.sqrt(_HIGH_Q2), 2.0 * par["m_c BVgamma"]]
        poles = [5.415, 5.630]  # B_s* poles of the form factors
        if bins:
            edges = [(max(math.sqrt(a), q_lo), min(math.sqrt(b), q_hi)) for a, b in bins]
            self.panels, self.sums = make_panels(
                edges, singular=[-q_lo, 0.0, q_lo, q_hi, cusp, *kinks, *poles], sqrt_points=[q_lo, q_hi, cusp]
            )
        else:
            self.panels, self.sums = None, None  # type: ignore[assignment]

    def nodes(self):
        """(q, w): nodes of the panels, and of the points (weight 1/(2q): integrals over dq become densities in q^2)."""
        out = []
        if self.panels is not None:
            out.append((self.panels.q, self.panels.w))
        if self.points:
            q = np.sqrt(np.array(self.points))[:, None]
            out.append((q, 0.5 / q))
        return out

    def tables(self, par, sm):
        built = []
        for q, w in self.nodes():
            q2 = q * q
            c7, c9 = effective_coefficients(q2, par, sm)
            c7b, c9b = effective_coefficients(q2, par, sm, conjugate=True)
            shift = _subleading(q2, par, self.mode)
            # one fit for both charges, with the masses of the neutral mode in z (arXiv:2305.06301)
            ff = b_to_k(q2, {k: par["B->K BSZ " + k] for k in _FF}, par["m_B0"], par["m_K0"])
            built.append(
                bkll.make_tables(
                    jnp.asarray(q),
                    jnp.asarray(w),
                    m_b=self.m_b,
                    m_k=self.m_k,
                    m_l=self.m_l,
                    n=sm["n"],
                    n_bar=sm["n_bar"],
                    c7=c7,
                    c7_bar=c7b,
                    c9=c9 + shift,
                    c9_bar=c9b + shift,
                    c10=sm["c"]["C10"],
                    m_b_run=sm["m_b"],
                    ff=ff,
                )
            )
        return built

    def new_physics(self, theory: Theory) -> bkll.NewPhysics:
        l = self.lepton

        def both(op):
            return total(wilson(theory, f"{op}_bs{l}"), wilson(theory, f"{op}p_bs{l}"))

        light = []
        for med in theory.mediators:
            bs = poly_sum(med.bs_L, med.bs_R)
            vec, ax = (med.mu_V, med.mu_A) if l == "mumu" else (med.e_V, med.e_A)
            if bs is None or (vec is None and ax is None):
                light.append((None, None, None))
                continue
            light.append(
                (
                    None if vec is None else multiply(bs, vec),
                    None if ax is None else multiply(bs, ax),
                    None if ax is None else bkll.longitudinal(bs, ax, med.mass),
                )
            )
        if not any(any(x is not None for x in entry) for entry in light):
            light = []
        return bkll.NewPhysics(both("C9"), both("C10"), both("CS"), both("CP"), tuple(light))

    def integrals(self, theory: Theory, tables, wanted: set[str]):
        """quantity -> (bins + points, B): tau-free integrals of each numerator."""
        np_ = self.new_physics(theory)
        functions = {
            "rate": bkll.rate,
            "difference": bkll.rate_difference,
            "flat": bkll.flat,
            "asym": bkll.forward_backward,
        }
        out: dict[str, list] = {k: [] for k in wanted}
        it = iter(tables)
        if self.panels is not None:
            t = next(it)
            weights: tuple = ()
            cross = None
            if np_.light:
                weights = tuple(bw.weights(self.panels, m.mass, m.width, m.scheme) for m in theory.mediators)
                cross = bw.cross_weights_all(self.panels, theory.mediators)
            ch = bkll.channels(t, np_)
            for k in wanted:
                out[k].append(jnp.asarray(self.sums) @ functions[k](t, ch, weights, cross))
        if self.points:
            t = next(it)
            weights = ()
            cross = None
            if np_.light:
                q = jnp.asarray(np.sqrt(np.array(self.points))[:, None])
                weights = tuple(bw.point_weights(q, m.mass, m.width, m.scheme) for m in theory.mediators)
                cross = bw.cross_point_weights_all(q, theory.mediators)
            ch = bkll.channels(t, np_)
            for k in wanted:
                out[k].append(functions[k](t, ch, weights, cross))
        return {k: _stack(v) for k, v in out.items()}


def _stack(parts):
    if len(parts) == 1:
        return parts[0]
    b = max(p.shape[1] for p in parts)
    return jnp.concatenate([jnp.broadcast_to(p, (p.shape[0], b)) for p in parts])


_NEEDS = {
    "dBR": {"rate"},
    "FH": {"rate", "flat"},
    "AFB": {"rate", "asym"},
    "ACP": {"rate", "difference"},
    "R": {"rate"},
}


class BKllGroup:
    """All B -> K l l requests of one charge mode."""

    def __init__(self, requests: Sequence[Request]):
        self.requests = list(requests)
        self.mode = MODES[self.requests[0].family.group.split(":")[1]]
        want: dict[str, tuple[list, list, set]] = {}
        self.plan = []
        for r in self.requests:
            quantity, leptons = _decode(r.family.name)
            entry = []
            for lep in leptons:
                bins, points, needs = want.setdefault(lep, ([], [], set()))
                needs |= _NEEDS[quantity]
                target = bins if r.family.kind == BINNED else points
                value = r.args if r.family.kind == BINNED else r.args[0]
                if value not in target:
                    target.append(value)
                entry.append((lep, r.family.kind == BINNED, target.index(value)))
            self.plan.append((quantity, entry, r))
        self.sets = {lep: _Set(self.mode, lep, b, p) for lep, (b, p, _) in want.items()}
        self.needs = {lep: n for lep, (_, _, n) in want.items()}

    def tables(self, par: Mapping[str, Any], sm: Mapping[str, Any]):
        # the lifetime multiplies rates only
        return {"tau": par[self.mode.tau], **{lep: s.tables(par, sm) for lep, s in self.sets.items()}}

    def evaluate(self, theory: Theory, tables) -> list:
        values = {lep: s.integrals(theory, tables[lep], self.needs[lep]) for lep, s in self.sets.items()}
        out = []
        for quantity, entry, r in self.plan:
            lep, binned, i = entry[0]
            i = i if binned else i + len(self.sets[lep].bins)
            v = values[lep]
            rate = v["rate"][i]
            if quantity == "dBR":
                width = r.args[1] - r.args[0] if binned else 1.0
                out.append(tables["tau"] / (2.0 * width) * rate)
            elif quantity == "FH":
                out.append(v["flat"][i] / rate)
            elif quantity == "AFB":
                out.append(v["asym"][i] / rate)
            elif quantity == "ACP":
                out.append(v["difference"][i] / rate)
            else:
                lep2, binned2, j = entry[1]
                j = j if binned2 else j + len(self.sets[lep2].bins)
                out.append(rate / values[lep2]["rate"][j])
        return out


def _decode(name: str) -> tuple[str, tuple[str, ...]]:
    """('dBR' | 'FH' | 'AFB' | 'ACP' | 'R', leptons) from a flavio name."""
    head, process = name.split("(", 1)
    head = head.strip("<>")
    if head == "Rmue":
        return "R", ("mumu", "ee")
    lepton = "mumu" if process.endswith("mumu)") else "ee"
    return {"dBR/dq2": "dBR", "FH": "FH", "AFB": "AFB", "ACP": "ACP"}[head], (lepton,)


def _register():
    par = default_inputs().central()
    papers = "arXiv:1506.03970, arXiv:0709.4174"
    tex_mode = {"B+->K": r"B^+\to K^+", "B0->K": r"B^0\to K^0"}
    for key, mode in MODES.items():
        hi = (par[mode.m_b] - par[mode.m_k]) ** 2
        for lep, tex in (("mumu", r"\mu^+\mu^-"), ("ee", "e^+e^-")):
            q2 = (4.0 * par[LEPTONS[lep]] ** 2, hi)
            proc, t = f"{key}{lep}", f"{tex_mode[key]}{tex}"
            group = f"bkll:{key}"
            rows = [
                (
                    "dBR/dq2",
                    "GeV^-2",
                    rf"\mathrm{{d}}\mathcal{{B}}/\mathrm{{d}}q^2({t})",
                    "CP-averaged differential branching fraction",
                ),
                ("FH", "", rf"F_H({t})", "flat term of the angular distribution"),
                ("AFB", "", rf"A_\mathrm{{FB}}({t})", "forward-backward asymmetry"),
                ("ACP", "", rf"A_\mathrm{{CP}}({t})", "direct CP asymmetry"),
            ]
            for head, unit, latex, text in rows:
                cust = (1e8, "1e-8 GeV^-2") if unit else None
                register_family(
                    Family(
                        f"<{head}>({proc})",
                        BINNED,
                        unit,
                        rf"\langle {latex}\rangle",
                        text + ", bin average",
                        papers,
                        group,
                        q2,
                        cust,
                    )
                )
                register_family(Family(f"{head}({proc})", POINT, unit, latex, text, papers, group, q2, cust))
        q2 = (4.0 * par["m_mu"] ** 2, hi)
        tex = "R_K" if key == "B+->K" else "R_{K^0}"
        text = "ratio of muon to electron rates"
        register_family(
            Family(
                f"<Rmue>({key}ll)",
                BINNED,
                "",
                tex,
                text + ", bins integrated first",
                "hep-ph/0310219",
                f"bkll:{key}",
                q2,
            )
        )
        register_family(Family(f"Rmue({key}ll)", POINT, "", tex, text, "hep-ph/0310219", f"bkll:{key}", q2))
        register_group(f"bkll:{key}", BKllGroup)


_register()
