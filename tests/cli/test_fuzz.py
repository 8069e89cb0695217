"""Whatever the command line is given, it ends with 0, 2 or 130, and one line that says what was wrong; never with a traceback."""

import contextlib
import io
import json
import shutil
import signal
import string
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import stand_in
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from stand_in import AXES, StandIn

import fipjax
from fipjax.cli import main
from fipjax.errors import InputError
from fipjax.runfile import SECTIONS

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:arviz"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:arviz"),
]
# shrinking would repeat slow examples; what they hold is short enough
PHASES = (Phase.generate,)
# a file system and a compiled library: no meaningful deadline for one example
FAST = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None, phases=PHASES
)
LONG = settings(max_examples=2500, deadline=None, suppress_health_check=list(HealthCheck), database=None, phases=PHASES)
REACHED = "everything is valid up to here"


def cli(*args):
    """(exit code, stdout, stderr) of the command line in this process, with what must always hold checked."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(a) for a in args])
        except SystemExit as stop:  # --help and --version
            code = stop.code or 0
    text = err.getvalue()
    assert code in (0, 2, 130), (args, code, text)
    assert "Traceback" not in text
    if code == 2:
        # a description of the run may come before
        *before, line = text.strip("\n").split("\n")
        assert line.startswith("fipjax: error: ") and len(line) > 20, args
        assert all(b.startswith(("model ", "note: ")) for b in before), text
    return code, out.getvalue(), text


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("FIPJAX_PROGRESS", "0")


# ---------------------------------------------------------------------------------------------------------- run files

BASE = {
    "model": {"name": "deft44", "region": "high"},
    "parameters": {
        "gamma_V": {"fixed": 0.1},
        "m_V": {"prior": "flat", "min": 3.0, "max": 9.0},
        "C4_bsV": {"prior": "log", "min": 1e-9, "max": 1.0},
    },
    "data": {
        "vintage": "2021",
        "use": ["LHCb:1403.8044:B+->Kmumu", "a_mu", "<Rmue>(B+->Kll)[1.1,6.0]"],
        "drop": ["DeltaM_s"],
        "constraints": ["perturbativity", "total_width"],
        "uncertainties": "fixed",
        "conventions": "default",
        "charmonium": False,
        "draws": 200,
        "seed": 1,
    },
    "scan": {
        "method": "grid",
        "chunk": 4096,
        "grid": {"m_V": {"min": 3.0, "max": 9.0, "n": 4, "scale": "log"}, "C4_bsV": [1e-8, 1e-7]},
    },
    "fit": {"starts": 8, "maxiter": 50, "seed": 0, "with_prior": False},
    "sample": {"method": "nuts", "chains": 2, "warmup": 20, "draws": 10, "seed": 0, "target_accept": 0.9},
    "profile": {"parameters": ["m_V"], "points": 4, "range": [3.0, 8.0], "scale": "linear", "starts": 4},
}  # fmt: skip


def toml(value):
    """A value as TOML text."""
    if isinstance(value, Raw):
        return str.__str__(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    raise TypeError(value)


def write(path, tables):
    path.write_text("\n".join(f"{json.dumps(k)} = {toml(v)}" for k, v in tables.items()), encoding="utf-8")
    return path


class Raw(str):
    """Something that TOML writes without quotes."""


WORDS = st.text(string.printable, max_size=12) | st.text(max_size=6).filter(lambda s: s.isprintable())
SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**70), 2**70), st.floats(), WORDS, st.sampled_from([Raw("2020-01-01"), Raw("07:32:00")]),
    st.sampled_from(["all", "none", "log", "flat", "grid", "sobol", "adaptive", "smc", "latest", "nuisance", "as_printed", "m_V"]),
    st.sampled_from([0, -1, 1, 1e300, -0.0, 10**400]),
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(WORDS, v, max_size=3), max_leaves=5)


def places(tree, path=()):
    """Every place in nested tables."""
    for k, v in tree.items():
        yield (*path, k)
        if isinstance(v, dict):
            yield from places(v, (*path, k))


def misspell(draw, word):
    """The same word with one slip of the keys."""
    i = draw(st.integers(0, max(0, len(word) - 1)))
    kind = draw(st.sampled_from(["drop", "double", "other"]))
    middle = {"drop": "", "double": word[i : i + 1] * 2, "other": "x"}[kind]
    return word[:i] + middle + word[i + 1 :]


@st.composite
def run_files(draw):
    """A valid run file with one to three things changed."""
    tables = json.loads(json.dumps(BASE))
    for _ in range(draw(st.integers(1, 3))):
        *parents, key = draw(st.sampled_from(list(places(tables))))
        table = tables
        for p in parents:
            table = table[p]
        match draw(st.sampled_from(["value", "value", "name", "remove", "add"])):
            case "value":
                table[key] = draw(VALUES)
            case "name":
                table[misspell(draw, key)] = table.pop(key)
            case "remove":
                del table[key]
            case "add":
                table[draw(WORDS)] = draw(VALUES)
        if not tables:
            break
    return tables


@pytest.fixture(scope="module")
def stops():
    """Nothing is compiled: where computing would begin, the command ends with a line of its own."""

    def stop(*args, **kwargs):
        raise InputError(REACHED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fipjax.likelihood.Predictor", stop)
        yield


def _run_file(folder, tables, command):
    path = write(folder / "run.toml", tables)
    suffix = {"scan": ".zarr", "fit": ".json"}.get(command, ".nc")
    code, _, err = cli(command, path, "-o", folder / f"out{suffix}")
    assert code == 2
    return err


COMMANDS = st.sampled_from(["scan", "fit", "sample", "profile"])


@FAST
@given(run_files(), COMMANDS)
def test_run_files(tmp_path_factory, stops, tables, command):
    _run_file(tmp_path_factory.mktemp("run"), tables, command)


@pytest.mark.validate
@LONG
@given(run_files(), COMMANDS)
def test_many_run_files(tmp_path_factory, stops, tables, command):
    _run_file(tmp_path_factory.mktemp("run"), tables, command)


@FAST
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda s: s.encode("utf-8", "surrogatepass")))
def test_random_bytes_as_run_file(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("run") / "run.toml"
    path.write_bytes(content)
    code, _, err = cli("fit", path, "-o", path.with_name("fit.json"))
    assert code == 2 and "run" in err


def test_the_base_is_valid(tmp_path, stops):
    for command in ("scan", "fit", "sample", "profile"):
        assert REACHED in _run_file(tmp_path, BASE, command)


def swapped(word):
    """Two letters in the wrong order, or one twice."""
    for i in range(len(word) - 1):
        if word[i] != word[i + 1]:
            return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return word + word[-1]


TYPOS = [
    *((("sections", s), s) for s in SECTIONS),
    *(((s, k), k) for s, keys in SECTIONS.items() for k in keys if len(k) > 1),
    *((("parameters", k), k) for k in ("gamma_V", "C4_mumuV")),
    *((("prior", k), k) for k in ("prior", "min", "max", "log", "fixed")),
    *((("grid", k), k) for k in ("m_V", "C4_bsV")),
    *((("axis", k), k) for k in ("min", "max", "scale", "values")),
    *((("value", w), w) for w in ("deft44", "2021", "high", "perturbativity", "nuisance", *BASE["data"]["use"][::2])),
]  # fmt: skip


@pytest.mark.parametrize(("where", "word"), TYPOS, ids=lambda v: "-".join(v) if isinstance(v, tuple) else v)
def test_typos_are_answered_with_the_right_word(tmp_path, stops, monkeypatch, where, word):
    tables = json.loads(json.dumps(BASE))
    kind, wrong = where[0], swapped(word)
    command = "fit"
    if kind == "sections":
        tables[wrong] = {}
    elif kind == "parameters":
        tables["parameters"][wrong] = {"fixed": 0.1}
    elif kind == "prior":
        table = {"prior": "flat", "min": 3.0, "max": 9.0}
        if word == "fixed":
            table = {wrong: 4.0}
        elif word == "log":
            table |= {"prior": wrong}
        else:
            table[wrong] = table.pop(word)
        tables["parameters"]["m_V"] = table
    elif kind in ("grid", "axis"):
        command = "scan"
        axis = {"min": 3.0, "max": 9.0, "n": 4, "scale": "log"}
        if kind == "grid":
            tables["scan"]["grid"] = {wrong: axis}
        else:
            axis[wrong] = axis.pop(word, [1.0])
            tables["scan"]["grid"]["m_V"] = axis
        monkeypatch.setattr("fipjax.runfile.RunFile.likelihood", lambda self: StandIn())
    elif kind == "value":
        text = json.dumps(tables)
        tables = json.loads(text.replace(json.dumps(word), json.dumps(wrong)))
        if word == "nuisance":
            tables["data"]["uncertainties"] = wrong
    else:
        tables[kind][wrong] = tables[kind].pop(word, 1)
    err = _run_file(tmp_path, tables, command)
    assert "did you mean" in err and repr(word) in err.split("did you mean")[1].split("?")[0], err


# ------------------------------------------------------------------------------------------------------ command lines

NAMES = ["models", "observables", "constraints", "data", "predict", "scan", "fit", "sample", "profile", "plot", "report"]
PIECES = st.one_of(
    st.sampled_from(
        [
            "--model", "--set", "--observable", "--data", "--constraints", "--conventions", "--json", "-o", "--output",
            "--overwrite", "--starts", "--chains", "--seed", "--vintage", "--title", "--plane", "--fast", "--help", "deft",
            "deft44", "deft4", "m_V=5", "m_V=", "=5", "m_V=nan", "m_V=1e400", "C4_bsV=1+2j", "BR(Bs->mumu)",
            "<dBR/dq2>(B+->Kmumu)[6,1]", "a_mu[1]", "latest", "2021", "x.toml", "x.nc", "fit.json", "/", ".", "", "-1", "0",
            "1e9", "--", "x.zarr", "x.html", "m_V,C4_bsV",
        ]
    ),
    WORDS.filter(lambda s: "\x00" not in s),
)  # fmt: skip
LINES = st.tuples(st.sampled_from(NAMES), st.lists(PIECES, max_size=6))


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _no_prediction(*args, **kwargs):
    raise InputError(REACHED)


@pytest.fixture(scope="module")
def idle(stops):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fipjax.prediction._evaluator", _no_prediction)
        yield


@FAST
@given(LINES)
def test_command_lines(empty, idle, line):
    cli(line[0], *line[1])


@pytest.mark.validate
@LONG
@given(LINES)
def test_many_command_lines(empty, idle, line):
    cli(line[0], *line[1])


# ------------------------------------------------------------------------------------------------------------- results


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Small results of every kind."""
    from fipjax.engines.profile import ProfileResult

    folder = tmp_path_factory.mktemp("outputs")
    like = StandIn()
    fipjax.scan(like, AXES, out=folder / "scan.zarr", progress=False)
    fipjax.fit(like, starts=4, progress=False).save(folder / "fit.json")
    stand_in.posterior(like, 2, 50, parameters={"m_V": {"latex": "m_V", "unit": "GeV"}}).save(folder / "posterior.nc")
    v = np.linspace(3, 12, 9)
    grid = (v - 7.0) ** 2 / 4
    ProfileResult(
        ("m_V", "C4_bsV"), {"m_V": v}, {"m_V": {"min": 3.0, "max": 12.0, "n": 9, "scale": "linear"}}, grid, grid,
        {"m_V": v, "C4_bsV": np.full(9, 1e-7)}, np.ones(9, bool), np.full(9, 2), {"m_V": 7.0, "C4_bsV": 1e-7}, 0.0, 20.0, False, {},
        fingerprint=like.fingerprint(),
    ).save(folder / "profile.nc")  # fmt: skip
    return folder


FILES = ("fit.json", "posterior.nc", "profile.nc")


def test_the_outputs_are_valid(outputs, tmp_path):
    for name in (*FILES, "scan.zarr"):
        assert cli("plot", outputs / name, "-o", tmp_path)[0] == 0
    assert cli("report", *(outputs / n for n in (*FILES, "scan.zarr")), "-o", tmp_path / "r.html", "--fast")[0] == 0


@pytest.fixture(scope="module")
def undrawn():
    """Figures are made but not rendered, which takes most of the time; the long tests render."""

    def savefig(self, target, **options):
        data = b'<svg viewBox="0 0 9 9"></svg>'
        target.write(data) if hasattr(target, "write") else Path(target).write_bytes(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fipjax.plotting.style.Figure.savefig", savefig)
        yield


def spoil(draw, data):
    """Bytes cut short, with some changed, or something else altogether."""
    kind = draw(st.sampled_from(["cut", "flip", "flip", "random", "empty"]))
    if kind == "cut":
        return data[: draw(st.integers(0, max(0, len(data) - 1)))]
    if kind == "flip":
        out = bytearray(data)
        for _ in range(draw(st.integers(1, 8))):
            if out:
                out[draw(st.integers(0, len(out) - 1))] = draw(st.integers(0, 255))
        return bytes(out)
    return draw(st.binary(max_size=80)) if kind == "random" else b""


def _look(path, folder):
    cli("plot", path, "-o", folder)
    cli("report", path, "-o", folder / "r.html", "--fast")


def _damaged_file(folder, outputs, name, data):
    path = folder / name
    path.write_bytes(spoil(data.draw, (outputs / name).read_bytes()))
    _look(path, folder)


@settings(FAST, max_examples=15)
@given(st.sampled_from(FILES), st.data())
def test_damaged_files(tmp_path_factory, outputs, undrawn, name, data):
    _damaged_file(tmp_path_factory.mktemp("bad"), outputs, name, data)


@pytest.mark.validate
@settings(LONG, max_examples=200)
@given(st.sampled_from(FILES), st.data())
def test_many_damaged_files(tmp_path_factory, outputs, name, data):
    _damaged_file(tmp_path_factory.mktemp("bad"), outputs, name, data)


ODD = st.recursive(
    st.none() | st.booleans() | st.floats() | WORDS,
    lambda v: st.lists(v, max_size=2) | st.dictionaries(WORDS, v, max_size=2),
)


def odd_fit(path, whole, data):
    """A fit that is JSON, but not what it says it is."""
    raw = json.loads(whole.read_text())
    for _ in range(data.draw(st.integers(1, 2))):
        *parents, key = data.draw(st.sampled_from(list(places(raw))))
        table = raw
        for p in parents:
            table = table[p]
        table[key] = data.draw(ODD)
    path.write_text(json.dumps(raw))


def _odd_fit(folder, outputs, data):
    odd_fit(folder / "fit.json", outputs / "fit.json", data)
    _look(folder / "fit.json", folder)


@settings(FAST, max_examples=20)
@given(st.data())
def test_odd_fits(tmp_path_factory, outputs, undrawn, data):
    _odd_fit(tmp_path_factory.mktemp("odd"), outputs, data)


@pytest.mark.validate
@settings(LONG, max_examples=200)
@given(st.data())
def test_many_odd_fits(tmp_path_factory, outputs, data):
    _odd_fit(tmp_path_factory.mktemp("odd"), outputs, data)


def _damaged_store(folder, outputs, data):
    store = folder / "scan.zarr"
    shutil.copytree(outputs / "scan.zarr", store)
    files = sorted(p for p in store.rglob("*") if p.is_file())
    for _ in range(data.draw(st.integers(1, 2))):
        victim = data.draw(st.sampled_from(files))
        match data.draw(st.sampled_from(["spoil", "spoil", "remove", "folder"])):
            case "spoil":
                if victim.is_file():
                    victim.write_bytes(spoil(data.draw, victim.read_bytes()))
            case "remove":
                if victim.is_file():
                    victim.unlink()
            case "folder":
                if victim.is_file():
                    victim.unlink()
                    victim.mkdir()
    _look(store, folder)


@settings(FAST, max_examples=20)
@given(st.data())
def test_damaged_stores(tmp_path_factory, outputs, undrawn, data):
    _damaged_store(tmp_path_factory.mktemp("store"), outputs, data)


@pytest.mark.validate
@settings(LONG, max_examples=150)
@given(st.data())
def test_many_damaged_stores(tmp_path_factory, outputs, data):
    _damaged_store(tmp_path_factory.mktemp("store"), outputs, data)


def _resume_damaged(folder, outputs, data):
    """A scan that continues in a damaged store repairs it or says what is wrong; it never gives other numbers."""
    store = folder / "scan.zarr"
    shutil.copytree(outputs / "scan.zarr", store)
    files = sorted(p for p in store.rglob("*") if p.is_file())
    victim = data.draw(st.sampled_from(files))
    victim.write_bytes(spoil(data.draw, victim.read_bytes()))
    try:
        result = fipjax.scan(StandIn(), AXES, out=store, progress=False)
    except InputError as err:
        assert "scan.zarr" in str(err)
        return
    want = fipjax.open_scan(outputs / "scan.zarr")["chi2"]
    assert np.array_equal(result["chi2"], want)


@settings(FAST, max_examples=10)
@given(st.data())
def test_resuming_damaged_stores(tmp_path_factory, outputs, data):
    _resume_damaged(tmp_path_factory.mktemp("resume"), outputs, data)


# --------------------------------------------------------------------------------------------------- measurement files

SET = {
    "id": "mine",
    "measurement": [
        {"observable": "BR(Bs->mumu)", "value": 3e-9, "errors": [[1e-10, 2e-10], 1e-10], "error_labels": ["stat", "syst"]},
        {"observable": "a_mu", "value": 1.1659e-3, "errors": [1e-9]},
    ],
    "correlation": [[1.0, 0.1], [0.1, 1.0]],
}


@st.composite
def measurement_files(draw):
    raw = json.loads(json.dumps(SET))
    for _ in range(draw(st.integers(1, 2))):
        tables = (
            [raw, *(m for m in raw.get("measurement", []) if isinstance(m, dict))]
            if isinstance(raw.get("measurement"), list)
            else [raw]
        )
        table = draw(st.sampled_from(tables))
        key = draw(st.sampled_from(sorted(table) or ["id"]))
        match draw(st.sampled_from(["value", "value", "name", "remove", "add"])):
            case "value":
                table[key] = draw(VALUES)
            case "name" if key in table:
                table[misspell(draw, key)] = table.pop(key)
            case "remove":
                table.pop(key, None)
            case _:
                table[draw(WORDS)] = draw(VALUES)
    return raw


def _measurements(folder, raw, kind):
    path = folder / f"mine.{kind}"
    if kind == "toml":
        write(path, raw)
    else:
        path.write_text("\n".join(f"{json.dumps(k)}: {toml(v).replace(' = ', ': ')}" for k, v in raw.items()), encoding="utf-8")
    tables = json.loads(json.dumps(BASE))
    tables["data"]["measurements"] = [path.name]
    _run_file(folder, tables, "fit")


@FAST
@given(measurement_files(), st.sampled_from(["toml", "yaml"]))
def test_measurement_files(tmp_path_factory, stops, raw, kind):
    _measurements(tmp_path_factory.mktemp("data"), raw, kind)


@pytest.mark.validate
@LONG
@given(measurement_files(), st.sampled_from(["toml", "yaml"]))
def test_many_measurement_files(tmp_path_factory, stops, raw, kind):
    _measurements(tmp_path_factory.mktemp("data"), raw, kind)


def test_messages_say_what_to_do(tmp_path, stops):
    """What was wrong, what was expected, what to try."""
    missing = Path(tmp_path / "none.json")
    assert "no such file" in cli("plot", missing)[2]
    assert "allowed" in cli("predict", "--model", "deft", "--observable", "a_mu", "--set", "m_V=-1")[2]
    assert "did you mean 'deft44'" in cli("predict", "--model", "deftt44", "--observable", "a_mu")[2]
    assert "--help" in cli("fit")[2]


@pytest.mark.validate
def test_ctrl_c_leaves_a_store_that_says_how_to_go_on(tmp_path):
    """The same command again goes on where the interrupted one stopped, and nothing is computed twice."""
    tables = json.loads(json.dumps(BASE))
    tables["data"] |= {"uncertainties": "none", "constraints": "none", "use": ["a_mu"]}
    del tables["data"]["drop"]
    tables["scan"]["chunk"] = 1000
    axis = {"min": 3.0, "max": 9.0, "n": 600, "scale": "log"}
    tables["scan"]["grid"] = {"m_V": axis, "C4_bsV": {**axis, "min": 1e-9, "max": 1e-6}}
    tables["scan"]["grid"] |= {"C4_mumuV": [-0.1 * k for k in range(1, 40)], "C4t_mumuV": [0.0, 0.1]}
    command = [
        sys.executable,
        "-m",
        "fipjax.cli",
        "scan",
        str(write(tmp_path / "run.toml", tables)),
        "-o",
        str(tmp_path / "scan.zarr"),
    ]
    records = tmp_path / "scan.zarr" / ".fipjax" / "chunks"
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 240
    while run.poll() is None and time.monotonic() < deadline and len(list(records.glob("*.json"))) < 3:
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=120)
    assert run.returncode == 130 and "Traceback" not in err
    assert "points are stored" in err and "run the same command again to resume" in err
    scan = fipjax.open_scan(tmp_path / "scan.zarr")
    assert 3 <= len(scan.store.done) and not scan.complete and scan.store.verify().ok
