"""B -> K nu nu and B -> K* nu nu, summed over neutrino flavours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from fipjax.hadronic import default_inputs
from fipjax.observables.base import BINNED, NUMBER, POINT, Family, Request, register_family, register_group
from fipjax.observables.decays import _FF_K, form_factors_v
from fipjax.theory import Theory, wilson
from fipkernels import nunu
from fipkernels.form_factors import b_to_k
from fipkernels.panels import make_panels

FLAVOURS = ("e", "mu", "tau")
# key -> (parent, daughter, lifetime, LaTeX, vector meson)
MODES = {
    "B+->K": ("m_B+", "m_K+", "tau_B+", r"B^+\to K^+", False),
    "B0->K": ("m_B0", "m_K0", "tau_B0", r"B^0\to K^0", False),
    "B+->K*": ("m_B+", "m_K*+", "tau_B+", r"B^+\to K^{*+}", True),
    "B0->K*": ("m_B0", "m_K*0", "tau_B0", r"B^0\to K^{*0}", True),
}


def coefficient_names() -> list[tuple[bool, str]]:
    """(equal flavours, WCxf suffix) of the nine final states: 'bsnuenue', 'bsnumunue', ..."""
    return [(a == b, f"bsnu{a}nu{b}") for a in FLAVOURS for b in FLAVOURS]


class NunuGroup:
    """All requests; rates are |C_L + C_R|^2 and |C_L - C_R|^2 times integrals over form factors.

    Without tree-level B+ -> tau nu, tau -> K nu (fipkernels.nunu.tree_tau), which experiments treat as background.
    """

    def __init__(self, requests: Sequence[Request], conventions: str = "default"):
        self.requests = list(requests)
        par = default_inputs().central()
        self.spots: dict[str, dict[tuple, tuple]] = {}
        for r in self.requests:
            key = decode(r.family.name)[1]
            end = par[MODES[key][0]] - par[MODES[key][1]]
            spot = r.args or (0.0, end * end)
            if spot in self.spots.setdefault(key, {}):
                continue
            if len(spot) == 1:
                q = np.sqrt(np.array([spot]))
                self.spots[key][spot] = (q, 0.5 / q)
            else:
                edges = [(math.sqrt(spot[0]), min(math.sqrt(spot[1]), end))]
                panels, _ = make_panels(edges, singular=[-1e-3, end, 5.367, 5.415, 5.63], sqrt_points=[end])
                self.spots[key][spot] = (panels.q, panels.w)

    def tables(self, par, sm):
        out = {}
        for key, spots in self.spots.items():
            parent, daughter, tau, _, vector = MODES[key]
            masses = {"m_b": par[parent], "n_abs": jnp.abs(sm["n"]), "c_l": 0.0}
            rows = []
            for q, w in spots.values():
                q2 = jnp.asarray(q * q)
                if vector:
                    ff = form_factors_v(q2, par, ["B->K*"])
                    p = nunu.vector(jnp.asarray(q), m_v=par[daughter], ff=(ff.v, ff.a1, ff.a12), **masses)
                else:
                    f_plus = b_to_k(q2, {k: par["B->K BSZ " + k] for k in _FF_K}, par["m_B0"], par["m_K0"])[0]
                    p = nunu.pseudoscalar(jnp.asarray(q), m_k=par[daughter], f_plus=f_plus, **masses)
                squares = [jnp.sum(t[2] * w * jnp.abs(p.u["L"][t[0]]) ** 2) for t in p.forms["rate"]]
                rows.append(jnp.stack(squares))
            out[key] = {"tau": par[tau], "rows": jnp.stack(rows)}  # (spots, 1 or 3: perp, par, long)
        # arXiv:1009.0947, 2105.02868; alpha_e at m_Z in the numerator of N
        out["c_l"] = -par["Xt_di->djnunu"] / par["s2w"] * par["alpha_e"] / sm["alpha_e"]
        return out

    def evaluate(self, theory: Theory, tables):
        plus, minus = jnp.zeros((1,)), jnp.zeros((1,))
        for diagonal, name in coefficient_names():
            left, right = wilson(theory, f"CL_{name}"), wilson(theory, f"CR_{name}")
            c_l = jnp.asarray(tables["c_l"] if diagonal else 0.0)[None]
            if left is not None:
                c_l = c_l + left
            c_r = 0.0 if right is None else right
            plus, minus = plus + jnp.abs(c_l + c_r) ** 2, minus + jnp.abs(c_l - c_r) ** 2
        out = []
        for r in self.requests:
            head, key = decode(r.family.name)
            par = default_inputs().central()
            end = (par[MODES[key][0]] - par[MODES[key][1]]) ** 2 if not r.args else 0.0
            spot = r.args or (0.0, end)
            t = tables[key]
            row = t["rows"][list(self.spots[key]).index(spot)]
            if not MODES[key][4]:
                rate, long = row[0] * plus, None
            else:
                long = row[2] * minus
                rate = row[0] * plus + row[1] * minus + long
            if head == "FL":
                out.append(long / rate)
            else:
                width = spot[1] - spot[0] if len(r.args) == 2 else 1.0
                out.append(t["tau"] / width * rate)
        return out


def decode(name: str) -> tuple[str, str]:
    """('dBR/dq2' | 'BR' | 'FL', mode)."""
    head, process = name.split("(", 1)
    return head.strip("<>"), process[: -len("nunu)")]


register_group("nunu", NunuGroup)
_SOURCE = "arXiv:1409.4557, arXiv:1009.0947, arXiv:2105.02868"
_par = default_inputs().central()
for _key, (_parent, _daughter, _, _tex, _vector) in MODES.items():
    _q2 = (0.0, (_par[_parent] - _par[_daughter]) ** 2)
    _t = rf"({_tex}\nu\bar\nu)"
    _text = "branching fraction, all neutrino flavours, without tree-level tau"
    register_family(Family(f"BR({_key}nunu)", NUMBER, "", rf"\mathcal{{B}}{_t}", _text, _SOURCE, "nunu", customary=(1e6, "1e-6")))
    for _kind, _name, _latex in (
        (BINNED, f"<dBR/dq2>({_key}nunu)", rf"\langle\mathrm{{d}}\mathcal{{B}}/\mathrm{{d}}q^2\rangle{_t}"),
        (POINT, f"dBR/dq2({_key}nunu)", rf"\mathrm{{d}}\mathcal{{B}}/\mathrm{{d}}q^2{_t}"),
    ):
        register_family(Family(_name, _kind, "GeV^-2", _latex, "differential " + _text, _SOURCE, "nunu", _q2, (1e8, "1e-8 GeV^-2")))
    if _vector:
        _text = "longitudinal polarisation fraction"
        register_family(Family(f"<FL>({_key}nunu)", BINNED, "", rf"\langle F_L\rangle{_t}", _text, _SOURCE, "nunu", _q2))
        register_family(Family(f"FL({_key}nunu)", POINT, "", rf"F_L{_t}", _text, _SOURCE, "nunu", _q2))
