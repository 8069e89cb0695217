"""``fipjax report``: one HTML page about a run."""

from __future__ import annotations

from fipjax.commands import path


def _report(args) -> None:
    from fipjax.errors import InputError
    from fipjax.report import write_report

    plane = None
    if args.plane is not None:
        names = tuple(n.strip() for n in args.plane.split(","))
        if len(names) != 2 or not all(names):
            raise InputError(f"--plane {args.plane!r} (allowed: two parameters, X,Y)")
        plane = (names[0], names[1])
    written = write_report(args.files, args.output, title=args.title, compute=not args.fast, plane=plane, model=args.model)
    print(written)


def add(command) -> None:
    p = command("report", _report, "one HTML page about a run: fit, pulls, bounds, sampler, figures")
    p.add_argument("files", nargs="+", type=path, metavar="FILE", help="a run file, or what fit, scan, sample and profile wrote")
    p.add_argument("-o", "--output", type=path, default="report.html", metavar="FILE.html")
    p.add_argument("--model", metavar="FILE.py:NAME", help="a model of your own, where no run file says so")
    p.add_argument("--title", help="heading of the page (default: model and data)")
    p.add_argument("--plane", metavar="X,Y", help="parameters of the exclusion plot")
    p.add_argument("--fast", action="store_true", help="compute nothing: no bounds, exclusion plot and unbinned spectrum")
