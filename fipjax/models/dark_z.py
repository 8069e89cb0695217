r"""Dark photon and dark Z, arXiv:2210.15662: a light vector Z_D with kinetic and mass mixing, and direct couplings to leptons.

L = V_mu [epsilon e J_em^mu + (g/cos theta_W) epsilon_Z J_Z^mu + mubar gamma^mu (g_mu + g_mu_A gamma5) mu] and the W couplings of
the mixing; J_Z = fbar gamma (T3 P_L - Q sin^2 theta_W) f.  To first order in epsilon and epsilon_Z, for m_V << m_Z.  Couplings of
a fermion in V_mu fbar gamma^mu (g_V + g_A gamma5) f, beside epsilon e Q:

    g_V = (g/4c) epsilon_Z (2 T3 - 4 Q s^2),   g_A = -(g/4c) epsilon_Z 2 T3;   neutrinos (g/2c) epsilon_Z nubar gamma P_L nu.

b -> s, s -> d and b -> d come from loops (fipkernels.z_penguins): a constant E0 by epsilon_Z, which dominates, and E2 q^2.

What is approximate, and by how much:

* The photon part of b decays is scaled to the standard model's photon penguin at 4.8 GeV with its QCD corrections: E2 by 1.12 to
  C9 without Z penguin and box, plus the real part of the charm loop Y (0.30 within 10 % for q^2 below 4 GeV^2; its phase, 2
  degrees, is left out), the dipoles by 1.55 to C7eff.  The Z part is at one loop, its logarithms of u and c stop at 4.8 GeV, see
  fipkernels.z_penguins.  All this matters for epsilon_Z = 0 only: at epsilon = epsilon_Z, |E2| q^2 is 1e-4 |E0| at 1 GeV^2.
* s -> d: logarithms of u and c stop at m_c.  With epsilon, K -> pi V is dominated by long distances (as K -> pi gamma*), not in
  sd_L.
* alpha and sin^2 theta_W are those at m_Z for the coupling to J_Z; with sin^2 theta_W = 0.2386 at low q the couplings to J_Z
  change by 0.018 epsilon_Z e Q, that is like epsilon -> epsilon - 0.018 epsilon_Z.  epsilon is defined with alpha(0) and the
  coupling e of dark-photon limits.
* CKM elements are the central values of the inputs also where those are sampled; m_t(m_t) = 163.53 GeV as in the paper.
* Hadronic width: see fipkernels.hadronic_width.

"extra invisible" (kappa_inv): a massless dark fermion with kappa_inv times the width to neutrinos.  tuned_e = 1 adds a direct
vector coupling to electrons that cancels the mixing (the paper's case C); the axial part of the mixing survives, so parity
violation in atoms still applies, unless tuned_axial_e = 1 cancels it too.

``printed``: conventions of the paper.  C9 and C10 as eqs. (2.10), (2.11): lepton couplings by mixing twice as large, axial ones
with the other sign, +epsilon e, loops as in appendix B without the minus sign of H = -L (with it the fits would prefer g_mu < 0),
u and c logarithms included, eq. (B.6) with +i; one flavour of neutrinos in the width, eq. (2.16); hadrons times Gamma(mumu)
phase space, eq. (2.17); a_mu without interference, eq. (6.2), by g_mu alone if there is a g_mu, eq. (6.3); electrons without any
coupling in case C; scheme "narrow".  Leptons couple in one way only, so searches other than C9, C10 see the doubled mixing too in
case A; widths have the right ones as in eq. (2.15).
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fipjax.data._hadrons import hadronic_tables
from fipjax.hadronic import MU_B, central_derived, default_inputs, sm_wilson
from fipjax.models.base import Model, Parameter, register_model
from fipjax.priors import Flat
from fipjax.theory import Theory, VectorMediator
from fipkernels import ckm, g2, hadronic_width, widths, z_penguins
from fipkernels.dark_photon import E_CHARGE, M_E, M_MU, M_TAU

PAPER = "arXiv:2210.15662"
# Detector resolution in q of the dilepton bins, 2210.15662 below eq. (2.14), GeV
RESOLUTION = (("e", 0.010), ("mu", 0.002))
# m_t(m_t), 2210.15662 below eq. (4.2); the pole mass of the inputs gives 162.9 GeV
M_T = 163.53
# Quark masses of the printed dipoles, which the paper does not give: PDG m_b(m_b), m_s(2 GeV) in GeV
_PRINTED_M_B, _PRINTED_M_S = 4.18, 0.093
# Re of the c-quark loop in C9 at 4.8 GeV with two loops (fipjax.hadronic.effective_coefficients): 0.34, 0.29, 0.33 at 0, 1, 4 GeV^2
_CHARM_LOOP = 0.30


class Constants(NamedTuple):
    """SU(2) coupling, sin^2 theta_W, m_W, v = (m/m_W)^2 of u, c, t, V_cj'^*V_cj and V_tj'^*V_tj by transition, m_b, m_s, m_d;
    monopole and dipole of the photon in b decays over their one-loop values."""

    g: float
    s2: float
    m_w: float
    v: tuple[float, float, float]
    lam: dict[str, tuple[complex, complex]]
    m_b: float
    m_s: float
    m_d: float
    monopole: float
    dipole: float


@lru_cache(maxsize=1)
def constants() -> Constants:
    """Central values of the default inputs (fipjax/data/inputs.toml)."""
    par = default_inputs().central()
    s2, m_w = par["s2w"], par["m_W"]
    v = tuple((m / m_w) ** 2 for m in (par["m_u"], par["m_c"], M_T))
    derived = central_derived()
    with jax.ensure_compile_time_eval():
        matrix = {k: complex(x) for k, x in ckm.tree(par["Vus"], par["Vcb"], par["Vub"], par["gamma"]).items()}
        c0, d0, d0_floor, d0_prime = (
            float(f(x))
            for f, x in (
                (z_penguins.c0, v[2]), (z_penguins.d0, v[2]), (z_penguins.d0, (MU_B / m_w) ** 2), (z_penguins.d0_prime, v[2])
            )
        )  # fmt: skip

    def factor(up, final, initial):
        return matrix[f"V{up}{final}"].conjugate() * matrix[f"V{up}{initial}"]

    lam = {i + f: (factor("c", f, i), factor("t", f, i)) for i, f in (("b", "s"), ("b", "d"), ("s", "d"))}
    g = math.sqrt(4.0 * math.pi * par["alpha_e"] / s2)
    sm, x = sm_wilson(MU_B), v[2]
    # C9 without box and Z penguin, (C0 - B0)/s^2 - 4 C0, plus the charm loop
    b0 = 0.25 * (x / (1.0 - x) + x * math.log(x) / (x - 1.0) ** 2)
    monopole = (sm["C9"] - (c0 - b0) / s2 + 4.0 * c0 + _CHARM_LOOP) / (d0_floor - d0)
    dipole = sm["C7eff"] / (-0.5 * d0_prime)
    return Constants(g, s2, m_w, (v[0], v[1], v[2]), lam, derived["m_b"], derived["m_s"], par["m_d"], monopole, dipole)


@lru_cache(maxsize=8)
def _unit_penguins(transition: str, printed: bool) -> tuple[Any, ...]:
    """Loop coefficients at epsilon = epsilon_Z = 1: they are linear, and need not be traced with the model."""
    k = constants()
    floor = k.v[1] if transition == "sd" else (MU_B / k.m_w) ** 2
    masses = {"b": _PRINTED_M_B if printed else k.m_b, "s": _PRINTED_M_S if printed else k.m_s, "d": k.m_d}
    with jax.ensure_compile_time_eval():
        out = z_penguins.coefficients(
            *k.lam[transition],
            1.0,
            1.0,
            masses[transition[0]],
            masses[transition[1]],
            *k.v,
            g=k.g,
            e=E_CHARGE,
            s2=k.s2,
            m_w=k.m_w,
            v_floor=0.0 if printed else floor,
            convention="printed" if printed else "common",
        )
        if not printed and transition != "sd":
            out = out._replace(e2_a=k.monopole * out.e2_a, m1_a_l=k.dipole * out.m1_a_l, m1_a_r=k.dipole * out.m1_a_r)
        return tuple(complex(x) for x in out)


def penguins(transition: str, epsilon, epsilon_z, printed: bool = False) -> z_penguins.Coefficients:
    """Loop coefficients of "bs", "bd" or "sd" (initial, final quark first), with QCD corrections in the photon part of b
    decays unless ``printed``."""
    unit = z_penguins.Coefficients(*_unit_penguins(transition, printed))
    by = z_penguins.Coefficients(epsilon_z, epsilon, epsilon_z, epsilon, epsilon, epsilon_z, epsilon_z)
    return z_penguins.Coefficients(*(u * x for u, x in zip(unit, by, strict=True)))


def mixing_couplings(epsilon_z) -> dict[str, Any]:
    """Couplings by mass mixing: lepton_v, lepton_a, nu (of P_L), up_v, up_a, down_v, down_a, charged_current = -g c epsilon_Z."""
    k = constants()
    c = math.sqrt(1.0 - k.s2)
    q = k.g / (4.0 * c) * epsilon_z
    return {
        "lepton_v": (-1.0 + 4.0 * k.s2) * q,
        "lepton_a": q,
        "nu": 2.0 * q,
        "up_v": (1.0 - 8.0 / 3.0 * k.s2) * q,
        "up_a": -q,
        "down_v": (-1.0 + 4.0 / 3.0 * k.s2) * q,
        "down_a": q,
        "charged_current": -k.g * c * epsilon_z,
    }


def build(params, printed: bool = False) -> Theory:
    """Theory from the parameters of "dark_z" (arrays (B,)); couplings that are absent are zero.  printed: see the module."""
    mass = params["m_V"]
    zero = jnp.zeros_like(mass)
    epsilon, epsilon_z = params.get("epsilon"), params.get("epsilon_Z")
    em = zero if epsilon is None else E_CHARGE * epsilon
    mixed = epsilon is not None or epsilon_z is not None
    m: dict[str, Any] = {} if epsilon_z is None else mixing_couplings(epsilon_z)
    v, a = m.get("lepton_v"), m.get("lepton_a")
    lepton_v, lepton_a = zero if v is None else v, zero if a is None else a

    # total couplings, kinetic mixing included
    mu_v = lepton_v - em + params.get("g_mu", zero)
    mu_a = lepton_a + params.get("g_mu_A", zero)
    tuned = params.get("tuned_e", zero)
    # the paper takes the electron to have no coupling at all
    tuned_a = tuned if printed else params.get("tuned_axial_e", zero)
    e_v, e_a = (1.0 - tuned) * (lepton_v - em), (1.0 - tuned_a) * lepton_a

    partial_widths = {
        "ee": widths.vector_to_fermions(mass, M_E, e_v, e_a),
        "mumu": widths.vector_to_fermions(mass, M_MU, mu_v, mu_a),
        "tautau": widths.vector_to_fermions(mass, M_TAU, lepton_v - em, lepton_a),
    }
    dark_mass = dark_strength = None
    if mixed:
        up_v, up_a, down_v, down_a = (m.get(n, zero) for n in ("up_v", "up_a", "down_v", "down_a"))
        vector = hadronic_width.vector_width(mass, up_v + 2.0 / 3.0 * em, down_v - em / 3.0, hadronic_tables())
        if printed:
            # Gamma(mumu) R, eq. (2.17), with the phase space of massive muons
            vector = vector * widths.vector_to_fermions(mass, M_MU, 1.0, 0.0) / widths.vector_to_fermions(mass, 0.0, 1.0, 0.0)
        partial_widths["hadrons"] = vector + hadronic_width.axial_width(mass, up_a, down_a)
    if epsilon_z is not None:
        # eq. (2.16) is the width of one flavour
        partial_widths["nunu"] = (1.0 if printed else 3.0) * mass / (24.0 * math.pi) * m["nu"] ** 2
        if "kappa_inv" in params:
            partial_widths["dark"] = params["kappa_inv"] * partial_widths["nunu"]
            dark_mass, dark_strength = zero[None], 12.0 * math.pi * partial_widths["dark"][None] / mass

    flavour: dict[str, Any] = {}
    if mixed:
        sign = 1.0 if printed else -1.0
        for name in ("bs", "bd", "sd"):
            loop = penguins(name, zero if epsilon is None else epsilon, zero if epsilon_z is None else epsilon_z, printed)
            flavour[f"{name}_L"] = sign * jnp.stack([loop.e0_z, loop.e2_a + loop.e2_z])
            if name == "bs":
                flavour["bs_dipole_L"] = sign * (loop.m1_a_l + loop.m1_z_l)
                flavour["bs_dipole_R"] = sign * (loop.m1_a_r + loop.m1_z_r)

    if printed:
        field_mu_v = 2.0 * em + 2.0 * lepton_v + params.get("g_mu", zero)
        field_mu_a = params.get("g_mu_A", zero) - 2.0 * lepton_a
        field_e_v, field_e_a = em + (1.0 - tuned) * (em + 2.0 * lepton_v), -2.0 * (1.0 - tuned_a) * lepton_a
        if "g_mu" in params:
            a_mu = g2.delta_a_mu_vector(params["g_mu"], zero, mass, M_MU)
        else:
            a_mu = g2.delta_a_mu_vector(em, zero, mass, M_MU) + g2.delta_a_mu_vector(lepton_v, lepton_a, mass, M_MU)
    else:
        field_mu_v, field_mu_a, field_e_v, field_e_a = mu_v + em, mu_a, e_v + em, e_a
        a_mu = g2.delta_a_mu_vector(mu_v, mu_a, mass, M_MU)

    def has(*names):
        return epsilon_z is not None or any(n in params for n in names) or (printed and epsilon is not None)

    mediator = VectorMediator(
        mass,
        sum(partial_widths.values(), zero),
        mu_V=field_mu_v[None] if has("g_mu") else None,
        mu_A=field_mu_a[None] if epsilon_z is not None or "g_mu_A" in params else None,
        e_V=field_e_v[None] if has("tuned_e") else None,
        e_A=field_e_a[None] if epsilon_z is not None else None,
        nue_L=None if epsilon_z is None else m["nu"][None],
        numu_L=None if epsilon_z is None else m["nu"][None],
        nutau_L=None if epsilon_z is None else m["nu"][None],
        up_V=m.get("up_v"),
        up_A=m.get("up_a"),
        down_V=m.get("down_v"),
        down_A=m.get("down_a"),
        charged_current=m.get("charged_current"),
        epsilon=epsilon,
        dark_mass=dark_mass,
        dark_strength=dark_strength,
        partial_widths=partial_widths,
        name="dark_z",
        scheme="narrow" if printed else "sqrt_q2",
        resolution=RESOLUTION,
        **flavour,
    )
    couplings = {n: params[n] for n in ("g_mu", "g_mu_A") if n in params}
    return Theory(mediators=(mediator,), a_mu=a_mu, couplings=couplings)


_MASS = Parameter("m_V", r"m_{Z_D}", "GeV", "mass of the vector (valid well below m_Z)", None, 0.0, open_lower=True)


def _mixing(epsilon=0.0, epsilon_z=0.0):
    return (
        Parameter("epsilon", r"\epsilon", "", "kinetic mixing: coupling epsilon e Q to every charged particle", epsilon),
        Parameter("epsilon_Z", r"\epsilon_Z", "", "mass mixing: coupling (g/cos theta_W) epsilon_Z to the Z current", epsilon_z),
    )


_MU = Parameter("g_mu", r"g_D^\mu", "", "direct vector coupling to muons, beside the mixing")
_MU_A = Parameter("g_mu_A", r"g_{DA}^\mu", "", "direct axial coupling to muons, beside the mixing")
_KAPPA = Parameter("kappa_inv", r"\kappa", "", "extra invisible width in units of the width to neutrinos", 0.0, 0.0)


def _tuned(vector=0.0):
    return (
        Parameter("tuned_e", r"t_e", "", "part of the vector coupling to electrons that a direct one cancels", vector, 0.0, 1.0),
        Parameter("tuned_axial_e", r"t_e^A", "", "the same for the axial coupling to electrons", 0.0, 0.0, 1.0),
    )


_RANGE = {"m_V": Flat(0.01, 2.0)}
# Ranges of the scans: 2210.15662 section 5
_A = {**_RANGE, "epsilon": Flat(0.0, 1e-3), "epsilon_Z": Flat(0.0, 2e-3)}
_B = {**_RANGE, "g_mu": Flat(-0.5, 0.5)}
_C = {**_RANGE, "g_mu": Flat(-0.1, 0.1)}


def _register(name, text, parameters, priors, regions=None):
    register_model(Model(name, text, PAPER, parameters, build, priors, regions or {}, printed=partial(build, printed=True)))


_INVISIBLE = {"invisible": {"kappa_inv": Flat(0.1, 1.0)}}
_register(
    "dark_z",
    "dark photon or dark Z: kinetic and mass mixing, direct couplings to muons, all optional",
    (_MASS, *_mixing(), _MU, _MU_A, _KAPPA, *_tuned()),
    _A,
    _INVISIBLE,
)
_register("dark_z_A", "dark Z, case A: mixing alone", (_MASS, *_mixing(), _KAPPA), _A, _INVISIBLE)
_register("dark_z_B", "dark Z, case B: mixing fixed, direct vector coupling to muons", (_MASS, *_mixing(1e-4, 1e-5), _MU), _B)
_register(
    "dark_z_B_axial",
    "dark Z, case B with a direct axial coupling to muons too",
    (_MASS, *_mixing(1e-4, 1e-5), _MU, _MU_A),
    {**_B, "g_mu_A": Flat(-0.5, 0.5)},
)
_register(
    "dark_z_C",
    "dark Z, case C: as B with a direct coupling to electrons that cancels their mixing (fit muon modes)",
    (_MASS, *_mixing(1e-4, 1e-4), _MU, *_tuned(1.0)),
    _C,
)
