"""The README's code runs as it is printed."""

import re
from pathlib import Path

import numpy as np

import fipjax

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def _block(section: str, language: str) -> str:
    part = README.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.search(rf"```{language}\n(.*?)```", part, flags=re.S)[1]


def test_a_point():
    space: dict = {}
    exec(_block("A point", "python"), space)
    assert space["pred"]["<Rmue>(B+->Kll)[1.1,6.0]"].shape == (3,)


def test_your_own_model_and_measurement(tmp_path):
    """Twenty lines make a model with the features of the built-in ones; ten a measurement."""
    exec(_block("Your own model", "python"), {})
    path = tmp_path / "mine.toml"
    path.write_text(_block("Your own measurement", "toml"))
    like = fipjax.Likelihood("my-zprime", "2021", use=["a_mu"], measurements=[path], uncertainties="none")
    assert like.dataset.observables == ("a_mu", "<dBR/dq2>(B+->Kmumu)[1.1,6.0]")
    x = {"m_Z'": 5.0, "g_bs": 1e-6, "g_mu": -0.02}
    pred = fipjax.predict("my-zprime", x, ["a_mu", "<dBR/dq2>(B+->Kmumu)[1.1,6.0]"], data="2021")
    same = fipjax.predict("deft", {"m_V": 5.0, "gamma_V": 0.1, "C4_bsV": 1e-6, "C4_mumuV": -0.02}, list(pred), data="2021")
    np.testing.assert_allclose(list(pred.values()), list(same.values()), rtol=1e-12)
    assert np.isfinite(float(like.log_prob(x)))
