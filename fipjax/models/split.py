"""Split dark sector, arXiv:2002.11150: heavy coloured scalar Phi, light Dirac fermions chi_i, dark vector V coupled to muons.

L = y_s^i phi_d^* chibar_i P_L s + y_b^i phi_d^* chibar_i P_L b + h.c. + V_rho mubar gamma^rho (g_V + g_A gamma5) mu
    + g_D V_rho (dark current),   charges Q_Phi of Phi and -Q_Phi of chi_i.

The b-s coupling of V is a penguin, g(q^2) = gt(q^2) q^2, transverse.  "split" has the parameters of the paper's Table 1, in
which r = g_D Q_Phi y_s^* y_b is free; "split_uv" has Y_i = y_s^i* y_b^i instead, so that the box in Bs mixing and the
perturbativity of the Yukawa couplings follow.  r g_V < 0 lowers C9 for m_V above the data, r g_V > 0 below: that is what
defines the sign of r (with the covariant derivative d - i g Q V it is minus this).

How gt enters (``loop`` of :func:`build`):

* "full" (default): the loop with its full dependence on q^2, as polynomials in q^2 of degree 4 for its real and its absorptive
  part, fitted over [0.05, 29] GeV^2 and exact at q^2 = m_V^2 (inside that range).  For m_chi = 1 MeV within 2 % from 1.1 to
  6 GeV^2, 1 % above, 0.5 % at the Bs mass, 5 % down to 0.4 GeV^2, 15 % below that (an m_V between 0.2 and 0.7 GeV trades 10 % in
  the range from 0.4 to 6 GeV^2); within 10 % of the cusp at 4 m_chi^2 where that lies inside.
* "expansion": constant, the value at q^2 = 0, as in the paper: too large by 2 at 3.5 GeV^2 for m_chi = 1 MeV, accurate to
  0.3 % for m_chi = 5 GeV.

* "full-real": the same without the absorptive part.

The absorptive part is a strong phase, 14 degrees at 3.5 GeV^2 and 16 at the Bs mass for m_chi = 1 MeV: |C9| grows by 3 % at
3.5 GeV^2 and Re C9 changes by the fraction (Im gt/Re gt) Gamma_V sqrt(q^2)/(q^2 - m_V^2): 7 % for m_V = 1 GeV, Gamma_V = 0.4 GeV.
It enters b -> s l l; the rates B -> K(*) V on shell and Bs mixing are taken with the real part (6 % in a rate).

"split_fermion" has the roles of the spins exchanged: a heavy coloured Dirac fermion Psi of mass m_Phi and light complex scalars
chi_i (loop of arXiv:2106.12582 eq. 3.15).  V -> chi chi^* with its beta^3; in B -> K(*) chi chi^* off shell it counts as a fermion
of a quarter of the strength, right far above threshold.

Not in a Theory: m_Phi > 1-1.2 TeV from searches for b jets with missing energy (the default is 1 TeV).
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from fipjax.errors import InputError
from fipjax.models.base import Model, Parameter, Products, register_model
from fipjax.priors import Flat, LogFlat
from fipjax.theory import Theory, VectorMediator
from fipkernels import dark_loops, g2, widths
from fipkernels.dark_photon import E_CHARGE, M_E, M_MU, M_TAU

PAPER = "arXiv:2002.11150"
LOOPS = ("full", "full-real", "expansion")

# Range of the fit in q^2: below the dimuon threshold to above the Bs mass squared
_LOW, _HIGH, _DEGREE, _POINTS = 0.05, 29.0, 4, 32


@lru_cache(maxsize=1)
def _fit():
    """Nodes q^2 (n,), matrix (K, n) from values at the nodes to Chebyshev coefficients of the least-squares fit, its covariance
    (K, K), and the matrix from Chebyshev coefficients to powers of q^2.  Weight proportional to q^2: that of the coupling."""
    root = np.cos((np.arange(_POINTS) + 0.5) * np.pi / _POINTS)
    low, high = math.sqrt(_LOW), math.sqrt(_HIGH)
    q2 = (low + 0.5 * (high - low) * (1.0 - root)) ** 2
    basis = np.polynomial.chebyshev.chebvander(_scaled(q2), _DEGREE)
    covariance = np.linalg.inv(basis.T @ (q2[:, None] * basis))
    powers = np.zeros((_DEGREE + 1, _DEGREE + 1))
    line = np.polynomial.Polynomial([-(_HIGH + _LOW) / (_HIGH - _LOW), 2.0 / (_HIGH - _LOW)])
    for k in range(_DEGREE + 1):
        c = np.polynomial.chebyshev.cheb2poly([0.0] * k + [1.0])
        value = np.polynomial.Polynomial(c)(line)
        powers[: k + 1, k] = value.coef
    return q2, covariance @ (basis * q2[:, None]).T, covariance, powers


def _scaled(q2):
    return (2.0 * q2 - _HIGH - _LOW) / (_HIGH - _LOW)


def penguin_polynomial(r, m_chi, m_phi, m_v, loop: str = "full", loop_norm: str = "correct", heavy: str = "scalar", part: int = 0):
    """b-s coupling of V as a polynomial in q^2 (K, B), without constant term; r, m_chi (N, B), m_phi, m_v (B,).

    loop: see the module; loop_norm: "correct" or "paper" (half of it); heavy: spin of the heavy particle, "scalar" or "fermion";
    part: 0 for the dispersive, 1 for the absorptive part (a strong phase i).
    """
    if loop not in LOOPS:
        raise InputError(f"loop = {loop!r} (allowed: {', '.join(map(repr, LOOPS))})")
    if loop == "expansion":
        g = dark_loops.penguin_coupling(r, m_chi, m_phi, loop_norm=loop_norm, heavy=heavy)
        return jnp.stack([jnp.zeros_like(g), g])
    nodes, project, covariance, powers = _fit()
    full = dark_loops.penguin_sum_full if heavy == "scalar" else dark_loops.penguin_f15_full

    def of_loop(q2):
        return jnp.sum(r * full(q2, m_chi, m_phi)[part], axis=-2)

    c = project @ of_loop(nodes[:, None, None])
    # exact at the pole, where the propagator peaks: shift along the covariance of the fit
    at = jnp.clip(m_v * m_v, _LOW, _HIGH)
    u = _scaled(at)
    basis = [jnp.ones_like(u), u]
    for _ in range(_DEGREE - 1):
        basis.append(2.0 * u * basis[-1] - basis[-2])
    v = jnp.stack(basis)
    direction = covariance @ v
    miss = of_loop(at) - jnp.sum(v * c, axis=0)
    c = c + direction * miss / jnp.sum(v * direction, axis=0)
    g = dark_loops.LOOP_NORM[loop_norm] / (m_phi * m_phi) * (powers @ c)
    return jnp.concatenate([jnp.zeros_like(g[:1]), g])


def kinetic_mixing_estimate(g_d, q_phi=1.0, printed: bool = False):
    """Kinetic mixing from the loop of the doublet Phi, arXiv:2002.11150 eq. (28): e g_D/(12 pi^2) w sum N_3 Y Q.

    The sum over both members of Phi is Q_Phi; w = 1/4 for a complex scalar relative to a Dirac fermion, 1/8 in the paper
    (``printed``), which gives 9.6e-4 for g_D = 3 (the paper quotes 8e-4).  The logarithm of the matching scale is left out: an
    order of magnitude.
    """
    return E_CHARGE * g_d * q_phi * (0.125 if printed else 0.25) / (12.0 * math.pi**2)


def build(params, loop: str = "full", printed: bool = False, heavy: str = "scalar") -> Theory:
    """Theory from the parameters of "split", "split_uv" or "split_fermion" (arrays (B,)); couplings that are absent are zero.

    printed: the loop factor 1/(32 pi^2), the expansion in q^2 and the propagator i m_V Gamma_V of the paper; default is
    1/(16 pi^2), ``loop`` and i Gamma_V sqrt(q^2), closer to the running width of V into light fermions.
    """
    mass = params["m_V"]
    zero = jnp.zeros_like(mass)
    m_phi = params["m_Phi"]
    if "r2" in params and "m_chi2" not in params:
        raise InputError("parameter 'r2' needs 'm_chi2' (allowed: both or neither)")
    if "Y2" in params and "m_chi2" not in params:
        raise InputError("parameter 'Y2' needs 'm_chi2' (allowed: both or neither)")
    m_chi = [params["m_chi1"]] + ([params["m_chi2"]] if "m_chi2" in params else [])
    charge = params.get("g_D")
    dark: Any = None if charge is None else charge * params["Q_Phi"]

    uv = "Y1" in params or "Y2" in params
    names = ("Y1", "Y2") if uv else ("r", "r2")
    yukawas = [params.get(n) for n in names][: len(m_chi)]
    bs = strong = None
    wc = {}
    couplings = {} if dark is None else {"g_D Q_Phi": dark}
    if any(y is not None for y in yukawas) and not (uv and dark is None):
        y = jnp.stack([zero + (zero if v is None else v) for v in yukawas])
        r = y * dark if uv else y
        norm = "paper" if printed else "correct"
        args = (r, jnp.stack(m_chi), m_phi, mass, "expansion" if printed else loop, norm, heavy)
        bs = penguin_polynomial(*args)
        strong = penguin_polynomial(*args, part=1) if args[4] == "full" else None
    if uv:
        y = jnp.stack([zero + (zero if v is None else v) for v in yukawas])
        # H = C_1 O_1 = -C O in WCxf; 0.84: running from the top mass, which the paper's limit of 0.09 corresponds to
        running = 0.84 if printed else dark_loops.mixing_running(m_phi)
        wc["CVLL_bsbs"] = -running * dark_loops.mixing_c1(y, jnp.stack(m_chi), m_phi)
        # |y_s y_b| is the square of the smaller coupling at best
        for n, v in zip(names, yukawas, strict=False):
            if v is not None:
                size = jnp.abs(v)
                couplings[n] = jnp.where(size > 0.0, jnp.sqrt(jnp.where(size > 0.0, size, 1.0)), 0.0)

    g_v, ratio = params.get("g_V"), params.get("r_AV")
    g_a = None if g_v is None or ratio is None else g_v * ratio
    couplings |= {n: v for n, v in (("g_V", g_v), ("g_A", g_a)) if v is not None}
    epsilon = params.get("epsilon")
    if "loop_mixing" in params and dark is not None:
        estimate = params["loop_mixing"] * kinetic_mixing_estimate(charge, params["Q_Phi"], printed)
        epsilon = estimate if epsilon is None else epsilon + estimate

    # electric charge -1 of the leptons
    em = None if epsilon is None else -E_CHARGE * epsilon
    vector = (zero if g_v is None else g_v) + (zero if em is None else em)
    axial = zero if g_a is None else g_a
    partial_widths = {"mumu": widths.vector_to_fermions(mass, M_MU, vector, axial)}
    dark_mass = dark_strength = None
    if dark is not None:
        dark_mass = jnp.stack([zero + m for m in m_chi])
        dark_strength = jnp.broadcast_to(dark * dark, dark_mass.shape)
        if heavy == "fermion":
            dark_strength = 0.25 * dark_strength
            partial_widths["dark"] = jnp.sum(widths.vector_to_scalars(mass, dark_mass, dark), axis=0)
        else:
            partial_widths["dark"] = jnp.sum(widths.vector_to_fermions(mass, dark_mass, dark, 0.0), axis=0)
    if em is not None:
        # hadrons are left out: at eps < 1e-2 a few 1e-7 m_V, far below the width to dark fermions
        partial_widths["ee"] = widths.vector_to_fermions(mass, M_E, em, 0.0)
        partial_widths["tautau"] = widths.vector_to_fermions(mass, M_TAU, em, 0.0)
    return Theory(
        mediators=(
            VectorMediator(
                mass,
                sum(partial_widths.values(), zero),
                bs_L=bs,
                bs_L_strong=strong,
                mu_V=None if g_v is None else g_v[None],
                mu_A=None if g_a is None else g_a[None],
                epsilon=epsilon,
                dark_mass=dark_mass,
                dark_strength=dark_strength,
                partial_widths=partial_widths,
                name="split",
                scheme="constant" if printed else "sqrt_q2",
            ),
        ),
        wc=wc,
        a_mu=g2.delta_a_mu_vector(vector, axial, mass, M_MU),
        couplings=couplings,
    )


def _log_scale(params):
    # C9 = K gt q^2 g_V/(q^2 - m_V^2) at a typical q^2 of 4 GeV^2, without its sign change
    return jnp.log(params["m_V"] ** 2 + 4.0)


_MASS = Parameter("m_V", r"m_V", "GeV", "mass of the vector", None, 0.0, open_lower=True)
_R = Parameter("r", r"r", "", "g_D Q_Phi y_s^* y_b of the first dark fermion", 0.0, complex_allowed=True)
_R2 = Parameter("r2", r"r_2", "", "the same for the second dark fermion (needs m_chi2)", 0.0, complex_allowed=True)
_Y1 = Parameter("Y1", r"Y_1", "", "y_s^* y_b of the first dark fermion", 0.0, complex_allowed=True)
_Y2 = Parameter("Y2", r"Y_2", "", "y_s^* y_b of the second dark fermion (needs m_chi2)", 0.0, complex_allowed=True)
_REST = (
    Parameter("g_V", r"g_\mu^V", "", "vector coupling of V to muons"),
    Parameter("r_AV", r"r_{AV}", "", "axial over vector muon coupling"),
    Parameter("g_D", r"g_D", "", "dark gauge coupling"),
    Parameter("Q_Phi", r"Q_\Phi", "", "dark charge of Phi; that of the fermions is the opposite", 1.0),
    Parameter("m_chi1", r"m_{\chi_1}", "GeV", "mass of the first dark fermion", 1e-3, 0.0),
    Parameter(
        "m_chi2", r"m_{\chi_2}", "GeV", "mass of the second dark fermion; not given: there is none", None, 0.0, optional=True
    ),
    Parameter("m_Phi", r"m_\Phi", "GeV", "mass of the coloured scalar (searches: above 1-1.2 TeV)", 1000.0, 200.0),
    Parameter("epsilon", r"\epsilon", "", "kinetic mixing: coupling epsilon e Q to every charged particle"),
    Parameter("loop_mixing", r"\kappa_\epsilon", "", "kinetic mixing added, in units of the one-loop estimate"),
)

# Table 1 of the paper: |r| and g_V log-flat, g_D, r_AV and m_V flat
_R_RANGE, _GV = (0.03, 10.0), LogFlat(1e-3, 0.2)
_COMMON = {"g_V": _GV, "r_AV": Flat(-1.0, 0.0), "g_D": Flat(0.0, 4.0)}
_HIGH_MASS, _LOW_MASS = Flat(2.0, 15.0), Flat(0.6, 2.0)


def _register(name, text, yukawas, anchor, reach, heavy="scalar"):
    def regions(s):
        return LogFlat(reach[0], reach[1], s)

    register_model(
        Model(
            name,
            text,
            PAPER,
            (_MASS, *yukawas, *_REST),
            partial(build, heavy=heavy),
            {"m_V": _HIGH_MASS, anchor: regions(-1), **_COMMON},
            {"high": {"m_V": _HIGH_MASS, anchor: regions(-1)}, "low": {"m_V": _LOW_MASS, anchor: regions(1)}},
            printed=partial(build, printed=True, heavy=heavy),
            products=Products(anchor, ("g_V",), _log_scale),
        )
    )


_register(
    "split",
    "split dark sector: dark vector with penguin coupling to b-s, coupled to muons; r = g_D Q_Phi y_s^* y_b free",
    (_R, _R2),
    "r",
    _R_RANGE,
)
_register(
    "split_uv",
    "split dark sector with the products of Yukawa couplings y_s^* y_b explicit: box in Bs mixing included",
    (_Y1, _Y2),
    "Y1",
    # |y_s y_b| < 4 pi; 1e-3 lies far below what the anomalies need
    (1e-3, 10.0),
)
_register(
    "split_fermion",
    "split dark sector with a heavy coloured fermion and light dark scalars",
    (_R, _R2),
    "r",
    _R_RANGE,
    "fermion",
)
