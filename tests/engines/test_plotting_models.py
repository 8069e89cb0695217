"""Pictures of models: exclusion plots, spectra at a point, running couplings, checked on what is drawn."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.text import Text

import fipjax
from fipjax import plotting
from fipjax.errors import InputError
from fipjax.plotting import planes, spectra
from fipjax.plotting import style as st

PLANE = (("m_V", 0.3, 20.0), ("C4_mumuV", -1.0, -1e-4))
FIXED = {"gamma_V": 0.3, "C4t_mumuV": 0.0}
NAMES = ["g2_bound", "W_width", "Z_4mu", "perturbativity"]


def by_gid(fig, gid):
    return [a for a in fig.findobj(lambda a: a.get_gid() == gid)]


def on_the_page(fig):
    """No text beyond the page, none smaller than 7 points, no two names of bounds on each other."""
    fig.draw_without_rendering()
    page = fig.bbox
    for t in fig.findobj(Text):
        assert not (t.get_visible() and t.get_text().strip()) or t.get_fontsize() >= st.SMALL, t
    # ticks beyond the limits exist but are not drawn: they are not part of these boxes
    for box in [ax.get_tightbbox() for ax in fig.axes] + [legend.get_window_extent() for legend in fig.legends]:
        assert page.x0 - 2 <= box.x0 and box.x1 <= page.x1 + 2 and page.y0 - 2 <= box.y0 and box.y1 <= page.y1 + 2
    names = [t.get_window_extent() for t in fig.findobj(Text) if str(t.get_gid()).startswith("bound:")]
    for a, b in itertools.combinations(names, 2):
        assert not a.overlaps(b)
    return fig


# ----------------------------------------------------------------------------------------------------- exclusion plots


def test_holes_too_narrow_for_the_grid():
    level = np.ones((20, 20))
    level[3, 3:6] = level[10:16, 10:16] = level[18, 2:4] = -1.0
    left = np.zeros((20, 20), bool)
    left[18, 3] = True
    drawn = planes._without_specks(level, left) <= 0.0
    # the pieces of a strip go; what is large, or left by all bounds, stays
    assert not drawn[3].any() and drawn[10:16, 10:16].all() and drawn[18, 2:4].all() and drawn.sum() == 38


@pytest.fixture(scope="module")
def bounds():
    return on_the_page(
        plotting.exclusion(
            "deft44", *PLANE, FIXED, constraints=NAMES, data="2021", points=48, mark={"m_V": 5.0, "C4_mumuV": -0.01}, merge=False
        )
    )


def test_bounds_are_the_ratios_also_on_a_negative_axis(bounds):
    assert set(bounds.ratios) == set(NAMES)
    for row, column in ((0, 0), (-1, -1), (20, 31)):
        m, g = np.geomspace(0.3, 20.0, 48)[column], -np.geomspace(1.0, 1e-4, 48)[row]
        want = fipjax.predict("deft44", {"m_V": m, "C4_mumuV": g, **FIXED}, [], constraints=NAMES, data="2021").constraints
        for name in NAMES:
            assert bounds.ratios[name][row, column] == pytest.approx(want[name]["ratio"], rel=1e-6)
    ax = bounds.axes[0]
    assert ax.get_xlim() == pytest.approx((0.3, 20.0)) and ax.get_ylim() == pytest.approx((1e-4, 1.0))
    assert ax.get_ylabel().startswith("$-")


def test_every_bound_that_excludes_has_a_line_where_it_begins(bounds):
    drawn = set(bounds.layers)
    assert drawn == {n for n in NAMES if (bounds.ratios[n] > 1).any()} and len(drawn) >= 2
    assert len(set(bounds.layers.values())) == len(drawn)
    for name in drawn:
        (line,) = by_gid(bounds, f"bound:{name}:line")
        points = np.concatenate([p.vertices for p in line.get_paths()])
        for m, g in points[:: max(1, len(points) // 5)]:
            ratio = fipjax.predict("deft44", {"m_V": m, "C4_mumuV": -g, **FIXED}, [], constraints=[name], data="2021").constraints[
                name
            ]["ratio"]
            # 48 points on three and four decades: one cell is 10 % in mass, 20 % in the coupling, which enters squared
            assert 0.6 < ratio < 1.6, (name, m, g)


def test_names_stand_inside_what_they_name(bounds):
    named = [t for t in bounds.findobj(Text) if str(t.get_gid()).startswith("bound:")]
    assert named
    ax = bounds.axes[0]
    for t in named:
        name = t.get_gid().split(":")[1]
        m, g = ax.transData.inverted().transform(ax.transAxes.transform(t.get_position()))
        ratio = fipjax.predict("deft44", {"m_V": m, "C4_mumuV": -g, **FIXED}, [], constraints=[name], data="2021").constraints[
            name
        ]["ratio"]
        assert ratio > 0.8, name
    # a bound is named once: in the plane or in the legend
    legend = [t.get_text() for t in bounds.legends[0].get_texts()]
    assert len(named) + sum(t.startswith("$") for t in legend) == len(bounds.layers)


def test_coloured_edges_follow_what_is_left(bounds):
    """The area that no bound excludes has an edge all around, and what is deep inside has none."""
    over = np.sum([r > 1 for r in bounds.ratios.values()], axis=0)
    share = {n: planes._border_share(bounds.ratios[n] > 1, over == 0) for n in bounds.layers}
    for name, part in share.items():
        assert bool(by_gid(bounds, f"bound:{name}:border")) == (part > 0.0), name


@pytest.fixture(scope="module")
def kinds():
    return on_the_page(plotting.exclusion("deft44", *PLANE, FIXED, constraints=NAMES, data="2021", points=48))


def test_kinds_hide_nothing_that_is_excluded(kinds):
    over = {n: r > 1 for n, r in kinds.ratios.items() if (r > 1).any()}
    drawn = [n for names in kinds.kinds.values() for n in names]
    assert sorted([*drawn, *kinds.weaker]) == sorted(over) and len(drawn) == len(set(drawn))
    assert set(kinds.layers) == set(drawn)
    missed = np.any(list(over.values()), axis=0) & ~np.any([over[n] for n in drawn], axis=0)
    # what is left out may reach out of the others by less than a cell in fifty of the border
    assert missed.sum() < 0.005 * missed.size
    for key in kinds.kinds:
        assert by_gid(kinds, f"bound:{key}:area")
    legend = [t.get_text() for t in kinds.legends[0].get_texts()]
    assert "excluded, data 2021" == kinds.legends[0].get_title().get_text()
    assert any(f"{len(kinds.weaker)} weaker" in t for t in legend) == bool(kinds.weaker)


def test_the_strongest_bounds_are_chosen():
    """Strips from above: of each kind the deepest counts, and a kind inside another is drawn only if it is the next one."""
    rows = np.arange(100)[:, None] * np.ones((1, 100))
    depth = {"Z_4mu": 40, "W_width": 30, "W_universality": 20, "g2_bound": 60, "na64mu_inv": 50, "babar_4mu": 90, "K_mixing": 80}
    over = {n: rows >= d for n, d in depth.items()}
    layers = planes._kinds(over, ~np.any(list(over.values()), axis=0))
    assert [(y.key, y.names, y.leads) for y in layers] == [
        ("electroweak", ("W_universality",), True),
        ("muon couplings", ("na64mu_inv",), False),
    ]
    # a bound of its own kind reaches the border elsewhere
    over["W_width"] = over["W_width"] | ((rows >= 10) & (np.arange(100) < 50))
    (first, *_) = planes._kinds(over, ~np.any(list(over.values()), axis=0))
    assert set(first.names) == {"W_universality", "W_width"} and first.label == planes._KINDS["electroweak"][0]
    # without a palette entry a kind has a colour of its own, and one bound of its kind its own name
    assert len(set(planes._colours(["mine", "yours", "g-2"]).values())) == 3


def test_colours_of_kinds_differ():
    colours = [c for k, (_, c) in planes._KINDS.items() if k != "flavour"]
    assert len(set(colours)) == len(colours)
    shades = planes._shades("#0072B2", 4)
    light = [np.dot(planes.to_rgb(c), (0.2126, 0.7152, 0.0722)) for c in shades]
    assert light == sorted(light) and len(set(shades)) == 4


def test_preferred_region_of_a_scan():
    def profile(*names, cuts=False):
        x, y = np.meshgrid(np.log10(axes["m_V"]), np.log10(-axes["C4_mumuV"]), indexing="ij")
        lp = -0.5 * (((x - 0.5) / 0.2) ** 2 + ((y + 2.0) / 0.3) ** 2)
        return lp if names[0] == "m_V" else lp.T

    axes = {"m_V": np.geomspace(0.3, 20, 40), "C4_mumuV": -np.geomspace(1.0, 1e-4, 41)}
    spec = {
        "m_V": {"min": 0.3, "max": 20.0, "n": 40, "scale": "log"},
        "C4_mumuV": {"min": -1.0, "max": -1e-4, "n": 41, "scale": "log"},
    }
    about = {n: {"latex": n[0], "unit": "", "scan": spec[n]} for n in axes}
    scan = SimpleNamespace(method="grid", axes=axes, names=tuple(axes), profile=profile, manifest={"parameters": about})
    fig = plotting.exclusion("deft44", *PLANE, FIXED, constraints=["W_width"], data="2021", points=24, preferred=scan)
    lines = by_gid(fig, "preferred:line")
    assert len(lines) == 2
    for line, level in zip(lines, (6.1801, 2.2957), strict=True):
        v = np.concatenate([p.vertices for p in line.get_paths()])
        delta = ((np.log10(v[:, 0]) - 0.5) / 0.2) ** 2 + ((np.log10(v[:, 1]) + 2.0) / 0.3) ** 2
        # interpolated through 40 values with steps of 0.23 and 0.33 standard deviations
        assert delta == pytest.approx(level, abs=0.02)
    with pytest.raises(InputError, match="a grid scan or profile of both"):
        plotting.exclusion("deft44", ("m_V", 1, 2), ("C4t_mumuV", 0.1, 0.2), {}, constraints=["W_width"], points=12, preferred=scan)


def test_linear_axis_and_nothing_excluded():
    fig = plotting.exclusion("deft44", ("m_V", 1.0, 2.0), ("C4_mumuV", -1e-6, 1e-6), FIXED, constraints=["W_width"], points=12)
    assert fig.axes[0].get_yscale() == "linear" and not fig.layers
    assert "nothing is excluded" in [t.get_text() for t in fig.legends[0].get_texts()]


@pytest.mark.parametrize(
    ("x", "y", "options", "words"),
    [
        (("m_X", 1, 2), PLANE[1], {}, "m_X"),
        (("m_V", 2, 1), PLANE[1], {}, "low < high"),
        (("m_V", "a", 1), PLANE[1], {}, "numbers for low and high"),
        (("m_V", 1), PLANE[1], {}, "parameter, low, high"),
        (("m_V", 1, 2, "lg"), PLANE[1], {}, "did you mean 'log'"),
        (PLANE[0], ("C4_mumuV", -1, 1, "log"), {}, "of one sign"),
        (PLANE[0], PLANE[0], {}, "two parameters"),
        (*PLANE, {"fixed": {"m_V": 1.0}}, "on an axis and fixed"),
        (*PLANE, {"points": 3}, "integer >= 8"),
        (*PLANE, {"mark": {"m_V": 1.0}, "points": 8, "constraints": ["W_width"]}, "mark has no 'C4_mumuV'"),
    ],
)
def test_mistakes_in_a_plane(x, y, options, words):
    with pytest.raises(InputError, match=words):
        plotting.exclusion("deft44", x, y, options.pop("fixed", FIXED), **options)


# ------------------------------------------------------------------------------------------------------------- spectra

POINT = {"m_V": 2.1, "gamma_V": 0.01, "C4_bsV": 2e-9, "C4_mumuV": -0.06}
BK = "<dBR/dq2>(B+->Kmumu)"


@pytest.fixture(scope="module")
def spectrum():
    return on_the_page(plotting.spectrum("deft44", POINT, BK, data="2021", band=False, points=60))


def test_spectrum_shows_bins_data_and_resonance(spectrum):
    steps = by_gid(spectrum, "best fit")
    bins = sorted(tuple(s.get_xdata()) for s in steps)
    assert (1.1, 2.0) in bins and (15.0, 22.0) in bins
    names = [f"{BK}[{lo},{hi}]" for lo, hi in bins]
    want = fipjax.predict("deft44", POINT, names, data="2021")
    drawn = {tuple(s.get_xdata()): s.get_ydata()[0] for s in steps}
    for b, name in zip(bins, names, strict=True):
        assert drawn[b] == pytest.approx(1e8 * want[name], rel=1e-6)
    (peak,) = by_gid(spectrum, "peak")
    assert peak.get_xdata()[0] == pytest.approx(2.1**2)
    assert by_gid(spectrum, "data")
    ax = spectrum.axes[0]
    (curve,) = by_gid(spectrum, "curve")
    q2, y = curve.get_xdata(), curve.get_ydata()
    # the peak is resolved: more than ten points within two widths of the mass
    assert np.sum(np.abs(np.sqrt(q2[np.isfinite(q2)]) - 2.1) < 2 * 0.01 * 2.1) > 10
    # the mean of the curve over a bin away from the peak is the bin
    inside = (q2 > 6.0) & (q2 < 7.0)
    assert np.mean(y[inside]) == pytest.approx(drawn[(6.0, 7.0)], rel=5e-3)
    # it does not squeeze the data
    data = np.concatenate([d.get_ydata() for d in by_gid(spectrum, "data")])
    assert ax.get_ylim()[1] < 3.0 * max(data.max(), max(drawn.values()))


def test_spectrum_of_a_likelihood():
    like = fipjax.Likelihood(
        "deft44",
        "2021",
        "none",
        use=["<dBR/dq2>(B+->Kmumu)[1.1,2.0]", "a_mu"],
        uncertainties="none",
        fixed={"gamma_V": 0.01, "C4t_mumuV": 0.0},
    )
    point = {n: POINT[n] for n in like.names}
    fig = plotting.spectrum(like, point, BK, curve=False)
    pulls = {p["observable"]: p for p in like.pulls(point)}
    for step in by_gid(fig, "best fit"):
        lo, hi = step.get_xdata()
        assert step.get_ydata()[0] == pytest.approx(1e8 * pulls[f"{BK}[{lo},{hi}]"]["value"], rel=1e-9)
    with pytest.raises(InputError, match="did you mean"):
        plotting.spectrum(like, point, "<dBR/dq2>(B+->Kmumuu)")
    with pytest.raises(InputError, match=r"m_V.* is missing"):
        plotting.spectrum(like, {}, BK)


def test_curve_points_cover_the_range():
    q2 = spectra.curve_points(1.0, 9.0, [("m", 2.0, 1e-4)], 20)
    assert q2[0] == pytest.approx(1.0) and q2[-1] == pytest.approx(9.0) and (np.diff(q2) > 0).all()
    assert np.sum(np.abs(np.sqrt(q2) - 2.0) < 1e-4) > 5


def test_a_ratio_ends_where_the_rate_does(monkeypatch):
    """R_K diverges at the end point, where the rate into electrons is gone; the curve stops at 1 % of its maximum."""

    def rates(model, params, names, **_):
        assert all(n.startswith("dBR/dq2(B+->Kee)[") for n in names)
        return SimpleNamespace(sm={n: (22.9 - float(n.partition("[")[2][:-1])) ** 1.5 for n in names})

    monkeypatch.setattr("fipjax.prediction.predict", rates)
    grids = [np.linspace(1.0, 8.0, 15), np.linspace(15.0, 22.9, 80)]
    low, high = spectra._with_a_rate("Rmue(B+->Kll)", grids, "latest", "default")
    np.testing.assert_array_equal(low, grids[0])
    # (22.9 - q2)^1.5 = 0.01 * 21.9^1.5
    assert high[-1] == pytest.approx(22.9 - 21.9 * 0.01 ** (2 / 3), abs=0.1)
    assert spectra._with_a_rate("dBR/dq2(B+->Kmumu)", grids, "latest", "default") is grids


@pytest.mark.parametrize(
    ("observable", "options", "words"),
    [
        ("<dBR/dq2>(B+->Kmumuu)", {}, "did you mean"),
        ("BR(Bs->mumu)", {}, "has no bins"),
        (BK, {"data": "2022"}, "vintage"),
    ],
)
def test_mistakes_in_a_spectrum(observable, options, words):
    with pytest.raises(InputError, match=words):
        plotting.spectrum("deft44", POINT, observable, **options)


# ------------------------------------------------------------------------------------------------------------- running


def flow(n=50, pole=True):
    mu = 3000.0 * np.exp(np.linspace(0, 30, n))
    t = np.log(mu / mu[0])
    g = 0.2 / np.sqrt(1 - t / 25)
    couplings = {"g3": 1.0 / (1 + 0.02 * t), "gX": np.where(t < 25, g, np.nan), "lH": 0.1 + 0.001 * t, "eps": 0 * t}
    couplings["y_u"] = np.zeros((3, 3, n))
    couplings["y_u"][2, 2] = 0.8
    return SimpleNamespace(mu=mu, couplings=couplings, stop=mu[0] * np.exp(25.0 if pole else 30.0), pole=pole)


def test_running_couplings_and_their_pole():
    with np.errstate(invalid="ignore"):
        f = flow()
    fig = on_the_page(plotting.running(f, marks={"GUT": 1e16}))
    above, below = fig.axes
    drawn = {
        line.get_gid().split(":", 1)[1]: line
        for line in above.get_lines() + below.get_lines()
        if str(line.get_gid()).startswith("coupling")
    }
    # epsilon is zero, one Yukawa coupling is not
    assert set(drawn) == {"g_3", "g_X", "y_t", r"\lambda_H"} and drawn[r"\lambda_H"].axes is below
    np.testing.assert_array_equal(drawn["g_3"].get_ydata(), f.couplings["g3"])
    poles = by_gid(fig, "pole")
    assert len(poles) == 2 and poles[0].get_xdata()[0] == pytest.approx(f.stop)
    assert any("pole" in t.get_text() for t in fig.findobj(Text)) and any(t.get_text() == "GUT" for t in fig.findobj(Text))
    # the steps into the pole do not set the scale
    assert above.get_ylim()[1] < 5.0


def test_running_of_chosen_couplings():
    with np.errstate(invalid="ignore"):
        f = flow(pole=False)
    fig = plotting.running(f, ["g3", "lH"], title="mine")
    assert len(fig.axes) == 2 and not by_gid(fig, "pole")
    for bad, words in (({"couplings": ["g33"]}, "did you mean 'g3'"), ({"smallest": 10.0}, "no coupling is larger")):
        with pytest.raises(InputError, match=words):
            plotting.running(f, **bad)
    with pytest.raises(InputError, match="2 flows"):
        plotting.running(SimpleNamespace(**{**vars(f), "stop": np.ones(2)}))
    with pytest.raises(InputError, match="a Flow"):
        plotting.running(3)


def test_formulas_that_cannot_be_drawn_become_names():
    assert st.formula("my_g", {"latex": r"\foo{"}) == r"\mathrm{my\_g}"
    assert st.formula("g", {"latex": "a$b"}) == r"\mathrm{g}"
    assert st.formula("g", {"latex": r"g_\mu"}) == r"g_\mu"
    assert st.formula("m", {"latex": "m_{Z'}"}) == "m_{Z′}"


def test_text_of_svg_is_text(tmp_path):
    with st.context():
        fig = st.new_figure(3.0, 1.0)
        fig.text(0.1, 0.5, r"$\mathcal{B}(B\to K)$ and words")
        # a letter that only the STIX fonts of matplotlib have there
        other = st.new_figure(3.0, 1.0)
        other.text(0.1, 0.5, "\ue000 and words")
    (path,) = st.save(fig, tmp_path / "one", formats=("svg",))
    text = path.read_text(encoding="utf-8")
    assert "<text" in text and "ℬ" in text and "words" in text
    with pytest.warns(UserWarning, match="missing from font"):
        (path,) = st.save(other, tmp_path / "two", formats=("svg",))
    assert "<text" not in path.read_text(encoding="utf-8")
