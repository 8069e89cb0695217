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


def _smoothness(a: float, b: float, singular: list[float], sqrt_points: list[float], rho: tuple[float, float]) -> float:
    """Smallest Bernstein radius over the singular points, in units of what is required (>= 1 is good enough)."""
    ends = [(s, 1) for s in sqrt_points if _is_end(s, a)] + [(s, -1) for s in sqrt_points if _is_end(s, b)]
    if len(ends) == 2:
        return 0.0
    worst = np.inf
    if ends:
        t0, sign = ends[0]
        half = 0.5 * np.sqrt(b - a)
        for s in singular:
            if not _is_end(s, t0):
                root = np.sqrt(complex(sign * (s - t0)))
                worst = min(worst, _rho(half, half, root) / rho[1], _rho(half, half, -root) / rho[1])
        return worst
    for s in singular:
        if not (_is_end(s, a) or _is_end(s, b)):
            worst = min(worst, _rho(0.5 * (a + b), 0.5 * (b - a), s) / rho[0])
    return worst


def split_interval(
    lo: float,
    hi: float,
    singular: list[float],
    sqrt_points: Sequence[float] = (),
    rho: tuple[float, float] = (RHO_MIN, RHO_MIN_SQRT),
) -> list[tuple[float, float]]:
    """Split (lo, hi) in q until every panel sees each singular point far enough away.

    Singular points must not lie inside (lo, hi); a panel that ends at one of ``sqrt_points`` uses the square-root variable,
    other singular points at an end are ignored (kinks, not branch points).
    """
    out, stack = [], [(float(lo), float(hi))]
    while stack:
        a, b = stack.pop()
        if _smoothness(a, b, singular, list(sqrt_points), rho) >= 1.0 or b - a < 1e-9 * b:
            out.append((a, b))
            continue

        # geometric in the distance from whichever end is closer to trouble
        def gap(x, a=a, b=b):
            return min((abs(s - x) for s in singular if not (_is_end(s, a) or _is_end(s, b))), default=b - a)

        low = min(gap(a), b - a) if not any(_is_end(s, a) for s in sqrt_points) else 0.25 * (b - a)
        high = min(gap(b), b - a) if not any(_is_end(s, b) for s in sqrt_points) else 0.25 * (b - a)
        mid = a + (b - a) * low / (low + high) if low + high > 0 else 0.5 * (a + b)
        mid = min(max(mid, a + 0.2 * (b - a)), b - 0.2 * (b - a))
        stack += [(mid, b), (a, mid)]
    return sorted(out)


def join(parts: Sequence[Panels]) -> Panels:
    """Several sets of panels (of equal numbers of nodes) as one."""
    arrays = {name: np.concatenate([getattr(p, name) for p in parts]) for name in Panels._fields}
    return Panels(**arrays)


def make_panels(
    edges: list[tuple[float, float]],
    *,
    singular: list[float],
    sqrt_points: list[float],
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
    nodes: number of Gauss-Legendre nodes per panel.
    rho: smallest Bernstein radius of a singular point as seen from an ordinary and from a square-root panel.

    Returns
    -------
    (panels, sums): sums has shape (bins, P), entries 0 and 1.
    """
    cuts: list[float] = []
    for point in sorted({edge for e in edges for edge in e} | set(singular)):
        if not cuts or not _is_end(cuts[-1], point):  # no slivers between numbers that differ by rounding
            cuts.append(point)
    pieces: list[tuple[float, float]] = []
    for a, b in zip(cuts[:-1], cuts[1:], strict=True):
        if any(lo <= a + 1e-8 * b and hi >= b - 1e-8 * b for lo, hi in edges):
            pieces.append((a, b))
    tiles: list[tuple[float, float]] = []
    for a, b in pieces:
        tiles += split_interval(a, b, singular, sqrt_points, rho)
    x, wx = np.polynomial.legendre.leggauss(nodes)
    rows = []
    for a, b in tiles:
        low = [s for s in sqrt_points if _is_end(s, a)]
        high = [s for s in sqrt_points if _is_end(s, b)]
        if low and high:
            raise ValueError("a panel may not have thresholds at both ends: add a cut between them")
        if low or high:
            start, sign = (low[0], 1) if low else (high[0], -1)
            h = 0.5 * np.sqrt(b - a)
            t = h + h * x
            rows.append((sign, h, h, start, start + sign * t * t, 2.0 * t * h * wx))
        else:
            c, h = 0.5 * (a + b), 0.5 * (b - a)
            rows.append((0, c, h, 0.0, c + h * x, h * wx))
    kind, center, half, thr, q, w = (np.array(column) for column in zip(*rows, strict=True))
    sums = np.array([[float(lo <= a + 1e-8 * b and hi >= b - 1e-8 * b) for a, b in tiles] for lo, hi in edges])
    panels = Panels(kind.astype(np.int32), center, half, thr, q, w)
    return panels, sums
