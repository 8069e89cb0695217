r"""Neutral currents at low energy: weak charges of caesium and of the proton, coherent neutrino scattering at COHERENT.

Tree-level exchange of V between axial electrons (or neutrinos) and the vector currents of quarks, added to the Standard Model with
its one-loop couplings (:mod:`fipkernels.weak_charge`, :mod:`fipkernels.cevns`).  Kinetic mixing enters through the proton charge.
The axial electron coupling is what counts for weak charges: cancelling the vector coupling alone leaves them.

``as_printed``, for models of arXiv:2210.15662 (scheme "narrow"): weak charges with rho_d and kappa_d of eqs. (4.36)-(4.38), with
their terms that do not grow as 1/m_V^2, the one-loop g_AV instead of the tree-level value quoted after (4.35) and the
bracket of eq. (4.35) where it belongs (printed literally, both exclude the Standard Model); no bound where the vector electron
coupling is cancelled; for CsI the quoted eps_Z < 5e-4 below 10 MeV.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.constraints.base import Constraint, Context, register_constraint
from fipjax.constraints.curves import load_curve
from fipjax.theory import Theory, VectorMediator, evaluate_at
from fipkernels import cevns, weak_charge
from fipkernels.dark_photon import E_CHARGE

GROUP = "neutral currents"

# g/cos(theta_W) at alpha = 1/127.9, sin^2 = 0.2312 and the rest of the inputs with which 2210.15662 is reproduced
G_OVER_C, SIN2, M_Z = 0.74348, 0.2312, 91.1876
TAN_THETA = (SIN2 / (1.0 - SIN2)) ** 0.5


def is_printed_dark_z(m: VectorMediator) -> bool:
    """Whether V comes from a model of 2210.15662 in its printed form."""
    return m.scheme == "narrow"


def nucleons(m: VectorMediator):
    """Vector couplings (proton, neutron), each (B,); None without couplings to quarks."""
    if m.up_V is None and m.down_V is None and m.epsilon is None:
        return None
    up, down, eps = (jnp.zeros_like(m.mass) if v is None else v for v in (m.up_V, m.down_V, m.epsilon))
    return weak_charge.nucleon_couplings(up, down, E_CHARGE * eps)


# --- weak charges ----------------------------------------------------------------------------------------------------
# (Z, N), measured value and error: Q_weak and 133Cs, as in 2210.15662 eq. (4.33) (PDG 2022)
NUCLEI = {"p": ((1, 0), 0.0719, 0.0045), "cs": ((55, 78), -72.82, 0.42)}
# momentum transfer squared of the Q_weak experiment, GeV^2, Nature 557 (2018) 207
Q2_P = 0.0248


def overlap(m_v):
    """f_Cs(m_V), 1 % accurate from 0.1 MeV."""
    c = load_curve("weak_charge_cs")
    return weak_charge.overlap(m_v, c["m"], c["f"])


def _exchange(m_v, nucleus: str):
    return weak_charge.yukawa(m_v, Q2_P) if nucleus == "p" else overlap(m_v) / (m_v * m_v)


def weak_charge_shift(theory: Theory, nucleus: str):
    """Q_W minus its Standard-Model value (B,) for "p" or "cs"; None where no V has axial electron and vector quark couplings."""
    (z, n), _, _ = NUCLEI[nucleus]
    total = None
    for m in theory.mediators:
        couplings = nucleons(m)
        if m.e_A is None or couplings is None:
            continue
        q2 = jnp.full_like(m.mass, -Q2_P if nucleus == "p" else 0.0)
        (p_v, n_v), axial = couplings, jnp.real(evaluate_at(m.e_A, q2))
        s = weak_charge.shift(axial, p_v, n_v, _exchange(m.mass, nucleus), z, n)
        total = s if total is None else total + s
    return total


def standard_model(nucleus: str) -> float:
    """Q_W of the Standard Model."""
    (z, n), _, _ = NUCLEI[nucleus]
    return weak_charge.proton() if nucleus == "p" else weak_charge.standard_model(z, n)


def _epsilon_z(m: VectorMediator):
    """Mass mixing read off the neutrino coupling (g/2c) eps_Z, or None."""
    nu = next((g for g in (m.numu_L, m.nue_L, m.nutau_L) if g is not None), None)
    return None if nu is None else 2.0 * jnp.real(nu[0]) / G_OVER_C


def _printed(theory: Theory, nucleus: str):
    (z, n), _, _ = NUCLEI[nucleus]
    rho: Any = 0.0
    kappa: Any = 0.0
    found = False
    for m in theory.mediators:
        eps_z = _epsilon_z(m)
        if not is_printed_dark_z(m) or eps_z is None or m.e_A is None:
            continue
        found = True
        eps = jnp.zeros_like(m.mass) if m.epsilon is None else m.epsilon
        f = m.mass**2 * _exchange(m.mass, nucleus)
        r, k = weak_charge.rho_kappa(m.mass, eps, eps_z, f, M_Z, TAN_THETA)
        # the paper takes an electron without vector coupling for one without any
        vector = jnp.real(evaluate_at(m.e_V, jnp.zeros_like(m.mass)))
        cancelled = jnp.abs(vector - E_CHARGE * eps) <= 1e-9 * (jnp.abs(vector) + E_CHARGE * jnp.abs(eps))
        rho, kappa = rho + jnp.where(cancelled, 0.0, r), kappa + jnp.where(cancelled, 0.0, k)
    if not found:
        return None
    return weak_charge.with_rho_kappa(z, n, rho, kappa, bound=nucleus == "cs")


def _weak_charge(nucleus: str):
    _, value, error = NUCLEI[nucleus]

    def ratio(theory: Theory, context: Context):
        q_w = _printed(theory, nucleus) if context.as_printed else None
        if q_w is None:
            change = weak_charge_shift(theory, nucleus)
            if change is None:
                return None
            q_w = standard_model(nucleus) + change
        return jnp.abs(q_w - value) / (3.0 * error)

    return ratio


# --- coherent scattering ---------------------------------------------------------------------------------------------
_U = 0.93149410242  # GeV
# Z, N, mass in GeV
ISOTOPES = {"ar": [(18, 22, 39.9624 * _U)], "csi": [(55, 78, 132.9055 * _U), (53, 74, 126.9045 * _U)]}
# flux-averaged cross sections in cm^2 with their errors up and down: arXiv:2003.10630, 2110.07730
CROSS_SECTIONS = {"ar": (2.2e-39, 0.7e-39, 0.7e-39), "csi": (165e-40, 30e-40, 25e-40)}
# form factors and one-loop terms of the prediction, relative
_THEORY = 0.03
# argon: sharp threshold in place of the efficiency, which rises slowly from there
THRESHOLD_AR = 20e-6


def csi_efficiency(t):
    """Detection efficiency of the CsI detector at recoil energy t in GeV, without the smearing of photoelectron numbers; numpy.

    Light yield 13.35 photoelectrons per keV, quenching polynomial and efficiency of arXiv:2110.07730 and 2111.02477, as public
    analysis codes have them; events above 60 photoelectrons are not used.
    """
    e = np.asarray(t) * 1e6  # keV
    quenched = 0.0554628 * e + 4.30681e-3 * e**2 - 1.11707e-4 * e**3 + 8.40384e-7 * e**4
    pe = 13.35 * quenched
    return np.where(pe < 60.0, np.maximum(1.32045 / (1.0 + np.exp(-0.285979 * (pe - 10.8646))) - 0.333322, 0.0), 0.0)


def _kinks(detector: str, mass: float) -> list[float]:
    """Recoil energies (GeV) between which the rate is smooth: threshold, end of the nu_mu line, end of the spectrum."""
    line, end = (2.0 * e * e / (mass + 2.0 * e) for e in (cevns.E_LINE, cevns.E_MAX))
    if detector == "ar":
        return [THRESHOLD_AR, line, end]
    # 7.07 photoelectrons
    grid = np.linspace(4e-6, 10e-6, 6001)
    start = float(grid[np.argmax(csi_efficiency(grid) > 0.0)])
    return [start, line, end]


@lru_cache(maxsize=4)
def cevns_tables(detector: str) -> tuple[list, float]:
    """([(Z, N, Q^2 nodes (J,), rates (2, J) of e and mu)], flux-averaged cross section of the Standard Model in cm^2)."""
    x, w = np.polynomial.legendre.leggauss(16)
    rows, sigma = [], 0.0
    isotopes = ISOTOPES[detector]
    rate = jax.jit(cevns.weights)
    for z, n, mass in isotopes:

        def nodes(edges):
            step = np.diff(edges)[:, None]
            return (np.array(edges)[:-1, None] + step * 0.5 * (x + 1.0)).ravel(), (step * 0.5 * w).ravel()

        edges = _kinks(detector, mass)
        # numbers, also when the first call comes from traced code
        with jax.ensure_compile_time_eval():
            t, dt = nodes(edges)
            efficiency = np.ones_like(t) if detector == "ar" else csi_efficiency(t)
            rows.append((z, n, 2.0 * mass * t, np.asarray(rate(t, dt, efficiency, mass, float(z), float(n)))))
            t, dt = nodes([0.0, *edges[1:]])
            every = np.asarray(rate(t, dt, np.ones_like(t), mass, float(z), float(n)))
        sigma += float(np.sum(every)) / 3.0 / len(isotopes)
    return rows, sigma


def cevns_ratio(theory: Theory, detector: str):
    """Rate in the "ar" or "csi" detector over its Standard-Model value (B,); None without couplings to nu_e or nu_mu and quarks."""
    rows, _ = cevns_tables(detector)
    amplitudes, rates = [], []
    found = False
    for z, n, q2, rate in rows:
        q2 = jnp.asarray(q2)[:, None]
        for i, flavour in enumerate(("nue_L", "numu_L")):
            total = jnp.zeros((1, 1))
            for m in theory.mediators:
                couplings, nu = nucleons(m), getattr(m, flavour)
                if couplings is None or nu is None:
                    continue
                found = True
                (p_v, n_v), g_nu = couplings, jnp.real(evaluate_at(nu, -q2))
                total = total + cevns.relative_amplitude(g_nu, p_v, n_v, m.mass, q2, z, n)
            amplitudes.append(total)
            rates.append(jnp.asarray(rate[i]))
    return cevns.ratio(amplitudes, rates) if found else None


def _cevns_printed(theory: Theory):
    """eps_Z < 5e-4 for m_V up to 10 MeV (10.5, rounded), the only number that 2210.15662 gives."""
    out = None
    for m in theory.mediators:
        eps_z = _epsilon_z(m)
        if is_printed_dark_z(m) and eps_z is not None and nucleons(m) is not None:
            r = jnp.where(m.mass <= 0.0105, jnp.abs(eps_z) / 5e-4, 0.0)
            out = r if out is None else jnp.maximum(out, r)
    return out


def _coherent(detector: str):
    def ratio(theory: Theory, context: Context):
        if context.as_printed and detector == "csi":
            printed = _cevns_printed(theory)
            if printed is not None:
                return printed
        r = cevns_ratio(theory, detector)
        if r is None:
            return None
        sm = cevns_tables(detector)[1]
        value, up, down = (v / sm for v in CROSS_SECTIONS[detector])
        above, below = (float(np.hypot(s, _THEORY)) for s in (up, down))
        return jnp.abs(r - value) / (2.0 * jnp.where(r > value, above, below))

    return ratio


_APV = "axial electron and vector quark couplings (or kinetic mixing); neither vector electron nor muon couplings"

register_constraint(
    Constraint(
        "weak_charge_cs", r"Q_W({}^{133}\mathrm{Cs})", "weak charge of caesium from atomic parity violation, within 3 sigma",
        "arXiv:2210.15662 eqs. (4.33)-(4.38), arXiv:1203.2947, hep-ph/0410260; -72.82(42) (PDG)", "99.7%", _APV, _weak_charge("cs"),
        kind="gaussian", strength=3.0, group=GROUP, color="#0072B2",
        notes="range of the force from the Dirac equation, good to 1 % for m_V above 0.1 MeV; screening is not in it, and below"
        " that mass the result is an extrapolation; couplings of V at tree level (1 % on its effect, 6 % with kinetic mixing)",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "weak_charge_p", r"Q_W(p)", "weak charge of the proton from polarised electron scattering, within 3 sigma",
        "arXiv:2210.15662 eqs. (4.33)-(4.38), arXiv:1203.2947; Q_weak, Nature 557 (2018) 207, 0.0719(45)", "99.7%", _APV,
        _weak_charge("p"), kind="gaussian", strength=3.0, group=GROUP, color="#56B4E9",
        notes="one momentum transfer, Q^2 = 0.0248 GeV^2; couplings of V at tree level (3 to 6 % on its effect)",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "cevns_ar", r"\mathrm{CE\nu NS\ (Ar)}",
        "coherent neutrino scattering on argon over its Standard-Model rate, within 2 sigma",
        "arXiv:2003.10630: 2.2(7)e-39 cm^2 averaged over the flux", "95%", "V coupled to electron or muon neutrinos and to quarks",
        _coherent("ar"), kind="gaussian", strength=2.0, group=GROUP, color="#E69F00",
        notes="recast of the number of events: sharp threshold at recoils of 20 keV instead of the efficiency (15 % on a coupling"
        " of a light V), Standard Model from our own calculation, 1.82e-39 cm^2, one form factor",
    )
)  # fmt: skip
register_constraint(
    Constraint(
        "cevns_csi", r"\mathrm{CE\nu NS\ (CsI)}",
        "coherent neutrino scattering on CsI over its Standard-Model rate, within 2 sigma",
        "arXiv:2110.07730: 165 +30 -25 e-40 cm^2 averaged over the flux; as_printed: quoted in arXiv:2210.15662 section 4.8", "95%",
        "V coupled to electron or muon neutrinos and to quarks", _coherent("csi"), kind="gaussian", strength=2.0, group=GROUP,
        color="#D55E00", opt_in=True,
        notes="recast of the number of events, without the time and energy distributions; the measured value could not be compared"
        " with the paper itself, hence not in 'all'; Standard Model from our own calculation, 1.87e-38 cm^2; as_printed: eps_Z <"
        " 5e-4 for m_V < 10 MeV, drawn there as 1 sigma",
    )
)  # fmt: skip
