"""Writes docs/generated/commands.md: the help texts of the command line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from generate_kernels import write_if_changed

OUT = Path(__file__).resolve().parent / "generated" / "commands.md"


def write() -> Path:
    """The page, from the parsers themselves."""
    os.environ["COLUMNS"] = "110"
    os.environ["NO_COLOR"] = "1"
    from fipjax import cli

    parser = cli.build_parser()
    sub = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    about = {a.dest: a.help or "" for a in sub._choices_actions}
    out = [
        "# Command line", "",
        "Every command ends with exit code 2 and one line for bad input: the field, its value, what is allowed. Those that"
        " print a table take"
        " `--json`. [own measurement](../own_measurement.md) and `examples/demo.toml` show run files.", "",
        "| command | what it does"
        " |", "|---|---|", *(f"| [`fipjax {n}`](#fipjax-{n}) | {about.get(n, '')} |" for n in sub.choices), "",
    ]  # fmt: skip
    for name, p in sub.choices.items():
        out += [f"(fipjax-{name})=", f"## {name}", "", "```text", p.format_help().rstrip(), "```", ""]
    write_if_changed(OUT, "\n".join(out))
    return OUT
