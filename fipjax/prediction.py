"""Predictions of a model: numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax import constraints as _constraints
from fipjax.data import a_mu_sm
from fipjax.errors import InputError
from fipjax.hadronic import Inputs
from fipjax.likelihood import block_size, build_theory, compile_once, in_blocks, inputs_for
from fipjax.models import Model, get_model
from fipjax.observables import Predictor
from fipjax.progress import Busy
from fipjax.theory import Theory


class Prediction(dict):
    """Observable name (as it was asked for) -> value, of the broadcast shape of the parameters.

    sm: name -> Standard-Model value.  units: name -> unit (powers of GeV).  constraints: name -> {"ratio", "allowed"}.
    """

    sm: dict[str, float]
    units: dict[str, str]
    constraints: dict[str, dict[str, Any]]


def check_parameters(model: Model, params: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], tuple[int, ...]]:
    """Validated parameters as flat arrays, and their common shape; InputError names parameter, value, allowed range."""
    arrays = {}
    for name, value in params.items():
        p = model.parameter(name)
        try:
            a = np.asarray(value)
            a = a.astype(complex) if np.iscomplexobj(a) else a.astype(float)
        except (TypeError, ValueError):
            raise InputError(f"parameter {name!r} = {value!r} is not numeric (allowed: {p.allowed})") from None
        if np.iscomplexobj(a) and not np.any(a.imag):
            a = a.real
        if a.size == 0:
            raise InputError(f"parameter {name!r} is an empty array (allowed: at least one value)")
        # check the extreme values, and the first that is not finite
        bad = a[~np.isfinite(a)] if a.ndim else a[None][~np.isfinite(a[None])]
        if bad.size:
            p.check(complex(bad.flat[0]) if np.iscomplexobj(a) else float(bad.flat[0]))
        if np.iscomplexobj(a):
            p.check(complex(a.flat[int(np.argmax(np.abs(a.imag)))]))
        else:
            p.check(float(a.min()))
            p.check(float(a.max()))
        arrays[name] = a
    for p in model.parameters:
        if p.required and p.name not in arrays:
            raise InputError(f"parameter {p.name!r} of model {model.name!r} is missing (allowed: {p.allowed})")
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{n}: {a.shape}" for n, a in arrays.items())
        raise InputError(f"parameters cannot be broadcast together: {shapes}") from None
    return {n: np.broadcast_to(a, shape).reshape(-1) for n, a in arrays.items()}, shape


class _Evaluator:
    """Compiled prediction of a fixed list of observables; shared between calls."""

    def __init__(self, observables: tuple[str, ...], vintage: str, inputs: Inputs | None, conventions: str):
        self.predictor = Predictor(observables, conventions)
        self.context = _constraints.Context(vintage, conventions)
        par = inputs_for(vintage, inputs)

        def prepare(p):
            tables = self.predictor.tables(p)
            return tables, self.predictor(Theory(), tables)[:, 0]

        with Busy("compiling the hadronic tables (kept in the cache)"):
            self.tables, sm = jax.block_until_ready(compile_once(prepare, par)(par))
        self.sm = np.asarray(sm)
        self._run: dict[tuple, Any] = {}

    def __call__(self, model: Model, params: dict[str, np.ndarray], which: tuple) -> tuple[np.ndarray, dict]:
        key = (id(model), which, tuple((n, a.dtype.str) for n, a in params.items()))

        def run(x, tables):
            if x and next(iter(x.values())).shape[0] > 1:
                # many points: bring the tables into the form for theories of this structure once
                tables = self.predictor.contract(
                    build_theory(model, {k: v[:1] for k, v in x.items()}, self.context.conventions), tables
                )

            def block(y):
                theory = build_theory(model, y, self.context.conventions)
                b = next(iter(y.values())).shape[0] if y else 1
                values = self.predictor(theory, tables)
                ratios = {c.name: c.ratio(theory, self.context) for c in which}
                ratios = {n: jnp.broadcast_to(r, (b,)) for n, r in ratios.items() if r is not None}
                return jnp.broadcast_to(values, (values.shape[0], b)), ratios

            return in_blocks(block, x, block_size()) if x else block(x)

        if key not in self._run:
            self._run[key] = jax.jit(run)
        with Busy("compiling and predicting (compiled code is kept in the cache)"):
            values, ratios = self._run[key]({n: jnp.asarray(a) for n, a in params.items()}, self.tables)
            return np.asarray(values), {n: np.asarray(r) for n, r in ratios.items()}


@lru_cache(maxsize=32)
def _evaluator(observables: tuple[str, ...], vintage: str, conventions: str) -> _Evaluator:
    return _Evaluator(observables, vintage, None, conventions)


def predict(
    model: str | Model,
    params: Mapping[str, Any],
    observables: Sequence[str] | str,
    *,
    data: str = "latest",
    constraints: str | Sequence[str] | None = None,
    inputs: Inputs | None = None,
    conventions: str = "default",
) -> Prediction:
    """Observables of a model at one or many parameter points.

    model: name or Model.  params: name -> number or array (they broadcast); complex where the model allows it.
    observables: flavio names with bins, e.g. ``["<dBR/dq2>(B+->Kmumu)[1.1,6.0]"]``.  data: vintage, which fixes the
    Standard-Model a_mu.  constraints: also evaluate these bounds ("all", "none" or names).  inputs: other input values.
    conventions: "default", "as_printed" for the papers' formulas with their errors (docs/errata.md), or "flavio" for that program's
    simplifications (docs/bsll.md).

    Returns a :class:`Prediction` keyed by the names as given; values in powers of GeV.
    Raises InputError for unknown names, values out of range, bins that are reversed or outside the physical region.
    """
    m = get_model(model)
    names = [observables] if isinstance(observables, str) else list(observables)
    flat, shape = check_parameters(m, params)
    a_mu_sm(data)  # refuses an unknown vintage before anything is compiled
    which = tuple(_constraints.choose(constraints))
    ev = _evaluator(tuple(names), data, conventions) if inputs is None else _Evaluator(tuple(names), data, inputs, conventions)
    values, ratios = ev(m, flat, which)
    out = Prediction()
    out.sm, out.units, out.constraints = {}, {}, {}
    for i, r in enumerate(ev.predictor.requests):
        v = np.broadcast_to(values[i], (max(int(np.prod(shape)), 1),)).reshape(shape)
        out[r.asked] = v if shape else float(v)
        out.sm[r.asked] = float(ev.sm[i])
        out.units[r.asked] = r.family.unit
    for c in which:
        if c.name in ratios:
            v = np.broadcast_to(ratios[c.name], (max(int(np.prod(shape)), 1),)).reshape(shape)
            ratio = v if shape else float(v)
            out.constraints[c.name] = {"ratio": ratio, "allowed": v <= 1.0 if shape else bool(v <= 1.0)}
    return out
