"""A user's own measurements: TOML and YAML, and what is said about mistakes in them."""

import builtins
import re
from pathlib import Path

import numpy as np
import pytest

import fipjax
from fipjax.data import list_sets, load_set, select
from fipjax.errors import InputError, MissingDependency
from fipjax.observables import FAMILIES

TOML = """
id = "mine"
experiment = "my experiment"
arxiv = "2401.07090"
year = 2026
correlation = [[1, 0.3], [0.3, 1]]

[[measurement]]
observable = "<dBR/dq2>(B+->Kmumu)[1.1,6.0]"
value = 2.5e-8
errors = [[2e-9, 1e-9], 5e-10]
error_labels = ["stat", "syst"]

[[measurement]]
observable = "BR(Bs->mumu)"
value = 3e-9
errors = [[4e-10, 2e-10]]
note = "a note"
"""

# numbers without a point in the mantissa or a sign in the exponent are texts in YAML 1.1
YAML = """
id: mine
experiment: my experiment
arxiv: "2401.07090"
year: 2026
correlation: [[1, 0.3], [0.3, 1]]
measurement:
  - observable: <dBR/dq2>(B+->Kmumu)[1.1,6.0]
    value: 2.5e-8
    errors: [[2e-9, 1E-9], 5.e-10]
    error_labels: [stat, syst]
  - observable: BR(Bs->mumu)
    value: 3e-9
    errors:
      - [4e-10, +2e-10]
    note: a note
"""

TWO = {"observable": "a_mu", "value": 1e-9, "errors": [1e-10]}, {"observable": "DeltaM_s", "value": 1e-11, "errors": [1e-13]}


def _write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_toml_and_yaml_give_the_same_set(tmp_path):
    sets = [load_set(_write(tmp_path, n, t)) for n, t in (("a.toml", TOML), ("a.yaml", YAML), ("b.YML", YAML))]
    first, *others = sets
    assert [m.observable for m in first.measurements] == ["<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "BR(Bs->mumu)"]
    for s in others:
        assert s.measurements == first.measurements
        np.testing.assert_array_equal(s.correlation, first.correlation)
        assert (s.id, s.experiment, s.arxiv, s.year) == (first.id, first.experiment, first.arxiv, first.year)


@pytest.mark.parametrize("name,text", [("a.toml", TOML), ("a.yaml", YAML)])
def test_asymmetric_errors_and_correlation_reach_the_fit(tmp_path, name, text):
    s = load_set(_write(tmp_path, name, text))
    rate, leptonic = s.measurements
    assert rate.plus == pytest.approx(np.hypot(2e-9, 5e-10), rel=1e-12) and rate.minus == pytest.approx(
        np.hypot(1e-9, 5e-10), rel=1e-12
    )
    assert rate.systematic == 5e-10
    d = select("latest", FAMILIES, use=["a_mu"], extra=[s])
    assert d.observables == ("a_mu", rate.observable, leptonic.observable)
    np.testing.assert_array_equal(d.plus[1:], [rate.plus, 4e-10])
    np.testing.assert_array_equal(d.minus[1:], [rate.minus, 2e-10])
    np.testing.assert_array_equal(d.correlation, [[1, 0, 0], [0, 1, 0.3], [0, 0.3, 1]])
    assert d.covariance[1, 2] == pytest.approx(0.3 * rate.sigma * 3e-10, rel=1e-12)


def test_yaml_in_a_likelihood(tmp_path):
    """chi2 by hand, with the error on the side of the prediction."""
    path = _write(tmp_path, "mine.yaml", YAML)
    like = fipjax.Likelihood("wet", "latest", "none", use=["a_mu"], measurements=[path], uncertainties="none")
    assert like.dataset.observables == ("a_mu", "<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "BR(Bs->mumu)")
    d, sm = like.dataset, like.sm_predictions()
    t = (sm - d.value) / np.where(sm > d.value, d.plus, d.minus)
    assert sm[1] > d.value[1] and sm[2] > d.value[2]
    assert like.sm_chi2() == pytest.approx(t @ np.linalg.solve(d.correlation, t), rel=1e-10)


def test_each_set_once(tmp_path):
    """The same file twice, two files with one id, the id of a shipped set."""
    a, b = (_write(tmp_path, n, TOML) for n in ("a.toml", "b.toml"))
    for pair in ([a, a], [a, b]):
        with pytest.raises(InputError) as err:
            fipjax.Likelihood("wet", "latest", "none", use=["a_mu"], measurements=pair, uncertainties="none")
        text = str(err.value)
        assert "id = 'mine' twice" in text and "a.toml" in text and pair[1].name in text and "\n" not in text
    shipped = next(s for s in list_sets() if s.id == "LHCb:1903.09252")
    with pytest.raises(InputError, match=r"id = 'LHCb:1903\.09252' twice, a shipped set"):
        select("latest", FAMILIES, extra=[shipped])


def test_a_user_set_can_be_dropped_by_its_id(tmp_path):
    s = load_set(_write(tmp_path, "a.toml", TOML))
    d = select("latest", FAMILIES, use=["a_mu"], drop=["mine"], extra=[s])
    assert d.observables == ("a_mu",) and next(x for x in d.left_out if x[1] == "mine")[2] == "dropped on request"


def _toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _yaml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(v) for v in value) + "]"
    return _toml(value)


MISTAKES = [
    ({"id": 3}, ["id = 3", "a text"]),
    ({"id": "LHCb:2212.09152"}, ["id = 'LHCb:2212.09152'", "no shipped set"]),
    ({"arxiv": 2401.07090}, ["arxiv = 2401.0709", "in quotes"]),
    ({"year": "soon"}, ["year = 'soon'", "an integer"]),
    ({"kind": "prediction"}, ["kind = 'prediction'"]),
    ({"vintages": "latest"}, ["vintages = 'latest'", "2021, datta2022, latest"]),
    ({"vintages": ["1999"]}, ["vintages = ['1999']", "2021, datta2022, latest"]),
    ({"corelation": [[1]]}, ["corelation = [[1]]", "did you mean 'correlation'"]),
    ({"measurement": []}, ["measurement = []", "a list of tables"]),
    ({"measurement": [3]}, ["measurement = [3]", "a list of tables"]),
    ({"measurement": {"observable": "a_mu"}}, ["measurement = {", "a list of tables"]),
    ({"correlation": [[1, 0.2], [0.2]]}, ["correlation, row 2 = [0.2]", "2 numbers"]),
    ({"correlation": [[1, 0.2]]}, ["correlation = [[1, 0.2]]", "2 x 2"]),
    ({"correlation": [[4, 1], [1, 4]]}, ["row 1, column 1 = 4", "not covariances"]),
    ({"correlation": [[1, 0.2], [0.3, 1]]}, ["row 1, column 2 = 0.2, row 2, column 1 = 0.3", "equal"]),
    ({"correlation": [[1, 1.2], [1.2, 1]]}, ["row 1, column 2 = 1.2", "-1 to 1"]),
    ({"correlation": [[1, "a"], ["a", 1]]}, ["row 1, column 2 = 'a'", "a finite number"]),
]

ENTRY_MISTAKES = [
    ({"observable": "<dBR/dq2>(B+->Kmumuu)[1.1,6.0]"}, ["'<dBR/dq2>(B+->Kmumuu)'", "did you mean '<dBR/dq2>(B+->Kmumu)'"]),
    ({"observable": "<dBR/dq2>(B+->Kmumu)[6.0,1.1]"}, ["<dBR/dq2>(B+->Kmumu)[6.0,1.1]", "reversed"]),
    ({"observable": 3}, ["observable = 3"]),
    ({"value": "x"}, ["value = 'x'", "a finite number"]),
    ({"value": True}, ["value = True", "a finite number"]),
    ({"errors": []}, ["errors = []"]),
    ({"errors": 1e-10}, ["errors = 1e-10", "a list"]),
    ({"errors": [-1e-10]}, ["errors entry -1e-10", "positive"]),
    ({"errors": [[1e-10, 2e-10, 3e-10]]}, ["errors entry [1e-10, 2e-10, 3e-10]", "[plus, minus]"]),
    ({"error": [1e-10]}, ["error = [1e-10]", "did you mean 'errors'"]),
    ({"error_labels": ["stat", "syst"]}, ["error_labels = ['stat', 'syst']", "one per error"]),
    ({"error_labels": "stat"}, ["error_labels = 'stat'", "one per error"]),
    ({"combines": "no"}, ["combines = 'no'", "true or false"]),
]


@pytest.mark.parametrize("form", ["toml", "yaml"])
@pytest.mark.parametrize("change,says", MISTAKES + ENTRY_MISTAKES)
def test_mistakes_are_one_line_with_file_field_and_value(tmp_path, form, change, says):
    entry = any(change is c for c, _ in ENTRY_MISTAKES)
    content = {"id": "mine", "measurement": [dict(m) for m in TWO]}
    (content["measurement"][1] if entry else content).update(change)
    lines = [f"{k} = {_toml(v)}" if form == "toml" else f"{k}: {_yaml(v)}" for k, v in content.items()]
    path = _write(tmp_path, f"bad.{form}", "\n".join(lines) + "\n")
    with pytest.raises(InputError) as err:
        load_set(path)
    text = str(err.value)
    assert text.startswith(f"bad.{form}: " + ("measurement 2: " if entry else "")) and "\n" not in text
    assert all(s in text for s in says), text


@pytest.mark.parametrize(
    "text,says",
    [
        ("id: [", "not valid YAML"),
        ("id: mine\nid: yours\n", "field 'id' twice"),
        ("year: 2021-13-45\n", "not valid YAML"),
        ("- 1\n- 2\n", "content [1, 2]"),
        ("", "content None"),
        ("id: mine\nmeasurement: [{observable: a_mu, value: .nan, errors: [1e-10]}]\n", "value = nan"),
        ("id: mine\nmeasurement: [{observable: a_mu, value: 1e-9, errors: [.inf]}]\n", "errors = inf"),
        ("id: mine\nexperiment: NO\n", "experiment = False"),
    ],
)
def test_yaml_pitfalls(tmp_path, text, says):
    path = _write(tmp_path, "bad.yaml", text)
    with pytest.raises(InputError) as err:
        load_set(path)
    assert "bad.yaml" in str(err.value) and says in str(err.value) and "\n" not in str(err.value)


def test_yaml_is_optional(tmp_path, monkeypatch):
    path = _write(tmp_path, "mine.yaml", YAML)
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "yaml":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependency) as err:
        load_set(path)
    assert "fipjax[yaml]" in str(err.value) and "\n" not in str(err.value)
    assert load_set(_write(tmp_path, "mine.toml", TOML)).id == "mine"


def test_the_documented_examples(tmp_path):
    """The two files of docs/own_measurement.md are the same set."""
    page = (Path(__file__).parents[2] / "docs" / "own_measurement.md").read_text(encoding="utf-8")
    text = {form: re.search(rf"```{form}\n(.*?)```", page, flags=re.S)[1] for form in ("toml", "yaml")}
    a, b = (load_set(_write(tmp_path, f"mine.{form}", t)) for form, t in text.items())
    assert a.measurements == b.measurements and len(a.measurements) == 2 and a.id == b.id
    np.testing.assert_array_equal(a.correlation, b.correlation)
    assert len(text["toml"].strip().splitlines()) <= 12
