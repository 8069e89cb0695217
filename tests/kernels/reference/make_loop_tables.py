"""Chebyshev fits that fipkernels.g2 and fipkernels.loops carry as literals; prints them as Python source.

    python tests/kernels/reference/make_loop_tables.py

Each function is interpolated at Chebyshev nodes of t in [-1, 1] with 60 digits and rewritten in powers of t.  The
functions are analytic well beyond [-1, 1], so the monomial coefficients stay O(1) and Horner's rule loses nothing.
"""

from __future__ import annotations

import mpmath as mp

# g2: x = exp(1.8 t)/2, half-way on either side of the removable point 2x = 1
G2_HALF = mp.mpf("1.8")
G2_WEIGHTS = {
    "_VECTOR": (0, 2, -2, 0),
    "_AXIAL": (-8, 10, -2, -4),
    "_SCALAR": (0, 2, -1, 0),
    "_PSEUDOSCALAR": (0, 0, -1, 0),
    "_C_A": (2, -3, 1, 1),
}


def feynman(a):
    """I_1, I_2, I_3 with I_n = int_0^1 z^n/(1 - z + a z^2) dz, closed forms."""
    extra = max(0, int(-3 * mp.log10(a)))
    with mp.workdps(mp.mp.dps + extra + 10):
        w = 1 - 4 * a
        if w == 0:
            i0 = mp.mpf(2)
        elif w > 0:
            s = mp.sqrt(w)
            i0 = 2 / s * (mp.log((1 + s) / 2) - mp.log(a) / 2)
        else:
            s = mp.sqrt(-w)
            i0 = 2 / s * mp.atan(s)
        i1 = (mp.log(a) + i0) / (2 * a)
        i2 = (i1 - i0 + 1) / a
        i3 = (i2 - i1 + mp.mpf(1) / 2) / a
    return i1, i2, i3


def g2_function(weights, x, power=0):
    a = mp.mpf(x) ** 2
    i1, i2, i3 = feynman(a)
    return a**power * (weights[0] * i1 + weights[1] * i2 + weights[2] * i3 + weights[3] * a * i3)


# loops: t = ln x, from e^-1 to e
def _near_one(formula):
    def f(t):
        with mp.workdps(200):
            x = mp.exp(mp.mpf(t))
            return formula(x, mp.log(x))

    return f


LOOPS = {
    "_F9": _near_one(lambda x, ln: (-2 + 9 * x - 18 * x**2 + 11 * x**3 - 6 * x**3 * ln) / (36 * (x - 1) ** 4)),
    "_G9": _near_one(lambda x, ln: (-16 + 45 * x - 36 * x**2 + 7 * x**3 + 6 * (3 * x - 2) * ln) / (36 * (x - 1) ** 4)),
    "_SUM": _near_one(lambda x, ln: (3 * (x - 1) - (x + 2) * ln) / (6 * (x - 1) ** 2)),
    "_F15": _near_one(lambda x, ln: (3 - 3 * x + (1 + 2 * x) * ln) / (6 * (x - 1) ** 2)),
    "_S0": _near_one(lambda x, ln: (4 - 11 * x + x**2) / (4 * (1 - x) ** 2) - 3 * x**2 * ln / (2 * (1 - x) ** 3)),
}


def chebyshev_to_powers(f, tol):
    """Interpolate f on [-1, 1], drop the tail below tol, return coefficients of 1, t, t^2, ..."""
    n = 48
    nodes = [mp.cos(mp.pi * (k + mp.mpf(1) / 2) / n) for k in range(n)]
    values = [f(t) for t in nodes]
    c = []
    for j in range(n):
        c.append(2 * mp.fsum(v * mp.cos(j * mp.acos(t)) for v, t in zip(values, nodes, strict=True)) / n)
    c[0] /= 2
    while abs(c[-1]) < tol:
        c.pop()
    m = len(c)
    previous, current = [mp.mpf(1)], [mp.mpf(0), mp.mpf(1)]
    powers = [mp.mpf(0)] * m
    powers[0] += c[0]
    for j in range(1, m):
        for i, v in enumerate(current):
            powers[i] += c[j] * v
        nxt = [mp.mpf(0)] + [2 * v for v in current]
        for i, v in enumerate(previous):
            nxt[i] -= v
        previous, current = current, nxt
    return powers


def table(name, coefficients):
    lines = [f"{name} = ("]
    row = "   "
    for v in coefficients:
        item = f" {float(v)!r},"
        if len(row) + len(item) > 118:
            lines.append(row)
            row = "   "
        row += item
    return "\n".join([*lines, row, ")"])


def main():
    mp.mp.dps = 60
    print("# fipkernels.g2")
    for name, weights in G2_WEIGHTS.items():
        f = lambda t, w=weights: g2_function(w, mp.exp(G2_HALF * t) / 2)  # noqa: E731
        scale = min(abs(f(-1)), abs(f(1)))
        print(table(name, chebyshev_to_powers(f, scale * mp.mpf("1e-17"))))
    f = lambda t: g2_function(G2_WEIGHTS["_SCALAR"], mp.exp(G2_HALF * t) / 2, power=1)  # noqa: E731
    print(table("_C_PHI", chebyshev_to_powers(f, min(abs(f(-1)), abs(f(1))) * mp.mpf("1e-17"))))
    print("# fipkernels.loops")
    for name, f in LOOPS.items():
        print(table(name, chebyshev_to_powers(f, mp.mpf("1e-18"))))


if __name__ == "__main__":
    main()
