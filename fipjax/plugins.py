"""Models, observables, bounds and measurements in Python files of the user.

``FILE.py:NAME`` stands for an object of such a file wherever a model is named; :func:`load_plugins` runs files that register
observables, bounds and measurements with the functions of this module (and models with ``fipjax.register_model``).  A file is run
once; when its content has changed it is run anew, and what it had registered before is replaced.  docs/own_model.md has examples.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import linecache
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from fipjax import constraints as _constraints
from fipjax._paths import expand
from fipjax.data import MeasurementSet
from fipjax.data._measurements import _check_user, parse_set
from fipjax.engines.source import local_modules
from fipjax.errors import InputError, unknown
from fipjax.hadronic import derive
from fipjax.models.base import MODELS, Model
from fipjax.models.own import Guarded, as_model, explain, own_model
from fipjax.observables import Predictor
from fipjax.observables import base as _observables
from fipjax.theory import Theory

_SUFFIX = ".py"
# registry -> what its entries are called
_REGISTRIES: dict[str, dict[str, Any]] = {
    "models": MODELS,
    "observables": _observables.FAMILIES,
    "groups": _observables.GROUPS,
    "constraints": _constraints.CONSTRAINTS,
}
#: names that fipjax itself registered
_SHIPPED: dict[str, frozenset[str]] = {kind: frozenset(table) for kind, table in _REGISTRIES.items()}


@dataclass
class Plugin:
    """What one file registered: names of models, observables and constraints; MeasurementSets; path, and hash of the content with
    that of the modules beside it that it imports."""

    path: Path
    hash: str
    module: types.ModuleType
    models: tuple[str, ...] = ()
    observables: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    measurements: tuple[MeasurementSet, ...] = ()


@dataclass
class Plugins:
    """What :func:`load_plugins` found in all files together."""

    files: tuple[Plugin, ...]
    models: tuple[str, ...] = field(init=False)
    observables: tuple[str, ...] = field(init=False)
    constraints: tuple[str, ...] = field(init=False)
    measurements: tuple[MeasurementSet, ...] = field(init=False)

    def __post_init__(self):
        for key in ("models", "observables", "constraints", "measurements"):
            setattr(self, key, tuple(x for f in self.files for x in getattr(f, key)))


_LOADED: dict[Path, Plugin] = {}
_LOADING: list[tuple[Path, list[MeasurementSet]]] = []
#: files given on the command line: their measurements join every run
COMMAND_LINE: list[Plugin] = []


# ------------------------------------------------------------------------------------------------ files


def _resolve(path: str | os.PathLike, base: str | os.PathLike | None = None) -> Path:
    p = expand(path)
    return (p if p.is_absolute() or base is None else Path(base) / p).resolve()


def load_file(path: str | os.PathLike) -> Plugin:
    """Run a Python file and return what it registered; a file that has not changed (nor the modules beside it that it imports)
    is not run again.

    Raises InputError with one line that names the file, and the line of a mistake in it.
    """
    file = _resolve(path)
    shown = Path(path).name
    if file.suffix != _SUFFIX:
        raise InputError(f"file {str(path)!r} (allowed: a Python file, {_SUFFIX})")
    try:
        source = file.read_bytes()
    except OSError as err:
        raise InputError(f"cannot read {str(path)!r}: {err.strerror or err} (allowed: an existing Python file)") from None
    beside = local_modules(file)
    digest = _digest(source, beside, file.parent)
    known = _LOADED.get(file)
    if known is not None and known.hash == digest:
        return known
    if any(file == f for f, _ in _LOADING):
        raise InputError(f"{shown} loads itself (allowed: a file that does not refer to its own objects by FILE.py:NAME)")
    try:
        code = compile(source, str(file), "exec")
    except SyntaxError as err:
        raise InputError(f"{shown} line {err.lineno}: {err.msg} (allowed: valid Python)") from None
    except ValueError as err:
        raise InputError(f"{shown}: {err} (allowed: valid Python)") from None
    module = types.ModuleType(f"fipjax_plugin_{file.stem}_{digest}")
    module.__file__ = str(file)
    linecache.checkcache(str(file))
    _forget_changed(beside, file.parent)
    previous = None if known is None else _withdraw(known)
    before = {kind: set(table) for kind, table in _REGISTRIES.items()}
    sets: list[MeasurementSet] = []
    # pickles and dataclasses look a module up; modules beside the file can be imported, as for a script
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(file.parent))
    _LOADING.append((file, sets))
    try:
        exec(code, module.__dict__)
    except BaseException as err:
        sys.modules.pop(module.__name__, None)
        _restore(before, previous)
        if isinstance(err, KeyboardInterrupt):
            raise
        text = explain(err, str(file))
        if isinstance(err, InputError):
            text = text.replace("InputError: ", "", 1)
        elif isinstance(err, ModuleNotFoundError):
            text += f" (allowed: installed modules and those beside {shown})"
        raise InputError(text if text.startswith(shown) else f"{shown}: {text}") from err
    finally:
        _LOADING.pop()
        if str(file.parent) in sys.path:
            sys.path.remove(str(file.parent))
    new = {kind: tuple(sorted(set(table) - before[kind])) for kind, table in _REGISTRIES.items()}
    plugin = Plugin(file, digest, module, new["models"], new["observables"], new["constraints"], new["groups"], tuple(sets))
    for name in plugin.models:
        MODELS[name] = own_model(MODELS[name], source=str(file), source_hash=digest)
    _LOADED[file] = plugin
    _forget_compiled()
    return plugin


def _digest(source: bytes, beside: Mapping[Path, bytes], folder: Path) -> str:
    """Hash of a file and of the modules beside it that it imports."""
    digest = hashlib.sha256(source)
    for path, content in beside.items():
        digest.update(f"\n{path.relative_to(folder).as_posix()}\n".encode())
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


_BESIDE: dict[Path, bytes] = {}


def _forget_changed(beside: Mapping[Path, bytes], folder: Path) -> None:
    """Modules beside a file are imported anew if one of them has changed, or has the name of one beside another file."""
    changed = any(_BESIDE.get(path, content) != content for path, content in beside.items())
    tops = {path.relative_to(folder).with_suffix("").parts[0] for path in beside}
    for name, module in list(sys.modules.items()):
        place = Path(getattr(module, "__file__", None) or "")
        if place not in _BESIDE:
            continue
        other = name.split(".")[0] in tops and not place.is_relative_to(folder)
        if other or (changed and place in beside):
            # a package (perhaps without a file of its own) holds its modules as attributes
            for n in range(name.count(".") + 1):
                sys.modules.pop(name.rsplit(".", n)[0], None)
    importlib.invalidate_caches()
    _BESIDE.update(beside)


def _withdraw(plugin: Plugin) -> dict[str, dict[str, Any]]:
    """Take back what a file registered; returned, so that it can be restored."""
    out: dict[str, dict[str, Any]] = {}
    for kind, table in _REGISTRIES.items():
        out[kind] = {n: table.pop(n) for n in getattr(plugin, kind) if n in table}
    return out


def _restore(before: Mapping[str, set[str]], previous: Mapping[str, dict[str, Any]] | None) -> None:
    for kind, table in _REGISTRIES.items():
        for name in set(table) - before[kind]:
            del table[name]
        table.update(previous[kind] if previous else {})


def _forget_compiled() -> None:
    """Programs that predict kept hold the functions of files that have been run anew."""
    prediction = sys.modules.get("fipjax.prediction")
    if prediction is not None:
        prediction._evaluator.cache_clear()


def load_plugins(files: str | os.PathLike | Sequence[str | os.PathLike], base: str | os.PathLike | None = None) -> Plugins:
    """Run Python files that register observables, bounds, measurements and models.

    files: one path or several; relative ones start at ``base`` (default: the working directory).
    Returns a :class:`Plugins` with the names and the measurement sets; give those to a likelihood,
    ``Likelihood(..., measurements=plugins.measurements)``.  Raises InputError for a file that cannot be run or used.
    """
    paths = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    plugins = []
    for p in paths:
        if not isinstance(p, (str, os.PathLike)):
            raise InputError(f"plugins = {p!r} (allowed: a path of a Python file, or a list of them)")
        plugins.append(load_file(_resolve(p, base) if base is not None else p))
    return Plugins(tuple(plugins))


def load_command_line(files: Iterable[str] | None) -> None:
    """Run the files of the option --plugin; their measurements join the likelihoods of run files."""
    COMMAND_LINE[:] = load_plugins(list(files or ())).files


# ------------------------------------------------------------------------------------------------ FILE.py:NAME


def split_reference(text: str) -> tuple[str, str]:
    """("mymodel.py", "LightScalar") of "mymodel.py:LightScalar"; the name is empty if there is none."""
    if text.endswith(_SUFFIX):
        return text, ""
    file, _, name = text.rpartition(":")
    return (file, name) if file.endswith(_SUFFIX) else (text, "")


def is_reference(text: object) -> bool:
    """Whether a text stands for an object in a Python file."""
    return isinstance(text, str) and split_reference(text)[0].endswith(_SUFFIX)


def _can_be_model(thing: Any) -> bool:
    return isinstance(thing, Model) or (
        hasattr(thing, "parameters")
        and not isinstance(thing, type(inspect))
        and (hasattr(thing, "theory") or hasattr(thing, "build"))
    )


def load_object(reference: str) -> tuple[Any, Plugin, str]:
    """(object, file, name) behind ``FILE.py:NAME``; without NAME the only model of the file."""
    path, name = split_reference(reference)
    plugin = load_file(path)
    shown = Path(path).name
    own = plugin.module.__name__
    here = {}
    for k, v in vars(plugin.module).items():
        # what the file imports is not meant
        if isinstance(v, Model) or (not k.startswith("_") and getattr(v, "__module__", own) == own):
            here[k] = v
    models = [k for k, v in here.items() if _can_be_model(v)]
    if not name:
        if len(models) != 1:
            found = ", ".join(f"{shown}:{k}" for k in models) or "it has none"
            raise InputError(f"model {reference!r} names no object of the file (allowed: {shown}:NAME; models there: {found})")
        name = models[0]
    if not hasattr(plugin.module, name):
        others = models or [k for k, v in here.items() if callable(v)]
        raise unknown(f"name in {shown}", name, others)
    return getattr(plugin.module, name), plugin, name


def load_model(reference: str) -> Model:
    """The checked Model behind ``FILE.py:NAME``: a Model, a class or function that describes one (docs/own_model.md).

    Raises InputError that names file and object, and what is missing or wrong.
    """
    thing, plugin, name = load_object(reference)
    shown = f"{plugin.path.name}:{name}"
    model = own_model(thing, shown, str(plugin.path), plugin.hash)
    taken = MODELS.get(model.name)
    if taken is not None and model.name in _SHIPPED["models"]:
        raise InputError(f"{shown}: name = {model.name!r} is a model of fipjax (allowed: a name of its own)")
    return model


# ------------------------------------------------------------------------------------------------ registration


def _origin(function: Callable) -> tuple[str, str]:
    code = getattr(function, "__code__", None)
    return (code.co_filename if code else "", getattr(function, "__qualname__", ""))


_ORIGINS: dict[tuple[str, str], tuple[str, str]] = {}


def _make_room(kind: str, name: str, function: Callable) -> None:
    """The same function defined again (a notebook cell) replaces itself; any other name that is taken is an error."""
    table, origin = _REGISTRIES[kind], _origin(function)
    if name in table and name not in _SHIPPED[kind]:
        before = _ORIGINS.get((kind, name))
        again = before is not None and (
            before == origin or (getattr(function, "__module__", "") == "__main__" and before[1] == origin[1])
        )
        if again:
            del table[name]
            _forget_compiled()
    _ORIGINS[kind, name] = origin


def _arguments(function: Callable, what: str) -> int:
    if not callable(function):
        raise InputError(f"{what}: {function!r} (allowed: a function)")
    try:
        return len(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        raise InputError(f"{what}: {function!r} (allowed: a Python function)") from None


class InputValues(Mapping):
    """Hadronic and Standard-Model inputs of an observable: name -> number; ``fipjax.hadronic.default_inputs().names`` lists them.

    ``derived``: what follows from them (:func:`fipjax.hadronic.derive`: running couplings, masses, CKM factors).
    """

    def __init__(self, names: tuple[str, ...], values):
        self._names, self._values = {n: i for i, n in enumerate(names)}, values

    def __getitem__(self, name: str):
        if name not in self._names:
            raise unknown("input", name, self._names)
        return self._values[self._names[name]]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def get(self, name, default=None):
        return self[name] if name in self._names else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def derived(self) -> dict[str, Any]:
        return derive(self)


class _OwnGroup:
    """The protocol of :class:`fipjax.observables.base.Group` around a function (theory, inputs, *bin) -> (B,)."""

    def __init__(self, name: str, function: Guarded, of: Sequence[str], requests: Sequence[Any], conventions: str = "default"):
        self.name, self.function, self.requests = name, function, list(requests)
        self.parts = Predictor(of, conventions) if of else None
        self._names: tuple[str, ...] = ()

    def tables(self, par, sm):
        if self.parts is not None:
            return self.parts.tables(par)
        self._names = tuple(par)
        return jnp.stack([jnp.asarray(v, float) for v in par.values()])

    def contract(self, theory: Theory, tables):
        return tables if self.parts is None else self.parts.contract(theory, tables)

    def evaluate(self, theory: Theory, tables):
        if self.parts is not None:
            return [self._one(*self.parts(theory, tables)) for _ in self.requests]
        return [self._one(theory, InputValues(self._names, tables), *r.args) for r in self.requests]

    def _one(self, *arguments):
        value = self.function(*arguments)
        what = f"observable {self.name!r}"
        try:
            value = jnp.asarray(value)
        except (TypeError, ValueError):
            raise InputError(f"{what} returned an object of type {type(value).__name__} (allowed: an array (B,))") from None
        if jnp.iscomplexobj(value):
            raise InputError(f"{what} is complex (allowed: real)")
        if value.ndim > 1:
            raise InputError(f"{what} has shape {value.shape} (allowed: (B,), one number per point)")
        return jnp.atleast_1d(value).astype(float)


def observable(
    name: str,
    *,
    unit: str = "",
    latex: str = "",
    description: str = "",
    source: str = "",
    kind: str = "number",
    of: Sequence[str] = (),
    q2_range: tuple[float, float] | None = None,
    customary: tuple[float, str] | None = None,
) -> Callable[[Callable], Callable]:
    """Decorator that makes a function an observable.

    The function takes ``(theory, inputs)``; with kind="point" also q2, with kind="binned" also q2min and q2max (GeV^2, numbers
    from the brackets of the name).  theory: :class:`fipjax.Theory` with arrays of B points; without new physics its fields are
    empty, and the result is the Standard-Model value.  inputs: :class:`InputValues`, traced.  Returns (B,) real, in powers of GeV;
    pure JAX.
    of: names of other observables; then the function takes their values instead, (B,) each, such as a ratio of two.
    unit: power of GeV ("" for none).  customary: (factor, unit) for tables.  q2_range: physical region.

    Raises InputError if the name is taken or the function has other arguments.
    """
    extra = {"number": 0, "point": 1, "binned": 2}
    if kind not in extra:
        raise unknown("kind of observable", kind, extra)
    if isinstance(of, str):
        of = [of]
    if not isinstance(name, str) or not name.strip() or set(name) & set("[]"):
        raise InputError(f"observable {name!r} (allowed: a name without brackets; bins follow from kind='binned')")

    def register(function: Callable) -> Callable:
        what = f"observable {name!r}"
        n = _arguments(function, what)
        if of:
            for part in of:
                _observables.parse(part)
            if kind != "number" or n != len(of):
                raise InputError(
                    f"{what}: kind {kind!r}, {n} arguments (allowed: 'number' and one argument for each of {len(of)} names)"
                )
        elif n != 2 + extra[kind]:
            wanted = {"number": "(theory, inputs)", "point": "(theory, inputs, q2)", "binned": "(theory, inputs, q2min, q2max)"}[
                kind
            ]
            raise InputError(f"{what}: the function has {n} arguments (allowed: {wanted})")
        _make_room("observables", name, function)
        group = f"own:{name}"
        about = description or (function.__doc__ or "").strip().split("\n")[0]
        family = _observables.Family(name, kind, unit, latex or name, about, source, group, q2_range, customary)
        _observables.register_family(family)
        guarded = Guarded(what, function)
        parts = tuple(of)
        _observables.register_group(
            group, lambda requests, conventions="default": _OwnGroup(name, guarded, parts, requests, conventions)
        )
        return function

    return register


def constraint(
    name: str,
    *,
    latex: str = "",
    description: str = "",
    source: str = "",
    cl: str = "90 %",
    applies: str = "",
    kind: str = "limit",
    softness: float = 0.1,
    strength: float = 2.0,
    observables: Sequence[str] = (),
    group: str = "other",
    opt_in: bool = False,
) -> Callable[[Callable], Callable]:
    """Decorator that makes a function a bound.

    The function takes ``(theory)`` or ``(theory, context)`` (:class:`fipjax.constraints.Context`: data vintage, conventions) and
    returns prediction/limit, (B,) and not negative, excluded above 1; or None where the bound says nothing about such a theory.
    kind "gaussian" and "chi2", softness, strength, observables: :class:`fipjax.constraints.Constraint`.  opt_in: not part of "all".

    Raises InputError if the name is taken or the function has other arguments.
    """

    def register(function: Callable) -> Callable:
        what = f"constraint {name!r}"
        n = _arguments(function, what)
        if n not in (1, 2):
            raise InputError(f"{what}: the function has {n} arguments (allowed: (theory) or (theory, context))")
        _make_room("constraints", name, function)
        guarded = Guarded(what, function)

        def ratio(theory, context):
            r = guarded(theory, context) if n == 2 else guarded(theory)
            if r is None:
                return None
            r = jnp.asarray(r)
            if r.ndim > 1 or jnp.iscomplexobj(r):
                raise InputError(f"{what} returned {r.dtype} of shape {r.shape} (allowed: prediction/limit, real, (B,))")
            return jnp.atleast_1d(r)

        about = description or (function.__doc__ or "").strip().split("\n")[0]
        _constraints.register_constraint(
            _constraints.Constraint(
                name, latex or name.replace("_", " "), about, source, cl, applies, ratio,
                softness=softness, kind=kind, strength=strength, observables=tuple(observables), group=group, opt_in=opt_in,
            )
        )  # fmt: skip
        return function

    return register


def measurement(
    id: str,
    values: Mapping[str, Any],
    *,
    correlation: Any = None,
    experiment: str = "",
    arxiv: str = "",
    note: str = "",
) -> MeasurementSet:
    """A set of measurements, as a measurement file describes it (docs/own_measurement.md).

    values: observable -> (value, error), error a number or [plus, minus]; or observable -> dict with value, errors, error_labels.
    correlation: matrix of the total errors.  In a file given as plugin the set joins the likelihoods of a run; elsewhere give it to
    ``Likelihood(..., measurements=[...])``.  Raises InputError that names the field and the value.
    """
    entries = []
    if not isinstance(values, Mapping):
        raise InputError(f"measurement {id!r}: values = {values!r} (allowed: a dict observable -> (value, error))")
    for name, v in values.items():
        if isinstance(v, Mapping):
            entries.append({"observable": name, **v})
            continue
        try:
            value, error = v
        except (TypeError, ValueError):
            raise InputError(f"measurement {id!r}: {name} = {v!r} (allowed: (value, error))") from None
        pair = list(error) if isinstance(error, (tuple, list)) else error
        entries.append({"observable": name, "value": value, "errors": [pair]})
    raw: dict[str, Any] = {"id": id, "measurement": entries, "experiment": experiment, "arxiv": arxiv, "note": note}
    if correlation is not None:
        raw["correlation"] = np.asarray(correlation, float).tolist()
    where = f"measurement {id!r}"
    _check_user(raw, where)
    out = parse_set(raw, str(_LOADING[-1][0]) if _LOADING else where)
    if _LOADING:
        _LOADING[-1][1].append(out)
    return out


# ------------------------------------------------------------------------------------------------ records


def is_own(kind: str, name: str) -> bool:
    """Whether an entry of "models", "observables" or "constraints" is the user's."""
    return name not in _SHIPPED[kind]


def provenance(model: Model | None = None, constraints: Iterable[Any] = (), observables: Iterable[str] = ()) -> dict[str, Any]:
    """``{"own": {"model": HASH, "observable NAME": HASH, ...}}`` of everything in a likelihood that is the user's, else {}.

    The hash is that of the file with the modules beside it that it imports; what was defined elsewhere (a notebook) has that of
    its source text, or of its compiled code.
    constraints: Constraint objects.  observables: names, with or without brackets.
    """
    out: dict[str, str] = {}
    if model is not None and (model.source_hash or is_own("models", model.name)):
        out["model"] = model.source_hash or _function_hash(model.build)
    for c in constraints:
        if is_own("constraints", c.name):
            out[f"constraint {c.name}"] = _file_hash("constraints", c.name) or _function_hash(c.ratio)
    for name in dict.fromkeys(o.split("[")[0] for o in observables):
        if is_own("observables", name):
            group = _observables.GROUPS.get(_observables.FAMILIES[name].group) if name in _observables.FAMILIES else None
            out[f"observable {name}"] = _file_hash("observables", name) or _function_hash(group)
    return {"own": out} if out else {}


def _file_hash(kind: str, name: str) -> str:
    return next((p.hash for p in _LOADED.values() if name in getattr(p, kind)), "")


def _function_hash(function: Any) -> str:
    """Hash of the source of the user's function inside wrappers of this module."""
    seen: list[Any] = [function]
    for f in seen:
        if isinstance(f, (Guarded, functools.partial)):
            seen.append(f.function if isinstance(f, Guarded) else f.func)
            continue
        wrapped = [c.cell_contents for c in getattr(f, "__closure__", None) or () if isinstance(c.cell_contents, Guarded)]
        if wrapped:
            seen.extend(wrapped)
            continue
        try:
            text = inspect.getsource(f).encode()
        except (OSError, TypeError):
            code = getattr(f, "__code__", None)
            text = code.co_code + repr([c for c in code.co_consts if not hasattr(c, "co_code")]).encode() if code else b""
        return hashlib.sha256(text).hexdigest()[:16]
    return ""


__all__ = [
    "InputValues",
    "Plugin",
    "Plugins",
    "as_model",
    "constraint",
    "load_file",
    "load_model",
    "load_object",
    "load_plugins",
    "measurement",
    "observable",
    "provenance",
]
