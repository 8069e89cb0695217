"""The documentation site: it builds without a warning and needs no network, and what is generated says what the code does."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# what a browser loads by itself, as opposed to links that a reader follows
LOADED = re.compile(r"<(?:script|link|img|iframe|source|embed|object)\b[^>]*?\b(?:src|href|data)=[\"'](?:https?:)?//[^\"']*", re.I)


@pytest.fixture(scope="module")
def part():
    """Modules of docs/ and docs/_ext by name."""
    added = [str(DOCS), str(DOCS / "_ext")]
    sys.path[:0] = added
    yield importlib.import_module
    for path in added:
        sys.path.remove(path)


def build(target: Path, thin: bool) -> Path:
    """Build the site; a warning is an error."""
    env = {**os.environ, "FIPJAX_DOCS_THIN": "1" if thin else "0"}
    run = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", target / "trees", DOCS, target / "html"],
        capture_output=True, text=True, env=env, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-4000:]
    return target / "html"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site without plots, executed code and theme."""
    return build(tmp_path_factory.mktemp("site"), thin=True)


def check_offline(html: Path) -> None:
    pages = list(html.rglob("*.html"))
    assert len(pages) > 60
    for page in pages:
        found = LOADED.findall(page.read_text(encoding="utf-8"))
        assert not found, (page, found)
    for style in html.rglob("*.css"):
        assert not re.search(r"@import|url\([\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_site_builds_and_is_complete(site):
    """Every page of docs/, every kernel module, every command; formulas as MathML, none left as LaTeX."""
    for page in DOCS.glob("*.md"):
        assert (site / f"{page.stem}.html").exists(), page
    for module in (ROOT / "kernels" / "fipkernels").glob("[a-z]*.py"):
        text = (site / "generated" / "kernels" / f"{module.stem}.html").read_text(encoding="utf-8")
        public = re.findall(r"^(?:def|class) ([a-zA-Z]\w*)", module.read_text(encoding="utf-8"), flags=re.M)
        for name in public:
            assert f'id="fipkernels.{module.stem}.{name}"' in text, name
    physics = (site / "physics.html").read_text(encoding="utf-8")
    assert physics.count("<math") > 10 and "\\frac" not in physics and "<code>\\" not in physics
    assert 'id="fipjax-sample"' in (site / "generated" / "commands.html").read_text(encoding="utf-8")
    check_offline(site)


def test_reference_has_every_public_name(site, part):
    api = part("generate_api")
    text = (site / "generated" / "api.html").read_text(encoding="utf-8")
    assert "fipjax.Likelihood" in api.public()
    for name in api.public() | {"fipjax.errors.MissingDependency"}:
        assert f'id="{name}"' in text, name


def test_approximations_quote_the_code(site):
    text = (site / "approximations.html").read_text(encoding="utf-8")
    assert "two loops and the interference" in text.lower() and "@approximations@" not in text


def test_docstrings_become_markup(part):
    """A modulus is no substitution, f_+ no reference, an indented formula a literal block, a list a list."""
    convert = part("plain_docstrings").convert
    lines = ["|C9|^2 of f_+(q^2) and *x*, `name`, ``code_``:", "", "    a_ = b * c", "", "* one |x|", "  goes on", "* two"]
    out = convert(lines)
    assert out[0] == r"\|C9\|^2 of f\_+(q^2) and \*x\*, `name`, ``code_``:"
    assert out[2:5] == ["::", "", "   a_ = b * c"]
    assert r"* one \|x\| goes on" in out and "* two" in out
    fields = convert(["Parameters", "----------", "model: name or Model.", "use, drop: patterns", "of names."])
    assert fields[0] == ".. rubric:: Parameters"
    assert "* ``model``: name or Model." in fields and "* ``use``, ``drop``: patterns of names." in fields


def test_formulas_become_mathml(part):
    mathml = part("mathml").mathml
    text = mathml(r"\frac{x^2}{8\pi^2}\left[g_V^2F(x)\right]", "block")
    assert text.startswith("<math") and "<mfrac>" in text and 'display="block"' in text
    with pytest.raises(ValueError, match="not known"):
        mathml(r"\notacommand{x}")


def test_citations(part):
    """An equation belongs to the paper right behind it, else to the last one before it, else to the module's."""
    source = part("source_index")
    assert source.expand("(2.5), (2.6) and (3.1)-(3.3)") == ["2.5", "2.6", "3.1", "3.2", "3.3"]
    assert source.expand("A.30 to A.32") == ["A.30", "A.31", "A.32"]
    assert source.citations("eq. (4.13) of x", "2106.12582") == [("2106.12582", "4.13")]
    text = "arXiv:2002.11150 eq. (10); the factor of eq. (11), as in arXiv:2106.12582 eq. (3.14)"
    assert source.citations(text) == [("2002.11150", "10"), ("2002.11150", "11"), ("2106.12582", "3.14")]
    assert source.citations("eqs. 3.29-3.30 of 1410.2115", "2106.12582") == [("1410.2115", "3.29"), ("1410.2115", "3.30")]
    assert source.citations("arXiv:2106.12582 eq. (4.11), 2210.15662 eqs. (4.40), (5.4)")[1:] == [
        ("2210.15662", e) for e in ("4.40", "5.4")
    ]
    assert source.citations("no number here (0.5), nor Table 1", "2106.12582") == []


def test_equation_index(part):
    """Functions and tests that are known, and no equation of the five papers without a test."""
    equations = part("generate_equations")
    rows = equations.rows()
    vector = next(i for i in rows["2106.12582"]["4.13"] if i.name == "fipkernels.g2.vector")
    assert "kernels/test_g2.py" in vector.tests
    assert "fipkernels.deft_matching.c4_from_mixing" in {i.name for i in rows["2106.12582"]["3.13"]}
    assert any(i.name == "fipjax.constraints.bs._mixing" for i in rows["2210.15662"]["4.3"])
    # how many equations the docstrings cite: fewer means that citations or the parser broke
    least = {"2106.12582": 33, "2002.11150": 18, "2210.15662": 48, "2105.07655": 11, "2103.13991": 7}
    for paper, n in least.items():
        assert len(rows[paper]) >= n, (paper, sorted(rows[paper]))
        untested = [e for e, items in rows[paper].items() if not any(i.tests for i in items)]
        assert not untested, (paper, untested)


def test_gallery_has_every_picture(part):
    gallery = part("generate_gallery")
    elsewhere = {"demo_posterior.png", "nuisance64.png", "constant_c9.png"}
    papers = re.compile(r"(fig\d|split_|dark_z_|t3r_|muoquark_|light_scalar_).*\.png")
    there = {p.name for p in DOCS.glob("*.png") if papers.match(p.name)}
    assert gallery.listed() == there - elsewhere
    for paper in gallery.GALLERY:
        assert (DOCS / paper.page).exists()
        for e in paper.entries:
            assert bool(e.picture) == bool(e.script)
            assert e.picture is None or (ROOT / "examples" / e.script.split()[0]).exists(), e.script


def test_plots_are_of_functions_that_exist(part):
    plots = part("kernel_plots").PLOTS
    items = part("source_index").index()
    named = [f for p in plots for f in p.functions]
    assert len(named) == len(set(named)) > 120
    for name in named:
        assert f"fipkernels.{name}" in items, name
    mathml = part("mathml").mathml
    for plot in plots:
        assert set(plot.latex) <= set(plot.functions)
        for latex in plot.latex.values():
            assert mathml(latex).startswith("<math")


def test_one_plot(part, tmp_path):
    plot = next(p for p in part("kernel_plots").PLOTS if p.functions[0] == "g2.vector")
    part("generate_kernels").draw(plot, tmp_path / "g2.png")
    assert (tmp_path / "g2.png").read_bytes().startswith(b"\x89PNG")


def test_run_blocks(part):
    """Blocks share their names; printed text and the value of the last line are kept apart."""
    execute = part("run_code").execute
    space: dict = {}
    assert execute("x = 2\nprint('two')", space, "page") == ("two\n", None)
    assert execute("x + 1", space, "page") == ("", 3)
    blocks = part("run_code").blocks(DOCS / "tutorial.md")
    assert len(blocks) >= 8
    for block in blocks:
        compile(block, "tutorial.md", "exec")


@pytest.mark.parametrize("name", ["g2.axial", "leptoquarks.g2_f"])
def test_stored_accuracy_of_kernels(part, name):
    """A sixth of the grid, against docs/validation.json: no worse than stored, but for other rounding (a factor of 4)."""
    import json

    validation = part("generate_validation")
    stored = {r["name"]: r for r in json.loads(validation.STORE.read_text(encoding="utf-8"))["kernels"]["result"]}
    now = validation.measure(next(k for k in validation.kernels_table() if k.name == name), every=6)
    assert 0.0 < now["value"] <= 4.0 * stored[name]["value"] + 1e-15
    assert now["slope"] <= 4.0 * stored[name]["slope"] + 1e-15
    assert max(r["value"] for r in stored.values() if "approximate" not in r["name"]) < 1e-9


def test_stored_numbers_of_papers(part):
    """The quick ones again: the same number to 1e-8 (grids of 64 points, six times over, are good to 1e-9), and the same list."""
    import json

    validation = part("generate_validation")
    stored = json.loads(validation.STORE.read_text(encoding="utf-8"))["papers"]["result"]
    assert [r["what"] for r in stored] == [c.what for c in validation.checks()]
    kept = {r["what"]: r["here"] for r in stored}
    for r in validation.papers(slow=False):
        assert r["here"] == pytest.approx(kept[r["what"]], rel=1e-8), r["what"]


def test_stored_samplers_agree(part):
    """Means within four of their errors, widths within 10 % (effective sizes above 800: 2.5 %), log Z within four errors."""
    import json

    validation = part("generate_validation")
    data = json.loads(validation.STORE.read_text(encoding="utf-8"))["samplers"]["result"]
    exact, *others = data["rows"]
    assert {r["method"] for r in others} == {"NUTS", "tempered SMC", "emcee"}
    for r in others:
        assert r.get("ok", True) and r["error_of_mean"] < 0.06, r["method"]
        for name in data["names"]:
            assert abs(r[name]["mean"] - exact[name]["mean"]) < 4.0 * r["error_of_mean"] * exact[name]["sd"], (r["method"], name)
            assert r[name]["sd"] == pytest.approx(exact[name]["sd"], rel=0.1), (r["method"], name)
    smc = next(r for r in others if r["method"] == "tempered SMC")
    assert abs(smc["log_z"] - exact["log_z"]) < 4.0 * smc["log_z_error"]
    assert data["fit"]["chi2"] <= data["fit"]["grid_chi2"]


@pytest.mark.validate
def test_whole_site(tmp_path):
    """With the tutorial executed, plots and theme; nothing is loaded from elsewhere."""
    html = build(tmp_path, thin=False)
    check_offline(html)
    tutorial = (html / "tutorial.html").read_text(encoding="utf-8")
    assert tutorial.count("<img") >= 2 and "verdict: ok" in tutorial


@pytest.mark.validate
def test_page_on_stores_runs(tmp_path, monkeypatch):
    """Its blocks, on results made here."""
    import fipjax

    monkeypatch.chdir(tmp_path)
    like = fipjax.Likelihood("deft44", "2021", "none", use=["BR(Bs->mumu)", "a_mu", "LHCb:2103.11769"], draws=100, region="high")
    grid = {n: {"min": 1e-3, "max": 1e-2, "n": 2} for n in like.names}
    grid |= {"m_V": {"min": 2.0, "max": 20.0, "n": 3}, "C4_mumuV": {"min": -0.1, "max": -1e-3, "n": 2}}
    fipjax.scan(like, grid, out="scan.zarr", progress=False)
    fipjax.fit(like, starts=16, progress=False).save("fit.json")
    fipjax.sample(like, chains=2, warmup=100, draws=100, progress=False).save("posterior.nc")
    fipjax.profile(like, {"m_V": {"min": 2.0, "max": 20.0, "n": 5}}, progress=False).save("profile.nc")
    space: dict = {"fipjax": fipjax}
    for block in re.findall(r"```python\n(.*?)```", (DOCS / "stores.md").read_text(encoding="utf-8"), flags=re.S):
        if ".plot()" not in block:  # needs a display
            exec(block, space)
    assert space["inside"] >= 0 and space["scan"].complete
