"""Constant C9, and C9 = -C10, against the data of 2021 and the latest: the fits of 2021 (quoted in arXiv:2106.12582, chapter 4)
and what the R_K(*) of 2022 changed.  The example's own code, on the measurements that decide.

The published fits knew the rate of B -> K mu mu to 17 per cent; the form factors that ship with fipjax (of 2023) give 6.5 per
cent, and
then the branching fractions pull C9 beyond -1.  Here the form factors have the errors of 2021.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from load_example import load_example

import fipjax
from fipjax.hadronic import default_inputs

COMMON = [
    "LHCb:1403.8044:B+->Kmumu",
    "LHCb:1606.04731",
    "LHCb:2003.04831:S",
    "CMS:1507.08126",
    "Belle:1908.01848:R_K",
    "BR(Bs->mumu)",
]
RATIOS = {"2021": ["LHCb:2103.11769", "LHCb:1705.05802"], "latest": ["LHCb:2212.09152"]}


@pytest.fixture(scope="module")
def example():
    return load_example("constant_c9")


@pytest.fixture(scope="module")
def likes():
    """One likelihood per vintage, with C9 and C10 free; both fits are lines in their plane."""
    new = default_inputs()
    errors = {n: (float(new.value[i]), 2.6 * float(new.sigma[i])) for i, n in enumerate(new.names) if n.startswith("B->K BSZ")}
    inputs = new.replace(**errors)
    return {v: fipjax.Likelihood("wet", v, use=[*COMMON, *RATIOS[v]], inputs=inputs, draws=400) for v in RATIOS}


@pytest.fixture(scope="module")
def fits(example, likes):
    def line(like, c10):
        return example.curve(lambda x: like.chi2({"C9_bsmumu": x, "C10_bsmumu": c10 * x}), like.sm_chi2())

    return {(v, name): line(like, c10) for v, like in likes.items() for name, c10 in (("C9", 0.0), ("C9=-C10", -1.0))}


@pytest.mark.parametrize("name", ["C9", "C9=-C10"])
def test_2021(example, fits, name):
    """More than four sigma from the Standard Model, one sigma interval inside the published two sigma range."""
    r = fits["2021", name]
    low, high = example.FITS[name][4]
    assert r["pull"] > 4
    assert low < r["interval"][1][0] < r["best"] < r["interval"][1][1] < high
    # the published range and ours overlap over most of either
    a, b = r["interval"][2]
    assert min(b, high) - max(a, low) > 0.6 * max(b - a, high - low)


def test_latest_ratios_take_support_from_left_handed_muons(fits):
    """R_K and R_K* compatible with one: C9 = -C10 loses more than C9 alone."""
    loss = {n: fits["2021", n]["pull"] - fits["latest", n]["pull"] for n in ("C9", "C9=-C10")}
    assert loss["C9=-C10"] > loss["C9"] > 0
    assert fits["latest", "C9=-C10"]["pull"] < 0.75 * fits["2021", "C9=-C10"]["pull"]
    assert abs(fits["latest", "C9=-C10"]["best"]) < 0.7 * abs(fits["2021", "C9=-C10"]["best"])


def test_model_of_the_example(example):
    """The one-parameter model of the example is C9 = -C10."""
    theory = example.LEFT.build({"C": jnp.array([-0.4, 0.1])})
    np.testing.assert_array_equal(theory.wc["C9_bsmumu"], [-0.4, 0.1])
    np.testing.assert_array_equal(theory.wc["C10_bsmumu"], [0.4, -0.1])
    assert example.LEFT.parameter_names == ("C",)


def test_intervals_of_a_parabola(example):
    r = example.curve(lambda x: 3.0 + ((x + 0.4) / 0.1) ** 2, 19.0)
    assert r["best"] == pytest.approx(-0.4, abs=1e-6) and r["chi2"] == pytest.approx(3.0, abs=1e-6)
    assert r["interval"][1] == pytest.approx((-0.5, -0.3), abs=1e-4)
    assert r["interval"][2] == pytest.approx((-0.6, -0.2), abs=1e-4)
    assert r["pull"] == pytest.approx(4.0)
