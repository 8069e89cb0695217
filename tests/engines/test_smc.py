"""Tempered Monte Carlo: evidence and mode weights with known answers, real likelihoods against direct integration, files."""

import importlib
import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import qmc

import fipjax
from fipjax.engines.sample import SampleInterrupted
from fipjax.errors import InputError
from fipjax.priors import Flat, LogFlat

pytest.importorskip("blackjax")
tempered = importlib.import_module("fipjax.engines.smc")  # fipjax.smc may be the function
smc = tempered.smc


class Fake:
    """A likelihood from a log-likelihood function of a dict of arrays."""

    def __init__(self, priors, log_prob):
        self.names, self.priors, self.log_prob = tuple(priors), priors, log_prob


def test_next_lambda_has_the_wanted_effective_size():
    rng = np.random.default_rng(0)
    ll = -(10.0 ** rng.uniform(0.0, 12.0, 2000))
    ll[:500] = -np.inf
    new = tempered.next_lambda(ll, 1e-9, 600.0)
    w = np.exp((new - 1e-9) * (ll - ll.max()))
    assert w.sum() ** 2 / (w * w).sum() == pytest.approx(600.0, rel=1e-4)  # bisection to 1e-6 in ln of the step
    assert tempered.next_lambda(0.1 * rng.normal(size=100), 0.2, 50.0) == 1.0


def test_cells_are_gaussians_of_their_points():
    rng = np.random.default_rng(1)
    root = np.array([[1.0, 0.0], [0.9, 0.1]])
    w = np.concatenate([rng.normal(size=(3000, 2)) @ root.T, [40.0, 0.0] + 0.1 * rng.normal(size=(1000, 2)), [[0.0, 90.0]]])
    c = tempered.fit_cells(w, 8, rng)
    used = np.isfinite(c["log_weight"])
    np.testing.assert_allclose(np.exp(c["log_weight"][used]).sum(), 1.0)
    # the small mode is in cells of its own, with the right weight; the stray point joined another cell
    far = used & (np.abs(c["mean"][:, 0] - 40.0) < 1.0)
    assert np.exp(c["log_weight"][far]).sum() == pytest.approx(0.25, abs=1e-3)
    assert np.exp(c["log_weight"][used]).min() >= 9 / 4001
    for r, i, d in zip(c["root"], c["inverse"], c["log_det"], strict=True):
        np.testing.assert_allclose(r @ i, np.eye(2), atol=1e-6)
        assert d == pytest.approx(math.log(abs(np.linalg.det(r))))
    one = tempered.fit_cells(w[:3000], 1, rng)
    np.testing.assert_allclose(one["root"][0] @ one["root"][0].T, np.cov(w[:3000].T), rtol=1e-5)


def two_modes():
    """Four dimensions, modes 16 apart of widths 0.6 and 1 with weights 0.3 and 0.7; NUTS chains never cross."""

    def log_prob(x):
        v = jnp.stack([x[k] for k in "abcd"], -1)

        def mode(m, s):
            return -0.5 * jnp.sum(((v - m) / s) ** 2, -1) - 4.0 * jnp.log(s) - 2.0 * jnp.log(2.0 * jnp.pi)

        return jnp.logaddexp(jnp.log(0.3) + mode(-4.0, 0.6), jnp.log(0.7) + mode(4.0, 1.0))

    return Fake({k: Flat(-10.0, 10.0) for k in "abcd"}, log_prob)


@pytest.fixture(scope="module")
def two():
    return smc(two_modes(), 2048, repeats=4, moves=8, progress=False)


def test_evidence_and_weights_of_two_modes(two):
    assert two.ok, two.verdict
    # measured in 20 repeats: standard deviation 0.06 of log Z and 0.011 of the weight; four repeats halve them, 4 sigma
    assert two.log_z == pytest.approx(-4.0 * math.log(20.0), abs=0.12)
    share, error = two.share(lambda x: x["a"] < 0.0)
    assert share == pytest.approx(0.3, abs=0.022) and 0.0 < error < 0.02
    assert 0.0 < two.log_z_error < 0.1
    inside = {k: v[two.samples["a"] < 0.0] for k, v in two.samples.items()}
    for k in "abcd":
        # 2400 particles, some of them relatives: errors of 0.012 to 0.02
        assert inside[k].mean() == pytest.approx(-4.0, abs=0.08) and inside[k].std() == pytest.approx(0.6, abs=0.06)
    np.testing.assert_allclose(two.log_prob, two_modes().log_prob(two.samples), atol=1e-9)


def test_file_keeps_the_evidence(two, tmp_path):
    two.save(tmp_path / "s.nc")
    back = fipjax.load_posterior(tmp_path / "s.nc")
    assert isinstance(back, tempered.SMCPosterior) and back.log_z == two.log_z and back.ok
    for k in "abcd":
        np.testing.assert_array_equal(back.samples[k], two.samples[k])
    assert back.summary() == two.summary() and f"log Z = {two.log_z:.3f}" in back.summary()
    assert len(fipjax.plot(back).axes) >= 4  # the corner plot of any posterior


def test_bad_runs_are_called_bad(two):
    table = {k: getattr(two, k) for k in two.__dataclass_fields__}

    def verdict(**changes):
        return " ".join(tempered.SMCPosterior(**{**table, **changes}).verdict)

    assert "log Z differs" in verdict(settings={**two.settings, "log_z": [-11.0, -12.5, -11.0, -12.0]})
    moved = {k: v + np.arange(4)[:, None] * 3.0 for k, v in two.samples.items()}
    assert "repeats disagree" in verdict(samples=moved)
    assert "hardly ever accepted" in verdict(stats={**two.stats, "accept_prob": 0.01 * np.ones_like(two.log_prob)})
    one = {k: v[:1] for k, v in two.samples.items()}
    less = {"samples": one, "log_prob": two.log_prob[:1], "settings": {**two.settings, "log_z": [-11.9]}, "complete": False}
    assert "its own error" in verdict(**less) and "interrupted after 1 of 4" in verdict(**less)
    assert "descend" in tempered.SMCPosterior(**{**table, "settings": {**two.settings, "ancestors": [5, 9, 9, 9]}}).notes[0]


def test_a_wall_and_ctrl_c(monkeypatch):
    """Half of the prior is excluded (-inf): Z is half of what it would be.  Then Ctrl-C in the third repeat."""

    def log_prob(x):
        return jnp.where(x["a"] > 0.0, -0.5 * ((x["b"] - jnp.log(2.0)) / 0.1) ** 2, jnp.where(x["a"] < -0.5, -jnp.inf, jnp.nan))

    like = Fake({"a": Flat(-1.0, 1.0), "b": LogFlat(1e-2, 1e2)}, log_prob)
    one, done = tempered._one_run, []

    def run(*args):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(one(*args))
        return done[-1]

    monkeypatch.setattr(tempered, "_one_run", run)
    with pytest.raises(SampleInterrupted, match="2 of 3 repeats") as stop:
        smc(like, 1000, repeats=3, moves=8, progress=False)
    p = stop.value.posterior
    assert p.chains == 2 and not p.complete and p.samples["a"].min() > 0.0
    b = np.exp(np.linspace(math.log(1e-2), math.log(1e2), 200001))
    exact = 0.5 * np.mean(np.exp(-0.5 * ((b - math.log(2.0)) / 0.1) ** 2))
    assert p.log_z == pytest.approx(math.log(exact), abs=0.25)  # 4 sigma: 0.09 per repeat of 1000 particles, measured in 20


def test_real_likelihood_with_two_solutions():
    """BR(Bs -> mu mu) has two solutions in C10, R_K a ring in C9 and C10: against direct integration of the same likelihood."""
    free = {"C9_bsmumu": {"prior": "flat", "min": -10.0, "max": 10.0}, "C10_bsmumu": {"prior": "flat", "min": -2.0, "max": 12.0}}
    like = fipjax.Likelihood(
        "wet", "2021", "none", use=["BR(Bs->mumu)", "LHCb:2103.11769"], priors=free, uncertainties="none", draws=100
    )  # fmt: skip
    axes = [np.linspace(p.min, p.max, n) for p, n in zip(like.priors.values(), (401, 701), strict=True)]
    x, y = np.meshgrid(*axes, indexing="ij")
    w = np.exp(np.asarray(like.log_prob({"C9_bsmumu": x, "C10_bsmumu": y})))
    p = smc(like, 2048, repeats=3, moves=8, progress=False)
    # density vanishes at the edges or is smooth there: the trapezoidal rule is good to 1e-3, and the mean of cells too
    z = np.trapezoid(np.trapezoid(w, axes[1], axis=1), axes[0]) / (20.0 * 14.0)
    assert p.ok, p.verdict
    assert p.log_z == pytest.approx(math.log(z), abs=0.12)
    for mask, condition in (
        (y > 4.0, lambda s: s["C10_bsmumu"] > 4.0),
        (x > 0.0, lambda s: s["C9_bsmumu"] > 0.0),
        ((x < 0.0) & (y > 4.0), lambda s: (s["C9_bsmumu"] < 0.0) & (s["C10_bsmumu"] > 4.0)),
    ):
        share, _ = p.share(condition)
        assert share == pytest.approx(w[mask].sum() / w.sum(), abs=0.03)


@pytest.mark.parametrize(
    "options,says",
    [({"particles": 10}, "particles"), ({"repeats": 0}, "repeats"), ({"target_ess": 1.5}, "target_ess"), ({"moves": 2.5}, "moves")],
)
def test_bad_arguments(options, says):
    with pytest.raises(InputError, match=says):
        smc(two_modes(), progress=False, **options)


def test_impossible_likelihoods_are_refused():
    with pytest.raises(InputError, match="finite at 0 of 200 draws"):
        smc(Fake({"a": Flat(0.0, 1.0)}, lambda x: -jnp.inf * (x["a"] + 1.0)), 200, progress=False)
    many = {f"a{i}": Flat(0.0, 1.0) for i in range(tempered.MAX_DIM + 1)}
    with pytest.raises(InputError, match="too many"):
        smc(Fake(many, lambda x: 0.0 * x["a0"]), 200, progress=False)


HIGH_Q2 = ["*[14*", "*[15*", "*[16*", "*[17*", "*[18*", "*[19*"]
PAPER = ["LHCb:2003.04831:S", "LHCb:1403.8044:B+->Kmumu", "LHCb:1606.04731", "LHCb:2103.11769", "LHCb:1705.05802"]


# upper edges of mass windows that are integrated one by one: the likelihood is narrow below 4 GeV and smooth above
WINDOWS = (
    0.01,
    0.1,
    0.21,
    0.25,
    0.3,
    0.35,
    0.4,
    0.5,
    0.6,
    0.75,
    0.9,
    1.05,
    1.2,
    1.5,
    2.0,
    2.5,
    2.8,
    3.2,
    3.7,
    4.5,
    6.0,
    8.0,
    13.0,
    20.0,
)


def direct_integral(model, _deft_fits):
    """log Z of the paper's fit and the shares of m_V < 2 GeV and above with each pair of signs, by quasi-random integration.

    Over mass, width and the logarithms of the two products of couplings, to which the data are sensitive; the density of the
    products under the prior is a one-dimensional integral over the b-s coupling.
    """
    _, vector, axial = _deft_fits.COUPLINGS[model]
    only = _deft_fits.products_only(model)
    decades, widest = math.log(1e10), math.asinh(1e10)

    def muon(t):
        """Density of ln|coupling| = t for one sign, signed_log prior."""
        return np.where(t < 0.0, 0.5 / widest / np.sqrt(1.0 + np.exp(-2.0 * (np.maximum(t, -60.0) + decades))), 0.0)

    def density(x, y):
        total = np.zeros(len(x))
        for c in -decades * (np.arange(200) + 0.5) / 200:  # ln of the b-s coupling, flat
            total += muon(x - c) * muon(y - c)
        return total / 200

    parts = {}
    b, drop = 3.6, 14.0  # fourteen decades below a shift of C9 by about eight, with more points at the top
    for low, high in zip(WINDOWS[:-1], WINDOWS[1:], strict=True):
        s = qmc.Sobol(4, scramble=True, rng=np.random.default_rng(0)).random(2**14)
        m = low + (high - low) * s[:, 0]
        g = np.exp(math.log(1e-3) + math.log(500.0) * s[:, 1])
        below = drop / np.expm1(b) * np.expm1(b * s[:, 2:])
        jacobian = np.prod(drop / np.expm1(b) * b * np.exp(b * s[:, 2:]) * math.log(10.0), axis=1)
        x, y = ((np.log10(_deft_fits.scale(model, m)) + 0.9)[:, None] - below).T * math.log(10.0)
        weight = np.log(density(x, y) + 1e-300) + np.log(jacobian) + math.log((high - low) / 19.99)
        for i in (1, -1):
            for j in (1, -1):
                ll = np.asarray(only.log_prob({"m_V": m, "gamma_V": g, vector: i * np.exp(x), axial: j * np.exp(y)}))
                part = logsumexp(np.where(np.isfinite(ll), ll, -np.inf) + weight) - math.log(len(m))
                key = (low < 2.0, i, j)
                parts[key] = np.logaddexp(parts.get(key, -np.inf), part)
    log_z = logsumexp(list(parts.values()))
    return log_z, {k: math.exp(v - log_z) for k, v in parts.items()}


@pytest.mark.validate
@pytest.mark.parametrize("model", ["deft44", "deft64"])
def test_whole_prior_of_the_paper(load, model):
    """Both mass regions and all signs of 2106.12582 in one run, against direct integration.

    Model 64 has 95 percent of its posterior below 2 GeV, model 44 only 2e-6.
    """
    like = fipjax.Likelihood(model, "2021", "none", use=PAPER, drop=HIGH_Q2)
    p = smc(like, 4096, repeats=4)
    assert p.ok, p.verdict
    log_z, shares = direct_integral(model, load("_deft_fits"))
    # the integral is good to 0.01 (two scrambles differ by 0.0005 and 0.013)
    assert abs(p.log_z - log_z) < 4.0 * p.log_z_error + 0.03
    _, vector, axial = like.names[-3:]
    for (light, i, j), expected in shares.items():
        share, _ = p.share(lambda x, c=(light, i, j): ((x["m_V"] < 2.0) == c[0]) & (c[1] * x[vector] > 0) & (c[2] * x[axial] > 0))
        # measured scatter of a run: 0.007; four runs, 4 sigma
        assert share == pytest.approx(expected, abs=0.014), (light, i, j)
