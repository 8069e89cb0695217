"""Shared by fig1a.py, fig1b.py, fig2.py and fig_profile_mass.py: the fits of arXiv:2106.12582, section 5.1.

A light vector V with one operator for b-s and one pair (vector, axial) for muons is fitted to b -> s mu mu data, once with m_V
above and once below 2 GeV.  The data depend on m_V, gamma_V = Gamma_V/m_V and the two products of couplings, here called
X (b-s times vector) and Y (b-s times axial).
"""

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.stats import qmc

import fipjax
from fipjax.engines.sample import ess_bulk, rhat
from fipjax.plotting import style as st
from fipjax.priors import Flat

# model -> its b-s, vector and axial muon coupling
COUPLINGS = {
    "deft44": ("C4_bsV", "C4_mumuV", "C4t_mumuV"),
    "deft46": ("C4_bsV", "C6_mumuV", "C6t_mumuV"),
    "deft64": ("C6_bsV", "C4_mumuV", "C4t_mumuV"),
    "deft66": ("C6_bsV", "C6_mumuV", "C6t_mumuV"),
}
POWER = {"deft44": 0, "deft46": 1, "deft64": 1, "deft66": 2}
UNIT = {0: "", 1: "GeV$^{-2}$", 2: "GeV$^{-4}$"}
LATEX = {
    "deft44": (r"C_4^{bsV} C_4^{\mu\mu V}", r"C_4^{bsV} \tilde{C}_4^{\mu\mu V}"),
    "deft46": (r"C_4^{bsV} C_6^{\mu\mu V}/\Lambda^2", r"C_4^{bsV} \tilde{C}_6^{\mu\mu V}/\Lambda^2"),
    "deft64": (r"C_6^{bsV} C_4^{\mu\mu V}/\Lambda^2", r"C_6^{bsV} \tilde{C}_4^{\mu\mu V}/\Lambda^2"),
    "deft66": (r"C_6^{bsV} C_6^{\mu\mu V}/\Lambda^4", r"C_6^{bsV} \tilde{C}_6^{\mu\mu V}/\Lambda^4"),
}

# What section 5.1 of the paper names: R_K, R_K*, angular observables of B0 -> K*0 mu mu, branching fractions of B -> K mu mu and
# B -> K* mu mu.  For the latest data R_K and R_K* are replaced by LHCb's of 2022.
PAPER = ["LHCb:2003.04831:S", "LHCb:1403.8044:B+->Kmumu", "LHCb:1606.04731"]
SETS = {"2021": [*PAPER, "LHCb:2103.11769", "LHCb:1705.05802"], "latest": [*PAPER, "LHCb:2212.09152"]}
# bins above the charmonium resonances: with them V could be on shell up to 4.8 GeV
HIGH_Q2 = ["*[14*", "*[15*", "*[16*", "*[17*", "*[18*", "*[19*"]
# of a whole vintage, what V does not reach through b -> s mu mu
OTHER = ["a_mu", "DeltaM_s", "S_psiphi", "*nunu)", "BR(B0->mumu)", "tau_mumu", "*ee)"]

# colours of the paper: red for the high-mass fit, green for the low-mass fit
RED = ("#9E1B1B", "#E0655F", "#F6C5BF")
GREEN = ("#1B6E3C", "#6CBF84", "#CBE8D1")
REGIONS = {"high": "high-paper", "low": "low-paper"}
CONTENT = (0.6827, 0.9545, 0.9973)


def likelihood(model: str, data: str = "2021", *, fit: str = "paper", drop=(), **options) -> fipjax.Likelihood:
    """Likelihood of the paper's fit.

    fit: "paper" (the data the paper names, q2 below the charmonium resonances), "high-q2" (also the bins above them), "all" (every
    b -> s mu mu number of the vintage).  options: those of fipjax.Likelihood, such as region, inputs or fixed.
    """
    use = None if fit == "all" else SETS[data]
    left_out = [*(HIGH_Q2 if fit == "paper" else ()), *(OTHER if fit == "all" else ()), *drop]
    return fipjax.Likelihood(model, data, constraints="none", use=use, drop=left_out, **options)


# --------------------------------------------------------------------------------------------------------------------
# products of couplings


def products_only(model: str, data: str = "2021", **options) -> fipjax.Likelihood:
    """The same likelihood with the b-s coupling fixed at 1: the muon couplings are then the products X and Y."""
    return likelihood(model, data, fixed={COUPLINGS[model][0]: 1.0}, **options)


def scale(model: str, mass):
    """Size of a product that changes C9 by about one unit at q2 = 4 GeV^2."""
    return (mass * mass + 4.0) / (1.25e9 * 4.0 ** POWER[model])


def profile(like: fipjax.Likelihood, masses, widths, sign: int, *, steps: int = 20, chunk: int = 4096) -> dict[str, np.ndarray]:
    """chi2 minimised over gamma_V, X (of the given sign) and Y at every mass; ``like`` from :func:`products_only`.

    Damped Newton steps in log|X| and asinh Y from six starts for every mass and width, all at once.
    """
    _, vector, axial = COUPLINGS[like.model.name]

    def point(z, m, g):
        s = scale(like.model.name, m)
        return {"m_V": m, "gamma_V": g, vector: sign * jnp.exp(z[:, 0]) * s, axial: jnp.sinh(z[:, 1]) * s}

    def slope(z, m, g):
        value, back = jax.vjp(lambda a: like.evaluate(point(a, m, g))["chi2"], z)
        return value, back(jnp.ones_like(value))[0]

    def curvature(z, m, g, h=1e-4):
        value, grad = slope(z, m, g)
        rows = [(slope(z.at[:, i].add(h), m, g)[1] - slope(z.at[:, i].add(-h), m, g)[1]) / (2 * h) for i in range(2)]
        hess = jnp.stack(rows, -1)
        return value, grad, 0.5 * (hess + jnp.swapaxes(hess, 1, 2))

    @jax.jit
    def search(z, m, g):
        def step(carry, _):
            z, value, grad, hess, damping = carry
            w, v = jnp.linalg.eigh(hess)
            move = jnp.einsum("bji,bj->bi", v, grad) / (jnp.abs(w) + damping[:, None])
            move = -jnp.einsum("bij,bj->bi", v, move)
            move = move * jnp.minimum(1.0, 1.5 / jnp.maximum(jnp.linalg.norm(move, axis=1, keepdims=True), 1e-12))
            # where |X| runs to zero there is nothing left to gain
            trial = (z + move).at[:, 0].max(-15.0)
            new = curvature(trial, m, g)
            better = new[0] < value
            pick = lambda a, b: jnp.where(better.reshape(-1, *[1] * (a.ndim - 1)), a, b)  # noqa: E731
            damping = jnp.where(better, damping / 5, damping * 6)
            return (pick(trial, z), pick(new[0], value), pick(new[1], grad), pick(new[2], hess), damping), None

        start = (z, *curvature(z, m, g), jnp.ones(z.shape[0]))
        (z, value, *_), _ = jax.lax.scan(step, start, None, length=steps)
        x = point(z, m, g)
        return value, x[vector], x[axial]

    starts = [(np.log(a), np.arcsinh(b)) for a in (0.03, 0.3, 1.5) for b in (-0.2, 0.2)]
    m, g, k = (a.ravel() for a in np.meshgrid(masses, widths, np.arange(len(starts)), indexing="ij"))
    z = np.array(starts)[k]
    rows = np.arange(-(-len(m) // chunk) * chunk) % len(m)
    parts = [search(*(jnp.asarray(a[rows[i : i + chunk]]) for a in (z, m, g))) for i in range(0, len(rows), chunk)]
    value, x, y = (np.concatenate([np.asarray(p[i]) for p in parts])[: len(m)].reshape(len(masses), -1) for i in range(3))
    best = np.nanargmin(value, axis=1)
    rows = np.arange(len(masses))
    return {"m_V": np.asarray(masses), "chi2": value[rows, best], "gamma_V": g.reshape(len(masses), -1)[rows, best],
            "X": x[rows, best], "Y": y[rows, best]}  # fmt: skip


def window_weights(like: fipjax.Likelihood, sign: int, edges, *, points: int = 2**16, seed: int = 1) -> np.ndarray:
    """Posterior probability of each mass window between ``edges``, by quasi-random integration over the paper's prior.

    No chain is involved: this finds out whether modes that the chains keep apart have the weights the chains give them.
    ``like`` from :func:`products_only`; sign: of X (that of Y is opposite).
    """
    _, vector, axial = COUPLINGS[like.model.name]
    out = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        s = qmc.Sobol(4, scramble=True, rng=np.random.default_rng(seed)).random(points)
        m = low + (high - low) * s[:, 0]
        g = 10.0 ** (-3.0 + (np.log10(0.5) + 3.0) * s[:, 1])
        # products from what would change C9 by five units downwards, ten decades, with more points at the top
        drop = 0.4 * np.expm1(3.26 * s[:, 2:])
        x, y = np.log10(scale(like.model.name, m))[:, None].T + 0.75 - drop.T
        # how much of the prior of the b-s coupling gives these products: all three factors lie in [1e-10, 1]
        share = np.minimum(0.0, np.minimum(x, y) + 10.0) - np.maximum(-10.0, np.maximum(x, y))
        log_like = np.asarray(like.log_prob({"m_V": m, "gamma_V": g, vector: sign * 10.0**x, axial: -sign * 10.0**y}))
        out.append(
            np.where(np.isfinite(log_like), log_like, -np.inf) + np.log(np.clip(share, 1e-12, None)) + 3.26 * s[:, 2:].sum(1)
        )
    top = max(float(np.max(v)) for v in out)
    weight = np.array([np.mean(np.exp(v - top)) for v in out]) * np.diff(edges)
    return weight / weight.sum()


# --------------------------------------------------------------------------------------------------------------------
# fits


WINDOWS = {"high": (2.0, 2.8, 4.5, 8.0, 20.0), "low": (0.01, 0.21, 0.3, 0.6, 0.9, 1.2, 2.0)}
# where the range of m_V is cut if chains do not mix over all of it: at the smallest posterior density between the minima
CUT = {"high": 4.5, "low": 0.3}
SETTINGS = {
    True: {"warmup": 500, "draws": 400, "target_accept": 0.95},
    False: {"warmup": 1000, "draws": 2000, "target_accept": 0.98},
}


def sample(model: str, region: str, args: argparse.Namespace, priors=None) -> tuple[dict[str, np.ndarray], bool]:
    """Draws of m_V, log10 gamma_V, log10|X| and log10|Y| from four NUTS chains, with diagnostics printed; whether they mix."""
    bs, vector, axial = COUPLINGS[model]
    like = likelihood(model, args.data, fit=args.fit, region=REGIONS[region], priors=priors)
    posterior = fipjax.sample(like, chains=4, seed=1, progress=False, **SETTINGS[args.quick])
    x = posterior.samples
    draws = {
        "m_V [GeV]": x["m_V"],
        "log10 gamma_V": np.log10(x["gamma_V"]),
        "log10 |X|": np.log10(np.abs(x[bs] * x[vector])),
        "log10 |Y|": np.log10(np.abs(x[bs] * x[axial])),
    }
    worst = max(rhat(v) for v in (*draws.values(), *x.values()))
    fewest = min(ess_bulk(v) for v in (*draws.values(), *x.values()))
    low, high = like.priors["m_V"].support
    print(
        f"  NUTS, m_V in [{low:g}, {high:g}] GeV: 4 chains x {posterior.draws} draws, {int(posterior.stats['diverging'].sum())} "
        f"divergences, largest R-hat {worst:.3f}, smallest ESS {fewest:.0f}, {posterior.seconds:.0f} s"
    )
    return {k: v.ravel() for k, v in draws.items()}, rhat(draws["m_V [GeV]"]) < 1.05


def run(model: str, region: str, args: argparse.Namespace) -> dict[str, np.ndarray]:
    """Best fit and posterior of one model and mass region, printed; draws of m_V, log10 gamma_V, log10|X| and log10|Y|."""
    bs, vector, axial = COUPLINGS[model]
    like = likelihood(model, args.data, fit=args.fit, region=REGIONS[region])
    t0 = time.monotonic()
    best = fipjax.fit(like, starts=96 if args.quick else 256, progress=False)
    print(f"\nmodel {model[4:]}, {region}-mass fit, data {args.data} ({args.fit}): {like.n_measurements} numbers")
    print(f"  chi2: SM {best.sm_chi2:.2f}, best fit {best.chi2:.2f}, Delta chi2 {best.delta_chi2:.2f}")
    for mode in best.modes:
        p = mode["point"]
        print(
            f"  minimum: chi2 {mode['chi2']:.2f} at m_V = {p['m_V']:.3f} GeV, gamma_V = {p['gamma_V']:.3g}, "
            f"X = {p[bs] * p[vector]:.3g}, Y = {p[bs] * p[axial]:.3g} ({mode['starts']} starts)"
        )
    only = products_only(model, args.data, fit=args.fit)
    sign, points = (1 if region == "low" else -1), 2 ** (13 if args.quick else 16)
    draws, mixed = sample(model, region, args)
    if not mixed:
        # chains cross too rarely between the minima to know their weights: one run for each, weighted by the integral
        low, high = WINDOWS[region][0], WINDOWS[region][-1]
        weights = window_weights(only, sign, (low, CUT[region], high), points=points)
        parts = []
        for a, b, w in zip((low, CUT[region]), (CUT[region], high), weights, strict=True):
            part, _ = sample(model, region, args, {"m_V": Flat(a, b)})
            n = len(part["m_V [GeV]"])
            rows = np.random.default_rng(1).choice(n, round(w / weights.max() * n), replace=False)
            parts.append({k: v[rows] for k, v in part.items()})
        draws = {k: np.concatenate([part[k] for part in parts]) for k in draws}
        print(f"  the two runs are combined with weights {weights[0]:.3g} and {weights[1]:.3g}")
    print(f"{'':16s}{'median':>10s}{'68 %':>20s}{'95 %':>20s}")
    for name, v in draws.items():
        q = np.quantile(v, [0.5, 0.158655, 0.841345, 0.025, 0.975])
        print(f"  {name:14s}{q[0]:10.3f}   [{q[1]:7.3f},{q[2]:7.3f}]   [{q[3]:7.3f},{q[4]:7.3f}]")
    m, x = draws["m_V [GeV]"], draws["log10 |X|"]
    print(f"  correlation of log m_V and log |X|: {np.corrcoef(np.log10(m), x)[0, 1]:.3f}")
    edges = WINDOWS[region]
    weights = window_weights(only, sign, edges, points=points)
    print("  mass window      share of the draws   the same integrated without chains   log10 |X|, 95 %")
    for a, b, w in zip(edges[:-1], edges[1:], weights, strict=True):
        inside = x[(m > a) & (m < b)]
        text = "[{:.2f}, {:.2f}]".format(*np.quantile(inside, [0.025, 0.975])) if len(inside) > 40 else ""
        print(f"  {a:5g} to {b:4g} GeV   {len(inside) / len(m):12.4f} {w:30.2g} {'':18s} {text}")
    print(f"  took {time.monotonic() - t0:.0f} s", flush=True)
    return draws


# --------------------------------------------------------------------------------------------------------------------
# figures


class Axis:
    """Range of a plotted quantity, and the coordinate in which its draws are smoothed.

    kind: "linear", "log" (resolution proportional to the value) or "tail" (for logarithms of products that may vanish: resolution
    proportional to the distance from the largest value, so that the long tail downwards is smooth and the top stays sharp).
    """

    def __init__(self, values, low: float, high: float, kind: str = "linear"):
        self.values, self.low, self.high, self.kind = values, low, high, kind
        self.top = float(np.max(values)) + 0.5

    def flat(self, v):
        """Smoothing coordinate."""
        if self.kind == "log":
            return np.log(v)
        return -np.log1p(np.maximum(self.top - v, 0.0) / 0.4) if self.kind == "tail" else np.asarray(v)

    def slope(self, v):
        """Derivative of the smoothing coordinate."""
        if self.kind == "log":
            return 1.0 / v
        return np.where(v < self.top, 1.0 / (0.4 + np.abs(self.top - v)), 0.0) if self.kind == "tail" else np.ones_like(v)

    def value(self, u):
        """Inverse of :meth:`flat`."""
        if self.kind == "log":
            return np.exp(u)
        return self.top - 0.4 * np.expm1(-u) if self.kind == "tail" else u


def fill_regions(ax, x: Axis, y: Axis, colours, bins: int = 240):
    """Smallest regions with 68, 95 and 99.7 % of the draws, from a smoothed density.

    Where the two quantities are strongly correlated, smoothing follows the correlation: a cubic polynomial y(x) is taken out
    first and put back afterwards.
    """
    u, w = x.flat(x.values), y.flat(y.values)
    t = np.polynomial.Polynomial.fit(u, w, 3 if abs(np.corrcoef(u, w)[0, 1]) > 0.8 else 0)
    rest = w - t(u)
    frame = (x.flat(min(x.low, x.values.min())), x.flat(max(x.high, x.values.max())))
    pad = 0.05 * np.ptp(rest)
    h, ue, re = np.histogram2d(u, rest, bins, [frame, (rest.min() - pad, rest.max() + pad)])
    n = len(u) ** (-1.0 / 6.0)
    width = [n * min(np.std(v), np.subtract(*np.quantile(v, [0.75, 0.25])) / 1.35) for v in (u, rest)]
    size = np.array([max(1.0, s / (e[1] - e[0])) for s, e in zip(width, (ue, re), strict=True)])
    # where draws are few the resolution is three times coarser: single draws are no islands
    fine, coarse = (gaussian_filter(h, k * size, mode="reflect") for k in (0.8, 2.4))
    many = coarse / (coarse + 12.0 / (2.0 * np.pi * np.prod(0.8 * size)))
    h = many * fine + (1.0 - many) * coarse
    uc, rc = 0.5 * (ue[1:] + ue[:-1]), 0.5 * (re[1:] + re[:-1])
    gx, gy = np.linspace(x.low, x.high, 400), np.linspace(y.low, y.high, 400)
    a, b = np.meshgrid(gx, gy, indexing="ij")
    place = [(x.flat(a) - uc[0]) / (uc[1] - uc[0]), (y.flat(b) - t(x.flat(a)) - rc[0]) / (rc[1] - rc[0])]
    # between the outermost bin centres and the edge of the range the density is that of the outermost bin
    place[0] = np.clip(place[0], 0, bins - 1)
    density = map_coordinates(h, place, order=1, mode="constant") * x.slope(a) * y.slope(b)
    # smallest in the plane that is shown: bins are ordered by their density there
    ug, rg = np.meshgrid(uc, rc, indexing="ij")
    there = (h * x.slope(x.value(ug)) * y.slope(y.value(rg + t(ug)))).ravel()
    order = np.argsort(there)[::-1]
    total = np.cumsum(h.ravel()[order]) / h.sum()
    levels = [there[order][np.searchsorted(total, c)] for c in CONTENT]
    top = max(density.max(), levels[0]) * 1.01
    ax.contourf(gx, gy, density.T, [levels[2], levels[1], levels[0], top], colors=colours[::-1])
    ax.contour(gx, gy, density.T, [levels[2]], colors=[colours[1]], linewidths=0.5)


def axes_of(draws: dict, mass: tuple[float, float] | None) -> dict[str, Axis]:
    """What is shown of each quantity; mass: range of m_V, None: from the draws."""
    m, g, x, y = draws.values()
    x_low, x_high = np.quantile(x, [0.0005, 0.9995])
    # with logarithmic priors a product that the data allow to vanish has a tail down to 1e-20: only its upper end is shown
    tail = x_high - x_low > 2.5
    y_high = float(np.quantile(y, 0.9995))
    shown = (
        Axis(m, *(mass or (0.0, min(2.0, 1.15 * float(m.max())))), "log" if mass else "linear"),
        Axis(g, max(-3.0, float(np.quantile(g, 0.002)) - 0.1), float(np.log10(0.5))),
        Axis(x, x_high - 2.2, x_high + 0.2, "tail") if tail else Axis(x, x_low - 0.15, x_high + 0.15),
        Axis(y, y_high - 4.0, y_high + 0.4, "tail"),
    )
    return dict(zip(draws, shown, strict=True))


def figure(model: str, high: dict | None, low: dict | None):
    """Red: the high-mass fit, first row.  Green: the low-mass fit, second and third row."""
    latex_x, latex_y = LATEX[model]
    unit = UNIT[POWER[model]]
    suffix = f" [{unit}]" if unit else ""
    label = {
        "m_V [GeV]": r"$m_V$ [GeV]",
        "log10 gamma_V": r"$\log_{10}\,\gamma_V$",
        "log10 |X|": rf"$\log_{{10}}|{latex_x}|${suffix}",
        "log10 |Y|": rf"$\log_{{10}}|{latex_y}|${suffix}",
    }
    planes = [("m_V [GeV]", "log10 |X|"), ("m_V [GeV]", "log10 |Y|"), ("log10 |X|", "log10 |Y|")]
    widths = [("m_V [GeV]", "log10 gamma_V"), ("log10 gamma_V", "log10 |X|"), ("log10 gamma_V", "log10 |Y|")]
    rows = [(high, planes, RED, (2.0, 20.0))] if high else []
    rows += [(low, planes, GREEN, None), (low, widths, GREEN, None)] if low else []
    with st.context(**{"axes.labelsize": 8.0}):
        fig = st.new_figure(st.DOUBLE, 2.15 * len(rows) + 0.3)
        axes = fig.subplots(len(rows), 3, squeeze=False)
        for line, (draws, pairs, colours, mass) in zip(axes, rows, strict=True):
            shown = axes_of(draws, mass)
            for ax, (a, b) in zip(line, pairs, strict=True):
                fill_regions(ax, shown[a], shown[b], colours)
                if (a, b) == ("log10 |X|", "log10 |Y|"):
                    ax.plot([-20, 0], [-20, 0], color=st.GREY, lw=0.7, ls=(0, (4, 2)))
                ax.set(xlim=(shown[a].low, shown[a].high), ylim=(shown[b].low, shown[b].high), xlabel=label[a], ylabel=label[b])
                ax.locator_params(nbins=6)
        handles = []
        for colours, text, there in ((RED, "high mass", high), (GREEN, "low mass", low)):
            if there:
                handles += [Patch(fc=to_rgba(c), label=t) for c, t in zip(colours, (f"{text}: 68%", "95%", "99.7%"), strict=True)]
        handles.append(Line2D([], [], color=st.GREY, lw=0.7, ls=(0, (4, 2)), label="equal products"))
        fig.legend(handles=handles, loc="outside upper center", ncols=len(handles), columnspacing=1.0)
    return fig


def parser(text: str) -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=text)
    p.add_argument("--quick", action="store_true", help="fewer draws")
    p.add_argument("--out", type=Path, default=Path("."), help="directory of the figure")
    p.add_argument("--data", choices=list(SETS), default="2021", help="vintage")
    p.add_argument("--fit", choices=["paper", "high-q2", "all"], default="paper", help="which data, see the documentation")
    return p


def main(model: str, stem: str, text: str) -> dict:
    """Both fits of a model and their figure."""
    p = parser(text)
    p.add_argument("--only", choices=list(REGIONS), help="one of the two fits")
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    draws = {r: run(model, r, args) if args.only in (None, r) else None for r in REGIONS}
    fig = figure(model, draws["high"], draws["low"])
    for path in st.save(fig, args.out / stem):
        print(path)
    return draws
