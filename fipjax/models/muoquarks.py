r"""Muoquarks, arXiv:2103.13991: leptoquarks S1 and S3 that couple to muons only, protected by U(1)_(B - 3 L_mu).

Couplings in the flavour ansatz of the paper's figure 1, with one coefficient k in front of the spurion of U(2)^3:

    eta3L_i = (k V_td, k V_ts, 1) eta_3L,   eta1L_i = (k V_td, k V_ts, 1) eta_1L,   eta1R_i = (0, 0, 1) eta_1R.

The caption has k = 1, which gives C9 = -C10 > 0, against the data (Delta chi2 = -112 at the quoted best fit); the paper's results
need k < 0.  Default k = -1; ``as_printed``: k = 1 where none is given.

Coefficients at 4.8 GeV are the tree-level ones times the running of the full chain SMEFT -> 4.8 GeV (wilson 2.5.2,
arXiv:1804.05033) at 3 TeV: C9 = -0.4916, C10 = +0.498 and C_L of nu_mu -0.272 for eta_3L = 0.43, eta_1L = 0.12, and C9 of electrons
+0.005.  Between 1.5 and 10 TeV the logarithms change them by less than 2 %.  Delta a_mu: one loop with the top mass y_t(M) v
(about 10 % uncertain, see fipkernels.leptoquarks.a_mu_s1).  Bs mixing: box of S1 and S3.  Not in a Theory: Z couplings (1e-4 at
most), K_L -> mu mu (+3 %), direct searches (M_S3 > 1.7 TeV, M_S1 > 1.4 TeV), all in fipkernels.leptoquarks.
"""

from __future__ import annotations

from functools import lru_cache, partial

import jax.numpy as jnp
import numpy as np

from fipjax.hadronic import default_inputs
from fipjax.models.base import Model, Parameter, Products, register_model
from fipjax.priors import Flat
from fipjax.theory import Theory
from fipkernels import ckm, dark_loops, leptoquarks
from fipkernels.dark_photon import M_MU

PAPER = "arXiv:2103.13991"
# electromagnetic coupling of the tree-level normalisation, MS-bar at m_Z
ALPHA = 1 / 127.95
# 4.8 GeV over tree level, see the module: tree level is 0.50109 for eta_3L = 0.43, 3 TeV
RUN_C9, RUN_C10, RUN_CL = 0.4916 / 0.50109, 0.498 / 0.50109, 0.272 / 0.27006
# electrons and taus: photon penguin of the muon operator, relative to C9 of muons at tree level
RUN_UNIVERSAL = -0.005 / 0.50109


@lru_cache(maxsize=1)
def ckm_matrix() -> np.ndarray:
    """CKM matrix (3, 3) of the default inputs."""
    par = default_inputs().central()
    v = {k: complex(np.asarray(x)) for k, x in ckm.tree(par["Vus"], par["Vcb"], par["Vub"], par["gamma"]).items()}
    return np.array([[v[f"V{u}{d}"] for d in "dsb"] for u in "uct"])


def couplings(eta, k):
    """(k V_td, k V_ts, 1) eta, (3, B) complex."""
    v = ckm_matrix()
    one = jnp.ones_like(eta) + 0j
    return jnp.stack([k * v[2, 0] * one, k * v[2, 1] * one, one]) * eta


def build(params, printed: bool = False, top: str = "running") -> Theory:
    """Theory of S1 and S3; couplings that are absent are zero.

    printed: k = 1 unless it is given.  top: top mass in the loop of a_mu (fipkernels.leptoquarks.TOP_SCHEMES).
    """
    m1, m3 = params["M_S1"], params["M_S3"]
    zero = jnp.zeros_like(m1)
    k = params.get("spurion", zero + (1.0 if printed else -1.0))
    eta3, eta1l, eta1r = params.get("eta_3L"), params.get("eta_1L"), params.get("eta_1R")
    left, triplet = couplings(zero if eta1l is None else eta1l, k), couplings(zero if eta3 is None else eta3, k)
    v = ckm_matrix()
    lambda_t = v[2, 2] * np.conj(v[2, 1])
    wc = {}
    if eta3 is not None:
        # the phase of V_tb V_ts^* cancels
        tree = jnp.real(leptoquarks.c9_s3(triplet[1], triplet[2], m3, lambda_t, ALPHA))
        wc = {"C9_bsmumu": RUN_C9 * tree, "C10_bsmumu": -RUN_C10 * tree, "C9_bsee": RUN_UNIVERSAL * tree}
    if eta3 is not None or eta1l is not None:
        nu = leptoquarks.cl_nunu(triplet[1], triplet[2], m3, left[1], left[2], m1, lambda_t, ALPHA)
        wc["CL_bsnumunumu"] = RUN_CL * jnp.real(nu)
        c1 = leptoquarks.mixing_c1(jnp.conj(left[1]) * left[2], m1, jnp.conj(triplet[1]) * triplet[2], m3)
        # H = C_1 O_1 = -C O in WCxf
        wc["CVLL_bsbs"] = -dark_loops.mixing_running(jnp.minimum(m1, m3)) * c1
    a_mu = zero
    if eta1l is not None or eta1r is not None:
        to_top = jnp.einsum("i,i...->...", np.conj(v[2]), left)
        m_t = leptoquarks.top_mass(m1, top)
        a_mu = a_mu + leptoquarks.a_mu_s1(to_top, zero if eta1r is None else eta1r, m1, m_t, M_MU)
    if eta3 is not None:
        a_mu = a_mu + leptoquarks.a_mu_s3(jnp.sum(jnp.abs(triplet) ** 2, axis=0), m3, M_MU)
    sizes = {n: p for n, p in (("eta_3L", eta3), ("eta_1L", eta1l), ("eta_1R", eta1r)) if p is not None}
    return Theory(wc=wc, a_mu=a_mu, couplings=sizes)


def _log_scale(params):
    # Delta a_mu goes as eta_1L eta_1R/M^2
    return 2.0 * jnp.log(params["M_S1"] / 3000.0)


_COUPLINGS = (
    Parameter("eta_3L", r"\eta_3^{3L}", "", "coupling of S3 to the third quark generation and muons"),
    Parameter("eta_1L", r"\eta_3^{1L}", "", "coupling of S1 to left-handed quarks of the third generation and muons"),
    Parameter("eta_1R", r"\eta_3^{1R}", "", "coupling of S1 to the right-handed top and muons"),
)
_MASSES = (
    Parameter("M_S1", r"M_{S_1}", "GeV", "mass of S1 (searches: above 1.4 TeV)", 3000.0, 500.0),
    Parameter("M_S3", r"M_{S_3}", "GeV", "mass of S3 (searches: above 1.7 TeV)", 3000.0, 500.0),
)
_SPURION = Parameter(
    "spurion",
    r"k",
    "",
    "coefficient of (V_td, V_ts) in the couplings to light left-handed quarks; not given: -1 (as printed: 1)",
    None,
    optional=True,
)

register_model(
    Model(
        "muoquarks",
        "scalar leptoquarks S1 and S3 coupled to muons, CKM-like couplings to quarks",
        PAPER,
        (*_COUPLINGS, *_MASSES, _SPURION),
        build,
        {"eta_3L": Flat(0.0, 1.0), "eta_1L": Flat(0.01, 0.5), "eta_1R": Flat(-0.5, 0.5)},
        printed=partial(build, printed=True),
        products=Products("eta_1L", ("eta_1R",), _log_scale),
    )
)
