"""Writes one page per module of fipkernels into docs/generated/kernels: docstrings, formulas, plots, tests.

    python docs/generate_kernels.py [--no-plots]

The build of the documentation calls it.  What is drawn stands in docs/kernel_plots.py.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import source_index

HERE = Path(__file__).resolve().parent
OUT = HERE / "generated" / "kernels"
_POINTS = 401


def draw(plot, path: Path) -> None:
    """One figure in the style of fipjax."""
    import jax.numpy as jnp

    from fipjax.plotting import style as st

    low, high, scale = plot.x
    x = np.geomspace(low, high, _POINTS) if scale == "log" else np.linspace(low, high, _POINTS)
    colours = (st.BLUE, st.VERMILLION, st.GREEN, st.ORANGE, st.PURPLE, st.SKY, st.BLACK)
    with st.context():
        fig = st.new_figure(1.25 * st.COLUMN, 0.8 * st.COLUMN)
        ax = fig.add_subplot()
        for i, (label, curve) in enumerate(plot.curves.items()):
            y = np.broadcast_to(np.asarray(curve(jnp.asarray(x)), float), x.shape)
            if not np.any(np.isfinite(y)):
                raise ValueError(f"{plot.functions[0]}: the curve {label!r} is nowhere finite")
            # a logarithmic axis shows no zeros: a closed channel ends the line
            y = np.where(y > 0.0, y, np.nan) if plot.y == "log" else y
            ax.plot(x, y, color=colours[i % len(colours)], ls=("-", "--")[i // len(colours)], label=label or None)
        ax.set(xscale=scale, xlim=(low, high), xlabel=plot.xlabel, ylabel=plot.ylabel)
        ax.set_yscale(plot.y, **({"linthresh": 1e-3} if plot.y == "symlog" else {}))
        if plot.ylim:
            ax.set_ylim(*plot.ylim)
        if plot.y == "linear" and ax.get_ylim()[0] < 0.0 < ax.get_ylim()[1]:
            ax.axhline(0.0, color=st.GREY, lw=0.5, zorder=0)
        if any(plot.curves):
            ax.legend(ncols=2 if len(plot.curves) > 4 else 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        fig.savefig(path, dpi=180)


def modules() -> list[str]:
    """Modules of fipkernels, by name."""
    return sorted(p.stem for p in source_index.FOLDERS["fipkernels"].glob("*.py") if not p.stem.startswith("_"))


def test_links(tests) -> str:
    """Names of test modules."""
    return ", ".join(f"`tests/{t}`" for t in sorted(tests)) or "no test names it"


def page(module: str, plots: dict) -> str:
    """The Markdown page of one module."""
    items = source_index.index()
    stem = f"fipkernels.{module}"
    inside = [i for i in items.values() if i.name.startswith(f"{stem}.") and i.public]
    where = {f: p for p in plots.values() for f in p.functions}
    out = [f"# fipkernels.{module}", "", "```{eval-rst}", f".. automodule:: {stem}", "   :no-members:", "```", ""]
    for item in sorted(inside, key=lambda i: i.line):
        name = item.name.rpartition(".")[2]
        short = f"{module}.{name}"
        out += [f"## {name}", ""]
        plot = where.get(short)
        if plot and short in plot.latex:
            out += ["$$", plot.latex[short], "$$", ""]
        kind = "autoclass" if name[0].isupper() else "autofunction"
        out += ["```{eval-rst}", f".. {kind}:: {item.name}", *(["   :members:"] if kind == "autoclass" else []), "```", ""]
        if plot and plot.functions[0] == short:
            also = [f for f in plot.functions[1:] if any(i.name == f"fipkernels.{f}" for i in inside)]
            text = plot.note + (f" Also shows {', '.join(f'`{f}`' for f in also)}." if also else "")
            out += [f"```{{image}} {short}.png", ":class: kernel", f":alt: {short} over its range", "```", "", text.strip(), ""]
        elif plot:
            out += [f"*Drawn with [{plot.functions[0]}](#{anchor(plot.functions[0])}).*", ""]
        out += [f"*Tests: {test_links(item.tests)}.*", ""]
    return "\n".join(out)


def anchor(short: str) -> str:
    """Target of a function inside its page."""
    return short.rpartition(".")[2].lower().replace("_", "-")


def write(draw_plots: bool = True) -> list[Path]:
    """All pages, and the figures that changed; returns the pages."""
    OUT.mkdir(parents=True, exist_ok=True)
    plots = {}
    if draw_plots:
        import kernel_plots

        plots = {p.functions[0]: p for p in kernel_plots.PLOTS}
        known = {i.name.removeprefix("fipkernels.") for i in source_index.index().values() if i.name.startswith("fipkernels.")}
        missing = {f for p in plots.values() for f in p.functions} - known
        if missing:
            raise SystemExit(f"kernel_plots.py names functions that do not exist: {', '.join(sorted(missing))}")
        source = (HERE / "kernel_plots.py").read_bytes() + (HERE / "generate_kernels.py").read_bytes()
        for path in sorted(source_index.FOLDERS["fipkernels"].glob("*.py")):
            source += path.read_bytes()
        key = hashlib.sha256(source).hexdigest()
        stamp = OUT / "plots.sha256"
        done = stamp.read_text() if stamp.exists() else ""
        if done != key or any(not (OUT / f"{name}.png").exists() for name in plots):
            for name, plot in plots.items():
                draw(plot, OUT / f"{name}.png")
            stamp.write_text(key)
    pages = []
    for module in modules():
        path = OUT / f"{module}.md"
        write_if_changed(path, page(module, plots))
        pages.append(path)
    return pages


def write_if_changed(path: Path, text: str) -> None:
    """A page whose text is the same keeps its time, so that Sphinx does not read it again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-plots", action="store_true")
    for p in write(not parser.parse_args().no_plots):
        print(p)
