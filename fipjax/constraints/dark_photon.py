r"""Dark-photon searches applied to any vector with kinetic mixing, with or without direct couplings to electrons and muons.

A published limit is an epsilon at which the event number N of a pure dark photon reaches its limit; here

    r = N(model)/N(dark photon at the limit) = (production) x (branching fraction) x (probability to decay where it is looked for),

each a ratio of model to dark photon (arXiv:1801.04847).  Production: e+e- annihilation and electron bremsstrahlung go with the
total electron couplings g_V = e_V - epsilon e and g_A.  Where V couples to quarks, g_u = up_V + (2/3) epsilon e and g_d = down_V -
(1/3) epsilon e take the place of epsilon e: 2 g_u + g_d (the charge of the proton) in pi0 -> gamma V and proton bremsstrahlung, and
at the LHC 3 g_u/2 up to 0.45 GeV (eta -> gamma V) and in the square 3 (g_u^2 + 2 g_d^2)/2 above 0.6 GeV (V from quarks, u, d, s of
equal density, axial couplings alike).  Against the recast of arXiv:1801.04847 for B - 3 L_mu: limits on g stronger by 11 to 16 % at
0.25 and 0.3 GeV; around the rho and omega only good to a factor of 3.  phi -> eta V keeps epsilon: some models charge u and d only.
Decays in flight: between proper times t0 and t0 (1 + decay length/shielding), with t0 such that both published edges give r = 1.
Limits without a number outside their published range, no extrapolation.  By construction a pure dark photon gets back the
published limits.  Where a model does not fill a partial width, it follows from its couplings.  Vector mixing with the Z is not
included (m_V << M_Z).  "Invisible" means dark fermions and neutrinos, not visible decays beyond the detector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.constraints.base import Constraint, Context, largest, register_constraint
from fipjax.constraints.curves import interpolate, interpolate_2d, load_curve
from fipjax.data._hadrons import hadronic_tables
from fipjax.theory import INVISIBLE as UNSEEN
from fipjax.theory import Theory, VectorMediator, evaluate_at
from fipkernels import dark_photon as kernel
from fipkernels.hadronic_width import smooth_step
from fipkernels.widths import share

# 1 ps in GeV^-1; 1 m/c in GeV^-1
PS = 1e-12 / 6.582119569e-25
METRE = 1.0 / 1.973269804e-16
CHANNELS = ("ee", "mumu", "tautau", "hadrons")


def r_table() -> tuple[np.ndarray, np.ndarray]:
    """Masses in GeV and R, from data/r_ratio.csv."""
    t = hadronic_tables()
    return t.m_r, t.r


def dark_photon_widths(mass, eps, **direct):
    """Partial widths {"ee", "mumu", "tautau", "hadrons"} in GeV for kinetic mixing eps, to fill VectorMediator.partial_widths.

    mass, eps (B,); direct: e_v, e_a, mu_v, mu_a, tau_v, tau_a (B,) or numbers, couplings beside epsilon e Q.
    """
    return kernel.dark_photon_widths(mass, eps, *r_table(), **direct)


@dataclass(frozen=True)
class _View:
    """What the searches need of one mediator: what stands for epsilon^2 in production by protons and pi0 (eps2), electrons, quarks
    at the LHC and strange quarks; widths, and a dark photon's at epsilon = 1."""

    mass: jax.Array
    eps2: jax.Array
    electron2: jax.Array
    lhc2: jax.Array
    strange2: jax.Array
    widths: dict
    total: jax.Array
    unit: dict
    unit_total: jax.Array
    invisible: jax.Array


def _view(m: VectorMediator) -> _View | None:
    if m.epsilon is None:
        return None
    q2 = m.mass * m.mass
    direct = {
        "e_v": jnp.real(evaluate_at(m.e_V, q2)),
        "e_a": jnp.real(evaluate_at(m.e_A, q2)),
        "mu_v": jnp.real(evaluate_at(m.mu_V, q2)),
        "mu_a": jnp.real(evaluate_at(m.mu_A, q2)),
    }
    widths = {**dark_photon_widths(m.mass, m.epsilon, **direct), **m.partial_widths}
    total = jnp.maximum(m.width, sum(widths.values()))
    unit = kernel.unit_widths(m.mass, *r_table())
    g_v = direct["e_v"] - kernel.E_CHARGE * m.epsilon
    axial = direct["e_a"] ** 2
    if m.e_A is not None:
        # longitudinal V: the enhancement m_e^2/m_V^2 of bremsstrahlung is small above a few MeV, and used
        # for annihilation too
        axial = axial * kernel.axial_bremsstrahlung(m.mass, kernel.M_E)
    invisible = share(sum((widths[c] for c in UNSEEN if c in widths), jnp.zeros_like(m.mass)), total)
    eps2, lhc2 = _quarks(m)
    electron2 = (g_v**2 + axial) / kernel.E_CHARGE**2
    return _View(m.mass, eps2, electron2, lhc2, m.epsilon**2, widths, total, unit, sum(unit.values()), invisible)


def _quarks(m: VectorMediator) -> tuple[Any, Any]:
    """What stands for epsilon^2 in production by pi0 and protons, and by quarks at the LHC, (B,) each."""
    epsilon: Any = m.epsilon
    if all(g is None for g in (m.up_V, m.down_V, m.up_A, m.down_A)):
        return epsilon**2, epsilon**2
    up, down, up_a, down_a = (0.0 if g is None else g / kernel.E_CHARGE for g in (m.up_V, m.down_V, m.up_A, m.down_A))
    u, d = up + 2.0 / 3.0 * epsilon, down - epsilon / 3.0
    heavy = smooth_step(m.mass, 0.45, 0.60)
    quarks = 1.5 * (u * u + up_a * up_a + 2.0 * (d * d + down_a * down_a))
    return (2.0 * u + d) ** 2, (1.0 - heavy) * 2.25 * u * u + heavy * quarks


def _sum(widths, channels):
    return sum(widths[c] for c in channels)


def _fraction(v: _View, channels, among=CHANNELS):
    """Branching fraction to the channels over that of a dark photon ("among": decays that the experiment assumed)."""
    return share(_sum(v.widths, channels), v.total) * share(_sum(v.unit, among), _sum(v.unit, channels))


@dataclass(frozen=True)
class Search:
    """A published curve and how to use it.

    curve: file in data/limits.  by: production, "electron", "quark" (pi0, protons), "lhc" or "strange".  channels: final states,
    () for invisible.
    among: decays that the experiment assumed to exist.  lifetime: largest proper lifetime in ps that still counts as prompt,
    as a function of the mass (prompt searches).  stretch: (shielding + decay length)/shielding (beam dumps).
    """

    curve: str
    by: str
    channels: tuple[str, ...]
    among: tuple[str, ...] = CHANNELS
    lifetime: Callable | None = None
    stretch: float | None = None


def _flight(length, energy):
    """Proper time in ps for a flight of ``length`` metres at ``energy`` GeV."""
    return lambda m: length * m / energy * METRE / PS


def _lhcb_prompt(m):
    # arXiv:1603.08926
    return 0.04 / jnp.maximum(m - 2.0 * kernel.M_MU, 1e-4) + 0.1


# Flight lengths and energies of the prompt searches are orders of magnitude (vertex resolution; half of the available energy): they
# matter only for a V that lives much longer than a dark photon of the same production rate.
PROMPT = (
    Search("dp_babar_1406.2980", "electron", ("ee", "mumu"), lifetime=_flight(0.02, 5.0)),
    Search("dp_bes3_1705.04265", "electron", ("ee", "mumu"), lifetime=_flight(0.02, 1.9)),
    Search("dp_kloe_1509.00740", "electron", ("ee",), lifetime=_flight(0.02, 0.5)),
    Search("dp_kloe_1807.02691", "electron", ("mumu", "hadrons"), lifetime=_flight(0.02, 0.5)),
    Search("dp_kloe_1210.3927", "strange", ("ee",), among=("ee", "mumu"), lifetime=_flight(0.02, 0.4)),
    Search("dp_a1_1404.5502", "electron", ("ee",), lifetime=_flight(0.01, 0.8)),
    Search("dp_apex_1108.2750", "electron", ("ee",), lifetime=_flight(0.01, 2.2)),
    Search("dp_hps_1807.11530", "electron", ("ee",), lifetime=_flight(0.01, 1.0)),
    Search("dp_na48_1504.00607", "quark", ("ee",), lifetime=_flight(1.0, 30.0)),
    Search("dp_lhcb_1910.06926_prompt", "lhc", ("mumu",), lifetime=_lhcb_prompt),
    Search("dp_cms_1912.04776", "lhc", ("mumu",), lifetime=lambda m: 1.0 + 0.0 * m),
)
# shielding and decay length in metres, as used in the recasts of the curves (arXiv:1801.04847 and the papers named in the files);
# NA64 visible, FASER and NA62 from the layout of the experiment.  Enters only through the shape between the published edges.
BEAM_DUMP = (
    Search("dp_e137_1209.6083", "electron", ("ee",), stretch=1 + 204 / 179),
    Search("dp_e141_1209.6083", "electron", ("ee",), stretch=1 + 35 / 0.12),
    Search("dp_e774_1209.6083", "electron", ("ee",), stretch=1 + 2 / 0.3),
    Search("dp_kek_1209.6083", "electron", ("ee",), stretch=1 + 2.2 / 2.4),
    Search("dp_orsay_1209.6083", "electron", ("ee",), stretch=1 + 2 / 1),
    Search("dp_na64_1912.11389", "electron", ("ee",), stretch=1 + 3.5 / 0.22),
    Search("dp_nucal_1908.07525", "quark", ("ee",), stretch=1 + 23 / 64),
    Search("dp_charm_1908.07525", "quark", ("ee",), stretch=1 + 35 / 480),
    Search("dp_nomad_1112.5438", "quark", ("ee",), stretch=1 + 7.5 / 835),
    Search("dp_ps191_1112.5438", "quark", ("ee",), stretch=1 + 7 / 128),
    Search("dp_faser_2308.05587", "quark", ("ee",), stretch=1 + 1.5 / 476),
    Search("dp_na62_2312.12055", "quark", ("ee",), stretch=1 + 75 / 80),
    Search("dp_na62_2303.08666", "quark", ("mumu",), stretch=1 + 75 / 80),
)
INVISIBLE = (
    Search("dp_na64_2307.02404_inv", "electron", ()),
    Search("dp_na64_1906.00176_inv", "electron", ()),
    Search("dp_na64_2308.15612_inv", "electron", ()),
    Search("dp_babar_1702.03327_inv", "electron", ()),
    Search("dp_lep_1103.0240_inv", "electron", ()),
    Search("dp_na62_1903.08767_inv", "quark", ()),
)
PROJECTIONS = (
    Search("dp_proj_belle2", "electron", ("ee", "mumu"), lifetime=_flight(0.02, 5.0)),
    Search("dp_proj_faser2", "quark", ("ee", "mumu", "hadrons"), stretch=1 + 5 / 480),
    Search("dp_proj_darkquest", "quark", ("ee",), stretch=1 + 1 / 5),
    Search("dp_proj_ship", "quark", ("ee", "mumu", "hadrons"), stretch=1 + 50 / 45),
)
DISPLACED_CURVE = "dp_lhcb_1910.06926_displaced"
# A peak wider than the resolution is counted within +- 0.75 % of its mass (at least 3 MeV); see fipjax.constraints.muon
_WINDOW, _WINDOW_MIN = 0.0075, 0.003


@lru_cache(maxsize=16)
def _tables(searches: tuple[Search, ...]) -> dict[str, np.ndarray]:
    """Curves side by side, (C, n): ln m (huge beyond the end), ln eps_lo, ln t0 where there is a shield; known or not."""
    n = max(len(load_curve(s.curve)["m"]) for s in searches)
    out = {k: np.full((len(searches), n), v) for k, v in (("m", 1e9), ("low", 0.0), ("t0", 0.0), ("known", 0.0))}
    for i, s in enumerate(searches):
        c = load_curve(s.curve)
        m, low = c["m"], c["eps_lo"]
        known = np.isfinite(low)
        if s.stretch is not None:
            high = c["eps_hi"]
            known &= high > low
            out["t0"][i, : len(m)] = np.log(kernel.solve_window(np.where(known, high / low, 2.0) ** 2, s.stretch))
        out["m"][i, : len(m)] = np.log(m)
        out["low"][i, : len(m)] = np.log(np.where(known, low, 1.0))
        out["known"][i, : len(m)] = known
    return out


def _limits(searches: tuple[Search, ...], mass):
    """At the masses (B,): whether there is a limit (C, B), its eps_lo^2 (1 where there is none), and t0.  Straight in ln-ln."""
    t = {k: jnp.asarray(v) for k, v in _tables(searches).items()}
    x = jnp.log(mass)
    i = jax.vmap(lambda grid: jnp.searchsorted(grid, x, side="right"))(t["m"]) - 1
    i = jnp.clip(i, 0, t["m"].shape[1] - 2)

    def at(name):
        return jnp.take_along_axis(t[name], i, axis=1), jnp.take_along_axis(t[name], i + 1, axis=1)

    (a, b), (k0, k1) = at("m"), at("known")
    last = jnp.take_along_axis(t["known"], i, axis=1) * (x == a)  # the last point itself
    there = (x >= a) & (x <= b) & ((k0 * k1 > 0.0) | (last > 0.0))
    w = jnp.where(there, (x - a) / jnp.where(b > a, b - a, 1.0), 0.0)
    low, t0 = ((1.0 - w) * p + w * q for p, q in (at("low"), at("t0")))
    return there, jnp.exp(jnp.where(there, 2.0 * low, 0.0)), jnp.exp(jnp.where(there, t0, 0.0))


_PRODUCTION = {"electron": "electron2", "quark": "eps2", "lhc": "lhc2", "strange": "strange2"}


def _stack(searches, of):
    """(C, B) from a function of one search."""
    return jnp.stack([of(s) for s in searches])


def _common(searches, v: _View):
    """Production in units of a dark photon of epsilon = 1, times relative branching fraction (C, B)."""
    production = _stack(searches, lambda s: getattr(v, _PRODUCTION[s.by]))
    known: dict = {}
    for s in searches:
        key = (s.channels, s.among)
        if key not in known:
            known[key] = _fraction(v, *key) if s.channels else v.invisible
    return production * _stack(searches, lambda s: known[s.channels, s.among])


def prompt_ratios(searches: tuple[Search, ...], v: _View):
    """Event numbers over their limits (C, B) for prompt searches: a limit excludes everything above one epsilon."""
    there, limit2, _ = _limits(searches, v.mass)
    unit = jnp.where(v.unit_total > 0.0, v.unit_total, 1.0)
    t1 = PS * _stack(searches, lambda s: s.lifetime(v.mass))
    early = kernel.prompt(v.total, t1) / kernel.prompt(limit2 * unit, t1)
    half = jnp.maximum(_WINDOW * v.mass, _WINDOW_MIN)
    peak = kernel.peak_fraction(v.total, half) / kernel.peak_fraction(limit2 * unit, half)
    n = _common(searches, v) / limit2 * early * peak
    return jnp.where(there & (v.unit_total > 0.0), n, 0.0)


def dump_ratios(searches: tuple[Search, ...], v: _View):
    """Event numbers over their limits (C, B) for searches behind a shield: excluded between two values of epsilon."""
    there, limit2, t0 = _limits(searches, v.mass)
    unit = jnp.where(v.unit_total > 0.0, v.unit_total, 1.0)
    stretch = jnp.asarray([s.stretch for s in searches])[:, None]
    # total width in units of the dark photon's at the lower edge
    late = kernel.window(v.total / (limit2 * unit), t0, stretch) / kernel.window(1.0, t0, stretch)
    return jnp.where(there & (v.unit_total > 0.0), _common(searches, v) / limit2 * late, 0.0)


def invisible_ratios(searches: tuple[Search, ...], v: _View):
    """Event numbers over their limits (C, B) for an invisible V; the published curves assume a branching fraction of 1."""
    there, limit2, _ = _limits(searches, v.mass)
    return jnp.where(there, _common(searches, v) / limit2, 0.0)


@lru_cache(maxsize=1)
def _displaced_table():
    c = load_curve(DISPLACED_CURVE)
    names = [n for n in c.columns if n != "m"]
    eps = np.array([float(n) for n in names])
    return c["m"], eps, np.stack([c[n] for n in names], axis=1)


def displaced_ratio(searches, v: _View):
    """LHCb long-lived V -> mu mu (1, B): the published ratio at the epsilon of equal lifetime, times the ratio of yields."""
    m, eps, limit = _displaced_table()
    can = (v.unit_total > 0.0) & (v.total > 0.0)
    eps2 = jnp.where(can, v.total, 1.0) / jnp.where(can, v.unit_total, 1.0)
    same = interpolate_2d(v.mass, jnp.sqrt(eps2), m, eps, limit)
    return jnp.where(can, v.lhc2 / eps2 * _fraction(v, ("mumu",)) / same, 0.0)[None]


def _group(searches, of):
    def ratio(theory: Theory, context: Context):
        views = (_view(m) for m in theory.mediators)
        return largest(jnp.max(of(searches, v), axis=0) for v in views if v is not None)

    return ratio


def _projected(searches, v: _View):
    prompt = tuple(s for s in searches if s.lifetime is not None)
    late = tuple(s for s in searches if s.lifetime is None)
    return jnp.concatenate([prompt_ratios(prompt, v), dump_ratios(late, v)])


def ratios(mediator: VectorMediator) -> dict[str, jax.Array]:
    """r of every curve for one mediator, by file name; {} without kinetic mixing."""
    v = _view(mediator)
    if v is None:
        return {}
    out: dict[str, jax.Array] = {}
    for searches, of in ((PROMPT, prompt_ratios), (BEAM_DUMP, dump_ratios), (INVISIBLE, invisible_ratios)):
        out.update(zip((s.curve for s in searches), of(searches, v), strict=True))
    out[DISPLACED_CURVE] = displaced_ratio((), v)[0]
    return out


def _supernova(theory: Theory, context: Context):
    c = load_curve("dp_sn1987a_1611.03864")
    values = []
    for m in theory.mediators:
        if m.epsilon is not None:
            e2 = m.epsilon**2
            low2 = interpolate(m.mass, c["m"], c["eps_lo"]) ** 2
            high = interpolate(m.mass, c["m"], c["eps_hi"], 0.0)
            safe = jnp.maximum(e2, 1e-60)
            values.append(jnp.minimum(e2 / low2, high**2 / safe))
    return largest(values)


def _members(searches) -> str:
    return "curves: " + ", ".join(s.curve for s in searches)


_WHEN = "mediators with kinetic mixing"
for _name, _latex, _text, _searches, _ratio, _color, _soft, _opt in (
    ("dp_prompt", r"\epsilon:\ \mathrm{prompt}", "prompt dark-photon searches in e e, mu mu and pi pi", PROMPT, prompt_ratios,
     "#0072B2", 0.2, False),
    ("dp_displaced", r"\epsilon:\ \mathrm{displaced}", "LHCb search for long-lived V -> mu mu", (),
     displaced_ratio, "#56B4E9", 0.1, False),
    ("dp_beam_dump", r"\epsilon:\ \mathrm{beam\ dumps}", "dark photons behind the shields of beam dumps", BEAM_DUMP, dump_ratios,
     "#009E73", 0.3, False),
    ("dp_invisible", r"\epsilon:\ \mathrm{invisible}", "invisible dark photons: missing energy, mono-photons, pi0 -> gamma V",
     INVISIBLE, invisible_ratios, "#D55E00", 0.2, False),
    ("dp_projections", r"\epsilon:\ \mathrm{projections}", "PROJECTIONS: Belle II, FASER 2, DarkQuest, SHiP",
     PROJECTIONS, _projected, "#CC79A7", 0.3, True),
):  # fmt: skip
    register_constraint(
        Constraint(
            _name,
            _latex,
            _text,
            "recast with arXiv:1801.04847; experiments in the notes",
            "projection" if _opt else "90-95%",
            _WHEN,
            _group(_searches, _ratio),
            softness=_soft,
            group="projections" if _opt else "dark photon",
            color=_color,
            opt_in=_opt,
            notes=f"curves: {DISPLACED_CURVE}" if _name == "dp_displaced" else _members(_searches),
        )
    )
register_constraint(
    Constraint(
        "dp_sn1987a", r"\epsilon:\ \mathrm{SN\,1987A}", "cooling of the supernova 1987A by dark photons", "arXiv:1611.03864",
        "order of magnitude", _WHEN, _supernova, softness=1.0, group="dark photon", color="#999999", opt_in=True,
        notes="for a pure dark photon: extra decays and couplings change the trapping",
    )
)  # fmt: skip
