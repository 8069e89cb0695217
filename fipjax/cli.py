"""Command line.  Bad input: one line on stderr that names the field, the value and what is allowed; exit code 2."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import sys
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from fipjax import commands
from fipjax._paths import LONGEST
from fipjax._version import __version__
from fipjax.errors import InputError

NOTHING_KEPT = "interrupted; nothing was kept (run the same command again)"


class _Parser(argparse.ArgumentParser):
    """argparse that ends with one line instead of a usage text."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see '{self.prog} --help')")


def _print_json(obj: Any) -> None:
    def clean(x):
        if isinstance(x, dict):
            return {k: clean(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            return [clean(v) for v in x]
        if isinstance(x, complex):
            return {"re": x.real, "im": x.imag}
        if isinstance(x, float) and not math.isfinite(x):
            return None
        return x

    print(json.dumps(clean(obj), indent=1, allow_nan=False))


def _lines(rows: Sequence[Sequence[Any]], header: Sequence[str], wrap: int = 0) -> list[str]:
    """A table as lines; with ``wrap`` the last column goes on in further lines so that none is longer."""
    rows = [list(map(str, r)) for r in rows]
    widths = [max(len(r[i]) for r in [list(header), *rows]) for i in range(len(header))]
    if wrap:
        widths[-1] = min(widths[-1], max(wrap - sum(w + 2 for w in widths[:-1]), _LEAST))
        parts = [textwrap.wrap(r[-1], widths[-1]) or [""] for r in rows]
        rows = [
            [*(r[:-1] if i == 0 else [""] * (len(r) - 1)), t] for r, p in zip(rows, parts, strict=True) for i, t in enumerate(p)
        ]
    every = [list(header), ["-" * w for w in widths], *rows]
    return ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in every]


def _table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> None:
    print("\n".join(_lines(rows, header)))


#: characters of a line of a list, and the least for its last column
WIDTH = 100
_LEAST = 24


def _short(text: str, width: int) -> str:
    """At most ``width`` characters, cut at a word."""
    return text if len(text) <= width else textwrap.shorten(text, width, placeholder="...")


def _paper(source: str) -> str:
    """The first reference of a source in few characters: the arXiv number where there is one."""
    first = re.split("[;,]", source)[0]
    found = re.search(r"\b(\d{4}\.\d{4,5}|[a-z-]+/\d{7})", first)
    for long, brief in (("Phys. Rev. Lett.", "PRL"), ("Phys. Lett. ", "PL"), ("Nucl. Phys. ", "NP")):
        first = first.replace(long, brief)
    return found[1] if found else _short(first, 18)


def _short_table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> None:
    """A table of ``WIDTH`` characters: the texts of the last column are cut."""
    room = _room(rows, header)
    _table([[*r[:-1], _short(str(r[-1]), room)] for r in rows], header)


def _room(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> int:
    """What the other columns leave of ``WIDTH`` to the last."""
    return max(WIDTH - sum(max(len(str(r[i])) for r in [header, *rows]) + 2 for i in range(len(header) - 1)), _LEAST)


def _blocks(entries: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Everything about each entry: its name, then a paragraph per field that is not empty."""
    for name, fields in entries:
        print(name)
        for label, value in fields.items():
            if value:
                print(
                    textwrap.fill(f"{label}: {value}", WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
                )


def _prior_text(d: dict[str, Any]) -> str:
    """A prior in few characters, its range as the parameter has it."""
    kind = str(d.get("prior", ""))
    if set(d) == {"prior", "min", "max"}:
        both = "+-" if kind == "signed_log" else ""
        return f"{kind} {both}{d['min']:g} to {both}{d['max']:g}"
    if set(d) == {"prior", "min", "max", "sign"}:
        low, high = sorted((d["sign"] * d["min"], d["sign"] * d["max"]))
        return f"{kind} {low:g} to {high:g}"
    if set(d) == {"prior", "mean", "sigma"}:
        return f"{kind} {d['mean']:g} +- {d['sigma']:g}"
    return ", ".join(f"{k} {v}" for k, v in d.items())


# -- lists --------------------------------------------------------------------------------------------------------------


def _models(args) -> None:
    from fipjax.models import get_model, list_models

    models = [get_model(m) for m in args.model] if args.model else list_models()
    if args.json:
        _print_json(
            [
                {
                    "name": m.name,
                    "description": m.description,
                    "paper": m.paper,
                    "parameters": [
                        {
                            "name": p.name, "unit": p.unit, "latex": p.latex, "description": p.description, "default": p.default,
                            "required": p.required, "allowed": p.allowed,
                        }
                        for p in m.parameters
                    ],
                    "priors": {n: p.describe() for n, p in m.priors.items()},
                    "regions": {r: {n: p.describe() for n, p in t.items()} for r, t in m.regions.items()},
                }
                for m in models
            ]
        )  # fmt: skip
        return
    for m in models:
        title = f"{m.name}: {m.description}" + (f" ({m.paper})" if m.paper else "")
        print(textwrap.fill(title, WIDTH, subsequent_indent="  ", break_on_hyphens=False))
        rows = [
            [
                "  " + p.name,
                p.unit or "1",
                "required" if p.required else ("computed" if p.default is None else f"{p.default:g}"),
                _prior_text(m.priors[p.name].describe()) if p.name in m.priors else "-",
                p.description,
            ]
            for p in m.parameters
        ]
        print("\n".join(_lines(rows, ["  parameter", "unit", "default", "prior", "meaning"], WIDTH)))
        if m.regions:
            print("  regions: " + ", ".join(m.regions))
        print()


def _observables(args) -> None:
    from fipjax.observables import list_observables

    fams = list_observables()
    form = {"binned": "[q2min,q2max]", "point": "[q2]", "number": ""}
    if args.json:
        _print_json(
            [
                {
                    "name": f.name + form[f.kind], "kind": f.kind, "unit": f.unit or "1", "latex": f.latex,
                    "description": f.description, "source": f.source, "q2_range": f.q2_range,
                }
                for f in fams
            ]
        )  # fmt: skip
        return
    if args.long:
        _blocks(
            [
                (
                    f.name + form[f.kind],
                    {"unit": f.unit or "1", "meaning": f.description, "q2 in GeV^2": _range(f.q2_range), "source": f.source},
                )
                for f in fams
            ]
        )
        return
    _short_table([[f.name + form[f.kind], f.unit or "1", f.description] for f in fams], ["observable", "unit", "meaning"])


def _constraints(args) -> None:
    from fipjax.constraints import list_constraints

    cs = list_constraints()
    if args.json:
        keys = ("name", "latex", "description", "source", "cl", "applies", "kind", "softness", "strength", "group", "opt_in")
        _print_json([{k: getattr(c, k) for k in keys} for c in cs])
        return
    if args.long:
        _blocks(
            [
                (
                    c.name,
                    {
                        "meaning": c.description, "applies to": c.applies, "kind": f"{c.group}, {c.kind}", "CL": c.cl,
                        "in all": "no: only by its name" if c.opt_in else "", "source": c.source, "notes": c.notes,
                    },
                )
                for c in cs
            ]
        )  # fmt: skip
        return
    rows = [[c.name, c.group, _paper(c.source), c.description] for c in cs]
    _short_table(rows, ["constraint", "kind", "paper", "meaning"])


def _data(args) -> None:
    from fipjax.data import VINTAGES, list_sets
    from fipjax.errors import unknown
    from fipjax.observables import FAMILIES

    if args.vintage is not None and args.vintage not in VINTAGES:
        raise unknown("data vintage", args.vintage, VINTAGES)
    sets = [s for s in list_sets() if args.vintage is None or args.vintage in s.vintages]
    if args.plugin:
        from fipjax.plugins import COMMAND_LINE

        sets += [s for p in COMMAND_LINE for s in p.measurements]
    if args.json:
        _print_json(
            [
                {
                    "id": s.id, "kind": s.kind, "experiment": s.experiment, "arxiv": s.arxiv, "year": s.year,
                    "vintages": list(s.vintages), "grade": s.grade, "note": s.note, "source_of_digits": s.source_of_digits,
                    "superseded_by": s.superseded_by, "correlated": s.correlation is not None,
                    "measurements": [
                        {
                            "observable": m.observable, "value": m.value, "plus": m.plus, "minus": m.minus,
                            "combines": m.combines, "predicted": m.observable.split("[")[0] in FAMILIES,
                        }
                        for m in s.measurements
                    ],
                }
                for s in sets
            ]
        )  # fmt: skip
        return
    if args.long:
        _blocks(
            [
                (
                    s.id,
                    {
                        "experiment": s.experiment, "paper": f"{s.arxiv} ({s.year})", "vintages": ", ".join(s.vintages),
                        "observables": ", ".join(m.observable for m in s.measurements), "digits from": s.source_of_digits,
                        "superseded by": s.superseded_by, "note": s.note,
                    },
                )
                for s in sets
            ]
        )  # fmt: skip
        return
    rows: list[list[Any]] = []
    for s in sets:
        n = sum(m.observable.split("[")[0] in FAMILIES for m in s.measurements)
        names = sorted({m.observable.split("[")[0] for m in s.measurements})
        rows.append([s.id, ",".join(s.vintages) or "-", f"{n}/{len(s.measurements)}", names])
    header = ["set", "vintages", "predicted", "observables"]
    room = _room(rows, header)
    _table([[*r[:-1], _first_names(r[-1], room)] for r in rows], header)


def _range(q2: Any) -> str:
    return "" if q2 is None else f"{q2[0]:g} to {q2[1]:g}"


def _first_names(names: Sequence[str], width: int) -> str:
    """As many whole names as fit, at least one, and the number of the others."""
    for n in range(len(names), 0, -1):
        text = ", ".join(names[:n]) + (f" +{len(names) - n}" if n < len(names) else "")
        if len(text) <= width or n == 1:
            return text
    return ""


# -- predict ------------------------------------------------------------------------------------------------------------


def _parse_value(name: str, text: str) -> complex | float:
    try:
        z = complex(text.replace("i", "j").replace("jnf", "inf").replace("nan", "nan"))
    except ValueError:
        raise InputError(f"--set {name}={text} is not numeric (allowed: NAME=NUMBER, e.g. m_V=5 or C9_bsmumu=-1+0.2j)") from None
    return z.real if z.imag == 0 else z


def _predict(args) -> None:
    from fipjax.observables import FAMILIES
    from fipjax.observables.base import parse
    from fipjax.prediction import predict

    params: dict[str, Any] = {}
    for item in args.set or []:
        name, eq, text = item.partition("=")
        if not eq or not name:
            raise InputError(f"--set {item!r} (allowed: NAME=NUMBER)")
        if name in params:
            raise InputError(f"--set {name} is given twice (allowed: once)")
        params[name.strip()] = _parse_value(name.strip(), text.strip())
    names = args.observable or []
    if not names:
        raise InputError("no --observable given (allowed: one or more; see 'fipjax observables')")
    pred = predict(args.model, params, names, data=args.data, constraints=args.constraints, conventions=args.conventions)
    if args.json:
        _print_json(
            {
                "model": args.model,
                "data": args.data,
                "parameters": params,
                "observables": {n: {"value": pred[n], "sm": pred.sm[n], "unit": pred.units[n] or "1"} for n in pred},
                "constraints": pred.constraints,
            }
        )
        return
    rows = []
    for n in pred:
        fam = FAMILIES[parse(n).family.name]
        # enough digits to see the shift from the Standard Model
        digits = 6 if abs(pred[n] - pred.sm[n]) > 1e-3 * abs(pred.sm[n]) else 10
        row = [n, f"{pred[n]:.{digits}g}", f"{pred.sm[n]:.{digits}g}", fam.unit or "1"]
        row.append(f"{pred[n] * fam.customary[0]:.{digits}g} {fam.customary[1]}" if fam.customary else "")
        rows.append(row)
    _table(rows, ["observable", "value", "SM", "unit", "customary"])
    for name, c in pred.constraints.items():
        print(f"{name}: {'allowed' if c['allowed'] else 'EXCLUDED'} (value/limit = {c['ratio']:.3g})")


# -- runs ---------------------------------------------------------------------------------------------------------------


def _writable(path: str, suffixes: Sequence[str], overwrite: bool = True) -> Path:
    """Refuse an output that cannot be written before hours are spent on it."""
    p = Path(path)
    if len(os.fsencode(p.name)) > LONGEST:
        raise InputError(f"output '{p.name[:40]}...' (allowed: a name of at most {LONGEST} bytes)")
    if suffixes and p.suffix not in suffixes:
        raise InputError(f"output {path!r} (allowed: a name that ends in {' or '.join(suffixes)})")
    parent = p.parent if str(p.parent) else Path(".")
    if not parent.is_dir():
        raise InputError(f"output {path!r}: {str(parent)!r} is not a directory (allowed: an existing directory)")
    if not os.access(parent, os.W_OK):
        raise InputError(f"output {path!r}: {str(parent)!r} is not writable")
    if p.is_dir() and p.suffix != ".zarr":
        raise InputError(f"output {path!r} is a directory (allowed: a file name)")
    return p


def _describe(like) -> None:
    print(
        f"model {like.model.name}, data {like.vintage}: {like.n_measurements} measurements, "
        f"free parameters {', '.join(like.names)}; SM chi2 = {like.sm_chi2():.2f}",
        file=sys.stderr,
    )


def _scan(args) -> None:
    from fipjax.runfile import load_run

    run = load_run(args.run)
    out = _writable(args.output, [".zarr"])
    if run.scan.get("method") == "adaptive":
        # before processes wait for each other
        for option in ("worker", "distributed", "takeover"):
            if getattr(args, option):
                raise InputError(
                    f'--{option} with method = "adaptive" of {Path(args.run).name} (allowed: one process, which uses all devices '
                    "of its host; several processes share methods grid and sobol)"
                )
    from fipjax.engines.distributed import from_arguments

    # before JAX looks for devices
    worker = from_arguments(args)
    import fipjax

    options = dict(run.scan)
    grid = options.pop("grid", None)
    method = options.pop("method", "grid")
    if method in ("grid", "adaptive") and grid is None:
        raise InputError(
            f'{Path(args.run).name}: [scan.grid] is missing (allowed: a table per free parameter, or method = "sobol")'
        )
    if isinstance(options.get("seeds"), str):
        options["seeds"] = fipjax.load_fit(Path(args.run).parent / options["seeds"])
    if worker is not None:
        options |= {"part": worker.part, "takeover": args.takeover}
    like = run.likelihood()
    _describe(like)
    result = fipjax.scan(like, grid, out=out, method=method, overwrite=args.overwrite, **options)
    about = {"output": str(out), "points": result.n_points, "sm_chi2": like.sm_chi2()}
    if worker is not None:
        done = result.store.done_points
        about |= {"worker": list(worker.part), "done": done, "complete": result.complete}
        if not args.json:
            print(f"worker {worker}: its part is done; {done:,} of {result.n_points:,} points are in {out}")
    if not result.complete:
        if args.json:
            _print_json(about)
        return
    best = result.best()
    if method == "adaptive":
        about |= {"dense_points": result.dense_points, "threshold": result.threshold, "volume": result.volume()}
    if args.json:
        _print_json({**about, "best": best})
        return
    print(f"{result.n_points:,} points in {out}")
    if method == "adaptive":
        print(
            f"a dense grid of the same resolution has {result.dense_points:,} points; Delta(-2 ln L) <= {result.threshold:g} in "
            f"{about['volume']:.3g} of the volume"
        )
    where = ", ".join(f"{k} = {v:.5g}" for k, v in best["parameters"].items())
    print(f"best point: {where}; chi2 = {best['chi2']:.2f} (SM {like.sm_chi2():.2f})")


def _fit(args) -> None:
    from fipjax.runfile import load_run

    run = load_run(args.run)
    out = _writable(args.output, [".json"])
    import fipjax

    like = run.likelihood()
    _describe(like)
    from fipjax.engines.fit import FitInterrupted

    options = {**run.fit, **({"starts": args.starts} if args.starts else {})}
    stopped = None
    _say_what_is_kept(out, args.resume)
    try:
        result = fipjax.fit(like, out=out, resume=args.resume, **options)
    except FitInterrupted as stop:
        if stop.result is None:
            raise
        # the best points so far are in the file
        result, stopped = stop.result, stop
    if args.json:
        _print_json(result.to_dict())
    else:
        print(result.summary())
        print(f"written to {out}")
    if stopped:
        raise stopped


def _say_what_is_kept(out: Path, resume: bool) -> None:
    """A search that begins anew loses what an interrupted one left: better to say so before."""
    from fipjax.engines.checkpoint import state_path

    state = state_path(out)
    if state.exists() and not resume:
        print(f"note: {state} of an interrupted run is not used (--resume would go on with it)", file=sys.stderr)


def _sample(args) -> None:
    from fipjax.runfile import load_run

    run = load_run(args.run)
    out = _writable(args.output, [".nc", ".zarr"])
    import fipjax
    from fipjax._arviz import check_output

    check_output(out)
    like = run.likelihood()
    _describe(like)
    options = dict(run.sample)
    tempered = options.pop("method", "nuts") == "smc"
    for key in ("chains", "warmup", "draws", "seed"):
        if getattr(args, key) is not None:
            if tempered and key != "seed":
                raise InputError(f"--{key} does not belong to method 'smc' of {Path(args.run).name} (allowed: --seed)")
            options[key] = getattr(args, key)
    from fipjax.engines.sample import SampleInterrupted

    interrupted = False
    try:
        result = (fipjax.smc if tempered else fipjax.sample)(like, **options)
    except SampleInterrupted as stop:
        # nothing already drawn is lost
        result, interrupted = stop.posterior, True
    result.save(out)
    if args.json:
        evidence = {"log_z": result.log_z, "log_z_error": result.log_z_error} if tempered else {}
        _print_json({"output": str(out), "ok": result.ok, "verdict": list(result.verdict), **evidence, "table": result.table()})
    else:
        print(result.summary())
        print(f"written to {out}")
    for line in result.verdict:
        print(f"warning: {line}", file=sys.stderr)
    if interrupted:
        raise KeyboardInterrupt(f"sampling interrupted: the {result.draws} draws per chain so far are in {out}")


def _profile(args) -> None:
    from fipjax.runfile import load_run

    run = load_run(args.run)
    out = _writable(args.output, [".nc"])
    if "parameters" not in run.profile:
        raise InputError(f"{Path(args.run).name}: profile.parameters is missing (allowed: a list of one or two free parameters)")
    import fipjax
    from fipjax.engines.profile import ProfileInterrupted, grid_of_table

    like = run.likelihood()
    grid = grid_of_table(like, run.profile)
    _describe(like)
    options = {k: v for k, v in run.profile.items() if k not in ("parameters", "points", "range", "scale")}
    interrupted = False
    _say_what_is_kept(out, args.resume)
    try:
        result = fipjax.profile(like, grid, out=out, resume=args.resume, **options)
    except ProfileInterrupted as stop:
        # what was found so far is in the file
        result, interrupted = stop.result, True
    if args.json:
        about = {
            "output": str(out), "complete": result.complete, "best": result.best, "minimum": result.minimum,
            "sm_chi2": result.sm_chi2,
            "axes": {k: v.tolist() for k, v in result.axes.items()}, "delta": result.delta.tolist(), "notes": result.notes,
        }  # fmt: skip
        if len(result.axes) == 1:
            about["intervals"] = {f"{level:g}": result.intervals(level) for level in (1.0, 4.0, 9.0)}
        _print_json(about)
    else:
        print(result.summary())
        print(f"written to {out}")
    if interrupted:
        raise KeyboardInterrupt(
            f"profile interrupted after {result.sweeps} sweeps: what was found so far is in {out}; the same command with --resume "
            "goes on"
        )


def _plot(args) -> None:
    from fipjax.plotting import plot_file

    out = Path(args.output) if args.output else None
    if out is not None and not (out.is_dir() or out.parent.is_dir()):
        raise InputError(f"output {args.output!r} (allowed: an existing directory, or a file name in one)")
    if out is not None and len(args.files) > 1 and not out.is_dir():
        raise InputError(f"output {args.output!r} for {len(args.files)} files (allowed: an existing directory)")
    for name in args.files:
        for path in plot_file(name, out):
            print(path)


def build_parser() -> argparse.ArgumentParser:
    """The command-line parser."""
    parser = _Parser(prog="fipjax", description="Scan, fit and sample models of feebly interacting particles.")
    parser.add_argument("--version", action="version", version=f"fipjax {__version__}")
    sub = parser.add_subparsers(dest="command", required=True, parser_class=_Parser, metavar="COMMAND")

    def command(name, function, text):
        p = sub.add_parser(name, help=text, description=text)
        p.set_defaults(function=function)
        p.add_argument(
            "--plugin",
            action="append",
            type=commands.path,
            metavar="FILE.py",
            help="a file with models, observables, bounds, measurements of your own",
        )
        return p

    for name, function, text in (
        ("models", _models, "list the models with their parameters and priors"),
        ("observables", _observables, "list the observables"),
        ("constraints", _constraints, "list the constraints"),
    ):
        p = command(name, function, text)
        p.add_argument("--json", action="store_true", help="print JSON")
        if name != "models":
            p.add_argument("--long", action="store_true", help="everything about each, not cut to lines")
        else:
            p.add_argument("--model", action="append", metavar="NAME", help="only this one; a model of your own: FILE.py:NAME")
    p = command("data", _data, "list the measured values")
    p.add_argument("--vintage", help="only the sets of this vintage")
    p.add_argument("--long", action="store_true", help="everything about each, not cut to lines")
    p.add_argument("--json", action="store_true", help="print JSON")

    p = command("predict", _predict, "predict observables at one parameter point")
    p.add_argument("--model", required=True, metavar="NAME", help="a name of 'fipjax models', or FILE.py:NAME")
    p.add_argument("--set", action="append", metavar="NAME=NUMBER", help="a parameter; may be repeated")
    p.add_argument("--observable", action="append", metavar="NAME", help="flavio name with bin; may be repeated")
    p.add_argument("--data", default="latest", metavar="VINTAGE", help="2021, datta2022 or latest: fixes the SM a_mu")
    p.add_argument("--constraints", default="all", help="all, none or one name")
    p.add_argument("--conventions", default="default", help="default, as_printed (errors of the papers included) or flavio")
    p.add_argument("--json", action="store_true", help="print JSON")

    for name, function, text, default in (
        ("scan", _scan, "scan a grid or quasi-random points into a resumable store", "scan.zarr"),
        ("fit", _fit, "best fit with errors and pulls", "fit.json"),
        ("sample", _sample, "posterior by NUTS, or by tempered Monte Carlo with the evidence", "posterior.nc"),
        ("profile", _profile, "profile likelihood of one or two parameters", "profile.nc"),
    ):
        p = command(name, function, text)
        p.add_argument("run", type=commands.path, metavar="RUN.toml")
        p.add_argument("-o", "--output", type=commands.path, default=default, metavar="FILE")
        p.add_argument("--json", action="store_true", help="print JSON")
        if name == "scan":
            p.add_argument("--overwrite", action="store_true", help="replace a store of another run")
            p.add_argument("--worker", metavar="I/N", help="compute part I (from 0) of N of the store")
            p.add_argument("--distributed", action="store_true", help="one of several processes that JAX or --coordinator finds")
            p.add_argument("--coordinator", metavar="HOST:PORT", help="address of process 0, with --distributed")
            p.add_argument("--processes", type=commands.positive, metavar="N", help="number of processes, with --distributed")
            p.add_argument("--process-id", type=int, metavar="I", help="number of this process (from 0), with --distributed")
            p.add_argument("--wait", type=commands.positive, metavar="SECONDS", help="how long to wait for the others (300)")
            p.add_argument("--takeover", action="store_true", help="after its own part, compute what other workers have not")
        if name in ("fit", "profile"):
            p.add_argument("--resume", action="store_true", help="go on from what an interrupted run kept beside its output")
        if name == "fit":
            p.add_argument("--starts", type=commands.positive)
        if name == "sample":
            p.add_argument("--chains", type=commands.positive)
            p.add_argument("--warmup", type=commands.positive)
            p.add_argument("--draws", type=commands.positive)
            p.add_argument("--seed", type=int)
    p = command("plot", _plot, "draw the right picture for each file")
    p.add_argument("files", nargs="+", type=commands.path, metavar="FILE")
    p.add_argument("-o", "--output", type=commands.path, help="directory or file name for the pictures")
    commands.add_all(command)
    return parser


def _stop(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0, 2 for bad input, 130 after Ctrl-C or SIGTERM."""
    if argv is None and threading.current_thread() is threading.main_thread():
        # what a batch system sends before the time is up: keep what there is, as for Ctrl-C
        signal.signal(signal.SIGTERM, _stop)
    try:
        args = build_parser().parse_args(argv)
        if args.plugin or "fipjax.plugins" in sys.modules:
            from fipjax.plugins import load_command_line

            load_command_line(args.plugin)
        args.function(args)
    except InputError as err:
        print(f"fipjax: error: {err}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # the reader (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as stop:
        print(f"fipjax: {str(stop) or NOTHING_KEPT}", file=sys.stderr)
        if argv is None:
            # as a program: a compiler thread that is still at work would crash while Python shuts down
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(130)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
