"""Fixed integration panels: where to split a q^2 range so that 12 nodes are enough.

This runs once, on the host, before anything is traced; its result is constant data for the kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fipkernels.breit_wigner import Panels

NODES = 12
# A function with its nearest singularity on the Bernstein ellipse rho is interpolated by n nodes to rho^-n:
# 5^-12 = 4e-9 for the worst panel, times the (small) strength of the singularity.
RHO_MIN = 5.0


# Panels at a square-root threshold: a narrow pole there sees an integrand that vanishes like a square root, so errors of
# interpolation are enhanced by (m/Gamma)^(1/2); 12^-12 = 1e-13.
RHO_MIN_SQRT = 12.0


def _rho(center: float, half: float, singular: complex) -> float:
    """Bernstein radius of a point as seen from the interval."""
    z = complex(singular - center) / half
    root = np.sqrt(z * z - 1.0 + 0.0j)
    return max(abs(z + root), abs(z - root))


def _is_end(s: float, x: float) -> bool:
    return abs(s - x) < 1e-9 * max(abs(x), 1e-6)


def _variables(a: float, b: float, sqrt_points: Sequence[float]) -> list[tuple[float, int] | None]:
    """Variables in which a panel may be integrated: None for q itself, (q_t, sign) for sqrt(sign (q - q_t))."""
    ends = [(s, 1) for s in sqrt_points if _is_end(s, a)] + [(s, -1) for s in sqrt_points if _is_end(s, b)]
    if ends:
        return [ends[0]] if len(ends) == 1 else []
    return [None, *((s, 1 if s < a else -1) for s in sqrt_points)]


def _smoothness(
    a: float, b: float, variable: tuple[float, int] | None, singular: Sequence[float], rho: tuple[float, float]
) -> float:
    """Smallest Bernstein radius over the singular points, in units of what is required (>= 1 is good enough)."""
    worst = np.inf
    if variable is None:
        for s in singular:
            if not (_is_end(s, a) or _is_end(s, b)):
                worst = min(worst, _rho(0.5 * (a + b), 0.5 * (b - a), s) / rho[0])
        return worst
    t0, sign = variable
    start, stop = sorted(float(np.sqrt(max(sign * (x - t0), 0.0))) for x in (a, b))
    center, half = 0.5 * (start + stop), 0.5 * (stop - start)
    for s in singular:
        # the threshold itself is a regular point of this variable
        if not (_is_end(s, t0) or _is_end(s, a) or _is_end(s, b)):
            root = np.sqrt(complex(sign * (s - t0)))
            worst = min(worst, _rho(center, half, root) / rho[1], _rho(center, half, -root) / rho[1])
    return worst


# Panels are made even by asking for up to this multiple of the required radius, as long as their number stays the same.  Where
# exactly a panel ends is not critical: radii come out to 2 %, lengths to 1e-4
_LEVELS, _LEVEL_STEP, _LENGTH_STEP = (1.0, 3.0), 0.02, 1e-4


def split_interval(
    lo: float,
    hi: float,
    singular: Sequence[float],
    sqrt_points: Sequence[float] = (),
    rho: tuple[float, float] = (RHO_MIN, RHO_MIN_SQRT),
) -> list[tuple[float, float, tuple[float, int] | None]]:
    """Split (lo, hi) in q into as few panels as see each singular point far enough away: (a, b, variable) in order.

    variable: None for q, (q_t, sign) for t = sqrt(sign (q - q_t)) with one of ``sqrt_points``, in which a square root at q_t is
    smooth.  Singular points must not lie inside (lo, hi); a panel that ends at one of ``sqrt_points`` uses its variable, other
    singular points at an end are ignored (kinks, not branch points).
    """

    def best(a, b, level=1.0):
        """The first variable that is good enough, q before the roots; False if there is none."""
        return next((v for v in _variables(a, b, sqrt_points) if _smoothness(a, b, v, singular, rho) >= level), False)

    def tiles(level):
        """From the left, every panel as long as possible."""
        out, a = [], float(lo)
        while a < hi:
            b, short = float(hi), a + 1e-9 * abs(a)
            if best(a, b, level) is False and b > short:
                good, bad = short, b
                while bad - good > _LENGTH_STEP * (bad - a):
                    middle = 0.5 * (good + bad)
                    good, bad = (middle, bad) if best(a, middle, level) is not False else (good, middle)
                b = good
            out.append((a, b))
            a = b
        return out

    # the highest level that needs no more panels
    low, high = _LEVELS
    found = tiles(low)
    while high - low > _LEVEL_STEP:
        middle = 0.5 * (low + high)
        other = tiles(middle)
        low, high = (middle, high) if len(other) <= len(found) else (low, middle)
        found = other if len(other) <= len(found) else found
    return [(a, b, best(a, b) or None) for a, b in found]


def join(parts: Sequence[Panels]) -> Panels:
    """Several sets of panels (of equal numbers of nodes) as one."""
    arrays = {name: np.concatenate([getattr(p, name) for p in parts]) for name in Panels._fields}
    return Panels(**arrays)


def make_panels(
    edges: list[tuple[float, float]],
    *,
    singular: list[float],
    sqrt_points: list[float],
    cuts: Sequence[float] = (),
    nodes: int = NODES,
    rho: tuple[float, float] = (RHO_MIN, RHO_MIN_SQRT),
) -> tuple[Panels, np.ndarray]:
    """Panels that tile the union of the bins, and the matrix that adds panels to bins.

    Parameters
    ----------
    edges: bins (q_lo, q_hi) in GeV, already inside the physical region.
    singular: points q in GeV where an integrand is not analytic (thresholds, poles outside the physical
        region, 0); bins are cut there.
    sqrt_points: the subset of ``singular`` where the integrand has a square-root branch point; panels that end
        there use the square-root variable.
    cuts: points where an integrand changes from one analytic function to another: bins are cut there, nothing else.
    nodes: number of Gauss-Legendre nodes per panel.
    rho: smallest Bernstein radius of a singular point as seen from an ordinary and from a square-root panel.

    Returns
    -------
    (panels, sums): sums has shape (bins, P), entries 0 and 1.
    """
    points: list[float] = []
    for point in sorted({edge for e in edges for edge in e} | set(singular) | set(cuts)):
        if not points or not _is_end(points[-1], point):  # no slivers between numbers that differ by rounding
            points.append(point)
    pieces: list[tuple[float, float]] = []
    for a, b in zip(points[:-1], points[1:], strict=True):
        if any(lo <= a + 1e-8 * b and hi >= b - 1e-8 * b for lo, hi in edges):
            pieces.append((a, b))
    tiles: list[tuple[float, float, tuple[float, int] | None]] = []
    for a, b in pieces:
        tiles += split_interval(a, b, singular, sqrt_points, rho)
    x, wx = np.polynomial.legendre.leggauss(nodes)
    rows = []
    for a, b, variable in tiles:
        if variable is not None:
            start, sign = variable
            ends = [0.0 if _is_end(start, e) else np.sqrt(sign * (e - start)) for e in (a, b)]
            c, h = 0.5 * (ends[0] + ends[1]), 0.5 * abs(ends[1] - ends[0])
            t = c + h * x
            rows.append((sign, c, h, start, start + sign * t * t, 2.0 * t * h * wx))
        else:
            c, h = 0.5 * (a + b), 0.5 * (b - a)
            rows.append((0, c, h, 0.0, c + h * x, h * wx))
    kind, center, half, thr, q, w = (np.array(column) for column in zip(*rows, strict=True))
    sums = np.array([[float(lo <= a + 1e-8 * b and hi >= b - 1e-8 * b) for a, b, _ in tiles] for lo, hi in edges])
    panels = Panels(kind.astype(np.int32), center, half, thr, q, w)
    return panels, sums
