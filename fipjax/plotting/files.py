"""The right picture for a result or the file that holds it."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fipjax._paths import expand
from fipjax.errors import InputError
from fipjax.plotting import style as st
from fipjax.plotting.corner import plot_corner
from fipjax.plotting.fits import _binned, plot_pulls, plot_spectrum
from fipjax.plotting.scans import plot_profile, plot_scan
from fipjax.plotting.style import Figure


def _kind(thing: Any) -> str:
    """What a thing is: "scan", "fit", "profile" or "posterior"."""
    for kind, marks in (
        ("profile", ("objective", "axes", "as_scan")),
        ("scan", ("manifest", "chunks")),
        ("fit", ("best", "pulls")),
        ("posterior", ("samples", "names")),
    ):
        if all(hasattr(thing, m) for m in marks):
            return kind
    raise InputError(f"cannot plot a {type(thing).__name__} (allowed: a scan, a fit, a profile, a posterior, or the path of one)")


_DRAW: dict[str, Callable[..., Figure]] = {
    "scan": plot_scan,
    "fit": plot_pulls,
    "profile": plot_profile,
    "posterior": plot_corner,
}


def plot(what: Any, **options: Any) -> Figure:
    """The main picture of a scan or profile (regions), a fit (pulls) or a posterior (corner), or of the file that holds one.

    ``options`` are those of :func:`plot_scan`, :func:`plot_profile`, :func:`plot_pulls` or :func:`plot_corner`.
    """
    if isinstance(what, (str, os.PathLike)):
        what = load(what)
    return _DRAW[_kind(what)](what, **options)


# what reading or drawing a file makes of content that no command writes
_ODD = (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError, ArithmeticError, OSError)


def load(path: str | os.PathLike) -> Any:
    """The scan, fit, profile or posterior in a file; InputError if it is none of these, cannot be read or is damaged."""
    path = expand(path)
    try:
        if not path.exists():
            raise InputError(f"cannot read {str(path)!r}: no such file")
        is_folder = path.is_dir()
    except (OSError, ValueError) as err:  # a name that cannot be one
        raise InputError(f"cannot read {str(path)!r}: {getattr(err, 'strerror', None) or err}") from None
    if not is_folder and path.suffix not in (".json", ".nc"):
        raise InputError(
            f"cannot plot {str(path)!r} (allowed: a .zarr scan, .json fit, .nc profile or posterior that fipjax wrote)"
        )
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            thing = _read(path, is_folder)
            fault = _fault(thing)
    except InputError:
        raise
    except _ODD as err:
        raise InputError(f"{str(path)!r} is damaged ({type(err).__name__}: {err}) (allowed: a file as fipjax wrote it)") from None
    if fault:
        raise InputError(f"{str(path)!r} is damaged: {fault} (allowed: a file as fipjax wrote it)")
    return thing


def _read(path: Path, is_folder: bool) -> Any:
    import fipjax

    if is_folder:
        # a posterior may be a zarr store, too
        stored = path.suffix == ".zarr" and not (path / ".fipjax").exists() and (path / "posterior").is_dir()
        return fipjax.load_posterior(path) if stored else fipjax.open_scan(path)
    if path.suffix == ".json":
        return fipjax.load_fit(path)
    from fipjax._arviz import require
    from fipjax.engines.profile import is_profile

    require()
    import h5py

    try:
        # h5netcdf complains a second time when it is collected
        with h5py.File(str(path), "r") as file:
            list(file)
    except _ODD as err:
        raise InputError(f"{str(path)!r} is not a posterior or profile written by fipjax: {err}") from None
    return fipjax.load_profile(path) if is_profile(path) else fipjax.load_posterior(path)


def _fault(thing: Any) -> str:
    """What keeps a result from being used, or an empty text."""
    kind = _kind(thing)
    if kind == "scan":
        check = getattr(thing.store, "_check_files", dict)
        for name, why in check().items():
            return f"{name} is {why}; 'fipjax verify --repair' may mend it"
        for name, v in thing.axes.items():
            if not (len(v) and np.isfinite(v).all()):
                return f"the values of axis {name!r} are not finite"
    if kind == "profile":
        shape = tuple(len(v) for v in thing.axes.values())
        if thing.objective.shape != shape or thing.chi2.shape != shape:
            return f"values of shape {thing.objective.shape} on a grid of {shape}"
        for name, v in thing.axes.items():
            if not (np.isfinite(v).all() and np.all(np.diff(v) > 0)):
                return f"the values of axis {name!r} do not increase"
        if not isinstance(thing.fingerprint, dict) or not all(isinstance(v, dict) for v in thing.parameters.values()):
            return "the description of the run is missing"
        if not all(math.isfinite(float(thing.best[n])) for n in thing.names) or not math.isfinite(thing.minimum):
            return "the minimum is not finite"
    if kind == "posterior":
        shape = thing.log_prob.shape
        for name in thing.names:
            v = np.asarray(thing.samples[name])
            if v.shape != shape or v.ndim != 2 or v.dtype.kind != "f" or not (np.abs(v) < 1e200).all():
                return f"the draws of {name!r} are not finite numbers of shape {shape}"
        if not shape[0] * shape[1]:
            return "it holds no draw"
        if not isinstance(thing.fingerprint, dict) or not all(isinstance(v, dict) for v in thing.parameters.values()):
            return "the description of the run is missing"
    return ""


@contextlib.contextmanager
def drawing(what: str) -> Iterator[None]:
    """Turns what numpy and matplotlib make of numbers that no run gives (1e300, say) into an InputError about ``what``."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("ignore", UserWarning)
            yield
    except InputError:
        raise
    except _ODD as err:
        raise InputError(f"cannot draw {what}: {type(err).__name__}: {err} (allowed: values as a run gives them)") from None


_MAIN = {"scan": "regions", "fit": "pulls", "profile": "profile", "posterior": "corner"}
_PICTURE_SUFFIXES = (".pdf", ".png", ".svg")
_OTHER_PICTURES = (".jpg", ".jpeg", ".eps", ".ps", ".tif", ".tiff", ".gif", ".webp")
MIN_BINS = 3
"""Bins of one observable from which on a fit also gets its spectrum."""


def plot_file(path: str | os.PathLike, out: str | os.PathLike | None = None, **options: Any) -> list[Path]:
    """Draw what a file holds and write PDF and PNG; the paths written.

    A scan (.zarr) gives ``STEM_regions``, a fit (.json) ``STEM_pulls`` and, with three bins or more of one
    observable, ``STEM_spectrum``, a profile (.nc) ``STEM_profile``, a posterior (.nc) ``STEM_corner``; STEM is the path
    without suffix.

    Parameters
    ----------
    path: what ``fipjax scan``, ``fit``, ``profile`` or ``sample`` wrote.
    out: path of the main picture instead, with or without .pdf, .png or .svg (PDF and PNG are written in any case),
        or a directory for pictures under their default names.
    options: of :func:`plot_scan`, :func:`plot_pulls` or :func:`plot_corner`.

    Raises InputError for a file that cannot be read or is none of these, and an ``out`` that cannot be written.
    """
    path = expand(path)
    thing = load(path)
    kind = _kind(thing)
    stem, formats = _target(path, out, _MAIN[kind])
    with drawing(repr(str(path))):
        figures = {stem: _DRAW[kind](thing, **options)}
    if kind == "fit":
        table = _binned(thing.pulls)
        usual = "<dBR/dq2>(B+->Kmumu)"
        # the usual one if it is there, else the one with most bins
        name = max(table, key=lambda n: (len(table[n]) >= MIN_BINS and n == usual, len(table[n])), default=None)
        if name is not None and len(table[name]) >= MIN_BINS:
            other = stem.name.removesuffix("_pulls") + "_spectrum"
            with drawing(repr(str(path))):
                figures[stem.with_name(other)] = plot_spectrum(thing, name)
    with drawing(repr(str(path))):
        return [p for target, figure in figures.items() for p in st.save(figure, target, formats)]


def _target(path: Path, out: str | os.PathLike | None, main: str) -> tuple[Path, tuple[str, ...]]:
    """Path without suffix and formats of the main picture."""
    name = f"{path.name.removesuffix(path.suffix)}_{main}"
    if out is None:
        return path.resolve().parent / name, st.FORMATS
    target = expand(out)
    formats: tuple[str, ...] = st.FORMATS
    if target.is_dir():
        return target / name, formats
    suffix = target.suffix.lower()
    if suffix in _OTHER_PICTURES:
        raise InputError(f"output {str(out)!r} (allowed: .pdf, .png, .svg, or no suffix)")
    if suffix in _PICTURE_SUFFIXES:
        target = target.with_suffix("")
        formats = tuple(dict.fromkeys((*formats, suffix[1:])))
    if not target.parent.is_dir():
        raise InputError(f"output {str(out)!r}: {str(target.parent)!r} is not a directory (allowed: a path in one)")
    return target, formats
