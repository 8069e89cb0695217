r"""Kaon and pion decays of a light vector: K+, pi+ -> mu+ nu V, K -> pi V, and K mixing; arXiv:2210.15662 sections 4.4 to 4.6.

Emission (K+, pi+ -> mu+ nu V): the amplitude of :mod:`fipkernels.meson_radiation`, with the couplings of V to the muon (direct, and
-epsilon e), to muon neutrinos, and the charge of the meson that gauge invariance demands (-epsilon e and ``charged_current``).
The part that grows as 1/m_V^2 is then that of the uncompensated charge delta = g_L(mu) - g_L(nu) - charged_current and of the axial
muon coupling.  Widths are relative to K, pi -> mu nu, which is measured; coefficients of the couplings are tabulated in m_V from
0.1 MeV to the threshold and interpolated (accurate to 2e-4; below 0.1 MeV the law 1/m_V^2 is continued).  "as_printed": emission
from the muon alone, whatever V couples to otherwise, at half the rate (eq. 4.27), and the acceptance of eq. (4.31) divided out of a
limit that has it already.

The limits on K+ -> mu+ nu X and pi+ -> mu+ nu X against the mass of X (arXiv:2101.12304, 2101.07381) are not available as numbers.
K+ -> mu+ nu + invisible uses the limit on three neutrinos instead, as the paper does: good for a spectrum like theirs, a factor
of a few otherwise.

K -> pi V: on shell.  V is narrow against the resolution in missing mass (tens of MeV would not be), so its interference with
K -> pi nu nubar of the standard model does not matter and is left out.  V counts as invisible with its invisible branching
fraction, and, with the probability to leave the detector before it decays, otherwise; that probability is in the experiments' own
limits against lifetime, exp(-c(m)/tau), interpolated linearly in the decay rate.
"""

from __future__ import annotations

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.constraints.b_visible import HBAR_PS, total_width
from fipjax.constraints.base import Constraint, Context, largest, register_constraint
from fipjax.constraints.curves import interpolate, interpolate_2d, load_curve
from fipjax.theory import Theory, VectorMediator, branching, charged, evaluate_at, invisible_branching, total
from fipkernels import dark_photon, kaon, meson_radiation

GROUP = "kaons and pions"
M_MU = dark_photon.M_MU
_HBAR_NS = HBAR_PS * 1e-3  # GeV ns

# -- K+, pi+ -> mu+ nu V --------------------------------------------------------------------------------------------------

# mass in GeV (PDG)
_MESONS = {"K": kaon.M_KP, "pi": kaon.M_PIP}
# PDG; as printed: f_K = 0.1557 GeV of the paper with |V_us| = 0.2243, tau = 1.238e-8 s
BR_K_MUNU, BR_K_MUNU_PRINTED = 0.6356, 0.62309
# the couplings of which the width is a quadratic form: (g_l, g_r, g_nu, g_p) of uncompensated charge, axial remainder g_r - g_l,
# neutrino and meson; as printed: left and right
_BASIS = ((1.0, 1.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (1.0, 1.0, 1.0, 0.0), (1.0, 1.0, 0.0, 1.0))
_BASIS_PRINTED = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0))
_POINTS, _LIGHTEST = 480, 1e-4


@lru_cache(maxsize=4)
def _emission_table(meson: str, printed: bool) -> tuple[np.ndarray, np.ndarray]:
    """ln m_V (n,) and the coefficients (n, pairs) of c_i c_j, i <= j, in Gamma m_V^2/(1 - m_V/top)^(7/2) over that of mu nu."""
    m_p = _MESONS[meson]
    mass = np.geomspace(_LIGHTEST, (m_p - M_MU) * (1.0 - 1e-4), _POINTS)
    basis = np.array(_BASIS_PRINTED if printed else _BASIS)
    pairs = [(i, j) for i in range(len(basis)) for j in range(i, len(basis))]
    # the quadratic form from its values at sums of two basis vectors
    points = np.array([basis[i] + (0.0 if i == j else basis[j]) for i, j in pairs])[:, :, None]
    g_l, g_r, g_nu, g_p = (points[:, k] for k in range(4))
    with jax.ensure_compile_time_eval():
        unit = meson_radiation.width_leptonic(m_p, M_MU, 1.0, 1.0, 1.0)
        run = jax.jit(lambda *g: meson_radiation.width(m_p, M_MU, mass, g[0], g[1], 1.0, 1.0, 1.0, g[2], g[3], printed) / unit)
        values = np.asarray(run(g_l, g_r, g_nu, g_p), float)
    alone = {i: v for (i, j), v in zip(pairs, values, strict=True) if i == j}
    columns = [v if i == j else v - alone[i] - alone[j] for (i, j), v in zip(pairs, values, strict=True)]
    falls = mass**2 / (1.0 - mass / (m_p - M_MU)) ** 3.5
    return np.log(mass), np.stack(columns, axis=1) * falls[:, None]


def emission(meson: str, m_v, couplings, printed: bool = False):
    """Gamma(P+ -> mu+ nu V)/Gamma(P+ -> mu+ nu) (B,), P = "K" or "pi", from couplings (g_l, g_r, g_nu, g_p); 0 above threshold."""
    g_l, g_r, g_nu, g_p = couplings
    grid, table = _emission_table(meson, printed)
    c = (g_l, g_r) if printed else (g_l - g_nu - g_p, g_r - g_l, g_nu, g_p)
    top = _MESONS[meson] - M_MU
    is_open = m_v < top
    mass = jnp.where(is_open, m_v, 0.5 * top)
    t = jnp.clip(jnp.log(mass), grid[0], grid[-1])
    i = jnp.clip(jnp.floor((t - grid[0]) / (grid[1] - grid[0])).astype(int), 0, len(grid) - 2)
    w = (t - jnp.asarray(grid)[i]) / (grid[1] - grid[0])
    rows = jnp.asarray(table)
    f = (1.0 - w) * rows[i].T + w * rows[i + 1].T
    pairs = [c[a] * c[b] for a in range(len(c)) for b in range(a, len(c))]
    value = sum(f[k] * p for k, p in enumerate(pairs)) * (1.0 - mass / top) ** 3.5 / mass**2
    return jnp.where(is_open, value, 0.0)


def emission_couplings(m: VectorMediator):
    """(g_l, g_r, g_nu, g_p) of the muon, its neutrino and the meson on shell, each (B,); None if V has none of them."""
    vector, axial = charged(m, "mu")
    if vector is None and axial is None and m.numu_L is None and m.charged_current is None:
        return None
    s = m.mass * m.mass
    vector, axial = jnp.real(evaluate_at(vector, s)), jnp.real(evaluate_at(axial, s))
    meson = jnp.zeros_like(s) if m.epsilon is None else -dark_photon.E_CHARGE * m.epsilon
    if m.charged_current is not None:
        meson = meson + m.charged_current
    return vector - axial, vector + axial, jnp.real(evaluate_at(m.numu_L, s)), meson


def _emitted(meson: str, theory: Theory, context: Context, share):
    """Sum over the mediators of the emission ratio times share(mediator)."""
    terms = []
    for m in theory.mediators:
        couplings = emission_couplings(m)
        if couplings is not None:
            terms.append(emission(meson, m.mass, couplings, context.as_printed) * share(m))
    return total(*terms)


# decay path of NA62: its limits on K+ -> pi+ X fall as exp(-16 ns (m_X/GeV)/tau), about 4 m per GeV of energy
_ESCAPE_NA62 = 16.0


def _escaping(m: VectorMediator, ns_per_gev: float):
    """Invisible branching fraction, with visible decays behind the detector, (B,)."""
    late = jnp.exp(-ns_per_gev * m.mass * total_width(m) / _HBAR_NS)
    invisible = invisible_branching(m)
    return invisible + (1.0 - invisible) * late


# arXiv:2101.12304: limit and acceptance
LIMIT_K_MU_INV, ACCEPTANCE = 1.0e-6, 0.103


def _k_munu_inv(theory: Theory, context: Context):
    if context.as_printed:
        r = _emitted("K", theory, context, invisible_branching)
        return None if r is None else r * BR_K_MUNU_PRINTED / (LIMIT_K_MU_INV / ACCEPTANCE)
    r = _emitted("K", theory, context, lambda m: _escaping(m, _ESCAPE_NA62))
    return None if r is None else r * BR_K_MUNU / LIMIT_K_MU_INV


# hep-ex/0204006: error of the branching fraction above m_ee = 145 MeV
SIGMA_K_MUNU_EE, M_EE_MIN = 0.31e-8, 0.145
# decays within 1 m at 3 GeV (half of the 6 GeV of the kaons) make a vertex with the muon: an estimate
_PROMPT_E865 = 1.0 / (3.0 * 0.299792458)


def _k_munu_ee(theory: Theory, context: Context):
    def seen(m):
        prompt = 1.0 if context.as_printed else -jnp.expm1(-_PROMPT_E865 * m.mass * total_width(m) / _HBAR_NS)
        return jnp.where(m.mass > M_EE_MIN, branching(m, "ee") * prompt, 0.0)

    r = _emitted("K", theory, context, seen)
    if r is None or not any("ee" in m.partial_widths for m in theory.mediators):
        return None
    return r * (BR_K_MUNU_PRINTED if context.as_printed else BR_K_MUNU) / (3.0 * SIGMA_K_MUNU_EE)


# arXiv:2006.00389: Gamma(pi -> mu nu nu nu)/Gamma(pi -> mu nu)
LIMIT_PI_MU_INV = 8.6e-6


def _pi_munu_inv(theory: Theory, context: Context):
    r = _emitted("pi", theory, context, invisible_branching)
    return None if r is None else r / LIMIT_PI_MU_INV


# -- K -> pi V ------------------------------------------------------------------------------------------------------------


def _on_shell(m: VectorMediator):
    return evaluate_at(m.sd_L, m.mass * m.mass)


def br_k_pi(m: VectorMediator):
    """BR(K+ -> pi+ V) (B,)."""
    return kaon.charged_width(m.mass, _on_shell(m)) * kaon.TAU_KP


def br_kl_pi(m: VectorMediator):
    """BR(K_L -> pi0 V) (B,), from the imaginary part of the coupling."""
    return kaon.neutral_width(m.mass, _on_shell(m)) * kaon.TAU_KL


def _each(theory: Theory, ratio):
    return largest([ratio(m) for m in theory.mediators if m.sd_L is not None])


def sensitivity(name: str, mass, rate):
    """Inverse of the limit on BR(K+ -> pi+ X) at a mass in GeV and a rate of visible decays in 1/ns (B,); 0 where there is none."""
    c = load_curve(name)
    rates = np.array([float(k[3:]) for k in c.columns if k.startswith("ul_")])
    table = np.stack([c[k] for k in c.columns if k.startswith("ul_")], axis=1)
    there = np.isfinite(table)
    logs, grid = jnp.asarray(-np.log(np.where(there, table, 1.0))), np.log(c["m"])
    t = jnp.log(mass)
    i = jnp.clip(jnp.searchsorted(grid, t, side="right") - 1, 0, len(grid) - 2)
    w = (t - jnp.asarray(grid)[i]) / jnp.asarray(np.diff(grid))[i]
    j = jnp.clip(jnp.searchsorted(rates, rate, side="right") - 1, 0, len(rates) - 2)
    inside = (t >= grid[0]) & (t <= grid[-1]) & (rate <= rates[-1])
    v = (jnp.where(inside, rate, 0.0) - jnp.asarray(rates)[j]) / jnp.asarray(np.diff(rates))[j]
    ok, value = inside, jnp.zeros_like(t)
    for di, wi in ((0, 1.0 - w), (1, w)):
        for dj, vj in ((0, 1.0 - v), (1, v)):
            # a limit is not needed where its weight is zero: a stable X next to the end of the table in lifetime
            ok = ok & (jnp.asarray(there)[i + di, j + dj] | (vj == 0.0))
            value = value + wi * vj * logs[i + di, j + dj]
    return jnp.where(ok, jnp.exp(jnp.where(ok, value, 0.0)), 0.0)


def _k_pi_inv(curve):
    def ratio(theory: Theory, context: Context):
        name = curve(context)

        def one(m):
            invisible = invisible_branching(m)
            unstable = sensitivity(name, m.mass, total_width(m) / _HBAR_NS)
            stable = sensitivity(name, m.mass, jnp.zeros_like(m.mass))
            return br_k_pi(m) * (invisible * stable + (1.0 - invisible) * unstable)

        return _each(theory, one)

    return ratio


def _na62(context: Context) -> str:
    return "na62_2507.17286_K_pi_X_inv" if context.vintage == "latest" else "na62_2011.11329_K_pi_X_inv"


@lru_cache(maxsize=2)
def _mumu_table(name: str):
    c = load_curve(name)
    keys = [k for k in c.columns if k.startswith("ul_")]
    return c["m"], np.array([float(k[3:]) for k in keys]), np.stack([c[k] for k in keys], axis=1)


def _k_pi_mumu(name: str, vintages: tuple[str, ...] = ()):
    def ratio(theory: Theory, context: Context):
        if vintages and context.vintage not in vintages:
            return None

        def one(m):
            if "mumu" not in m.partial_widths:
                return None
            width = total_width(m)
            decays = width > 0.0
            tau = HBAR_PS / jnp.where(decays, width, 1.0)
            masses, taus, limits = _mumu_table(name)
            limit = interpolate_2d(m.mass, tau, masses, taus, limits, hold_y="low")
            return jnp.where(decays, br_k_pi(m) * branching(m, "mumu") / limit, 0.0)

        values = [one(m) for m in theory.mediators if m.sd_L is not None]
        return largest([v for v in values if v is not None])

    return ratio


def _kl_pi_inv(theory: Theory, context: Context):
    c = load_curve("koto_1810.09655_KL_pi0_X")

    def one(m):
        invisible = jnp.where(total_width(m) > 0.0, invisible_branching(m), 1.0)
        return br_kl_pi(m) * invisible / interpolate(m.mass, c["m"], c["ul"])

    return _each(theory, one)


# PDG, 3.484(6)e-12 MeV
DELTA_M_K = 3.484e-15


def _k_mixing(theory: Theory, context: Context):
    chiral = 1.0 if context.as_printed else None
    shift = total(*(kaon.delta_m(m.sd_L, m.mass, chiral=chiral) for m in theory.mediators if m.sd_L is not None))
    return None if shift is None else jnp.abs(shift) / DELTA_M_K


_SD = "V with an s-d coupling"
_MU = "V coupled to muons, their neutrinos or the W"

register_constraint(
    Constraint(
        "Kmunu_inv", r"K^+\to\mu^+\nu+\mathrm{inv}",
        "K+ -> mu+ nu V with invisible or escaping V against the limit on K+ -> mu+ 3 nu",
        "arXiv:2210.15662 eqs. (4.27)-(4.31); NA62 arXiv:2101.12304", "90%", f"{_MU}, m_V < 388 MeV", _k_munu_inv,
        # another spectrum than that of three neutrinos
        softness=0.5, group=GROUP, color="#CC79A7",
        notes="BR < 1.0e-6 for the spectrum of K -> mu nu nu nubar of the standard model; the limits against m_X are not available."
        "  as_printed: half the rate, muon leg alone, 1e-6/0.103",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "Kmunu_ee", r"K^+\to\mu^+\nu e^+e^-",
        "K+ -> mu+ nu V, V -> e+ e-, within 3 sigma of the rate above m_ee = 145 MeV, 7.06(31)e-8",
        "arXiv:2210.15662 eq. (4.32); hep-ex/0204006", "3 sigma", f"{_MU} and electrons, 145 MeV < m_V < 388 MeV", _k_munu_ee,
        kind="gaussian", strength=3.0, group=GROUP, color="#AA4499",
        notes="standard model taken to agree with the measurement; a search for a peak would be stronger; decays beyond 1 m do not"
        " count",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "pimunu_inv", r"\pi^+\to\mu^+\nu+\mathrm{inv}", "pi+ -> mu+ nu V with invisible V against the limit on pi+ -> mu+ 3 nu",
        "arXiv:2210.15662 section 4.6; PIENU arXiv:2006.00389", "90%", f"{_MU}, m_V < 33.9 MeV", _pi_munu_inv,
        softness=1.0, group=GROUP, color="#882255", opt_in=True,
        notes="abstract-level number, R < 8.6e-6, for the spectrum of three neutrinos; the limits against m_X for muons above and"
        " below 1.2 MeV (arXiv:2101.07381) are not available: good to a factor of a few",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "Kpi_inv_na62", r"K^+\to\pi^+V\ \mathrm{(inv)}", "NA62 search for K+ -> pi+ X, X invisible or escaping",
        "arXiv:2507.17286 (latest), arXiv:2011.11329 (2021, datta2022)", "90%", f"{_SD}, m_V < 110 MeV or 154-260 MeV",
        _k_pi_inv(_na62), softness=0.2, group=GROUP, color="#D55E00",
        notes="latest: digitised (10-20 %), 2016-2022 data; older vintages: 2017 data, official digits",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "Kpi_inv_pi0", r"K^+\to\pi^+V\ \mathrm{(inv,}\ m_V\approx m_{\pi^0})",
        "NA62 search for pi0 -> invisible read as K+ -> pi+ X",
        "arXiv:2010.07644", "90%", f"{_SD}, 109-155 MeV", _k_pi_inv(lambda context: "na62_2010.07644_K_pi_X_near_pi0"),
        softness=0.2, group=GROUP, color="#E69F00", notes="digitised",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "Kpi_inv_e949", r"K^+\to\pi^+V\ \mathrm{(inv,\ E949)}", "E787/E949 search for K+ -> pi+ X, X invisible or escaping",
        "arXiv:0903.0030", "90%", f"{_SD}, m_V < 115 MeV or 151-257 MeV", _k_pi_inv(lambda context: "e949_0903.0030_K_pi_X_inv"),
        softness=0.2, group=GROUP, color="#F0E442", notes="digitised from an overlay in a figure of NA62",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "Kpi_mumu_na48", r"K^+\to\pi^+V,\ V\to\mu\mu\ \mathrm{(NA48/2)}",
        "NA48/2 search for K+ -> pi+ X, X -> mu mu, prompt or displaced",
        "arXiv:1612.04723", "90%", f"{_SD} and muons, 213-354 MeV", _k_pi_mumu("na48_1612.04723_K_pi_X_mumu"),
        softness=0.2, group=GROUP, color="#56B4E9", notes="digitised; lifetimes below 10 ps as 10 ps, no limit above 100 ns",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "Kpi_mumu_na62", r"K^+\to\pi^+V,\ V\to\mu\mu\ \mathrm{(NA62)}",
        "NA62 search for K+ -> pi+ X, X -> mu mu, prompt or displaced",
        "arXiv:2507.17286", "90%", f"{_SD} and muons, 216-326 MeV; vintage latest",
        _k_pi_mumu("na62_2507.17286_K_pi_X_mumu", ("latest",)),
        softness=0.2, group=GROUP, color="#0072B2", notes="digitised; no limit above 100 ns",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "KLpi0_inv_koto", r"K_L\to\pi^0V\ \mathrm{(inv)}", "KOTO search for K_L -> pi0 X, X invisible", "arXiv:1810.09655", "90%",
        f"{_SD}, CP violating, m_V < 260 MeV", _kl_pi_inv, softness=0.2, group=GROUP, color="#009E73",
        notes="2015 data, digitised; imaginary part of the coupling in the PDG phase convention; only invisible decays and a V"
        " without any width count",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "K_mixing", r"\Delta M_K", "|DeltaM_K| from exchange of V below the measured value, 3.484e-12 MeV",
        "arXiv:2210.15662 eqs. (4.24), (4.25)", "order of magnitude", _SD, _k_mixing, softness=1.0, group=GROUP, color="#999999",
        notes="local exchange and long distances are not under control for a light V: neither the sign nor a factor of a few means"
        " anything; with the chiral factor (m_K/(m_s + m_d))^2 that eq. (4.24), and as_printed, leave out",
    )
)  # fmt: skip
