"""The page itself: HTML with everything inside, safe to open from disk, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from fipjax._paths import expand
from fipjax._version import __version__
from fipjax.errors import InputError
from fipjax.plotting.files import drawing
from fipjax.report.pictures import Picture, pictures
from fipjax.report.results import Result, Results, collect

_PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:;
 script-src 'sha256-$hash'; base-uri 'none'; form-action 'none'">
<meta name="generator" content="fipjax $version">
<title>$title</title>
<style>$css</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>$header</header>
<nav aria-label="Sections"><ul>$nav</ul></nav>
<main id="content">
$sections
</main>
<footer>Made by fipjax $version. The page is complete in itself: it loads nothing.</footer>
<script>$script</script>
</body>
</html>
"""
)


# --------------------------------------------------------------------------------------------------------------------
# small pieces


def _e(value: Any) -> str:
    """Text for HTML."""
    return escape(str(value), quote=True)


def _num(value: Any, digits: int = 4, sign: bool = False) -> str:
    """A number for people; a dash where there is none."""
    try:
        v = float(value)
    except (TypeError, ValueError):
        return "–"
    if not math.isfinite(v):
        return "∞" if v == math.inf else "–"
    text = f"{v:{'+' if sign else ''}.{digits}g}"
    mantissa, e, power = text.partition("e")
    return f"{mantissa} × 10<sup>{int(power)}</sup>" if e else text


def _digits(value: float, error: float) -> int:
    """Significant digits of a value that has an error: two of the error, at least four."""
    if not (math.isfinite(value) and math.isfinite(error) and value and error > 0):
        return 4
    return int(min(12, max(4, 2 + math.floor(math.log10(abs(value))) - math.floor(math.log10(error)))))


def _fixed(value: Any, places: int = 2, sign: bool = False) -> str:
    try:
        v = float(value)
    except (TypeError, ValueError):
        return "–"
    return f"{v:{'+' if sign else ''}.{places}f}" if math.isfinite(v) else "–"


def _value(cell: Any, key: Any = None) -> str:
    """A number cell that the script can sort by."""
    try:
        k = float(key)
        raw = repr(k) if math.isfinite(k) else ""
    except (TypeError, ValueError):
        raw = ""
    return f'<td class="n" data-v="{raw}">{cell}</td>'


def _table(head: Sequence[tuple[str, bool]], rows: Iterable[str], key: str = "", caption: str = "") -> str:
    """A table; head: (text, is a number).  With a key the columns can be sorted."""

    def column(text: str, number: bool) -> str:
        inside = f'<button type="button">{text}</button>' if key and text else text
        return f'<th scope="col"{" class=n" if number else ""}>{inside}</th>'

    heads = "".join(column(t, n) for t, n in head)
    label = f"<caption hidden>{_e(caption)}</caption>" if caption else ""
    attributes = f' class="sortable" id="{key}"' if key else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_e(caption or "table")}"><table{attributes}>{label}'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _notes(texts: Iterable[str], bad: bool = False) -> str:
    return "".join(f'<p class="note{" bad" if bad else ""}">{_e(t)}</p>' for t in texts)


_ARXIV = re.compile(r"(?:arXiv:)?((?:\d{4}\.\d{4,5})|(?:[a-z-]+/\d{7}))")


def _papers(text: str) -> str:
    """Text in which arXiv numbers are links (followed only when clicked)."""
    out, end = [], 0
    for m in _ARXIV.finditer(text):
        link = f'<a href="https://arxiv.org/abs/{m[1]}" rel="noreferrer noopener" target="_blank">{_e(m[0])}</a>'
        out += [_e(text[end : m.start()]), link]
        end = m.end()
    return "".join(out) + _e(text[end:])


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    """A list of terms; the values are HTML."""
    return '<dl class="facts">' + "".join(f"<dt>{_e(k)}</dt><dd>{v}</dd>" for k, v in rows if v) + "</dl>"


def _unit_html(unit: str) -> str:
    text = re.sub(r"\^(-?\d+)", r"<sup>\1</sup>", _e(unit)).replace(" ", "&nbsp;")
    return re.sub(r"^1e(-?\d+)", r"10<sup>\1</sup>", text)


def _unit(about: Mapping, name: str) -> str:
    return str((about.get(name) or {}).get("unit") or "")


# --------------------------------------------------------------------------------------------------------------------
# sections: (id, heading, HTML)

Section = tuple[str, str, str]


def _summary(results: Results) -> str:
    tiles: list[tuple[str, str, str]] = []
    fit = results.fit
    if fit is not None:
        dof = fit.n_measurements - fit.n_constrained
        p = _p_value(fit.chi2, dof)
        note = f"{fit.n_measurements} measurements, {fit.n_free} free parameters"
        if fit.bounds > 0.005:
            note += f"; the bounds add {_fixed(fit.bounds)} to −2 ln L, from which Δχ² is taken"
        tiles.append(("χ² at the best fit", _fixed(fit.chi2), note))
        if p is not None:
            note = f"χ²/dof = {_fixed(fit.chi2)}/{dof}, dof: measurements minus constrained directions"
            tiles.append(("goodness: p-value", _num(p, 3), note))
        tiles.append(("χ² of the Standard Model", _fixed(fit.sm_chi2), ""))
        note = f"{_fixed(fit.significance)} σ (Wilks, {fit.n_free} dof, no look-elsewhere correction)"
        tiles.append(("Δχ² against the Standard Model", _fixed(fit.delta_chi2), note))
    for r in results.of("posterior"):
        p = r.thing
        word = "passed" if p.ok else f"NOT OK ({len(p.verdict)})"
        tiles.append((f"sampler, {_e(r.path.name)}", word, f"{p.chains} × {p.draws} draws"))
        if hasattr(p, "log_z"):
            tiles.append(("evidence ln Z", f"{_fixed(p.log_z)} ± {_fixed(p.log_z_error)}", "tempered Monte Carlo"))
    for r in results.of("scan"):
        state = "" if r.thing.complete else f", {r.thing.store.done_points:,} done"
        tiles.append((f"scan, {_e(r.path.name)}", f"{r.thing.n_points:,} points", f"{r.thing.method}{state}"))
    body = "".join(
        f'<div class="tile"><dt>{head}</dt><dd>{value}{f"<small>{note}</small>" if note else ""}</dd></div>'
        for head, value, note in tiles
    )
    return f'<dl class="tiles">{body}</dl>' if tiles else ""


def _p_value(chi2: float, dof: int) -> float | None:
    if dof < 1 or not math.isfinite(chi2):
        return None
    from scipy.stats import chi2 as dist  # scipy arrives with jax

    return float(dist.sf(chi2, dof))


def _run_section(results: Results) -> Section:
    f = results.fingerprint
    model = results.model
    rows = [("model", f"<code>{_e(f.get('model', 'not recorded'))}</code>" + (f": {_e(model.description)}" if model else ""))]
    if model is not None and model.paper:
        rows.append(("paper", _papers(model.paper)))
    rows.append(("data vintage", _e(f.get("data", "not recorded"))))
    if isinstance(f.get("observables"), list):
        rows.append(("measurements", f"{len(f['observables'])} numbers"))
    rows.append(("theory errors", _e(f.get("uncertainties", "not recorded"))))
    conventions = results.conventions
    rows.append(("conventions", _e(conventions) if conventions else "not recorded in these files; the usual ones are assumed"))
    constraints = f.get("constraints")
    if isinstance(constraints, list):
        rows.append(("bounds in the likelihood", ", ".join(f"<code>{_e(c)}</code>" for c in constraints) or "none"))
    rows.append(("numbers", _e(f.get("precision", ""))))
    versions = {"results": str(f.get("version", "not recorded")), "page": __version__}
    rows.append(("fipjax", ", ".join(f"{k} {_e(v)}" for k, v in versions.items())))
    rows.append(("data hash", f"<code>{_e(f.get('data_hash', 'not recorded'))}</code>"))
    if results.fixed:
        rows.append(("held fixed", ", ".join(f"<code>{_e(n)}</code> = {_complex(v)}" for n, v in results.fixed.items())))
    files = [
        f"<tr><td><code>{_e(r.path.name)}</code></td><td>{_e(r.kind)}</td>"
        f"{_value(_seconds(r), getattr(r.thing, 'seconds', ''))}</tr>"
        for r in results.results
    ]
    body = _facts(rows) + "<h3>Files</h3>" + _table([("file", False), ("what", False), ("took", True)], files, caption="files")
    if results.priors:
        body += "<details><summary>Priors</summary>" + _priors(results) + "</details>"
    text = json.dumps(f, indent=1, ensure_ascii=False)
    body += f"<details class=screen><summary>Fingerprint of the likelihood</summary><pre>{_e(text)}</pre></details>"
    if results.run_text:
        name = Path(results.run.path).name
        body += f"<details><summary>Run file {_e(name)}</summary><pre>{_e(results.run_text)}</pre></details>"
    return ("run", "What was run", body)


def _seconds(r: Result) -> str:
    seconds = getattr(r.thing, "seconds", math.nan)
    return f"{seconds:.1f} s" if isinstance(seconds, int | float) and math.isfinite(seconds) else "–"


def _complex(v: complex) -> str:
    z = complex(v)
    return _num(z.real) if z.imag == 0 else f"{_num(z.real)} {'+' if z.imag > 0 else '−'} {_num(abs(z.imag))} i"


def _priors(results: Results) -> str:
    rows = []
    for n, p in results.priors.items():
        detail = ", ".join(f"{_e(k)} {_num(v) if isinstance(v, int | float) else _e(v)}" for k, v in p.items() if k != "prior")
        rows.append(f"<tr><td><code>{_e(n)}</code></td><td>{_e(p.get('prior', ''))}</td><td>{detail}</td></tr>")
    return _table([("parameter", False), ("prior", False), ("range", False)], rows, caption="priors")


_STATUS = {
    "ok": "",
    "at_limit": "at the limit of its range",
    "unconstrained": "not constrained",
    "not_parabolic": "χ² is not parabolic: use the profile",
}


def _fit_section(r: Result, several: bool) -> Section:
    fit = r.thing
    rows = []
    for n in fit.names:
        error = fit.errors.get(n, math.nan)
        low, high = fit.intervals.get(n, (math.nan, math.nan))
        status = str(fit.error_status.get(n, ""))
        remark = _STATUS.get(status, status.replace("_", " "))
        reason = str(fit.error_reason.get(n, "") or "")
        interval = f"[{_num(low)}, {_num(high)}]" if math.isfinite(error) else "–"
        rows.append(
            f'<tr><th scope="row"><code>{_e(n)}</code></th>{_value(_num(fit.best[n], 6), fit.best[n])}'
            f"{_value(_num(error, 3) if math.isfinite(error) else '–', error)}<td class=n>{interval}</td>"
            f"<td>{_e(_unit(fit.parameters, n))}</td>"
            f"<td class=w>{_e(remark)}{f'<br><span class=soft>{_e(reason)}</span>' if reason else ''}</td></tr>"
        )
    head = [("parameter", False), ("best fit", True), ("error", True), ("68% interval", True), ("unit", False), ("", False)]
    body = _table(head, rows, caption="best-fit parameters")
    share = f"{100 * fit.converged_fraction:.0f}%"
    modes = f"{len(fit.modes)} mode{'s' if len(fit.modes) != 1 else ''} within Δχ² = 50"
    body += f"<p>{_e(fit.starts.get('total', '?'))} starts, {share} converged, {modes}.</p>"
    if fit.with_prior:
        kind = "all priors" if fit.with_prior is True else "the Gaussian priors"
        body += f"<p>Minimised: χ² minus twice the logarithm of {kind}, {_fixed(fit.objective)}.</p>"
    if len(fit.modes) > 1:
        rows = []
        for i, m in enumerate(fit.modes):
            cells = "".join(_value(_num(m["point"].get(n)), m["point"].get(n)) for n in fit.names)
            rows.append(
                f"<tr>{_value(i + 1, i + 1)}{_value(_fixed(m.get('chi2')), m.get('chi2'))}{_value(m.get('starts', ''))}{cells}</tr>"
            )
        head = [("mode", True), ("χ²", True), ("starts", True), *((f"<code>{_e(n)}</code>", True) for n in fit.names)]
        body += "<h3>Modes</h3>" + _table(head, rows, caption="modes")
    body += _notes(fit.notes)
    return (_slug("fit", r, several), f"Best fit{f': {_e(r.path.name)}' if several else ''}", body)


def _slug(kind: str, r: Result, several: bool) -> str:
    return f"{kind}-{re.sub(r'[^A-Za-z0-9]+', '-', r.path.name)}" if several else kind


def _bar(sm: float, fit: float) -> str:
    """Two small bars, SM above and fit below, clipped at 6."""

    def one(v: float, name: str) -> str:
        if not math.isfinite(v):
            return ""
        w = min(abs(v), 6.0) / 12.0 * 100.0
        return f'<i class="{name}" style="left:{50.0 if v > 0 else 50.0 - w:.1f}%;width:{w:.1f}%"></i>'

    return f'<span class="bar" aria-hidden="true">{one(sm, "sm")}{one(fit, "fit")}</span>'


def _pulls_section(r: Result, several: bool) -> Section | None:
    from fipjax.data import list_sets
    from fipjax.observables import FAMILIES

    fit = r.thing
    if not fit.pulls:
        return None
    sets = {s.id: s for s in list_sets()}
    rows = []
    for p in fit.pulls:
        name, where = str(p.get("observable", "")), str(p.get("measurement", ""))
        family = FAMILIES.get(name.partition("[")[0].strip())
        factor, unit = family.customary if family is not None and family.customary else (1.0, family.unit if family else "")

        def scaled(key: str, p: Mapping = p, factor: float = factor) -> float:
            try:
                return factor * float(p.get(key, math.nan))
            except (TypeError, ValueError):
                return math.nan

        s = sets.get(where)
        about: list[tuple[str, str]] = [("observable", _e(family.description) if family else "")]
        if s is not None:
            about += [("experiment", _e(s.experiment)), ("paper", _papers(f"arXiv:{s.arxiv}") if s.arxiv else "")]
            about += [("year", _e(s.year or "")), ("digits from", _papers(s.source_of_digits)), ("remark", _papers(s.note))]
        about.append(("set", f"<code>{_e(where)}</code>"))
        about.append(("prediction from", _papers(family.source) if family else ""))
        about.append(("in powers of GeV", " ".join(f"{k} {_num(p.get(k), 5)}," for k in ("value", "sm", "measured")).rstrip(",")))
        short = _e(f"{s.experiment} {s.arxiv}".strip()) if s is not None else _e(where)
        digits = _digits(scaled("measured"), scaled("error_plus"))
        errors = [_num(scaled(k), 2) for k in ("error_plus", "error_minus")]
        measured = f"{_num(scaled('measured'), digits)} <sup>+{errors[0]}</sup> <sub>−{errors[1]}</sub>"
        if not math.isfinite(scaled("error_plus")):
            measured = f"{_num(scaled('measured'))} ± {_num(scaled('error'), 2)}"
        pull, sm = (_float(p.get(k)) for k in ("pull", "sm_pull"))
        size = max((abs(v) for v in (pull, sm) if math.isfinite(v)), default=0.0)
        rows.append(
            f'<tr data-size="{size:.4f}"><td><details><summary>{_e(name)}</summary>{_facts(about)}</details></td><td>{short}</td>'
            f"{_value(measured, p.get('measured'))}{_value(_num(scaled('sm'), digits), p.get('sm'))}"
            f"{_value(_num(scaled('value'), digits), p.get('value'))}<td>{_unit_html(unit)}</td>"
            f"{_value(_fixed(sm, 2, True), sm)}{_value(_fixed(pull, 2, True), pull)}"
            f"{_value(_fixed(sm * sm - pull * pull, 2, True), sm * sm - pull * pull)}<td>{_bar(sm, pull)}</td></tr>"
        )
    key = _slug("pulls-table", r, several)
    head = [
        ("observable", False), ("source", False), ("measured", True), ("SM", True), ("best fit", True), ("unit", False),
        ("SM pull", True), ("pull", True), ("improves by", True), ("", False),
    ]  # fmt: skip
    body = (
        "<p>Pull: (prediction − measurement)/total error, correlations left out. “Improves by”: the squared pull of the SM minus "
        "that of the best fit. Open an observable for its source. Bars: SM above, best fit below, to ±6.</p>"
        f'<div class="controls" data-for="{key}" role="search">'
        '<label>Filter <input type="search" placeholder="name, paper, experiment"'
        f' autocomplete="off"></label><label>|pull| at least <input type="number" min="0" step="0.5" value=""></label>'
        f'<span><output aria-live="polite">{len(rows)}</output> shown</span></div>'
        + _table(head, rows, key, "pulls of all measurements")
    )
    return (_slug("pulls", r, several), f"Pulls{f': {_e(r.path.name)}' if several else ''}", body)


def _float(v: Any) -> float:
    try:
        return float(v)
    except (TypeError, ValueError):
        return math.nan


def _constraints_section(results: Results) -> Section | None:
    from fipjax.constraints import CONSTRAINTS
    from fipjax.prediction import predict

    best, source = results.best
    if not best:
        return None
    vintage = str(results.fingerprint.get("data", "latest"))
    try:
        model = results.require_model()
        known = {p.name for p in model.parameters}
        point = {n: v for n, v in best.items() if n in known}
        found = predict(
            model, point, [], data=vintage, constraints="all", conventions=results.conventions or "default"
        ).constraints  # fmt: skip
    except InputError as err:
        results._note(f"bounds at the best point: {err}")
        return None
    listed = results.fingerprint.get("constraints")
    mine = listed if isinstance(listed, list) else []
    rows = []
    excluded = 0
    for name, c in sorted(found.items(), key=lambda item: -item[1]["ratio"]):
        about = CONSTRAINTS[name]
        bad = not c["allowed"]
        excluded += bad
        verdict = f'<span class="verdict {"bad" if bad else "good"}">{"EXCLUDED" if bad else "allowed"}</span>'
        rows.append(
            f'<tr><th scope="row"><code>{_e(name)}</code></th><td class=w>{_e(about.description)}</td><td>{_e(about.cl)}</td>'
            f"<td class=w>{_papers(about.source)}</td>{_value(_num(c['ratio'], 3), c['ratio'])}<td>{verdict}</td>"
            f"<td>{'yes' if name in mine else 'no'}</td></tr>"
        )
    head = [
        ("bound", False), ("meaning", False), ("CL", False), ("source", False), ("value/limit", True), ("verdict", False),
        ("in the likelihood", False),
    ]  # fmt: skip
    text = f"{excluded} of {len(rows)} bounds exclude the best point (from the {source})." if rows else "No bound applies."
    text = f"<p>{_e(text)} Data {_e(vintage)}; above 1 is excluded.</p>"
    return ("constraints", "Bounds at the best point", text + _table(head, rows, "bounds-table", "bounds at the best point"))


def _posterior_section(r: Result, several: bool) -> Section:
    import numpy as np

    p = r.thing
    tempered = hasattr(p, "log_z")
    if p.ok:
        body = '<p><span class="verdict good">All diagnostics passed.</span> They cannot see a mode that no chain has visited.</p>'
    else:
        body = '<p><span class="verdict bad">Do not rely on this posterior:</span></p>' + _notes(p.verdict, bad=True)
    s = p.settings
    facts = [("draws", f"{p.chains} {'runs' if tempered else 'chains'} × {p.draws:,}")]
    if tempered:
        facts.append(("evidence", f"ln Z = {_fixed(p.log_z, 3)} ± {_fixed(p.log_z_error, 3)} (exp(−χ²/2) over the prior)"))
        facts.append(("temperatures", _e(", ".join(str(n) for n in s.get("temperatures", [])))))
    else:
        facts.append(("divergences", f"{int(np.sum(p.stats['diverging']))}"))
        facts.append(("E-BFMI", _e(", ".join(_fixed(v) for v in np.ravel(p.ebfmi)))))
        steps = p.stats.get("num_steps")
        if steps is not None:
            facts.append(("steps per trajectory", _num(float(np.mean(steps)), 3)))
    facts.append(("acceptance", _fixed(float(np.mean(p.stats["accept_prob"])))))
    shown = {k: v for k, v in s.items() if isinstance(v, str | int | float | bool)}
    facts.append(("settings", ", ".join(f"{_e(k)} {_e(v)}" for k, v in shown.items())))
    body += _facts(facts)
    rows = []
    for t in p.table():
        low = t["ess_bulk"] < 400 or not t["rhat"] < 1.01
        body_rhat = f'<span class="verdict bad">{_fixed(t["rhat"], 3)}</span>' if not t["rhat"] < 1.01 else _fixed(t["rhat"], 3)
        rows.append(
            f'<tr{" class=low" if low else ""}><th scope="row"><code>{_e(t["name"])}</code></th>'
            + "".join(_value(_num(t[k], 5 if k != "sd" else 3), t[k]) for k in ("mean", "sd", "median"))
            + f"<td class=n>[{_num(t['lo68'])}, {_num(t['hi68'])}]</td><td class=n>[{_num(t['lo95'])}, {_num(t['hi95'])}]</td>"
            + _value(body_rhat, t["rhat"])
            + "".join(_value(_fixed(t[k], 0), t[k]) for k in ("ess_bulk", "ess_tail"))
            + f"<td>{_e(_unit(p.parameters, t['name']))}</td></tr>"
        )
    head = [
        ("parameter", False), ("mean", True), ("sd", True), ("median", True), ("68%", True), ("95%", True), ("R-hat", True),
        ("ESS bulk", True), ("ESS tail", True), ("unit", False),
    ]  # fmt: skip
    body += _table(head, rows, _slug("posterior-table", r, True), "posterior of each parameter") + _notes(p.notes)
    return (_slug("posterior", r, several), f"Posterior{f': {_e(r.path.name)}' if several else ''}", body)


def _profile_section(r: Result, several: bool) -> Section:
    p = r.thing
    names = ", ".join(f"<code>{_e(n)}</code>" for n in p.axes)
    shape = " × ".join(str(len(v)) for v in p.axes.values())
    body = (
        f"<p>Profile likelihood of {names}: {shape} points, {p.searches:,} searches. Minimum of −2 ln L: {_fixed(p.minimum)}.</p>"
    )
    if len(p.axes) == 1:
        (name,) = p.axes
        rows = []
        for level, sigma in ((1.0, "1σ"), (4.0, "2σ"), (9.0, "3σ")):
            text = ", ".join(f"[{_num(a)}, {_num(b)}]" for a, b in p.intervals(level)) or "nowhere on the grid"
            rows.append(f"<tr><td>{sigma} (Δχ² &lt; {level:g})</td><td>{text} {_e(_unit(p.parameters, name))}</td></tr>")
        body += _table([("level", False), (f"<code>{_e(name)}</code>", False)], rows, caption="intervals")
    return (_slug("profile", r, several), f"Profile{f': {_e(r.path.name)}' if several else ''}", body + _notes(p.notes))


def _figure(p: Picture) -> str:
    toggles = ""
    if p.layers:
        labels = "".join(
            f'<label><input type="checkbox" checked data-toggle="{_e(k)}"><span class="swatch" style="background:{_e(colour)}">'
            f"</span><span>{_e(text)}</span></label>"
            for k, (text, colour) in p.layers.items()
        )
        both = ""
        if any(k.startswith("bound:") for k in p.layers):
            both = '<div class="controls"><button type="button" data-all="on">all bounds</button>'
            both += '<button type="button" data-all="off">no bounds</button></div>'
        toggles = f'<fieldset><legend>Show</legend>{both}<div class="layers">{labels}</div></fieldset>'
    data = f'<script type="application/json">{p.json}</script>' if p.readout else ""
    line = '<p class="readout soft" aria-live="off">Point at the figure to read values.</p>' if p.readout else ""
    tools = "".join(
        f'<button type="button" data-zoom="{k}" aria-label="{text}" title="{text}">{sign}</button>'
        for k, text, sign in (("in", "zoom in", "+"), ("out", "zoom out", "−"), ("home", "whole figure", "⟲"))
    )
    ratio = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', p.svg)
    size = "wide" if ratio is not None and float(ratio[1]) > 300 else "small"
    return (
        f'<figure data-figure="{p.key}"><h3>{_e(p.title)}</h3><div class="stage {size}" tabindex="0" role="group" '
        f'aria-label="{_e(p.title)}: plus and minus zoom, 0 resets"><div class="tools">{tools}</div>{p.svg}</div>{line}{toggles}'
        f"<figcaption>{_e(p.caption)}</figcaption>{data}</figure>"
    )


# --------------------------------------------------------------------------------------------------------------------
# the page


def render(results: Results, *, title: str | None = None, compute: bool = True, plane: tuple[str, str] | None = None) -> str:
    """The page as a text.

    results: from :func:`collect`.  title: of the page (default: model and data).  compute: also evaluate what the files do not
    hold: the bounds at the best point, the exclusion plot and the unbinned spectrum (seconds to a minute).  plane: parameters of
    the exclusion plot.  Raises InputError for parameters that are not free.
    """
    fingerprint = results.fingerprint
    if title is None:
        title = f"{fingerprint.get('model', 'fipjax')}, data {fingerprint.get('data', '?')}"
    if plane is not None:
        _check_plane(results, plane)
    sections: list[Section] = []
    several = {k: len(results.of(k)) > 1 for k in ("fit", "posterior", "profile")}
    for r in results.of("fit"):
        sections.append(_fit_section(r, several["fit"]))
    if compute and (bounds := _constraints_section(results)) is not None:
        sections.append(bounds)
    drawn = pictures(results, compute, plane)
    if drawn:
        sections.append(("figures", "Figures", "".join(_figure(p) for p in drawn)))
    sections += [s for r in results.of("fit") if (s := _pulls_section(r, several["fit"])) is not None]
    sections += [_posterior_section(r, several["posterior"]) for r in results.of("posterior")]
    sections += [_profile_section(r, several["profile"]) for r in results.of("profile")]
    sections.append(_run_section(results))
    model = results.model
    about = f"<p>{_e(model.description)}{f' ({_papers(model.paper)})' if model.paper else ''}</p>" if model is not None else ""
    header = f"<h1>{_e(title)}</h1>{about}{_notes(results.notes)}{_summary(results)}"
    folder = resources.files("fipjax.report")
    script = folder.joinpath("report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _PAGE.substitute(
        hash=digest,
        version=_e(__version__),
        title=_e(title),
        css=folder.joinpath("report.css").read_text(encoding="utf-8"),
        header=header,
        nav="".join(f'<li><a href="#{key}">{head}</a></li>' for key, head, _ in sections),
        sections="\n".join(f'<section id="{key}"><h2>{head}</h2>{body}</section>' for key, head, body in sections),
        script=script,
    )


def _check_plane(results: Results, plane: tuple[str, str]) -> None:
    from fipjax.errors import unknown

    free = [n for n in results.priors if not n.startswith("z(")]
    for n in plane:
        if n not in free:
            raise unknown("free parameter of the results", n, free)
    if plane[0] == plane[1]:
        raise InputError(f"plane = {plane[0]},{plane[1]} (allowed: two different parameters)")


def write_report(
    files: Sequence[Any],
    out: str | os.PathLike = "report.html",
    *,
    title: str | None = None,
    compute: bool = True,
    plane: tuple[str, str] | None = None,
    model: Any = None,
) -> Path:
    """Write one HTML page about results and return its path.

    files: a run file and what ``fit``, ``scan``, ``sample`` and ``profile`` wrote, or a run file alone, which stands for the
    outputs under their default names.  out: path that ends in .html.  title, compute, plane: as for :func:`render`.  model: a model
    of one's own, "FILE.py:NAME", for results without their run file.
    Raises InputError for files that cannot be read or belong to different likelihoods, and an ``out`` that cannot be written.
    """
    target = expand(out)
    if target.suffix not in (".html", ".htm"):
        raise InputError(f"output {str(out)!r} (allowed: a name that ends in .html)")
    if not target.parent.is_dir():
        raise InputError(f"output {str(out)!r}: {str(target.parent)!r} is not a directory (allowed: an existing directory)")
    if target.is_dir():
        raise InputError(f"output {str(out)!r} is a directory (allowed: a file name)")
    results = collect(files, model)
    with drawing("the report of " + ", ".join(r.path.name for r in results.results)):
        text = render(results, title=title, compute=compute, plane=plane)
    scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, target)  # never half a page
    except OSError as err:
        scratch.unlink(missing_ok=True)
        raise InputError(f"cannot write {str(target)!r}: {err.strerror or err} (allowed: a path that can be written)") from None
    return target
