"""Profile likelihood: exact answers, two valleys, walls, files, interruption, and the independent Newton search of an example."""

import importlib
import math
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import fipjax
from fipjax.engines.profile import ProfileInterrupted, ProfileResult, default_axis, grid_of_table, load_profile, profile
from fipjax.errors import InputError
from fipjax.priors import Flat, Gaussian, LogFlat, SignedLog

fitting = importlib.import_module("fipjax.engines.fit")  # fipjax.fit is the function


class Fake:
    """A likelihood from a chi2 function of a dict of arrays."""

    def __init__(self, priors, chi2):
        self.names, self.priors, self._chi2 = tuple(priors), priors, chi2
        self.parameters = {k: SimpleNamespace(latex=rf"{k}", unit="GeV", description=f"test {k}") for k in priors}
        self.n_measurements = 5

    def evaluate(self, x):
        return {"log_prob": -0.5 * self._chi2(x), "chi2": self._chi2(x), "allowed": self._chi2(x) < 1e9}

    def sm_chi2(self):
        return 50.0

    def fingerprint(self):
        return {"model": "fake", "data": "test"}


MEAN = np.array([0.4, 0.55, 0.6])
COV = np.array([[0.04, 0.018, 0.0], [0.018, 0.01, -0.002], [0.0, -0.002, 0.09]])


def gauss():
    def chi2(x):
        r = jnp.stack([x["a"], x["b"], x["c"]], -1) - MEAN
        return 3.0 + jnp.einsum("...i,ij,...j->...", r, jnp.asarray(np.linalg.inv(COV)), r)

    return Fake({k: Flat(-3.0, 4.0) for k in "abc"}, chi2)


@pytest.fixture(scope="module")
def gauss_profile():
    return profile(gauss(), {"b": np.linspace(0.2, 0.9, 15)}, starts=2, progress=False)


def test_gaussian_profile_is_the_marginal_parabola(gauss_profile):
    r = gauss_profile
    # 2 EDM_TOL of the searches
    np.testing.assert_allclose(r.delta, (r.axes["b"] - 0.55) ** 2 / COV[1, 1], atol=2e-5)
    assert r.minimum == pytest.approx(3.0, abs=1e-5) and r.sm_chi2 == 50.0
    # where the others go: the regression line
    np.testing.assert_allclose(r.points["a"], 0.4 + COV[0, 1] / COV[1, 1] * (r.axes["b"] - 0.55), atol=1e-3)
    for level, k in ((1.0, 1), (4.0, 2), (9.0, 3)):
        # the root of a parabola is a straight line: the grid adds no error
        assert r.intervals(level)[0] == pytest.approx((0.55 - 0.1 * k, 0.55 + 0.1 * k), abs=1e-4)
    assert r.converged.all() and r.found.min() >= 2 and r.complete and r.notes == []
    assert "[0.45" in r.summary() and "GeV" in r.summary()


def test_two_parameters_are_the_inverse_of_their_covariance():
    grid = {"a": {"min": 0.0, "max": 0.8, "n": 5}, "c": {"min": 0.0, "max": 1.2, "n": 4}}
    r = profile(gauss(), grid, starts=1, progress=False)
    sub = np.linalg.inv(COV[np.ix_([0, 2], [0, 2])])
    a, c = np.meshgrid(r.axes["a"] - 0.4, r.axes["c"] - 0.6, indexing="ij")
    np.testing.assert_allclose(r.delta, sub[0, 0] * a * a + 2 * sub[0, 1] * a * c + sub[1, 1] * c * c, atol=2e-5)
    assert r.best["b"] == pytest.approx(0.55, abs=1e-3)


def test_gaussian_priors_add_their_pull():
    # x + z = 1 +- 0.5 with z = 0 +- 1: x = 1 +- sqrt(1.25); without the prior x is free
    like = Fake({"x": Flat(-3.0, 5.0), "z": Gaussian(0.0, 1.0)}, lambda x: ((x["x"] + x["z"] - 1.0) / 0.5) ** 2)
    r = profile(like, {"x": 9}, starts=2, progress=False)
    np.testing.assert_allclose(r.delta, (r.axes["x"] - 1.0) ** 2 / 1.25, atol=2e-5)
    np.testing.assert_allclose(r.objective - r.chi2, r.points["z"] ** 2, atol=1e-9)
    np.testing.assert_allclose(profile(like, {"x": 9}, starts=2, with_prior=False, progress=False).delta, 0.0, atol=2e-5)


def valleys():
    """Two valleys in (c, d) whose place moves with m; the narrow one is lower for m > 1, as the attraction of the other wanes."""

    def chi2(x):
        def valley(c, d, width, depth):
            return -depth + ((x["c"] - c) / width) ** 2 + ((x["d"] - d) / width) ** 2

        wide = valley(2.0 + 0.5 * x["m"], -2.0, 1.5, 10.0)
        narrow = valley(-5.0 - 0.5 * x["m"], 4.0 + x["m"], 0.2, 8.0 + 2.0 * x["m"])
        return -2.0 * jnp.logaddexp(-0.5 * wide, -0.5 * narrow) + 30.0

    return Fake({"m": Flat(0.0, 3.0), "c": Flat(-10.0, 10.0), "d": Flat(-10.0, 10.0)}, chi2)


def test_a_valley_found_at_one_point_spreads_over_the_grid():
    r = profile(valleys(), {"m": 25}, starts=8, progress=False)
    # the narrow valley attracts 1 percent of the prior: the fresh starts find it at few of the 25 points
    expected = 30.0 - np.maximum(10.0, 8.0 + 2.0 * r.axes["m"])
    np.testing.assert_allclose(r.objective, expected, atol=1e-3)
    fresh = profile(valleys(), {"m": 25}, starts=8, sweeps=1, progress=False)
    assert np.sum(fresh.objective > expected + 0.1) > 3
    assert r.best["m"] == pytest.approx(3.0, abs=1e-4) and r.sweeps > 3


def test_no_finite_value_is_nan_not_a_number():
    like = Fake({"m": Flat(-1.0, 1.0), "c": Flat(-1.0, 1.0)}, lambda x: jnp.where(x["m"] < 0.0, jnp.inf, (x["m"] - x["c"]) ** 2))
    r = profile(like, {"m": [-0.5, 0.25, 0.5]}, starts=2, progress=False)
    assert np.isnan(r.objective[0]) and np.isnan(r.points["c"][0]) and not r.converged[0]
    np.testing.assert_allclose(r.objective[1:], 0.0, atol=1e-5)
    assert any("no finite value at 1 of 3" in n for n in r.notes)
    assert r.intervals(1.0) == [(0.25, 0.5)]  # up to where the likelihood is defined
    with pytest.raises(InputError, match="no starting point"):
        profile(Fake({"m": Flat(0, 1), "c": Flat(0, 1)}, lambda x: jnp.nan * x["m"]), {"m": 3}, starts=1, progress=False)


def test_intervals_in_pieces(gauss_profile):
    x = np.linspace(-3.0, 3.0, 301)
    table = {k: getattr(gauss_profile, k) for k in gauss_profile.__dataclass_fields__}
    p = ProfileResult(**{**table, "axes": {"b": x}, "objective": 3.0 + (x * x - 2.0) ** 2, "minimum": 3.0})
    # |x^2 - 2| < 1
    (a, b), (c, d) = p.intervals(1.0)
    assert (a, b, c, d) == pytest.approx((-math.sqrt(3.0), -1.0, 1.0, math.sqrt(3.0)), abs=2e-4)
    assert p.intervals(1e-6) == []


def test_file_and_picture(gauss_profile, tmp_path):
    path = tmp_path / "p.nc"
    gauss_profile.save(path)
    back = load_profile(path)
    for k in ("objective", "chi2", "converged", "found"):
        np.testing.assert_array_equal(getattr(back, k), getattr(gauss_profile, k))
    for k in "abc":
        np.testing.assert_array_equal(back.points[k], gauss_profile.points[k])
    assert (back.best, back.minimum, back.names) == (gauss_profile.best, gauss_profile.minimum, gauss_profile.names)
    assert back.summary() == gauss_profile.summary() and back.fingerprint["model"] == "fake"
    figure = fipjax.plot(path)
    (curve,) = [line for line in figure.axes[0].lines if line.get_gid() == "profile"]
    np.testing.assert_allclose(curve.get_ydata(), gauss_profile.delta, atol=1e-12)
    with pytest.raises(InputError, match="not a posterior"):
        fipjax.load_posterior(path)
    (tmp_path / "x.nc").write_text("x")
    for bad in ("x.nc", "missing.nc"):
        with pytest.raises(InputError, match=bad):
            load_profile(tmp_path / bad)


def test_ctrl_c_keeps_the_finished_sweeps(monkeypatch, tmp_path):
    calls, search = [], fitting._Search.run

    def run(self, *args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return search(self, *args)

    monkeypatch.setattr(fitting._Search, "run", run)
    with pytest.raises(ProfileInterrupted) as stop:
        profile(valleys(), {"m": 9}, starts=4, out=tmp_path / "p.nc", progress=False)
    kept = load_profile(tmp_path / "p.nc")
    assert not kept.complete and np.isfinite(kept.objective).all() and kept.searches == 27
    np.testing.assert_array_equal(kept.objective, stop.value.result.objective)
    assert any("interrupted" in n for n in kept.notes)
    calls[:] = [1, 1, 1]
    with pytest.raises(KeyboardInterrupt, match="before the end"):
        profile(valleys(), {"m": 9}, starts=4, progress=False)


@pytest.mark.parametrize(
    "grid,options,says",
    [
        ({"d": 3}, {}, "free parameter 'd'"),
        ({}, {}, "one or two"),
        ({"a": 3, "b": 3, "c": 3}, {}, "one or two"),
        ({"a": [0.0, 9.0]}, {}, "grid value 9 .*range of its prior"),
        ({"a": {"min": 1.0, "max": 0.0, "n": 3}}, {}, "min < max"),
        ({"a": [1.0, 1.0]}, {}, "twice"),
        ({"a": 3}, {"starts": 0}, "starts"),
        ({"a": 3}, {"with_prior": "flat"}, "with_prior"),
    ],
)
def test_bad_arguments(grid, options, says):
    with pytest.raises(InputError, match=says):
        profile(gauss(), grid, progress=False, **options)


def test_axes_of_priors_and_tables():
    assert default_axis(Flat(1.0, 2.0), 3)["scale"] == "linear" and default_axis(LogFlat(1e-3, 1.0, -1), 3)["max"] == -1e-3
    assert default_axis(SignedLog(1e-3, 1.0), 3) == {"min": 1e-3, "max": 1.0, "n": 3, "scale": "signed_log"}
    assert default_axis(Gaussian(1.0, 2.0), 3)["min"] == -5.0
    like = SimpleNamespace(names=("m", "g"), priors={"m": Flat(1.0, 9.0), "g": LogFlat(1e-3, 1.0)})
    grid = grid_of_table(like, {"parameters": ["m", "g"], "points": [5, 7], "range": [[2.0, 3.0], [0.1, 0.2]]})
    assert grid["m"] == {"min": 2.0, "max": 3.0, "n": 5, "scale": "linear"} and grid["g"]["scale"] == "log"
    assert grid_of_table(like, {"parameters": ["m"], "range": [2, 3], "scale": "log", "points": 4})["m"]["scale"] == "log"
    for table, says in (
        ({"parameters": []}, "one or two"),
        ({"parameters": ["x"]}, "'x'"),
        ({"parameters": ["m", "m"]}, "different"),
        ({"parameters": ["m", "g"], "points": [3]}, "points"),
        ({"parameters": ["m", "g"], "range": [2.0, 3.0]}, "range"),
    ):
        with pytest.raises(InputError, match=says):
            grid_of_table(like, table)


@pytest.mark.validate
def test_mass_profile_of_model_44_against_newton(load):
    """The example's own search: damped Newton steps in the products of couplings, on a grid of widths, no L-BFGS, no sweeps."""
    _deft_fits = load("_deft_fits")
    like = _deft_fits.likelihood("deft44")
    r = profile(like, {"m_V": {"min": 0.1, "max": 20.0, "n": 60, "scale": "log"}}, progress=False)
    only = _deft_fits.products_only("deft44")
    other = [_deft_fits.profile(only, r.axes["m_V"], np.geomspace(1e-3, 0.5, 25), sign)["chi2"] for sign in (1, -1)]
    gap = r.objective - np.min(other, axis=0)
    # never above; below by what the grid of 25 widths misses (measured: 0.26 near 3.1 GeV, median 5e-5)
    assert gap.max() < 1e-3 and gap.min() > -0.5 and np.median(np.abs(gap)) < 1e-3
