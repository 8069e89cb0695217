"""Sets of measurements, vintages, and the experimental covariance."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from fipjax.data import _patterns
from fipjax.errors import InputError, MissingDependency, did_you_mean, unknown

VINTAGES = ("2021", "datta2022", "latest")

# Between the J/psi and psi(2S) and on their flanks no prediction without charm resonances is meaningful (GeV^2)
CHARMONIUM = (8.7, 14.0)
# Above the resonances, quark-hadron duality holds for wide bins only (arXiv:1101.5118)
HIGH_Q2 = 14.0


@dataclass(frozen=True)
class Measurement:
    """One number: observable (flavio name with bin), value, total errors (plus, minus), in powers of GeV.

    systematic: part of the error that is common to the branching fractions of one publication (0 if not separable).
    combines: repeats other numbers of its set.  left_out: why it is left out unless ``use`` names the observable with its bin, or
    empty.  publication: in a set that collects several, the one the number is from.  sm, sm_error: Standard-Model expectation and
    error that the publication quotes beside the number, or nan.
    """

    observable: str
    value: float
    plus: float
    minus: float
    systematic: float = 0.0
    combines: bool = False
    left_out: str = ""
    publication: str = ""
    sm: float = math.nan
    sm_error: float = math.nan

    @property
    def sigma(self) -> float:
        """Mean of the two errors."""
        return 0.5 * (self.plus + self.minus)

    @property
    def bin(self) -> tuple[float, float] | None:
        """q^2 bin in GeV^2, or None."""
        m = re.search(r"\[([^\]]+)\]$", self.observable)
        if not m:
            return None
        parts = [float(x) for x in m[1].split(",")]
        return (parts[0], parts[-1])


@dataclass(frozen=True)
class MeasurementSet:
    """One publication.  correlation: of the total errors, in the order of the measurements, or None."""

    id: str
    experiment: str
    arxiv: str
    year: int
    vintages: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    correlation: np.ndarray | None = None
    kind: str = "measurement"
    grade: str = "A"
    note: str = ""
    source_of_digits: str = ""
    superseded_by: str = ""
    path: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def _number(where: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{where}: {key} = {value!r} (allowed: a finite number)")
    return float(value)


def _errors(where: str, raw: Any) -> list[tuple[float, float]]:
    if not isinstance(raw, list) or not raw:
        raise InputError(f"{where}: errors = {raw!r} (allowed: a list of numbers or [plus, minus] pairs)")
    out = []
    for e in raw:
        pair = e if isinstance(e, list) else [e, e]
        if len(pair) != 2:
            raise InputError(f"{where}: errors entry {e!r} (allowed: a number or [plus, minus])")
        p, m = (_number(where, "errors", x) for x in pair)
        if p < 0 or m < 0 or p + m == 0:
            raise InputError(f"{where}: errors entry {e!r} (allowed: positive)")
        out.append((p, m))
    return out


def parse_set(raw: dict, path: str) -> MeasurementSet:
    """Set from the content of a TOML file; InputError names the file, the field and the value."""
    where = Path(path).name
    if not isinstance(raw.get("id"), str):
        raise InputError(f"{where}: id = {raw.get('id')!r} (allowed: a text)")
    entries = raw.get("measurement", [])
    if not isinstance(entries, list):
        raise InputError(f"{where}: 'measurement' (allowed: [[measurement]] tables)")
    measurements = []
    for i, m in enumerate(entries):
        here = f"{where}: measurement {i + 1}"
        if not isinstance(m.get("observable"), str):
            raise InputError(f"{here}: observable = {m.get('observable')!r} (allowed: a flavio name with its bin)")
        value = _number(here, "value", m.get("value"))
        errors = _errors(here, m.get("errors"))
        labels = m.get("error_labels", [])
        plus = math.sqrt(sum(p * p for p, _ in errors))
        minus = math.sqrt(sum(q * q for _, q in errors))
        syst = 0.0
        if len(labels) == len(errors) > 1:
            syst = math.sqrt(sum((0.5 * (p + q)) ** 2 for (p, q), l in zip(errors, labels, strict=True) if l != "stat"))
        left_out, publication = (str(m.get(key, "")) for key in ("left_out", "publication"))
        quoted = [_number(here, key, m[key]) if key in m else math.nan for key in ("sm", "sm_error")]
        if math.isnan(quoted[0]) != math.isnan(quoted[1]) or quoted[1] <= 0 or quoted[0] == 0:
            raise InputError(f"{here}: sm = {m.get('sm')!r}, sm_error = {m.get('sm_error')!r} (allowed: both or neither, not 0)")
        combines = bool(m.get("combines", False))
        measurements.append(
            Measurement(m["observable"], value, plus, minus, syst, combines, left_out, publication, quoted[0], quoted[1])
        )
    correlation = None
    if "correlation" in raw:
        correlation = np.array(raw["correlation"], dtype=float)
        n = len(measurements)
        if correlation.shape != (n, n) or not np.allclose(correlation, correlation.T, atol=1e-6):
            raise InputError(f"{where}: correlation of shape {correlation.shape} (allowed: symmetric {n} x {n})")
    vintages = tuple(str(v) for v in raw.get("vintages", ()))
    for v in vintages:
        if v not in VINTAGES:
            raise InputError(f"{where}: vintage {v!r} (allowed: {', '.join(VINTAGES)})")
    known = {"id", "experiment", "arxiv", "year", "vintages", "measurement", "correlation", "kind", "grade", "note"}
    known |= {"source_of_digits", "superseded_by", "limit"}
    return MeasurementSet(
        raw["id"],
        str(raw.get("experiment", "")),
        str(raw.get("arxiv", "")),
        int(raw.get("year", 0)),
        vintages,
        tuple(measurements),
        correlation,
        str(raw.get("kind", "measurement")),
        str(raw.get("grade", "")),
        str(raw.get("note", "")),
        str(raw.get("source_of_digits", "")),
        str(raw.get("superseded_by", "")),
        path,
        {k: v for k, v in raw.items() if k not in known},
    )


_TEXTS = ("experiment", "arxiv", "inspire", "kind", "grade", "note", "source_of_digits", "superseded_by")
_KEYS = ("id", *_TEXTS, "year", "vintages", "correlation", "measurement")
_MEASUREMENT_KEYS = ("observable", "value", "errors", "error_labels", "combines", "note", "sm", "sm_error")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _known_keys(where: str, table: dict, allowed: Sequence[str]) -> None:
    for key, value in table.items():
        if key not in allowed:
            guess = did_you_mean(str(key), allowed)
            raise InputError(f"{where}: unknown field {key} = {_shown(value)}{guess} (allowed: {', '.join(allowed)})")


def _check_user(raw: Any, where: str) -> None:
    """InputError with file, field and value unless ``raw`` is a complete set that fipjax can predict."""
    if not isinstance(raw, dict):
        raise InputError(f"{where}: content {_shown(raw)} (allowed: the fields id, measurement, ...)")
    _known_keys(where, raw, _KEYS)
    for key in ("id", *_TEXTS):
        # 2401.07090 without quotes is a number that lost its last digit
        if key in raw and not isinstance(raw[key], str):
            raise InputError(f"{where}: {key} = {_shown(raw[key])} (allowed: a text, in quotes)")
    if any(raw.get("id") == s.id for s in list_sets()):
        raise InputError(f"{where}: id = {raw['id']!r} (allowed: a name that no shipped set has)")
    if raw.get("kind", "measurement") != "measurement":
        raise InputError(f"{where}: kind = {raw['kind']!r} (allowed: 'measurement')")
    if isinstance(raw.get("year", 0), bool) or not isinstance(raw.get("year", 0), int):
        raise InputError(f"{where}: year = {_shown(raw['year'])} (allowed: an integer)")
    vintages = raw.get("vintages", [])
    if not isinstance(vintages, list) or any(v not in VINTAGES for v in vintages):
        raise InputError(f"{where}: vintages = {_shown(vintages)} (allowed: a list of texts out of {', '.join(VINTAGES)})")
    entries = raw.get("measurement")
    if not isinstance(entries, list) or not entries or not all(isinstance(m, dict) for m in entries):
        raise InputError(f"{where}: measurement = {_shown(entries)} (allowed: a list of tables with observable, value, errors)")
    for i, m in enumerate(entries):
        _check_user_entry(m, f"{where}: measurement {i + 1}")
    if "correlation" in raw:
        _check_correlation(raw["correlation"], len(entries), where)


def _check_user_entry(m: dict, here: str) -> None:
    from fipjax.observables import parse  # the observables read data of this package

    _known_keys(here, m, _MEASUREMENT_KEYS)
    if isinstance(m.get("observable"), str):
        try:
            parse(m["observable"])
        except InputError as err:
            raise InputError(f"{here}: {err}") from None
    if "combines" in m and not isinstance(m["combines"], bool):
        raise InputError(f"{here}: combines = {_shown(m['combines'])} (allowed: true or false)")
    labels, errors = m.get("error_labels"), m.get("errors")
    if labels is not None and isinstance(errors, list):
        if not isinstance(labels, list) or len(labels) != len(errors) or not all(isinstance(l, str) for l in labels):
            raise InputError(f"{here}: error_labels = {_shown(labels)} (allowed: a list of {len(errors)} texts, one per error)")


def _check_correlation(rows: Any, n: int, where: str) -> None:
    if not isinstance(rows, list) or len(rows) != n:
        raise InputError(f"{where}: correlation = {_shown(rows)} (allowed: {n} x {n} numbers, the measurements in their order)")
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != n:
            raise InputError(f"{where}: correlation, row {i + 1} = {_shown(row)} (allowed: {n} numbers)")
        for j, x in enumerate(row):
            r = _number(where, f"correlation, row {i + 1}, column {j + 1}", x)
            if (i == j and r != 1.0) or abs(r) > 1.0:
                allowed = "1, correlations and not covariances" if i == j else "-1 to 1"
                raise InputError(f"{where}: correlation, row {i + 1}, column {j + 1} = {x!r} (allowed: {allowed})")
            if j < i and abs(r - rows[j][i]) > 1e-6:
                pair = f"row {j + 1}, column {i + 1} = {rows[j][i]!r}, row {i + 1}, column {j + 1} = {x!r}"
                raise InputError(f"{where}: correlation, {pair} (allowed: equal)")
    lowest = np.linalg.eigvalsh(np.array(rows, dtype=float)).min()
    if lowest < -1e-6:
        raise InputError(f"{where}: correlation has the eigenvalue {lowest:.3g} (allowed: none below 0)")


@lru_cache(maxsize=1)
def _yaml_loader(yaml: Any) -> Any:
    """Safe loader that reads 4e-10 as a number and refuses a field that appears twice, as TOML does."""
    base: Any = yaml.SafeLoader

    class Loader(base):
        def construct_mapping(self, node, deep=False):
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
            if twice is not None:
                raise yaml.constructor.ConstructorError(None, None, f"field {twice!r} twice", node.start_mark)
            return super().construct_mapping(node, deep)

    # YAML 1.1 wants a point in the mantissa and a sign in the exponent
    number = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    return Loader


def _read_yaml(text: str, path: str | Path) -> Any:
    try:
        import yaml
    except ImportError:
        raise MissingDependency(f'measurement file {str(path)!r} needs PyYAML (pip install "fipjax[yaml]")') from None
    try:
        return yaml.load(text, Loader=_yaml_loader(yaml))
    except (yaml.YAMLError, ValueError) as err:
        raise InputError(f"measurement file {str(path)!r} is not valid YAML: {err}") from None


def load_set(path: str | Path) -> MeasurementSet:
    """Read a user's own measurements: a TOML file, or a YAML file (.yaml, .yml) with the same fields.

    InputError names the file, the field and the value: an unknown field, an observable that fipjax does not predict, a
    correlation matrix that is none.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"cannot read measurement file {str(path)!r}: {err}") from None
    if Path(path).suffix.lower() in (".yaml", ".yml"):
        raw = _read_yaml(text, path)
    else:
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as err:
            raise InputError(f"measurement file {str(path)!r} is not valid TOML: {err}") from None
    _check_user(raw, Path(path).name)
    return parse_set(raw, str(path))


@lru_cache(maxsize=1)
def list_sets() -> tuple[MeasurementSet, ...]:
    """All shipped sets, by file name."""
    folder = resources.files("fipjax").joinpath("data", "measurements")
    out = []
    for item in sorted(folder.iterdir(), key=lambda p: p.name):
        if item.name.endswith(".toml"):
            out.append(parse_set(tomllib.loads(item.read_text(encoding="utf-8")), item.name))
    return tuple(out)


# a_mu in the Standard Model, by vintage: the set that holds it
_A_MU_SM = {"2021": "2006.04822", "datta2022": "2006.04822", "latest": "2505.21476"}


@lru_cache(maxsize=4)
def a_mu_sm(vintage: str) -> tuple[float, float]:
    """(value, error) of the Standard-Model a_mu of a vintage: the White Papers of 2020 (data-driven) and 2025 (lattice)."""
    check_vintage(vintage)
    for s in list_sets():
        if s.kind == "prediction" and s.arxiv == _A_MU_SM[vintage]:
            return s.measurements[0].value, s.measurements[0].sigma
    raise InputError(f"no Standard-Model a_mu for vintage {vintage!r}")


def check_vintage(vintage: str) -> None:
    if vintage not in VINTAGES:
        raise unknown("data vintage", vintage, VINTAGES, "see 'fipjax data'")


@dataclass(frozen=True)
class Dataset:
    """Measurements in a fit: observables, values, errors (plus, minus), experimental correlation.  Arrays of length n.

    labels: set each number comes from.  sm, sm_error: expectations quoted beside the numbers, nan where there is none.
    left_out: (observable, set id, reason) of what the vintage has and the fit has not.
    """

    observables: tuple[str, ...]
    labels: tuple[str, ...]
    value: np.ndarray
    plus: np.ndarray
    minus: np.ndarray
    correlation: np.ndarray
    sm: np.ndarray
    sm_error: np.ndarray
    left_out: tuple[tuple[str, str, str], ...]

    @property
    def sigma(self) -> np.ndarray:
        return 0.5 * (self.plus + self.minus)

    @property
    def covariance(self) -> np.ndarray:
        return self.correlation * np.outer(self.sigma, self.sigma)


def _is_rate(observable: str) -> bool:
    return observable.startswith(("<dBR/dq2>", "<BR>"))


def select(
    vintage: str,
    predicted: Iterable[str],
    *,
    use: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    charmonium: bool = False,
    extra: Sequence[MeasurementSet] = (),
) -> Dataset:
    """Measurements of a vintage that can be predicted.

    predicted: names of observables (without bin) that fipjax computes.  use, drop: set ids, arXiv numbers or observable patterns.
    ``use`` also brings in a set outside the vintage when it names its id, or its arXiv number if the vintage has nothing of that
    publication.  Every entry of ``use`` has to find a number; one of ``drop`` has to exist, in this vintage or another.
    charmonium: keep bins that overlap 8.7 to 14 GeV^2.  extra: the user's own sets, always included, each once.

    Of numbers that repeat each other, narrow bins are taken below 14 GeV^2 and the wide one above.
    """
    check_vintage(vintage)
    predicted = set(predicted)
    wanted = None if use is None else _patterns.patterns("use", use)
    dropped = _patterns.patterns("drop", drop)
    hits = dict.fromkeys(wanted or (), 0)
    chosen: list[tuple[MeasurementSet, list[int]]] = []
    left_out = []
    shipped = [s for s in list_sets() if s.kind != "prediction"]
    _patterns.check_ids(extra, list_sets())
    sets = [*shipped, *extra]
    own = {s.id for s in extra}
    for d in dropped:
        _patterns.check_drop(d, sets, predicted)
    named, shared = _patterns.named_outside(wanted or (), sets, lambda s: vintage in s.vintages or s.id in own)
    for s in sets:
        if vintage not in s.vintages and s.id not in named | own:
            if s.id in shared:
                left_out += [(m.observable, s.id, "not in the vintage") for m in s.measurements]
            continue
        wide = [m.bin for m in s.measurements if m.combines and m.bin and m.bin[0] >= HIGH_Q2]
        keep = []
        for i, m in enumerate(s.measurements):
            if wanted is not None:
                matched = [u for u in wanted if u.matches(s, m)]
                for u in matched:
                    hits[u] += 1
                if not matched and s.id not in own:
                    continue
            if any(d.matches(s, m) for d in dropped):
                left_out.append((m.observable, s.id, "dropped on request"))
                continue
            if m.observable.split("[")[0] not in predicted:
                left_out.append((m.observable, s.id, "not predicted"))
                continue
            b = m.bin
            explicit = any(u.names(m) for u in wanted or ())
            if m.left_out and not explicit:
                left_out.append((m.observable, s.id, m.left_out))
                continue
            if b is not None and not explicit:
                if m.combines and b[0] < HIGH_Q2:
                    left_out.append((m.observable, s.id, "repeats narrower bins"))
                    continue
                if not m.combines and any(lo <= b[0] and b[1] <= hi for lo, hi in wide):
                    left_out.append((m.observable, s.id, "covered by a wider bin at high q2"))
                    continue
                if not charmonium and b[0] < CHARMONIUM[1] and b[1] > CHARMONIUM[0]:
                    left_out.append((m.observable, s.id, "charmonium region"))
                    continue
            elif m.combines and not explicit:
                left_out.append((m.observable, s.id, "repeats other numbers"))
                continue
            keep.append(i)
        if keep:
            chosen.append((s, keep))
    for u, count in hits.items():
        if count == 0:
            raise _patterns.no_match(u, vintage, sets, predicted)
    return _assemble(chosen, left_out)


def _assemble(chosen, left_out) -> Dataset:
    rows = [(s, i) for s, keep in chosen for i in keep]
    n = len(rows)
    corr = np.eye(n)
    start = 0
    for s, keep in chosen:
        sl = slice(start, start + len(keep))
        if s.correlation is not None:
            corr[sl, sl] = s.correlation[np.ix_(keep, keep)]
            np.fill_diagonal(corr[sl, sl], 1.0)
        else:
            corr[sl, sl] = _systematic_correlation([s.measurements[i] for i in keep])
        start += len(keep)
    ms = [s.measurements[i] for s, i in rows]
    return Dataset(
        tuple(m.observable for m in ms),
        tuple(s.id for s, _ in rows),
        np.array([m.value for m in ms]),
        np.array([m.plus for m in ms]),
        np.array([m.minus for m in ms]),
        corr,
        np.array([m.sm for m in ms]),
        np.array([m.sm_error for m in ms]),
        tuple(left_out),
    )


def _systematic_correlation(ms: Sequence[Measurement]) -> np.ndarray:
    """Correlation of branching fractions without a published one: systematic errors of one publication fully correlated
    (they are dominated by the normalisation mode), statistical ones uncorrelated, as in arXiv:1411.3161."""
    n = len(ms)
    c = np.eye(n)
    for i in range(n):
        for j in range(n):
            same = ms[i].observable.split("[")[0] == ms[j].observable.split("[")[0]
            same = same and ms[i].publication == ms[j].publication
            if i != j and same and _is_rate(ms[i].observable):
                c[i, j] = ms[i].systematic * ms[j].systematic / (ms[i].sigma * ms[j].sigma)
    return c
