"""Adaptive scans: the region of a dense grid, at a small part of its points."""

import json
import shutil
import signal
import time
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_scan import Toy, python, tree

from fipjax.engines import refine as refine_module
from fipjax.engines.refine import Axis, Cells, fall
from fipjax.engines.scan import ScanInterrupted, open_scan, scan, verify
from fipjax.engines.store import ScanStore
from fipjax.errors import InputError

zarr = pytest.importorskip("zarr")


class Analytic:
    """A function of x0, x1, ... as a likelihood; ``allowed`` if there is a cut."""

    priors = {}  # noqa: RUF012
    parameters = {}  # noqa: RUF012

    def __init__(self, d, log_prob, allowed=None):
        self.names = tuple(f"x{i}" for i in range(d))
        self.log_prob, self.allowed = log_prob, allowed

    def fingerprint(self):
        return {"model": "analytic"}

    def evaluate(self, x):
        x = jnp.stack([x[n] for n in self.names])
        lp = self.log_prob(x)
        out = {"log_prob": lp, "chi2": -2.0 * lp}
        return out if self.allowed is None else {**out, "allowed": self.allowed(x)}


def adaptive(like, n, levels, threshold=9.0, **options):
    spec = {name: {"min": -1.0, "max": 1.0, "n": n} for name in like.names}
    return scan(like, spec, method="adaptive", levels=levels, threshold=threshold, progress=False, **options)


def dense(like, n, threshold, best=-np.inf):
    """Numbers of the allowed points of the grid of n cells per axis."""
    d = len(like.names)
    x = (np.arange(n) + 0.5) / n * 2.0 - 1.0

    rest = [jnp.asarray(a.ravel()) for a in np.meshgrid(*[x] * (d - 1), indexing="ij")]

    @jax.jit
    def block(first):
        out = like.evaluate({f"x{i}": v for i, v in enumerate([jnp.full(rest[0].shape, first), *rest])})
        lp = jnp.where(jnp.isnan(out["log_prob"]), -jnp.inf, out["log_prob"])
        return jnp.where(out["allowed"], lp, -jnp.inf) if "allowed" in out else lp

    lp = np.concatenate([np.asarray(block(v)) for v in x])
    return np.flatnonzero(2.0 * (max(best, lp.max()) - lp) <= threshold), lp


def compare(like, n, levels, threshold=9.0, **options):
    """(share of the allowed cells of the dense grid that were evaluated, share of its points that were)."""
    result = adaptive(like, n, levels, threshold, **options)
    inside, _ = dense(like, n << levels, threshold, result.best()["log_prob"])
    assert result["weight"].sum() == pytest.approx(1.0, abs=1e-12)
    finest = result["cell"][result["level"] == levels]
    assert len(np.unique(finest)) == len(finest)
    found = np.isin(inside, finest).mean()
    if found == 1.0:
        assert result.volume() == pytest.approx(len(inside) / result.dense_points, rel=1e-9)
    return found, result.n_points / result.dense_points


def gauss(x, x0, sigma):
    return -0.5 * jnp.sum((x - x0) ** 2, 0) / sigma**2


CASES = {
    # name: dimension, coarse cells, levels, ln L, largest share of the dense cost (twice what was measured)
    "gauss": (2, 16, 4, lambda x: gauss(x, 0.123, 0.02), 0.025),
    "narrow, centred on a corner": (2, 16, 5, lambda x: gauss(x, 0.0, 0.004), 0.005),
    "two modes": (2, 16, 5, lambda x: jnp.logaddexp(gauss(x, 0.413, 0.01), gauss(x, -0.5, 0.01) + 0.5), 0.01),
    "banana": (2, 16, 4, lambda x: -0.5 * (((x[1] - x[0] ** 2) / 0.01) ** 2 + (x[0] / 0.3) ** 2), 0.12),
    "hyperbola": (2, 16, 4, lambda x: -0.5 * ((x[0] * x[1] - 0.1) / 0.003) ** 2, 0.15),
    "wall of log L": (2, 16, 4, lambda x: -0.5 * (10.0 ** (6.0 * x[0]) - 1.0) ** 2 - 0.5 * (x[1] / 0.05) ** 2, 0.25),
    "two modes in 3": (3, 12, 3, lambda x: jnp.logaddexp(gauss(x, 0.413, 0.04), gauss(x, -0.5, 0.04) + 0.5), 0.03),
    "product in 3": (3, 12, 2, lambda x: -50.0 * ((10 ** (x[0] + x[1]) - 1) ** 2 + (10 ** (x[1] - x[2]) - 0.5) ** 2), 0.25),
}


@pytest.mark.parametrize("case", CASES)
def test_every_allowed_cell_of_the_dense_grid_is_found(case):
    d, n, levels, log_prob, most = CASES[case]
    found, cost = compare(Analytic(d, log_prob), n, levels)
    assert found == 1.0
    assert cost < most


def test_five_dimensions_at_a_hundredth_of_the_cost():
    """A correlated Gaussian: 8e6 points of the dense grid."""
    rng = np.random.default_rng(1)
    a = rng.normal(size=(5, 5))
    a = jnp.asarray(a / np.linalg.norm(a, axis=0)) / 0.05
    found, cost = compare(Analytic(5, lambda x: -0.5 * jnp.sum((a @ (x - 0.1)) ** 2, 0)), 6, 2)
    assert found == 1.0
    assert cost < 0.01


def test_cuts_bound_the_region():
    """The region that passes a cut; what lies behind it is not refined, unless the cuts do not count."""
    like = Analytic(2, lambda x: gauss(x, 0.1, 0.15), lambda x: x[0] + 0.3 * x[1] > 0.4)
    found, cost = compare(like, 16, 4)
    assert found == 1.0
    free = adaptive(like, 16, 4, cuts=False)
    assert free.best(cuts=False)["log_prob"] > -0.01 > free.best()["log_prob"]
    assert free.n_points / free.dense_points > 1.5 * cost
    assert free.volume(cuts=False) > free.volume()
    everything = Analytic(2, lambda x: gauss(x, 0.1, 0.15), lambda x: x[0] > 2.0)
    with pytest.raises(InputError, match="no cell of the coarse grid is allowed"):
        adaptive(everything, 16, 2)


def test_where_the_likelihood_is_not_defined():
    like = Analytic(2, lambda x: jnp.where(x[0] > 0.13, jnp.nan, gauss(x, 0.1, 0.05)))
    found, _ = compare(like, 16, 3)
    assert found == 1.0


def test_seeds_find_what_the_coarse_grid_misses():
    """A mode with a tenth of the width of a coarse cell, whose tails are cut off, on a corner: no hint of it on the coarse grid."""

    def log_prob(x):
        hidden = gauss(x, jnp.array([[0.5], [-0.25]]), 0.012) + 3.0
        return jnp.maximum(gauss(x, -0.5, 0.1), jnp.where(hidden > -20.0, hidden, -1e6))

    like = Analytic(2, log_prob)
    blind = adaptive(like, 16, 5)
    assert blind.best()["log_prob"] < 0.0
    seed = {"x0": 0.501, "x1": -0.251}
    found, _ = compare(like, 16, 5, seeds=[seed])
    assert found == 1.0
    fit = SimpleNamespace(modes=[{"point": {"x0": -0.5, "x1": -0.5}}, {"point": seed}, {"point": {"x0": 7.0, "x1": 0.0}}])
    result = adaptive(like, 16, 5, seeds=fit)
    assert result.manifest["refinement"]["seeds"] == [{"x0": -0.5, "x1": -0.5}, seed]
    assert (result["level"] == -1).sum() == 2 and result["weight"][:2].sum() == 0.0
    assert result.volume() == pytest.approx(adaptive(like, 16, 5, seeds=[seed]).volume())


def test_a_region_is_followed_out_of_the_cells_that_promised_it():
    """Without any margin only the cells with centres inside are refined: the open ends are closed all the same."""
    like = Analytic(2, lambda x: -0.5 * ((jnp.hypot(x[0], x[1]) - 0.6) / 0.02) ** 2)
    found, _ = compare(like, 16, 3, safety=0.0)
    assert found == 1.0


def test_fall_is_exact_for_a_distance():
    """Neighbours of a cell of width 1 whose function is |x - x0|: the lowest value within the cell.

    With x0 in a neighbour, that one will be refined, and this one if the region reaches into it.
    """
    for x0 in [*np.linspace(-3.0, -1.0, 21), *np.linspace(-0.5, 0.5, 11), *np.linspace(1.0, 3.0, 21)]:
        low, r, high = (abs(x - x0) for x in (-1.0, 0.0, 1.0))
        lowest = 0.0 if abs(x0) <= 0.5 else r - 0.5
        assert r - fall(np.array(low), np.array(r), np.array(high)) == pytest.approx(lowest, abs=1e-12)
    nan = np.nan
    np.testing.assert_array_equal(fall(np.array([nan, nan, 3.0]), np.ones(3), np.array([nan, 5.0, nan])), [0.0, 2.0, 1.0])


def test_cells_tile_each_other():
    cells = Cells([Axis("a", 1.0, 100.0, 3, "log"), Axis("b", 1e-3, 1.0, 5, "signed_log"), Axis("c", -1.0, 1.0, 2, "linear")])
    assert cells.shape(2) == (12, 20, 8)
    block = cells.block(2, np.arange(cells.count(1)))
    np.testing.assert_array_equal(np.sort(block.ravel()), np.arange(cells.count(2)))
    for k in (0, 77, 239):
        np.testing.assert_array_equal(cells.parent(2, block[k]), [k])
    for a in cells.axes:
        edges, centres = a.edges(3), a.centres(3)
        assert (np.diff(edges) > 0).all() and ((edges[:-1] < centres) & (centres < edges[1:])).all()
        assert edges[-1] == pytest.approx(a.high) and a.t(centres[4]) == pytest.approx(4.5 / len(centres))
    x = cells.coordinates(2, np.array([1234]))
    assert cells.at(2, {name: float(v[0]) for name, v in x.items()}) == 1234


# ---- result --------------------------------------------------------------------------------------------------------


SPEC = {
    "m_V": {"min": 0.1, "max": 10.0, "n": 8, "scale": "log"},
    "g": {"min": -1.0, "max": 2.0, "n": 8},
    "phase": {"min": -4.0, "max": 4.0, "n": 8},
}
RUN = {"method": "adaptive", "levels": 2, "threshold": 9.0, "progress": False}


def test_summaries_agree_with_the_dense_grid(tmp_path):
    a = scan(Toy(), SPEC, tmp_path / "a.zarr", **RUN)
    assert repr(a) == f"<Scan at {tmp_path / 'a.zarr'}: adaptive, {a.n_points:,} points, 11 columns, complete>"
    assert open_scan(tmp_path / "a.zarr").levels == 2 and a.threshold == 9.0 and a.dense_points == 32**3
    # a dense grid of the centres of the finest cells
    full = scan(Toy(), {name: list(v) for name, v in a.axes.items()}, progress=False)
    assert a.best()["log_prob"] == pytest.approx(full.best()["log_prob"], rel=1e-12)
    assert a.best()["parameters"] == pytest.approx(full.best()["parameters"])
    top = full.best()["log_prob"]
    for names in [("m_V", "g"), ("phase", "m_V"), ("g",), ()]:
        want, got = full.profile(*names), a.profile(*names)
        assert got.shape == want.shape
        region = 2.0 * (top - want) <= 9.0
        np.testing.assert_allclose(got[region], want[region], rtol=1e-12)
        assert (2.0 * (top - got[~region]) > 9.0).all()
    coarse = a.profile("m_V", "g", level=0)
    assert coarse.shape == (8, 8)
    np.testing.assert_allclose(coarse.max(), top)
    assert a.volume() == pytest.approx(sum(len(x["log_prob"]) for x in full.select(9.0)) / 32**3)
    cells = list(a.select(9.0, "chi2"))
    assert all((x["weight"] == 1.0 / 32**3).all() and (x["chi2"] <= 2 * (4.5 - top) + 1e-9).all() for x in cells)
    assert a.edges("g")[[0, -1]] == pytest.approx([-1.0, 2.0]) and len(a.edges("m_V", 1)) == 17


def test_xarray_has_names_units_and_weights(tmp_path):
    xarray = pytest.importorskip("xarray")
    a = scan(Toy(), SPEC, tmp_path / "a.zarr", **RUN)
    data = xarray.open_zarr(tmp_path / "a.zarr")
    assert data.log_prob.dims == ("point",) and data.m_V.attrs == {"units": "GeV", "long_name": "$m_V$"}
    assert float(data.weight.sum()) == pytest.approx(1.0)
    np.testing.assert_array_equal(data.level, a["level"])
    assert set(a.to_xarray().coords) == {"m_V", "g", "phase"}


def test_pictures(tmp_path):
    from fipjax.plotting import plot_file

    scan(Toy(), SPEC, tmp_path / "a.zarr", **RUN)
    assert [p.stat().st_size > 10_000 for p in plot_file(tmp_path / "a.zarr") if p.suffix == ".png"] == [True]


# ---- interruption, damage ------------------------------------------------------------------------------------------


def test_resume_after_an_interruption(tmp_path):
    scan(Toy(), SPEC, tmp_path / "ref.zarr", chunk=500, **RUN)
    path = tmp_path / "a.zarr"
    calls = []

    def stop(k):
        calls.append(k)
        if len(calls) in (2, 6):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(ScanInterrupted, match=r"what was computed is in .*a.zarr.steps; run the same command again"):
            scan(Toy(), SPEC, path, chunk=500, **RUN, _after_chunk=stop)
        with pytest.raises(InputError, match=r"is not finished .*run the same command again"):
            open_scan(path)
    with pytest.raises(InputError, match=r"another run: refinement.threshold = 9.0 there, 4.0 here"):
        scan(Toy(), SPEC, path, chunk=500, **{**RUN, "threshold": 4.0})
    with pytest.raises(InputError, match=r"another run: data = 'latest' there, '2021' here"):
        scan(Toy("2021"), SPEC, path, chunk=500, **RUN)
    result = scan(Toy(), SPEC, path, chunk=500, **RUN, _after_chunk=calls.append)
    assert result.complete and tree(path) == tree(tmp_path / "ref.zarr")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "ref.zarr"]
    before = len(calls)
    scan(Toy(), SPEC, path, chunk=500, **RUN, _after_chunk=calls.append)
    assert len(calls) == before  # nothing left to do
    with pytest.raises(InputError, match=r"another run: refinement.levels = 2 there, 1 here"):
        scan(Toy(), SPEC, path, chunk=500, **{**RUN, "levels": 1})
    assert scan(Toy(), SPEC, path, overwrite=True, **{**RUN, "levels": 1}).levels == 1


KILLED = """
spec = {"m_V": dict(min=0.1, max=10.0, n=8, scale="log"), "g": dict(min=-1.0, max=2.0, n=8), "phase": dict(min=-4.0, max=4.0, n=8)}
t.scan(t.Toy(), spec, sys.argv[1], method="adaptive", levels=2, threshold=9.0, chunk=200, progress=False,
       _after_chunk=lambda k: t.time.sleep(0.1))
"""


def test_kill_9_and_resume(tmp_path):
    path = tmp_path / "a.zarr"
    process = python(KILLED, path)
    records = tmp_path / "a.zarr.steps" / "001.zarr" / ".fipjax" / "chunks"
    deadline = time.monotonic() + 60
    while not (records.is_dir() and len(list(records.glob("*.json"))) >= 2):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not path.exists()
    for out in (path, tmp_path / "ref.zarr"):
        scan(Toy(), SPEC, out, chunk=200, **RUN)
    assert tree(path) == tree(tmp_path / "ref.zarr")


def test_damage_is_repaired_by_running_again(tmp_path):
    """Only the damaged rows are computed again; the rest comes from the store."""
    path = tmp_path / "a.zarr"
    store = scan(Toy(), SPEC, path, chunk=200, **RUN).store
    before = tree(path)
    for k in (1, store.layout.n_chunks - 1):
        (path / "log_prob" / store.layout.key(k)).write_bytes(b"junk")
    assert list(verify(path, repair=True).damaged) == [1, store.layout.n_chunks - 1]
    evaluated = []
    start = refine_module._Evaluator.start

    def counted(self, x):
        evaluated.append(len(x["g"]))
        return start(self, x)

    refine_module._Evaluator.start = counted
    try:
        scan(Toy(), SPEC, path, chunk=200, **RUN)
    finally:
        refine_module._Evaluator.start = start
    assert tree(path) == before
    # a step's chunk that overlaps a damaged one is computed as a whole
    assert sum(evaluated) <= 4 * 200


def test_more_points_than_allowed_keeps_what_was_computed(tmp_path):
    path = tmp_path / "a.zarr"
    full = scan(Toy(), SPEC, **RUN)
    with pytest.raises(InputError, match=r"level 2 of the adaptive scan brings it to .* points \(allowed: max_points = 3,000"):
        scan(Toy(), SPEC, path, max_points=3000, **RUN)
    written = []
    more = scan(Toy(), SPEC, path, **RUN, _after_chunk=written.append)
    assert more.n_points == full.n_points
    np.testing.assert_array_equal(more["cell"], full["cell"])
    assert len(written) < 4


def test_other_values_after_a_repair_lead_to_other_cells_not_to_a_mixture(tmp_path):
    """Steps whose list of cells no longer follows from the values before them are made again."""
    path = tmp_path / "a.zarr"
    scan(Toy(), SPEC, path, **RUN)
    before = tree(path)

    def stop(k):
        if (tmp_path / "a.zarr.steps" / "002.zarr").exists():
            raise KeyboardInterrupt

    shutil.rmtree(path)
    with pytest.raises(ScanInterrupted):
        scan(Toy(), SPEC, path, **RUN, _after_chunk=stop)
    step = tmp_path / "a.zarr.steps" / "001.zarr" / ".fipjax"
    manifest = json.loads((step / "manifest.json").read_text())
    manifest["step"]["cells"] = "00000000"
    from fipjax.engines.store import _manifest_hash

    manifest["hash"] = _manifest_hash(manifest)
    (step / "manifest.json").write_text(json.dumps(manifest))
    scan(Toy(), SPEC, path, **RUN)
    assert tree(path) == before


def test_a_second_process_is_refused(tmp_path):
    path = tmp_path / "a.zarr"

    def meanwhile(k):
        with pytest.raises(InputError, match="being written by another process"):
            scan(Toy(), SPEC, path, **RUN)

    assert scan(Toy(), SPEC, path, **RUN, _after_chunk=meanwhile).complete
    assert ScanStore.open(path).verify().ok


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"levels": 0}, r"levels = 0 \(allowed: a whole number >= 1"),
        ({}, {"levels": 21}, "levels = 21"),
        ({}, {"threshold": 0.0}, r"threshold = 0.0 \(allowed: a number > 0"),
        ({}, {"threshold": float("nan")}, "threshold = nan"),
        ({}, {"safety": -1.0}, r"safety = -1.0 \(allowed: a number >= 0"),
        ({}, {"max_points": 10}, r"level 0 .* brings it to 512 points \(allowed: max_points = 10"),
        ({}, {"max_points": 10**9}, "1,000,000,000 in memory"),
        ({}, {"cuts": 1}, "cuts = 1"),
        ({}, {"seeds": [{"g": 0.0, "m_V": 1.0}]}, "seed 0: no value for phase"),
        ({}, {"seeds": [{"g": 0.0, "m_V": -1.0, "phase": 0.0}]}, r"seed 0: m_V = -1 \(allowed: within the range"),
        ({}, {"seeds": [{"gg": 0.0}]}, "unknown parameter of seed 0: 'gg'; did you mean 'g'"),
        ({}, {"seeds": [1.0]}, "seed 0: 1.0"),
        ({}, {"part": (0, 2)}, r"part = \(0, 2\) with method adaptive"),
        ({}, {"n": 10}, "n = 10 with method adaptive"),
        ({"g": [1.0, 2.0]}, {}, r"parameter 'g': \[1.0, 2.0\] in an adaptive scan"),
        ({"g": None}, {}, "parameter 'g': None"),
        ({"gg": 1.0}, {}, "unknown parameter 'gg'"),
        ({"g": 0.0, "m_V": 1.0, "phase": 0.0}, {}, "at least one that varies"),
        ({"g": {"min": 0.0, "max": 1.0, "n": 10**9}}, {}, "n = 1,000,000,000"),
        ({}, {"levels": 20}, r"fewer than 2\^62"),
    ],
)
def test_bad_input(change, options, message):
    with pytest.raises(InputError, match=message) as err:
        scan(Toy(), {**SPEC, **change}, **{**RUN, **options})
    assert "\n" not in str(err.value)


def test_options_of_the_method_with_another_one():
    with pytest.raises(InputError, match=r"levels = 2 with method grid \(allowed: method adaptive\)"):
        scan(Toy(), SPEC, levels=2, progress=False)
    with pytest.raises(InputError, match="no range for g, phase"):
        scan(Toy(), {"m_V": SPEC["m_V"]}, **RUN)


# ---- long ----------------------------------------------------------------------------------------------------------


@pytest.mark.validate
@pytest.mark.parametrize("safety", [1.0, 1.5])
def test_random_gaussians_in_five_dimensions(safety):
    """Twenty orientations and places, widths between a quarter and three coarse cells."""
    rng = np.random.default_rng(5)
    cost = []
    for _ in range(20):
        q, _ = np.linalg.qr(rng.normal(size=(5, 5)))
        width = np.exp(rng.uniform(np.log(0.08), np.log(0.5), 5))
        a, x0 = jnp.asarray(q.T / width[:, None]), jnp.asarray(rng.uniform(-0.6, 0.6, (5, 1)))
        like = Analytic(5, lambda x, a=a, x0=x0: -0.5 * jnp.sum((a @ (x - x0)) ** 2, 0))
        result = adaptive(like, 6, 2, safety=safety, max_points=10**8)
        inside, _ = dense(like, 24, 9.0, result.best()["log_prob"])
        assert np.isin(inside, result["cell"][result["level"] == 2]).all()
        cost.append(result.n_points / max(len(inside), 1))
    assert np.median(cost) < 20.0


@pytest.mark.validate
def test_a_real_likelihood_in_five_dimensions():
    """deft44 with 13 measurements against its dense grid of 3.2e6 points; the region is a hundredth of the volume."""
    import fipjax

    use = ["a_mu", "BR(Bs->mumu)", "DeltaM_s", "LHCb:2103.11769", "LHCb:1403.8044:B+->Kmumu"]
    like = fipjax.Likelihood("deft44", "2021", "none", region="high", use=use, draws=200)
    spec = {
        "m_V": {"min": 6.0, "max": 20.0, "n": 5},
        "gamma_V": {"min": 1e-3, "max": 0.5, "n": 5, "scale": "log"},
        "C4_bsV": {"min": 1e-7, "max": 1e-5, "n": 5, "scale": "log"},
        "C4_mumuV": {"min": -0.5, "max": -5e-3, "n": 5, "scale": "log"},
        "C4t_mumuV": {"min": 0.0, "max": 0.1, "n": 5},
    }
    a = scan(like, spec, method="adaptive", levels=2, threshold=9.0, progress=False)
    full = scan(like, {name: list(v) for name, v in a.axes.items()}, progress=False)
    inside = np.flatnonzero(2.0 * (a.best()["log_prob"] - full["log_prob"].ravel()) <= 9.0)
    found = np.isin(inside, a["cell"][a["level"] == 2]).mean()
    print(f"{a.n_points:,} of {a.dense_points:,} points; region {len(inside):,} cells, {found:.6f} of them found")
    assert found > 0.999
    assert a.n_points < 0.2 * a.dense_points
