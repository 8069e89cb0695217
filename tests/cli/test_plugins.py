"""Models, observables, bounds and measurements in files of the user; docs/own_model.md runs as it is printed."""

import importlib
import json
import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from command_line import run

import fipjax
from fipjax import plugins
from fipjax.constraints import CONSTRAINTS
from fipjax.engines.source import local_modules
from fipjax.errors import InputError
from fipjax.models import MODELS, get_model
from fipjax.models.base import Model
from fipjax.observables import FAMILIES
from fipjax.observables.base import GROUPS
from fipjax.runfile import load_run
from fipkernels import widths

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "own_model.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", DOC, flags=re.S)
POINT = {"m_Zp": 5.0, "g_bs": 1e-6, "g_mu": -0.02}
OBSERVABLES = ["a_mu", "BR(Bs->mumu)"]


@pytest.fixture(autouse=True)
def clean():
    """What a test registers does not stay."""
    tables = (MODELS, FAMILIES, GROUPS, CONSTRAINTS)
    before = [dict(t) for t in tables]
    yield
    for t, b in zip(tables, before, strict=True):
        t.clear()
        t.update(b)
    plugins._LOADED.clear()
    plugins.COMMAND_LINE.clear()
    plugins._forget_compiled()


@pytest.fixture
def files(tmp_path, monkeypatch):
    """mymodel.py, mine.py and run.toml of the documentation, in the working directory."""
    model = next(b for b in PYTHON if b.startswith("# mymodel.py"))
    mine = "\n".join(b for b in PYTHON if b.startswith("# mine.py"))
    run = re.search(r"```toml\n(# run\.toml.*?)```", DOC, flags=re.S)[1]
    (tmp_path / "mymodel.py").write_text(model)
    (tmp_path / "mine.py").write_text(mine)
    for old, new in (
        (r"\[model\]", 'plugins = ["mine.py"]\n[model]'),
        ("use = .*", 'use = ["a_mu", "BR(Bs->mumu)"]'),
        ("constraints = .*", 'constraints = ["my_bound"]\nuncertainties = "none"'),
    ):
        run, found = re.subn(f"^{old}", new, run, flags=re.M)
        assert found == 1, old
    (tmp_path / "run.toml").write_text(run)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_model_of_the_documentation_is_the_shipped_one(files, capsys):
    """The same physics as deft, from the command line, by reference and by object."""
    # width: to muons (vector coupling), and 5 % of the mass to something dark
    gamma = 0.05 + float(widths.vector_to_fermions(5.0, 0.1056583755, -0.02, 0.0)) / 5.0
    same = fipjax.predict("deft", {"m_V": 5.0, "gamma_V": gamma, "C4_bsV": 1e-6, "C4_mumuV": -0.02}, OBSERVABLES)
    values = [f"{k}={v}" for k, v in POINT.items()]
    arguments = [a for v in values for a in ("--set", v)] + [a for o in OBSERVABLES for a in ("--observable", o)]
    arguments += ["--constraints", "none", "--json"]
    code, out, err = run(capsys, "predict", "--model", "mymodel.py:LightZ", *arguments)
    assert code == 0, err
    got = {k: v["value"] for k, v in json.loads(out)["observables"].items()}
    np.testing.assert_allclose([got[o] for o in OBSERVABLES], list(same.values()), rtol=1e-12)
    thing = plugins.load_object("mymodel.py:LightZ")[0]
    for model in ("mymodel.py:LightZ", "mymodel.py", thing, thing()):
        pred = fipjax.predict(model, POINT, OBSERVABLES)
        np.testing.assert_allclose(list(pred.values()), list(same.values()), rtol=1e-12)
    # a parameter without a default is asked for by name
    with pytest.raises(InputError, match="'g_bs' of model 'LightZ' is missing"):
        fipjax.predict("mymodel.py:LightZ", {"m_Zp": 5.0}, "a_mu")
    code, out, err = run(capsys, "models", "--model", "mymodel.py:LightZ", "--json")
    (entry,) = json.loads(out)
    assert entry["name"] == "LightZ" and entry["priors"]["g_mu"]["sign"] == -1
    assert [p["required"] for p in entry["parameters"]] == [True, True, True]


def test_run_file_with_own_everything(files, capsys, monkeypatch):
    """Paths are relative to the run file; measurement, observable and bound of the plugin are in the likelihood and its record."""
    monkeypatch.chdir("/")
    described = load_run(files / "run.toml")
    like = described.likelihood()
    assert like.dataset.observables[-2:] == ("<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "<Rmue>(B+->Kll)[1.1,6.0]")
    assert like.dataset.correlation[-1, -2] == 0.3
    assert [c.name for c in like.constraints] == ["my_bound"]
    outside = {"m_Zp": 5.0, "g_bs": 1e-9, "g_mu": -0.06}
    assert not bool(like.evaluate({k: np.array([v]) for k, v in outside.items()})["allowed"][0])
    # -1/2 (ln(0.06/0.05)/0.1)^2
    want = -0.5 * (np.log(1.2) / 0.1) ** 2
    assert float(like.log_prob(outside) + 0.5 * like.chi2(outside)) == pytest.approx(want, rel=1e-9)
    grad = jax.grad(like.log_prob)(np.array([5.0, 1e-6, -0.02]))
    assert np.all(np.isfinite(grad)) and np.all(np.asarray(grad) != 0)
    record = plugins.provenance(like.model, like.constraints, ["Delta_a_e", *like.dataset.observables])["own"]
    assert set(record) == {"model", "constraint my_bound", "observable Delta_a_e"}
    assert record["model"] == like.model.source_hash != record["constraint my_bound"]
    assert plugins.provenance(get_model("deft"), [CONSTRAINTS["total_width"]], ["a_mu"]) == {}


def test_observables_of_the_documentation(files, capsys):
    code, out, err = run(
        capsys, "predict", "--plugin", "mine.py", "--model", "mymodel.py:LightZ", "--set", "m_Zp=5", "--set", "g_bs=0",
        "--set", "g_mu=-0.02",
        "--observable", "Delta_a_e", "--observable", "BR(B0->mumu)/BR(Bs->mumu)", "--observable", "a_mu",
        "--observable", "BR(B0->mumu)", "--observable", "BR(Bs->mumu)", "--constraints", "my_bound", "--json",
    )  # fmt: skip
    assert code == 0, err
    answer = json.loads(out)
    v = {k: o["value"] for k, o in answer["observables"].items()}
    sm = {k: o["sm"] for k, o in answer["observables"].items()}
    assert v["BR(B0->mumu)/BR(Bs->mumu)"] == pytest.approx(v["BR(B0->mumu)"] / v["BR(Bs->mumu)"], rel=1e-12)
    # m_e/m_mu to the digits of the inputs; the difference of two a_mu loses seven digits
    assert v["Delta_a_e"] == pytest.approx((v["a_mu"] - sm["a_mu"]) * (0.51099895e-3 / 0.1056583755) ** 2, rel=1e-6)
    assert sm["Delta_a_e"] == 0.0
    assert answer["constraints"] == {"my_bound": {"ratio": pytest.approx(0.4), "allowed": True}}
    for command, name in (("observables", "Delta_a_e"), ("constraints", "my_bound"), ("data", "my experiment")):
        code, out, err = run(capsys, command, "--plugin", "mine.py")
        assert code == 0 and name in out, err
    # the next command does not inherit the measurements of this one
    assert run(capsys, "models", "--model", "wet")[0] == 0 and plugins.COMMAND_LINE == []


def test_binned_observable_with_inputs_and_covariance(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "import fipjax\n"
        "@fipjax.observable('<W>(own)', kind='binned', q2_range=(0.0, 20.0))\n"
        "def width(theory, inputs, q2min, q2max):\n"
        "    shift = 0.0 if theory.a_mu is None else theory.a_mu\n"
        "    return inputs['f_Bs'] * (q2max - q2min) + inputs.derived['alpha_s'] * 0.0 + 1e3 * shift\n"
    )
    fipjax.load_plugins(path)
    like = fipjax.Likelihood(
        "wet", "2021", "none", use=["a_mu"], draws=400,
        measurements=[fipjax.measurement("w", {"<W>(own)[1,3]": (0.5, 0.1)})],
    )  # fmt: skip
    f, sigma = like.inputs.value[like.inputs.index("f_Bs")], like.inputs.sigma[like.inputs.index("f_Bs")]
    assert like.sm_predictions()[-1] == pytest.approx(2.0 * f, rel=1e-12)
    # 400 draws: the error of a standard deviation is 3.5 %
    assert np.sqrt(like.theory_covariance[-1, -1]) == pytest.approx(2.0 * sigma, rel=0.12)
    with pytest.raises(InputError, match="reversed"):
        fipjax.predict("wet", {}, "<W>(own)[3,1]")


def test_changed_file_replaces_what_it_registered(tmp_path):
    path = tmp_path / "own.py"
    text = "import fipjax\n@fipjax.observable('own number')\ndef f(theory, inputs):\n    return inputs['m_mu'] * 0.0 + {}\n"
    for value in (1.0, 2.0):
        path.write_text(text.format(value))
        first = fipjax.load_plugins(path)
        assert fipjax.predict("wet", {}, "own number")["own number"] == value
        assert fipjax.load_plugins(path).files[0] is first.files[0]  # unchanged: not run again
    path.write_text("import fipjax\nfipjax.nonsense()\n")
    with pytest.raises(InputError, match=r"own\.py line 2: AttributeError"):
        fipjax.load_plugins(path)
    assert fipjax.predict("wet", {}, "own number")["own number"] == 2.0  # a broken file takes nothing away


MODEL_WITH_HELPERS = """
import json, math
import numpy
from helper import shift
from tables import numbers
import fipjax
fipjax.register_model(fipjax.Model("helped", "", "", (fipjax.Parameter("s", "s", "", ""),),
    lambda p: fipjax.Theory(a_mu=shift(p["s"]) * numbers.TWO), {"s": fipjax.priors.Flat(0.0, 1e-9)}))
"""


def test_helper_modules_are_part_of_the_hash(tmp_path):
    """A store refuses a model of which a module beside it has changed; whatever else lies there does not matter."""
    model = tmp_path / "model.py"
    model.write_text(MODEL_WITH_HELPERS.replace("import fipjax", "import fipjax, fipjax.priors"))
    (tmp_path / "helper.py").write_text("def shift(s):\n    from deep import ONE\n    return s * ONE\n")
    (tmp_path / "deep.py").write_text("ONE = 1.0\n")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "numbers.py").write_text("from .more import TWO\n")
    (tmp_path / "tables" / "more.py").write_text("TWO = 2.0\n")
    (tmp_path / "numpy.pyi").write_text("")  # no module
    (tmp_path / "unused.py").write_text("x = 1\n")
    names = [p.relative_to(tmp_path).as_posix() for p in local_modules(model)]
    assert names == ["deep.py", "helper.py", "tables/more.py", "tables/numbers.py"]

    def value():
        plugins.load_plugins(model)
        point = fipjax.predict("helped", {"s": 1e-10}, ["a_mu"])
        return float(point["a_mu"] - point.sm["a_mu"])

    def like():
        plugins.load_plugins(model)
        return fipjax.Likelihood("helped", "2021", "none", use=["a_mu"], uncertainties="none")

    sys.path.insert(0, str(tmp_path))  # deep is imported when the model is used
    try:
        assert value() == pytest.approx(2e-10, rel=1e-4)  # digits of a_mu itself: 1e-3
        fipjax.scan(like(), {"s": [0.0, 1e-9]}, out=tmp_path / "s.zarr", progress=False)
        before = like().fingerprint()["own"]
        (tmp_path / "unused.py").write_text("x = 2\n")
        assert like().fingerprint()["own"] == before
        for file, text, want in (("deep.py", "ONE = 10.0\n", 2e-9), ("tables/more.py", "TWO = 40.0\n", 4e-8)):
            old = (tmp_path / file).read_text()
            (tmp_path / file).write_text(text)
            with pytest.raises(InputError, match=r"another run: own.model = .* there, .* here"):
                fipjax.scan(like(), {"s": [0.0, 1e-9]}, out=tmp_path / "s.zarr", progress=False)
            assert like().fingerprint()["own"] != before
            assert value() == pytest.approx(want, rel=1e-4), file
            if file == "tables/more.py":
                (tmp_path / file).write_text(old)
        (tmp_path / "deep.py").write_text("ONE = 1.0\n")
        assert like().fingerprint()["own"] == before
        fipjax.scan(like(), {"s": [0.0, 1e-9]}, out=tmp_path / "s.zarr", progress=False)
    finally:
        sys.path.remove(str(tmp_path))


def test_helpers_of_one_name_in_two_folders(tmp_path):
    """Each file gets the module beside it."""
    text = "import fipjax\nfrom same_name import X\n@fipjax.observable('own {}')\ndef f(t, i):\n    return i['m_mu'] * 0.0 + X\n"
    for k in (1, 2):
        folder = tmp_path / str(k)
        folder.mkdir()
        (folder / "same_name.py").write_text(f"X = {k}.0\n")
        (folder / "own.py").write_text(text.format(k))
        fipjax.load_plugins(folder / "own.py")
        assert fipjax.predict("wet", {}, f"own {k}")[f"own {k}"] == k
    sys.modules.pop("same_name")


def test_observable_and_constraint_without_a_file():
    """In a notebook: decorators at work at once; a name that is taken is refused."""

    @fipjax.observable("twice", of=["a_mu"])
    def twice(a):
        return 2.0 * a

    pred = fipjax.predict("wet", {}, ["twice", "a_mu"])
    assert pred["twice"] == 2.0 * pred["a_mu"]
    assert re.fullmatch("[0-9a-f]{16}", plugins.provenance(observables=["twice"])["own"]["observable twice"])
    with pytest.raises(InputError, match="'twice' is already registered"):
        fipjax.observable("twice", of=["a_mu"])(lambda a: a)
    with pytest.raises(InputError, match="'a_mu' is already registered"):
        fipjax.observable("a_mu")(lambda theory, inputs: 1.0)
    with pytest.raises(InputError, match="'total_width' is already registered"):
        fipjax.constraint("total_width")(lambda theory: None)
    with pytest.raises(InputError, match=r"3 arguments \(allowed: \(theory, inputs\)\)"):
        fipjax.observable("x")(lambda theory, inputs, q2: q2)
    with pytest.raises(InputError, match="unknown observable"):
        fipjax.observable("x", of=["a_muon"])(lambda a: a)
    fipjax.observable("bad")(lambda theory, inputs: np.zeros((2, 2)))
    with pytest.raises(InputError, match=r"'bad' has shape \(2, 2\)"):
        fipjax.predict("wet", {}, "bad")
    fipjax.observable("worse")(lambda theory, inputs: inputs["m_muon"])
    with pytest.raises(InputError, match="unknown input 'm_muon'; did you mean 'm_mu"):
        fipjax.predict("wet", {}, "worse")


HEAD = """
import math
import numpy as np
import jax.numpy as jnp
import fipjax
from fipjax import Model, Parameter, Theory, VectorMediator
from fipjax.priors import Flat, LogFlat
P = {"m": dict(unit="GeV", lower=0.0, prior=Flat(1.0, 2.0)), "g": dict(default=0.0, prior=Flat(-1.0, 1.0))}
def vector(p, **k):
    return Theory(mediators=(VectorMediator(p["m"], 0.1 * p["m"], **k),))
class M:
    parameters = P
"""
# body of a class, what the error names
T = "    def theory(p): "
E = T + "return Theory()\n    "
BAD = [
    ("    pass", "neither theory nor build"),
    (T + "return 3", "returned an object of type int (allowed: a fipjax.Theory)"),
    (T + "return None", "returned None"),
    (T + "return Theory(a_mu=p['x'])", "mymodel.py line 13: KeyError: 'x'"),
    (T + "return Theory(a_mu=math.sqrt(p['m']))", "jax.numpy instead of math"),
    (T + "return Theory(a_mu=np.sin(p['m']))", "use jax.numpy"),
    ("    def theory(p):\n        if p['m'] > 1: return Theory()\n        return Theory()",
     "mymodel.py line 14: ValueError: if, and, or, max on an array"),
    (T + "return Theory(a_mu=jnp.sum(p['m']))", "a_mu has shape () for B = 3 points (allowed: (B,)"),
    (T + "return Theory(a_mu=1e-9)", "a_mu has shape () for B = 3"),
    (T + "return vector(p, bs_L=p['g'])",
     "mediator 'V': bs_L has shape (3,) for B = 3 points (allowed: (K, B): stack"),
    (T + "return vector(p, mu_V=jnp.stack([p['g'] * 1j]))", "mu_V is complex"),
    (T + "return vector(p, bs_L=jnp.stack([p['g']]), lowest=(('bs', 0),))", "unknown field in mediator 'V': lowest"),
    (T + "return vector(p, bs_L=jnp.stack([p['g']]), lowest=(('bs_L', 1),))", "bs_L = 1 (allowed: an integer from 0 to 0)"),
    (T + "return vector(p, bs_L=jnp.stack([p['g'], p['g']]), lowest=(('bs_L', 1),))", "bs_L has a lower power of q^2"),
    (T + "return vector(p, lowest=1)", "lowest = 1 (allowed: pairs (field, power))"),
    (T + "return Theory(wc={'C9_bsmu': p['g']})", "unknown Wilson coefficient 'C9_bsmu'; did you mean 'C9_bsmumu'"),
    (T + "return Theory(a_mu=p['g'] / 0.0)", "a_mu is"),
    (T + "return Theory(a_mu=jnp.sqrt(0.0 * p['g']))", "the derivative of a_mu is nan"),
    ("    def theory(p, q): return Theory()\n    def build(p): return Theory()", "theory and build"),
    ("    def theory(self, p, q): return Theory()", "has 3 arguments"),
    (E + "prior = {}", "attribute 'prior'; did you mean 'priors'"),
    (E + "priors = {'mm': Flat(1, 2)}", "unknown prior of model 'M': parameter 'mm'; did you mean 'm'"),
    (E + "priors = {'m': Flat(-1.0, 2.0)}", "prior of 'm', parameter 'm' = -1 (allowed: >= 0 GeV)"),
    (E + "priors = {'m': 3}", "prior of 'm' = 3"),
    (E + "parameters = {'m': dict(unti='GeV')}", "did you mean 'unit'"),
    (E + "parameters = {}", "has no 'parameters'"),
    (E + "parameters = {'m': dict(default=-1.0, lower=0.0)}", "default of parameter 'm' = -1"),
    (E + "parameters = [Parameter('m', 'm', '', ''), Parameter('m', 'm', '', '')]", "given twice"),
    (E + "name = 'deft'", "name = 'deft' is a model of fipjax"),
    (E + "name = 3", "name = 3"),
]  # fmt: skip


@pytest.mark.parametrize("body,says", BAD)
def test_mistakes_in_a_model_are_one_line(tmp_path, capsys, body, says):
    path = tmp_path / "mymodel.py"
    path.write_text(HEAD + body + "\n")
    code, out, err = run(capsys, "predict", "--model", f"{path}:M", "--set", "m=1", "--observable", "a_mu")
    assert code == 2 and out == "" and err.count("\n") == 1
    assert err.startswith("fipjax: error: ") and says in err


BAD_FILES = [
    ("x.py:M", None, "cannot read 'x.py'"),
    ("m.py:N", "class M: parameters = {'m': {}}\n", "unknown name in m.py 'N' (allowed: M)"),
    ("m.py:Moddel", "def Model1(): pass\n", "did you mean 'Model1'"),
    ("m.py", "x = 1\n", "it has none"),
    ("m.py:M", "class M\n    pass\n", "m.py line 1: expected ':'"),
    ("m.py:M", "x = 1\nimport nonsense_module\n", "m.py line 2: ModuleNotFoundError"),
    ("m.py:M", "def f():\n    return 1 / 0\nf()\n", "m.py line 2: ZeroDivisionError"),
    ("m.py:M", "raise SystemExit('no')\n", "m.py line 1: SystemExit: no"),
    ("m.py:M", "M = 3\n", "m.py:M is an object of type int (allowed: a fipjax.Model, a class"),
    ("m.py:M", "def M(a): return a\n", "m.py:M needs arguments"),
    ("m.py:M", "def M(): return 3\n", "m.py:M() is an object of type int"),
    ("m.py:M", "def M():\n    return {}['a']\n", "m.py:M: m.py line 2: KeyError: 'a'"),
    ("m.py:M", "import fipjax\nfipjax.predict('m.py:M', {}, 'a_mu')\n", "loads itself"),
    ("m.py:M", "import fipjax\nfipjax.observable('a_mu')(lambda t, i: 1)\n", "m.py line 2: observable 'a_mu' is already"),
    ("m.txt:M", "", "unknown model 'm.txt:M'"),
]  # fmt: skip


@pytest.mark.parametrize("reference,text,says", BAD_FILES)
def test_mistakes_in_a_file_are_one_line(tmp_path, capsys, monkeypatch, reference, text, says):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path(reference.split(":")[0]).write_text(text)
    code, out, err = run(capsys, "predict", "--model", reference, "--observable", "a_mu")
    assert code == 2 and out == "" and err.count("\n") == 1 and says in err
    assert not [m for m in plugins._LOADING]


def test_mistakes_in_plugins_and_run_files(tmp_path, capsys):
    path = tmp_path / "run.toml"
    for text, says in (
        ('plugins = "mine.py"\n[model]\nname = "wet"', "plugins = 'mine.py'"),
        ('plugins = ["mine.py"]\n[model]\nname = "wet"', "cannot read"),
        ('[model]\nname = "no.py:M"', "cannot read"),
        ('[pluggins]\n[model]\nname = "wet"', "did you mean 'plugins'"),
    ):
        path.write_text(text)
        code, _, err = run(capsys, "fit", str(path), "-o", str(tmp_path / "fit.json"))
        assert code == 2 and err.count("\n") == 1 and says in err
    code, _, err = run(capsys, "observables", "--plugin", str(tmp_path / "no.txt"))
    assert code == 2 and "a Python file" in err
    with pytest.raises(InputError, match=r"measurement 'x': a_mu = 3"):
        fipjax.measurement("x", {"a_mu": 3})
    with pytest.raises(InputError, match="unknown observable 'a_muon'"):
        fipjax.measurement("x", {"a_muon": (1.0, 0.1)})


def test_what_may_stand_for_a_model(tmp_path):
    """Class, subclass of Model, object, Model, function, registered class: the same model."""
    path = tmp_path / "m.py"
    path.write_text(
        HEAD
        + "    def theory(p): return Theory(a_mu=p['g'])\n"
        + "class Sub(Model):\n    'text.'\n    parameters = P\n    def build(self, p): return Theory(a_mu=p['g'])\n"
        + "class Static:\n    parameters = P\n    build = staticmethod(lambda p: Theory(a_mu=p['g']))\n"
        + "class WithInit:\n    parameters = P\n    def __init__(self, f): self.f = f\n"
        + "    def theory(self, p): return Theory(a_mu=self.f * p['g'])\n"
        + "obj = WithInit(1.0)\n"
        + "direct = Model('direct', '', '', (Parameter('m', 'm', 'GeV', ''), Parameter('g', 'g', '', '')),\n"
        + "    lambda p: Theory(a_mu=p['g']))\n"
        + "def made(): return M\n"
        + "@fipjax.register_model\nclass Listed:\n    parameters = P\n    def theory(p): return Theory(a_mu=p['g'])\n"
    )
    for name in ("M", "Sub", "Static", "obj", "direct", "made"):
        model = get_model(f"{path}:{name}")
        assert type(model) is Model and get_model(f"{path}:{name}") is model
        pred = fipjax.predict(model, {"m": 1.5, "g": 1e-9}, "a_mu")
        assert pred["a_mu"] - pred.sm["a_mu"] == pytest.approx(1e-9, rel=1e-6)  # a difference of numbers of 1e-3
        assert model.source == str(path) and len(model.source_hash) == 16
    assert get_model(f"{path}:Sub").description == "text"
    assert MODELS["Listed"].source_hash == model.source_hash
    with pytest.raises(InputError, match="unknown model"):
        fipjax.predict("LightVektor", {}, "a_mu")


def test_example(capsys):
    path = str(ROOT / "examples" / "my_model.py")
    code, out, err = run(
        capsys, "predict", "--model", f"{path}:LightScalar", "--plugin", path, "--set", "m_S=0.2", "--set", "g_mu=5e-4",
        "--observable", "a_mu", "--constraints", "g_mu_cap", "--json",
    )  # fmt: skip
    assert code == 0, err
    answer = json.loads(out)
    a = answer["observables"]["a_mu"]
    # scalar loop, 1/(8 pi^2) int (1-z)^2 (1+z)/((1-z)^2 + z r^2) dz, by the midpoint rule
    z = (np.arange(20000) + 0.5) / 20000
    r = 0.2 / 0.1056583755
    want = 25e-8 / (8 * np.pi**2) * np.mean((1 - z) ** 2 * (1 + z) / ((1 - z) ** 2 + z * r * r))
    assert a["value"] - a["sm"] == pytest.approx(want, rel=1e-5)
    assert answer["constraints"]["g_mu_cap"]["ratio"] == pytest.approx(0.01)


def test_public_names():
    """A change of this list is a change of what users type."""
    assert sorted(fipjax.__all__) == sorted(
        """AdaptiveScan FitInterrupted FitResult InputError Likelihood Model Parameter Posterior Prediction ProfileResult
        SMCPosterior ScalarMediator Scan Theory VectorMediator __version__ constraint fit kernels list_constraints list_models
        list_observables list_sets load_fit load_plugins load_posterior load_profile load_set measurement observable open_scan
        plot plot_bounds predict profile refine register_model sample scan smc to_wcxf verify""".split()
    )
    for name in fipjax.__all__:
        assert getattr(fipjax, name) is not None


def test_both_packages_are_typed():
    import fipkernels

    for package in (fipjax, fipkernels):
        assert (Path(package.__file__).parent / "py.typed").is_file()
    hints = importlib.import_module("typing").get_type_hints(fipjax.load_plugins)
    assert hints["return"] is plugins.Plugins
