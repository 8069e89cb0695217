"""What a report is about: results of one model and one choice of data, read from their files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fipjax._paths import expand
from fipjax.errors import InputError

#: names under which the commands write when they are not told otherwise
DEFAULTS = ("fit.json", "scan.zarr", "posterior.nc", "profile.nc")
_COMMANDS = {"fit": "fit", "scan": "scan", "posterior": "sample", "profile": "profile"}


@dataclass(frozen=True)
class Result:
    """One result: its file, what it is ("fit", "scan", "posterior", "profile"), and the object."""

    path: Path
    kind: str
    thing: Any

    @property
    def fingerprint(self) -> dict:
        """What identifies the likelihood behind it."""
        source = self.thing.manifest.get("likelihood") if self.kind == "scan" else self.thing.fingerprint
        return dict(source) if isinstance(source, Mapping) else {}


@dataclass
class Results:
    """Results of one likelihood.

    run: the run file, or None.  notes: what a reader of the page should know.  own: a model that is not in the list.
    """

    results: list[Result]
    run: Any = None
    run_text: str = ""
    notes: list[str] = field(default_factory=list)
    own: Any = None

    @property
    def model(self) -> Any:
        """The model: that of the run file or of ``collect(model=...)``, else the one of this name in the list, else None."""
        from fipjax.models import MODELS

        name = str(self.fingerprint.get("model"))
        return self.own if self.own is not None and self.own.name == name else MODELS.get(name)

    def require_model(self) -> Any:
        """:attr:`model`; InputError where it is None."""
        if self.model is None:
            raise InputError(
                f"the model {self.fingerprint.get('model')!r} is not in a shipped list (allowed: name the run file too, or "
                "--model FILE.py:NAME)"
            )
        return self.model

    def of(self, kind: str) -> list[Result]:
        """The results of one kind, in the order they were given."""
        return [r for r in self.results if r.kind == kind]

    @property
    def fingerprint(self) -> dict:
        """That of the likelihood; the first result's."""
        return self.results[0].fingerprint

    @property
    def fit(self) -> Any:
        """The first fit, or None."""
        return next((r.thing for r in self.of("fit")), None)

    @property
    def conventions(self) -> str | None:
        """Conventions of the formulas, or None where no file says."""
        if self.fingerprint.get("conventions"):
            return str(self.fingerprint["conventions"])
        return None if self.run is None else str(self.run.data.get("conventions", "default"))

    @property
    def priors(self) -> dict[str, dict]:
        """Priors of the free parameters, as the files describe them."""
        found = self.fingerprint.get("priors")
        tables = {str(n): p for n, p in found.items() if isinstance(p, Mapping)} if isinstance(found, Mapping) else {}
        # a prior of another program version, or a damaged one, has no range
        return {n: dict(p) for n, p in tables.items() if all(_is_number(v) for k, v in p.items() if k != "prior")}

    @property
    def fixed(self) -> dict[str, complex]:
        """Parameters that were held."""
        found = self.fingerprint.get("fixed")
        out: dict[str, complex] = {}
        for n, v in (found if isinstance(found, Mapping) else {}).items():
            if isinstance(v, list | tuple) and len(v) == 2 and all(map(_is_number, v)):
                out[str(n)] = complex(*v)
            elif _is_number(v):
                out[str(n)] = v
        return out

    @property
    def best(self) -> tuple[dict[str, complex], str]:
        """Model parameters of the best point and where it comes from: a fit, else a profile, else a scan; ({}, "") if none."""
        candidates: list[tuple[Mapping, str]] = [(r.thing.best, "fit") for r in self.of("fit")]
        candidates += [(r.thing.best, "profile") for r in self.of("profile")]
        for r in self.of("scan"):
            try:
                candidates.append((r.thing.best()["parameters"], "scan"))
            except InputError as err:
                self._note(f"{r.path.name}: {err}")
        for point, source in candidates:
            model = {n: float(v) for n, v in point.items() if not n.startswith("z(")}
            if model and all(math.isfinite(v) for v in model.values()):
                return {**model, **self.fixed}, source
        return {}, ""

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _is_number(v: Any) -> bool:
    return isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)


def _load(path: Path) -> Result:
    from fipjax.plotting.files import _kind, load

    thing = load(path)
    return Result(path, _kind(thing), thing)


def _same(a: Result, b: Result) -> None:
    """InputError unless two results are of the same model and data."""
    for key in ("model", "data", "data_hash"):
        here, there = a.fingerprint.get(key), b.fingerprint.get(key)
        if here != there:
            raise InputError(
                f"{a.path.name} has {key} = {here!r}, {b.path.name} has {there!r} (allowed: results of one model and one choice of "
                "data; write a report for each)"
            )


def collect(files: Sequence[Any], model: Any = None) -> Results:
    """Results from files: a run file (.toml), fits (.json), scans (.zarr), posteriors and profiles (.nc), in any order.

    A run file alone stands for the outputs under their default names beside it or in the current directory.  Its plugins and its
    model are loaded; model: a model that is not in the list, for results without a run file ("FILE.py:NAME", or a Model).
    Raises InputError for a file that cannot be read, for results of different likelihoods, and when there is no result.
    """
    paths = [expand(f) for f in files]
    if not paths:
        raise InputError("no file to report on (allowed: a run file, or what fit, scan, sample or profile wrote)")
    runs = [p for p in paths if p.suffix == ".toml"]
    if len(runs) > 1:
        raise InputError(f"{len(runs)} run files (allowed: at most one in a report)")
    out = Results([])
    if runs:
        from fipjax.runfile import load_run

        out.run = load_run(runs[0])
        out.run_text = runs[0].read_text(encoding="utf-8")
        _load_own(out, runs[0].parent)
    if model is not None:
        from fipjax.models import get_model

        out.own = get_model(model)
    out.results = [_load(p) for p in paths if p.suffix != ".toml"]
    if runs and not out.results:
        out.results = _outputs(runs[0], out)
    for r in out.results[1:]:
        _same(out.results[0], r)
    if out.run is not None:
        _matches_run(out, runs[0].name)
    order = list(_COMMANDS)
    out.results.sort(key=lambda r: order.index(r.kind))
    return out


def _load_own(out: Results, base: Path) -> None:
    """Plugins and model of the run file; the page is made without them if they cannot be loaded."""
    from fipjax import plugins
    from fipjax.models import get_model

    try:
        plugins.load_plugins(out.run.plugins, base)
        if plugins.is_reference(out.run.model):
            out.own = get_model(out.run.model_reference)
    except InputError as err:
        out._note(str(err))


def _outputs(run: Path, out: Results) -> list[Result]:
    """Outputs under their default names; those of another model are left out."""
    places = list(dict.fromkeys((run.resolve().parent, Path.cwd())))
    found: list[Result] = []
    for name in DEFAULTS:
        path = next((d / name for d in places if (d / name).exists()), None)
        if path is None:
            continue
        result = _load(path)
        if result.fingerprint.get("model") == _model_name(out.run.model):
            found.append(result)
        else:
            out._note(f"{name} is of model {result.fingerprint.get('model')!r} and was left out")
    if not found:
        where = " or ".join(repr(str(d)) for d in places)
        raise InputError(
            f"no output of {run.name} in {where} (looked for {', '.join(DEFAULTS)}; run 'fipjax fit {run.name}' first, or name the "
            f"files: fipjax report {run.name} FIT.json ...)"
        )
    return found


def _model_name(text: str) -> str:
    """Name of a model, also of one in a file of its own (FILE.py:NAME)."""
    return text.rpartition(":")[2] if ".py:" in text else text


def _matches_run(out: Results, name: str) -> None:
    first = out.results[0]
    wanted = {"model": _model_name(out.run.model), "data": out.run.data.get("vintage", "latest")}
    for key, value in wanted.items():
        found = first.fingerprint.get(key)
        if found is not None and found != value and ".py" not in out.run.model:
            raise InputError(
                f"{first.path.name} has {key} = {found!r}, {name} has {value!r} (allowed: the run file of these results)"
            )
