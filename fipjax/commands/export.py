"""``fipjax export``: a point in the format of other programs."""

from __future__ import annotations

from typing import Any

from fipjax.commands import path
from fipjax.errors import InputError


def add(command) -> None:
    """Add the command."""
    p = command("export", _export, "write the Wilson coefficients of a point as WCxf, for flavio, wilson, smelli, EOS")
    p.add_argument("--wcxf", action="store_true", help="EFT WET, basis flavio; one file per scale (4.8 GeV, mixing 4.2 GeV)")
    p.add_argument("--model", metavar="NAME", help="a name of 'fipjax models', or FILE.py:NAME")
    p.add_argument("--set", action="append", metavar="NAME=NUMBER", help="a parameter; may be repeated")
    p.add_argument("--fit", type=path, metavar="FIT.json", help="the best point of a fit instead of --set")
    p.add_argument("--q2", type=float, metavar="NUMBER", help="take light mediators at this q^2 (GeV^2)")
    p.add_argument("--heavy-only", action="store_true", help="leave light mediators out")
    p.add_argument("--conventions", default="default", help="default or as_printed")
    p.add_argument(
        "-o", "--output", type=path, default="wcxf.json", metavar="FILE", help="a name that ends in .json, .yml or .yaml"
    )
    p.add_argument("--json", action="store_true", help="print JSON")


def point(model: str | None, items: list[str] | None, fit: str | None = None) -> tuple[str, dict[str, Any]]:
    """(model, parameters) of --model and --set, or of --fit.  Raises InputError."""
    from fipjax.cli import _parse_value

    params: dict[str, Any] = {}
    if fit is not None:
        from fipjax.engines.fit import load_fit

        result = load_fit(fit)
        try:
            held = dict(result.fingerprint.get("fixed", {}))
            fixed = {k: complex(*v) if isinstance(v, list) else float(v) for k, v in held.items()}
        except (TypeError, ValueError):
            shown = repr(result.fingerprint["fixed"])[:80]
            raise InputError(f"{fit}: fingerprint.fixed = {shown} (allowed: a table of numbers, as fit writes)") from None
        # hadronic inputs of a fit with nuisances are no parameters of the model
        params = {**{k: v for k, v in result.best.items() if not k.startswith("z(")}, **fixed}
        model = model or result.fingerprint.get("model")
        if not (model is None or isinstance(model, str)):
            raise InputError(f"{fit}: fingerprint.model = {repr(model)[:80]} (allowed: the name of a model, as fit writes)")
    if model is None:
        raise InputError("no --model given (allowed: a name of 'fipjax models', or FILE.py:NAME)")
    for item in items or []:
        name, eq, text = item.partition("=")
        if not eq or not name:
            raise InputError(f"--set {item!r} (allowed: NAME=NUMBER)")
        params[name.strip()] = _parse_value(name.strip(), text.strip())
    return model, params


def _export(args) -> None:
    from fipjax.cli import _print_json, _writable
    from fipjax.wcxf import to_wcxf, write_wcxf

    if not args.wcxf:
        raise InputError("nothing to export (allowed: --wcxf)")
    out = _writable(args.output, [".json", ".yml", ".yaml"])
    model, params = point(args.model, args.set, args.fit)
    contents = to_wcxf(model, params, q2=args.q2, heavy_only=args.heavy_only, conventions=args.conventions)
    paths = write_wcxf(contents, out)
    if args.json:
        _print_json([{"output": str(p), **c} for p, c in zip(paths, contents, strict=True)])
        return
    for p, c in zip(paths, contents, strict=True):
        print(f"{p}: {len(c['values'])} coefficients at {c['scale']:g} GeV ({c['eft']}, basis {c['basis']})")
    for note in contents[0]["metadata"]["notes"]:
        print(f"note: {note}")
