"""One style for all figures, and the labels they share.

Figures are plain :class:`matplotlib.figure.Figure` objects on an Agg canvas: no pyplot, no window, no global state,
so that they can be made on a machine without a display and inside somebody else's program.  Fonts are the STIX
fonts that matplotlib ships, formulas are mathtext: no LaTeX is needed.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.mathtext import MathTextParser
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from fipjax._paths import expand
from fipjax.errors import InputError

COLUMN = 3.4
"""Width of a journal column, inches."""
ONE_AND_A_HALF = 5.1
"""Width of a figure of one and a half columns, inches."""
DOUBLE = 7.0
"""Width of the text of a two-column page, inches."""
PAGE_HEIGHT = 9.2
"""Height of the text of a page, inches."""
FORMATS = ("pdf", "png")
"""What :func:`save` writes."""

SMALL, NORMAL, LARGE = 7.0, 8.0, 9.0
"""Font sizes in points, at print size."""

# Okabe & Ito, https://jfly.uni-koeln.de/color: told apart with any kind of colour vision
BLACK, BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = (
    "#000000",
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
)
GREY = "#777777"
BANDS = ("#0F5A99", "#6BAED6", "#D3E5F4")
"""Fill of the 1, 2 and 3 sigma regions: shades of one hue, so that they also work in grey."""
EDGES = ("#06345C", "#0F5A99", "#6BAED6")
"""Outlines of the same."""
SM_COLOUR = ORANGE
WARNING = "#B2182B"

RC: dict[str, Any] = {
    "font.family": ["STIXGeneral"],
    "mathtext.fontset": "stix",
    "text.usetex": False,
    "text.hinting": "none",
    "font.size": NORMAL,
    "axes.labelsize": LARGE,
    "axes.titlesize": NORMAL,
    "xtick.labelsize": NORMAL,
    "ytick.labelsize": NORMAL,
    "legend.fontsize": NORMAL,
    "legend.title_fontsize": NORMAL,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.35,
    "legend.borderaxespad": 0.2,
    "axes.linewidth": 0.6,
    "axes.axisbelow": False,
    "axes.labelpad": 3.0,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.useoffset": False,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "patch.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "hatch.color": GREY,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.size": 3.5,
    "ytick.major.size": 3.5,
    "xtick.minor.size": 2.0,
    "ytick.minor.size": 2.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "figure.dpi": 150.0,
    "figure.constrained_layout.h_pad": 0.025,
    "figure.constrained_layout.w_pad": 0.025,
    "savefig.dpi": 300.0,
    "pdf.fonttype": 42,
    "svg.hashsalt": "fipjax",
}
"""The style as matplotlib rcParams."""


@contextlib.contextmanager
def context(**changes: Any) -> Iterator[None]:
    """matplotlib's defaults with :data:`RC`, then ``changes`` (rcParams), on top, inside the ``with`` block."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        params: Any = {**RC, **changes}
        matplotlib.rcParams.update(params)
        yield


class Figure(MatplotlibFigure):
    """A matplotlib figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        with context():
            self.savefig(buffer, format="png", dpi=150)
        return buffer.getvalue()


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """Empty figure of ``width`` x ``height`` inches on an Agg canvas, constrained layout unless ``layout`` is given."""
    fig = Figure(figsize=(width, height), **{"layout": "constrained", **options})
    FigureCanvasAgg(fig)
    return fig


def save(figure: MatplotlibFigure, stem: str | os.PathLike, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write ``figure`` to ``stem.pdf``, ``stem.png``, ... and return the paths.

    ``stem`` is a path without suffix.  Text is kept as text in PDF (fonts embedded) and SVG (fonts named:
    where the STIX fonts are not installed, another one is shown).  A file appears complete or not at all, and nothing in it depends
    on the date.
    Raises InputError if it cannot be written.
    """
    stem = expand(stem)
    out = []
    for kind in formats:
        path = stem.with_name(f"{stem.name}.{kind}")
        scratch = stem.with_name(f".{stem.name}.{os.getpid()}.{kind}")
        metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": "fipjax"}}.get(kind, {"Date": None})
        try:
            # text stays text, to be searched and edited
            with context(**{"svg.fonttype": "none"}):
                figure.savefig(scratch, format=kind, metadata=metadata)
            if kind == "svg" and not _standard_letters(scratch):
                with context():
                    figure.savefig(scratch, format=kind, metadata=metadata)
            os.replace(scratch, path)
        except OSError as err:
            raise InputError(f"cannot write {str(path)!r}: {err.strerror or err} (allowed: a path that can be written)") from None
        finally:
            with contextlib.suppress(OSError):
                scratch.unlink()
        out.append(path)
    return out


# script capitals: where the STIX fonts of matplotlib keep them, and what Unicode calls them
_SCRIPT = {0xE22D + i: letter for i, letter in enumerate("𝒜ℬ𝒞𝒟ℰℱ𝒢ℋℐ𝒥𝒦ℒℳ𝒩𝒪𝒫𝒬ℛ𝒮𝒯𝒰𝒱𝒲𝒳𝒴𝒵")}


def _standard_letters(svg: Path) -> bool:
    """Replace script capitals that only the STIX fonts have at their place; whether no other private letter is left."""
    text = svg.read_text(encoding="utf-8").translate(_SCRIPT)
    svg.write_text(text, encoding="utf-8")
    return not re.search(r"[\ue000-\uf8ff]", text)


# --------------------------------------------------------------------------------------------------------------------
# labels

UPRIGHT = {"_": r"\_", "%": r"\%", "#": r"\#", "&": r"\&", " ": r"\ ", "'": "'", "~": r"\ "}


def unit_text(unit: str) -> str:
    """Unit with exponents: ``"GeV^-2"`` -> ``"GeV$^{-2}$"``, ``"1e-8 GeV^-2"`` -> ``"$10^{-8}$ GeV$^{-2}$"``."""
    text = re.sub(r"\^(-?\d+)", r"$^{\1}$", unit)
    return re.sub(r"\b1e([+-]?\d+)\b", lambda m: f"$10^{{{int(m[1])}}}$", text)


def with_unit(text: str, unit: str) -> str:
    """``text [unit]``, or ``text`` alone for a pure number."""
    return f"{text} [{unit_text(unit)}]" if unit else text


def plain_text(text: str) -> str:
    """Text in which a dollar sign is a dollar sign."""
    return text.replace("$", r"\$")


def tight(latex: str) -> str:
    """LaTeX in which mathtext puts no space around the sign of a charge, and in which a prime is neither tiny nor far away."""
    return re.sub(r"\^([+-])", r"^{\1}", latex).replace("'", "\N{PRIME}")


@lru_cache(maxsize=1024)
def drawable(latex: str) -> bool:
    """Whether mathtext can draw a formula (without dollar signs)."""
    if "$" in latex or "\n" in latex:
        return False
    try:
        MathTextParser("path").parse(f"${latex}$")
    except (ValueError, RuntimeError):
        return False
    return True


def formula(name: str, about: Mapping[str, Any] | None) -> str:
    """LaTeX of a parameter, without dollar signs; its name in upright letters if there is none that can be drawn."""
    latex = tight(str((about or {}).get("latex") or "").strip().strip("$"))
    if latex and drawable(latex):
        return latex
    # what has a meaning in a formula; the rest of a name is text
    return rf"\mathrm{{{re.sub(r'[^A-Za-z0-9().,+*/=:;<>|!?~-]', lambda m: UPRIGHT.get(m[0], '.'), name)}}}"


def parameter_label(name: str, about: Mapping[str, Any] | None = None) -> str:
    """Axis label of a parameter, e.g. ``$m_V$ [GeV]``; ``about`` has its ``latex`` and ``unit``."""
    return with_unit(f"${formula(name, about)}$", str((about or {}).get("unit") or ""))


def observable_label(name: str, with_bin: bool = True) -> str:
    r"""Label of an observable, e.g. ``$\langle ...(B^+\to K^+\mu^+\mu^-)\rangle$ [1.1, 6.0]``.

    Names that fipjax does not know stay as they are.
    """
    from fipjax.observables import FAMILIES

    head, _, rest = name.partition("[")
    family = FAMILIES.get(head.strip())
    if family is None:
        return plain_text(name if with_bin else head)
    label = f"${tight(family.latex)}$"
    if with_bin and rest:
        try:
            edges = [repr(float(x)) for x in rest.rstrip("] ").split(",")]
        except ValueError:
            return plain_text(name)
        label += f" [{', '.join(edges)}]"
    return label


def publication_label(measurement: str, short: bool = False) -> str:
    """``LHCb, arXiv:1403.8044`` (short: ``LHCb 1403.8044``) for the id of a set of measurements.

    An id that is not shipped stays as it is.
    """
    from fipjax.data import list_sets

    for s in list_sets():
        if s.id == measurement:
            if short:
                return " ".join(x for x in (s.experiment, s.arxiv) if x)
            number = s.arxiv if "/" in s.arxiv or not s.arxiv else f"arXiv:{s.arxiv}"
            return ", ".join(x for x in (s.experiment, number) if x)
    return plain_text(measurement)


def number_text(value: float, digits: int = 2) -> str:
    r"""Number for a formula: ``"0.25"``, ``r"3.1\times 10^{-7}"``."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    power = math.floor(math.log10(abs(value)))
    if -3 < power < 4:
        return f"{value:.{max(0, digits - 1 - power)}f}"
    mantissa = f"{value / 10.0**power:.{digits - 1}f}"
    return rf"{mantissa}\times 10^{{{power}}}" if float(mantissa) != 1 else rf"10^{{{power}}}"


def interval_text(median: float, low: float, high: float) -> str:
    r"""``9.8^{+7.2}_{-5.1}`` with two digits of the smaller error; a common power of ten where it helps."""
    errors = [e for e in (high - median, median - low) if e > 0 and math.isfinite(e)]
    if not errors:
        return number_text(median, 3)
    size = max(abs(median), *errors)
    power = math.floor(math.log10(size))
    power = power if power < -2 or power > 4 else 0
    m, up, down = (v / 10.0**power for v in (median, high - median, median - low))
    digits = max(0, min(6, 1 - math.floor(math.log10(min(errors) / 10.0**power) + 1e-9)))
    text = f"{m:.{digits}f}^{{+{up:.{digits}f}}}_{{-{down:.{digits}f}}}"
    return rf"({text})\times 10^{{{power}}}" if power else text


# --------------------------------------------------------------------------------------------------------------------
# axes


def decades(low: float, high: float, most: int) -> list[int]:
    """At most ``most`` equally spaced whole powers of ten in low <= 10^k <= high."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last < first:
        return []
    step = max(1, math.ceil((last - first + 1) / most))
    return list(range(last, first - 1, -step))[::-1]


def signed_ticks(width: float, low: float, high: float, most: int = 7) -> tuple[list[float], list[str]]:
    """Ticks of a signed logarithmic axis from ``low`` to ``high`` that is linear within ``width`` of zero."""
    sides = (low < -width) + (high > width)
    powers = decades(3.0 * width, max(abs(low), abs(high)), max(1, (most - 1) // max(1, sides)))
    ticks = [(-(10.0**k), f"$-10^{{{k}}}$") for k in reversed(powers) if -(10.0**k) >= low * (1 + 1e-9)]
    if low <= 0 <= high:
        ticks.append((0.0, "$0$"))
    ticks += [(10.0**k, f"$10^{{{k}}}$") for k in powers if 10.0**k <= high * (1 + 1e-9)]
    return [t for t, _ in ticks], [s for _, s in ticks]


def power_of(values: Sequence[float]) -> int:
    """The power of ten to take out of the numbers on a linear axis; 0 if they are readable as they are."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    return power if power < -2 or power > 4 else 0


def dress_axis(ax: Any, which: str, scale: str, low: float, high: float, width: float = 0.0, ticks: int = 7) -> int:
    """Scale, limits and ticks of the x or y axis of ``ax``; the power of ten that its label must name (0: none).

    scale: "linear", "log" or "signed_log" (asinh(x / width): logarithmic on both sides of zero).
    """
    axis = getattr(ax, f"{which}axis")
    set_scale, set_limits = getattr(ax, f"set_{which}scale"), getattr(ax, f"set_{which}lim")
    if scale == "log":
        set_scale("log")
        set_limits(low, high)
        if math.log10(high / low) > 1.5:
            axis.set_major_locator(LogLocator(numticks=ticks))
            axis.set_minor_formatter(NullFormatter())
            if math.log10(high / low) > 6:
                axis.set_minor_locator(LogLocator(subs="auto" if math.log10(high / low) < 4 else (1.0,), numticks=99))
        elif low >= 1e-3 and high <= 1e5:
            # little more than a decade: plain numbers at 1, 2, 5 of each power
            first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
            marks = [m * 10.0**k for k in range(first, last + 1) for m in (1, 2, 5)]
            axis.set_major_locator(FixedLocator([m for m in marks if low * (1 - 1e-9) <= m <= high * (1 + 1e-9)]))
            axis.set_major_formatter(FuncFormatter(lambda v, _: f"${v:g}$"))
            axis.set_minor_formatter(NullFormatter())
        return 0
    if scale == "signed_log":
        set_scale("asinh", linear_width=width)
        set_limits(low, high)
        places, names = signed_ticks(width, low, high, ticks)
        axis.set_major_locator(FixedLocator(places))
        axis.set_major_formatter(FixedFormatter(names))
        every = signed_ticks(width, low, high, 40)[0]
        axis.set_minor_locator(FixedLocator(every) if len(every) < 40 else NullLocator())
        return 0
    set_limits(low, high)
    axis.set_major_locator(MaxNLocator(ticks + 1, steps=[1, 2, 5, 10]))
    power = power_of((low, high))
    if power:
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"${v / 10.0**power:g}$"))
    return power


def scaled_unit(unit: str, power: int) -> str:
    """``unit`` with a power of ten in front."""
    return f"1e{power} {unit}".strip() if power else unit
