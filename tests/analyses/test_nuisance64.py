"""Model 64, high masses, with every hadronic input sampled: the stored run of examples/nuisance64.py, and its comparison with NUTS
at a fixed covariance and with an ensemble sampler."""

import json
from pathlib import Path

import numpy as np
import pytest

import fipjax

STORED = json.loads((Path(__file__).parent / "reference" / "nuisance64.json").read_text())
NAMES = ("m_V", "gamma_V", "C6_bsV", "C4_mumuV", "C4t_mumuV")


def coordinate(name, q):
    """Where the prior is flat: m_V itself, logarithms otherwise; in units of the 68 % width of the fixed-covariance run."""
    change = (lambda v: np.asarray(v)) if name == "m_V" else (lambda v: np.log(np.abs(v)))
    ref = change(STORED["quantiles"]["fixed covariance (NUTS)"][name])
    return change(q) / abs(ref[3] - ref[1])


def test_stored_run_converged():
    assert STORED["dimensions"] >= 60
    assert STORED["worst"]["rhat"] < 1.01 and STORED["worst"]["ess"] > 400
    assert STORED["divergences"] == 0
    assert STORED["seconds"]["nuisance"] < 1800


@pytest.mark.parametrize("name", NAMES)
def test_three_posteriors_agree(name):
    """Quantiles at 2.5, 16, 50, 84, 97.5 %: statistical errors are 0.02 to 0.06 of the 68 % width (ESS of 1200 to 4000)."""
    q = {k: coordinate(name, v[name]) for k, v in STORED["quantiles"].items()}
    fixed = q["fixed covariance (NUTS)"]
    for other in ("inputs sampled (NUTS)", "fixed covariance (ensemble)"):
        assert np.abs(q[other] - fixed)[1:4].max() < 0.12, other
        assert np.abs(q[other] - fixed)[[0, 4]].max() < 0.2, other


@pytest.mark.validate
def test_nuts_now_against_the_stored_ensemble(load):
    nuisance64 = load("nuisance64")
    posterior = fipjax.sample(nuisance64.likelihood("fixed"), chains=4, warmup=1000, draws=2000, target_accept=0.95, seed=5)
    assert posterior.ok, posterior.verdict
    for name in NAMES:
        now = coordinate(name, np.quantile(posterior.samples[name], STORED["levels"]))
        then = coordinate(name, STORED["quantiles"]["fixed covariance (ensemble)"][name])
        assert np.abs(now - then)[1:4].max() < 0.12, name
