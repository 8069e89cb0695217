"""``fipjax bench``: points per second here, against the peers that are installed."""

from __future__ import annotations

import json
from pathlib import Path

from fipjax.commands import path, positive


def add(command) -> None:
    p = command("bench", _bench, "points per second here, beside the machine's ceilings and installed peers (flavio, EOS)")
    p.add_argument("case", nargs="*", metavar="CASE", help="table1, dark_z, deft64, eos; default: all")
    p.add_argument("--points", type=positive, default=65536)
    p.add_argument("--no-peers", action="store_true", help="do not run flavio and EOS")
    p.add_argument("--no-float32", action="store_true", help="only float64")
    p.add_argument("-o", "--output", type=path, metavar="FILE.json", help="also write the numbers to a file")
    p.add_argument("--json", action="store_true", help="print JSON")


def _bench(args) -> None:
    from fipjax import bench
    from fipjax.cli import _print_json, _writable
    from fipjax.errors import unknown

    for name in args.case:
        if name not in bench.CASES:
            raise unknown("benchmark", name, bench.CASES)
    out: Path | None = _writable(args.output, [".json"]) if args.output else None
    say = (lambda text: None) if args.json else (lambda text: print(text, flush=True))
    cases = args.case or list(bench.CASES)
    report = bench.run(cases, args.points, with_peers=not args.no_peers, single=not args.no_float32, say=say)
    if out:
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if args.json:
        _print_json(report)
