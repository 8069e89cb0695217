"""Shared by split_fit.py and split_fig2.py to split_fig6.py: the split dark sector of arXiv:2002.11150.

A heavy coloured scalar Phi and a light dark fermion couple a dark vector V to b-s in a loop; V couples to muons.  Free parameters
and their ranges are those of the paper's Table 1: |r| and g_V flat in the logarithm, g_D, r_AV = g_A/g_V and m_V flat.
"""

import argparse
import dataclasses
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import fipjax
from fipjax.constraints import CONSTRAINTS, Constraint, Context, muon, register_constraint
from fipjax.likelihood import build_theory
from fipjax.models import get_model
from fipjax.plotting import style as st
from fipjax.theory import Theory, VectorMediator
from fipkernels import g2
from fipkernels.dark_photon import M_MU

M_B, M_K = 5.27934, 0.493677
END = M_B - M_K
# the paper's hard upper bound on Delta a_mu
A_MU_MAX = 4e-9
# 95.45 % of a chi2 of four degrees of freedom: m_V, Gamma_V and two products of couplings
TWO_SIGMA = 9.72
TITLES = {"as_printed": "formulas as printed", "default": "corrected"}

# What section 4 names: R_K, R_K*, angular observables of B0 -> K*0 mu mu, BR(Bs -> mu mu).  "2020" is what existed in February
# 2020, but for the angular analysis of LHCb's first 3 fb^-1, which does not ship: its successor stands in.
ANGULAR = "LHCb:2003.04831:S"
SETS = {
    "2020": [ANGULAR, "LHCb:1903.09252", "LHCb:1705.05802", "Belle:1904.02440", "combination:2019:CMS19"],
    "2021": [ANGULAR, "LHCb:2103.11769", "LHCb:1705.05802", "Altmannshofer-Stangl:2103.13370"],
    "latest": [ANGULAR, "LHCb:2212.09152", "Greljo-Salko-Smolkovic-Stangl:2212.10497"],
}
# branching fractions of B -> K mu mu and B -> K* mu mu: the paper's footnote 3 says that they are in, section 4 leaves them out
BRANCHING = ["LHCb:1403.8044:B+->Kmumu", "LHCb:1606.04731"]
HIGH_Q2 = ["*[14*", "*[15*", "*[16*", "*[17*", "*[18*", "*[19*"]
VINTAGE = {"2020": "2021", "2021": "2021", "latest": "latest"}

register_constraint(
    Constraint(
        "g2_upper_split", r"\Delta a_\mu < 4\times10^{-9}", "upper bound on the muon g-2, nothing on the negative side",
        "arXiv:2002.11150 section 4", "2 sigma", "models that predict a_mu",
        lambda theory, context: None if theory.a_mu is None else jnp.maximum(theory.a_mu, 0.0) / A_MU_MAX,
        softness=0.05, group="g-2", opt_in=True,
    )
)  # fmt: skip


def two_fermions(m_chi2: float = 10.0):
    """The model with a second dark fermion whose product of Yukawa couplings is the opposite: delta_Y = 0."""
    model = get_model("split")

    def with_second(build):
        return lambda p: build({**p, "r2": -p["r"], "m_chi2": jnp.full_like(p["r"], m_chi2)})

    return dataclasses.replace(model, build=with_second(model.build), printed=with_second(model.printed))


def likelihood(
    conventions: str = "default", data: str = "2021", region: str = "high", *, fit: str = "paper", model="split", **options
):
    """Likelihood of the paper's fit.

    fit: "paper" (what section 4 names) or "branching" (also branching fractions).  As printed, Bs -> mu mu is that of eqs. (19) and
    (20), which no observable of fipjax has, so that its measurement enters as a constraint; the bound on Delta a_mu is one-sided.
    """
    printed = conventions == "as_printed"
    use = [*SETS[data], *(BRANCHING if fit == "branching" else ())]
    drop = [*HIGH_Q2, "BR(B0->mumu)", *(["BR(Bs->mumu)"] if printed else [])]
    bounds = ["g2_upper_split", "Bsmumu_split_printed"] if printed else ["g2_bound"]
    return fipjax.Likelihood(
        model, VINTAGE[data], constraints=bounds, use=use, drop=drop, region=region, conventions=conventions, **options
    )


def draw(like, n: int, seed: int) -> dict[str, np.ndarray]:
    """Points of the priors."""
    rng = np.random.default_rng(seed)
    out = {}
    for name, prior in like.priors.items():
        low, high = prior.support
        size = sorted(abs(e) for e in (low, high))
        if type(prior).__name__ == "LogFlat":
            out[name] = np.sign(low + high) * np.exp(rng.uniform(np.log(size[0]), np.log(size[1]), n))
        else:
            out[name] = rng.uniform(low, high, n)
    return out


def minus_two_log(like, x) -> np.ndarray:
    """-2 log likelihood: chi2 of the data with the bounds that take part in the fit."""
    value = -2.0 * np.asarray(like.log_prob({k: x[k] for k in like.names}))
    return np.where(np.isfinite(value), value, np.inf)


def shift(x) -> np.ndarray:
    """Delta a_mu."""
    return np.asarray(g2.delta_a_mu_vector(jnp.asarray(x["g_V"]), jnp.asarray(x["r_AV"] * x["g_V"]), jnp.asarray(x["m_V"]), M_MU))


def vector_shift(mass, g_v) -> np.ndarray:
    """Delta a_mu for g_A = 0."""
    return np.asarray(g2.delta_a_mu_vector(jnp.asarray(g_v), 0.0, jnp.asarray(mass), M_MU))


def scan(like, n: int, seed: int = 1, starts: int = 48) -> tuple[dict[str, np.ndarray], float]:
    """Points of the prior with an allowed Delta a_mu and their chi2; the chi2 of the best fit."""
    best = fipjax.fit(like, starts=starts, progress=False)
    x = draw(like, n, seed)
    low = -np.inf if like.context.as_printed else -2.0 * muon.delta_a_mu(like.vintage)[1]
    a = shift(x)
    keep = (a < A_MU_MAX) & (a > low)
    x = {k: v[keep] for k, v in x.items()}
    step = 65536
    value = [minus_two_log(like, {k: v[i : i + step] for k, v in x.items()}) for i in range(0, int(keep.sum()), step)]
    x["chi2"] = np.concatenate(value)
    at = minus_two_log(like, {k: np.atleast_1d(v) for k, v in best.modes[0]["point"].items()})[0]
    return x, min(float(x["chi2"].min()), float(at))


def within(x: dict, best: float) -> dict[str, np.ndarray]:
    """The points whose chi2 is within TWO_SIGMA of the best."""
    keep = x["chi2"] < best + TWO_SIGMA
    return {k: v[keep] for k, v in x.items()}


def profile(x: dict, keep, edges, best: float) -> str:
    """Smallest chi2 of the points ``keep`` in each range of m_V, relative to the best."""
    out = []
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        c = x["chi2"][keep & (x["m_V"] >= a) & (x["m_V"] < b)]
        out.append(f"{a:g}-{b:g}: {c.min() - best:.1f}" if len(c) else f"{a:g}-{b:g}: none")
    return ", ".join(out)


_PROGRAMS: dict = {}


def ratios(x, names, conventions: str, vintage: str = "2021", model="split", block: int = 1024) -> dict[str, np.ndarray]:
    """Ratio of each bound at every point, 0 where it does not apply."""
    model, context, names = get_model(model), Context(vintage, conventions), tuple(names)
    known = {p.name for p in model.parameters}
    params = {k: jnp.asarray(v, float) for k, v in x.items() if k in known}
    size = len(params["m_V"])
    if size == 0:
        return {n: np.zeros(0) for n in names}

    def one(p):
        theory = build_theory(model, p, conventions)
        out = {}
        for n in names:
            r = CONSTRAINTS[n].ratio(theory, context)
            out[n] = jnp.zeros_like(p["m_V"]) if r is None else jnp.broadcast_to(r, p["m_V"].shape)
        return out

    key = (id(model), names, conventions, vintage, tuple(params))
    # the model is kept with the program so that its id stays its own
    run = _PROGRAMS.setdefault(key, (jax.jit(one), model))[0]
    parts = []
    for i in range(0, size, block):
        piece = {k: v[i : i + block] for k, v in params.items()}
        pad = block - len(piece["m_V"])
        # whole blocks only: one compiled program for any number of points
        piece = {k: jnp.concatenate([v, jnp.broadcast_to(v[-1:], (pad,))]) for k, v in piece.items()}
        parts.append({n: np.asarray(v)[: block - pad] for n, v in run(piece).items()})
    return {n: np.concatenate([p[n] for p in parts]) for n in names}


def trident_ratio(mass, g, conventions: str) -> np.ndarray:
    """Ratio of the CCFR bound for a neutrino coupling equal to the muon's, g_A = 0."""
    mass, g = jnp.asarray(mass, float), jnp.asarray(g, float)
    v = VectorMediator(mass, 1e-3 * mass, mu_V=g[None], mu_A=jnp.zeros_like(g)[None], numu_L=g[None])
    return np.asarray(CONSTRAINTS["trident_ccfr"].ratio(Theory(mediators=(v,)), Context("2021", conventions)))


def trident_limit(masses, conventions: str) -> np.ndarray:
    """Largest coupling that the tridents allow at each mass."""
    g = np.geomspace(1e-4, 0.5, 400)
    m, c = (a.ravel() for a in np.meshgrid(masses, g, indexing="ij"))
    r = trident_ratio(m, c, conventions).reshape(len(masses), len(g))
    # the last coupling below which everything is allowed
    first = np.argmax(r > 1.0, axis=1)
    return np.where((r > 1.0).any(axis=1), g[first], np.nan)


def belle2_limit(masses) -> np.ndarray:
    """Belle II limit on a vector coupling of an invisible V; nan where there is none."""
    limit = np.asarray(muon._curve(jnp.asarray(masses, float), "lmutau_belle2_1912.11276"))
    return np.where(np.isfinite(limit), limit, np.nan)


def drell_yan_vector(masses) -> np.ndarray:
    """Eq. (26) as a bound on g_V for g_A = -0.44 g_V, at any mass: the formula is given for 1 to 5 GeV."""
    return 5.6e-2 * (1.0 + 0.13 * np.asarray(masses)) / np.hypot(1.0, 0.44)


def drell_yan_excluded(x) -> np.ndarray:
    """Points above eq. (26), extrapolated beyond 5 GeV."""
    return x["g_V"] * np.hypot(1.0, x["r_AV"]) > 5.6e-2 * (1.0 + 0.13 * x["m_V"])


# --------------------------------------------------------------------------------------------------------------------
# the planes of Figures 4 and 5

# colours of the paper, but darker and with different markers: told apart with any kind of colour vision
YELLOW, PURPLE, GREEN = "#F2CF4A", "#7B3FA0", "#117733"
# applied to the points
RECAST = {"as_printed": ("BKinv_cleo", "BKinv_babar"), "default": ("BKinv_babar", "BKstinv_babar")}
OTHERS = ("Bs_mixing", "BKstV_mumu_lhcb", "belle2_mumu_inv")


def applied(x, conventions: str, data: str) -> dict[str, np.ndarray]:
    """Ratios of all bounds that act on points, and masks: "cleo", "recast", "all" (recast, Bs mixing)."""
    names = dict.fromkeys(("BKinv_cleo", *RECAST[conventions], *OTHERS))
    r = ratios(x, names, conventions, VINTAGE[data])
    r["cleo"] = r["BKinv_cleo"] <= 1.0
    r["recast"] = r["cleo"] & np.all([r[n] <= 1.0 for n in RECAST[conventions]], axis=0)
    r["all"] = r["recast"] & (r["Bs_mixing"] <= 1.0)
    return r


def draw_plane(ax, x, r, conventions: str, masses, couplings) -> None:
    """Points and lines in the plane of m_V and g_V."""
    grid_m, grid_g = np.meshgrid(masses, couplings)
    a = vector_shift(grid_m, grid_g)
    low = muon.delta_a_mu("2021")
    ax.contourf(masses, couplings, a, [low[0] - 2 * low[1], A_MU_MAX], colors=["#BFD9EE"], zorder=0)
    edge = drell_yan_vector(masses)
    inside = masses <= 5.0
    ax.fill_between(masses[inside], edge[inside], 1.0, color="#8C8C8C", alpha=0.45, lw=0, zorder=4)
    ax.fill_between(masses[~inside], edge[~inside], 1.0, fc="#D9D9D9", alpha=0.45, hatch="////", ec="#8C8C8C", lw=0, zorder=4)
    for tuning in (0.1, 0.01):
        line = np.sqrt(A_MU_MAX / (tuning * vector_shift(masses, np.ones_like(masses))))
        ax.plot(masses, line, color="#444444", lw=0.8, ls=(0, (5, 3)), zorder=6)
        top = min(0.82 * couplings[-1], 0.92 * line[-1])
        if line[0] < top:
            ax.annotate(f"{100 * tuning:g}%", (np.interp(top, line, masses), top), xytext=(3, -2), textcoords="offset points",
                        fontsize=st.SMALL, ha="left", va="top", zorder=10,
                        bbox={"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.6})  # fmt: skip
    ax.plot(masses, trident_limit(masses, conventions), color=PURPLE, lw=1.1, ls=":", zorder=6)
    ax.plot(masses, belle2_limit(masses), color="black", lw=1.1, ls=(0, (1, 1.2)), zorder=6)
    dots = {"marker": ".", "ls": "", "mew": 0, "rasterized": True}
    ax.plot(x["m_V"], x["g_V"], ms=2.0, color=YELLOW, zorder=1, **dots)
    m = r["cleo"] & ~r["recast"]
    ax.plot(x["m_V"][m], x["g_V"][m], ms=2.8, color=PURPLE, zorder=7, **dots)
    m = r["recast"]
    ax.plot(x["m_V"][m], x["g_V"][m], ms=2.8, color=GREEN, zorder=8, **dots)
    ax.set(yscale="log", xlim=masses[[0, -1]], ylim=couplings[[0, -1]], xlabel=r"$m_V$ [GeV]")
    ax.set_title(TITLES[conventions])


def plane_legend(extrapolated: bool = True) -> list:
    """Legend handles of :func:`draw_plane`; extrapolated: masses beyond 5 GeV are shown."""
    dot = {"ls": "", "marker": "."}
    return [
        Line2D([], [], ms=6, mew=0, color=YELLOW, label=r"fit within $2\sigma$", **dot),
        Line2D([], [], ms=6, mew=0, color=PURPLE, label=r"passes CLEO", **dot),
        Line2D([], [], ms=6, mew=0, color=GREEN, label=r"passes all $B\to K^{(*)}+$inv", **dot),
        Patch(fc="#8C8C8C", alpha=0.6, label=r"Drell-Yan, $g_A=-0.44\,g_V$"),
        *([Patch(fc="#D9D9D9", alpha=0.6, hatch="////", ec="#8C8C8C", lw=0, label="same, extrapolated")] if extrapolated else []),
        Patch(fc="#BFD9EE", label=r"$(g-2)_\mu$ at $2\sigma$ with $g_A=0$"),
        Line2D([], [], color=PURPLE, lw=1.1, ls=":", label=r"trident, $g_\nu=g_V$"),
        Line2D([], [], color="black", lw=1.1, ls=(0, (1, 1.2)), label="Belle II"),
        Line2D([], [], color="#444444", lw=0.8, ls=(0, (5, 3)), label="tuning"),
    ]


# --------------------------------------------------------------------------------------------------------------------
# command line


def parser(text: str, fits: bool = True) -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="fewer points")
    p.add_argument("--out", type=Path, default=Path("."), help="directory of the figure")
    p.add_argument("--conventions", choices=["both", "as_printed", "default"], default="both", help="which formulas")
    if fits:
        p.add_argument("--data", choices=list(SETS), default="2021", help="data of the fit")
        p.add_argument("--fit", choices=["paper", "branching"], default="paper", help="branching: with branching fractions")
    return p


def chosen(args) -> list[str]:
    """The conventions to show."""
    return ["as_printed", "default"] if args.conventions == "both" else [args.conventions]


def subplots(fig, n: int):
    """A row of n axes with a common vertical axis."""
    fig.get_layout_engine().set(wspace=0.05)
    return fig.subplots(1, n, sharey=True, squeeze=False)[0]


def stem(args, name: str) -> Path:
    """Where the figure goes."""
    args.out.mkdir(parents=True, exist_ok=True)
    return args.out / (name if args.conventions == "both" else f"{name}_{args.conventions}")


def span(v) -> str:
    """Smallest to largest."""
    return f"{np.min(v):.3g} to {np.max(v):.3g}" if len(v) else "none"


def plane_figure(text: str, name: str, region: str, masses, sizes: tuple[int, int], report, extrapolated: bool = True) -> None:
    """A whole script that draws the (m_V, g_V) plane, one panel for each set of formulas.

    sizes: points of the scan with and without --quick.  report(every, x, ratios, best, like, conventions, data) prints what was
    found: all points of the scan, those within two sigma and their ratios.
    """
    args = parser(text).parse_args()
    t0 = time.monotonic()
    panels = chosen(args)
    with st.context():
        fig = st.new_figure(st.DOUBLE if len(panels) == 2 else st.ONE_AND_A_HALF, 3.7)
        axes = subplots(fig, len(panels))
        for ax, c in zip(axes, panels, strict=True):
            like = likelihood(c, args.data, region, fit=args.fit)
            every, best = scan(like, sizes[0] if args.quick else sizes[1])
            x = within(every, best)
            r = applied(x, c, args.data)
            report(every, x, r, best, like, c, args.data)
            print(f"  {time.monotonic() - t0:.0f} s", flush=True)
            draw_plane(ax, x, r, c, masses, np.geomspace(1e-3, 0.2, 200))
        axes[0].set_ylabel(r"$g_\mu^V$")
        handles = plane_legend(extrapolated)
        fig.legend(handles=handles, loc="outside upper center", ncols=4 if len(panels) == 2 else 3, columnspacing=1.2)
    for path in st.save(fig, stem(args, name)):
        print(path)
