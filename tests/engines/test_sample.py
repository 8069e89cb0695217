"""NUTS: exact posteriors, an independent sampler, the judgement of bad runs, files."""

import importlib
import json
import math
import warnings
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import fipjax  # noqa: F401  (float64)
from fipjax import _arviz
from fipjax.engines.fit import fit
from fipjax.engines.sample import (
    Posterior,
    SampleInterrupted,
    chain_groups,
    ebfmi,
    ess_bulk,
    ess_tail,
    load_posterior,
    rhat,
    sample,
)
from fipjax.errors import InputError, MissingDependency
from fipjax.priors import Flat, Gaussian, LogFlat

sampling = importlib.import_module("fipjax.engines.sample")  # fipjax.sample may be the function


class Fake:
    """A likelihood from a chi2 function of a dict of arrays."""

    def __init__(self, priors, chi2):
        self.names, self.priors, self._chi2 = tuple(priors), priors, chi2
        self.parameters = {k: SimpleNamespace(latex=rf"${k}$", unit="GeV", description=f"test {k}") for k in priors}
        self.n_measurements = 5

    def log_prob(self, x):
        return -0.5 * self._chi2(x)

    def evaluate(self, x):
        return {"log_prob": self.log_prob(x), "chi2": self._chi2(x), "allowed": self._chi2(x) < 1e9}

    def sm_chi2(self):
        return 50.0

    def fingerprint(self):
        return {"model": "fake", "big": "x" * 100_000}


MEAN = np.array([0.4, 0.55, 0.6])
COV = np.array([[0.04, 0.018, 0.0], [0.018, 0.01, -0.002], [0.0, -0.002, 0.09]])


def gauss():
    def chi2(x):
        r = jnp.stack([x["a"], x["b"], x["c"]], -1) - MEAN
        return jnp.einsum("...i,ij,...j->...", r, jnp.asarray(np.linalg.inv(COV)), r)

    return Fake({k: Flat(-3.0, 4.0) for k in "abc"}, chi2)


def bimodal():
    def chi2(x):
        left = ((x["a"] + 3.0) / 0.3) ** 2 + (x["b"] / 0.3) ** 2
        right = ((x["a"] - 3.0) / 0.3) ** 2 + ((x["b"] - 1.0) / 0.3) ** 2
        return -2.0 * jnp.logaddexp(-0.5 * left, -0.5 * right)

    return Fake({"a": Flat(-10.0, 10.0), "b": Flat(-10.0, 10.0)}, chi2)


@pytest.fixture(scope="module")
def gauss_run():
    return sample(gauss(), warmup=500, draws=1000, progress=False)


@pytest.fixture(scope="module")
def bimodal_run():
    return sample(bimodal(), warmup=200, draws=200, progress=False)


def standard_error(x):
    """Monte-Carlo error of the mean of (chains, draws)."""
    return x.std() / math.sqrt(sampling._ess(x))


def test_gaussian_mean_and_covariance(gauss_run):
    p = gauss_run
    assert p.ok and p.verdict == [] and p.complete and (p.chains, p.draws) == (4, 1000)
    # 9 numbers, each with its own Monte-Carlo error from the draws: beyond 4.5 sigma is a chance of 6e-5.  The flat
    # prior ends 11 sigma away and does not bias.
    x = np.stack([p.samples[k] for k in "abc"])
    for i in range(3):
        assert abs(x[i].mean() - MEAN[i]) < 4.5 * standard_error(x[i])
        for j in range(i + 1):
            product = (x[i] - MEAN[i]) * (x[j] - MEAN[j])
            assert abs(product.mean() - COV[i, j]) < 4.5 * standard_error(product)
    # the log-likelihood that is kept is that of the draws
    again = gauss().log_prob({k: jnp.asarray(v) for k, v in p.samples.items()})
    np.testing.assert_allclose(p.log_prob, again, atol=1e-9)
    row = p.table()[1]
    assert row["lo95"] < row["lo68"] < row["median"] < row["hi68"] < row["hi95"]
    assert row["hi68"] - row["lo68"] == pytest.approx(2.0 * 0.1, rel=0.1)
    text = p.summary()
    assert "verdict: ok" in text and "R-hat" in text and "GeV" in text


def test_both_chain_methods_give_the_same_draws():
    # same streams of random numbers; a batched gradient may round otherwise and trajectories amplify that, so early
    # steps are compared
    start = [{"a": 0.3 + 0.05 * i, "b": 0.5, "c": 0.6} for i in range(3)]
    one, two = (
        sample(gauss(), chains=3, warmup=20, draws=5, init=start, progress=False, chain_method=m) for m in ("threads", "vectorized")
    )
    for k in "abc":
        np.testing.assert_allclose(one.samples[k], two.samples[k], rtol=1e-6)


def test_banana_against_emcee():
    # a curved valley; emcee (an ensemble sampler, no gradients) on the same density in x
    emcee = pytest.importorskip("emcee")

    def chi2(x, log=jnp.log):
        return (x["a"] / 1.0) ** 2 + ((log(x["b"]) - 0.5 * x["a"] ** 2) / 0.3) ** 2

    like = Fake({"a": Flat(-6.0, 6.0), "b": LogFlat(1e-3, 1e9)}, chi2)
    p = sample(like, warmup=500, draws=2000, target_accept=0.97, progress=False)
    assert p.ok, p.verdict

    def log_post(v):  # the prior of b is flat in log b: sampled in that coordinate
        inside = (np.abs(v[:, 0]) < 6.0) & (v[:, 1] > math.log(1e-3)) & (v[:, 1] < math.log(1e9))
        return np.where(inside, -0.5 * chi2({"a": v[:, 0], "b": v[:, 1]}, log=lambda y: y), -np.inf)

    rng = np.random.default_rng(1)
    ensemble = emcee.EnsembleSampler(40, 2, log_post, vectorize=True)
    ensemble.random_state = np.random.RandomState(1).get_state()
    state = ensemble.run_mcmc(rng.normal(size=(40, 2)) * 0.1, 500)
    ensemble.reset()
    ensemble.run_mcmc(state, 4000)
    other = ensemble.get_chain()  # (steps, walkers, 2)
    tau = ensemble.get_autocorr_time()
    ours = {"a": p.samples["a"], "b": np.log(p.samples["b"])}
    for i, k in enumerate("ab"):
        n_other = other[..., i].size / tau[i]
        for f in (lambda y: y, lambda y: y**2):
            x, y = f(ours[k]), f(other[..., i])
            # tau is that of y, not of y^2: the factor 2 allows for that
            error = math.hypot(standard_error(x), math.sqrt(2.0) * y.std() / math.sqrt(n_other))
            assert abs(x.mean() - y.mean()) < 4.5 * error


def test_prior_alone_is_recovered():
    # no data: what comes out are the priors, Jacobians included
    like = Fake({"x": Gaussian(1.0, 2.0), "y": LogFlat(1e-4, 1e2), "z": Flat(0.0, 1.0)}, lambda x: 0.0 * x["x"])
    p = sample(like, warmup=400, draws=1000, init="prior", progress=False)
    assert p.ok, p.verdict
    for k in p.names:
        # cumulative probability is uniform: mean 1/2, variance 1/12
        s = np.asarray(like.priors[k].to_unit(p.samples[k]))
        assert abs(s.mean() - 0.5) < 4.5 * standard_error(s)
        assert abs(((s - 0.5) ** 2).mean() - 1.0 / 12.0) < 4.5 * standard_error((s - 0.5) ** 2)


def test_bimodal_is_flagged(bimodal_run):
    p = bimodal_run
    assert not p.ok
    text = p.verdict[0]
    assert "chains disagree on a" in text and "separate modes that NUTS does not join" in text
    assert "R-hat" in text and "near a = " in text and "share of chains" in text
    assert len(chain_groups(p.samples)) == 2 and p.diagnostics["a"]["rhat"] > 1.5
    # every mode that the fit found has a chain
    medians = np.median(p.samples["a"], axis=1)
    assert medians.min() == pytest.approx(-3.0, abs=0.2) and medians.max() == pytest.approx(3.0, abs=0.2)
    assert len(p.modes) == 2 and any("2 modes" in n for n in p.notes)
    assert "NOT OK" in p.summary()


def test_short_run_is_flagged():
    p = sample(gauss(), chains=2, warmup=100, draws=50, progress=False, init={"a": 0.4, "b": 0.5, "c": 0.6})
    assert not p.ok and any("too few independent draws" in t and "would do" in t for t in p.verdict)


def test_funnel_divergences_are_flagged():
    # Neal's funnel: no step size fits both ends
    def chi2(x):
        return (x["v"] / 3.0) ** 2 + sum(x[k] ** 2 * jnp.exp(-x["v"]) + x["v"] for k in ("p", "q", "r"))

    like = Fake({"v": Flat(-30.0, 30.0), **{k: Flat(-1e3, 1e3) for k in ("p", "q", "r")}}, chi2)
    p = sample(like, warmup=200, draws=300, progress=False, init="prior", target_accept=0.6)
    assert not p.ok and any("divergence" in t and "target_accept" in t for t in p.verdict)


def series(seed, chains=4, draws=301):
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(chains, draws))
    slow = np.zeros_like(white)
    for i in range(1, draws):
        slow[:, i] = 0.9 * slow[:, i - 1] + white[:, i]
    return {
        "white": white,
        "slow": slow,
        "anti": white - 0.5 * np.roll(white, 1, axis=1),
        "heavy": rng.standard_cauchy(size=(chains, draws)),
        "shifted": white + np.arange(chains)[:, None],
        "scaled": white * (1.0 + np.arange(chains)[:, None]),
        "discrete": np.round(slow),
        "short": white[:, :8],
        "even": slow[:, :300],
    }


@pytest.mark.parametrize("kind", series(0))
def test_diagnostics_equal_arviz(kind):
    arviz = pytest.importorskip("arviz")
    for seed in range(3):
        x = series(seed)[kind]
        # the same definitions (1903.08008) coded twice: rounding only
        assert rhat(x) == pytest.approx(float(np.asarray(arviz.rhat(x))), rel=1e-10)
        assert ess_bulk(x) == pytest.approx(float(np.asarray(arviz.ess(x))), rel=1e-10)
        assert ess_tail(x) == pytest.approx(float(np.asarray(arviz.ess(x, method="tail", prob=(0.05, 0.95)))), rel=1e-10)


def test_energy_diagnostic():
    # independent energies: E(diff^2)/var = 2; a random walk of n steps: far below
    rng = np.random.default_rng(0)
    white = rng.normal(size=(2, 4000))
    assert ebfmi(white) == pytest.approx([2.0, 2.0], rel=0.1)
    assert np.all(ebfmi(np.cumsum(white, axis=1)) < 0.05)
    assert np.all(np.isnan(ebfmi(white[:, :2])))


def fake_posterior(samples, **changes):
    chains, draws = samples["a"].shape
    ones = np.ones((chains, draws))
    stats = {"diverging": ones < 0, "energy": ones, "num_steps": 7 * ones.astype(int), "accept_prob": 0.9 * ones,
             "step_size": ones}  # fmt: skip
    values = {
        "names": tuple(samples),
        "samples": samples,
        "log_prob": -ones,
        "stats": stats,
        "ebfmi": np.ones(chains),
        "settings": {"draws": draws, "target_accept": 0.9, "max_tree_depth": 10},
    }
    return Posterior(**{**values, **changes})  # fmt: skip


def test_each_symptom_has_its_sentence():
    good = {"a": np.random.default_rng(0).normal(size=(4, 1000))}
    assert fake_posterior(good).verdict == []
    one = fake_posterior({"a": good["a"][:1]})
    assert any("one chain" in t for t in one.verdict)
    stuck = {"a": good["a"].copy()}
    stuck["a"][2] = 0.3
    assert any("never moved in a" in t for t in fake_posterior(stuck).verdict)
    low = fake_posterior(good, ebfmi=np.array([1.0, 0.1, 1.0, 1.0]))
    assert any("E-BFMI 0.10 in chain 1" in t for t in low.verdict)
    lazy = fake_posterior(good)
    lazy.stats["accept_prob"][3] = 0.2
    assert any("chain 3 accepts 0.20" in t for t in lazy.verdict)
    deep = fake_posterior(good)
    deep.stats["num_steps"][:] = 1023
    assert deep.ok and any("largest tree" in t for t in deep.notes)
    drift = {"a": good["a"] + np.linspace(0.0, 0.5, 4)[:, None]}
    assert any("chains disagree on a" in t and "run longer" in t for t in fake_posterior(drift).verdict)
    tiny = fake_posterior({"a": good["a"][:, :3]})
    assert any("fewer than 4" in t for t in tiny.verdict) and "NOT OK" in tiny.summary()


def test_interrupt_keeps_the_draws(monkeypatch):
    real, calls = sampling.wait, []

    def wait(jobs):
        calls.append(len(jobs))
        if sum(n > 1 for n in calls) == 12 and not wait.raised:
            wait.raised = True
            raise KeyboardInterrupt
        return real(jobs)

    wait.raised = False
    monkeypatch.setattr(sampling, "wait", wait)
    monkeypatch.setattr(sampling, "_BUFFER", 16)
    start = {"a": 0.4, "b": 0.5, "c": 0.6}
    with pytest.raises(SampleInterrupted) as caught:
        sample(gauss(), warmup=50, draws=400, progress=False, init=start)
    assert isinstance(caught.value, KeyboardInterrupt)
    p = caught.value.posterior
    assert 0 < p.draws < 400 and not p.complete and not p.ok
    assert f"interrupted after {p.draws} of 400" in p.verdict[0]
    # the draws are those of the full run
    monkeypatch.undo()
    full = sample(gauss(), warmup=50, draws=400, progress=False, init=start)
    np.testing.assert_array_equal(p.samples["a"], full.samples["a"][:, : p.draws])


def test_thinning_and_starting_points():
    like = gauss()
    start = [{"a": 0.3 + 0.1 * i, "b": 0.5, "c": 0.6} for i in range(2)]
    every = sample(like, chains=2, warmup=50, draws=40, init=start, progress=False)
    third = sample(like, chains=2, warmup=50, draws=13, thin=3, init=start, progress=False)
    np.testing.assert_array_equal(third.samples["b"], every.samples["b"][:, 2:39:3])
    np.testing.assert_array_equal(third.stats["energy"], every.stats["energy"][:, 2:39:3])
    found = fit(like, starts=8, progress=False)
    assert sample(like, chains=2, warmup=50, draws=10, init=found, progress=False).settings["init"] == "FitResult"


def test_bad_arguments():
    like = gauss()
    point = {"a": 0.4, "b": 0.5, "c": 0.6}
    for options, match in (
        ({"chains": 0}, "chains"), ({"draws": 2}, "draws"), ({"warmup": 1}, "warmup"), ({"thin": 0}, "thin"),
        ({"target_accept": 1.5}, "target_accept"), ({"chain_method": "mpi"}, "vectorized"), ({"init": "best"}, "prior"),
        ({"init": {"a": 1.0}}, "missing b, c"), ({"init": {**point, "aa": 1.0}}, "did you mean 'a'"),
        ({"init": 3}, "list of dicts"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=match):
            sample(like, progress=False, **options)
    with pytest.raises(InputError, match="chain 1"):
        bad = Fake({"a": Flat(-1.0, 1.0)}, lambda x: jnp.log(x["a"]))
        sample(bad, chains=2, init=[{"a": 0.5}, {"a": -0.5}], progress=False)


def test_file_round_trip(bimodal_run, tmp_path):
    pytest.importorskip("h5py")
    arviz = pytest.importorskip("arviz")
    path = tmp_path / "posterior.nc"
    bimodal_run.save(path)
    back = load_posterior(path)
    for key in Posterior.__dataclass_fields__:
        np.testing.assert_equal(getattr(back, key), getattr(bimodal_run, key), err_msg=key)
    assert back.verdict == bimodal_run.verdict and back.table() == bimodal_run.table()
    assert [f.name for f in tmp_path.iterdir()] == ["posterior.nc"]
    # what arviz sees: both generations give the groups by name
    data = arviz.from_netcdf(str(path))
    a = data["posterior"]["a"]
    assert a.shape == (4, 200) and a.attrs["long_name"] == "$a$" and a.attrs["units"] == "GeV"
    assert data["sample_stats"]["diverging"].dtype == bool and "acceptance_rate" in data["sample_stats"]
    attrs = data["posterior"].attrs
    assert json.loads(attrs["fipjax_fingerprint"])["model"] == "fake" and attrs["fipjax_version"]
    assert float(np.asarray(arviz.rhat(a.values))) == pytest.approx(bimodal_run.diagnostics["a"]["rhat"])
    data.close()


def test_files_that_cannot_be_used(gauss_run, tmp_path):
    pytest.importorskip("h5py")
    pytest.importorskip("arviz")
    import xarray

    with pytest.raises(InputError, match="cannot write"):
        gauss_run.save(tmp_path / "missing" / "posterior.nc")
    (tmp_path / "folder.nc").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        gauss_run.save(tmp_path / "folder.nc")
    assert [f.name for f in tmp_path.iterdir()] == ["folder.nc"]
    with pytest.raises(InputError, match="no such file"):
        load_posterior(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(InputError, match="not a posterior"):
        load_posterior(tmp_path / "text.nc")
    other = xarray.Dataset({"a": (("chain", "draw"), np.zeros((2, 5)))})
    other.to_netcdf(tmp_path / "other.nc", group="posterior", engine="h5netcdf")
    other.to_netcdf(tmp_path / "other.nc", group="sample_stats", engine="h5netcdf", mode="a")
    with pytest.raises(InputError, match="not a posterior"):
        load_posterior(tmp_path / "other.nc")


def test_missing_arviz_is_one_clear_line(gauss_run, monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(MissingDependency, match=r'pip install "fipjax\[arviz\]"'):
        gauss_run.save(tmp_path / "posterior.nc")
    monkeypatch.setitem(sys.modules, "h5netcdf", None)
    with pytest.raises(MissingDependency, match="h5netcdf"):
        load_posterior(tmp_path / "posterior.nc")


def test_adapter_does_not_fall_into_the_version_trap():
    # arviz 0.2x accepts the call of 1.x and stores the groups as one object variable each
    pytest.importorskip("arviz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = _arviz.build({"posterior": {"a": np.zeros((2, 5))}, "sample_stats": {"num_steps": np.ones((2, 5))}},
                            {"k": "v"}, {"a": {"units": "GeV", "long_name": ""}})  # fmt: skip
    assert data["posterior"]["a"].dtype == float and data["posterior"]["a"].shape == (2, 5)
    assert data["posterior"]["a"].attrs == {"units": "GeV"} and data["posterior"].attrs["k"] == "v"
    assert "n_steps" in data["sample_stats"]
