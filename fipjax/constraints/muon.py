"""Bounds on muon couplings: g-2, neutrino tridents, Drell-Yan pairs, e+e- -> mu mu V, muon beams.

Couplings of V to muons are the direct ones plus -epsilon e from kinetic mixing, taken at q^2 = m_V^2 for emission on shell and at
the space-like momentum transfer in tridents.  Limits published for L_mu - L_tau or a pure vector are rescaled in the event number.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import jax.numpy as jnp
import numpy as np

from fipjax.constraints.base import Constraint, Context, largest, register_constraint
from fipjax.constraints.curves import interpolate, load_curve
from fipjax.data import a_mu_sm, list_sets
from fipjax.theory import INVISIBLE, Theory, VectorMediator, charged_at, evaluate_at
from fipkernels import dark_photon, trident
from fipkernels.widths import share, vector_to_fermions

M_MU, M_TAU = dark_photon.M_MU, dark_photon.M_TAU
GROUP = "muon couplings"


def _branching(m: VectorMediator, v, a, *channels: str):
    """Branching fraction to the channels; the muonic width follows from the couplings where the model does not give it."""
    widths = {"mumu": vector_to_fermions(m.mass, M_MU, v, a), **m.partial_widths}
    total = jnp.maximum(m.width, sum(widths.values()))
    return share(sum((widths[c] for c in channels if c in widths), jnp.zeros_like(m.mass)), total)


def _each(theory: Theory, ratio):
    """Largest ratio(mediator, vector coupling, axial coupling) over the mediators with muon couplings, on shell."""
    values = []
    for m in theory.mediators:
        couplings = charged_at(m, "mu", m.mass * m.mass)
        if couplings is not None:
            values.append(ratio(m, *couplings))
    return largest(v for v in values if v is not None)


# --- anomalous magnetic moment --------------------------------------------------------------------------------------
# the sets of measurements that hold the experimental value of each vintage
_A_MU_SETS = {"2021": "FNAL-E989:2104.03281", "datta2022": "FNAL-E989:2104.03281", "latest": "FNAL-E989:2506.03069"}


@lru_cache(maxsize=4)
def delta_a_mu(vintage: str) -> tuple[float, float]:
    """Measurement minus Standard Model and its error, from the package's own numbers: 251(59)e-11 in 2021, 38(64)e-11 in 2025."""
    sm, sm_error = a_mu_sm(vintage)
    for s in list_sets():
        if s.id == _A_MU_SETS[vintage]:
            m = s.measurements[0]
            return m.value - sm, float(np.hypot(m.sigma, sm_error))
    raise LookupError(_A_MU_SETS[vintage])


def _g2(theory: Theory, context: Context):
    if theory.a_mu is None:
        return None
    value, error = delta_a_mu(context.vintage)
    return jnp.abs(theory.a_mu - value) / (2.0 * error)


def _g2_bound(theory: Theory, context: Context):
    if theory.a_mu is None:
        return None
    value, error = delta_a_mu(context.vintage)
    low, high = min(0.0, value), max(0.0, value)
    above, below = theory.a_mu - high, low - theory.a_mu
    outside = jnp.where(above > 0.0, above, jnp.where(below > 0.0, below, 0.0))
    return outside / (2.0 * error)


# --- neutrino tridents ----------------------------------------------------------------------------------------------
# sigma/sigma_SM: CCFR, Phys. Rev. Lett. 66 (1991) 3117; CHARM-II, Phys. Lett. B 245 (1990) 271
TRIDENTS = {"ccfr": (0.82, 0.28), "charm2": (1.58, 0.57)}


@lru_cache(maxsize=1)
def trident_tables() -> dict[str, np.ndarray]:
    """Contents of data/trident.npz, made by ``python -m fipjax.constraints.make_trident``."""
    with files("fipjax.data").joinpath("trident.npz").open("rb") as f, np.load(f) as data:
        return {k: data[k] for k in data.files}


def trident_ratio(theory: Theory, beam: str = "ccfr"):
    """sigma/sigma_SM (B,) of nu_mu N -> nu_mu mu mu N; None if no mediator couples to both muon neutrinos and muons."""
    t = trident_tables()
    q2 = jnp.asarray(t[f"{beam}_q2"])
    shift_v, shift_a = 0.0, 0.0
    found = False
    for m in theory.mediators:
        couplings = charged_at(m, "mu", -q2[:, None])
        if m.numu_L is None or couplings is None:
            continue
        found = True
        nu = jnp.real(evaluate_at(m.numu_L, -q2[:, None]))
        shift_v = shift_v + trident.exchange(nu * couplings[0], m.mass, q2)
        shift_a = shift_a - trident.exchange(nu * couplings[1], m.mass, q2)
    if not found:
        return None
    return trident.ratio(shift_v, shift_a, jnp.asarray(t[f"{beam}_vv"]), jnp.asarray(t[f"{beam}_aa"]))


def _trident_printed(theory: Theory):
    """arXiv:2002.11150 eq. (27): sqrt(g_nu g_mu) below 0.002 m_V, 0.001 for light V; too strong by up to 1.5 at 1 GeV."""
    values = []
    for m in theory.mediators:
        couplings = charged_at(m, "mu", m.mass * m.mass)
        if m.numu_L is not None and couplings is not None:
            product = jnp.abs(jnp.real(evaluate_at(m.numu_L, m.mass * m.mass)) * couplings[0])
            values.append(product / jnp.maximum(0.002 * m.mass, 0.001) ** 2)
    return largest(values)


def _rescaled(m: VectorMediator) -> VectorMediator:
    """V of 2210.15662 as it is compared there with an L_mu - L_tau boson: vector coupling g_mu alone, (g')^2 = g eps_Z g_mu/(4 c).

    The coupling (g/2c) eps_Z of the neutrinos makes that half of the product of the couplings; used for g_mu of either sign.
    """
    nu = jnp.real(jnp.asarray(m.numu_L))[:1]
    eps = 0.0 if m.epsilon is None else m.epsilon
    # the printed vector coupling of the mixing is (g/2c) eps_Z (-1 + 4 s^2) + e eps
    direct = jnp.real(jnp.asarray(m.mu_V))[:1] - 2.0 * dark_photon.E_CHARGE * eps - (4.0 * trident.SIN2_THETA - 1.0) * nu
    return VectorMediator(m.mass, m.width, mu_V=jnp.abs(direct), numu_L=0.5 * jnp.abs(nu))


def _trident(beam: str):
    def ratio(theory: Theory, context: Context):
        if context.as_printed:
            dark_z = tuple(m for m in theory.mediators if m.scheme == "narrow" and m.numu_L is not None and m.mu_V is not None)
            if not dark_z:
                return _trident_printed(theory)
            theory = Theory(tuple(map(_rescaled, dark_z)))
        r = trident_ratio(theory, beam)
        if r is None:
            return None
        value, error = TRIDENTS[beam]
        return jnp.abs(r - value) / (2.0 * error)

    return ratio


# --- emission on shell ----------------------------------------------------------------------------------------------
def drell_yan_limit(mass):
    """Upper limit on sqrt(g_V^2 + g_A^2), arXiv:2002.11150 eq. (26); infinite outside 1 to 5 GeV."""
    inside = (mass >= 1.0) & (mass <= 5.0)
    return jnp.where(inside, 5.6e-2 * (1.0 + 0.13 * mass), jnp.inf)


def _drell_yan(theory: Theory, context: Context):
    # in the squares, whose gradient is finite at zero coupling
    return _each(theory, lambda m, v, a: (v * v + a * a) / drell_yan_limit(m.mass) ** 2)


def lmu_ltau_widths(mass):
    """Width to muons and total width of the L_mu - L_tau boson with unit coupling: muons, taus and two neutrinos."""
    one = jnp.ones_like(mass)
    muons = vector_to_fermions(mass, M_MU, one, 0.0)
    taus = vector_to_fermions(mass, M_TAU, one, 0.0)
    # m/(24 pi) for each left-handed neutrino
    return muons, muons + taus + mass / (12.0 * jnp.pi)


def axial_over_vector(mass):
    """Rate of e+e- -> mu mu V at 10.58 GeV for an axial coupling over that for an equal vector coupling."""
    t = trident_tables()
    grid = t["mumuv_mass"]
    return interpolate(jnp.clip(mass, grid[0], grid[-1]), grid, t["mumuv_axial"], 1.0)


def _curve(mass, name):
    c = load_curve(name)
    return interpolate(mass, c["m"], c["g_up"])


# Peaks wider than the mass resolution are counted within +- this fraction of the mass (at least 3 MeV): 1.5 times a typical dimuon
# resolution at a B factory, not the experiment's own function.
_WINDOW, _WINDOW_MIN = 0.0075, 0.003


def _babar(theory: Theory, context: Context):
    def ratio(m, v, a):
        g2 = _curve(m.mass, "lmutau_babar_1606.03501") ** 2
        there = jnp.isfinite(g2) & (m.mass > 2.0 * M_MU)
        g2, mass = jnp.where(there, g2, 1.0), jnp.where(there, m.mass, 1.0)
        muons, total = lmu_ltau_widths(mass)
        half = jnp.maximum(_WINDOW * mass, _WINDOW_MIN)
        peak = dark_photon.peak_fraction(m.width, half) / dark_photon.peak_fraction(g2 * total, half)
        production = (v * v + axial_over_vector(mass) * a * a) / g2
        return jnp.where(there, production * _branching(m, v, a, "mumu") * total / muons * peak, 0.0)

    return _each(theory, ratio)


def _belle2(theory: Theory, context: Context):
    return _each(
        theory,
        lambda m, v, a: (
            (v * v + axial_over_vector(m.mass) * a * a)
            * _branching(m, v, a, *INVISIBLE)
            / _curve(m.mass, "lmutau_belle2_1912.11276") ** 2
        ),
    )


def _na64mu(name):
    def ratio(theory: Theory, context: Context):
        # scattered muon below half of the beam energy
        return _each(
            theory,
            lambda m, v, a: (
                (v * v + dark_photon.axial_bremsstrahlung(m.mass, M_MU, 0.5) * a * a)
                * _branching(m, v, a, *INVISIBLE)
                / _curve(m.mass, name) ** 2
            ),
        )

    return ratio


register_constraint(
    Constraint(
        "g2", r"\Delta a_\mu = \Delta a_\mu^{\rm exp}",
        "the muon g-2 of the model agrees with measurement minus Standard Model within 2 sigma (asks the model to explain it)",
        "arXiv:2104.03281 and 2006.04822; arXiv:2506.03069 and 2505.21476", "95%", "models that predict a_mu", _g2,
        kind="gaussian", strength=2.0, observables=("a_mu",), group="g-2", color="#009E73", opt_in=True,
        notes="251(59)e-11 in the vintages 2021 and datta2022, 38(64)e-11 in latest; the form without the demand is g2_bound",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "g2_bound", r"\Delta a_\mu\ \mathrm{bound}",
        "the muon g-2 of the model lies no more than 2 sigma outside the range from zero to measurement minus Standard Model",
        "arXiv:2104.03281 and 2006.04822; arXiv:2506.03069 and 2505.21476", "95%", "models that predict a_mu", _g2_bound,
        kind="gaussian", strength=2.0, observables=("a_mu",), group="g-2", color="#009E73",
        notes="asks for no explanation of the 2021 discrepancy; allowed -1.2e-9 to 3.7e-9 (2021), -1.3e-9 to 1.7e-9 (latest)",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "trident_ccfr", r"\nu_\mu N\to\nu_\mu\mu\mu N\ \mathrm{(CCFR)}",
        "neutrino trident production over its Standard-Model rate, 0.82(28), within 2 sigma",
        "Phys. Rev. Lett. 66 (1991) 3117; arXiv:1406.2332", "95%", "V coupled to muon neutrinos and to muons", _trident("ccfr"),
        kind="gaussian", strength=2.0, group=GROUP, color="#882255",
        notes="exact tree-level 2 -> 3 amplitude with equivalent photons of iron at 160 GeV; couplings of either sign, interference"
        " with the Standard Model; as_printed: arXiv:2002.11150 eq. (27), for models of arXiv:2210.15662 its rescaled L_mu - L_tau",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "trident_charm2", r"\nu_\mu N\to\nu_\mu\mu\mu N\ \mathrm{(CHARM\,II)}",
        "neutrino trident production over its Standard-Model rate, 1.58(57), within 2 sigma",
        "Phys. Lett. B 245 (1990) 271", "95%", "V coupled to muon neutrinos and to muons", _trident("charm2"),
        kind="gaussian", strength=2.0, group=GROUP, color="#AA4499", opt_in=True,
        notes="mean energy 20 GeV on SiO2; weaker than CCFR except for rates below 0.44; some compilations print the error as 0.64",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "drell_yan", r"pp\to\mu\mu V", "distortion of Drell-Yan muon pairs at the LHC by V emitted from muons",
        "arXiv:2002.11150 eq. (26), from arXiv:1705.03465", "95%", "1 GeV < m_V < 5 GeV, however V decays", _drell_yan,
        softness=0.2, group=GROUP, color="#999999",
        notes="ratio in the squares of the couplings at q^2 = m_V^2; no statement outside 1 to 5 GeV",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "babar_4mu", r"e^+e^-\to\mu\mu V,\ V\to\mu\mu", "BaBar search for a muonic force in four-muon events",
        "arXiv:1606.03501", "90%", "2 m_mu < m_V < 7.7 GeV, V -> mu mu", _babar, softness=0.2, group=GROUP, color="#0072B2",
        notes="limit on L_mu - L_tau rescaled by couplings and branching fraction; emission from muons only (kinetic mixing adds"
        " emission from the electrons, see dp_prompt); axial emission from the tree-level rate without cuts; a wide V counts"
        " within 0.75 % of its mass",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "belle2_mumu_inv", r"e^+e^-\to\mu\mu+\mathrm{inv}", "Belle II search for an invisible V in muon-pair events",
        "arXiv:1912.11276", "90%", "m_V < 6 GeV, V invisible", _belle2, softness=0.2, group=GROUP, color="#E69F00",
        notes="0.28 fb^-1; later data are stronger but not available as numbers.  Only decays to dark fermions and neutrinos count",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "na64mu_inv", r"\mu N\to\mu N+\mathrm{inv}", "NA64mu search for missing momentum with a 160 GeV muon beam",
        "arXiv:2401.01708", "90%", "1 MeV < m_V < 3 GeV, V invisible", _na64mu("zp_na64mu_2401.01708"), softness=0.1,
        group=GROUP, color="#D55E00",
        notes="axial emission from the Weizsaecker-Williams ratio; only decays to dark fermions and neutrinos count",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "na64mu_projection", r"\mathrm{NA64}\mu,\ 2\times10^{13}", "PROJECTION of NA64mu to 2e13 muons", "provided by NA64 members",
        "projection", "1 MeV < m_V < 3 GeV, V invisible", _na64mu("zp_proj_na64mu"), softness=0.1, group="projections",
        color="#D55E00", opt_in=True,
    )
)  # fmt: skip
