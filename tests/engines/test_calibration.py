"""Simulation-based calibration of the posterior (Talts et al., 1804.06788).

Parameters are drawn from the prior, data from the likelihood's own covariance around their predictions, and the posterior of these
data is sampled: the rank of the true value among the draws is then uniform, for every parameter and for the likelihood itself,
if sampler, priors, coordinates and likelihood belong together.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import fipjax
from fipjax.engines.fit import ROWS, Target
from fipjax.engines.sample import sample

CASES = {
    "wet": (
        {"C9_bsmumu": {"min": -3.0, "max": 2.0}, "C10_bsmumu": {"min": -1.5, "max": 2.5}},
        {},
        ["LHCb:1403.8044:B+->Kmumu", "BR(Bs->mumu)"],
    ),
}


class Replicas:
    """One likelihood with other data for every point of a batch: ``values`` (n_measurements, R), row i for point i.

    NUTS evaluates its vectorised chains in one call, so that chain i sees data set i; one program for all of them.
    """

    def __init__(self, like, values):
        self.like, self.values = like, jnp.asarray(values)
        self.names, self.priors, self.model, self.fixed = like.names, like.priors, like.model, like.fixed

    def chi2(self, prediction):
        r = (prediction - self.values) / jnp.asarray(self.like._scale)[:, None]
        return jnp.sum((jnp.asarray(self.like._whiten) @ r) ** 2, axis=0)

    def log_prob(self, x):
        shape = next(iter(x.values())).shape
        assert shape in ((), (1,), (self.values.shape[1],)), shape  # single points only while shapes are being found out
        return -0.5 * self.chi2(self.like._predict(self.like.theory(x), x))

    def evaluate(self, x):
        value = self.log_prob(x)
        return {"log_prob": value, "chi2": -2.0 * value}


def likelihood(model):
    priors, fixed, use = CASES[model]
    like = fipjax.Likelihood(model, "2021", "none", use=use, drop=["*[14*", "*[15*", "*[16*", "*[17*", "*[18*", "*[19*"],
                             priors=priors, fixed=fixed, draws=400)  # fmt: skip
    # published errors of two sides have no density to draw from: their mean for both
    d = like.dataset
    error = 0.5 * (d.plus + d.minus)
    like.dataset = replace(d, plus=error, minus=error)
    like._covariance()
    return like


def uniform(ranks, draws, bins=8):
    """p-value of a histogram of ranks 0..draws."""
    edges = np.linspace(-0.5, draws + 0.5, bins + 1)
    return stats.chisquare(np.histogram(ranks, edges)[0], len(ranks) * np.diff(edges) / (draws + 1)).pvalue


@pytest.mark.validate
@pytest.mark.parametrize("model", CASES)
def test_ranks_of_the_truth_are_uniform(model):
    like = likelihood(model)
    target = Target(like)
    rows, draws, runs = ROWS["cpu"], 95, 3
    if jax.default_backend() != "cpu":
        pytest.skip("one chain per row of the CPU's program")
    ranks: dict[str, list] = {k: [] for k in (*like.names, "log_prob")}
    wide, chi2 = [], []
    for run in range(runs):
        rng = np.random.default_rng([run, 7])
        x = target.points(target.u_of_s(rng.random((rows, target.n))))
        truth = dict(zip(like.names, x.T, strict=True))
        noise = np.linalg.cholesky(like.covariance) @ rng.normal(size=(like.n_measurements, rows))
        replicas = Replicas(like, np.asarray(like.predictions(truth)) + noise)
        at_truth = np.asarray(jax.jit(replicas.log_prob)({k: jnp.asarray(v) for k, v in truth.items()}))
        chi2.append(-2.0 * at_truth)
        # the starts are other draws of the prior, not the truth
        start = target.points(target.u_of_s(rng.uniform(0.1, 0.9, (rows, target.n))))
        p = sample(replicas, rows, warmup=600, draws=draws, thin=8, seed=run, chain_method="vectorized", target_accept=0.95,
                   init=[dict(zip(like.names, map(float, v), strict=True)) for v in start], progress=False)  # fmt: skip
        # the data did go with the chains
        np.testing.assert_allclose(
            p.log_prob[:, -1], jax.jit(replicas.log_prob)({k: jnp.asarray(p.samples[k][:, -1]) for k in like.names}), rtol=1e-6
        )
        for k in like.names:
            ranks[k].append(np.sum(p.samples[k] < truth[k][:, None], axis=1))
        ranks["log_prob"].append(np.sum(p.log_prob < at_truth[:, None], axis=1))
        k = like.names[-1]
        centre = p.samples[k].mean(axis=1, keepdims=True)
        wide.append(np.sum(centre + 2.0 * (p.samples[k] - centre) < truth[k][:, None], axis=1))
    found = {k: uniform(np.concatenate(v), draws) for k, v in ranks.items()}
    print(model, {k: round(float(v), 3) for k, v in found.items()})
    # one chance in 500 for each of three quantities
    assert min(found.values()) > 2e-3, found
    # a posterior twice as wide would have been noticed
    assert uniform(np.concatenate(wide), draws) < 1e-3
    # the likelihood's whitening belongs to its covariance
    assert stats.kstest(np.concatenate(chi2), stats.chi2(like.n_measurements).cdf).pvalue > 2e-3
