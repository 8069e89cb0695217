"""Indexing by slices: the values of NumPy's indexing, and derivatives without scatter operations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipkernels import indexing

X = np.random.default_rng(0).normal(size=(7, 3, 4))
# everything, a run, several runs, backwards, repeated, one
INDICES = [(0, 1, 2, 3, 4, 5, 6), (2, 3, 4), (0, 1, 4, 6), (6, 3, 0), (1, 1, 5, 1), (4,)]


def test_runs():
    assert indexing.runs([3, 4, 5, 9]) == [(3, 6), (9, 10)]
    assert indexing.runs([2, 1, 1]) == [(2, 3), (1, 2), (1, 2)]
    assert indexing.runs(np.array([], int)) == []


def _derivative(f, x):
    """Gradient of a sum over the result with unequal weights."""
    weights = np.random.default_rng(1).normal(size=f(x).shape)
    return np.asarray(jax.grad(lambda y: jnp.sum(weights * f(y)))(x)), weights


@pytest.mark.parametrize("index", INDICES)
def test_take(index):
    """Equal to numpy.take along any axis, bit by bit; the gradient adds up what was taken twice."""
    for axis, wanted in ((0, index), (1, [i for i in index if i < 3]), (-1, [i for i in index if i < 4])):
        if not wanted:
            continue
        want = np.take(X, wanted, axis)
        np.testing.assert_array_equal(indexing.take(jnp.asarray(X), wanted, axis), want)
        host = indexing.take(X, wanted, axis)
        assert isinstance(host, np.ndarray)
        np.testing.assert_array_equal(host, want)
    got, weights = _derivative(lambda x: indexing.take(x, index), jnp.asarray(X))
    want = np.zeros_like(X)
    np.add.at(want, list(index), weights)
    np.testing.assert_allclose(got, want, rtol=1e-13)  # order of the additions


def test_take_of_everything_is_the_array():
    x = jnp.asarray(X)
    assert indexing.take(x, range(7)) is x


@pytest.mark.parametrize("index", INDICES)
def test_select(index):
    """Equal to indexing along the first axis: a product with zeros and ones is exact."""
    np.testing.assert_array_equal(indexing.select(jnp.asarray(X), index), X[list(index)])
    got, weights = _derivative(lambda x: indexing.select(x, index), jnp.asarray(X))
    want = np.zeros_like(X)
    np.add.at(want, list(index), weights)
    np.testing.assert_allclose(got, want, rtol=1e-13)  # order of the additions


@pytest.mark.parametrize("index", [(0, 1, 2), (2, 3, 6), (0, 4, 8), (6, 7, 8)])
def test_spread(index):
    """Zeros elsewhere; inverse to :func:`take`; the gradient is the part at the positions."""
    x = jnp.asarray(X[:3])
    want = np.zeros((9, *X.shape[1:]))
    want[list(index)] = X[:3]
    got = indexing.spread(x, index, 9)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(indexing.take(got, index), x)
    gradient, weights = _derivative(lambda y: indexing.spread(y, index, 9), x)
    np.testing.assert_array_equal(gradient, weights[list(index)])


def test_spread_keeps_the_type():
    assert indexing.spread(jnp.ones((1, 2), jnp.complex128), [1], 3).dtype == jnp.complex128
    assert indexing.spread(jnp.ones((1, 2), jnp.float32), [1], 3).dtype == jnp.float32
    np.testing.assert_array_equal(indexing.spread(jnp.asarray(X), range(7), 7), X)


def test_derivatives_of_any_order_and_mode():
    x = jnp.asarray(X[:, 0])
    for f in (
        lambda y: indexing.take(y, (5, 1, 1, 2)) ** 2,
        lambda y: indexing.select(y, (5, 1, 1, 2)) ** 2,
        lambda y: indexing.spread(y, (0, 2, 3, 4, 5, 7, 8), 10) ** 2,
    ):
        check_grads(f, (x,), order=2, rtol=1e-6)


def test_no_scatter_in_the_reverse_pass():
    """What the module exists for: neither gathers nor scatters in the compiled value and gradient."""
    for f in (
        lambda y: indexing.take(y, (5, 1, 1, 2)),
        lambda y: indexing.select(y, (5, 1, 1, 2)),
        lambda y: indexing.spread(y, (0, 2, 3, 4, 5, 7, 8), 10),
    ):
        text = str(jax.make_jaxpr(jax.grad(lambda y: jnp.sum(f(y) ** 2)))(jnp.asarray(X)))  # noqa: B023
        assert "gather" not in text and "scatter" not in text


def test_everywhere():
    """Broadcasting, under vmap too; the reverse pass is a product, not a sum over leading axes."""
    x = jnp.asarray(X[:, 0, 0])
    np.testing.assert_array_equal(indexing.everywhere(x, (3, 2)), np.broadcast_to(x, (3, 2, 7)))
    rows = jnp.asarray(X[:, :, 0])
    np.testing.assert_array_equal(jax.vmap(lambda v: indexing.everywhere(v, (5,)))(rows), np.repeat(rows[:, None], 5, axis=1))
    gradient, weights = _derivative(lambda y: indexing.everywhere(y, (3, 2)), x)
    np.testing.assert_allclose(gradient, weights.sum((0, 1)), rtol=1e-14, atol=1e-15)
    check_grads(lambda y: indexing.everywhere(y, (3, 2)) ** 2, (x,), order=2, rtol=1e-6)
    text = str(jax.make_jaxpr(jax.vjp(lambda y: indexing.everywhere(y, (3, 2)), x)[1])(jnp.ones((3, 2, 7))))
    assert "dot_general" in text and "reduce_sum" not in text
