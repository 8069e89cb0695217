r"""U(1)_T3R with a dark photon A' and a dark Higgs phi' (arXiv:2105.07655; kernels: :mod:`fipkernels.t3r`).

"t3r": the light sector.  A' couples to right-handed u, d, mu with g Q/2 = +g, -g, -g (vector and axial +-g/2), g = m_A'/(sqrt2 V),
and to everything charged through kinetic mixing from the loop of those fermions.  Only the first quark generation is charged, which
up_V and down_V of a Theory cannot say: rates with strange quarks do not follow from them.  phi' enters a_mu alone: its exchange
between b-s and muons is left out.  Decays of A': e e and, above threshold, mu mu, sterile neutrinos, eta eta, and pi0 gamma (left
out as printed).

"t3r_wc": the heavy sector as the paper uses it, constant coefficients given at 160 GeV: a universal pair from a flavour-changing Z
(C9 = (4 sin^2 theta_W - 1) C10, the same for e, mu, tau, and C_L = C10 for each neutrino), and for muons C9 = C10 from A', C9' =
C10' from A' with right-handed quarks, C_S and C_P.  They are independent here: in the model itself C_P is proportional to C9 = C10,
10 times to 1000 times larger than the paper's benchmarks have it, and exchange of A' falls as 1/q^2 instead of being constant.
With ``LL`` and ``RR`` of "t3r" it is not an approximation.
"""

from __future__ import annotations

import jax.numpy as jnp

from fipjax.models.base import Model, Parameter, register_model
from fipjax.priors import Flat
from fipjax.theory import Theory, VectorMediator
from fipkernels import t3r
from fipkernels.dark_photon import E_CHARGE, M_MU
from fipkernels.widths import vector_to_fermions

PAPER = "arXiv:2105.07655"
# A' -> pi pi opens at 0.279 GeV
_M_MAX = 0.275

LIGHT = (
    Parameter("m_Ap", r"m_{A'}", "GeV", "mass of the dark photon", None, 0.0, _M_MAX, open_lower=True),
    Parameter("m_phip", r"m_{\phi'}", "GeV", "mass of the dark Higgs", None, 0.0, open_lower=True),
    Parameter("V", "V", "GeV", "vacuum expectation value of phi", 10.0, 0.0, open_lower=True),
    Parameter("mixing_factor", r"\kappa_\epsilon", "", "kinetic mixing over its loop estimate e g/(4 pi^2); the sign is free", 1.0),
    Parameter(
        "m_nuS",
        r"m_{\nu_S}",
        "GeV",
        "mass of the sterile Dirac neutrino; not given: too heavy for A' decays",
        None,
        0.0,
        optional=True,
    ),
    Parameter(
        "m_eta", r"m_\eta", "GeV", "common mass of the dark Majorana fermions; not given: too heavy", None, 0.0, optional=True
    ),
    Parameter(
        "LL", r"(s'_s s'_b)_L", "", "sin(th'_sL) sin(th'_bL): A' couples to sbar gamma P_L b with g LL", 0.0, complex_allowed=True
    ),
    Parameter("RR", r"(s'_s s'_b)_R", "", "the same for right-handed quarks", 0.0, complex_allowed=True),
)


def build(params, printed: bool = False) -> Theory:
    """Theory of "t3r"; printed: m_mu = 0.105 GeV in Delta a_mu (the factor 6.98e-7 of eq. 3), no A' -> pi0 gamma."""
    mass, vev = params["m_Ap"], params["V"]
    g = t3r.gauge_coupling(mass, vev)
    # absent means 0
    factor = params.get("mixing_factor", jnp.zeros_like(mass))
    eps = t3r.kinetic_mixing(mass, vev, factor)
    half = 0.5 * g
    widths = {"ee": t3r.electron_width(mass, eps), "mumu": vector_to_fermions(mass, M_MU, -half - E_CHARGE * eps, -half)}
    if not printed:
        # kinetic mixing adds to the quark couplings
        widths["hadrons"] = t3r.pion_photon_width(mass, half + 2.0 / 3.0 * E_CHARGE * eps, -half - E_CHARGE / 3.0 * eps)
    dark: list[tuple] = []
    if "m_nuS" in params:
        m = params["m_nuS"]
        r = jnp.minimum((m / mass) ** 2, 0.25)
        # Dirac fermions with a vector coupling, as a Theory has them: the strength that gives the width of a chiral one
        dark.append((m, 0.5 * g * g * (1.0 - r) / (1.0 + 2.0 * r)))
    if "m_eta" in params:
        dark.append((params["m_eta"], half * half))
    dark_mass = dark_strength = None
    if dark:
        dark_mass, dark_strength = (jnp.stack([jnp.broadcast_to(d[i], mass.shape) for d in dark]) for i in (0, 1))
        # strength: the square of the coupling
        widths["dark"] = jnp.sum(dark_strength * vector_to_fermions(mass, dark_mass, 1.0, 0.0), axis=0)

    def to_bs(name):
        return (g * params[name])[None] if name in params else None

    return Theory(
        mediators=(
            VectorMediator(
                mass,
                sum(widths.values(), jnp.zeros_like(mass)),
                bs_L=to_bs("LL"),
                bs_R=to_bs("RR"),
                mu_V=-half[None],
                mu_A=-half[None],
                up_V=half,
                up_A=half,
                down_V=-half,
                down_A=-half,
                epsilon=eps,
                dark_mass=dark_mass,
                dark_strength=dark_strength,
                partial_widths=widths,
                name="A'",
                scheme="constant",
            ),
        ),
        a_mu=t3r.delta_a_mu(params["m_phip"], mass, vev, t3r.M_MU_PRINTED if printed else M_MU),
        couplings={"g": g, "phi' mu mu": M_MU / (t3r.SQRT2 * vev)},
    )


# sin^2(theta_W) at m_Z (PDG, MS-bar); the paper's numbers have 0.23
S2W, S2W_PRINTED = 0.23122, 0.23
HEAVY = (
    Parameter("C10_U", r"C_{10}^U", "", "universal C10 of a flavour-changing Z, at 160 GeV; C9 = (4 sin^2 theta_W - 1) C10", 0.0),
    Parameter("C_NU", r"C_{9,10}^{NU}", "", "C9 = C10 of muons alone, at 160 GeV", 0.0),
    Parameter("Cp_NU", r"C_{9,10}^{\prime NU}", "", "C9' = C10' of muons alone, at 160 GeV", 0.0),
    Parameter("CS_NU", r"C_S-C_S'", "GeV^-1", "scalar coefficient of muons, unprimed, at 160 GeV", 0.0),
    Parameter("CP_NU", r"C_P-C_P'", "GeV^-1", "pseudoscalar coefficient of muons, unprimed, at 160 GeV", 0.0),
    Parameter("running", r"w_\mathrm{run}", "", "1: QED running from 160 to 4.8 GeV, 0: none", 1.0, 0.0, 1.0),
    Parameter(
        "s2w",
        r"\sin^2\theta_W",
        "",
        f"weak mixing angle; not given: {S2W}, as printed {S2W_PRINTED}",
        None,
        0.0,
        1.0,
        open_lower=True,
        optional=True,
    ),
)


def build_wc(params, printed: bool = False) -> Theory:
    """Theory of "t3r_wc": WCxf coefficients at 4.8 GeV; printed: 0.23 for a weak mixing angle that is not given."""
    zero = jnp.zeros_like(next(iter(params.values())))
    run = params.get("running", 0.0)
    sin2 = params.get("s2w", S2W_PRINTED if printed else S2W)
    wc = {}
    if "C10_U" in params or "C_NU" in params:
        every, muon = params.get("C10_U", zero), params.get("C_NU", zero)
        only = jnp.stack([zero, muon, zero])
        c9, c10 = t3r.run_vectors((4.0 * sin2 - 1.0) * every + only, every + only, weight=run)
        for i, lepton in enumerate(("ee", "mumu", "tautau")):
            wc[f"C9_bs{lepton}"], wc[f"C10_bs{lepton}"] = c9[i], c10[i]
    if "C10_U" in params:
        # the Z couples to neutrinos as well; no QED running
        wc |= {f"CL_bsnu{n}nu{n}": params["C10_U"] for n in ("e", "mu", "tau")}
    if "Cp_NU" in params:
        only = jnp.stack([zero, params["Cp_NU"], zero])
        c9, c10 = t3r.run_vectors(only, only, primed=True, weight=run)
        for i, lepton in enumerate(("ee", "mumu", "tautau")):
            wc[f"C9p_bs{lepton}"], wc[f"C10p_bs{lepton}"] = c9[i], c10[i]
    for name, short in (("CS_NU", "CS"), ("CP_NU", "CP")):
        if name in params:
            wc[f"{short}_bsmumu"] = t3r.run_scalar(params[name], run)
    return Theory(wc=wc)


register_model(
    Model(
        "t3r",
        "U(1)_T3R: dark photon and dark Higgs with right-handed u, d, mu",
        PAPER,
        LIGHT,
        build,
        {"m_Ap": Flat(0.005, 0.21), "m_phip": Flat(0.06, 0.11)},
        {"visible": {"m_Ap": Flat(0.056, 0.2)}, "invisible": {"m_Ap": Flat(0.01, 0.03)}},
        printed=lambda params: build(params, printed=True),
    )
)
register_model(
    Model(
        "t3r_wc",
        "U(1)_T3R as constant Wilson coefficients: universal from the Z, muons alone from A' and phi'",
        PAPER,
        HEAVY,
        build_wc,
        {"C10_U": Flat(-15.0, 15.0), "C_NU": Flat(-12.0, 12.0)},
        {
            "scalar": {"CS_NU": Flat(0.0, 0.08), "CP_NU": Flat(-0.15, 0.15)},
            "primed": {"Cp_NU": Flat(-8.0, 8.0)},
        },
        printed=lambda params: build_wc(params, printed=True),
    )
)
