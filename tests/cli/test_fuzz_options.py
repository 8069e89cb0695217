"""Odd values of the options of every command, with files that are whole, damaged or of the wrong kind: one line and exit code 2."""

import shutil

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stand_in import StandIn
from test_fuzz import BASE, FAST, LONG, REACHED, WORDS, cli, odd_fit, outputs, quiet, run_files, write  # noqa: F401  (fixtures)

from fipjax.errors import InputError

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:arviz"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:arviz"),
]

OWN = """
from fipjax import Theory, register_model
from fipjax.priors import Flat
class Good:
    parameters = {"s": dict(prior=Flat(0.0, 1.0), default=0.0)}
    def theory(p):
        return Theory(a_mu=1e-9 * p["s"])
class Nothing:
    parameters = {"s": dict(prior=Flat(0.0, 1.0), default=0.0)}
    def theory(p):
        return None
class Raises(Nothing):
    def theory(p):
        raise RuntimeError("a\\nb")
class Odd:
    parameters = 3
    theory = 4
number, text = 3, "x"
def function(p):
    return p["nothing"]
"""
FILES = {
    "own.py": OWN,
    "syntax.py": "def f(:\n",
    "raises.py": "import fipjax\nraise SystemExit(7)\n",
    "imports.py": "import no_such_module\n",
    "itself.py": "import itself\n",
    "null.py": "x = 1\x00",
    "empty.py": "",
    "plugin.py": "import fipjax\n@fipjax.observable('own fuzz')\ndef f(theory, inputs):\n    return inputs['m_mu']\n",
    "taken.py": "import fipjax\n@fipjax.observable('a_mu')\ndef f(theory, inputs):\n    return 1\n",
    "latin.py": "# \xe9\n",
    "x.toml": "[model]\n",
    "x.json": "{}",
    "x.html": "",
}
PATHS = st.sampled_from(
    [*FILES, "fit.json", "posterior.nc", "profile.nc", "scan.zarr", "run.toml", "adaptive.toml", ".", "/", "none.json",
     "~nobody_/x", "no/x.json", "a" * 300 + ".json", "fit.json.state"]
)  # fmt: skip
MODELS = st.one_of(
    st.sampled_from(["deft", "wet", "deft44", "split", "t3r", "", "wte"]),
    st.tuples(
        st.sampled_from([f for f in FILES if f.endswith(".py")]),
        st.sampled_from(
            ["", ":", ":Good", ":Nothing", ":Raises", ":Odd", ":number", ":text", ":function", ":Flat", "::", ":__name__"]
        ),
    ).map("".join),
    PATHS.map(lambda p: p + ":Good"),
)
NUMBERS = st.sampled_from(["0", "-1", "1", "2", "1e3", "nan", "inf", "1e400", "٣", "9" * 25, "9" * 5000, "0x10", "1_0", "", " "])
POINTS = st.one_of(
    st.tuples(st.sampled_from(["m_V", "gamma_V", "C4_bsV", "C9_bsmumu", "s", "x", ""]), NUMBERS).map("=".join),
    st.sampled_from(["m_V=5", "C9_bsmumu=1+2j", "C9_bsmumu=i", "=", "m_V"]),
)
OBSERVABLES = st.sampled_from(
    [
        "a_mu",
        "BR(Bs->mumu)",
        "<dBR/dq2>(B+->Kmumu)[1.1,6.0]",
        "<dBR/dq2>(B+->Kmumu)",
        "own fuzz",
        "a_mu[1]",
        "<P5p>(B0->K*mumu)[4,6]",
    ]
)
CHOICES = st.sampled_from(["flavio", "default", "as_printed", "none", "all", "latest", "2021", "wilson", "EOS", "table1", "dark_z"])
WORKERS = st.sampled_from(
    ["0/1", "0/2", "1/2", "2/2", "-1/2", "0/0", "1", "a/b", "0/" + "9" * 9, "0/" + "9" * 30, "٣/٤", "0/2/3", "1.0/2", " 0 / 2 ", ""]
)
ADDRESSES = st.sampled_from(["127.0.0.1:1", "x", ":1", "x:99999999", ""])
TEXTS = WORDS.filter(lambda s: "\x00" not in s)

COMMANDS = {
    "compare": {"--with": CHOICES, "--model": MODELS, "--set": POINTS, "--fit": PATHS, "--observable": OBSERVABLES,
                "--conventions": CHOICES, "--json": None},
    "export": {"--wcxf": None, "--model": MODELS, "--set": POINTS, "--fit": PATHS, "--q2": NUMBERS, "--heavy-only": None,
               "--conventions": CHOICES, "-o": PATHS, "--json": None},
    "report": {"": PATHS, "-o": PATHS, "--title": TEXTS, "--plane": st.sampled_from(["m_V,C4_bsV", "m_V", ",", "m_V,m_V", "a,b,c"]),
               "--fast": None},
    "verify": {"": PATHS, "--repair": None, "--json": None},
    "bench": {"": CHOICES, "--points": NUMBERS, "--no-peers": None, "--no-float32": None, "-o": PATHS, "--json": None},
    "profile": {"": PATHS, "-o": PATHS, "--json": None, "--resume": None},
    "fit": {"": PATHS, "-o": PATHS, "--starts": NUMBERS, "--resume": None, "--json": None},
    "sample": {"": PATHS, "-o": PATHS, "--chains": NUMBERS, "--warmup": NUMBERS, "--draws": NUMBERS, "--seed": NUMBERS},
    "scan": {"": PATHS, "-o": PATHS, "--worker": WORKERS, "--takeover": None, "--overwrite": None, "--coordinator": ADDRESSES,
             "--processes": NUMBERS, "--process-id": NUMBERS, "--wait": NUMBERS},
    "predict": {"--model": MODELS, "--set": POINTS, "--observable": OBSERVABLES, "--data": CHOICES, "--constraints": CHOICES,
                "--conventions": CHOICES, "--json": None},
    "models": {"--model": MODELS, "--json": None},
    "data": {"--vintage": CHOICES, "--json": None},
    "plot": {"": PATHS, "-o": PATHS},
}  # fmt: skip
# most lines are whole apart from what is varied
WHOLE = {
    "compare": ["--model", "wet", "--set", "C9_bsmumu=1"], "export": ["--wcxf", "--set", "C9_bsmumu=1", "--model", "wet"],
    "report": ["fit.json", "--fast"], "verify": ["scan.zarr"], "bench": ["table1"], "profile": ["run.toml", "-o", "p.nc"],
    "fit": ["run.toml"], "sample": ["run.toml", "-o", "s.nc"], "scan": ["run.toml", "-o", "new.zarr"],
    "predict": ["--model", "wet", "--observable", "a_mu"], "models": [], "data": [], "plot": ["fit.json"],
}  # fmt: skip


@st.composite
def lines(draw):
    command = draw(st.sampled_from(sorted(COMMANDS)))
    options = COMMANDS[command]
    out = [command, *(draw(st.sampled_from([WHOLE[command], WHOLE[command], []])))]
    for name in draw(st.lists(st.sampled_from([*options, "--plugin"]), min_size=1, max_size=4)):
        values = PATHS if name == "--plugin" else options[name]
        if values is None:
            out.append(name)
        else:
            out += [*([name] if name else []), draw(st.one_of(values, values, values, TEXTS))]
    return out


def stop(*args, **kwargs):
    raise InputError(REACHED)


class Evaluator:
    __call__ = stop

    def cache_clear(self):
        pass


@pytest.fixture(scope="module")
def folder(outputs, tmp_path_factory):  # noqa: F811
    """Files of all kinds; real results among them.  Where computing would begin, the command ends with a line of its own."""
    place = tmp_path_factory.mktemp("lines")
    for name, text in FILES.items():
        (place / name).write_text(text, encoding="latin-1")
    for name in ("fit.json", "posterior.nc", "profile.nc"):
        shutil.copy(outputs / name, place / name)
    shutil.copytree(outputs / "scan.zarr", place / "scan.zarr")
    (place / "fit.json.state").write_bytes(b"PK\3\4 damaged")
    write(place / "run.toml", BASE)
    write(place / "adaptive.toml", {**BASE, "scan": {**BASE["scan"], "method": "adaptive"}})

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr("fipjax.runfile.RunFile.likelihood", lambda self: StandIn())
        for where in (
            "engines.fit.multistart", "engines.profile._Grid", "engines.sample._starting_points", "engines.smc.smc", "bench.run",
            "engines.scan._Chunks", "engines.refine._Run.__init__", "engines.distributed.subprocess.run",
            "plotting.style.Figure.savefig",
        ):  # fmt: skip
            patch.setattr("fipjax." + where, stop)
        patch.setattr("fipjax.prediction._evaluator", Evaluator())
        yield place


@FAST
@example(["report", "~nobody_/x", "--fast"])
@example(["plot", "fit.json", "-o", "~nobody_/x"])
@example(["scan", "run.toml", "-o", "new.zarr", "--worker", "0/" + "9" * 30])
@example(["scan", "run.toml", "-o", "new.zarr", "--coordinator", "x:1", "--distributed", "--wait", "9" * 25])
@example(["sample", "run.toml", "-o", "s.nc", "--seed", "9" * 25])
@example(["fit", "run.toml", "--resume"])
@example(["fit", "run.toml", "-o", "a" * 300 + ".json"])
@example(["fit", "run.toml", "-o", "a" * 240 + ".json"])
@example(["verify", "a" * 300])
@given(lines())
def test_odd_options(folder, line):
    cli(*line)


@pytest.mark.validate
@LONG
@given(lines())
def test_many_odd_options(folder, line):
    cli(*line)


def _run(folder, tables, command):
    path = write(folder / "odd.toml", tables)
    for name in ("odd.zarr", "odd.nc.state", "odd.json.state"):
        assert not (folder / name).exists()
    code, _, _ = cli(command, path, "-o", folder / f"odd{ {'scan': '.zarr', 'fit': '.json'}.get(command, '.nc') }")
    shutil.rmtree(folder / "odd.zarr", ignore_errors=True)
    assert code == 2


@settings(FAST, max_examples=60)
@given(run_files(), st.sampled_from(["scan", "fit", "sample", "profile"]))
def test_settings_of_run_files(folder, tables, command):
    """Up to the first computation, with a likelihood that is there already."""
    _run(folder, tables, command)


@pytest.mark.validate
@LONG
@given(run_files(), st.sampled_from(["scan", "fit", "sample", "profile"]))
def test_many_settings_of_run_files(folder, tables, command):
    _run(folder, tables, command)


def _odd_point(folder, data):
    """The best point of a fit that is JSON, but not what it says it is, in another program's format."""
    odd_fit(folder / "odd.json", folder / "fit.json", data)
    cli("export", "--wcxf", "--fit", "odd.json")
    cli("compare", "--fit", "odd.json")


@settings(FAST, max_examples=20)
@given(st.data())
def test_points_of_odd_fits(folder, data):
    _odd_point(folder, data)


@pytest.mark.validate
@settings(LONG, max_examples=500)
@given(st.data())
def test_points_of_many_odd_fits(folder, data):
    _odd_point(folder, data)


def test_the_lines_are_whole(folder):
    """Nothing but computing stands between the lines that are varied and their end."""
    reached = {
        "compare",
        "profile",
        "fit",
        "sample",
        "scan",
        "predict",
        "bench",
        "plot",
    }  # a report says in the page what it cannot draw
    for command, line in WHOLE.items():
        code, _, err = cli(command, *line)
        there = REACHED in err or (command == "compare" and "flavio is not installed here" in err)
        assert (code == 2 and there) if command in reached else code == 0, (command, code, err)
