"""Fits of arXiv:2103.13991 that need no hadronic tables: figure 1 with a reduced likelihood, figure 4 (R_D and R_D*).

The paper's global fit is smelli with about 500 observables and its covariance.  `reduced` uses the five numbers that carry it, as
functions of C9 = -C10 alone; the full likelihood of fipjax is ``fipjax.Likelihood("muoquarks", "2021", constraints="none")``.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from fipjax.likelihood import build_theory
from fipjax.models import muoquarks
from fipjax.models.base import get_model
from fipkernels import leptoquarks as lq

# Observables as quadratic functions (a, b, d) of c = C9 = -C10 at 4.8 GeV: a + b c + d c^2, fitted to flavio 2.7.1
# (arXiv:1810.08132) for |c| < 1 to better than 1 %; measured value, upper and lower error, statistical and systematic in quadrature
OBSERVABLES: dict[str, tuple[tuple[float, float, float], float, float, float]] = {
    # LHCb, arXiv:2103.11769
    "R_K [1.1, 6]": ((1.0004, 0.4985, 0.0655), 0.846, math.hypot(0.042, 0.013), math.hypot(0.039, 0.013)),
    # LHCb, arXiv:1705.05802
    "R_K* [0.045, 1.1]": ((0.9245, 0.1265, 0.022), 0.66, math.hypot(0.11, 0.03), math.hypot(0.07, 0.03)),
    "R_K* [1.1, 6]": ((0.9965, 0.4795, 0.065), 0.685, math.hypot(0.113, 0.047), math.hypot(0.069, 0.047)),
    # combination of arXiv:2103.13370, 1e-9; 4 % theory error added: 3.629 (1 + 0.2402 c)^2
    "Bs -> mu mu": ((3.629, 3.629 * 0.4804, 3.629 * 0.2402**2), 2.93, math.hypot(0.35, 0.146), math.hypot(0.35, 0.146)),
    # fit of arXiv:2103.13370 to b -> s mu mu
    "b -> s mu mu": ((0.0, 1.0, 0.0), -0.53, 0.13, 0.13),
}
# average of Brookhaven and Fermilab, arXiv:2104.03281, minus the prediction of arXiv:2006.04822
A_MU = (2.51e-9, 0.59e-9)


def _chi2(value, measured, plus, minus):
    return ((value - measured) / jnp.where(value > measured, plus, minus)) ** 2


def reduced(eta_3l, eta_1l, eta_1r, m1=3000.0, m3=3000.0, *, conventions: str = "default", top: str = "running") -> dict[str, Any]:
    """Delta chi2 = chi2(SM) - chi2 of every observable and "total"; arguments broadcast, at least one array of shape (B,).

    Valid for |C9| < 1.  conventions "as_printed": literal sign of the spurion.  top: top mass of the g-2 loop.
    """
    arrays = jnp.broadcast_arrays(*(jnp.asarray(v, dtype=float) for v in (eta_3l, eta_1l, eta_1r, m1, m3)))
    names = ("eta_3L", "eta_1L", "eta_1R", "M_S1", "M_S3")
    params = {n: jnp.atleast_1d(a) for n, a in zip(names, arrays, strict=True)}
    if top == "running":
        theory = build_theory(get_model("muoquarks"), params, conventions)
    else:
        theory = muoquarks.build(params, printed=conventions == "as_printed", top=top)
    c = theory.wc["C9_bsmumu"]
    out = {}
    for name, ((a, b, d), *data) in OBSERVABLES.items():
        out[name] = _chi2(a, *data) - _chi2(a + b * c + d * c * c, *data)
    out["a_mu"] = _chi2(0.0, *A_MU, A_MU[1]) - _chi2(theory.a_mu, *A_MU, A_MU[1])
    return {**out, "total": sum(out.values())}


def surrogate_b_to_s(eta_3l, m3=3000.0):
    """Delta chi2 of the b -> s part of a global fit with smelli 2.3 (arXiv:1810.07698), elementwise.

    Only for 0.36 < eta_3L < 0.46 at 3 TeV, where its four points are: 43.35 - [(|C9| - 0.448)/0.066]^2,
    |C9| = 0.4916 (eta/0.43)^2 (3 TeV/M)^2.
    """
    c = 0.4916 * (eta_3l / 0.43 * 3000.0 / m3) ** 2
    return 43.35 - ((c - 0.448) / 0.066) ** 2


# HFLAV average of 2019 (arXiv:1909.12524): R_D = 0.340(27)(13), R_D* = 0.295(11)(8), correlation -0.38
R_D = (0.340, math.hypot(0.027, 0.013))
R_DSTAR = (0.295, math.hypot(0.011, 0.008))
R_CORRELATION = -0.38
# Standard Model: flavio 2.7.1 (arXiv:1810.08132), and the average of predictions that HFLAV quotes
R_SM = {"flavio": (0.295, 0.245), "hflav": (0.299, 0.258)}


def b_to_c_chi2(product, mass=1500.0, *, sm: str = "flavio", c_vl=0.0, v_cb=0.04197):
    """chi2 of R_D and R_D* for S1 coupled to taus, product = eta_tau3^1L eta_tau2^1R (real, elementwise; it must be negative).

    sm: prediction that is scaled, a key of ``R_SM``.  c_vl: vector coefficient; for left-handed couplings along (V_td, V_ts, 1) it
    vanishes at tree level by unitarity (-4e-4 from loops).
    """
    product = jnp.asarray(product, dtype=float)
    scalar = -lq.V_F2 / (4.0 * v_cb * mass * mass) * product
    d, d_star, _ = lq.r_d_ratios(c_vl, lq.SCALAR_RUN * scalar, -0.25 * lq.TENSOR_RUN * scalar)
    x, y = (R_SM[sm][0] * d - R_D[0]) / R_D[1], (R_SM[sm][1] * d_star - R_DSTAR[0]) / R_DSTAR[1]
    return (x * x + y * y - 2.0 * R_CORRELATION * x * y) / (1.0 - R_CORRELATION**2)
