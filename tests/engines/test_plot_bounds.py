"""Exclusion plots: layers are the constraints' own ratios, parameters can be tied to the axes, mistakes are named."""

import numpy as np
import pytest

import fipjax
from fipjax.errors import InputError

AXES = (("m_V", 0.1, 20.0), ("C4_mumuV", 1e-4, 1.0))


def test_layers_are_the_ratios():
    names = ["g2_bound", "W_width", "Z_4mu", "perturbativity"]
    fig = fipjax.plot_bounds("deft44", *AXES, {"gamma_V": 0.3, "C4t_mumuV": 0.0}, constraints=names, data="2021", points=24)
    point = {"m_V": 0.1, "gamma_V": 0.3, "C4_mumuV": 1.0, "C4t_mumuV": 0.0}
    want = fipjax.predict("deft44", point, [], constraints=names, data="2021").constraints
    for name in names:
        assert fig.ratios[name].shape == (24, 24)
        # first column: smallest mass; last row: largest coupling
        assert fig.ratios[name][-1, 0] == pytest.approx(want[name]["ratio"], rel=1e-6)
    labels = [t.get_text() for t in fig.legends[0].get_texts()]
    # nothing is excluded by perturbativity below a coupling of 1
    assert len(labels) == 3


def test_tied_parameters():
    fixed = {"gamma_V": 0.3, "C4t_mumuV": lambda p: -0.44 * p["C4_mumuV"]}
    fig = fipjax.plot_bounds("deft44", *AXES, fixed, constraints=["g2_bound"], data="2021", points=16)
    free = fipjax.plot_bounds("deft44", *AXES, {"gamma_V": 0.3}, constraints=["g2_bound"], data="2021", points=16)
    # the axial coupling takes Delta a_mu down by 30 at 10 GeV
    assert fig.ratios["g2_bound"][-1, -4] < 0.2 * free.ratios["g2_bound"][-1, -4]


@pytest.mark.parametrize(
    ("x", "y", "fixed", "word"),
    [
        (("m_X", 0.1, 1.0), AXES[1], {}, "m_X"),
        (("m_V", 1.0, 0.1), AXES[1], {}, "low < high"),
        (AXES[0], AXES[0], {}, "two parameters"),
        (AXES[0], AXES[1], {"C4": 1.0}, "C4"),
    ],
)
def test_mistakes_are_named(x, y, fixed, word):
    with pytest.raises(InputError, match=word):
        fipjax.plot_bounds("deft44", x, y, fixed)


def test_total_width_of_complete_parts_is_allowed():
    """The rest of the width is invisible: the parts add up to the whole, rounding included."""
    rng = np.random.default_rng(0)
    p = {"m_V": rng.uniform(0.3, 20, 2000), "gamma_V": rng.uniform(1e-3, 0.5, 2000), "C4_mumuV": rng.uniform(0, 0.1, 2000)}
    out = fipjax.predict("deft44", p, [], constraints=["total_width"]).constraints["total_width"]
    assert out["allowed"].all()
