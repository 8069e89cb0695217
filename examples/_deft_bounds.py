"""Shared by fig3a.py, fig3b.py and fig4.py: what other bounds leave of the fits of arXiv:2106.12582 (section 5.2).

Points of the b -> s mu mu fits in the plane of m_V and the vector muon coupling, with the bounds that depend on the b-s coupling or
on invisible decays applied to each point, and those that depend on neither as regions.
"""

import argparse
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from _deft_fits import COUPLINGS, REGIONS, likelihood
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import fipjax
from fipjax.constraints import CONSTRAINTS, Context
from fipjax.models.deft import M_MU
from fipjax.plotting import style as st
from fipjax.theory import Theory, VectorMediator
from fipkernels import g2

# Delta a_mu of the paper, eq. (1.1): two-sigma band
A_MU = (1.33e-9, 3.69e-9)
# 95.45 % of a chi2 of four degrees of freedom: m_V, gamma_V and two products
TWO_SIGMA = 9.72
# applied to the points; what the paper names for its green points
ON_POINTS = ("Bs_mixing", "Bs_mumu", "BKinv_babar", "BKstinv_babar", "BKstV_mumu_lhcb", "BKV_mumu_lhcb", "Z_4mu")
# overlaid in the figure: they need no b-s coupling
OVERLAID = ("W_universality", "W_width", "g2_bound")
# cut-off of eq. (4.15): couplings of dimension six are shown as C6 for this Lambda
LAMBDA2 = 1000.0**2


def evaluate(model: str, params: dict, names, conventions: str) -> dict[str, np.ndarray]:
    """Ratio of each bound at every point, (B,); 0 where it does not apply."""
    b = len(params["m_V"])
    parts: dict[str, list] = {n: [] for n in names}
    for i in range(0, b, 20000):
        piece = {k: v[i : i + 20000] for k, v in params.items()}
        out = fipjax.predict(model, piece, [], data="2021", constraints=list(names), conventions=conventions).constraints
        for n in names:
            parts[n].append(np.asarray(out[n]["ratio"]) if n in out else np.zeros(len(piece["m_V"])))
    return {n: np.concatenate(v) for n, v in parts.items()}


def vector_shift(model: str, mass, c):
    """Delta a_mu of the vector coupling alone."""
    if model.endswith("6"):
        return (c * np.sqrt(LAMBDA2) * M_MU) ** 2 / (12.0 * np.pi**2)
    return np.asarray(g2.delta_a_mu_vector(jnp.asarray(c), jnp.zeros_like(jnp.asarray(c)), jnp.asarray(mass), M_MU))


def tuned(model: str, mass, c):
    """Axial coupling that brings Delta a_mu down to the upper end of the band, of the opposite sign (section 4.3); 0 below it.

    The axial coupling of dimension six has no known contribution: nothing is tuned there.
    """
    if model.endswith("6"):
        return np.zeros_like(c)
    return -np.sign(c) * np.asarray(g2.tuned_axial(jnp.abs(jnp.asarray(c)), jnp.asarray(mass), M_MU, A_MU[1]))


def points(model: str, region: str, args, rng) -> dict[str, np.ndarray]:
    """Two-sigma points of a fit, each with several muon couplings: the fit knows products only."""
    bs, vector, axial = COUPLINGS[model]
    like = likelihood(model, args.data, fit=args.fit, region=REGIONS[region])
    few = args.quick
    posterior = fipjax.sample(like, chains=4, warmup=500, draws=500 if few else 2000, seed=1, target_accept=0.95, progress=False)
    x = {k: v.ravel() for k, v in posterior.samples.items()}
    chi2 = np.asarray(like.chi2(x))
    best = fipjax.fit(like, starts=96, progress=False).chi2
    keep = chi2 < best + TWO_SIGMA
    x = {k: np.repeat(v[keep], args.copies) for k, v in x.items()}
    # flat in the logarithm, as the priors are
    low, high = (1.0, 1e6) if model.endswith("6") else (1e-4, 1.0)
    c = np.sign(x[vector]) * np.exp(rng.uniform(np.log(low), np.log(high), len(x[vector])))
    c = c / LAMBDA2 if model.endswith("6") else c
    product, other = x[bs] * x[vector], x[bs] * x[axial]
    x[bs], x[vector] = product / c, c
    t = tuned(model, x["m_V"], c)
    needs = t != 0.0
    x[axial] = np.where(needs, t, other / x[bs])
    lo, hi = like.priors[bs].support
    # tuning moves C10: the point must still fit
    chi2 = np.asarray(like.chi2(x))
    keep = (x[bs] > lo) & (x[bs] < hi) & (chi2 < best + TWO_SIGMA)
    print(f"model {model[4:]}, {region} masses: best chi2 {best:.2f}, {keep.sum()} points within 2 sigma", flush=True)
    return {k: v[keep] for k, v in x.items()} | {"chi2": chi2[keep], "tuned": needs[keep]}


def trident(mass, c):
    """Ratio of the trident bound for a neutrino coupling as large as the muon's."""
    zero = jnp.zeros_like(mass)
    v = VectorMediator(mass, 1e-3 * mass, mu_V=c[None], mu_A=zero[None], numu_L=c[None])
    return np.asarray(CONSTRAINTS["trident_ccfr"].ratio(Theory(mediators=(v,)), Context("2021")))


def overlay(ax, model: str, masses, couplings, args) -> list:
    """Regions and lines that need neither the b-s coupling nor invisible decays; legend handles."""
    _, vector, axial = COUPLINGS[model]
    m, c = (a.ravel() for a in np.meshgrid(masses, couplings))
    value = c / LAMBDA2 if model.endswith("6") else c
    params = {"m_V": m, vector: value, axial: tuned(model, m, value)}
    # a V as wide as the fit allows: its on-shell part in Z -> 4 mu is smallest, and all but muons is invisible
    names = ("Z_4mu", "W_universality", "W_width")
    ratios = evaluate(model, params | {"gamma_V": np.full_like(m, 0.5)}, names, args.conventions)
    shape = (len(couplings), len(masses))

    def region(name, colour, alpha, zorder):
        ax.contourf(masses, couplings, ratios[name].reshape(shape), [1.0, np.inf], colors=[colour], alpha=alpha, zorder=zorder)
        ax.contour(masses, couplings, ratios[name].reshape(shape), [1.0], colors=[colour], linewidths=0.8, zorder=zorder)

    region("W_universality", "#9A9A9A", 0.45, 2)
    region("W_width", "#5A5A5A", 0.55, 3)
    region("Z_4mu", "#4C8BC0", 0.45, 4)
    shift = vector_shift(model, m, value).reshape(shape)
    ax.contourf(masses, couplings, shift, A_MU, colors=["#59A14F"], alpha=0.55, zorder=1)
    ax.contour(masses, couplings, shift, A_MU, colors=["#2E6B26"], linewidths=0.8, zorder=8)
    ax.contour(masses, couplings, A_MU[1] / shift, [0.1], colors=["#555555"], linewidths=0.9, linestyles="--", zorder=5)
    handles = [
        Patch(fc="#4C8BC0", alpha=0.6, label=r"$Z\to4\mu$"),
        Patch(fc="#9A9A9A", alpha=0.6, label=r"$W\to\mu\nu V$, universality"),
        Patch(fc="#5A5A5A", alpha=0.6, label=r"$W$ width"),
        Patch(fc="#59A14F", alpha=0.6, label=r"$(g-2)_\mu$, vector only"),
        Line2D([], [], color="#555555", ls="--", lw=0.9, label="10% tuning"),
    ]
    if not model.endswith("6"):
        r = trident(jnp.asarray(m), jnp.asarray(value)).reshape(shape)
        ax.contour(masses, couplings, r, [1.0], colors=["#7B3FA0"], linewidths=1.0, linestyles=":", zorder=9)
        handles.append(Line2D([], [], color="#7B3FA0", ls=":", lw=1.0, label=r"trident, if $g_\nu=C_4^{\mu\mu V}$"))
    return handles


def report(model: str, region: str, x: dict, passes: np.ndarray, ratios: dict) -> None:
    """What each bound removes, and where points are left."""
    n = len(passes)
    print(f"  {region} masses: {passes.sum()} of {n} points pass {', '.join(ON_POINTS)}")
    for name, r in ratios.items():
        print(f"    {name:16s} alone excludes {100 * np.mean(r > 1.0):5.1f} % of the points")
    if passes.any():
        m = x["m_V"][passes]
        print(f"    m_V of the passing points: {m.min():.3g} to {m.max():.3g} GeV")
        left = passes & np.all([ratios[k] <= 1.0 for k in OVERLAID], axis=0)
        m = x["m_V"][left]
        text = f", m_V {m.min():.3g} to {m.max():.3g} GeV" if left.any() else ""
        print(f"    also pass {', '.join(OVERLAID)}: {left.sum()}{text}; without tuning: {np.sum(left & ~x['tuned'])}", flush=True)


def main(model: str, stem: str, text: str) -> None:
    p = argparse.ArgumentParser(description=text)
    p.add_argument("--quick", action="store_true", help="fewer draws")
    p.add_argument("--out", type=Path, default=Path("."), help="directory of the figure")
    p.add_argument("--data", choices=["2021", "latest"], default="2021", help="vintage of the fit")
    p.add_argument("--fit", choices=["paper", "high-q2", "all"], default="paper", help="which data, see the documentation")
    p.add_argument("--conventions", choices=["default", "as_printed"], default="default", help="formulas of the bounds")
    p.add_argument("--copies", type=int, default=6, help="muon couplings per point of the fit")
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    six = model.endswith("6")
    masses = np.geomspace(0.01, 20.0, 240)
    couplings = np.geomspace(*((1.0, 1e6) if six else (1e-4, 1.0)), 240)
    with st.context():
        fig = st.new_figure(0.72 * st.DOUBLE, 3.6)
        ax = fig.subplots()
        handles = overlay(ax, model, masses, couplings, args)
        _, vector, _ = COUPLINGS[model]
        for region in REGIONS:
            x = points(model, region, args, rng)
            params = {k: x[k] for k in x if k not in ("chi2", "tuned")}
            ratios = evaluate(model, params, (*ON_POINTS, *OVERLAID), args.conventions)
            passes = np.all([ratios[k] <= 1.0 for k in ON_POINTS], axis=0)
            report(model, region, x, passes, ratios)
            y = np.abs(x[vector]) * (LAMBDA2 if six else 1.0)
            ax.plot(x["m_V"], y, ".", ms=1.2, mew=0, color="#F0C93B", alpha=0.5, zorder=0, rasterized=True)
            ax.plot(x["m_V"][passes], y[passes], ".", ms=1.4, mew=0, color="#1B7837", alpha=0.7, zorder=7, rasterized=True)
        label = r"$|C_6^{\mu\mu V}|$, $\Lambda=1$ TeV" if six else r"$|C_4^{\mu\mu V}|$"
        ax.set(xscale="log", yscale="log", xlim=masses[[0, -1]], ylim=couplings[[0, -1]], xlabel=r"$m_V$ [GeV]", ylabel=label)
        dots = [
            Line2D([], [], ls="", marker=".", ms=5, color="#F0C93B", label=r"fits $b\to s\mu\mu$ ($2\sigma$)"),
            Line2D([], [], ls="", marker=".", ms=5, color="#1B7837", label="passes all"),
        ]
        fig.legend(handles=dots + handles, loc="outside upper center", ncols=3, columnspacing=1.0)
    suffix = "" if args.conventions == "default" else "_printed"
    for path in st.save(fig, args.out / (stem + suffix)):
        print(path)
