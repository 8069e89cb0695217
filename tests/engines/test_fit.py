"""Best fit: known answers, flat directions, modes, edges, files."""

import json
import math
import re
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import fipjax  # noqa: F401  (float64)
from fipjax.engines.fit import fit, interval_text, load_fit, naive_significance
from fipjax.errors import InputError
from fipjax.priors import Flat, Gaussian, LogFlat, SignedLog


class Fake:
    """A likelihood from a chi2 function of a dict of arrays."""

    def __init__(self, priors, chi2, sm=50.0, penalty=None, hints=()):
        self.names, self.priors, self._chi2, self._sm = tuple(priors), priors, chi2, sm
        self.parameters = {k: SimpleNamespace(latex=rf"${k}$", unit="GeV", description=f"test {k}") for k in priors}
        self.n_measurements = 5
        self._penalty = penalty or (lambda x: 0.0)
        self._hints = list(hints)

    def log_prob(self, x):
        return -0.5 * self._chi2(x) + self._penalty(x)

    def evaluate(self, x):
        log_prob = self.log_prob(x)
        return {"log_prob": log_prob, "chi2": self._chi2(x), "allowed": jnp.isfinite(log_prob)}

    def sm_chi2(self):
        return self._sm

    def pulls(self, x):
        value = float(sum(x.values()))
        return [{"observable": "sum", "measurement": "test", "value": value, "sm": 0.0, "measured": 1.0, "error": 0.5,
                 "pull": (value - 1.0) / 0.5, "sm_pull": -2.0}]  # fmt: skip

    def fingerprint(self):
        return {"model": "fake", "nan": "nan"}

    def start_hints(self):
        return self._hints


MEAN = np.array([0.4, 0.55, 0.6])
COV = np.array([[0.04, 0.018, 0.0], [0.018, 0.01, -0.002], [0.0, -0.002, 0.09]])


def gauss_chi2(x):
    r = jnp.stack([x["a"], x["b"], x["c"]], -1) - MEAN
    return 3.0 + jnp.einsum("...i,ij,...j->...", r, jnp.asarray(np.linalg.inv(COV)), r)


def gauss():
    return Fake({k: Flat(-3.0, 4.0) for k in "abc"}, gauss_chi2)


@pytest.fixture(scope="module")
def gauss_fit():
    return fit(gauss(), starts=32, progress=False)


def test_gaussian_has_the_exact_answer(gauss_fit):
    r = gauss_fit
    # chi2 is a parabola in x: Newton steps leave rounding only
    assert [r.best[k] for k in "abc"] == pytest.approx(MEAN, abs=1e-9)
    assert r.chi2 == pytest.approx(3.0, abs=1e-12) and r.log_prob == pytest.approx(-1.5, abs=1e-12)
    np.testing.assert_allclose(r.covariance, COV, rtol=1e-7, atol=1e-10)
    sd = np.sqrt(np.diag(COV))
    np.testing.assert_allclose(r.correlation, COV / np.outer(sd, sd), rtol=1e-7, atol=1e-9)
    assert [r.errors[k] for k in "abc"] == pytest.approx(sd, rel=1e-7)
    for k, m, s in zip("abc", MEAN, sd, strict=True):
        assert r.intervals[k] == pytest.approx((m - s, m + s), rel=1e-7)
    assert set(r.error_status.values()) == {"ok"} and r.flat_directions == []
    assert len(r.modes) == 1 and r.converged_fraction == 1.0 and r.n_constrained == 3
    assert r.delta_chi2 == pytest.approx(47.0) and r.n_free == 3
    assert r.significance == pytest.approx(naive_significance(47.0, 3))
    assert r.pulls[0]["pull"] == pytest.approx((MEAN.sum() - 1.0) / 0.5)


def test_same_seed_same_result(gauss_fit):
    again = fit(gauss(), starts=32, progress=False)
    assert again.best == gauss_fit.best and again.starts == gauss_fit.starts


def test_naive_significance():
    # one parameter: the square root; two: p = exp(-delta/2), 1 sigma at 2.2957; and no underflow far out
    assert naive_significance(9.0, 1) == pytest.approx(3.0, rel=1e-9)
    assert naive_significance(-2.0 * math.log(math.erfc(1.0 / math.sqrt(2.0))), 2) == pytest.approx(1.0, rel=1e-9)
    assert naive_significance(1.0e6, 1) == pytest.approx(1000.0, rel=1e-3)
    assert naive_significance(-1.0, 3) == 0.0


def test_product_of_couplings_is_a_flat_direction():
    # only c1*c2 is measured, log10(c1 c2) = -5 +- 0.05, over twelve decades each; m is independent
    def chi2(x):
        product = jnp.log10(x["c1"] * x["c2"])
        return ((product + 5.0) / 0.05) ** 2 + ((x["m"] - 2.0) / 0.1) ** 2

    r = fit(Fake({"c1": LogFlat(1e-10, 1e2), "c2": LogFlat(1e-10, 1e2), "m": Flat(0.0, 5.0)}, chi2),
            starts=64, progress=False)  # fmt: skip
    assert r.chi2 == pytest.approx(0.0, abs=1e-9)
    assert r.best["c1"] * r.best["c2"] == pytest.approx(1e-5, rel=1e-4)
    assert r.unconstrained == ["c1", "c2"] and r.errors["c1"] == math.inf
    assert np.all(np.isnan(r.covariance[0])) and np.all(np.isnan(r.intervals["c1"]))
    assert "log10|c1|" in r.error_reason["c1"] and "-1 log10|" in r.error_reason["c1"]
    # the direction itself: equal and opposite in decades
    assert len(r.flat_directions) == 1 and r.n_constrained == 2
    assert r.flat_directions[0]["c1"] == pytest.approx(-r.flat_directions[0]["c2"], rel=1e-6)
    assert r.errors["m"] == pytest.approx(0.1, rel=1e-6) and r.error_status["m"] == "ok"
    # a continuum of end points is one mode, and its extent is told
    assert len(r.modes) == 1
    lo, hi = r.modes[0]["spread"]["c1"]
    assert hi / lo > 1e4
    assert any("2 of 3 directions" in n for n in r.notes)


def test_signs_are_separate_modes_of_equal_chi2():
    # c1 c2 = +0.01 +- 0.001 with both signs allowed: two valleys that c1 = 0 separates by chi2 = 100
    def chi2(x):
        return ((x["c1"] * x["c2"] - 0.01) / 0.001) ** 2

    r = fit(Fake({"c1": SignedLog(1e-4, 10.0), "c2": SignedLog(1e-4, 10.0)}, chi2), starts=64, progress=False)
    assert len(r.modes) == 2
    assert [m["chi2"] for m in r.modes] == pytest.approx([0.0, 0.0], abs=1e-8)
    assert r.modes[0]["point"]["c1"] * r.modes[1]["point"]["c1"] < 0
    assert r.unconstrained == ["c1", "c2"]


def test_unequal_modes_in_a_narrow_valley():
    # a resonance of relative width 1e-3 in m, seen only if the coupling is there, above a broad worse minimum
    def chi2(x):
        m, g = x["m"], x["g"]
        line = g**2 / ((m - 1.7) ** 2 / (1.7e-3) ** 2 + 1.0)
        broad = 3.0 * jnp.exp(-((jnp.log(m / 0.2)) ** 2) - (jnp.log10(g) + 2.0) ** 2)
        return 20.0 * (line - 1.0) ** 2 - 3.0 * broad + 9.0

    r = fit(Fake({"m": LogFlat(0.05, 10.0), "g": LogFlat(1e-4, 10.0)}, chi2), starts=256, progress=False)
    near = next(m for m in r.modes if abs(m["point"]["m"] - 1.7) < 0.01)
    far = next(m for m in r.modes if m["point"]["m"] < 0.5)
    assert near["chi2"] == pytest.approx(9.0, abs=0.01) and far["chi2"] == pytest.approx(20.0, abs=0.01)
    # along the line chi2 is of fourth order in m: a Hessian error means nothing, and that is said
    assert r.best["m"] == pytest.approx(1.7, abs=0.01) and r.error_status["m"] == "not_parabolic"


def test_edge_of_the_range_is_reported():
    def chi2(x):
        return ((x["a"] - 3.0) / 0.5) ** 2 + ((x["b"] + 0.5 * x["a"] - 1.0) / 0.1) ** 2

    r = fit(Fake({"a": Flat(0.0, 2.0), "b": Flat(-3.0, 3.0)}, chi2), starts=32, progress=False)
    assert r.at_limit == ["a"] and r.best["a"] == pytest.approx(2.0, abs=1e-9)
    assert math.isnan(r.errors["a"]) and "upper end" in r.error_reason["a"]
    assert r.best["b"] == pytest.approx(0.0, abs=1e-6) and r.errors["b"] == pytest.approx(0.1, rel=1e-6)
    assert r.chi2 == pytest.approx(4.0, abs=1e-6) and r.modes[0]["at_limit"] == {"a": 1}


def test_holes_and_cliffs_are_walls():
    # log of a negative number in half of the range, chi2 up to 1e40 elsewhere
    def chi2(x):
        return (jnp.log(x["a"]) / 0.1) ** 2 + (1e20 * x["b"] ** 2 - 1.0) ** 2

    r = fit(Fake({"a": Flat(-2.0, 2.0), "b": LogFlat(1e-13, 1.0)}, chi2), starts=64, progress=False)
    assert r.best["a"] == pytest.approx(1.0, abs=1e-6) and r.best["b"] == pytest.approx(1e-10, rel=1e-6)
    assert r.starts["invalid"] > 0 and r.chi2 == pytest.approx(0.0, abs=1e-8)
    # the Hessian of (1e20 b^2 - 1)^2 at b = 1e-10 is 8e20
    assert r.errors["b"] == pytest.approx(1.0 / math.sqrt(4e20), rel=1e-6)
    assert r.errors_log10["b"] == pytest.approx(0.5 / math.log(10.0), rel=1e-6) and "a" not in r.errors_log10
    with pytest.raises(InputError, match="finite"):
        fit(Fake({"a": Flat(-2.0, -1.0)}, lambda x: jnp.log(x["a"])), starts=8, progress=False)


def test_priors_in_the_objective():
    # data x = 1 +- 0.5, Gaussian prior 0 +- 1: minimum at 0.8, chi2 there 0.16 + 0.64; error 1/sqrt(5)
    like = Fake({"x": Gaussian(0.0, 1.0), "y": LogFlat(1e-2, 1e2)},
                lambda x: ((x["x"] - 1.0) / 0.5) ** 2 + (jnp.log(x["y"]) / 0.3) ** 2)  # fmt: skip
    r = fit(like, starts=16, with_prior="gaussian", progress=False)
    assert r.best["x"] == pytest.approx(0.8, abs=1e-8) and r.objective == pytest.approx(0.8, abs=1e-8)
    assert r.chi2 == pytest.approx(0.16, abs=1e-7) and r.errors["x"] == pytest.approx(math.sqrt(0.2), rel=1e-6)
    assert r.best["y"] == pytest.approx(1.0, abs=1e-6)
    # p(y) = 1/y: minimum of (ln y)^2/0.09 + 2 ln y at ln y = -0.09
    r = fit(like, starts=16, with_prior=True, progress=False)
    assert math.log(r.best["y"]) == pytest.approx(-0.09, abs=1e-7) and r.best["x"] == pytest.approx(0.8, abs=1e-7)
    r = fit(like, starts=16, progress=False)
    assert r.best["x"] == pytest.approx(1.0, abs=1e-8) and any("Gaussian priors of x" in n for n in r.notes)


def test_constraints_enter_the_likelihood_ratio():
    # a smooth constraint term of the log-likelihood is not part of the chi2 of the data
    like = Fake({"a": Flat(-5.0, 5.0)}, lambda x: (x["a"] - 2.0) ** 2, sm=4.0, penalty=lambda x: -0.5 * x["a"] ** 2)
    r = fit(like, starts=8, progress=False)
    assert r.best["a"] == pytest.approx(1.0, abs=1e-8) and r.chi2 == pytest.approx(1.0, abs=1e-7)
    assert r.objective == pytest.approx(2.0, abs=1e-9) and r.delta_chi2 == pytest.approx(2.0, abs=1e-9)
    assert r.bounds == pytest.approx(1.0, abs=1e-7) and "bounds:   +1.0000, so -2 ln L = 2.0000 there" in r.summary()


def test_progress_and_summary_name_the_same_number(monkeypatch):
    notes = []

    class Bar:
        def __init__(self, *args, **options):
            pass

        def update(self, n, note):
            notes.append(note)

        def close(self):
            pass

    monkeypatch.setattr("fipjax.engines.fit.Progress", Bar)
    # two minima at a = +-1; the bound lifts the second
    like = Fake({"a": Flat(-3.0, 3.0)}, lambda x: 40.0 * (x["a"] ** 2 - 1.0) ** 2, penalty=lambda x: -1.0 + 0.5 * x["a"])
    r = fit(like, starts=32)
    assert len(r.modes) == 2 and re.fullmatch(r"best -2 ln L \d.*", notes[-1])
    # the polished minimum is at most the convergence limit of a start lower
    assert float(notes[-1].split()[-1]) == pytest.approx(r.objective, abs=1e-4) and r.objective == pytest.approx(-2.0 * r.log_prob)
    first, second = (line.split() for line in r.summary().splitlines() if re.match(r" +[12] ", line))
    assert [first[2], second[2]] == [f"{m['objective']:.4f}" for m in r.modes] and float(second[2]) > float(second[1]) + 2.0
    r = fit(like, starts=16, with_prior=True)
    assert notes[-1].startswith("best -2 ln(L prior) ") and "minimised: -2 ln(L prior) = " in r.summary()
    plain = fit(Fake({"a": Flat(-3.0, 3.0)}, lambda x: (x["a"] - 1.0) ** 2), starts=8)
    assert "bounds" not in plain.summary() and plain.bounds == pytest.approx(0.0, abs=1e-12)


def test_hints_are_starting_points():
    # a hole 1e-6 wide in a plateau: no screening finds it, the hint does
    def chi2(x):
        return 10.0 - 8.0 * jnp.exp(-(((x["a"] - 0.3) / 1e-6) ** 2))

    priors = {"a": Flat(-1.0, 1.0)}
    assert fit(Fake(priors, chi2), starts=16, progress=False).chi2 > 9.0
    assert fit(Fake(priors, chi2, hints=[{"a": 0.3 + 4e-7}]), starts=16, progress=False).chi2 == pytest.approx(2.0)


def test_file_round_trip(tmp_path):
    r = fit(Fake({"a": LogFlat(1e-3, 1e3), "b": LogFlat(1e-3, 1e3)}, lambda x: jnp.log(x["a"] * x["b"]) ** 2),
            starts=16, progress=False)  # fmt: skip
    path = tmp_path / "fit.json"
    r.save(path)

    def refuse(token):
        raise AssertionError(f"{token} is not JSON")

    raw = json.loads(path.read_text(), parse_constant=refuse)
    assert raw["format"] == "fipjax-fit" and raw["errors"]["a"] == "inf"
    back = load_fit(path)
    for key in r.__dataclass_fields__:
        np.testing.assert_equal(getattr(back, key), getattr(r, key), err_msg=key)
    assert back.fingerprint["nan"] == "nan" and isinstance(back.covariance, np.ndarray)
    assert back.summary() == r.summary()
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]


def test_files_that_cannot_be_used(gauss_fit, tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        gauss_fit.save(tmp_path / "missing" / "fit.json")
    with pytest.raises(InputError, match="cannot write"):
        gauss_fit.save(tmp_path)
    with pytest.raises(InputError, match="cannot read"):
        load_fit(tmp_path / "absent.json")
    half = json.dumps({**gauss_fit.to_dict(), "notes": ["\ud800"]})  # valid JSON that no file can hold as text
    for text, match in (("{", "not JSON"), (half, "surrogates"), ("[" * 100000, "not JSON"),
                        ("[]", "not a fit"), ('{"format": "fipjax-fit"}', "format_version"),
                        ('{"format": "fipjax-fit", "format_version": 1}', "missing names")):  # fmt: skip
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(InputError, match=match):
            load_fit(tmp_path / "bad.json")


def test_bad_arguments():
    like = gauss()
    for options, match in (({"starts": 0}, "starts"), ({"starts": 2.5}, "starts"), ({"maxiter": 0}, "maxiter"),
                           ({"method": "newton"}, "lbfgs"), ({"with_prior": "yes"}, "with_prior"),
                           ({"seed": -1}, "seed")):  # fmt: skip
        with pytest.raises(InputError, match=match):
            fit(like, progress=False, **options)
    with pytest.raises(InputError, match="no free parameter"):
        fit(Fake({}, gauss_chi2), progress=False)


def test_summary_is_readable(gauss_fit):
    text = gauss_fit.summary()
    assert "naive" in text and "100% converged" in text and "largest pulls" in text and "GeV" in text
    assert max(map(len, text.splitlines())) <= 120
    assert interval_text(1.79999, 1.80003) == "[1.79999, 1.80003]" and interval_text(1.0, 2.0) == "[1, 2]"
