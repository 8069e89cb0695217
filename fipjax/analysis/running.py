"""Running of the muoquark model of arXiv:2103.13991 to high scales: flows, Landau poles, stability.

Integrates fipkernels.rge_muoquark in ln(mu) with diffrax (optional dependency, extra "rge"), many starting points at once,
differentiable.  One loop; the paper has three loops for gauge and two for other couplings: scales of poles agree to a factor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from fipjax.errors import InputError
from fipkernels import rge_muoquark as rge

MU_MATCH = 3000.0
M_PLANCK = 1.22e19
# Where a flow counts as having hit a pole: in the largest of all couplings.  The scale depends on it: for gX = 0.15, 5e17, 2.4e18,
# 3.1e18, 3.7e18 GeV for 3, 4 pi, 30, 1000.
CUT = 30.0
# The propagator of the mixed gauge bosons is singular at |eps| = 1
EPS_CUT = 0.98

# Standard Model at 3 TeV: one-loop running of the two-loop values at the top mass of arXiv:1307.3536.  The muon Yukawa coupling is
# that of the full theory, above the threshold correction of eq. (7).
SM_3TEV = {"g3": 1.0063, "g2": 0.6328, "gY": 0.3641, "y_t": 0.8258, "lH": 0.1593, "y_mu": 8.1e-4}
# Quartic couplings of V_13, eq. (5), that the paper sets to 0.05
V13 = ("l1", "lH1", "lH3", "kH3", "kH13", "l3", "k3", "n3", "l13", "k13", "n13")


def benchmark(**changes: Any) -> dict[str, Any]:
    """The paper's benchmark at 3 TeV: Yukawas (0.43, 0.12, 0.12), gX = eps = lPhi = 0.1, portals of Phi 1e-3, V_13 0.05.

    changes: couplings by their name in fipkernels.rge_muoquark, or "y_t", "eta3", "eta1L", "eta1R" as the number of the third
    generation, "quartics" for all of ``V13``, "portals" for the three of Phi.  Numbers or arrays (B,) of one shape.  The paper does
    not print the starting values of the Standard Model, lPhi and y_mu.
    """
    values: dict[str, Any] = {**SM_3TEV, "gX": 0.1, "eps": 0.1, "y_nu": 0.0, "lPhi": 0.1, "s13": 0.0}
    values |= {"eta3": 0.43, "eta1L": 0.12, "eta1R": 0.12, "etat": 0.0, "y_b": 0.0}
    values |= dict.fromkeys(V13, changes.pop("quartics", 0.05))
    values |= dict.fromkeys(("lPhiH", "lPhi1", "lPhi3"), changes.pop("portals", 1e-3))
    for name in changes:
        if name not in values:
            raise InputError(f"coupling {name!r} (allowed: {', '.join([*values, 'quartics', 'portals'])})")
    values |= changes
    values = dict(zip(values, jnp.broadcast_arrays(*(jnp.asarray(v, dtype=float) for v in values.values())), strict=True))
    zero = jnp.zeros_like(values["g3"])
    for name in ("eta3", "eta1L", "eta1R", "etat"):
        values[name] = jnp.stack([zero, zero, values[name]])
    for name, new in (("y_t", "y_u"), ("y_b", "y_d")):
        empty = jnp.stack([zero, zero, zero])
        third = jnp.stack([zero, zero, values.pop(name)])
        values[new] = jnp.stack([empty, empty, third])
    return values


@dataclass(frozen=True)
class Flow:
    """mu (n,) in GeV; couplings: name -> (..., n, B), NaN beyond the end of a flow; stop (B,): scale where a flow ends, in GeV;
    pole (B,): whether it ended in a pole (a coupling above the cut, or |eps| close to 1) rather than at the highest scale."""

    mu: np.ndarray
    couplings: dict[str, Any]
    stop: Any
    pole: Any


def _solve(start, mu0, mu1, cut, q_phi, points, rtol, loops):
    import diffrax

    # one vector: compiles several times faster than a tree
    flat, unravel = ravel_pytree(start)
    order = jnp.argmax(unravel(jnp.arange(flat.size, dtype=float))["eps"] == jnp.arange(flat.size))

    def distance(t, y, args, **_):
        # positive while the flow is regular
        return jnp.minimum(jnp.log(cut / jnp.max(jnp.abs(y))), EPS_CUT - jnp.abs(y[order]))

    length = jnp.log(mu1 / mu0)
    term = diffrax.ODETerm(lambda t, y, args: length * ravel_pytree(rge.beta(unravel(y), q_phi, loops))[0])
    saveat = diffrax.SaveAt(subs=[diffrax.SubSaveAt(t1=True), diffrax.SubSaveAt(ts=jnp.linspace(0.0, 1.0, points))])
    solution = diffrax.diffeqsolve(
        term, diffrax.Tsit5(), 0.0, 1.0, 1e-3, flat, saveat=saveat, max_steps=4096, throw=False,
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=rtol * 1e-3, pcoeff=0.3, icoeff=0.4),
        event=diffrax.Event(distance, _root_finder()),
    )  # fmt: skip
    end = solution.ts[0][0]
    stopped = diffrax.is_event(solution.result)
    done = jnp.where(jnp.isfinite(end), end, 1.0)
    # the flow beyond its end is stored as infinity
    path = jax.vmap(unravel)(jnp.where(jnp.isfinite(solution.ys[1]), solution.ys[1], jnp.nan))
    return mu0 * jnp.exp(length * done), stopped, solution.result == diffrax.RESULTS.max_steps_reached, path


def _root_finder():
    import optimistix

    return optimistix.Newton(rtol=1e-8, atol=1e-8)


@partial(jax.jit, static_argnames=("points", "rtol", "loops"))
def _run(start, mu0, mu1, cut, q_phi, points, rtol, loops):
    return jax.vmap(lambda y: _solve(y, mu0, mu1, cut, q_phi, points, rtol, loops), in_axes=-1, out_axes=-1)(start)


def run(
    start: Mapping[str, Any], mu0: float = MU_MATCH, mu1: float = M_PLANCK, *, cut: float = CUT, q_phi: float = 3.0,
    points: int = 101, rtol: float = 1e-8, loops: int = 1,
) -> Flow:  # fmt: skip
    """Flow of all couplings from mu0 to mu1 (GeV), ``points`` scales evenly in the logarithm.

    start: couplings as `benchmark` gives them, batch last or none.  cut: where a pole ends a flow.  q_phi: charge of Phi (3 in the
    paper's text, 1/2 in its footnote 6).  rtol: local accuracy; 1e-8 gives five digits at the Planck mass.  loops: of the
    gauge couplings, 1 or 2; all others run at one loop.  `stop` and the
    couplings can be differentiated by ``start``.
    """
    try:
        import diffrax  # noqa: F401
    except ImportError:
        raise InputError("running needs diffrax (install fipjax[rge])") from None
    if loops not in (1, 2):
        raise InputError(f"loops = {loops!r} (allowed: 1, 2)")
    start = {k: jnp.asarray(v, dtype=float) for k, v in start.items()}
    single = start["g3"].ndim == 0
    if single:
        start = {k: v[..., None] for k, v in start.items()}
    stop, pole, failed, ys = _run(start, mu0, mu1, cut, q_phi, int(points), float(rtol), loops)
    # steps ran out right at a singularity: count as a pole
    pole = pole | failed
    # diffrax stores the scale first
    ys = {k: jnp.moveaxis(v, 0, -2) for k, v in ys.items()}
    if single:
        stop, pole, ys = stop[0], pole[0], {k: v[..., 0] for k, v in ys.items()}
    mu = mu0 * np.exp(np.linspace(0.0, 1.0, points) * math.log(mu1 / mu0))
    return Flow(mu, ys, stop, pole)
