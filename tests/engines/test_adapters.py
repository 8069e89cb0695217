"""A likelihood in other programs, each against the exact posterior; results as tables and in other formats."""

import importlib
import math
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fipjax
from fipjax import _arviz, adapters
from fipjax.engines.sample import Posterior, load_posterior
from fipjax.errors import InputError, MissingDependency
from fipjax.priors import Flat, Gaussian, LogFlat, SignedLog

# a is normal, b log-normal, with this correlation between a and ln b; both far from the edges of their priors
MEAN, SIGMA, CORRELATION = np.array([0.5, math.log(1e-3)]), np.array([0.3, 0.4]), 0.6


class Known:
    """A likelihood that is Gaussian in a and ln b, so that the posterior of flat a and log-flat b is known."""

    def __init__(self, **priors):
        self.names, self.priors = tuple(priors), priors
        self.parameters = {k: SimpleNamespace(latex=rf"${k}$", unit="GeV", description=k) for k in priors}

    def chi2(self, x):
        r = jnp.stack([x["a"] - MEAN[0], jnp.log(x["b'"]) - MEAN[1]], -1) / SIGMA
        inverse = np.linalg.inv([[1.0, CORRELATION], [CORRELATION, 1.0]])
        return jnp.einsum("...i,ij,...j->...", r, jnp.asarray(inverse), r)

    def log_prob(self, x):
        return -0.5 * self.chi2(x)

    def evaluate(self, x):
        return {"log_prob": self.log_prob(x), "chi2": self.chi2(x), "allowed": x["a"] < 1e9}

    def sm_chi2(self):
        return 9.0

    def fingerprint(self):
        return {"priors": {k: p.describe() for k, p in self.priors.items()}}


@pytest.fixture(scope="module")
def known():
    return Known(**{"a": Flat(-5.0, 5.0), "b'": LogFlat(1e-7, 10.0)})


def check_draws(x, n):
    """Mean, width and correlation of independent draws (effective number n), within four standard errors."""
    z = np.stack([np.asarray(x["a"]).reshape(-1), np.log(np.asarray(x["b'"])).reshape(-1)], -1)
    assert np.all(np.abs(z.mean(0) - MEAN) < 4 * SIGMA / math.sqrt(n))
    assert np.all(np.abs(z.std(0) / SIGMA - 1) < 4 / math.sqrt(2 * n))
    assert abs(np.corrcoef(z.T)[0, 1] - CORRELATION) < 4 * (1 - CORRELATION**2) / math.sqrt(n)


def imported(name):
    """A package that may be missing, with what it says at import kept quiet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


# ------------------------------------------------------------------------------------------------ minimisers and samplers


def test_iminuit(known):
    imported("iminuit")
    data = adapters.iminuit(known, {"a": 0.0, "b'": 3e-3})
    assert data.names == ("a", "b'") and data.errordef == 1.0 and data.limits == [(-5.0, 5.0), (1e-7, 10.0)]
    np.testing.assert_allclose(data.start, [0.0, 3e-3], rtol=1e-9)
    h = 1e-6 * data.start + 1e-9
    numeric = [(data.cost(data.start + d) - data.cost(data.start - d)) / (2 * d.sum()) for d in np.diag(h)]
    np.testing.assert_allclose(data.cost.grad(data.start), numeric, rtol=1e-6)
    m = data.minuit()
    m.migrad().hesse()
    assert m.valid and m.ngrad > 0 and m.fval < 1e-4  # EDM of MIGRAD: 2e-4
    assert m.values["a"] == pytest.approx(0.5, abs=0.005) and m.values["b'"] == pytest.approx(1e-3, rel=0.01)
    # in b the error of ln b times b; 3 %: chi2 is a parabola in ln b only, and MIGRAD stops near the minimum
    assert m.errors["a"] == pytest.approx(0.3, rel=0.03) and m.errors["b'"] == pytest.approx(0.4e-3, rel=0.03)
    for bad in ({"c": 1.0}, 3):
        with pytest.raises(InputError, match="start"):
            adapters.iminuit(known, bad)
    with pytest.raises(InputError, match="with_prior"):
        adapters.iminuit(known, with_prior="yes")


def test_iminuit_adds_the_pulls_of_nuisances():
    imported("iminuit")
    like = Known(**{"a": Gaussian(0.0, 0.3), "b'": LogFlat(1e-7, 10.0)})
    m = adapters.iminuit(like).minuit()
    m.migrad()
    # a: measured 0.5 +- 0.3 and constrained to 0 +- 0.3
    assert m.values["a"] == pytest.approx(0.25, abs=0.005) and m.limits["a"] == (-math.inf, math.inf)
    assert m.fval == pytest.approx(2 * (0.25 / 0.3) ** 2, rel=1e-3)
    assert adapters.iminuit(like, with_prior=False).cost([0.5, 1e-3]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("coordinates", ["real", "physical"])
def test_emcee(known, coordinates):
    imported("emcee")
    data = adapters.emcee(known, 40, start={"a": 0.5, "b'": 1e-3}, seed=2, coordinates=coordinates)
    assert data.start.shape == (40, 2) and data.names == ("a", "b'")
    # one point, many points, an odd number of them: the same numbers
    many = data.log_prob(data.start)
    assert many.shape == (40,) and float(data.log_prob(data.start[3:4])[0]) == many[3]
    # density in the coordinates: likelihood x prior x Jacobian, which for a is d a/d u
    x = data.physical(data.start)
    prior = np.asarray(known.priors["a"].log_prob(x["a"]) + known.priors["b'"].log_prob(x["b'"]))
    if coordinates == "real":
        slope = [
            np.asarray(jax.vmap(jax.grad(p.from_real))(jnp.asarray(data.start[:, i]))) for i, p in enumerate(known.priors.values())
        ]
        prior = prior + np.log(slope[0]) + np.log(slope[1])
    np.testing.assert_allclose(many, np.asarray(known.log_prob(x)) + prior, rtol=1e-9)
    if coordinates == "physical":
        assert data.log_prob([[6.0, 1e-3]])[0] == data.log_prob([[0.5, -1e-3]])[0] == -np.inf
    sampler = data.sampler()
    sampler.random_state = np.random.RandomState(3).get_state()
    sampler.run_mcmc(data.start, 1500)
    draws = data.physical(sampler.get_chain(discard=300))
    assert draws["a"].shape == (1200, 40)
    # the stretch move has an autocorrelation of about 30 steps in two dimensions: 40 x 1200/60, a margin of two
    check_draws(draws, 800)
    with pytest.raises(InputError, match="walkers"):
        adapters.emcee(known, 3)
    with pytest.raises(InputError, match="coordinates"):
        adapters.emcee(known, coordinates="log")


def test_blackjax(known):
    blackjax = imported("blackjax")
    data = adapters.blackjax(known)
    start = jnp.asarray(data.start(3, seed=1))
    assert start.shape == (3, 2)
    at = data.transform(data.start(200, at={"a": 0.5, "b'": 1e-3}))
    assert abs(np.median(np.log(at["b'"])) - MEAN[1]) < 0.5  # around the point
    one = jnp.stack([data.logdensity(w) for w in start])
    np.testing.assert_allclose(jax.vmap(data.logdensity)(start), one, rtol=1e-12)
    kernel = blackjax.hmc(data.logdensity, step_size=0.3, inverse_mass_matrix=jnp.array([0.02, 0.04]), num_integration_steps=8)

    def step(state, key):
        state, _ = kernel.step(key, state)
        return state, state.position

    first = kernel.init(jnp.asarray(data.start(1, at={"a": 0.5, "b'": 1e-3})[0]))
    _, w = jax.jit(lambda s, k: jax.lax.scan(step, s, jax.random.split(k, 1500)))(first, jax.random.PRNGKey(4))
    # trajectories of a third of a period: at least one independent draw in six steps
    check_draws(data.transform(w), 250)


def test_cobaya(known):
    cobaya = imported("cobaya.model")
    like = Known(**{"a": Gaussian(0.2, 0.7), "b'": LogFlat(1e-7, 10.0)})
    info = adapters.cobaya(like)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = cobaya.get_model({**info, "debug": 50})
    assert list(model.parameterization.sampled_params()) == ["a", "log10_b_"]
    post = model.logposterior({"a": 0.4, "log10_b_": -3.2})
    assert post.loglike == pytest.approx(float(like.log_prob({"a": 0.4, "b'": 10.0**-3.2})), rel=1e-12)
    normal = -0.5 * (0.2 / 0.7) ** 2 - math.log(0.7 * math.sqrt(2 * math.pi))
    assert post.logprior == pytest.approx(normal - math.log(8.0), rel=1e-12)  # eight decades
    # every other form of prior: the value that Cobaya computes, and the range
    like = Known(**{"a": Flat(-1.0, 3.0), "b'": LogFlat(1e-3, 1.0, sign=-1)})
    like.priors["s"], like.names = SignedLog(1e-4, 2.0), ("a", "b'", "s")
    params = adapters.cobaya(like)["params"]
    assert params["a"]["prior"] == {"min": -1.0, "max": 3.0}
    assert eval(params["b_"]["value"])(-2.0) == -0.01 and params["log10_b_"]["prior"] == {"min": -3.0, "max": 0.0}
    top = params["asinh_s"]["prior"]["max"]
    assert eval(params["s"]["value"])(top) == pytest.approx(2.0, rel=1e-12)


@pytest.mark.validate
def test_cobaya_runs(known):
    imported("cobaya.run")
    from cobaya.run import run

    options = {"mcmc": {"max_samples": 3000, "Rminus1_stop": 1e-9, "seed": 1, "learn_proposal": True, "burn_in": 200}}
    info = adapters.cobaya(known)
    info["params"]["a"]["ref"], info["params"]["log10_b_"]["ref"] = 0.5, -3.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, sampler = run({**info, "sampler": options, "debug": 50})
        draws = sampler.samples(combined=True).data
    weight = draws["weight"].to_numpy(float)
    a = draws["a"].to_numpy(float)
    mean = np.average(a, weights=weight)
    # 3000 accepted steps of a Metropolis chain with a learnt proposal: more than 300 independent draws
    assert abs(mean - 0.5) < 4 * 0.3 / math.sqrt(300)
    assert math.sqrt(np.average((a - mean) ** 2, weights=weight)) == pytest.approx(0.3, rel=4 / math.sqrt(600))


# ------------------------------------------------------------------------------------------------ sample


def test_sample_with_method_smc(known):
    imported("blackjax")
    p = fipjax.sample(known, method="smc", particles=300, repeats=1, moves=4, seed=3, progress=False)
    assert isinstance(p, fipjax.SMCPosterior) and p.samples["a"].shape == (1, 300)
    assert (p.settings["moves"], p.settings["seed"]) == (4, 3)
    for arguments, says in (
        ({"method": "smc", "chains": 8}, "chains = 8 does not belong to method 'smc'"),
        ({"method": "smc", "partikles": 8}, "did you mean 'particles'"),
        ({"particles": 8}, "unknown argument of sample 'particles'"),
        ({"method": "hmc"}, "unknown sampling method 'hmc'"),
    ):
        with pytest.raises(InputError, match=says):
            fipjax.sample(known, **arguments)


# ------------------------------------------------------------------------------------------------ results


@pytest.fixture(scope="module")
def posterior(known):
    """Exact draws, four chains of 500."""
    rng = np.random.default_rng(5)
    cov = np.outer(SIGMA, SIGMA) * [[1.0, CORRELATION], [CORRELATION, 1.0]]
    z = rng.multivariate_normal(MEAN, cov, (4, 500))
    samples = {"a": z[..., 0], "b'": np.exp(z[..., 1])}
    shape = (4, 500)
    stats = {"diverging": np.zeros(shape, bool), "energy": z[..., 0], "num_steps": np.full(shape, 7),
             "accept_prob": np.full(shape, 0.9), "step_size": np.full(shape, 0.1)}  # fmt: skip
    table = {"a": {"latex": "$a$", "unit": "GeV", "description": ""}, "b'": {"latex": r"b^\prime", "unit": "", "description": ""}}
    log_prob = np.asarray(known.log_prob(samples))
    return Posterior(("a", "b'"), samples, log_prob, stats, np.ones(4), {"draws": 500}, known.fingerprint(), table)


def test_posterior_in_netcdf_and_zarr(posterior, tmp_path):
    for name in ("p.nc", "p.zarr"):
        imported("zarr" if name == "p.zarr" else "h5netcdf")
        path = tmp_path / name
        for _ in range(2):  # a second time: replaced
            posterior.save(path)
        back = load_posterior(path)
        assert back.names == posterior.names and np.array_equal(back.samples["b'"], posterior.samples["b'"])
        assert np.array_equal(back.stats["diverging"], posterior.stats["diverging"]) and back.parameters == posterior.parameters
        assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []
    az = _arviz.require()
    if int(az.__version__.split(".")[0]) >= 1:
        tree = az.from_zarr(tmp_path / "p.zarr")
        assert np.array_equal(tree["posterior"]["a"].values, posterior.samples["a"])
    data = posterior.to_arviz()
    assert data["posterior"]["a"].shape == (4, 500) and data["posterior"]["a"].attrs["units"] == "GeV"
    with pytest.raises(InputError, match="cannot write"):
        posterior.save(tmp_path / "no" / "p.zarr")
    with pytest.raises(InputError, match="cannot read"):
        load_posterior(tmp_path / "other.zarr")


def test_posterior_in_getdist(posterior):
    imported("getdist")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        g = posterior.to_getdist()
    assert [p.name for p in g.paramNames.names] == ["a", "b_"] and [p.label for p in g.paramNames.names] == ["a", r"b^\prime"]
    assert g.numrows == 2000 and len(g.getSeparateChains()) == 4
    assert g.mean("a") == pytest.approx(posterior.samples["a"].mean(), rel=1e-12)
    assert (g.ranges.getLower("b_"), g.ranges.getUpper("b_")) == (1e-7, 10.0)


def test_posterior_in_corner(posterior):
    corner = imported("corner")
    import matplotlib.pyplot as plt

    draws = np.stack([posterior.samples[n].ravel() for n in posterior.names], -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = corner.corner(draws, labels=[f"${n}$" for n in posterior.names])
    assert len(figure.axes) == 4
    plt.close(figure)


def test_tables(posterior, known):
    imported("pandas")
    table = posterior.to_pandas()
    assert list(table.columns) == ["a", "b'", "log_prob"] and table.index.names == ["chain", "draw"]
    assert table.loc[(2, 17), "b'"] == posterior.samples["b'"][2, 17] and len(table) == 2000
    grid = {"a": np.linspace(-1.0, 1.0, 5), "b'": np.geomspace(1e-4, 1e-2, 3)}
    scan = fipjax.scan(known, grid, progress=False)
    table = adapters.to_pandas(scan)
    assert len(table) == 15 and list(table.index) == list(range(15))
    row = table.iloc[7]  # a third, b second
    assert (row["a"], row["b'"]) == (grid["a"][2], grid["b'"][1])
    for i in (0, 7, 14):
        x = {"a": table["a"][i], "b'": table["b'"][i]}
        assert table["log_prob"][i] == pytest.approx(float(known.log_prob(x)), rel=1e-12)
    sobol = adapters.to_pandas(fipjax.scan(known, method="sobol", n=32, progress=False))
    assert len(sobol) == 32 and {"a", "b'", "chi2"} <= set(sobol.columns)
    np.testing.assert_allclose(sobol["chi2"], known.chi2({n: sobol[n].to_numpy() for n in ("a", "b'")}), rtol=1e-12)
    fit = fipjax.fit(known, starts=4, progress=False)
    fit.pulls = [{"observable": "x", "pull": 1.5}, {"observable": "y", "pull": -0.5}]
    assert adapters.to_pandas(fit).loc["y", "pull"] == -0.5
    profile = fipjax.profile(known, {"a": {"n": 5, "min": 0.0, "max": 1.0}}, starts=4, progress=False)
    table = adapters.to_pandas(profile)
    np.testing.assert_allclose(table["delta"], ((table["a"] - 0.5) / 0.3) ** 2, atol=1e-5)  # the searches stop at 1e-6
    with pytest.raises(InputError, match="an object of type int"):
        adapters.to_pandas(3)


@pytest.mark.parametrize("name,call", [
    ("iminuit", lambda k, p: adapters.iminuit(k).minuit()),
    ("emcee", lambda k, p: adapters.emcee(k).sampler()),
    ("getdist", lambda k, p: p.to_getdist()),
    ("pandas", lambda k, p: p.to_pandas()),
])  # fmt: skip
def test_missing_packages_are_one_line(monkeypatch, known, posterior, name, call):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependency, match=f"{name} is not installed .*pip install {name}"):
        call(known, posterior)


def test_nothing_is_imported_before_it_is_needed():
    names = {"iminuit", "emcee", "cobaya", "getdist", "pandas", "blackjax"}
    code = f"import sys, fipjax.adapters; print(sorted({names} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert importlib.import_module("fipjax.adapters").__all__ == sorted(adapters.__all__)


DOC = (Path(__file__).parents[2] / "docs" / "ecosystem.md").read_text(encoding="utf-8")
BLOCKS = {b[2:].split("\n")[0]: b for b in re.findall(r"```python\n(# .*?)```", DOC, flags=re.S)}


@pytest.mark.parametrize("name", ["iminuit", "emcee", "results", "getdist", "corner"])
def test_documentation(name, known, posterior, monkeypatch, tmp_path):
    """The examples run as they are printed, with a quick likelihood and exact draws in place of the real ones."""
    if name != "results":
        imported(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fipjax, "sample", lambda like: posterior)
    start = {"a": 0.4, "b'": 1e-3}
    space = {"fipjax": fipjax, "adapters": adapters, "like": known, "fit": start, "posterior": posterior}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(BLOCKS[name], space)
    if name == "iminuit":
        # MINOS: chi2 is a parabola in ln b, so that the interval is exp(-+0.4) times b
        assert space["m"].merrors["b'"].upper == pytest.approx(1e-3 * (math.exp(0.4) - 1), rel=0.01)
    elif name == "emcee":
        assert space["draws"]["b'"].shape[0] == 300
    elif name == "results":
        assert {p.name for p in tmp_path.iterdir()} == {"posterior.nc", "posterior.zarr"} and len(space["table"]) == 2000
    elif name in ("getdist", "corner"):
        import matplotlib.pyplot as plt

        assert plt.get_fignums()
        plt.close("all")


@pytest.mark.validate
@pytest.mark.parametrize("name", ["blackjax", "cobaya"])
def test_documentation_of_slow_samplers(name, known):
    imported(name)
    space = {"adapters": adapters, "like": known, "fit": {"a": 0.4, "b'": 1e-3}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(BLOCKS[name], space)
    if name == "blackjax":
        assert abs(float(space["x"]["a"]) - 0.5) < 5 * 0.3
    else:
        assert len(space["sampler"].samples()) >= 100
