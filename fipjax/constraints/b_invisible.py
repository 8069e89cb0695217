r"""B -> K(*) + invisible: a light vector or scalar into dark fermions and neutrinos, on and off shell, beside B -> K(*) nu nu.

One integral over q^2 holds everything (:mod:`fipkernels.b_to_v`): dark pairs through each V, and neutrino pairs, where exchange of
all V and the Standard Model interfere.  A narrow V counts with Gamma(B -> K V) BR(V -> invisible) in the window that holds m_V^2.
Form factors and other inputs are at their central values (10 % on B -> K rates, 15 % on B -> K*; part of ``softness``).  V counts
as invisible through its dark and neutrino decays; a V that lives long enough to leave the detector before a visible decay is
not treated.

Where a model gives only the partial widths "dark" or "nunu", massless final states without interference are assumed; so always for
scalars (:mod:`fipkernels.b_to_scalar`), which do not interfere with the neutrinos of the Standard Model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.constraints.base import Constraint, Context, largest, register_constraint
from fipjax.constraints.curves import interpolate, load_curve
from fipjax.hadronic import default_inputs, derive
from fipjax.observables.decays import _FF_K, form_factors_v
from fipjax.observables.nunu import FLAVOURS, coefficient_names
from fipjax.theory import INVISIBLE, ScalarMediator, Theory, VectorMediator, couples_to_bs, wilson
from fipkernels import b_to_scalar, b_to_v
from fipkernels.form_factors import b_to_k

GROUP = "B -> K inv"
# nodes on either side of a resonance in each panel: 1e-4 relative
_NODES = 20


# -- rates --------------------------------------------------------------------------------------------------------------


class Mode(NamedTuple):
    """m_b, m_m: masses of B and K(*), GeV; tau: lifetime, GeV^-1; contact: rate per unit of amplitude (fipkernels.b_to_v);
    width: (q, g_L, g_R, d_L, d_R) -> Gamma(B -> K(*) V) for a mass q, monopole and dipole couplings; scalar: rates of B -> K(*) S
    (fipkernels.b_to_scalar)."""

    m_b: float
    m_m: float
    tau: float
    contact: Callable[[Any], tuple[Any, Any]]
    width: Callable[..., Any]
    scalar: b_to_scalar.Rates

    @property
    def end(self) -> float:
        """Largest sqrt(q^2) in GeV."""
        return self.m_b - self.m_m


@lru_cache(maxsize=1)
def _quark_masses() -> tuple[float, float]:
    """MS-bar masses of b and s at 4.8 GeV, the scale of the b-s couplings of a scalar."""
    par = default_inputs().central()
    with jax.ensure_compile_time_eval():
        sm = jax.jit(lambda p: {k: v for k, v in derive(p).items() if k in ("m_b", "m_s")})(par)
        return float(sm["m_b"]), float(sm["m_s"])


@lru_cache(maxsize=4)
def mode(key: str) -> Mode:
    """ "B+->K" or "B0->K*", with the central inputs."""
    par = default_inputs().central()
    if key == "B+->K":
        m_b, m_m = par["m_B+"], par["m_K+"]

        def form_factors(q):
            return b_to_k(q * q, {k: par["B->K BSZ " + k] for k in _FF_K}, par["m_B0"], par["m_K0"])

        def width(q, g_l, g_r, d_l, d_r):
            f_plus, _, f_t = form_factors(jnp.minimum(q, m_b - m_m))
            return b_to_v.width_k(q * q, g_l + g_r, m_b, m_m, f_plus, d_l + d_r, f_t)

        def scalar(q):
            return b_to_scalar.rates_k(q, m_b, m_m, form_factors(jnp.minimum(q, m_b - m_m))[1], *_quark_masses())

        return Mode(m_b, m_m, par["tau_B+"], lambda q: b_to_v.contact_k(q, m_b, m_m, form_factors(q)[0]), width, scalar)
    m_b, m_m = par["m_B0"], par["m_K*0"]

    def contact_star(q):
        ff = form_factors_v(q * q, par, ["B->K*"])
        return b_to_v.contact_kstar(q, m_b, m_m, ff.v, ff.a1, ff.a12)

    def width_star(q, g_l, g_r, d_l, d_r):
        x = jnp.minimum(q, m_b - m_m)
        ff = form_factors_v(x * x, par, ["B->K*"])
        return b_to_v.width_kstar(q * q, g_l, g_r, m_b, m_m, ff.v, ff.a1, ff.a12, d_l, d_r, ff.t1, ff.t2, ff.t23)

    def scalar_star(q):
        x = jnp.minimum(q, m_b - m_m)
        return b_to_scalar.rates_kstar(q, m_b, m_m, form_factors_v(x * x, par, ["B->K*"]).a0, *_quark_masses())

    return Mode(m_b, m_m, par["tau_B0"], contact_star, width_star, scalar_star)


@lru_cache(maxsize=1)
def _contact_amplitude() -> tuple[complex, float]:
    """(2 N, C_L) of b -> s nu nu in the Standard Model, arXiv:1409.4557, as in fipjax.observables.nunu; N in GeV^-2."""
    par = default_inputs().central()
    with jax.ensure_compile_time_eval():
        sm = jax.jit(lambda p: {k: v for k, v in derive(p).items() if k in ("n", "alpha_e")})(par)
        return 2.0 * complex(sm["n"]), float(-par["Xt_di->djnunu"] / par["s2w"] * par["alpha_e"] / sm["alpha_e"])


class Panels(NamedTuple):
    """Panels lo < q < hi (S,) in GeV, and functions of q that weight the spectrum (None: 1)."""

    lo: tuple[float, ...]
    hi: tuple[float, ...]
    basis: Callable[[Any], Any] | None = None


@lru_cache(maxsize=16)
def _contact_rates(key: str, panels: Panels) -> tuple[np.ndarray, np.ndarray]:
    """Branching fractions in the panels per |G_L + G_R|^2 and per |G_L - G_R|^2 of one neutrino pair."""
    m = mode(key)
    with jax.ensure_compile_time_eval():
        lo, hi = np.array(panels.lo), np.array(panels.hi)
        out = jax.jit(lambda: b_to_v.contact_bins(lo, hi, m.contact, panels.basis))()
        return m.tau * np.asarray(out[0]), m.tau * np.asarray(out[1])


def standard_model(key: str, panels: Panels) -> np.ndarray:
    """BR(B -> K(*) nu nu) of the Standard Model in the panels, all flavours, host array (S,) or (K, S)."""
    two_n, c_l = _contact_amplitude()
    plus, minus = _contact_rates(key, panels)
    return 3.0 * abs(two_n * c_l) ** 2 * (plus + minus)


def _heavy(theory: Theory, key: str, panels: Panels):
    """Change of the contact rate by heavy coefficients CL_bsnu..., CR_bsnu..., or None."""
    two_n, c_sm = _contact_amplitude()
    plus, minus = (x[..., None] for x in _contact_rates(key, panels))
    total: Any = None
    for diagonal, name in coefficient_names():
        left, right = wilson(theory, f"CL_{name}"), wilson(theory, f"CR_{name}")
        if left is None and right is None:
            continue
        c0 = c_sm if diagonal else 0.0
        c_l = c0 + (0.0 if left is None else left)
        c_r = 0.0 if right is None else right
        change = plus * (jnp.abs(c_l + c_r) ** 2 - c0**2) + minus * (jnp.abs(c_l - c_r) ** 2 - c0**2)
        total = change if total is None else total + change
    return None if total is None else abs(two_n) ** 2 * total


def _neutrino(m: VectorMediator) -> tuple:
    return (m.nue_L, m.numu_L, m.nutau_L)


def _dark(m: VectorMediator):
    """(dark_mass, dark_strength) of everything that does not interfere with the Standard Model, or None."""
    masses, strengths = [], []
    if m.dark_strength is not None:
        strengths.append(m.dark_strength)
        masses.append(jnp.zeros_like(m.dark_strength) if m.dark_mass is None else m.dark_mass)
    names = [] if m.dark_strength is not None else ["dark"]
    if all(g is None for g in _neutrino(m)):
        names.append("nunu")
    for name in names:
        if name in m.partial_widths:
            # a massless Dirac pair of that width
            strengths.append(12.0 * math.pi * (m.partial_widths[name] / m.mass)[None])
            masses.append(jnp.zeros_like(m.mass)[None])
    return (jnp.concatenate(masses), jnp.concatenate(strengths)) if strengths else None


def invisible_mediators(theory: Theory) -> list[VectorMediator]:
    """Vectors with a b-s coupling and an invisible final state."""
    seen = (m for m in theory.mediators if couples_to_bs(m))
    return [m for m in seen if _dark(m) is not None or any(g is not None for g in _neutrino(m))]


def invisible_scalars(theory: Theory) -> list[ScalarMediator]:
    """Scalars with a b-s coupling and an invisible partial width."""
    return [m for m in theory.scalars if couples_to_bs(m) and any(c in m.partial_widths for c in INVISIBLE)]


def _invisible(theory: Theory) -> list[VectorMediator | ScalarMediator]:
    return [*invisible_mediators(theory), *invisible_scalars(theory)]


def exchange(theory: Theory, key: str, lo, hi, basis=None, n: int = _NODES):
    """Branching fraction that light states add in lo < q < hi (S, 1) or (S, B), interference included: (S, B), (K, S, B)."""
    m = mode(key)
    mediators = invisible_mediators(theory)
    total: Any = 0.0
    resonances = [b_to_v.Resonance(v.mass, v.width, v.bs_L, v.bs_R, v.propagator) for v in mediators]
    for v, r in zip(mediators, resonances, strict=True):
        dark = _dark(v)
        if dark is not None:
            total = total + b_to_v.dark_bins(lo, hi, r, dark[0], dark[1], m.contact, basis, n)
    two_n, c_l = _contact_amplitude()
    for i, flavour in enumerate(FLAVOURS):
        chosen = [(r, _neutrino(v)[i]) for v, r in zip(mediators, resonances, strict=True) if _neutrino(v)[i] is not None]
        if chosen:
            name = f"bsnu{flavour}nu{flavour}"
            left, right = wilson(theory, f"CL_{name}"), wilson(theory, f"CR_{name}")
            g_l = two_n * (c_l + (0.0 if left is None else left))
            g_r = two_n * (0.0 if right is None else right)
            rs, gs = [c[0] for c in chosen], [c[1] for c in chosen]
            total = total + b_to_v.neutrino_bins(lo, hi, rs, gs, g_l, g_r, m.contact, basis, n)
    for s in invisible_scalars(theory):
        r = b_to_v.Resonance(s.mass, s.width, s.bs_L, s.bs_R, s.propagator)
        partial = sum((s.partial_widths[c] for c in INVISIBLE if c in s.partial_widths), jnp.zeros_like(s.mass))
        total = total + b_to_scalar.pair_bins(lo, hi, r, partial, m.scalar, basis, n)
    return m.tau * total


def _fixed(panels: Panels) -> tuple[Any, Any]:
    return np.array(panels.lo)[:, None], np.array(panels.hi)[:, None]


def new_physics(theory: Theory, key: str, panels: Panels, n: int = _NODES):
    """What the theory adds to the Standard Model branching fraction in fixed panels, (S, B) or (K, S, B); None if nothing."""
    heavy = _heavy(theory, key, panels)
    lo, hi = _fixed(panels)
    light = exchange(theory, key, lo, hi, panels.basis, n) if _invisible(theory) else None
    if light is None:
        return heavy
    return light if heavy is None else light + heavy


# -- BaBar --------------------------------------------------------------------------------------------------------------

# arXiv:2002.11150 app. A: the parts of BaBar's two regions (q^2 below and above 0.4 m_B^2, arXiv:1009.1529) where the efficiency
# of the analysis is above 0.3; 95 % CL according to 2002.11150, while BaBar quotes limits of 90 %
LOW_EDGE, HIGH_EDGES = 2.4, (3.4, 4.0)
LOW_LIMIT, HIGH_LIMIT = 1.1e-5, 4.6e-5
# half of a bin of s_B = q^2/m_B^2 in arXiv:1303.7465, GeV^2: width that counts as one peak in the two-body recasts
HALF_WINDOW = 1.4
# one-sided 95 % from a one-sigma interval
_Z95 = 1.64


def _peaks(theory: Theory, key: str):
    """(light states, lo, hi): +-1.4 GeV^2 around each m_V^2 within the physical range, (V, B) in GeV; empty where there is none."""
    mediators = _invisible(theory)
    end = mode(key).end
    m2 = jnp.stack([v.mass * v.mass for v in mediators])
    low, high = m2 - HALF_WINDOW, jnp.minimum(m2 + HALF_WINDOW, end * end)
    # double where: low <= 0 starts at 0; far above the end point the range is empty
    lo = jnp.where(low > 0.0, jnp.sqrt(jnp.where(low > 0.0, low, 1.0)), 0.0)
    lo = jnp.minimum(lo, end)
    return mediators, lo, jnp.sqrt(high)


def _two_body(mediators, rates, curve: str):
    """Largest over the light states of the rates (V, B) in :func:`_peaks` over the two-body limit; 0 beyond the curve."""
    c = load_curve(curve)
    limit = c["best"] + _Z95 * (c["high"] - c["best"])
    # flat below the first point, 0.1 GeV: only m_V^2 << m_B^2 enters
    return largest(
        br * interpolate(jnp.maximum(v.mass, c["m"][0]), c["m"], 1.0 / limit, outside=0.0)
        for v, br in zip(mediators, rates, strict=True)
    )


def _with_peaks(theory: Theory, key: str, panels: Panels):
    """(what the theory adds in the panels (S, B), mediators, what its vectors add in their peaks (V, B)): one integration."""
    mediators, lo, hi = _peaks(theory, key)
    size = lo.shape[1:]
    fixed_lo, fixed_hi = (jnp.broadcast_to(x, (len(panels.lo), *size)) for x in _fixed(panels))
    light = exchange(theory, key, jnp.concatenate([fixed_lo, lo]), jnp.concatenate([fixed_hi, hi]))
    heavy = _heavy(theory, key, panels)
    new = light[: len(panels.lo)]
    return new if heavy is None else new + heavy, mediators, light[len(panels.lo) :]


def _babar_panels() -> Panels:
    end = mode("B+->K").end
    return Panels((0.0, LOW_EDGE, *HIGH_EDGES), (LOW_EDGE, *HIGH_EDGES, end))


def _bk_babar(theory: Theory, context: Context):
    """Largest of the windows, the sum and the two-body recast; see the constraint's notes."""
    if not _invisible(theory):
        return None
    panels = _babar_panels()
    if context.as_printed:
        new = exchange(theory, "B+->K", *_fixed(panels))
        return jnp.maximum(new[0] / LOW_LIMIT, new[2] / HIGH_LIMIT)
    new, mediators, peaks = _with_peaks(theory, "B+->K", panels)
    br = new + standard_model("B+->K", panels)[:, None]
    windows = [br[0] / LOW_LIMIT, br[2] / HIGH_LIMIT, jnp.sum(br, axis=0) / (LOW_LIMIT + HIGH_LIMIT)]
    return largest([*windows, _two_body(mediators, peaks, "babar_1303.7465_BK_X_inv")])


# arXiv:1303.7465, B -> K* nu nu, all modes of the hadronic tag, 90 % CL
KSTAR_LIMIT = 7.9e-5


def _whole(key: str) -> Panels:
    return Panels((0.0,), (mode(key).end,))


def _total(theory: Theory, key: str, limit: float):
    panels = _whole(key)
    new = new_physics(theory, key, panels)
    return None if new is None else (new[0] + standard_model(key, panels)[0]) / limit


def _total_of(key: str, limit: float) -> Callable[[Theory, Context], object]:
    return lambda theory, context: _total(theory, key, limit)


def _bkst_babar(theory: Theory, context: Context):
    if not _invisible(theory):
        return None
    panels = _whole("B0->K*")
    new, mediators, peaks = _with_peaks(theory, "B0->K*", panels)
    total = (new[0] + standard_model("B0->K*", panels)[0]) / KSTAR_LIMIT
    return largest([total, _two_body(mediators, peaks, "babar_1303.7465_BKst_X_inv")])


# arXiv:hep-ex/0106038, 90 % CL, B+ -> h+ X with X massless
CLEO_LIMIT = 4.9e-5


def _cleo(theory: Theory, context: Context):
    if not _invisible(theory):
        return None
    # interference with the neutrinos of the Standard Model may lower the rate
    return jnp.maximum(exchange(theory, "B+->K", *_fixed(_whole("B+->K")))[0], 0.0) / CLEO_LIMIT


# -- Belle II -----------------------------------------------------------------------------------------------------------

# q^2 edges in GeV^2 of the polynomial pieces of the efficiencies: kinks where the reconstructed q^2 changes bin
_Q2_EDGES = (0.0, 2.2885, 5.72125, 6.4078, 9.38285, 16.0)
_DEGREE = 4
_NODES_BELLE = 16


def _belle_edges() -> np.ndarray:
    return np.sqrt(np.array([*_Q2_EDGES, mode("B+->K").end ** 2]))


def _belle_basis(q):
    """Powers 0..4 of the position in q^2 within the panel, -1 to 1: five arrays like q (S, ...)."""
    e2 = (_belle_edges() ** 2).reshape((-1,) + (1,) * (jnp.ndim(q) - 1))
    x = (2.0 * q * q - e2[1:] - e2[:-1]) / (e2[1:] - e2[:-1])
    powers = [jnp.ones_like(x)]
    for _ in range(_DEGREE):
        powers.append(powers[-1] * x)
    return powers


def _belle_panels() -> Panels:
    e = _belle_edges()
    return Panels(tuple(e[:-1].tolist()), tuple(e[1:].tolist()), _belle_basis)


@lru_cache(maxsize=1)
def efficiencies() -> np.ndarray:
    """Events per branching fraction at given true q^2 in 12 + 6 bins, coefficients (18, 5, 6) of powers and panels of q^2.

    Fitted to the published map (bins of 0.23 GeV^2) with its statistical errors, continuous across panels and 0 with zero slope at
    the end point, where the map is empty: within the statistics of the map, and its column sums to 0.6 %.
    """
    c = load_curve("belle2_2311.14647_signal_map")
    e2 = _belle_edges() ** 2
    q2, br = 0.5 * (c["q2_lo"] + c["q2_hi"]), c["br"]
    k, s = _DEGREE + 1, len(e2) - 1
    panel = np.clip(np.searchsorted(e2, q2) - 1, 0, s - 1)
    x = (2.0 * q2 - e2[panel] - e2[panel + 1]) / (e2[panel + 1] - e2[panel])
    design = np.zeros((len(q2), s, k))
    design[np.arange(len(q2)), panel] = x[:, None] ** np.arange(k)
    join = np.zeros((s + 1, s, k))
    for i in range(s - 1):
        join[i, i], join[i, i + 1] = 1.0, -((-1.0) ** np.arange(k))
    join[s - 1, -1], join[s, -1] = 1.0, np.arange(k)
    free = np.linalg.svd(join.reshape(s + 1, -1))[2][s + 1 :].T
    out = []
    for name in [n for n in c.columns if n.startswith(("ITA", "HTA"))]:
        # events per simulated event of the map
        unit = 3.7e-4 if name.startswith("ITA") else 3.1e-5
        weight = br / np.sqrt(unit * (c[name] + 4.0 * unit))
        a = design.reshape(len(q2), -1) @ free
        y = np.linalg.lstsq(a * weight[:, None], c[name] / br * weight, rcond=None)[0]
        out.append((free @ y).reshape(s, k).T)
    return np.stack(out)


class Tag(NamedTuple):
    """observed, background: (n,) events; modes (n, K): changes of the background by one sigma of each nuisance; efficiency:
    relative uncertainty of the signal common to all bins; response (K, n), inverse (n, n): Gaussian solution of the nuisances."""

    observed: np.ndarray
    background: np.ndarray
    modes: np.ndarray
    efficiency: float
    response: np.ndarray
    inverse: np.ndarray


def _tag(observed, background, modes, efficiency, reference) -> Tag:
    # variance near a fluctuation from expectation mu to n: (n + 2 mu)/3 matches the Poisson deviance to third order
    variance = (observed + 2.0 * (background + reference)) / 3.0
    inverse = np.linalg.inv(modes @ modes.T + np.diag(variance))
    return Tag(observed, background, modes, efficiency, modes.T @ inverse, inverse)


@lru_cache(maxsize=1)
def belle2_tags() -> tuple[Tag, Tag]:
    """Inclusive and hadronic tag: yields and systematic variations of the published likelihood, as far as transcribed.

    Filled in: shape of the continuum weight for ssbar (mean of uubar and ccbar), control-region variations of the charged sample
    and of the signal (those of the first signal bins), simulation statistics where missing (3 %).
    """
    c = load_curve("belle2_2311.14647_ita")
    samples = ("ddbar", "uubar", "ssbar", "ccbar", "charged", "mixed", "taupair")
    variations: dict[str, dict[str, np.ndarray]] = {}
    for column, values in c.columns.items():
        nuisance, _, sample = column.partition(":")
        if sample and nuisance != "mc":
            v = values.copy()
            if sample in ("charged", "signal"):
                v[:3] = v[3:6]
            variations.setdefault(nuisance, {})[sample] = np.where(np.isnan(v), np.roll(v, 3), v)
    w = variations["contW"]
    w["ssbar"] = 0.5 * (w["uubar"] + w["ccbar"])
    # the signal's own variations at the best fit of the Standard Model shape, mu = 5
    amount = {s: c[s] for s in samples} | {"signal": 5.0 * c["signal"]}
    modes = [0.5 * c[s] for s in samples]
    modes += [sum((v * amount[s] for s, v in by_sample.items()), np.zeros(12)) for by_sample in variations.values()]
    mc = sum(np.where(np.isnan(c["mc:" + s]), 0.03 * c[s], c["mc:" + s]) ** 2 for s in samples)
    background = sum((c[s] for s in samples), np.zeros(12))
    # the background follows the data: expectation = observed
    ita = _tag(c["observed"], background, np.concatenate([np.array(modes).T, np.diag(np.sqrt(mc))], axis=1), 0.0,
               c["observed"] - background)  # fmt: skip

    h = load_curve("belle2_2311.14647_hta")
    prior = {"BBbar": 0.3, "light": 0.5, "ccbar": 0.5}
    columns = [p * h[s] for s, p in prior.items()]
    for nuisance in ("NEE", "gbc"):
        present = [s for s in prior if f"{nuisance}:{s}" in h.columns]
        columns.append(sum((np.nan_to_num(h[f"{nuisance}:{s}"]) * h[s] for s in present), np.zeros(6)))
    background = sum((h[s] for s in prior), np.zeros(6))
    hta = _tag(h["observed"], background, np.array(columns).T, 0.16, 4.0 * h["signal"])
    return ita, hta


def _deviance(tag: Tag, signal):
    """-2 ln(profile likelihood), up to a constant, for signal events (n, B): (B,).

    Nuisances at the minimum of the Gaussian problem (linear in the signal; common efficiency by a rank-one update), where the
    Poisson deviance is taken as (n - mu)^2/((n + 2 mu)/3).  Compared with numerical profiling of the Poisson likelihood: 5 % (ITA)
    and 12 % (HTA) of Delta chi2 up to 10; too large beyond.
    """
    residual = (tag.observed - tag.background)[:, None] - signal
    u = tag.efficiency * signal
    wu = jnp.einsum("ij,jb->ib", tag.inverse, u)
    eta = jnp.sum(wu * residual, axis=0) / (1.0 + jnp.sum(u * wu, axis=0))
    theta = jnp.einsum("kj,jb->kb", tag.response, residual - u * eta)
    expected = tag.background[:, None] + signal + u * eta + jnp.einsum("jk,kb->jb", tag.modes, theta)
    n = tag.observed[:, None]
    variance = (n + 2.0 * jnp.maximum(expected, 0.0)) / 3.0
    return jnp.sum((n - expected) ** 2 / variance, axis=0) + jnp.sum(theta**2, axis=0) + eta**2


def belle2_chi2(signal):
    """-2 ln L of both tags for expected signal events (18, B), inclusive tag first: (B,).  The tags count as independent."""
    ita, hta = belle2_tags()
    return _deviance(ita, signal[:12]) + _deviance(hta, signal[12:])


def belle2_events(moments):
    """Expected events (18, B) from branching fractions weighted with the powers of :func:`_belle_basis`, (5, 6, B)."""
    e = efficiencies()
    return jnp.einsum("nk,kb->nb", e.reshape(len(e), -1), moments.reshape(-1, moments.shape[-1]))


@lru_cache(maxsize=1)
def _belle2_standard() -> np.ndarray:
    moments = standard_model("B+->K", _belle_panels())[..., None]
    with jax.ensure_compile_time_eval():
        return np.asarray(belle2_events(jnp.asarray(moments)))


def two_body_events(mass):
    """Expected events (18, B) per unit of BR(B+ -> K+ X), X invisible and narrow with mass (B,) in GeV."""
    q = jnp.asarray(mass)
    e = _belle_edges()
    inside = (q[None] >= e[:-1, None]) & (q[None] < e[1:, None])
    x = jnp.stack(_belle_basis(jnp.broadcast_to(q[None], inside.shape)))
    return belle2_events(jnp.where(inside, x, 0.0))


@lru_cache(maxsize=1)
def belle2_best() -> tuple[float, float, float]:
    """(chi2, mass, BR) of the best narrow invisible particle on top of the Standard Model."""
    with jax.ensure_compile_time_eval():
        mass, br = np.meshgrid(np.linspace(0.05, 4.0, 80), np.linspace(0.0, 2e-5, 81), indexing="ij")
        chi2 = np.asarray(belle2_chi2(_belle2_standard() + jnp.asarray(br.ravel()) * two_body_events(mass.ravel())))
    i = int(np.argmin(chi2))
    return float(chi2[i]), float(mass.ravel()[i]), float(br.ravel()[i])


def _belle2_new(theory: Theory, context: Context):
    """Events that the theory adds to the Standard Model (18, B), or None (also for data that precede the measurement)."""
    if context.vintage != "latest" or not _invisible(theory):
        # heavy new physics alone: the observable BR(B+->Knunu) of the data
        return None
    moments = new_physics(theory, "B+->K", _belle_panels(), _NODES_BELLE)
    return None if moments is None else belle2_events(moments)


def _belle2(theory: Theory, context: Context):
    new = _belle2_new(theory, context)
    if new is None:
        return None
    standard = _belle2_standard()
    # best fraction of the new events, between none and all, in the Gaussian approximation
    top: Any = 0.0
    bottom: Any = 0.0
    for tag, part in zip(belle2_tags(), (slice(0, 12), slice(12, 18)), strict=True):
        d = new[part]
        w = jnp.einsum("ij,jb->ib", tag.inverse, d)
        residual = (tag.observed - tag.background)[:, None] - standard[part]
        top, bottom = top + jnp.sum(w * residual, axis=0), bottom + jnp.sum(w * d, axis=0)
    some = bottom > 0.0
    fraction = jnp.clip(jnp.where(some, top / jnp.where(some, bottom, 1.0), 0.0), 0.0, 1.0)
    # both points in one pass
    chi2 = belle2_chi2(jnp.concatenate([standard + new, standard + fraction * new], axis=-1))
    size = new.shape[-1]
    return jnp.maximum(chi2[:size] - chi2[size:], 0.0) / 3.84


def _belle2_evidence(theory: Theory, context: Context):
    new = _belle2_new(theory, context)
    if new is None:
        return None
    # a broad spectrum or interference may fit better than any narrow particle, by 0.03
    return jnp.maximum(belle2_chi2(_belle2_standard() + new) - belle2_best()[0], 0.0) / 3.84


# -- registration -------------------------------------------------------------------------------------------------------

_APPLIES = "vectors and scalars with b-s couplings and dark or neutrino decays"

register_constraint(
    Constraint(
        "BKinv_babar",
        r"\mathcal{B}(B^+\to K^+\,\mathrm{inv})",
        "B+ -> K+ invisible: windows of q^2, their sum, and a two-body peak",
        "BaBar arXiv:1009.1529, 1303.7465; recasts of arXiv:2002.11150 app. A and arXiv:2311.14629",
        "95%",
        _APPLIES,
        _bk_babar,
        # form factors 10 %, efficiencies relative to the Standard Model spectrum
        softness=0.2,
        group=GROUP,
        color="#0072B2",
        notes="Windows [0, 2.4^2] < 1.1e-5 and [3.4^2, 4^2] GeV^2 < 4.6e-5 and the whole range < 5.7e-5, their sum, hold Standard "
        "Model and new physics together (2002.11150 quotes 95 % CL, BaBar 90 %); new physics within 1.4 GeV^2 of m_V^2 stays below "
        "best + 1.64 sigma of the two-body recast, 0 < m_V < 2.92 GeV.  A peak at 2.92-3.4 or above 4 GeV meets the limit on the "
        "whole range only.  as_printed: the two windows with new physics alone.",
    )
)
register_constraint(
    Constraint(
        "BKinv_cleo",
        r"\mathcal{B}(B^+\to K^+X)",
        "B+ -> K+ V, V invisible, at any mass as in arXiv:2002.11150; the search was for a massless particle",
        "CLEO arXiv:hep-ex/0106038",
        "90%",
        _APPLIES,
        _cleo,
        softness=0.2,
        group=GROUP,
        color="#CC79A7",
        opt_in=True,
    )
)
register_constraint(
    Constraint(
        "BKstinv_babar",
        r"\mathcal{B}(B\to K^*\,\mathrm{inv})",
        "B -> K* invisible: a two-body peak, and the total",
        "BaBar arXiv:1303.7465; recast of arXiv:2311.14629",
        "95% (peak), 90% (total)",
        _APPLIES,
        _bkst_babar,
        # form factors 15 %, efficiencies
        softness=0.25,
        group=GROUP,
        color="#56B4E9",
        notes="Peak: new physics within 1.4 GeV^2 of m_V^2, below best + 1.64 sigma; total 7.9e-5 with the Standard Model.  Rates "
        "of B0 -> K*0.",
    )
)
register_constraint(
    Constraint(
        "BKnunu_belle2",
        r"B^+\to K^+\nu\bar\nu\ \mathrm{(Belle\ II)}",
        "B+ -> K+ invisible: events in 18 bins against Standard Model and new physics, at most as strong as the theory has it",
        "Belle II arXiv:2311.14647 with the likelihood of arXiv:2507.12393",
        "95%",
        _APPLIES + ", with heavy CL_bsnunu, CR_bsnunu if there are any; vintage latest",
        _belle2,
        kind="chi2",
        strength=3.84,
        group=GROUP,
        color="#D55E00",
        notes="chi2 difference to the best point on the line from the Standard Model (0) to this theory (1): the same theory with "
        "a part of its new events.  The excess over the Standard Model excludes nothing; a theory is excluded by what it adds "
        "beyond the data (or removes, for destructive interference).  For the excess as evidence: BKnunu_belle2_evidence.",
    )
)
register_constraint(
    Constraint(
        "BKnunu_belle2_evidence",
        r"B^+\to K^+\nu\bar\nu\ \mathrm{(Belle\ II)}",
        "as BKnunu_belle2, relative to the best narrow particle on top of the Standard Model: the full likelihood",
        "Belle II arXiv:2311.14647 with the likelihood of arXiv:2507.12393",
        "95%",
        _APPLIES + ", with heavy CL_bsnunu, CR_bsnunu if there are any; vintage latest",
        _belle2_evidence,
        kind="chi2",
        strength=3.84,
        group=GROUP,
        color="#E69F00",
        opt_in=True,
        notes="Excludes the Standard Model, by the evidence that the data hold.  The log-likelihood is exact up to a constant, "
        "and flat where a theory fits better than the best narrow particle (by 0.03 in chi2 at most, in random points).",
    )
)
for _name, _key, _limit, _tex, _source, _observable, _color, _opt in (
    ("BKnunu_total", "B+->K", 1.3e-5, r"B^+\to K^+", "BaBar arXiv:1009.1529", "BR(B+->Knunu)", "#009E73", True),
    ("BKstnunu_total", "B0->K*", 1.8e-5, r"B^0\to K^{*0}", "Belle arXiv:1702.03224", "BR(B0->K*nunu)", "#F0E442", False),
):
    register_constraint(
        Constraint(
            _name,
            rf"\mathcal{{B}}({_tex}\nu\bar\nu)",
            f"total branching fraction below {_limit:.1e}, which assumes the q^2 spectrum of the Standard Model",
            _source,
            "90%",
            _APPLIES + ", or heavy CL_bsnunu, CR_bsnunu",
            _total_of(_key, _limit),
            # efficiency for another spectrum
            softness=0.3,
            observables=(_observable,),
            group=GROUP,
            color=_color,
            opt_in=_opt,
            notes="" if not _opt else "For peaks the windows of BKinv_babar are the better reading.",
        )
    )
