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
    space: dict = {}
    exec(_block("Your own model", "python"), space)
    path = tmp_path / "mine.toml"
    path.write_text(_block("Your own measurement", "toml"))
    like = fipjax.Likelihood(space["LightZ"], "2021", use=["a_mu"], measurements=[path], uncertainties="none")
    assert like.dataset.observables == ("a_mu", "<dBR/dq2>(B+->Kmumu)[1.1,6.0]")
    x = {"m_Zp": 8.0, "g_bs": 1e-6, "g_mu": -0.02}
    pred = fipjax.predict(space["LightZ"], x, ["a_mu", "<dBR/dq2>(B+->Kmumu)[1.1,6.0]"], data="2021")
    # 5 % of the mass, and the width to muons
    gamma = 0.05 + float(space["widths"].vector_to_fermions(8.0, space["M_MU"], -0.02, 0.0)) / 8.0
    same = fipjax.predict("deft", {"m_V": 8.0, "gamma_V": gamma, "C4_bsV": 1e-6, "C4_mumuV": -0.02}, list(pred), data="2021")
    np.testing.assert_allclose(list(pred.values()), list(same.values()), rtol=1e-12)
    # visible and invisible decays are searched for
    bounds = fipjax.predict(space["LightZ"], x, [], data="2021", constraints=["BKinv_babar", "BKV_mumu_lhcb"]).constraints
    assert all(0.0 < b["ratio"] for b in bounds.values()) and len(bounds) == 2
    assert np.isfinite(float(like.log_prob(x)))


def test_every_key_of_a_run_file_is_explained():
    from fipjax.runfile import PRIOR_KEYS, SECTIONS

    page = (Path(__file__).parents[2] / "docs" / "runfile.md").read_text(encoding="utf-8")
    parts = {m[1].split(".")[0]: m[2] for m in re.finditer(r"^## `\[(\w+)\](.*?)(?=^## |\Z)", page, flags=re.M | re.S)}
    for section, keys in SECTIONS.items():
        text = parts["model" if section == "parameters" else section]
        missing = [k for k in (PRIOR_KEYS if section == "parameters" else keys) if f"`{k}`" not in text]
        assert not missing, (section, missing)
