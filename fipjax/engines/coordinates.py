"""Coordinates in which NUTS moves: the priors' own u, with couplings that matter only as products turned into those.

Data that depend on couplings only through products a b leave a ridge ln a + ln b = const across the whole prior range, as narrow
as the data are good.  It is straight in logarithms, and it ends at the corners of the prior: in coordinates of a and b
trajectories along it are long.  Here each product is a coordinate of its own, and a moves inside the range which that leaves.
Where the size of the products that fit follows another parameter (the mass), the coordinate is taken relative to that.
The map is one to one, and its Jacobian is included: the posterior is the same.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.engines.fit import Target
from fipjax.priors import LogFlat


class Coordinates:
    """Map w <-> u of a :class:`Target`, shape (..., n); the identity where no product is declared.

    products: anchor and partners, from ``Model.products``; only those with a log-flat prior are used.
    """

    def __init__(self, target: Target):
        self.target = target
        products = getattr(getattr(target.like, "model", None), "products", None)
        anchor, partners = (products.anchor, products.partners) if products else (None, ())
        self.scale = products.log_scale if products else None
        names = [n for n in (anchor, *partners) if n in target.names and isinstance(target.like.priors[n], LogFlat)]
        self.index: tuple[int, ...] = ()
        if anchor in names and len(names) > 1:
            # the anchor last: it moves in what the products leave
            self.index = tuple(target.names.index(n) for n in (*names[1:], anchor))
        chosen = [target.priors[i] for i in self.index]
        self.edges = [(math.log(p.min), math.log(p.max)) for p in chosen if isinstance(p, LogFlat)]

    def __bool__(self) -> bool:
        return bool(self.index)

    def _chain(self, low, high, product, partner):
        """What a product x = ln a + ln p leaves of the range of ln a."""
        b0, b1 = partner
        return jnp.maximum(low, product - b1), jnp.minimum(high, product - b0)

    def _walk(self, w):
        """ln of each partner and of the anchor, and the log density in w, from w of shape (..., n)."""
        *partners, whole = self.edges
        low, high = (jnp.full(w.shape[:-1], edge) for edge in whole)
        density, products = jnp.zeros(w.shape[:-1]), []
        for edge, i in zip(partners, self.index, strict=False):
            start, length = low + edge[0], high + edge[1] - low - edge[0]
            products.append(start + length * jax.nn.sigmoid(w[..., i]))
            density = density + jnp.log(length) + jax.nn.log_sigmoid(w[..., i]) + jax.nn.log_sigmoid(-w[..., i])
            low, high = self._chain(low, high, products[-1], edge)
        k = self.index[-1]
        # lengths are positive up to rounding at the very corner
        length = jnp.maximum(high - low, 1e-12)
        anchor = low + length * jax.nn.sigmoid(w[..., k])
        density = density + jnp.log(length) + jax.nn.log_sigmoid(w[..., k]) + jax.nn.log_sigmoid(-w[..., k])
        # uniform in the logarithms
        density = density - sum(math.log(b - a) for a, b in self.edges)
        return [*(x - anchor for x in products), anchor], density

    def _shift(self, w):
        """What the products' coordinates move by with the other parameters, (..., n_partners)."""
        if self.scale is None:
            return jnp.zeros((*w.shape[:-1], len(self.index) - 1))
        t = self.target
        others = {n: t.priors[i].from_real(w[..., i]) for i, n in enumerate(t.names) if i not in self.index}
        others |= {n: jnp.asarray(v) for n, v in getattr(t.like, "fixed", {}).items()}
        # d(logit)/d(ln product) in the middle of the range
        anchor = self.edges[-1][1] - self.edges[-1][0]
        slope = jnp.array([4.0 / (b - a + anchor) for a, b in self.edges[:-1]])
        return self.scale(others)[..., None] * slope

    def u_of_w(self, w):
        """The priors' coordinates; pure JAX."""
        if not self:
            return w
        w = w.at[..., list(self.index[:-1])].add(self._shift(w))
        for value, i, (a, b) in zip(self._walk(w)[0], self.index, self.edges, strict=True):
            s = jnp.clip((value - a) / (b - a), 1e-15, 1.0 - 1e-15)
            w = w.at[..., i].set(jnp.log(s) - jnp.log1p(-s))
        return w

    def log_prior(self, w):
        """Log prior density in w, shape (...); pure JAX."""
        others = [p.log_prob_real(w[..., i]) for i, p in enumerate(self.target.priors) if i not in self.index]
        total = sum(others) if others else jnp.zeros(w.shape[:-1])
        if not self:
            return total
        return total + self._walk(w.at[..., list(self.index[:-1])].add(self._shift(w)))[1]

    def w_of_u(self, u: np.ndarray) -> np.ndarray:
        """Inverse of :meth:`u_of_w`."""
        w = np.array(u, float)
        if not self:
            return w
        logs = [a + (b - a) / (1.0 + np.exp(-w[..., i])) for i, (a, b) in zip(self.index, self.edges, strict=True)]
        *partners, whole = self.edges
        low, high = (np.full(w.shape[:-1], edge) for edge in whole)

        def logit(x, a, b):
            s = np.clip((x - a) / (b - a), 1e-12, 1.0 - 1e-12)
            return np.log(s) - np.log1p(-s)

        for value, edge, i in zip(logs, partners, self.index, strict=False):
            product = value + logs[-1]
            w[..., i] = logit(product, low + edge[0], high + edge[1])
            low, high = np.maximum(low, product - edge[1]), np.minimum(high, product - edge[0])
        w[..., self.index[-1]] = logit(logs[-1], low, high)
        w[..., list(self.index[:-1])] -= np.asarray(self._shift(jnp.asarray(w)))
        return w
