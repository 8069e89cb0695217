"""What holds for every bound: finite smooth terms and gradients anywhere, one definition, a complete description."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipjax.constraints import CONSTRAINTS, Context, list_constraints
from fipjax.likelihood import build_theory
from fipjax.models import get_model

MASSES = [
    0.01, 0.1056583755, 2 * 0.1056583755, 2 * 0.000511, 0.4, 0.5, 1.0, 1.02, 2.4, 2.5, 3.0969, 3.4, 3.686, 4.0, 4.35,
    5.27934 - 0.493677, 5.27966 - 0.89555, 5.0, 5.36688, 10.0, 20.0, 79.9, 80.4, 91.1876, 150.0,
]  # fmt: skip


def _random(model: str, n: int, seed: int) -> dict:
    """n points over the whole range of the parameters, thresholds and exact zeros among them."""
    rng = np.random.default_rng(seed)
    out = {}
    for p in get_model(model).parameters:
        if p.name == "m_V":
            x = np.exp(rng.uniform(np.log(2e-3), np.log(200.0), n))
            special = rng.random(n) < 0.1
            x = np.where(special, rng.choice(MASSES, n), x)
        elif p.name == "gamma_V":
            x = np.exp(rng.uniform(np.log(1e-9), np.log(0.9), n))
        elif p.name.startswith("m_"):
            x = np.exp(rng.uniform(np.log(1e-3), np.log(10.0), n)) if p.name != "m_Phi" else np.full(n, 1000.0)
        elif p.name == "r_AV":
            x = rng.uniform(-1.0, 0.0, n)
        else:
            top = 1e-2 if p.unit == "GeV^-2" else 3.0
            x = np.exp(rng.uniform(np.log(1e-10), np.log(top), n)) * rng.choice([-1.0, 1.0], n)
            x = np.where(rng.random(n) < 0.03, 0.0, x)
            x = np.clip(x, max(p.lower, -1e30), min(p.upper, 1e30))
        out[p.name] = jnp.asarray(x)
    return out


def _check(model: str, n: int, seed: int, names, context: Context, block: int = 2048, quick: bool = True):
    def smooth(x):
        theory = build_theory(get_model(model), x, context.conventions)
        ratios, terms = {}, {}
        for name in names:
            r = CONSTRAINTS[name].ratio(theory, context)
            if r is not None:
                ratios[name] = jnp.broadcast_to(r, x["m_V"].shape)
                terms[name] = jnp.broadcast_to(CONSTRAINTS[name].log_likelihood(r), x["m_V"].shape)
        return sum(terms.values()), (ratios, terms)

    def evaluate(x):
        total, back, (ratios, terms) = jax.vjp(smooth, x, has_aux=True)
        # one backward pass: a gradient that is not finite in any term shows in their sum
        return ratios, terms, back(jnp.ones_like(total))[0]

    # a handful of blocks: compiling costs more than running
    options = {"xla_backend_optimization_level": 0} if quick and jax.default_backend() == "cpu" else None
    run = jax.jit(evaluate, compiler_options=options)
    applied: set[str] = set()
    for start in range(0, n, block):
        x = _random(model, block, seed + start)
        ratios, terms, grads = run(x)
        applied |= set(terms)

        def point(bad, x=x):
            return {k: float(v[bad][0]) for k, v in x.items()}

        for name in terms:
            bad = ~np.isfinite(np.asarray(terms[name])) | ~(np.asarray(ratios[name]) >= 0.0)
            assert not bad.any(), (name, point(bad))
        for p, g in grads.items():
            bad = ~np.isfinite(np.asarray(g))
            assert not bad.any(), (p, point(bad))
    return applied


SLOW = {"relic_density", "relic_density_measured"}  # a Boltzmann equation for each point: tests/kernels/test_relic.py


EXPECTED = {
    "deft": {"Bs_mixing", "BKinv_babar", "Z_4mu", "g2_bound", "W_universality"},
    "split": {"Bs_mixing", "BKinv_babar", "Z_4mu", "g2_bound", "W_universality"},
    "dark_z": {"Kmunu_inv", "Kpi_inv_na62", "weak_charge_cs", "trident_ccfr", "dp_prompt", "W_width", "Bs_mumu", "K_mixing"},
}


@pytest.mark.parametrize("model", ["deft", "split", "dark_z"])
def test_finite(model):
    names = [c.name for c in list_constraints() if c.name not in SLOW]
    assert EXPECTED[model] <= _check(model, 2048, 0, names, Context("latest"))


@pytest.mark.validate
@pytest.mark.parametrize("conventions", ["default", "as_printed"])
@pytest.mark.parametrize("model", ["deft", "split", "dark_z"])
@pytest.mark.parametrize("vintage", ["2021", "latest"])
def test_finite_at_a_million_points(model, vintage, conventions):
    names = [c.name for c in list_constraints() if c.name not in SLOW]
    _check(model, 1_000_000, 10, names, Context(vintage, conventions), 16384, quick=False)


def test_descriptions():
    for c in list_constraints():
        assert all((c.name, c.latex, c.description, c.source, c.cl, c.applies, c.group)), c.name
        assert c.softness > 0 and c.strength > 0
        # the mask and the smooth term agree on the border of what is allowed
        if c.kind == "limit":
            assert float(c.log_likelihood(jnp.array(0.99))) == 0.0 > float(c.log_likelihood(jnp.array(1.2)))
        else:
            edge = -0.5 * (c.strength**2 if c.kind == "gaussian" else c.strength)
            assert float(c.log_likelihood(jnp.array(1.0))) == pytest.approx(edge)
