"""The b -> s l l decays: how each is built from inputs, and which observables follow from its integrals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from fipjax.hadronic import MU_B, MU_XS, Effective, default_inputs
from fipkernels import bkll, bvll, bxsll, lbl, qcdf
from fipkernels.form_factors import b_to_k, b_to_v
from fipkernels.quadratic import Process

LEPTONS = {"mumu": "m_mu", "ee": "m_e"}
# Edges of the parametrisations of non-factorisable corrections (arXiv:1411.3161), GeV^2
LOW_Q2, HIGH_Q2 = 9.0, 14.0
# Upper end of QCD factorisation, GeV^2: beyond, below the J/psi, spectator scattering is left out
QCDF_Q2 = 8.9

Values = Mapping[tuple[str, str], Any]  # (form, kind) -> (S, B), integrals over the bins


@dataclass(frozen=True)
class Quantity:
    """An observable of one decay as a function of integrals.

    needs: pairs (form, kind) of :func:`fipkernels.quadratic.contract`.  formula(values, scalars) -> (S, B).
    per_q2: divide by the width of the bin.  kinds: exists in bins, at points, or both.
    """

    needs: tuple[tuple[str, str], ...]
    formula: Callable[[Values, Mapping[str, Any]], Any]
    latex: str
    text: str
    unit: str = ""
    per_q2: bool = False
    kinds: tuple[str, ...] = ("binned", "point")


@dataclass(frozen=True)
class Stretch:
    """``count`` consecutive panels that belong to one decay and lepton, within the nodes of a family."""

    decay: Decay
    lepton: str
    count: int


# (q, stretches, par, sm, effective, forms, conventions, spectator) -> Process.  q (P, n): nodes of all stretches, one after the
# other;
# effective: c7, c9 there; spectator: amplitudes of QCD factorisation there, or None.  One call for a whole family: little to
# compile.
Builder = Callable[..., Process]


def column(stretches: Sequence[Stretch], values: Sequence[Any]):
    """One value per stretch -> (P, 1) array, constant along each stretch; the plain value if there is one stretch."""
    if len(stretches) == 1:
        return values[0]
    dtype = jnp.result_type(*values)
    return jnp.concatenate([jnp.broadcast_to(jnp.asarray(v, dtype), (s.count, 1)) for s, v in zip(stretches, values, strict=True)])


@dataclass(frozen=True)
class Decay:
    """One decay mode (all leptons).

    key: flavio process without leptons ("B0->K*").  parent, daughter: names of the mass inputs.
    build: :data:`Builder` of the decay's family, which makes all its members at once.  label, form_factors: prefixes of inputs.
    poles: q in GeV of form-factor poles.  scalars(par, sm): numbers the formulas need.
    mixing: interference with the CP-conjugate decay.  mu: scale of the coefficients.  q_max: largest q, if not the mass difference.
    averaged: flavio averages over CP.
    """

    key: str
    parent: str
    daughter: str
    latex: str
    papers: str
    quantities: Mapping[str, Quantity]
    build: Builder
    scalars: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
    leptons: tuple[str, ...] = ("mumu", "ee")
    poles: tuple[float, ...] = ()
    mixing: bool = False
    mu: float = MU_B
    q_max: Callable[[Mapping[str, float]], float] | None = None
    averaged: bool = True
    label: str = ""
    form_factors: str = ""

    def endpoint(self, par: Mapping[str, float]) -> float:
        """Largest sqrt(q^2) in GeV."""
        return self.q_max(par) if self.q_max else par[self.parent] - par[self.daughter]


DECAYS: dict[str, Decay] = {}


def complex_input(par, name):
    """Complex input from its '... Re' and '... Im' parts."""
    return par[f"{name} Re"] + 1j * par[f"{name} Im"]


def _lifetime(name: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]:
    """Scalars of a decay whose formulas need nothing but the parent's lifetime."""
    return lambda par, sm: {"tau": par[name]}


def _ratio(numerator, factor=1.0):
    return lambda v, c: factor * v[numerator] / v["rate", "sum"]


# -- B -> K l l ---------------------------------------------------------------------------------------------------------

_FF_K = ("a0_f+", "a1_f+", "a2_f+", "a1_f0", "a2_f0", "a0_fT", "a1_fT", "a2_fT")


def build_k(q, stretches, par, sm, eff: Effective, forms, conventions, spectator):
    """B -> K l l (:data:`Builder`)."""
    q2 = q * q
    each = lambda f: column(stretches, [f(s) for s in stretches])  # noqa: E731
    a, b, c = (each(lambda s, k=k: complex_input(par, f"{s.decay.label} deltaC9 {k}")) for k in "abc")
    # shift of C9 by non-factorisable effects: a + b q^2 up to 9 GeV^2, c above 14 GeV^2 (all central values 0)
    shift = jnp.where(q2 <= LOW_Q2, a + b * q2, jnp.where(q2 > HIGH_Q2, c, 0.0))
    # one fit for both charges, with the masses of the neutral mode in z (arXiv:2305.06301)
    ff = b_to_k(q2, {k: par["B->K BSZ " + k] for k in _FF_K}, par["m_B0"], par["m_K0"])
    c7p = sm["c"]["C7p"]
    # strong phases: the shift is not conjugated
    p = bkll.process(
        q, m_b=each(lambda s: par[s.decay.parent]), m_k=each(lambda s: par[s.decay.daughter]),
        m_l=each(lambda s: par[LEPTONS[s.lepton]]), n_abs=jnp.abs(sm["n"]), c7=eff.c7 + c7p, c7_bar=eff.c7_bar + c7p,
        c9=eff.c9 + shift, c9_bar=eff.c9_bar + shift, c10=sm["c"]["C10"], m_b_run=sm["m_b"], ff=ff,
    )  # fmt: skip
    return replace(p, forms={k: p.forms[k] for k in forms})


_QUANTITIES_K = {
    "dBR/dq2": Quantity(
        (("rate", "sum"),),
        lambda v, c: 0.5 * c["tau"] * v["rate", "sum"],
        r"\mathrm{d}\mathcal{B}/\mathrm{d}q^2",
        "CP-averaged differential branching fraction",
        "GeV^-2",
        True,
    ),
    "FH": Quantity((("rate", "sum"), ("flat", "sum")), _ratio(("flat", "sum")), "F_H", "flat term of the angular distribution"),
    "AFB": Quantity((("rate", "sum"), ("asym", "sum")), _ratio(("asym", "sum")), r"A_\mathrm{FB}", "forward-backward asymmetry"),
    "ACP": Quantity(
        (("rate", "sum"), ("rate", "difference")),
        _ratio(("rate", "difference")),
        r"A_\mathrm{CP}",
        "direct CP asymmetry",
    ),
}

for _key, _parent, _daughter, _label, _tau, _tex in (
    ("B+->K", "m_B+", "m_K+", "B+->K+", "tau_B+", r"B^+\to K^+"),
    ("B0->K", "m_B0", "m_K0", "B0->K0", "tau_B0", r"B^0\to K^0"),
):
    DECAYS[_key] = Decay(
        _key, _parent, _daughter, _tex, "arXiv:1506.03970, arXiv:0709.4174", _QUANTITIES_K, build_k,
        _lifetime(_tau), poles=(5.415, 5.630), label=_label,
    )  # fmt: skip


# -- B -> K* l l, Bs -> phi l l ------------------------------------------------------------------------------------------

_FF_V = tuple(f"a{k}_{f}" for f in ("A0", "A1", "A12", "V", "T1", "T2", "T23") for k in range(3))
_FF_V = tuple(x for x in _FF_V if x not in ("a0_A12", "a0_T2"))


_MASSES_V = {"B->K*": ("m_B0", "m_K*0"), "Bs->phi": ("m_Bs", "m_phi")}


def form_factors_v(q2, par, families: Sequence[str], spread=lambda values: values[0]) -> bvll.FormFactors:
    """Form factors of 'B->K*' and 'Bs->phi' (masses of the neutral mode in z); spread: one value per family -> values on the
    nodes."""
    a = {k: spread([par[f"{f} BSZ {k}"] for f in families]) for k in _FF_V}
    m_b, m_v = (spread([par[_MASSES_V[f][i]] for f in families]) for i in (0, 1))
    return bvll.FormFactors(*b_to_v(q2, a, m_b, m_v))


def build_v(q, stretches, par, sm, eff: Effective, forms, conventions, spectator):
    """B -> K* l l and Bs -> phi l l (:data:`Builder`)."""
    q2 = q * q
    each = lambda f: column(stretches, [f(s) for s in stretches])  # noqa: E731
    m_b, m_v = each(lambda s: par[s.decay.parent]), each(lambda s: par[s.decay.daughter])
    ff = form_factors_v(q2, par, [s.decay.form_factors for s in stretches], lambda values: column(stretches, values))
    common = {"m_b": m_b, "m_v": m_v, "m_b_run": sm["m_b"], "ff": ff}
    # non-factorisable effects (1411.3161), all central values 0: C7' in V+, C7 in V- and V0 below 9 GeV^2; C9 above 14 GeV^2
    scale = 0.5 * m_b / sm["m_b"]

    def nuisance(name):
        return each(lambda s: complex_input(par, f"{s.decay.label} {name}"))

    low = [
        (nuisance(f"delta_{c} a_{h}") + nuisance(f"delta_{c} b_{h}") * q2 / m_b**2) * scale
        for c, h in (("C7p", "+"), ("C7", "-"), ("C7", "0"))
    ]
    low = [jnp.where(q2 <= LOW_Q2, x, 0.0) for x in low]
    high = [jnp.where(q2 > HIGH_Q2, nuisance(f"deltaC9 c_{h}"), 0.0) for h in ("+", "-", "0")]
    extra = extra_bar = bvll.subleading(q, c7=low, c9=high, **common)
    if spectator is not None:
        # h_-, h_0 in units of N; the amplitudes here are per unit of i N, and h_+ = 0
        minus, zero, minus_bar, zero_bar = spectator
        extra, extra_bar = (
            (extra[0], extra[1] - 1j * minus, extra[2] - 1j * zero),
            (extra[0], extra[1] - 1j * minus_bar, extra[2] - 1j * zero_bar),
        )
    return bvll.process(
        q, m_l=each(lambda s: par[LEPTONS[s.lepton]]), n_abs=jnp.abs(sm["n"]), c7=eff.c7, c7_bar=eff.c7_bar, c9=eff.c9,
        c9_bar=eff.c9_bar, c7p=sm["c"]["C7p"], c10=sm["c"]["C10"], extra=extra, extra_bar=extra_bar, forms=forms, **common,
    )  # fmt: skip


_S = "sum"
_RATE: tuple[tuple[str, str], ...] = (("rate", _S),)
# LHCb sign convention (arXiv:1506.03970 app. C) relative to 0811.1214
_LHCB = {"1s": 1, "1c": 1, "2s": 1, "2c": 1, "3": 1, "4": -1, "5": 1, "6s": -1, "6c": -1, "7": -1, "8": 1, "9": -1}


def _over_transverse(form, factor):
    return lambda v, c: factor * v[form, _S] / v["J2s", _S]


def _prime(form, factor):
    def formula(v, c):
        # J2s > 0 > J2c; their product would underflow in float32
        return factor * v[form, _S] / (jnp.sqrt(jnp.abs(v["J2s", _S])) * jnp.sqrt(jnp.abs(v["J2c", _S])))

    return formula


def _afb(kind):
    def formula(v, c):
        return -(0.75 * v["J6s", kind] + 0.375 * v["J6c", kind]) / v["rate", _S]

    return formula


def _quantities_v() -> dict[str, Quantity]:
    out = {k: _QUANTITIES_K[k] for k in ("dBR/dq2", "ACP")}
    out["FL"] = Quantity((*_RATE, ("J2c", _S)), _ratio(("J2c", _S), -1.0), "F_L", "longitudinal polarisation fraction (from J_2c)")
    both = (("J6s", _S), ("J6c", _S))
    out["AFB"] = Quantity((*_RATE, *both), _afb(_S), r"A_\mathrm{FB}", "forward-backward asymmetry (LHCb sign)")
    both = (("J6s", "difference"), ("J6c", "difference"))
    out["AFBCP"] = Quantity(
        (*_RATE, *both), _afb("difference"), r"A_\mathrm{FB}^\mathrm{CP}", "CP asymmetry of the forward-backward asymmetry"
    )
    for i, sign in _LHCB.items():
        form, tex = f"J{i}", f"{i[0]}{i[1:]}" if len(i) == 1 else f"{{{i}}}"
        out[f"S{i}"] = Quantity(
            (*_RATE, (form, _S)), _ratio((form, _S), float(sign)), f"S_{tex}", f"CP-averaged angular coefficient {i} (LHCb sign)"
        )
        out[f"A{i}"] = Quantity(
            (*_RATE, (form, "difference")),
            _ratio((form, "difference"), float(sign)),
            f"A_{tex}",
            f"CP-asymmetric angular coefficient {i} (LHCb sign)",
        )
    norm: tuple[tuple[str, str], ...] = (("J2s", _S), ("J2c", _S))
    text = "optimised observable of arXiv:1303.5794 (LHCb sign)"
    for name, form, factor in (("P1", "J3", 0.5), ("P2", "J6s", -0.125), ("P3", "J9", 0.25)):
        out[name] = Quantity(
            ((form, _S), norm[0]),
            _over_transverse(form, factor),
            f"P_{name[1]}",
            text,
        )
    for name, form, factor in (("P4p", "J4", -0.5), ("P5p", "J5", 0.5), ("P6p", "J7", -0.5), ("P8p", "J8", 0.5)):
        out[name] = Quantity(((form, _S), *norm), _prime(form, factor), f"P_{name[1]}'", text)
    out["ATIm"] = Quantity(
        (("J9", "difference"), norm[0]),
        lambda v, c: -0.5 * v["J9", "difference"] / v["J2s", _S],
        r"A_T^\mathrm{Im}",
        "transverse asymmetry of arXiv:1501.03038",
    )
    return out


QUANTITIES_V = _quantities_v()

for _key, _parent, _daughter, _label, _tau, _tex in (
    ("B0->K*", "m_B0", "m_K*0", "B0->K*0", "tau_B0", r"B^0\to K^{*0}"),
    ("B+->K*", "m_B+", "m_K*+", "B+->K*+", "tau_B+", r"B^+\to K^{*+}"),
):
    DECAYS[_key] = Decay(
        _key, _parent, _daughter, _tex, "arXiv:1506.03970, arXiv:0811.1214", QUANTITIES_V,
        build_v, _lifetime(_tau), poles=(5.367, 5.415, 5.83), label=_label, form_factors="B->K*",
    )  # fmt: skip

DECAYS["Bs->phi"] = Decay(
    "Bs->phi", "m_Bs", "m_phi", r"B_s\to\phi", "arXiv:1506.03970, arXiv:1502.05509",
    {k: QUANTITIES_V[k] for k in ("dBR/dq2", "FL", "S3", "S4", "S7")},
    build_v,
    lambda par, sm: {"tau": par["tau_Bs"], "y": 0.5 * par["DeltaGamma/Gamma_Bs"]}, poles=(5.367, 5.415, 5.83), mixing=True,
    label="Bs->phi", form_factors="Bs->phi",
)  # fmt: skip


# -- QCD factorisation at low q^2 ----------------------------------------------------------------------------------------

SPECTATORS = {"B0->K*": "B0->K*0", "B+->K*": "B+->K*+", "Bs->phi": "Bs->phi"}


def spectator_amplitudes(q2, par, sm, decays: Sequence[str]):
    """decay -> (h_-, h_0) of hard spectator scattering and weak annihilation and their CP conjugates: complex, shape of q2, units
    of N.

    Zero above 8.9 GeV^2 (:data:`QCDF_Q2`).  Leading order in 1/m_b except annihilation in T_perp; trusted up to about 6 GeV^2.
    """
    modes = []
    for decay in decays:
        label = SPECTATORS[decay]
        meson, vector = label.split("->")
        m_b, m_v = par["m_" + meson], par["m_" + vector]
        f_perp = par["f_perp_" + vector] * sm["run_f_perp"]  # given at 2 GeV
        omega_0 = qcdf.omega_0(m_b, sm["m_b_pole"]) / jnp.maximum(par["1/lambda_B scale"], 0.1)
        a1, a2, b1, b2 = (par[f"{a}_{vector}"] for a in ("a1_para", "a2_para", "a1_perp", "a2_perp"))
        charge, up, singlet = qcdf.SPECTATOR[label]
        modes.append(
            qcdf.Mode(m_b, m_v, par["f_" + meson], par["f_" + vector], f_perp, a1, a2, b1, b2, omega_0, charge, up, singlet)
        )
    inside = q2 < QCDF_Q2
    x = jnp.where(inside, q2, 1.0)

    def one(mode):
        amp = qcdf.amplitudes(x, mode, sm["c"], sm["alpha_s"], sm["m_b_pole"], sm["m_c_pole"], MU_B)
        out = []
        for eps in (sm["eps_u"], jnp.conj(sm["eps_u"])):
            h = qcdf.helicity(x, amp, eps, mode.m_bmeson, mode.m_vector, sm["m_b_pole"])
            out += [jnp.where(inside, y, 0.0) for y in h]
        return tuple(out)

    # one program for all decays
    stacked = qcdf.Mode(*(jnp.stack([jnp.asarray(v, float) for v in field]) for field in zip(*modes, strict=True)))
    values = jax.vmap(one)(stacked)
    return {decay: tuple(v[i] for v in values) for i, decay in enumerate(decays)}


# -- Lambda_b -> Lambda l l ----------------------------------------------------------------------------------------------

_FF_LAMBDA = [f"a{k}_{f}" for f in ("fV0", "fVperp", "fA0", "fAperp", "fT0", "fTperp", "fT50", "fT5perp") for k in range(3)]
_FF_LAMBDA = [x for x in _FF_LAMBDA if x not in ("a0_fAperp", "a0_fT5perp")]
_TRANSVERSITY = ("perp1", "para1", "perp0", "para0")


def build_lambda(q, stretches, par, sm, eff: Effective, forms, conventions, spectator):
    """Lambda_b -> Lambda l l (:data:`Builder`)."""
    q2 = q * q
    a = {k: par[f"Lambdab->Lambda SSE {k}"] for k in _FF_LAMBDA}
    terms = 2
    if conventions != "flavio":
        # arXiv:1602.01399 takes central values from the nominal fit and the uncertainty, which the higher-order fit enlarges, from
        # both;
        # here: nominal fit plus the fluctuation of the higher-order fit about its central value
        central, terms = default_inputs().central(), 3
        a = {k: v - central[f"Lambdab->Lambda SSE {k}"] + central.get(f"Lambdab->Lambda nominal {k}", 0.0) for k, v in a.items()}
    ff = lbl.form_factors(
        q2, a, m_lambda_b=par["m_Lambdab"], m_lambda=par["m_Lambda"], m_b=par["m_B+"], m_k=par["m_K+"], terms=terms
    )
    shift7, shift9 = lbl.subleading(
        q2,
        [complex_input(par, f"Lambdab->Lambda deltaC7 a_{t}") for t in _TRANSVERSITY],
        [complex_input(par, f"Lambdab->Lambda deltaC7 b_{t}") for t in _TRANSVERSITY],
        [complex_input(par, f"Lambdab->Lambda deltaC9 c_{t}") for t in _TRANSVERSITY],
    )
    p = lbl.process(
        q, m_lambda_b=par["m_Lambdab"], m_lambda=par["m_Lambda"],
        m_l=column(stretches, [par[LEPTONS[s.lepton]] for s in stretches]), n_abs=jnp.abs(sm["n"]),
        c7=eff.c7, c7_bar=eff.c7_bar, c9=eff.c9, c9_bar=eff.c9_bar, c7p=sm["c"]["C7p"], c10=sm["c"]["C10"], m_b_run=sm["m_b"],
        ff=ff, shift7=shift7, shift9=shift9,
    )  # fmt: skip
    return replace(p, forms={k: p.forms[k] for k in forms})


def _quantities_lambda() -> dict[str, Quantity]:
    k1 = (("K1ss", _S), ("K1cc", _S))
    k2 = (("K2ss", _S), ("K2cc", _S))

    def hadron(v, c):
        return c["alpha"] * (v["K2ss", _S] + 0.5 * v["K2cc", _S]) / v["rate", _S]

    out = {"dBR/dq2": _QUANTITIES_K["dBR/dq2"]}
    out["FL"] = Quantity(
        (*_RATE, *k1), lambda v, c: (2.0 * v["K1ss", _S] - v["K1cc", _S]) / v["rate", _S], "F_L", "longitudinal fraction"
    )
    out["AFBl"] = Quantity(
        (*_RATE, ("K1c", _S)), _ratio(("K1c", _S), 1.5), r"A_\mathrm{FB}^\ell", "forward-backward asymmetry of the leptons"
    )
    out["AFBh"] = Quantity((*_RATE, *k2), hadron, r"A_\mathrm{FB}^h", "forward-backward asymmetry of the hadrons")
    out["AFBlh"] = Quantity(
        (*_RATE, ("K2c", _S)),
        lambda v, c: 0.75 * c["alpha"] * v["K2c", _S] / v["rate", _S],
        r"A_\mathrm{FB}^{\ell h}",
        "combined forward-backward asymmetry",
    )
    return out


DECAYS["Lambdab->Lambda"] = Decay(
    "Lambdab->Lambda", "m_Lambdab", "m_Lambda", r"\Lambda_b\to\Lambda", "arXiv:1410.2115, arXiv:1602.01399", _quantities_lambda(),
    build_lambda, lambda par, sm: {"tau": par["tau_Lambdab"], "alpha": par["Lambda->ppi alpha_-"]}, leptons=("mumu", "ee"),
    poles=(5.416, 5.75), averaged=False,
)  # fmt: skip


# -- B -> X_s l l --------------------------------------------------------------------------------------------------------


def build_xs(q, stretches, par, sm, eff: Effective, forms, conventions, spectator):
    """B -> X_s l l (:data:`Builder`)."""
    q2 = q * q
    c = sm["c_xs"]
    each = lambda f: column(stretches, [f(s) for s in stretches])  # noqa: E731
    names = {"C1": "C1", "C2": "C2", "C7eff": "C7eff", "C7effp": "C7p", "C9": "C9", "C10": "C10"}
    p = bxsll.process(
        q2, c={k: c[v] for k, v in names.items()}, y=eff.c9 - c["C9"], y_bar=eff.c9_bar - c["C9"], delta_c7=eff.c7 - c["C7eff"],
        delta_c7_bar=eff.c7_bar - c["C7eff"], delta_c9=0.0 * q2, delta_c9_bar=0.0 * q2, m_l=each(lambda s: par[LEPTONS[s.lepton]]),
        m_b=sm["m_b_pole"], m_b_run=sm["m_b_xs"], m_c=sm["m_c_pole"], mu=MU_XS, alpha_s=sm["alpha_s_xs"], alpha_s_mz=par["alpha_s"],
        alpha_e=sm["alpha_e_xs"], lambda_1=par["lambda_1"], lambda_2=par["lambda_2"], br_semileptonic=par["BR(B->Xcenu)_exp"],
        c_semileptonic=par["C_BXlnu"], ckm=jnp.abs(sm["lambda_t"] / sm["v_cb"]) ** 2,
        quirks=bxsll.FLAVIO if conventions == "flavio" else frozenset(),
    )  # fmt: skip
    # scale of neglected corrections, 10 %, common to rate and asymmetry (central value 0)
    low, high = (each(lambda s, k=k: par[f"delta_BXs{s.lepton} {k}"]) for k in ("low", "high"))
    factor = 1.0 + jnp.where(q2 < 12.0, low, high)
    done: dict[int, Any] = {}

    def scaled(coef):
        return done.setdefault(id(coef), factor * coef)

    return replace(p, forms={k: tuple((a, b, scaled(coef), *n) for a, b, coef, *n in p.forms[k]) for k in forms})


_XS_RATE = r"\mathcal{B}"
DECAYS["B->Xs"] = Decay(
    "B->Xs", "m_B0", "m_K*0", r"B\to X_s", "hep-ph/0109140, hep-ph/0204341, arXiv:1503.04849",
    {
        "BR": Quantity(
            _RATE, lambda v, c: 0.5 * v["rate", _S], _XS_RATE, "CP-averaged branching fraction, integral",
            kinds=("binned",),
        ),
        "dBR/dq2": Quantity(
            _RATE, lambda v, c: 0.5 * v["rate", _S], r"\mathrm{d}\mathcal{B}/\mathrm{d}q^2",
            "CP-averaged differential branching fraction", "GeV^-2", True, ("point",),
        ),
        "AFB": Quantity((*_RATE, ("afb", _S)), _ratio(("afb", _S)), r"A_\mathrm{FB}", "forward-backward asymmetry"),
    },
    build_xs, lambda par, sm: {}, q_max=lambda par: par["m_b_pole"], mu=MU_XS, averaged=False,
)  # fmt: skip
