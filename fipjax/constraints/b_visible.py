r"""B -> K(*) V with V -> mu mu or e e: searches for narrow, prompt or displaced resonances; V is a light vector or scalar.

A narrow V counts with BR(B -> K(*) V) BR(V -> l l) at s = m_V^2 against the limit at its mass and lifetime hbar/Gamma_V.

A wide V is compared bin by bin through its Breit-Wigner shape with the limits on a narrow prompt particle, as in arXiv:2002.11150
section 3 and arXiv:2106.12582: branching fraction

    tau_B int dq (2 q^2/pi) Gamma(B -> K(*) V)(q^2) Gamma(V -> mu mu)(q^2)/|D|^2

in a window of one resolution sigma(m) (full width, 2-6 MeV in arXiv:1508.04094, 2-9 MeV in 1612.07818: twice the step of the scan)
over the limit at that mass; the largest ratio counts.  The window around m_V itself holds the fraction (2/pi) atan(sigma/Gamma) of
the resonance, so the ratio is that of a narrow V for Gamma -> 0; windows further from m_V than sigma hold its tails, which are
prompt at any lifetime.  A few MeV is the reading of 2002.11150.  The analyses themselves count within about 2 sigma and take the
background from sidebands next to that: with sidebands at 3-5 sigma, a V with Gamma of 1-5 sigma would meet a limit up to 2.5 times
stronger than here, one of Gamma = 10 sigma (60 MeV) about the same, and a wider one, which fills the sidebands, a weaker one.

Windows: every mass of the scan with a limit within ``NEAR`` steps of m_V, and beyond that the strongest one of every ``BLOCK``
(:func:`strongest`), 90 in all instead of 1300: never above the ratio of all windows, and at most 20 % below.  Interference with
b -> s mu mu of the Standard Model is neglected: it cancels across a narrow V.  Efficiencies are those of a spin-0 particle.  Form
factors are at their central values (10 % on B -> K rates, 15 % on B -> K*).  "as_printed" changes nothing: the text of 2002.11150
gives an approximate F1 below eq. (23), too small by a factor of 6 for a light V, but refers to the exact one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.constraints.b_invisible import mode
from fipjax.constraints.base import Constraint, Context, largest, register_constraint
from fipjax.constraints.curves import interpolate_2d
from fipjax.hadronic import default_inputs
from fipjax.theory import (
    ScalarMediator,
    Theory,
    VectorMediator,
    branching,
    charged,
    charged_at,
    couples_to_bs,
    evaluate_at,
    propagating,
    scalar_charges,
    scalar_charges_at,
)
from fipkernels.kinematics import beta
from fipkernels.resonance_bins import outside_pole, pole_fraction, window_integral

GROUP = "B -> K ll"
# hbar in GeV ps
HBAR_PS = 6.582119569e-13
# masses of the scan on either side of m_V that are all looked at, and masses in a block of which only the strongest is
NEAR, BLOCK = 16, 24


# -- tables -------------------------------------------------------------------------------------------------------------


class Table(NamedTuple):
    """mass (n,) GeV, tau (k,) ps, limit (n, k) on the product of branching fractions, nan: none; resolution (n,) GeV."""

    mass: np.ndarray
    tau: np.ndarray
    limit: np.ndarray
    resolution: np.ndarray


def read_table(name: str) -> dict[str, np.ndarray]:
    """Arrays of data/limits/NAME.npz; "comment": what they are, with source and quality."""
    with as_file(files("fipjax.data").joinpath("limits", f"{name}.npz")) as path, np.load(path) as f:
        return {k: f[k].astype(float) if f[k].dtype.kind == "f" else f[k] for k in f.files}


@lru_cache(maxsize=4)
def lhcb_table(name: str) -> Table:
    """Limits of "lhcb_1508.04094" or "lhcb_1612.07818"."""
    f = read_table(name)
    return Table(f["mass"], f["tau"], f["limit"], f["resolution"])


@lru_cache(maxsize=1)
def belle2_tables() -> dict[str, Table]:
    """Limits of arXiv:2306.02830 by "BK_mumu", "BK_ee", "BKst_mumu", "BKst_ee"."""
    f = read_table("belle2_2306.02830")
    keys = [k[len("limit_") :] for k in f if k.startswith("limit_")]
    return {k: Table(f["mass_" + k], f["tau"], f["limit_" + k], np.zeros(0)) for k in keys}


# -- rates --------------------------------------------------------------------------------------------------------------

_CHANNEL = {"mu": "mumu", "e": "ee"}
State = VectorMediator | ScalarMediator


@lru_cache(maxsize=2)
def _lepton_mass(lepton: str) -> float:
    return float(default_inputs().central()[f"m_{lepton}"])


def _is_scalar(m: State) -> bool:
    return isinstance(m, ScalarMediator)


def decays_to(m: State, lepton: str) -> bool:
    """Whether V has couplings or a partial width to l l."""
    couplings = scalar_charges(m, lepton) if isinstance(m, ScalarMediator) else charged(m, lepton)
    return _CHANNEL[lepton] in m.partial_widths or any(g is not None for g in couplings)


def _shapes(lepton: str, s, scalar: bool = False):
    """Width to l l over sqrt(s) per squared vector and axial (scalar and pseudoscalar) coupling; exactly 0 below threshold."""
    b = beta(_lepton_mass(lepton), s)
    if scalar:
        return b**3 / (8.0 * math.pi), b / (8.0 * math.pi)
    return b * (3.0 - b * b) / (24.0 * math.pi), b**3 / (12.0 * math.pi)


def lepton_width(m: State, lepton: str, s):
    """Gamma(V -> l l) in GeV at virtuality s = q^2 (any shape that broadcasts with (B,)), from the couplings of V at s.

    lepton: "mu" or "e".  Direct couplings, with their powers of q^2, plus -epsilon e; a V that has neither gets its partial width,
    scaled like that of a constant vector (scalar) coupling.
    """
    vector, axial = _shapes(lepton, s, _is_scalar(m))
    couplings = scalar_charges_at(m, lepton, s) if isinstance(m, ScalarMediator) else charged_at(m, lepton, s)
    if couplings is None:
        at_pole = _shapes(lepton, m.mass**2, _is_scalar(m))[0]
        is_open = at_pole > 0.0
        g2 = jnp.where(is_open, m.partial_widths[_CHANNEL[lepton]] / (m.mass * jnp.where(is_open, at_pole, 1.0)), 0.0)
        return jnp.sqrt(s) * vector * g2
    g_v, g_a = couplings
    return jnp.sqrt(s) * (vector * g_v**2 + axial * g_a**2)


def total_width(m: State):
    """Total width (B,), at least the sum of the known partial widths, GeV."""
    return jnp.maximum(m.width, sum(m.partial_widths.values(), jnp.zeros_like(m.mass)))


def lepton_branching(m: State, lepton: str):
    """BR(V -> l l) on shell (B,)."""
    if _CHANNEL[lepton] in m.partial_widths:
        return branching(m, _CHANNEL[lepton])
    width = lepton_width(m, lepton, m.mass**2)
    return width / jnp.maximum(jnp.maximum(total_width(m), width), jnp.finfo(width.dtype).tiny)


def production_rates(key: str, q, scalar: bool = False):
    """BR(B -> K(*) V) for mass q (GeV, any shape) per |g_L + g_R|^2 and per |g_L - g_R|^2; 0 above the end point."""
    k = mode(key)
    is_open = (q > 0.0) & (q < k.end)
    x = jnp.where(is_open, q, 0.5 * k.end)
    if scalar:
        return tuple(jnp.where(is_open, k.tau * rate, 0.0) for rate in k.scalar(x))
    # contact = q^3 Gamma/(12 pi^2)
    scale = 12.0 * math.pi**2 * k.tau / x**3
    return tuple(jnp.where(is_open, scale * rate, 0.0) for rate in k.contact(x))


def _abs2(g):
    return jnp.real(g * jnp.conj(g))


def _chiral(m: State, s):
    """|g_L + g_R|^2, |g_L - g_R|^2 at s."""
    left, right = evaluate_at(m.bs_L, s), evaluate_at(m.bs_R, s)
    return _abs2(left + right), _abs2(left - right)


def production(m: State, key: str):
    """BR(B -> K(*) V) on shell (B,), key "B+->K" or "B0->K*"; with the dipole coupling where there is one."""
    if isinstance(m, VectorMediator) and (m.bs_dipole_L is not None or m.bs_dipole_R is not None):
        zero = jnp.zeros_like(m.mass)
        d_l, d_r = (zero if d is None else d for d in (m.bs_dipole_L, m.bs_dipole_R))
        s = m.mass**2
        return mode(key).tau * mode(key).width(m.mass, evaluate_at(m.bs_L, s), evaluate_at(m.bs_R, s), d_l, d_r)
    rates = production_rates(key, m.mass, _is_scalar(m))
    return sum(r * g2 for r, g2 in zip(rates, _chiral(m, m.mass**2), strict=True))


def lifetime(m: State):
    """hbar/Gamma in ps (B,)."""
    return HBAR_PS / jnp.maximum(total_width(m), 1e-30)


def on_shell_ratio(m: State, key: str, lepton: str, table: Table, hold_y: str):
    """BR(B -> K(*) V) BR(V -> l l) over the limit at the mass and lifetime of V (B,); 0 where there is no limit."""
    limit = interpolate_2d(m.mass, lifetime(m), table.mass, table.tau, table.limit, hold_y=hold_y)
    return production(m, key) * lepton_branching(m, lepton) / limit


# -- windows ------------------------------------------------------------------------------------------------------------


class Windows(NamedTuple):
    """Windows of a scan: mass, width (n,) in GeV; plus, minus (n,): (2 q^2/pi) BR(B -> K(*) V)/limit, prompt, in GeV^2 per
    |g_L + g_R|^2 and per |g_L - g_R|^2."""

    mass: np.ndarray
    width: np.ndarray
    plus: np.ndarray
    minus: np.ndarray


@lru_cache(maxsize=4)
def windows(key: str, name: str, scalar: bool = False) -> Windows:
    """All windows of the scan in table ``name`` that have a limit, for a vector or a scalar."""
    t = lhcb_table(name)
    there = np.isfinite(t.limit[:, 0]) & (t.mass < mode(key).end)
    mass = t.mass[there]
    with jax.ensure_compile_time_eval():
        plus, minus = (np.asarray(x) + np.zeros_like(mass) for x in production_rates(key, jnp.asarray(mass), scalar))
    weight = 2.0 * mass**2 / np.pi / t.limit[there, 0]
    return Windows(mass, t.resolution[there], weight * plus, weight * minus)


@lru_cache(maxsize=8)
def strongest(key: str, name: str, block: int = BLOCK, scalar: bool = False) -> Windows:
    """Of every ``block`` windows, without vetoed masses in between, the one with the smallest limit for a flat spectrum."""
    w = windows(key, name, scalar)
    merit = w.width * (w.plus + w.minus)
    best = []
    for stretch in np.split(np.arange(len(merit)), np.flatnonzero(np.diff(w.mass) > 1.01 * w.width[1:]) + 1):
        # equal blocks, at most this long
        for part in np.array_split(stretch, -(-len(stretch) // block)):
            best.append(part[np.argmax(merit[part])])
    return Windows(*(x[best] for x in w))


def window_ratio(m: State, w: Windows, columns=None):
    """Prediction over limit in each window outside m_V's own, (n, B); columns: (n, B) indices into ``w``, or None for all."""
    q, width, plus, minus = (x[:, None] if columns is None else jnp.asarray(x)[columns] for x in w)
    s = q * q
    sum2, difference2 = _chiral(m, s)
    weight = outside_pole(q, width, m.mass)
    # a window that does not count needs no small denominator
    gamma = jnp.where(weight > 0.0, total_width(m), m.mass)
    shape = window_integral(q, width, m.mass, gamma, m.propagator) * weight
    return (plus * sum2 + minus * difference2) * lepton_width(m, "mu", s) * shape


def lhcb_ratio(m: State, key: str, name: str, near: int = NEAR, block: int = BLOCK):
    """Largest prediction over limit of the windows of a LHCb scan for one V (B,)."""
    t = lhcb_table(name)
    own = jnp.interp(m.mass, t.mass, t.resolution)
    pole = on_shell_ratio(m, key, "mu", t, "low") * pole_fraction(total_width(m), own)
    every = windows(key, name, _is_scalar(m))
    i = jnp.clip(jnp.searchsorted(every.mass, m.mass), near, len(every.mass) - 1 - near)
    columns = i + np.arange(-near, near + 1)[:, None]
    close = jnp.max(window_ratio(m, every, columns), axis=0)
    far = jnp.max(window_ratio(m, strongest(key, name, block, _is_scalar(m))), axis=0)
    return jnp.maximum(pole, jnp.maximum(close, far))


# -- constraints --------------------------------------------------------------------------------------------------------


def _coupled(theory: Theory, lepton: str) -> list[State]:
    return [m for m in propagating(theory) if couples_to_bs(m) and decays_to(m, lepton)]


def _lhcb(key: str, name: str) -> Callable[[Theory, Context], Any]:
    return lambda theory, context: largest(lhcb_ratio(m, key, name) for m in _coupled(theory, "mu"))


def _belle2(theory: Theory, context: Context):
    # data of 2023
    if context.vintage != "latest":
        return None
    ratios = []
    for name, table in belle2_tables().items():
        kaon, channel = name.split("_")
        lepton = "mu" if channel == "mumu" else "e"
        key = "B+->K" if kaon == "BK" else "B0->K*"
        ratios += [on_shell_ratio(m, key, lepton, table, "none") for m in _coupled(theory, lepton)]
    return largest(ratios)


_NOTES = (
    "V counts as prompt below the first lifetime of the table ({tau} ps) and has no limit beyond 1000 ps.  None on a V {vetoes}, "
    "but the tails of a wide one count in windows outside.  Interference with the Standard Model is neglected.  Sidebands of the "
    "analysis are not simulated: for a V wider than about 60 MeV the ratio is an overestimate.  Efficiency of a spin-0 particle."
)

for _name, _key, _table, _tex, _text, _source, _color, _tau, _vetoes in (
    (
        "BKstV_mumu_lhcb",
        "B0->K*",
        "lhcb_1508.04094",
        r"B^0\to K^{*0}V(\mu\mu)",
        "B0 -> K*0 V",
        "LHCb arXiv:1508.04094",
        "#0072B2",
        "1e-5",
        "at 2.913-3.211 or 3.609-3.875 GeV, nor (below 1 ps) at 0.742-0.822 or 1.000-1.040 GeV",
    ),
    (
        "BKV_mumu_lhcb",
        "B+->K",
        "lhcb_1612.07818",
        r"B^+\to K^+V(\mu\mu)",
        "B+ -> K+ V",
        "LHCb arXiv:1612.07818",
        "#56B4E9",
        "0.1",
        "at 0.38-0.49, 2.93-3.19 or 3.57-3.86 GeV, nor (at short lifetimes) at 0.97-1.07 or 4.10-4.27 GeV",
    ),
):
    register_constraint(
        Constraint(
            _name,
            _tex,
            f"{_text}, V -> mu mu: narrow peaks at their mass and lifetime, wide ones bin by bin",
            _source,
            "95%",
            "vectors and scalars with b-s couplings and decays to muons, 2 m_mu < m_V < m_B - m_K(*)",
            _lhcb(_key, _table),
            # form factors 10-15 %, differences of neighbouring limits
            softness=0.25,
            group=GROUP,
            color=_color,
            notes=_NOTES.format(tau=_tau, vetoes=_vetoes),
        )
    )

register_constraint(
    Constraint(
        "BKV_belle2_llp",
        r"B\to K^{(*)}V(\ell\ell)\ \mathrm{displaced}",
        "B0 -> K*0 V and B+ -> K+ V, V -> mu mu or e e at a displaced vertex; the strongest of the four limits",
        "Belle II arXiv:2306.02830",
        "95%",
        "vectors and scalars with b-s couplings and decays to muons or electrons, 0.033 ps < lifetime < 3.3 ns; vintage latest",
        _belle2,
        # form factors, and the efficiency of a vector
        softness=0.3,
        group=GROUP,
        color="#009E73",
        notes="No limit outside the published lifetimes.  Limits on a spin-0 particle: the efficiency for a vector is taken as "
        "equal.  Digits of undocumented provenance, thinned to 400 masses; vetoed masses are not marked in them.",
    )
)
