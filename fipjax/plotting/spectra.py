"""Predictions of a model against q^2 beside the data: bins, the Standard Model with its error, and the resonance itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fipjax.errors import InputError, unknown
from fipjax.plotting import style as st
from fipjax.plotting.fits import plot_spectrum

#: draws of the hadronic inputs for the error band of a model without a likelihood: 5 % accuracy of the error.
BAND_DRAWS = 200
#: share of the largest Standard-Model rate into electrons below which a curve of a ratio of rates ends.
RATE_FLOOR = 0.01
#: widths of a mediator on each side of its peak that the curve resolves.
_REACH = 30.0


def _point_family(observable: str) -> str | None:
    """The unbinned partner of a binned observable, if fipjax has it."""
    from fipjax.observables import FAMILIES

    name = observable.replace("<", "", 1).replace(">", "", 1)
    return name if name in FAMILIES and name != observable else None


def _mediators(model: Any, params: Mapping[str, float], conventions: str) -> list[tuple[str, float, float]]:
    """(LaTeX, mass, width) of the light mediators at a point, GeV."""
    import jax.numpy as jnp

    from fipjax.likelihood import build_theory
    from fipjax.theory import propagating

    theory = build_theory(model, {k: jnp.atleast_1d(jnp.asarray(v)) for k, v in params.items()}, conventions)
    return [(f"m_{{{m.name}}}", float(np.asarray(m.mass)[0]), float(np.asarray(m.width)[0])) for m in propagating(theory)]


def curve_points(low: float, high: float, mediators: list[tuple[str, float, float]], points: int = 120) -> np.ndarray:
    """Values of q^2 (GeV^2) from ``low`` to ``high``, evenly in q and denser around each mediator's peak."""
    q = np.linspace(np.sqrt(low), np.sqrt(high), points)
    for _, mass, width in mediators:
        w = max(0.5 * width, 1e-5 * mass)
        near = mass + w * np.sinh(np.linspace(-1.0, 1.0, 41) * np.arcsinh(_REACH))
        q = np.concatenate([q, near[(near > q[0]) & (near < q[-1])]])
    return np.unique(q) ** 2


def spectrum(
    like_or_model: Any,
    point: Mapping[str, Any],
    observable: str = "<dBR/dq2>(B+->Kmumu)",
    *,
    data: str = "latest",
    conventions: str = "default",
    curve: bool = True,
    band: bool = True,
    label: str = "prediction",
    points: int = 120,
    title: str | None = None,
    width: float = st.COLUMN,
) -> st.Figure:
    """A binned observable at a parameter point: measured bins, the Standard Model with its error, the prediction in the same
    bins, and the unbinned prediction with every mediator's peak, which is marked.

    like_or_model: a :class:`fipjax.Likelihood` (its data and theory errors are used), or a model or its name.
    point: model parameters by name; with a likelihood those it holds fixed may be left out.
    observable: name without bin.  data, conventions: with a model.  curve: draw the unbinned prediction (where fipjax has it; no
    detector resolution is folded in).  band: theory error of the Standard Model, with a model from 200 draws of the inputs.
        A ratio of rates has no meaning where hardly anything is left to divide by (at the end point the muon rate vanishes more
        slowly, and the ratio diverges): its curve ends where the rate into electrons is below 1 % of its largest value.
    label: of the prediction.  points: of the curve, besides those around the peaks.  title: above the legend.  width: inches.
    Raises InputError for unknown names, parameters out of range, and an observable without a measured bin.
    """
    from fipjax.likelihood import Likelihood
    from fipjax.models import get_model

    if isinstance(like_or_model, Likelihood):
        like = like_or_model
        model, data, conventions = like.model, like.vintage, like.context.conventions
        values = {n: v for n, v in point.items() if n not in like.nuisances}
        for n in values:
            if n not in like.names:
                model.parameter(n)
        params: dict[str, Any] = {**values, **like.fixed}
        pulls = [p for p in like.pulls({n: float(point[n]) for n in _needed(like, point)}) if _head(p) == observable]
        known = sorted({_head(o) for o in like.dataset.observables if "," in o})
        if not pulls:
            raise unknown("binned observable of the likelihood", observable, known or ["none"])
    else:
        model = get_model(like_or_model)
        params = dict(point)
        pulls = _model_pulls(model, params, observable, data, conventions, band)
    mediators = _mediators(model, params, conventions)
    curves: dict[str, tuple[Any, Any]] = {}
    if curve:
        curves = _curves(model, params, observable, pulls, mediators, data, conventions, points, label)
    if title is None:
        title = f"{st.plain_text(model.name)}, data {data}"
    peaks = {f"${name}^2$": mass * mass for name, mass, _ in mediators}
    return plot_spectrum(pulls, observable, curves=curves, peaks=peaks, label=label, title=title, width=width)


def _needed(like: Any, point: Mapping[str, Any]) -> tuple[str, ...]:
    missing = [n for n in like.names if n not in point]
    if missing:
        raise InputError(f"parameter {missing[0]!r} is missing (allowed: a value for each of {', '.join(like.names)})")
    return tuple(like.names)


def _head(p: Any) -> str:
    return str(p["observable"] if isinstance(p, Mapping) else p).partition("[")[0].strip()


def _model_pulls(model: Any, params: dict, observable: str, data: str, conventions: str, band: bool) -> list[dict]:
    """What Likelihood.pulls returns, for one observable of a vintage."""
    from fipjax.data import VINTAGES, select
    from fipjax.hadronic import default_inputs
    from fipjax.likelihood import theory_covariance
    from fipjax.observables import FAMILIES, Predictor
    from fipjax.prediction import predict
    from fipjax.theory import Theory

    family = FAMILIES.get(observable)
    if family is None:
        raise unknown("observable", observable, FAMILIES, "see 'fipjax observables'")
    if family.kind != "binned":
        raise InputError(f"observable {observable!r} has no bins (allowed: a binned one, such as <dBR/dq2>(B+->Kmumu))")
    if data not in VINTAGES:
        raise unknown("data vintage", data, VINTAGES)
    dataset = select(data, FAMILIES, use=[observable])
    names = list(dict.fromkeys(dataset.observables))
    pred = predict(model, params, names, data=data, conventions=conventions)
    for n in names:
        if np.ndim(pred[n]):
            raise InputError("a spectrum of many points (allowed: one number for each parameter)")
    theory = dict.fromkeys(names, 0.0)
    if band:
        cov = theory_covariance(Predictor(tuple(names), conventions), default_inputs(), {}, Theory(), BAND_DRAWS, 1)
        theory = dict(zip(names, np.sqrt(np.diag(cov)), strict=True))
    rows = zip(dataset.observables, dataset.labels, dataset.value, dataset.plus, dataset.minus, strict=True)
    return [
        {
            "observable": o, "measurement": label, "value": pred[o], "sm": pred.sm[o], "measured": float(v), "error_plus": float(p),
            "error_minus": float(m), "error_theory": float(theory[o]), "pull": np.nan, "sm_pull": np.nan,
        }
        for o, label, v, p, m in rows
    ]  # fmt: skip


def _curves(model, params, observable, pulls, mediators, data, conventions, points, label) -> dict[str, tuple[Any, Any]]:
    """label -> (q2, values) of the unbinned prediction, with gaps where there is no measured bin."""
    from fipjax.prediction import predict

    name = _point_family(observable)
    if name is None:
        return {}
    bins = sorted({tuple(float(v) for v in str(p["observable"]).partition("[")[2].rstrip("] ").split(",")) for p in pulls})
    pieces: list[list[float]] = []
    for lo, hi in bins:
        # bins that follow each other are one piece
        if pieces and lo <= pieces[-1][1] + 0.15:
            pieces[-1][1] = max(pieces[-1][1], hi)
        else:
            pieces.append([lo, hi])
    from fipjax.observables import FAMILIES

    low, high = FAMILIES[name].q2_range or (0.0, np.inf)
    total = sum(hi - lo for lo, hi in pieces)
    grids = []
    for lo, hi in pieces:
        a, b = max(lo, 1.02 * low, 1e-4), min(hi, 0.995 * high)
        if b > a:
            grids.append(curve_points(a, b, mediators, max(8, round(points * (hi - lo) / total))))
    grids = _with_a_rate(name, grids, data, conventions)
    asked = [[f"{name}[{v!r}]" for v in g.tolist()] for g in grids]
    pred = predict(model, params, [a for part in asked for a in part], data=data, conventions=conventions)
    x, y = [], []
    for g, part in zip(grids, asked, strict=True):
        x += [*g.tolist(), np.nan]
        y += [*(float(pred[a]) for a in part), np.nan]
    return {f"{label}, unbinned": (np.array(x), np.array(y))}


def _with_a_rate(name: str, grids: list[np.ndarray], data: str, conventions: str) -> list[np.ndarray]:
    """The grids without what is below RATE_FLOOR, for a ratio of rates; others as they are."""
    from fipjax.observables import FAMILIES
    from fipjax.prediction import predict

    rate = name.replace("Rmue(", "dBR/dq2(", 1).replace("ll)", "ee)")
    if not name.startswith("Rmue(") or rate not in FAMILIES or not grids:
        return grids
    pred = predict("wet", {}, [f"{rate}[{v!r}]" for g in grids for v in g.tolist()], data=data, conventions=conventions)
    top = max(float(v) for v in pred.sm.values())
    kept = [np.array([v for v in g.tolist() if float(pred.sm[f"{rate}[{v!r}]"]) > RATE_FLOOR * top]) for g in grids]
    return [g for g in kept if len(g) > 1]
