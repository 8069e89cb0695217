"""Models of the user: what may stand for a Model, and the checks that a model passes before it is used.

A model can be written as a class, read off once and never subclassed from anything::

    class LightVector:
        "A light vector with couplings to muons and to b-s."
        parameters = {
            "m_V": dict(unit="GeV", lower=0.0, open_lower=True, default=None, prior=Flat(1.0, 10.0)),
            "g_mu": dict(prior=LogFlat(1e-6, 1.0)),
        }

        def theory(p):
            return Theory(...)

``name``, ``paper``, ``description`` (else the docstring), ``priors``, ``regions``, ``printed`` and ``products`` may be set beside
``parameters`` and ``theory`` (or ``build``), with the meaning they have in :class:`fipjax.Model`.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.errors import InputError, did_you_mean, unknown
from fipjax.models.base import Model, Parameter, Products, shipped
from fipjax.priors import Prior, prior_from_dict
from fipjax.theory import POLYNOMIALS, STATIC, ScalarMediator, Theory, VectorMediator, propagating

_PARAMETER_FIELDS = [f.name for f in fields(Parameter)]
_CLASS_FIELDS = ("name", "description", "paper", "parameters", "priors", "regions", "printed", "products", "theory", "build")
_TRIED = 3  # points of the check

# ------------------------------------------------------------------------------------------------ mistakes in one line


def _code(function: Any) -> Any:
    """The code object behind a function, a partial or a callable object, or None."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(getattr(function, "function", function))
    if not hasattr(function, "__code__") and not inspect.isclass(function):
        function = vars(type(function)).get("__call__", function)
    return getattr(function, "__code__", None)


_HINTS = {
    "TracerBoolConversionError": "if, and, or, max on an array: use jax.numpy.where, jax.numpy.maximum",
    "TracerArrayConversionError": "a numpy function on a traced array: use jax.numpy",
    "ConcretizationTypeError": "a traced array taken as a Python number: use jax.numpy instead of math and float()",
}


def explain(err: BaseException, where: str = "") -> str:
    """``"mymodel.py line 12: KeyError: 'm_S'"``: the deepest line of the user's file ``where``, and what went wrong there."""
    line, tb = None, err.__traceback__
    while tb is not None:
        if tb.tb_frame.f_code.co_filename == where:
            line = tb.tb_lineno
        tb = tb.tb_next
    text = (str(err).strip().splitlines() or [""])[0][:200]
    for cls in type(err).__mro__:
        if cls.__name__ in _HINTS:
            text = _HINTS[cls.__name__]
            break
    if isinstance(err, TypeError) and "Python scalar" in text:
        text = _HINTS["ConcretizationTypeError"]
    if isinstance(err, ValueError) and "truth value" in text:
        text = _HINTS["TracerBoolConversionError"]
    at = f"{Path(where).name} line {line}: " if line else ""
    return f"{at}{type(err).__name__}" + (f": {text}" if text else "")


@dataclass(frozen=True)
class Guarded:
    """A function of the user; what it raises becomes an InputError that starts with ``what``."""

    what: str
    function: Callable[..., Any]

    def __call__(self, *args):
        try:
            return self.function(*args)
        except InputError:
            raise
        except Exception as err:
            code = _code(self.function)
            raise InputError(f"{self.what}: {explain(err, code.co_filename if code else '')}") from err


@dataclass(frozen=True)
class _Build(Guarded):
    """A user's build: parameters that were left out because they are 0 are put back, the result must be a Theory."""

    zeros: tuple[str, ...] = ()

    def __call__(self, *args):
        (params,) = args
        missing = [n for n in self.zeros if n not in params]
        if missing:
            like = next(iter(params.values())) if params else jnp.zeros(1)
            zero = jnp.zeros(like.shape)
            params = {**params, **dict.fromkeys(missing, zero)}
        out = super().__call__(params)
        if not isinstance(out, Theory):
            raise InputError(f"{self.what} returned {_kind(out)} (allowed: a fipjax.Theory)")
        return out


def _kind(x: Any) -> str:
    return "None" if x is None else f"an object of type {type(x).__name__}"


# ------------------------------------------------------------------------------------------------ what stands for a model


def as_model(thing: Any, what: str = "model") -> Model:
    """The Model that ``thing`` is or describes: a Model, a class or object with ``parameters`` and ``theory`` (or ``build``), or a
    function without arguments that returns one of these.

    Raises InputError that starts with ``what`` and says what is missing.
    """
    if isinstance(thing, Model):
        return thing
    if isinstance(thing, Theory) or thing is None or isinstance(thing, (str, int, float, Mapping)):
        raise InputError(f"{what} is {_kind(thing)} (allowed: a fipjax.Model, a class with parameters and theory, or a function)")
    if inspect.isclass(thing) or hasattr(thing, "parameters"):
        return _declared(thing, what)
    if callable(thing):
        code = _code(thing)
        where = code.co_filename if code else ""
        try:
            inspect.signature(thing).bind()
        except TypeError:
            raise InputError(
                f"{what} needs arguments (allowed: a function without arguments that returns a fipjax.Model)"
            ) from None
        try:
            made = thing()
        except InputError:
            raise
        except Exception as err:
            raise InputError(f"{what}: {explain(err, where)}") from err
        if made is thing or (callable(made) and not inspect.isclass(made) and not hasattr(made, "parameters")):
            raise InputError(f"{what} returned {_kind(made)} (allowed: a fipjax.Model)")
        return as_model(made, f"{what}()")
    raise InputError(f"{what} is {_kind(thing)} (allowed: a fipjax.Model, a class with parameters and theory, or a function)")


def _function(thing: Any, key: str) -> Callable[[Mapping], Theory] | None:
    """``theory(p)`` or ``theory(self, p)`` of a class or an object as a function of p alone."""
    cls = thing if inspect.isclass(thing) else type(thing)
    raw = inspect.getattr_static(thing, key, None)
    if raw is None:
        return None
    if isinstance(raw, (staticmethod, classmethod)) or not inspect.isfunction(raw):
        return getattr(thing, key)
    n = len(inspect.signature(raw).parameters)
    if n == 1:
        return raw
    if n != 2:
        raise InputError(f"{cls.__name__}.{key} has {n} arguments (allowed: one, the parameters)")
    if not inspect.isclass(thing):
        return getattr(thing, key)
    try:
        return getattr(thing(), key)
    except TypeError:
        # a class whose __init__ wants more: nothing in the method may depend on it
        return functools.partial(raw, thing)


def _declared(thing: Any, what: str) -> Model:
    cls = thing if inspect.isclass(thing) else type(thing)
    own = [n for c in cls.__mro__ if c not in (object, Model) for n in vars(c) if not n.startswith("_")]
    for n in own:
        # a slip such as 'prior' or 'parameter' would otherwise be passed over
        if n not in _CLASS_FIELDS and (guess := did_you_mean(n, _CLASS_FIELDS, 1)) and not callable(getattr(thing, n)):
            raise InputError(f"{what}: attribute {n!r}{guess}")
    if not getattr(thing, "parameters", None):
        raise InputError(f"{what} has no 'parameters' (allowed: a class with parameters and a method theory(p) or build(p))")
    names = [n for n in ("theory", "build") if n in own]
    if len(names) != 1:
        raise InputError(
            f"{what} has {' and '.join(names) or 'neither theory nor build'} (allowed: a method theory(p) or build(p))"
        )
    try:
        build = _function(thing, names[0])
        printed = _function(thing, "printed") if "printed" in own else None
    except InputError as err:
        raise InputError(f"{what}: {err}") from None
    name = getattr(thing, "name", None) if "name" in own else cls.__name__
    text = getattr(thing, "description", "") if "description" in own else (cls.__doc__ or "").strip().split("\n")[0]
    parameters, priors = _parameters(thing.parameters, what)
    given = getattr(thing, "priors", {}) if "priors" in own else {}
    if not isinstance(given, Mapping):
        raise InputError(f"{what}: priors = {given!r} (allowed: a dict name -> prior)")
    regions = getattr(thing, "regions", {}) if "regions" in own else {}
    named: Any = name  # checked with the rest
    return Model(
        named,
        text.rstrip("."),
        getattr(thing, "paper", "") if "paper" in own else "",
        parameters,
        build,  # type: ignore[arg-type]
        {**priors, **{k: _prior(k, v, what) for k, v in given.items()}},
        {r: {k: _prior(k, v, what) for k, v in table.items()} for r, table in regions.items()},
        printed,
        getattr(thing, "products", None) if "products" in own else None,
    )


def _prior(name: str, spec: Any, what: str) -> Prior:
    if isinstance(spec, Prior):
        return spec
    if isinstance(spec, Mapping):
        try:
            return prior_from_dict(name, dict(spec))
        except InputError as err:
            raise InputError(f"{what}: {err}") from None
    raise InputError(f"{what}: prior of {name!r} = {spec!r} (allowed: Flat, LogFlat, SignedLog, Gaussian of fipjax.priors)")


def _parameters(given: Any, what: str) -> tuple[tuple[Parameter, ...], dict[str, Prior]]:
    """Parameters and the priors given with them, from a sequence of Parameters or a dict name -> dict of their fields."""
    if not isinstance(given, Mapping):
        try:
            return tuple(given), {}
        except TypeError:
            raise InputError(f"{what}: parameters = {given!r} (allowed: a dict name -> fields, or a list of Parameter)") from None
    parameters, priors = [], {}
    for name, spec in given.items():
        if isinstance(spec, Parameter):
            parameters.append(replace(spec, name=name))
            continue
        if isinstance(spec, Prior):
            spec = {"prior": spec}
        if not isinstance(spec, Mapping):
            raise InputError(f"{what}: parameter {name!r} = {spec!r} (allowed: a dict, a Parameter or a prior)")
        spec = dict(spec)
        if "prior" in spec:
            priors[name] = _prior(name, spec.pop("prior"), what)
        for key in spec:
            if key not in _PARAMETER_FIELDS or key == "name":
                raise unknown(f"field of parameter {name!r} in {what}", key, [*_PARAMETER_FIELDS[1:], "prior"])
        # needed unless there is a default: a coupling that silently is 0 helps nobody
        spec = {"latex": name.replace("_", r"\_"), "unit": "", "description": "", "default": None, **spec}
        parameters.append(Parameter(name, **spec))
    return tuple(parameters), priors


# ------------------------------------------------------------------------------------------------ checks


def _wilson_names() -> list[str]:
    from fipjax.models.wet import PARAMETERS

    lepton = [f"C{op}{prime}_bd{ll}" for op in ("10", "S", "P") for prime in ("", "p") for ll in ("mumu", "ee")]
    return [p.name for p in PARAMETERS] + lepton


def _trial(model: Model) -> tuple[dict[str, np.ndarray], bool]:
    """Three points inside the priors, name -> (3,), and whether every value is one that the author asked for."""
    s, honest = np.array([0.25, 0.5, 0.75]), True
    shifts = itertools.cycle((0.0, 0.03, -0.03, 0.06, -0.06))
    out = {}
    for p in model.parameters:
        if p.name in model.priors:
            # not the same s for all: differences of parameters would vanish
            out[p.name] = np.asarray(model.priors[p.name].from_unit(jnp.asarray(s + next(shifts))), float)
        elif p.default is not None:
            out[p.name] = np.full(_TRIED, float(p.default))
        elif p.required:
            honest = False
            lo, hi = max(p.lower, -1e6), min(p.upper, 1e6)
            out[p.name] = lo + (hi - lo) * s if hi - lo < 10.0 else np.clip(np.array([1.0, 1.5, 2.0]), lo, hi)
    return out, honest


def _leaves(theory: Theory):
    """(text, shape wanted, complex allowed, value) of all arrays of a theory."""
    for title, kind, states in (("mediator", VectorMediator, theory.mediators), ("scalar", ScalarMediator, theory.scalars)):
        for i, m in enumerate(states):
            if not isinstance(m, kind):
                raise InputError(f"{title} {i} is {_kind(m)} (allowed: fipjax.{kind.__name__})")
    for m in propagating(theory):
        here = f"{'scalar' if isinstance(m, ScalarMediator) else 'mediator'} {m.name!r}: "
        for f in fields(m):
            v = getattr(m, f.name)
            if v is None or f.name in STATIC:
                continue
            if f.name == "partial_widths":
                if not isinstance(v, Mapping):
                    raise InputError(f"{here}partial_widths = {v!r} (allowed: a dict final state -> (B,))")
                yield from ((f"{here}partial width {k!r}", "(B,)", False, x) for k, x in v.items())
                continue
            matrix = f.name[:2] in ("bs", "sd", "bd", "mu", "e_", "nu") and "dipole" not in f.name
            shape = "(K, B)" if matrix else "(N, B)" if f.name.startswith("dark_") else "(B,)"
            yield f"{here}{f.name}", shape, f.name[:2] in ("bs", "sd", "bd"), v
    if theory.a_mu is not None:
        yield "a_mu", "(B,)", False, theory.a_mu
    yield from ((f"Wilson coefficient {k!r}", "(B,)", True, v) for k, v in theory.wc.items())
    yield from ((f"coupling {k!r}", "(B,)", False, v) for k, v in theory.couplings.items())
    yield from ((f"extra {k!r}", "(B,)", False, v) for k, v in theory.extra.items())


def _check_powers(theory: Theory) -> None:
    """Whether ``lowest`` of the vectors is what their couplings, concrete or not, have."""
    for m in theory.mediators:
        here = f"mediator {m.name!r}: lowest"
        try:
            entries = {str(field): power for field, power in m.lowest}
        except (TypeError, ValueError):
            raise InputError(f"{here} = {m.lowest!r} (allowed: pairs (field, power))") from None
        for field, power in entries.items():
            if field not in POLYNOMIALS:
                raise unknown(f"field in {here}", field, POLYNOMIALS)
            poly = getattr(m, field)
            top = power if poly is None else poly.shape[0] - 1
            if not isinstance(power, int) or not 0 <= power <= top:
                raise InputError(f"{here}: {field} = {power!r} (allowed: an integer from 0 to {top})")
            if poly is not None and not isinstance(poly, jax.ShapeDtypeStruct) and np.any(np.asarray(poly[:power])):
                raise InputError(f"{here}: {field} = {power}, but {field} has a lower power of q^2 (allowed: zeros below)")


def _check_theory(theory: Theory, batch: int) -> None:
    for name, states, kind in (("mediators", theory.mediators, VectorMediator), ("scalars", theory.scalars, ScalarMediator)):
        if not isinstance(states, (tuple, list)):
            raise InputError(f"{name} is {_kind(states)} (allowed: a tuple of fipjax.{kind.__name__})")
    if not isinstance(theory.wc, Mapping):
        raise InputError(f"wc is {_kind(theory.wc)} (allowed: a dict name -> (B,))")
    known = _wilson_names()
    for k in theory.wc:
        if k not in known:
            raise unknown("Wilson coefficient", k, known, "WCxf names, basis 'flavio'")
    for text, shape, complex_allowed, v in _leaves(theory):
        if not hasattr(v, "shape"):
            raise InputError(f"{text} = {v!r} is not an array (allowed: shape {shape})")
        ok = v.shape[-1:] == (batch,) and len(v.shape) == (1 if shape == "(B,)" else 2)
        if not ok:
            hint = ": stack powers of q^2, jnp.stack([g])" if shape == "(K, B)" and len(v.shape) == 1 else ""
            hint = hint or (": fill it, jnp.full_like(p[...], value)" if v.shape in ((), (1,)) else "")
            raise InputError(f"{text} has shape {tuple(v.shape)} for B = {batch} points (allowed: {shape}{hint})")
        if not complex_allowed and jnp.issubdtype(v.dtype, jnp.complexfloating):
            raise InputError(f"{text} is complex (allowed: real)")
    _check_powers(theory)


def check_model(model: Model) -> None:
    """Raise InputError unless the model can be used: names, ranges, priors, and what ``build`` returns.

    ``build`` is traced and run at three points inside the priors: it must return a Theory whose arrays have the batch axis, be pure
    JAX, and be finite with finite derivatives there.
    """
    what = f"model {model.name!r}"
    for key, value, allowed in (("name", model.name, "a text"), ("description", model.description, "a text")):
        if not isinstance(value, str) or (key == "name" and not value.strip()):
            raise InputError(f"model: {key} = {value!r} (allowed: {allowed})")
    if not model.parameters:
        raise InputError(f"{what} has no parameter (allowed: at least one)")
    for p in model.parameters:
        if not isinstance(p, Parameter):
            raise InputError(f"{what}: parameter {p!r} is {_kind(p)} (allowed: fipjax.Parameter)")
        if p.default is not None:
            try:
                p.check(p.default)
            except InputError as err:
                raise InputError(f"{what}: default of {err}") from None
    names = list(model.parameter_names)
    for n in names:
        if names.count(n) > 1:
            raise InputError(f"{what}: parameter {n!r} is given twice (allowed: once)")
    for title, table in (("prior", model.priors), *((f"prior in region {r!r}", t) for r, t in model.regions.items())):
        for n, prior in table.items():
            if n not in names:
                raise unknown(f"{title} of {what}: parameter", n, names)
            if not isinstance(prior, Prior):
                raise InputError(f"{what}: {title} of {n!r} is {_kind(prior)} (allowed: Flat, LogFlat, SignedLog, Gaussian)")
            for edge in prior.support:
                if math.isfinite(edge):
                    try:
                        model.parameter(n).check(edge)
                    except InputError as err:
                        raise InputError(f"{what}: {title} of {n!r}, {err}") from None
    if model.products is not None:
        if not isinstance(model.products, Products):
            raise InputError(f"{what}: products is {_kind(model.products)} (allowed: fipjax.models.base.Products)")
        for n in (model.products.anchor, *model.products.partners):
            model.parameter(n)
    if not callable(model.build):
        raise InputError(f"{what}: build is {_kind(model.build)} (allowed: a function of the parameters)")
    point, honest = _trial(model)
    x = {n: jnp.asarray(v) for n, v in point.items()}
    for build in (model.build, model.printed):
        if build is None:
            continue
        build = build if isinstance(build, _Build) else _Build(f"{what}: build", build)
        try:
            _check_theory(jax.eval_shape(build, x), _TRIED)
        except TypeError as err:
            # eval_shape takes no theory that holds texts or plain numbers where arrays belong
            theory = build(x)
            _check_theory(theory, _TRIED)
            raise InputError(f"{what}: build: {explain(err)}") from err
        except InputError as err:
            raise err if str(err).startswith(what) else InputError(f"{what}: {err}") from None
        if honest:
            _check_finite(what, build, x)


def _check_finite(what: str, build, x: Mapping) -> None:
    # derivatives along all parameters at once: enough to see a nan
    value, slope = jax.jvp(build, (dict(x),), ({n: jnp.ones_like(v) for n, v in x.items()},))
    try:
        _check_powers(value)
    except InputError as err:
        raise InputError(f"{what}: {err}") from None
    for text, theory in (("", value), ("the derivative of ", slope)):
        for name, _, _, v in _leaves(theory):
            a = np.asarray(v)
            if a.dtype.kind not in "fc":
                continue
            bad = ~np.isfinite(a).reshape(-1, _TRIED).all(axis=0)
            if bad.any():
                i = int(np.argmax(bad))
                at = ", ".join(f"{n} = {float(v[i]):.4g}" for n, v in x.items())
                hint = "" if not text else "; a jnp.where must have a safe argument in both branches"
                found = ", ".join(f"{z:.4g}" for z in a.reshape(-1, _TRIED)[:, i])
                raise InputError(f"{what}: {text}{name} is {found} at {at} (allowed: finite{hint})")


# ------------------------------------------------------------------------------------------------ ready for use

_READY: dict[int, tuple[Any, Model]] = {}


def own_model(thing: Any, what: str = "model", source: str = "", source_hash: str = "") -> Model:
    """The checked Model of what the user gave; the same object for the same input.  Shipped models are returned as they are.

    source, source_hash: file that it comes from and a hash of its content, kept in the Model.
    """
    if isinstance(thing, Model) and type(thing) is Model and shipped(thing.build):
        return thing
    known = _READY.get(id(thing))
    if known is not None and known[0] is thing and known[1].source_hash == source_hash:
        return known[1]
    model = as_model(thing, what)
    if known is None or known[0] is not thing or known[1] is not thing:
        check_model(model)
    if is_dataclass(model) and not isinstance(model.build, _Build):
        zeros = tuple(p.name for p in model.parameters if p.default == 0.0)
        build = _Build(f"model {model.name!r}: build", model.build, zeros)
        printed = model.printed and _Build(f"model {model.name!r}: printed", model.printed, zeros)
        model = replace(model, build=build, printed=printed)
    model = replace(model, source=source or model.source, source_hash=source_hash or model.source_hash)
    # the key holds its object: an id is not used again
    _READY[id(thing)] = (thing, model)
    _READY[id(model)] = (model, model)
    return model
