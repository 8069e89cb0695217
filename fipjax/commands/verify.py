"""``fipjax verify STORE``: compare what a scan wrote with its checksums."""

from __future__ import annotations

import json

from fipjax.commands import path


def add(command) -> None:
    """Add the command."""
    p = command("verify", _verify, "check the store of a scan against its checksums")
    p.add_argument("store", type=path, metavar="STORE.zarr")
    p.add_argument("--repair", action="store_true", help="forget damaged chunks, so that the next run of the scan computes them")
    p.add_argument("--json", action="store_true", help="print JSON")


def _verify(args) -> None:
    from fipjax.engines.scan import verify
    from fipjax.errors import InputError

    report = verify(args.store, repair=args.repair)
    sound = not report.files and (args.repair or not report.damaged)
    if args.json:
        about = {
            "store": args.store, "ok": report.ok, "checked": report.checked, "missing": report.missing, "repaired": args.repair,
            "damaged": {str(k): why for k, why in report.damaged.items()}, "files": report.files, "mended": report.mended,
        }  # fmt: skip
        print(json.dumps(about, indent=1))
    else:
        print(report)
    if not sound:
        n = len(report.damaged) + len(report.files)
        hint = "an intact store" if args.repair else "an intact store; --repair drops what is damaged"
        raise InputError(f"store {args.store} is damaged in {n} place{'s' if n > 1 else ''} (allowed: {hint})")
    if args.repair and report.damaged and not args.json:
        print("run the same scan again to compute them")
