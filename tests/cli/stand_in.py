"""A likelihood that costs nothing: two parameters of a real model and a parabola."""

import jax.numpy as jnp

from fipjax.models import get_model
from fipjax.priors import Flat, LogFlat

AXES = {"m_V": {"min": 3.0, "max": 12.0, "n": 9}, "C4_bsV": {"min": 1e-9, "max": 1e-5, "n": 8, "scale": "log"}}


class StandIn:
    """-2 ln L = ((m_V - 7)/2)^2 + (log10 C4_bsV + 7)^2."""

    names = ("m_V", "C4_bsV")
    n_measurements = 3

    def __init__(self, data="2021", data_hash="abc"):
        self.model = get_model("deft44")
        self.priors = {"m_V": Flat(2.0, 20.0), "C4_bsV": LogFlat(1e-9, 1e-5)}
        self.parameters = {n: self.model.parameter(n) for n in self.names}
        self.vintage, self.hash = data, data_hash

    def _chi2(self, x):
        return ((x["m_V"] - 7.0) / 2.0) ** 2 + (jnp.log10(x["C4_bsV"]) + 7.0) ** 2

    def log_prob(self, x):
        return -0.5 * self._chi2(x)

    def evaluate(self, x):
        chi2 = self._chi2(x)
        return {"log_prob": -0.5 * chi2, "chi2": chi2, "allowed": jnp.isfinite(chi2)}

    def sm_chi2(self):
        return 20.0

    def pulls(self, x):
        name = "<dBR/dq2>(B+->Kmumu)[{},{}]"
        keys = ("value", "sm", "measured", "error_plus", "error_minus", "error_theory", "error")
        return [
            {"observable": name.format(k, k + 1), "measurement": "mine", **dict.fromkeys(keys, 2e-8), "pull": 0.5, "sm_pull": 2.0}
            for k in (1, 2, 3)
        ]

    def fingerprint(self):
        priors = {n: p.describe() for n, p in self.priors.items()}
        return {"model": "deft44", "data": self.vintage, "data_hash": self.hash, "fixed": {}, "priors": priors}


def posterior(like, chains=4, draws=500, **kept):
    """Draws around its minimum; ``kept``: more arguments of Posterior."""
    import numpy as np

    from fipjax.engines.sample import STATS, Posterior

    rng, shape = np.random.default_rng(0), (chains, draws)
    stats = {k: np.zeros(shape, bool if k == "diverging" else float) for k in STATS}
    stats["accept_prob"] += 0.9
    samples = {"m_V": rng.normal(7, 1, shape), "C4_bsV": 10 ** rng.normal(-7, 0.3, shape)}
    settings = {"draws": draws, "target_accept": 0.9}
    return Posterior(like.names, samples, np.zeros(shape), stats, np.ones(chains), settings, like.fingerprint(), **kept)
