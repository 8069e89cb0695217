"""The one place that touches arviz.

arviz 0.2x (Python 3.11) builds an ``InferenceData`` from keyword arguments; arviz 1.x (Python >= 3.12) builds an
xarray ``DataTree`` from one dict of groups.  0.2x accepts the call of 1.x without complaint and makes nonsense of
it, so the version decides, never a try.  The netCDF file has the same groups either way.
"""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import numpy as np

from fipjax.errors import InputError, MissingDependency

#: our names of the sampler statistics -> those that arviz's plots look for
STAT_NAMES = {"accept_prob": "acceptance_rate", "num_steps": "n_steps"}
_HINT = 'pip install "fipjax[arviz]"'
_ENGINE = "h5netcdf"


def require():
    """The arviz module; MissingDependency if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 0.23 announces 1.x at import
            import arviz
    except ImportError as err:
        raise MissingDependency(f"posterior files need arviz ({err}): {_HINT}") from None
    return arviz


def _xarray():
    try:
        import h5netcdf  # noqa: F401
        import h5py  # noqa: F401  (h5netcdf does not depend on it)
        import xarray
    except ImportError as err:
        raise MissingDependency(f"netCDF files need xarray, h5netcdf and h5py ({err}): {_HINT}") from None
    return xarray


def build(groups: dict[str, dict[str, np.ndarray]], attrs: dict, var_attrs: dict[str, dict]):
    """InferenceData (arviz 0.2x) or DataTree (1.x) of ``groups``, each name -> (chains, draws) array.

    ``attrs`` go on the posterior group, ``var_attrs`` on its variables.
    """
    az = require()
    groups = {g: {STAT_NAMES.get(k, k): v for k, v in table.items()} for g, table in groups.items()}
    with warnings.catch_warnings():
        # more chains than draws is what an interrupted run may hold
        warnings.simplefilter("ignore", UserWarning)
        data = az.from_dict(**groups) if int(az.__version__.split(".")[0]) == 0 else az.from_dict(groups)
    posterior = data["posterior"]
    posterior.attrs.update(attrs)
    for name, extra in var_attrs.items():
        posterior[name].attrs.update({k: v for k, v in extra.items() if v})
    return data


def is_zarr_posterior(path: str | os.PathLike) -> bool:
    """Whether a directory is a posterior in zarr rather than a scan or something else."""
    path = Path(path)
    return path.suffix == ".zarr" and (path / "posterior").is_dir() and not (path / ".fipjax").exists()


def check_output(path: str | os.PathLike) -> None:
    """What a posterior at ``path`` needs, before the work.

    Raises MissingDependency, and InputError where a zarr store would replace a directory that is no posterior.
    """
    require()
    _xarray()
    path = Path(path)
    if path.suffix != ".zarr":
        return
    _zarr()
    if path.exists() and not (is_zarr_posterior(path) or (path.is_dir() and not any(path.iterdir()))):
        raise InputError(f"output {str(path)!r} exists and is not a posterior (allowed: a new name; it is not overwritten)")


def _zarr():
    try:
        import zarr
    except ImportError as err:
        raise MissingDependency(f'posteriors in zarr need zarr ({err}): pip install "fipjax[scan]"') from None
    return zarr


def _write_zarr(path: Path, data) -> None:
    """All groups as one zarr v3 store.  arviz 0.2x refuses zarr 3; xarray does not."""
    zarr = _zarr()
    check_output(path)
    if not path.parent.is_dir():
        raise InputError(f"cannot write {str(path)!r}: {str(path.parent)!r} is not a directory")
    scratch = path.with_name(path.name + f".{os.getpid()}.tmp")
    try:
        for i, group in enumerate(("posterior", "sample_stats")):
            node = data[group]
            table = node.to_dataset() if hasattr(node, "to_dataset") else node
            table.to_zarr(str(scratch), group=group, mode="a" if i else "w", consolidated=False, zarr_format=3)
        with warnings.catch_warnings():
            # not part of zarr v3 yet; readers look for it all the same
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(str(scratch), zarr_format=3)
        old = path.with_name(path.name + f".{os.getpid()}.old")
        if path.exists():
            os.replace(path, old)
        os.replace(scratch, path)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as err:
        shutil.rmtree(scratch, ignore_errors=True)
        raise InputError(f"cannot write {str(path)!r}: {err.strerror or err}") from None


def write(path: str | os.PathLike, data) -> None:
    """Write what :func:`build` made as netCDF, or as a zarr store where the name ends in .zarr; InputError if that fails."""
    _xarray()
    path = Path(path)
    if path.suffix == ".zarr":
        _write_zarr(path, data)
        return
    scratch = path.with_name(path.name + f".{os.getpid()}.tmp")
    try:
        data.to_netcdf(str(scratch), engine=_ENGINE)
        os.replace(scratch, path)  # never half a file
    except OSError as err:
        if scratch.is_file():
            scratch.unlink()
        raise InputError(f"cannot write {str(path)!r}: {err.strerror or err}") from None


def check_hdf5(path: str | os.PathLike) -> None:
    """OSError for a file that is damaged; h5netcdf, given one, leaves a message on stderr later."""
    import h5py

    with h5py.File(path, "r"):
        pass


def read(path: str | os.PathLike) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    """Groups ``posterior`` and ``sample_stats`` as numpy arrays, and the attributes of the posterior group.

    Raises InputError if the file is missing or is not such a file.
    """
    xarray = _xarray()
    ours = {theirs: name for name, theirs in STAT_NAMES.items()}
    groups: dict[str, dict[str, np.ndarray]] = {}
    attrs: dict = {}
    path = Path(path)
    is_store = is_zarr_posterior(path)
    if path.is_dir() and not is_store:
        raise InputError(f"{str(path)!r} is not a posterior written by fipjax")
    if not (path.is_file() or is_store):
        raise InputError(f"cannot read {str(path)!r}: no such file")
    for group in ("posterior", "sample_stats"):
        try:
            if not is_store:
                check_hdf5(path)
            how = {"engine": "zarr", "consolidated": False} if is_store else {"engine": _ENGINE}
            with xarray.open_dataset(str(path), group=group, **how) as data:
                groups[group] = {ours.get(str(k), str(k)): np.array(v.values) for k, v in data.data_vars.items()}
                if group == "posterior":
                    attrs = dict(data.attrs)
        except (OSError, KeyError, ValueError) as err:
            raise InputError(f"{str(path)!r} is not a posterior written by fipjax: {err}") from None
    return groups, attrs
