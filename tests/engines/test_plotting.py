"""Pictures: what is drawn where, checked on the artists; that nothing overlaps; and the files."""

import itertools
import json
import math
import subprocess
import sys
from types import SimpleNamespace

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

import fipjax
from fipjax import plotting
from fipjax.errors import InputError
from fipjax.models import get_model
from fipjax.plotting import figures, style
from fipjax.priors import Flat, LogFlat, SignedLog

pytestmark = [
    pytest.mark.filterwarnings("error"),
    pytest.mark.filterwarnings("ignore::FutureWarning:arviz"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:arviz"),
]
MODELS = ("deft44", "deft46", "deft64", "deft66", "wet")


class Like:
    """A likelihood with the parameters of a real model and a chi2 of one's own."""

    def __init__(self, priors, chi2, model="deft44", allowed=None, fixed=None):
        self.names, self.priors, self.model = tuple(priors), dict(priors), model
        self.parameters = {n: get_model(model).parameter(n) for n in priors}
        self.n_measurements, self._chi2, self._allowed, self._fixed = 2, chi2, allowed, fixed or {}

    def log_prob(self, x):
        return -0.5 * self._chi2(x)

    def evaluate(self, x):
        chi2 = self._chi2(x)
        allowed = self._allowed(x) if self._allowed else jnp.isfinite(chi2)
        return {"log_prob": -0.5 * chi2, "chi2": chi2, "allowed": allowed}

    def sm_chi2(self):
        return 25.0

    def pulls(self, x):
        return PULLS

    def fingerprint(self):
        priors = {n: p.describe() for n, p in self.priors.items()}
        return {"model": self.model, "data": "2021", "data_hash": "abc", "fixed": self._fixed, "priors": priors}


def pull(observable, measurement, measured, sm, value, error=0.2e-8):
    return {
        "observable": observable,
        "measurement": measurement,
        "value": value,
        "sm": sm,
        "measured": measured,
        "error_plus": error,
        "error_minus": 0.5 * error,
        "error_theory": 0.5 * error,
        "error": error,
        "pull": (value - measured) / error,
        "sm_pull": (sm - measured) / error,
    }


LHCB = "LHCb:1403.8044:B+->Kmumu"
PULLS = [
    pull("<dBR/dq2>(B+->Kmumu)[1.1,2.0]", LHCB, 2.3e-8, 3.5e-8, 2.8e-8),
    pull("<dBR/dq2>(B+->Kmumu)[2.0,3.0]", LHCB, 2.8e-8, 3.5e-8, 2.8e-8),
    pull("<dBR/dq2>(B+->Kmumu)[15.0,22.0]", LHCB, 1.2e-8, 1.5e-8, 1.2e-8),
    pull("BR(Bs->mumu)", "my own $set$", 3.1e-9, 3.7e-9, 3.2e-9, 3e-10),
    pull("something unknown", "my own $set$", 0.0, 9.0, 1.0, 1.0),
]


def gauss(x0=0.0, y0=0.0, sx=1.0, sy=1.0):
    return lambda x: ((x["C9_bsmumu"] - x0) / sx) ** 2 + ((x["C10_bsmumu"] - y0) / sy) ** 2


def wet(chi2=None, n=41, **options):
    """Scan of two Wilson coefficients on [-5, 5]^2."""
    like = Like({"C9_bsmumu": Flat(-5, 5), "C10_bsmumu": Flat(-5, 5)}, chi2 or gauss(), "wet", **options)
    axis = {"min": -5, "max": 5, "n": n}
    return fipjax.scan(like, {"C9_bsmumu": axis, "C10_bsmumu": axis}, progress=False)


def by_gid(fig, gid):
    return [a for a in fig.findobj(lambda a: a.get_gid() == gid)]


def texts(fig):
    return [t.get_text() for t in fig.findobj(Text) if t.get_text().strip()]


def tidy(fig):
    """Nothing outside the figure, no legend on the axes, no small print, no two labels of one axis on each other."""
    fig.draw_without_rendering()
    page = fig.bbox
    for legend in fig.legends:
        box = legend.get_window_extent()
        assert page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1
        for ax in fig.axes:
            assert not box.overlaps(ax.get_window_extent().shrunk(0.99, 0.99))
    for t in fig.findobj(Text):
        if t.get_visible() and t.get_text().strip():
            assert t.get_fontsize() >= 7.0, t
    for ax in fig.axes:
        box = ax.get_tightbbox()
        assert page.x0 - 2 <= box.x0 and box.x1 <= page.x1 + 2, "beyond the page"
        assert page.y0 - 2 <= box.y0 and box.y1 <= page.y1 + 2, "beyond the page"
        for axis, side in ((ax.xaxis, "x"), (ax.yaxis, "y")):
            shown = [t for t in axis.get_ticklabels() if t.get_visible() and t.get_text().strip()]
            boxes = sorted((b for b in (t.get_window_extent() for t in shown) if b.width > 1), key=lambda b: getattr(b, side + "0"))
            for a, b in itertools.pairwise(boxes):
                assert getattr(a, side + "1") <= getattr(b, side + "0") + 2.0, "tick labels overlap"
    return fig


# ------------------------------------------------------------------------------------------------------------- style


def test_levels_are_quantiles_of_chi2():
    for dof, tail in ((1, None), (2, lambda v: math.exp(-0.5 * v))):
        for sigma, level in zip((1, 2, 3), figures.DELTA_CHI2[dof], strict=True):
            p = math.erfc(sigma / math.sqrt(2))
            got = tail(level) if tail else math.erfc(math.sqrt(0.5 * level))
            assert got == pytest.approx(p, rel=2e-3)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("GeV", "GeV"),
        ("GeV^-2", "GeV$^{-2}$"),
        ("1e-8 GeV^-2", "$10^{-8}$ GeV$^{-2}$"),
        ("ps^-1", "ps$^{-1}$"),
        ("", ""),
    ],
)
def test_units(unit, text):
    assert style.unit_text(unit) == text


def test_labels():
    p = get_model("deft66").parameter("C6_bsV")
    assert style.parameter_label("C6_bsV", {"latex": p.latex, "unit": p.unit}) == r"$C_6^{bsV}/\Lambda^2$ [GeV$^{-2}$]"
    assert style.parameter_label("my_par") == r"$\mathrm{my\_par}$"
    label = style.observable_label("<dBR/dq2>(B+->Kmumu)[1.1,6]")
    assert label.startswith(r"$\langle") and label.endswith("[1.1, 6.0]") and "^{+}" in label
    assert "[" not in style.observable_label("<dBR/dq2>(B+->Kmumu)[1.1,6]", with_bin=False)
    assert style.observable_label("my $ obs[1,2]") == r"my \$ obs[1,2]"
    assert style.publication_label(LHCB) == "LHCb, arXiv:1403.8044"
    assert style.publication_label("mine") == "mine"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((9.8, 4.7, 17.0), "9.8^{+7.2}_{-5.1}"),
        ((5e-8, 4e-8, 7e-8), r"(5.0^{+2.0}_{-1.0})\times 10^{-8}"),
        ((-1.0, -1.5, -0.25), "-1.00^{+0.75}_{-0.50}"),
        ((2.0, 2.0, 2.0), "2.00"),
    ],
)
def test_intervals(args, text):
    assert style.interval_text(*args) == text


def test_signed_ticks():
    ticks, names = style.signed_ticks(1e-10, -1.0, 1.0, 7)
    assert ticks == sorted(ticks) and 0.0 in ticks and max(ticks) == 1.0 and min(ticks) == -1.0
    assert len(ticks) <= 7 and len(names) == len(ticks) and names[0] == "$-10^{0}$"


def test_nothing_global(tmp_path):
    before = dict(matplotlib.rcParams)
    plotting.save(plotting.plot_scan(wet(n=11)), tmp_path / "a")
    assert dict(matplotlib.rcParams) == before
    code = "import sys, fipjax.plotting; assert 'matplotlib.pyplot' not in sys.modules and 'corner' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------------------------------------------------- scans


def test_regions_lie_at_the_thresholds():
    # far off the grid points, so that the interpolation is tested too
    fig = tidy(plotting.plot_scan(wet(gauss(0.13, -0.37, 0.8, 1.1), n=31), sm_chi2=4.0))
    (edges,) = by_gid(fig, "edges")
    assert list(edges.levels) == list(figures.DELTA_CHI2[2])
    best = min(gauss(0.13, -0.37, 0.8, 1.1)({"C9_bsmumu": a, "C10_bsmumu": b}) for a in G31 for b in G31)
    for path, level in zip(edges.get_paths(), figures.DELTA_CHI2[2], strict=True):
        u, v = (path.vertices[:, 0] - 0.13) / 0.8, (path.vertices[:, 1] + 0.37) / 1.1
        assert np.hypot(u, v) == pytest.approx(math.sqrt(level + best), rel=0.02)
    for sigma in (1, 2, 3):
        (fill,) = by_gid(fig, f"{sigma} sigma")
        assert fill.get_paths()[0].contains_point((0.13, -0.37))
    (star,) = by_gid(fig, "best fit")
    assert star.get_xdata()[0] == pytest.approx(0.13, abs=0.17)
    ax = fig.axes[0]
    assert ax.get_xlabel() == r"$C_9^{bs\mu\mu}$" and ax.get_ylabel() == r"$C_{10}^{bs\mu\mu}$"
    assert ax.get_xlim() == (-5, 5)


G31 = np.linspace(-5, 5, 31)


def test_profile_takes_the_best_of_the_hidden_axes():
    names = ("m_V", "gamma_V", "C4_mumuV")
    like = Like(
        dict(zip(names, (Flat(2, 20), LogFlat(1e-3, 0.5), SignedLog(1e-6, 1)), strict=True)),
        lambda x: (x["m_V"] - 10) ** 2 + (jnp.log10(x["gamma_V"]) + 2) ** 2 + (x["C4_mumuV"] * 10 - 1) ** 2,
    )
    spec = {
        "m_V": {"min": 2, "max": 20, "n": 19},
        "gamma_V": {"min": 1e-3, "max": 0.1, "n": 5, "scale": "log"},
        "C4_mumuV": {"min": 1e-6, "max": 1, "n": 21, "scale": "signed_log"},
    }
    scan = fipjax.scan(like, spec, progress=False)
    fig = tidy(plotting.plot_scan(scan))
    ax = fig.axes[0]
    assert ax.get_xlabel() == "$m_V$ [GeV]" and ax.get_ylabel() == r"$C_4^{\mu\mu V}$"
    assert ax.get_xscale() == "linear" and ax.get_yscale() == "asinh" and ax.get_ylim() == (-1, 1)
    assert any("profiled over" in t and r"\gamma_V" in t for t in texts(fig))
    assert by_gid(fig, "sm")[0].get_ydata() == [0.0, 0.0]  # a line: any mass without coupling is the SM
    swapped = tidy(plotting.plot_scan(scan, x="gamma_V", y="m_V", title="")).axes[0]
    assert swapped.get_xscale() == "log" and swapped.get_ylabel() == "$m_V$ [GeV]"


def test_negative_log_axis_and_excluded_area():
    like = Like(
        {"m_V": Flat(2, 20), "C4_mumuV": LogFlat(1e-5, 1, -1)},
        lambda x: (x["m_V"] - 10) ** 2 + (jnp.log10(-x["C4_mumuV"]) + 3) ** 2,
        allowed=lambda x: x["m_V"] < 15,
    )
    spec = {"m_V": {"min": 2, "max": 20, "n": 20}, "C4_mumuV": {"min": -1, "max": -1e-5, "n": 20, "scale": "log"}}
    fig = tidy(plotting.plot_scan(fipjax.scan(like, spec, progress=False), sm_chi2=30.0))
    ax = fig.axes[0]
    assert ax.get_ylabel() == r"$-C_4^{\mu\mu V}$" and ax.get_ylim() == pytest.approx((1e-5, 1))
    (cover,) = by_gid(fig, "excluded")
    assert cover.hatches[0] and cover.get_paths()[0].get_extents().x0 == pytest.approx(15, abs=1.0)
    assert "excluded" in texts(fig)
    # couplings cannot vanish on this axis: the SM is named, not marked
    assert not by_gid(fig, "sm") and any("; SM: " in t and "= 29." in t for t in texts(fig))


def test_sm_cross():
    fig = tidy(plotting.plot_scan(wet(gauss(1.0)), sm_chi2=1.0))
    (cross,) = by_gid(fig, "sm")
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (0.0, 0.0)
    assert any(r"SM ($\Delta\chi^2 = 1.0$)" in t for t in texts(fig))
    assert not by_gid(plotting.plot_scan(wet(gauss(1.0), fixed={"CS_bsmumu": 0.1})), "sm")


def test_unfinished_scan(tmp_path):
    class Stop(Exception):
        pass

    def stop(k):
        if k == 3:
            raise Stop

    like = Like({"C9_bsmumu": Flat(-5, 5), "C10_bsmumu": Flat(-5, 5)}, gauss(-4), "wet")
    axis = {"min": -5, "max": 5, "n": 20}
    with pytest.raises(Stop):
        fipjax.scan(
            like, {"C9_bsmumu": axis, "C10_bsmumu": axis}, out=tmp_path / "s.zarr", chunk=40, progress=False,
            _after_chunk=stop,
        )  # fmt: skip
    fig = tidy(plotting.plot(tmp_path / "s.zarr"))
    assert "not computed" in texts(fig) and by_gid(fig, "missing")


def test_fit_gives_reference_and_sm():
    scan = wet(gauss(0.13, 0.11), n=11)
    fit = SimpleNamespace(
        best={"C9_bsmumu": 0.13, "C10_bsmumu": 0.11}, log_prob=0.0, sm_chi2=7.0,
        fingerprint={"model": "wet", "data_hash": "abc"},
    )  # fmt: skip
    fig = plotting.plot_scan(scan, fit=fit)
    (star,) = by_gid(fig, "best fit")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (0.13, 0.11)
    assert any("7.0" in t for t in texts(fig))
    fit.fingerprint["data_hash"] = "other"
    with pytest.raises(InputError, match="different likelihoods"):
        plotting.plot_scan(scan, fit=fit)


def test_one_parameter():
    like = Like({"m_V": Flat(2, 20)}, lambda x: (x["m_V"] - 7) ** 2, allowed=lambda x: x["m_V"] < 12)
    grid = fipjax.scan(like, {"m_V": {"min": 2, "max": 20, "n": 19}}, progress=False)
    fig = tidy(plotting.plot_scan(grid, sm_chi2=10.0))
    (curve,) = by_gid(fig, "profile")
    assert np.interp(9.0, curve.get_xdata(), curve.get_ydata()) == pytest.approx(4.0)
    assert {r"$1\sigma$", r"$2\sigma$", r"$3\sigma$", "excluded"} <= set(texts(fig))
    tidy(plotting.plot_scan(fipjax.scan(like, None, method="sobol", n=64, progress=False), sm_chi2=1000.0))


def points(n=2048, sign=1):
    priors = {"m_V": Flat(2, 20), "C4_bsV": LogFlat(1e-6, 1), "C4_mumuV": SignedLog(1e-4, 1)}

    def chi2(x):
        product = jnp.abs(x["C4_bsV"] * x["C4_mumuV"])
        wrong = 1e3 * (x["C4_mumuV"] * sign < 0) if sign else 0.0
        return (jnp.log10(product) + 4) ** 2 * 4 + wrong

    return fipjax.scan(Like(priors, chi2), None, method="sobol", n=n, progress=False)


def test_points_are_in_their_bands():
    scan = points()
    fig = tidy(plotting.plot_scan(scan, x="C4_bsV", y="C4_mumuV"))
    delta = 2 * (scan["log_prob"].max() - scan["log_prob"])
    limits = [0.0, *figures.DELTA_CHI2[2]]
    depth = []
    for i, sigma in enumerate((1, 2, 3)):
        (dots,) = by_gid(fig, f"{sigma} sigma")
        inside = (delta >= limits[i]) & (delta <= limits[i + 1]) if i == 0 else (delta > limits[i]) & (delta <= limits[i + 1])
        want = np.sort(scan["C4_bsV"][inside])
        assert np.sort(np.asarray(dots.get_offsets())[:, 0]) == pytest.approx(want)
        depth.append(dots.get_zorder())
    assert depth == sorted(depth, reverse=True)
    few = plotting.plot_scan(scan, x="C4_bsV", y="C4_mumuV", max_points=10)
    assert len(by_gid(few, "beyond")[0].get_offsets()) == 10


@pytest.mark.parametrize(("sign", "panels"), [(0, 2), (-1, 1), (1, 1)])
def test_products_are_split_by_sign(sign, panels):
    scan = points(512, sign)
    fig = tidy(plotting.plot_scan(scan, products=[("C4_bsV", "C4_mumuV")]))
    assert len(fig.axes) == panels and fig.axes[-1].get_xlabel() == "$m_V$ [GeV]"
    product = scan["C4_bsV"] * scan["C4_mumuV"]
    drawn = np.concatenate([np.asarray(d.get_offsets())[:, 1] for d in by_gid(fig, "1 sigma")])
    delta = 2 * (scan["log_prob"].max() - scan["log_prob"])
    assert np.sort(drawn) == pytest.approx(np.sort(np.log10(np.abs(product[delta <= figures.DELTA_CHI2[2][0]]))))
    if panels == 2:
        assert {"product > 0", "product < 0"} <= set(texts(fig))
        low, high = fig.axes[1].get_ylim()
        assert low > high  # mirrored, so that zero is in the middle
    else:
        assert (r"\log_{10}(-" in fig.axes[0].get_ylabel()) == (sign < 0)


def test_two_products():
    fig = tidy(plotting.plot_scan(points(512, 0), products=[("m_V", "C4_mumuV"), ("C4_bsV", "C4_mumuV")]))
    assert len(fig.axes) == 4 and "[GeV]" in fig.axes[2].get_xlabel()


@pytest.mark.parametrize("model", MODELS)
def test_every_model(model):
    m = get_model(model)
    priors = dict(list(m.priors.items()))

    def chi2(x):
        return sum((p.to_unit(x[n]) - 0.6) ** 2 * 100 for n, p in priors.items())

    like = Like(priors, chi2, model)
    names = list(priors)
    last = names[-1]
    spec = {n: float(p.from_unit(0.6)) for n, p in priors.items()}
    scale = {"flat": "linear"}.get(priors[last].describe()["prior"], priors[last].describe()["prior"])
    spec[last] = {"min": priors[last].min, "max": priors[last].max, "n": 9, "scale": scale}
    spec[names[0]] = {"min": priors[names[0]].min, "max": priors[names[0]].max, "n": 9}
    tidy(plotting.plot_scan(fipjax.scan(like, spec, progress=False), sm_chi2=50.0))
    scan = fipjax.scan(like, None, method="sobol", n=256, progress=False)
    tidy(plotting.plot_scan(scan))
    tidy(plotting.plot_corner(posterior(model, n=400)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "C9_bsmum"}, "did you mean 'C9_bsmumu'"),
        ({"x": "C9_bsmumu", "y": "C9_bsmumu"}, "both axes"),
        ({"products": [("C9_bsmumu", "C10_bsmumu")]}, "grid scan"),
    ],
)
def test_bad_axes(options, message):
    with pytest.raises(InputError, match=message):
        plotting.plot_scan(wet(n=5), **options)


def test_nothing_allowed():
    with pytest.raises(InputError, match="no point"):
        plotting.plot_scan(wet(n=5, allowed=lambda x: x["C9_bsmumu"] > 10))


# -------------------------------------------------------------------------------------------------------------- fits


def fit_result(pulls=PULLS):
    return SimpleNamespace(
        pulls=pulls,
        best={},
        chi2=1.5,
        sm_chi2=25.0,
        n_measurements=len(pulls),
        fingerprint={"model": "deft44", "data": "2021"},
    )


def test_pulls():
    fig = tidy(plotting.plot_pulls(fit_result()))
    edge = fig.axes[0].get_xlim()[1]
    for key in ("pull", "sm_pull"):
        (line,) = by_gid(fig, key)
        want = np.clip([p[key] for p in PULLS], -edge, edge)
        assert line.get_xdata() == pytest.approx(want)
        assert np.all(np.diff(line.get_ydata()) > 0)
    shown = texts(fig)
    assert {"LHCb, arXiv:1403.8044", r"my own \$set\$", "something unknown"} <= set(shown)
    assert f"{PULLS[0]['sm_pull'] ** 2:.1f}" in shown and f"{PULLS[0]['pull'] ** 2:.1f}" in shown
    assert any("25.0" in t and "1.5" in t for t in shown)
    headings = [t for t in fig.axes[0].get_yticklabels() if t.get_fontweight() == "bold"]
    assert len(headings) == 2


@pytest.mark.parametrize("rows", [1, 30, 47, 100])
def test_pulls_of_any_number(rows):
    pulls = [pull(f"<dBR/dq2>(B+->Kmumu)[{i}.0,{i + 1}.0]", f"set {i // 40}", 2e-8, 3e-8, 2.5e-8) for i in range(rows)]
    fig = tidy(plotting.plot_pulls(pulls))
    drawn = sorted(y for line in by_gid(fig, "pull") for y in line.get_xdata())
    assert drawn == pytest.approx([2.5] * rows)
    assert fig.get_size_inches()[0] == (5.1 if rows < 45 else 7.0)


def test_spectrum():
    q2 = np.linspace(1, 22, 50)
    fig = tidy(plotting.plot_spectrum(fit_result(), curves={"curve": (q2, np.full(50, 2e-8))}))
    boxes = sorted(by_gid(fig, "sm"), key=lambda b: b.get_x())
    assert [b.get_x() for b in boxes] == [1.1, 2.0, 15.0] and boxes[0].get_height() == pytest.approx(0.2)
    assert boxes[0].get_y() == pytest.approx(3.4)
    (data,) = by_gid(fig, "data")
    assert data.get_ydata() == pytest.approx([2.3, 2.8, 1.2]) and data.get_xdata() == pytest.approx([1.55, 2.5, 18.5])
    assert sorted(s.get_ydata()[0] for s in by_gid(fig, "best fit")) == pytest.approx([1.2, 2.8, 2.8])
    assert by_gid(fig, "curve")[0].get_ydata() == pytest.approx(2.0)
    ax = fig.axes[0]
    assert ax.get_xlabel() == r"$q^2$ [GeV$^2$]" and "$10^{-8}$ GeV$^{-2}$" in ax.get_ylabel()
    assert {"LHCb 1403.8044", "SM", "best fit", "curve"} <= set(texts(fig))


def test_spectrum_without_bins():
    with pytest.raises(InputError, match="did you mean"):
        plotting.plot_spectrum(fit_result(), "<dBR/dq2>(B0->Kmumu)")
    with pytest.raises(InputError, match="no pulls"):
        plotting.plot_pulls([])
    with pytest.raises(InputError, match="sm_pull is missing"):
        plotting.plot_pulls([{k: v for k, v in PULLS[0].items() if k != "sm_pull"}])


# -------------------------------------------------------------------------------------------------------- posteriors


def posterior(model="wet", n=4000, samples=None, **changes):
    """Draws from the priors of a model, or given ones."""
    m = get_model(model)
    rng = np.random.default_rng(3)
    priors = dict(m.priors)
    if samples is None:
        samples = {k: np.asarray(p.from_unit(rng.uniform(size=(4, n // 4)))) for k, p in priors.items()}
    about = {p.name: {"latex": p.latex, "unit": p.unit} for p in m.parameters}
    fingerprint = {"model": model, "data": "2021", "priors": {k: p.describe() for k, p in priors.items()}}
    given = {"ok": True, "verdict": [], "diagnostics": {}}
    return SimpleNamespace(names=tuple(samples), samples=samples, parameters=about, fingerprint=fingerprint, **{**given, **changes})


def gaussian_draws(rho=0.8, n=8000, seed=0):
    x, y = np.random.default_rng(seed).normal(size=(2, n))
    return {
        "C9_bsmumu": (0.3 * x).reshape(4, -1),
        "C10_bsmumu": (0.4 * (rho * x + math.sqrt(1 - rho * rho) * y)).reshape(4, -1),
    }


@pytest.mark.parametrize("rho", [0.0, 0.8, -0.97])
def test_regions_hold_what_they_say(rho):
    fig = tidy(plotting.plot_corner(posterior(samples=gaussian_draws(rho))))
    joint = fig.axes[1]
    for seed, room in ((0, 0.01), (1, 0.03)):  # the draws themselves, and fresh ones
        draws = np.column_stack([np.ravel(v) for v in gaussian_draws(rho, seed=seed).values()])
        for sigma, content in zip((1, 2, 3), figures.PROBABILITIES, strict=True):
            (region,) = (c for c in joint.collections if c.get_gid() == f"{sigma} sigma")
            assert region.get_paths()[0].contains_points(draws).mean() == pytest.approx(content, abs=room)
    # not only the content: for a Gaussian it is an ellipse of known axes
    (region,) = (c for c in joint.collections if c.get_gid() == "1 sigma")
    box = region.get_paths()[0].get_extents()
    reach = math.sqrt(figures.DELTA_CHI2[2][0])
    assert box.x1 - box.x0 == pytest.approx(2 * 0.3 * reach, rel=0.1)
    assert box.y1 - box.y0 == pytest.approx(2 * 0.4 * reach, rel=0.1)
    (interval,) = (c for c in fig.axes[0].collections if c.get_gid() == "1 sigma")
    box = interval.get_paths()[0].get_extents()
    assert (box.x0, box.x1) == pytest.approx((-0.3, 0.3), abs=0.03)


def test_edge_of_the_prior():
    # a posterior that is cut off by the prior: the region reaches the edge
    rng = np.random.default_rng(0)
    samples = {"C9_bsmumu": (4 - np.abs(rng.normal(size=(4, 1000)))), "C10_bsmumu": rng.normal(size=(4, 1000))}
    fig = tidy(plotting.plot_corner(posterior(samples=samples)))
    assert fig.axes[0].get_xlim()[1] == 4.0
    (region,) = (c for c in fig.axes[1].collections if c.get_gid() == "1 sigma")
    assert region.get_paths()[0].get_extents().x1 == pytest.approx(4.0, abs=1e-6)
    (line,) = by_gid(fig, "density")[:1]
    assert line.get_ydata()[-1] > 0.85  # a half normal is highest at its edge


def test_two_modes_stay_apart():
    rng = np.random.default_rng(0)
    x = np.where(rng.uniform(size=(4, 1000)) < 0.5, rng.normal(-2, 0.05, (4, 1000)), rng.normal(2, 0.5, (4, 1000)))
    fig = plotting.plot_corner(posterior(samples={"C9_bsmumu": x, "C10_bsmumu": rng.normal(size=(4, 1000))}))
    (line,) = by_gid(fig, "density")[:1]
    height = np.interp([-2.0, -1.0, 2.0], line.get_xdata(), line.get_ydata())
    assert height[0] == pytest.approx(1, abs=0.1) and height[1] < 0.01 and height[2] == pytest.approx(0.1, abs=0.03)


def test_flat_posterior_is_not_striped():
    rng = np.random.default_rng(0)
    fig = plotting.plot_corner(posterior("deft44", samples={"gamma_V": 10 ** rng.uniform(-3, np.log10(0.5), (4, 1000))}))
    (region,) = by_gid(fig, "1 sigma")
    # at most one gap
    assert len(region.get_paths()[0].to_polygons()) <= 2
    tidy(fig)


def log_draws(positive=1.0, n=4000):
    rng = np.random.default_rng(5)
    sign = np.where(rng.uniform(size=n) < positive, 1, -1)
    draws = {
        "m_V": rng.uniform(2, 20, n),
        "C4_bsV": 10 ** rng.normal(-6, 0.3, n),
        "C4_mumuV": sign * 10 ** rng.normal(-2, 0.3, n),
    }
    return {k: v.reshape(4, -1) for k, v in draws.items()}


def test_log_parameters():
    fig = tidy(plotting.plot_corner(posterior("deft44", samples=log_draws(0.0)), products=[("C4_bsV", "C4_mumuV")]))
    labels = [ax.get_xlabel() for ax in fig.axes[-4:]]
    assert labels[0] == "$m_V$ [GeV]" and labels[1] == r"$\log_{10} C_4^{bsV}$"
    assert labels[2] == "$\\log_{10}|C_4^{\\mu\\mu V}|$\n($<0$)"
    assert labels[3] == "$\\log_{10}|C_4^{bsV}\\,C_4^{\\mu\\mu V}|$\n($<0$)"
    low, high = fig.axes[-2].get_xlim()
    assert low < -2.5 and high > -1.5 and high < 0.1
    title = next(t for t in texts(fig) if t.startswith("$\\log_{10} C_4^{bsV}$\n"))
    assert title.split("\n")[1].startswith("$-6.0") and "^{+0.3" in title and "_{-0." in title


def test_both_signs_are_split():
    fig = tidy(plotting.plot_corner(posterior("deft44", samples=log_draws(0.7)), ["C4_mumuV"]))
    ax = fig.axes[0]
    ticks = [t.get_text() for t in ax.get_xticklabels()]
    assert "$0$" in ticks and any(t.startswith("$-10^") for t in ticks) and any(t.startswith("$10^") for t in ticks)
    (title,) = (t for t in texts(fig) if "%: $" in t)
    assert "$+$ 70%" in title.replace("69%", "70%").replace("71%", "70%") and "$-$" in title and "-2.0" in title
    (line,) = by_gid(fig, "density")
    # the right peak holds more than the left one
    x, y = line.get_xdata(), line.get_ydata()
    assert np.trapezoid(y[x > 0], x[x > 0]) / np.trapezoid(y, x) == pytest.approx(0.7, abs=0.03)


def test_a_stray_sign_is_noted_not_drawn():
    draws = log_draws(1.0)
    draws["C4_mumuV"][0, :4] *= -1
    fig = tidy(plotting.plot_corner(posterior("deft44", samples=draws), ["m_V", "C4_mumuV"]))
    assert fig.axes[-1].get_xlabel() == "$\\log_{10}|C_4^{\\mu\\mu V}|$\n($99.9\\%\\ >0$)"


@pytest.mark.parametrize(("columns", "model"), [(1, "wet"), (2, "wet"), (3, "deft66"), (4, "deft66"), (5, "deft66")])
def test_warning(columns, model):
    post = posterior(model, 400, ok=False, verdict=["chains disagree on C9_bsmumu (R-hat 1.9): " + 40 * "two modes "])
    fig = tidy(plotting.plot_corner(post, post.names[:columns]))
    band, words = by_gid(fig, "warning")
    assert matplotlib.colors.to_hex(band.get_facecolor()).upper() == style.WARNING
    assert "chains did not mix: chains disagree on" in words.get_text().replace("\n", " ")
    box, text = band.get_window_extent(), words.get_window_extent()
    assert box.x0 - 1 <= text.x0 and text.x1 <= box.x1 + 1 and box.y0 - 1 <= text.y0 and text.y1 <= box.y1 + 1
    for ax in fig.axes:
        assert ax.get_tightbbox().y1 <= box.y0 + 1


def test_other_warnings_and_none():
    post = posterior(n=400, ok=False, verdict=["3 divergences (0.1% of the draws)"])
    words = by_gid(plotting.plot_corner(post), "warning")[1].get_text().replace("\n", " ")
    assert "do not rely on this posterior: 3 divergences" in words
    assert not by_gid(plotting.plot_corner(posterior(n=400)), "warning")


def test_mark_and_nuisances():
    samples = gaussian_draws(n=400)
    samples |= {f"nuisance {i}": np.random.default_rng(i).normal(size=(4, 100)) for i in range(5)}
    post = posterior(samples=samples)
    post.fingerprint["priors"] |= {f"nuisance {i}": {"prior": "gaussian", "mean": 0, "sigma": 1} for i in range(5)}
    fig = tidy(plotting.plot_corner(post, mark={"C9_bsmumu": 0.1, "C10_bsmumu": 0.2}))
    assert len(fig.axes) == 3 and any("5 parameters not shown" in t for t in texts(fig))
    (star,) = by_gid(fig, "mark")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (0.1, 0.2)
    assert len(plotting.plot_corner(post, ["nuisance 0"]).axes) == 1


def test_bad_posteriors():
    post = posterior(n=400)
    with pytest.raises(InputError, match="did you mean 'C9_bsmumu'"):
        plotting.plot_corner(post, ["C9_bsmum"])
    with pytest.raises(InputError, match="1 to 14"):
        plotting.plot_corner(post, [])
    post.samples["C9_bsmumu"][0, 0] = np.nan
    with pytest.raises(InputError, match="all finite"):
        plotting.plot_corner(post)


def test_constant_draws():
    tidy(plotting.plot_corner(posterior(samples={"C9_bsmumu": np.ones((4, 50)), "C10_bsmumu": np.ones((4, 50))})))


# ------------------------------------------------------------------------------------------------------------- files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One file of each kind, as fipjax writes them."""
    folder = tmp_path_factory.mktemp("files")
    like = Like({"C9_bsmumu": Flat(-5, 5), "C10_bsmumu": Flat(-5, 5)}, gauss(), "wet")
    axis = {"min": -5, "max": 5, "n": 9}
    fipjax.scan(like, {"C9_bsmumu": axis, "C10_bsmumu": axis}, out=folder / "run.zarr", progress=False)
    fipjax.fit(like, starts=4, progress=False).save(folder / "run.json")
    return folder


def test_scan_file(files):
    written = plotting.plot_file(files / "run.zarr")
    assert written == [files / "run_regions.pdf", files / "run_regions.png"]
    assert written[0].read_bytes().startswith(b"%PDF") and written[1].read_bytes().startswith(b"\x89PNG")
    from matplotlib.image import imread

    assert imread(written[1]).shape[1] == pytest.approx(3.4 * 300, abs=1)


def test_fit_file(files, tmp_path):
    names = [p.name for p in plotting.plot_file(files / "run.json", tmp_path)]
    assert names == ["run_pulls.pdf", "run_pulls.png", "run_spectrum.pdf", "run_spectrum.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)


def test_posterior_file(tmp_path):
    pytest.importorskip("arviz")
    pytest.importorskip("h5netcdf")
    like = Like({"C9_bsmumu": Flat(-5, 5), "C10_bsmumu": Flat(-5, 5)}, gauss(), "wet")
    samples = gaussian_draws(n=1600)
    stats = {k: np.ones((4, 400)) for k in ("energy", "num_steps", "accept_prob", "step_size")}
    stats["diverging"] = np.zeros((4, 400), bool)
    about = {n: {"latex": p.latex, "unit": p.unit, "description": p.description} for n, p in like.parameters.items()}
    fipjax.Posterior(
        names=like.names, samples=samples, log_prob=np.zeros((4, 400)), stats=stats, ebfmi=np.ones(4),
        settings={"draws": 400}, fingerprint=like.fingerprint(), parameters=about,
    ).save(tmp_path / "p.nc")  # fmt: skip
    written = plotting.plot_file(tmp_path / "p.nc", tmp_path / "corner.svg")
    assert [p.name for p in written] == ["corner.pdf", "corner.png", "corner.svg"] and all(p.is_file() for p in written)


def test_same_bytes_twice(files, tmp_path):
    for name in ("a", "b"):
        plotting.plot_file(files / "run.zarr", tmp_path / f"{name}.svg")
    for kind in ("pdf", "png", "svg"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_bad_files(files, tmp_path):
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    (tmp_path / "empty.zarr").mkdir()
    for name in ("missing.zarr", "missing.json", "text.txt", "broken.json", "other.json", "empty.zarr"):
        with pytest.raises(InputError) as err:
            plotting.plot_file(tmp_path / name)
        assert name in str(err.value) and "\n" not in str(err.value)
    for out in ("no/such/folder/x", "x.jpg"):
        with pytest.raises(InputError, match="allowed"):
            plotting.plot_file(files / "run.zarr", tmp_path / out)
    (tmp_path / "x.pdf").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        plotting.plot_file(files / "run.zarr", tmp_path / "x")
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    with pytest.raises(InputError, match="cannot plot a dict"):
        plotting.plot({})


def test_notebook_shows_it():
    assert plotting.plot_pulls(PULLS)._repr_png_().startswith(b"\x89PNG")
