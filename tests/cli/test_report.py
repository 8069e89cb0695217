"""The report page: complete, self-contained, escaped; and the mistakes that are named."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import stand_in
from stand_in import StandIn

import fipjax
from fipjax.cli import main
from fipjax.errors import InputError
from fipjax.report import collect, render, write_report

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:arviz"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:arviz"),
]
EVIL = "</td><script>alert('x')</script>&\"'"
LHCB = "LHCb:1403.8044:B+->Kmumu"
VOID = {"meta", "input", "br", "image", "path", "use"}


class Page(HTMLParser):
    """What is in a page, and whether its tags match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.words, self.scripts = [], [], [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] in ("script", "style") else self.words).append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


class Like(StandIn):
    """With pulls and a fingerprint that a page has to escape."""

    def pulls(self, x):
        def one(observable, measurement, value, sm, measured, error):
            keys = ("error_plus", "error_minus", "error_theory", "error")
            pulls = {"pull": (value - measured) / error, "sm_pull": (sm - measured) / error}
            numbers = {"value": value, "sm": sm, "measured": measured, **dict.fromkeys(keys, error)}
            return {"observable": observable, "measurement": measurement, **numbers, **pulls}

        rows = [one(f"<dBR/dq2>(B+->Kmumu)[{k}.0,{k + 1}.0]", LHCB, 2.6e-8, 3.5e-8, 2.5e-8, 2e-9) for k in (1, 2, 3)]
        return [*rows, one("BR(Bs->mumu)", EVIL, 3.1e-9, 3.7e-9, 3.0e-9, 3e-10)]

    def fingerprint(self):
        fixed = {"gamma_V": 0.05, "C4_mumuV": -0.02, "C4t_mumuV": 0.0}
        return {
            **super().fingerprint(), "fixed": fixed, "uncertainties": "fixed", "constraints": ["perturbativity"],
            "version": "0.1.0", "note": EVIL,
        }  # fmt: skip


def posterior(like, divergent=0):
    about = {"m_V": {"latex": "m_V", "unit": "GeV"}, "C4_bsV": {"latex": r"C_4^{bsV}", "unit": ""}}
    out = stand_in.posterior(like, parameters=about)
    out.stats["diverging"][0, :divergent] = True
    return out


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A fit, a scan, a good and a bad posterior, a profile."""
    folder = tmp_path_factory.mktemp("outputs")
    like = Like()
    axes = {"m_V": {"min": 3.0, "max": 12.0, "n": 9, "scale": "log"}, "C4_bsV": {"min": 1e-9, "max": 1e-5, "n": 8, "scale": "log"}}
    fipjax.scan(like, axes, out=folder / "scan.zarr", progress=False)
    fipjax.fit(like, starts=4, progress=False).save(folder / "fit.json")
    posterior(like).save(folder / "posterior.nc")
    posterior(like, 200).save(folder / "bad.nc")
    fipjax.profile(like, {"m_V": 5}, starts=2, progress=False).save(folder / "profile.nc")
    return SimpleNamespace(folder=folder, **{n: folder / f for n, f in (
        ("fit", "fit.json"), ("scan", "scan.zarr"), ("posterior", "posterior.nc"), ("bad", "bad.nc"), ("profile", "profile.nc")
    )})  # fmt: skip


@pytest.fixture(scope="module")
def page(files):
    """A full page, everything computed."""
    from fipjax import constraints

    results = collect([files.scan, files.posterior, files.fit, files.profile])
    with pytest.MonkeyPatch.context() as patch:
        # four bounds compile faster than all
        few = ["g2_bound", "W_width", "Z_4mu", "perturbativity"]
        patch.setattr("fipjax.prediction._constraints.choose", lambda which: choose(few if which == "all" else which))
        choose = constraints.base.choose
        text = render(results)
    return SimpleNamespace(text=text, html=Page(text), results=results)


def test_everything_is_there(page, files):
    fit = fipjax.load_fit(files.fit)
    text = page.html.text
    for word in (
        "Best fit",
        "Bounds at the best point",
        "Figures",
        "Pulls",
        "Posterior",
        "Profile",
        "What was run",
        "arXiv:2106.12582",
    ):
        assert word in text, word
    assert f"{fit.delta_chi2:.2f}" in text and f"{fit.chi2:.2f}" in text
    sections = [a["id"] for t, a in page.html.tags if t == "section"]
    targets = [
        a["href"][1:] for t, a in page.html.tags if t == "a" and a.get("href", "").startswith("#") and a["href"] != "#content"
    ]
    assert targets == sections and sections[0] == "fit" and sections[-1] == "run"
    # one row per measurement, with its publication to open
    rows = [a for t, a in page.html.tags if t == "tr" and "data-size" in a]
    assert len(rows) == 4 and "LHCb 1403.8044" in text
    assert float(rows[0]["data-size"]) == pytest.approx(5.0)


def test_nothing_is_fetched(page):
    for tag, attrs in page.html.tags:
        for key in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            value = attrs.get(key)
            if value is None or value.startswith(("#", "data:")):
                continue
            # a paper is opened by a click, never by the page
            assert tag == "a" and re.fullmatch(r"https://arxiv\.org/abs/[\w.-]+(/\d+)?", value), (tag, value)
    assert not {"link", "iframe", "object", "embed", "base"} & {t for t, _ in page.html.tags}
    css = "".join(page.html.scripts)
    assert "@import" not in css and not re.search(r"url\((?!#)", page.text)
    assert "fetch(" not in css and "XMLHttpRequest" not in css
    # a few megabytes at most, with every kind of picture
    assert len(page.text) < 3e6


def test_the_policy_allows_our_script_only(page):
    policy = next(a["content"] for t, a in page.html.tags if t == "meta" and "Content-Security-Policy" in a.values())
    script = re.search(r"<script>(.*?)</script>", page.text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy and "default-src 'none'" in policy and "unsafe-inline'; img-src" in policy


def test_what_users_write_is_text(page):
    assert "alert('x')" in page.html.text  # shown
    executable = [a for t, a in page.html.tags if t == "script"]
    assert sum("type" not in a for a in executable) == 1
    assert EVIL not in page.text


def test_ids_are_unique_and_references_resolve(page):
    ids = page.html.ids
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:xlink:href|href)="#([^"]+)"', page.text) + re.findall(r"url\(#([^)]+)\)", page.text)
    assert used and not set(used) - set(ids)


def test_bounds_can_be_switched_and_read(page):
    switches = {a["data-toggle"] for t, a in page.html.tags if t == "input" and "data-toggle" in a}
    layers = {a["data-layer"] for _, a in page.html.tags if "data-layer" in a}
    bounds = {s for s in switches if s.startswith("bound:")}
    assert bounds and bounds <= layers and layers <= switches
    data = [json.loads(s) for s in re.findall(r'<script type="application/json">(.*?)</script>', page.text, re.S)]
    (plane,) = (d for d in data if "cells" in d)
    n = plane["cells"]["n"]
    assert {f"bound:{b}" for b in plane["cells"]["bounds"]} == bounds
    # the read-out of one cell is the bound's own verdict there
    rng = np.random.default_rng(1)
    best, _ = page.results.best
    for name, code in list(plane["cells"]["bounds"].items())[:3]:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(code), np.uint8)).reshape(n, n)
        agree = []
        for i, j in rng.integers(2, n - 2, (6, 2)):
            if len(set(bits[i - 2 : i + 3, j - 2 : j + 3].ravel())) > 1:
                continue  # on the border
            value = {}
            for axis, k in (("x", j), ("y", i)):
                a = plane[axis]
                low, high = np.log([a["low"], a["high"]])
                value[a["name"]] = a["sign"] * np.exp(low + (k + 0.5) / n * (high - low))
            got = fipjax.predict("deft44", {**best, **value}, [], data="2021", constraints=[name]).constraints[name]["ratio"]
            agree.append(bool(bits[i, j]) == (got > 1.0))
        assert all(agree)


def test_spectra_are_read_in_the_customary_unit(page):
    data = [json.loads(s) for s in re.findall(r'<script type="application/json">(.*?)</script>', page.text, re.S)]
    (spectrum,) = (d for d in data if "bins" in d)
    assert [b["low"] for b in spectrum["bins"]] == [1.0, 2.0, 3.0]
    assert spectrum["bins"][0]["measured"] == pytest.approx(2.5) and spectrum["y"]["unit"] == "1e-8 GeV^-2"
    assert len(spectrum["curve"]["q2"]) == len(spectrum["curve"]["value"]) > 50


def test_a_bad_posterior_is_called_bad(files):
    text = Page(render(collect([files.bad]), compute=False)).text
    assert "Do not rely on this posterior" in text and "200 divergences" in text and "NOT OK" in text
    assert "Do not rely" not in Page(render(collect([files.posterior]), compute=False)).text


def test_a_run_file_finds_its_outputs(files, tmp_path, monkeypatch, capsys):
    run = files.folder / "run.toml"
    run.write_text(f'[model]\nname = "deft44"\n[data]\nvintage = "2021"\nconventions = "as_printed"\nuse = [{json.dumps(EVIL)}]\n')
    monkeypatch.chdir(tmp_path)
    results = collect([run])
    assert {r.kind for r in results.results} == {"fit", "scan", "posterior", "profile"} and results.conventions == "as_printed"
    assert main(["report", str(run), str(files.fit), "--fast", "--title", "<i>mine</i>"]) == 0
    assert capsys.readouterr().out.strip() == "report.html"
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "<i>mine</i>" in page.text and "<i>mine" not in text and "as_printed" in page.text
    assert not any("cells" in s for s in page.scripts if s.startswith("{"))
    run.unlink()


def test_the_page_does_not_vary(files):
    one, two = (render(collect([files.fit, files.scan]), compute=False) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "no file"),
        (["nothing.json"], "no such file"),
        (["fit.json", "-o", "x.pdf"], "ends in .html"),
        (["fit.json", "-o", "nowhere/x.html"], "not a directory"),
        (["fit.json", "--plane", "m_V"], "X,Y"),
        (["fit.json", "--plane", "m_V,C4_bsW"], "did you mean 'C4_bsV'"),
        (["fit.json", "--plane", "m_V,m_V"], "two different"),
        (["fit.json", "other.json"], "data_hash = 'abc', other.json has 'other'"),
        (["a.toml", "b.toml"], "2 run files"),
        (["other.toml", "fit.json"], "data = '2021', other.toml has 'latest'"),
        (["other.toml"], "did not find"),
    ],
)
def test_mistakes_are_named(files, tmp_path, monkeypatch, args, words, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "other"):
        (tmp_path / f"{name}.toml").write_text('[model]\nname = "deft44"\n')
    if "fit.json" in args:
        (tmp_path / "fit.json").write_bytes(files.fit.read_bytes())
    if "other.json" in args:
        fit = fipjax.load_fit(files.fit)
        fit.fingerprint = {**fit.fingerprint, "data_hash": "other"}
        fit.save(tmp_path / "other.json")
    words = "no output of other.toml" if words == "did not find" else words
    if not args:
        with pytest.raises(InputError, match=words):
            write_report([])
        return
    assert main(["report", *args, "--fast"]) == 2
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("fipjax: error:") and words in line


MINE = """
import jax.numpy as jnp
from fipjax import Theory, VectorMediator
from fipjax.priors import LogFlat


class Mine:
    "a vector of mine"
    parameters = {
        "m_V": dict(unit="GeV", prior=LogFlat(3.0, 12.0)),
        "C4_bsV": dict(prior=LogFlat(1e-9, 1e-5)),
        **{n: dict(default=0.0) for n in ("gamma_V", "C4_mumuV", "C4t_mumuV")},
    }

    def theory(p):
        return Theory(mediators=(VectorMediator(p["m_V"], 0.1 * p["m_V"], bs_L=p["C4_bsV"][None]),))
"""


def test_a_model_of_ones_own(files, tmp_path, capsys):
    fit = fipjax.load_fit(files.fit)
    fit.fingerprint = {**fit.fingerprint, "model": "Mine"}
    fit.save(tmp_path / "fit.json")
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "run.toml").write_text('[model]\nname = "mine.py:Mine"\n[data]\nvintage = "2021"\n')
    (tmp_path / "gone.toml").write_text('[model]\nname = "gone.py:Mine"\n[data]\nvintage = "2021"\n')
    # nobody says where the model is: the page is made without it, and says what to do
    unknown = collect([tmp_path / "fit.json"])
    assert unknown.model is None
    text = Page(render(unknown)).text
    assert "--model FILE.py:NAME" in text and "Best fit" in text and "Bounds at the best point" not in text
    # a run file whose model is gone
    assert "cannot read" in Page(render(collect([tmp_path / "gone.toml", tmp_path / "fit.json"]), compute=False)).text
    # the run file, or the option
    for found in (collect([tmp_path / "run.toml"]), collect([tmp_path / "fit.json"], model=str(tmp_path / "mine.py") + ":Mine")):
        assert found.require_model().name == "Mine"
        assert "a vector of mine" in Page(render(found, compute=False)).text
    out = str(tmp_path / "page.html")
    assert main(["report", str(tmp_path / "fit.json"), "--model", f"{tmp_path}/mine.py:Yours", "--fast", "-o", out]) == 2
    assert "Yours" in capsys.readouterr().err


def test_what_the_bounds_add_is_said(files, tmp_path):
    fit = fipjax.load_fit(files.fit)
    fit.chi2 = -2.0 * fit.log_prob - 1.5
    fit.save(tmp_path / "fit.json")
    assert "the bounds add 1.50" in Page(render(collect([tmp_path / "fit.json"]), compute=False)).text


@pytest.mark.parametrize(
    "odd",
    [{"fixed": {"gamma_V": ["a", "b"]}}, {"priors": {"m_V": {"prior": "flat", "min": "a"}}}, {"constraints": 3}, {"data": ["x"]}],
)
def test_an_odd_fingerprint_is_no_obstacle(files, tmp_path, odd):
    fit = fipjax.load_fit(files.fit)
    fit.fingerprint = {**fit.fingerprint, **odd}
    fit.save(tmp_path / "fit.json")
    assert "Best fit" in Page(render(collect([tmp_path / "fit.json"]), compute=False)).text
