"""Figures as SVG inside the page, with what the page's script needs to know about them."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Any

import numpy as np

from fipjax.errors import InputError
from fipjax.plotting import style as st
from fipjax.plotting.files import drawing
from fipjax.report.results import Results

#: an SVG larger than this (bytes) is replaced by a PNG
LARGEST_SVG = 1_500_000
#: parts of a layer that are separate artists
_PARTS = ("area", "edge", "line", "border", "name", "error")
#: cells of the read-out of an exclusion plot, per axis
CELLS = 64


@dataclass
class Picture:
    """A figure of the page.

    title, caption: text.  svg: markup.  layers: name -> (text, colour) of what can be switched off.  readout: axes and values for
    the script.
    """

    key: str
    title: str
    caption: str
    svg: str
    layers: dict[str, tuple[str, str]] = field(default_factory=dict)
    readout: dict[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> str:
        """The read-out for a script element: no character there ends it."""
        return json.dumps(self.readout, allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _layer(gid: str) -> str:
    head, colon, tail = gid.rpartition(":")
    return head if colon and tail in _PARTS else gid


def inline_svg(figure: Any, key: str, alt: str, layers: Mapping[str, Any] = {}) -> str:
    """Markup of a figure for an HTML page: ids made unique with ``key``, layers marked with data-layer, nothing external."""
    buffer = io.BytesIO()
    with st.context(**{"svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue().decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    # a spot of a hundredth of a point is plenty
    text = re.sub(r' d="[^"]*"', lambda m: re.sub(r"(\.\d{2})\d+", r"\1", m[0]), text)
    if len(text) > LARGEST_SVG:
        return _inline_png(figure, key, alt)

    seen: set[str] = set()

    def named(match: re.Match) -> str:
        gid = match[1]
        layer = _layer(gid.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))
        if layer in layers:
            return f'data-layer="{escape(layer)}"'
        # artists may share a name, elements of a page may not
        again = gid in seen
        seen.add(gid)
        return "" if again else f'id="{key}-{gid.replace(" ", "_")}"'

    text = re.sub(r'\bid="([^"]*)"', named, text)
    text = re.sub(r'(xlink:href|href)="#([^"]*)"', rf'\1="#{key}-\2"', text)
    text = re.sub(r"url\(#([^)]*)\)", rf"url(#{key}-\1)", text)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert size is not None
    head = (
        f'<svg viewBox="0 0 {size[1]} {size[2]}" role="img" aria-label="{escape(alt)}" xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" preserveAspectRatio="xMidYMid meet">'
    )
    return head + text[text.index(">") + 1 :]


def _inline_png(figure: Any, key: str, alt: str) -> str:
    buffer = io.BytesIO()
    with st.context():
        figure.savefig(buffer, format="png", dpi=170, metadata={"Software": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    w, h = (72.0 * v for v in figure.get_size_inches())
    return (
        f'<svg viewBox="0 0 {w:.2f} {h:.2f}" role="img" aria-label="{escape(alt)}" xmlns="http://www.w3.org/2000/svg">'
        f'<image width="{w:.2f}" height="{h:.2f}" href="data:image/png;base64,{data}"/></svg>'
    )


def _axes_readout(figure: Any, x: tuple[str, str, int], y: tuple[str, str, int]) -> dict[str, Any]:
    """Where the axes are on the page and what they measure; x, y: (name, unit, sign of what is drawn)."""
    figure.draw_without_rendering()
    ax = figure.axes[0]
    w, h = (72.0 * v for v in figure.get_size_inches())
    box = ax.get_position()
    out: dict[str, Any] = {"box": [box.x0 * w, (1.0 - box.y1) * h, box.width * w, box.height * h]}
    for which, (name, unit, sign) in (("x", x), ("y", y)):
        scale = getattr(ax, f"get_{which}scale")()
        low, high = (float(v) for v in getattr(ax, f"get_{which}lim")())
        axis: dict[str, Any] = {"name": name, "unit": unit, "sign": sign, "scale": scale, "low": low, "high": high}
        if scale == "asinh":
            axis["width"] = float(getattr(ax, f"{which}axis").get_transform().linear_width)
        out[which] = axis
    return out


# --------------------------------------------------------------------------------------------------------------------
# the pictures


def pictures(results: Results, compute: bool, plane: tuple[str, str] | None) -> list[Picture]:
    """All figures of a report; what cannot be drawn becomes a note of the results."""
    jobs: list[tuple[str, Callable[[str], list[Picture]]]] = []
    if compute:
        jobs.append(("exclusion plot", lambda key: [_exclusion(results, key, plane)]))
    kinds: tuple[tuple[str, str, Callable[[Any, str], list[Picture]]], ...] = (
        ("fit", "spectra", partial(_spectra, results, compute)),
        ("scan", "regions", partial(_regions, results)),
        ("profile", "profile", _profile),
        ("posterior", "corner plot", partial(_corner, results)),
        ("fit", "pulls", _pulls),
    )
    for kind, what, draw in kinds:
        jobs += [(f"{what} of {r.path.name}", partial(draw, r)) for r in results.of(kind)]
    out: list[Picture] = []
    for i, (what, job) in enumerate(jobs):
        try:
            with drawing(what):
                out += job(f"f{i + 1}")
        except InputError as err:
            results._note(f"no {what}: {err}")
    return out


def _range(prior: Mapping, best: float) -> tuple[float, float, str] | None:
    """(low, high, scale) of an axis over a prior, or None for a range without width."""
    kind = prior.get("prior")
    low, high = prior.get("min"), prior.get("max")
    if kind in ("log", "signed_log") and low is not None and high is not None:
        sign = float(prior.get("sign", 1)) if kind == "log" else math.copysign(1.0, best)
        return (low, high, "log") if sign > 0 else (-high, -low, "log")
    if kind == "flat" and low is not None and high is not None:
        return (low, high, "log" if low > 0 and high > 5 * low else "linear")
    if kind == "gaussian" and "mean" in prior and "sigma" in prior:
        return (prior["mean"] - 3 * prior["sigma"], prior["mean"] + 3 * prior["sigma"], "linear")
    return None


def _plane(results: Results, best: Mapping[str, complex], plane: tuple[str, str] | None):
    """((x, low, high, scale), (y, ...), what shows the preferred region)."""
    from fipjax.plotting._common import _scan_quantity

    priors = {n: p for n, p in results.priors.items() if not n.startswith("z(") and n in best}
    ranges = {n: r for n, p in priors.items() if (r := _range(p, float(np.real(best[n])))) is not None}
    grids = [r.thing for r in results.of("profile") if len(r.thing.axes) == 2]
    grids += [r.thing for r in results.of("scan") if r.thing.method == "grid"]
    axes = [{n: v for n, v in g.axes.items() if len(v) > 2} for g in grids]
    if plane is None:
        names = list(next((a for a in axes if len(a) >= 2), ranges))
        names.sort(key=lambda n: (not n.startswith("m_"), n.startswith("gamma"), list(priors).index(n) if n in priors else 99))
        if len(names) < 2:
            raise InputError("fewer than two free parameters with a range")
        chosen = (names[0], next((n for n in names[1:] if ranges.get(n, ("", "", ""))[2] == "log"), names[1]))
    else:
        for n in plane:
            if n not in ranges:
                from fipjax.errors import unknown

                raise unknown("free parameter of the results", n, ranges)
        chosen = plane
    specs: list[tuple[str, float, float, str]] = []
    preferred = next((g for g, a in zip(grids, axes, strict=True) if all(n in a for n in chosen)), None)
    for n in chosen:
        span = ranges.get(n)
        if preferred is not None:
            v = np.asarray(preferred.axes[n], float)
            low, high = float(v.min()), float(v.max())
            source = preferred.as_scan() if hasattr(preferred, "as_scan") else preferred
            scale = "log" if _scan_quantity(source, n).scale == "log" else "linear"
            specs.append((n, low, high, scale if low * high > 0 else "linear"))
        elif span is not None:
            specs.append((n, *span))
        else:
            raise InputError(f"no range for {n}")
    return specs[0], specs[1], preferred


def _exclusion(results: Results, key: str, plane: tuple[str, str] | None) -> Picture:
    from fipjax.constraints import CONSTRAINTS
    from fipjax.plotting.planes import exclusion

    best, source = results.best
    if not best:
        raise InputError("no best point")
    model = results.require_model()
    x, y, preferred = _plane(results, best, plane)
    vintage = str(results.fingerprint.get("data", "latest"))
    fixed = {n: v for n, v in best.items() if n not in (x[0], y[0])}
    figure = exclusion(
        model, x, y, fixed, data=vintage, conventions=results.conventions or "default", preferred=preferred,
        mark={n: float(np.real(best[n])) for n in (x[0], y[0])}, points=120, legend=False, names_inside=True, merge=False,
        width=5.6,
    )  # fmt: skip
    ratios, colours = figure.ratios, figure.layers  # type: ignore[attr-defined]
    layers = {f"bound:{n}": (f"{n}: {CONSTRAINTS[n].description}", colours[n]) for n in colours}
    if preferred is not None:
        layers["preferred"] = ("region preferred by the data, 1 and 2 sigma", st.BANDS[1])
    layers["mark"] = (f"best point ({source})", "#000000")
    units = {p.name: p.unit for p in model.parameters}
    signs = [-1 if s[3] == "log" and s[2] < 0 else 1 for s in (x, y)]
    readout = _axes_readout(figure, (x[0], units[x[0]], signs[0]), (y[0], units[y[0]], signs[1]))
    # rows and columns in the direction of the axes as drawn
    step_y, step_x = signs[1], signs[0]
    cells = {}
    for n in colours:
        r = ratios[n][::step_y, ::step_x] > 1.0
        index = np.minimum((np.arange(CELLS) + 0.5) / CELLS * r.shape[0], r.shape[0] - 1).astype(int)
        bits = np.packbits(r[np.ix_(index, index)].astype(np.uint8).ravel())
        cells[n] = base64.b64encode(bits.tobytes()).decode()
    readout["cells"] = {"n": CELLS, "bounds": cells}
    held = ", ".join(f"{n} = {_short(v)}" for n, v in fixed.items())
    caption = f"Grey is excluded by at least one bound (data {vintage}), with {held}." if held else f"Grey is excluded ({vintage})."
    if preferred is not None:
        caption += " The preferred region is minimised over the other parameters; the bounds are not."
    return Picture(key, "Bounds", caption, inline_svg(figure, key, f"Bounds in {x[0]} and {y[0]}", layers), layers, readout)


def _short(v: complex) -> str:
    return f"{v.real:.4g}" if np.imag(v) == 0 else f"{v:.4g}"


def _spectra(results: Results, compute: bool, r: Any, key: str) -> list[Picture]:
    """The binned observables with three bins or more, at most four; the unbinned prediction for the first."""
    from fipjax.observables import FAMILIES
    from fipjax.plotting.files import MIN_BINS
    from fipjax.plotting.fits import _binned, plot_spectrum
    from fipjax.plotting.spectra import _curves, _mediators

    table = _binned(r.thing.pulls)
    names = sorted((n for n in table if len(table[n]) >= MIN_BINS), key=lambda n: (n != "<dBR/dq2>(B+->Kmumu)", -len(table[n])))
    model = results.model
    best = results.best[0]
    out = []
    for i, name in enumerate(names[:4]):
        curves: dict[str, tuple[Any, Any]] = {}
        peaks: dict[str, float] = {}
        family = FAMILIES.get(name)
        if compute and model is not None and best and family is not None:
            conventions = results.conventions or "default"
            try:
                mediators = _mediators(model, best, conventions)  # type: ignore[arg-type]
                peaks = {f"${n}^2$": m * m for n, m, _ in mediators}
                if i == 0:
                    members = [p for _, p in table[name]]
                    curves = _curves(
                        model, best, name, members, mediators, str(results.fingerprint.get("data")), conventions, 120, "best fit"
                    )
            except InputError as err:
                results._note(f"no unbinned prediction of {name}: {err}")
        figure = plot_spectrum(r.thing, name, curves=curves, peaks=peaks, width=5.1, title="")
        factor, unit = family.customary if family is not None and family.customary else (1.0, family.unit if family else "")
        layers = {
            "data": ("measurements", "#000000"),
            "sm": ("Standard Model with its theory error", st.SM_COLOUR),
            "best fit": ("best fit in the bins", st.BLUE),
        }
        if curves:
            layers["curve"] = ("best fit, unbinned, without detector resolution", st.PURPLE)
        if peaks:
            layers["peak"] = ("mass of the mediator", st.PURPLE)
        readout = _axes_readout(figure, ("q2", "GeV^2", 1), (name, unit, 1))
        readout["bins"] = [
            {"low": lo, "high": hi} | {k: _number(factor * float(p[k])) for k in ("measured", "sm", "value")}
            | {"error": _number(factor * float(p.get("error") or math.nan)), "pull": _number(float(p["pull"]))}
            for (lo, hi), p in table[name]
        ]  # fmt: skip
        for q2, values in curves.values():
            good = np.isfinite(q2)
            readout["curve"] = {
                "q2": [float(f"{v:.6g}") for v in q2[good]],
                "value": [float(f"{factor * v:.5g}") for v in values[good]],
            }
        k = f"{key}s{i}"
        svg = inline_svg(figure, k, f"{name} against q2", layers)
        out.append(Picture(k, name, "Measured bins, the Standard Model and the best fit against q².", svg, layers, readout))
    return out


def _number(v: float) -> float | None:
    return float(f"{v:.6g}") if math.isfinite(v) else None


def _regions(results: Results, r: Any, key: str) -> list[Picture]:
    from fipjax.plotting.scans import _choose_axes, _scan_quantity, plot_scan

    scan = r.thing
    # a fit of the same data brings its best point
    figure = plot_scan(scan, fit=results.fit, width=4.6)
    xs, ys = _choose_axes(scan, None, None, ())
    readout: dict[str, Any] = {}
    if ys is not None and len(figure.axes) == 1 and len(xs) == len(ys) == 1:
        about = scan.manifest["parameters"]
        qx, qy = (_scan_quantity(scan, v[0]) for v in (xs, ys))
        readout = _axes_readout(
            figure, (xs[0], str(about[xs[0]].get("unit") or ""), qx.sign), (ys[0], str(about[ys[0]].get("unit") or ""), qy.sign)
        )
    state = "" if scan.complete else " The scan is not complete."
    caption = f"{scan.n_points:,} points, {scan.method}.{state}"
    svg = inline_svg(figure, key, f"Regions of the scan {r.path.name}")
    return [Picture(key, f"Scan {r.path.name}", caption, svg, {}, readout)]


def _profile(r: Any, key: str) -> list[Picture]:
    from fipjax.plotting.scans import plot_profile

    figure = plot_profile(r.thing, width=4.6)
    names = list(r.thing.axes)
    unit = {n: str(r.thing.parameters.get(n, {}).get("unit") or "") for n in names}
    y = (names[1], unit[names[1]], 1) if len(names) == 2 else ("Delta chi2", "", 1)
    signs = {n: -1 if r.thing.specs[n].get("scale") == "log" and float(np.max(r.thing.axes[n])) < 0 else 1 for n in names}
    if len(names) == 2:
        y = (y[0], y[1], signs[names[1]])
    readout = _axes_readout(figure, (names[0], unit[names[0]], signs[names[0]]), y)
    alt = f"Profile likelihood of {' and '.join(names)}"
    return [Picture(key, f"Profile {r.path.name}", f"{alt}.", inline_svg(figure, key, alt), {}, readout)]


def _corner(results: Results, r: Any, key: str) -> list[Picture]:
    from fipjax.plotting.corner import plot_corner

    fit = results.fit
    mark = {n: v for n, v in fit.best.items() if n in r.thing.names} if fit is not None else None
    figure = plot_corner(r.thing, mark=mark)
    alt = f"Marginal posteriors of {r.path.name}"
    caption = "Smallest 68, 95 and 99.7% regions." + (" The star is the best fit." if mark else "")
    return [Picture(key, f"Posterior {r.path.name}", caption, inline_svg(figure, key, alt))]


def _pulls(r: Any, key: str) -> list[Picture]:
    from fipjax.plotting.fits import plot_pulls

    text = "Pulls in the Standard Model and at the best fit."
    return [Picture(key, f"Pulls {r.path.name}", text, inline_svg(plot_pulls(r.thing), key, text))]
