"""Ridge regression in its dual form, the penalty chosen by leaving out one group at a time.

    a = (K + ridge I)^-1 y,      K = X X',   X and y centred

The error of a hat matrix' fit without the rows g is (I - H_gg)^-1 (y - H y)_g: in closed form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray


@dataclass(frozen=True)
class Dual:
    """The weights of the rows [n, k], and how they were chosen.

    ridge: in units of the mean eigenvalue of the Gram matrix.   errors: [n, k], of every row by
    the fit without its group.
    """

    weights: ndarray
    ridge: float
    errors: ndarray


def gram(blocks: Iterable[ndarray], count: int) -> ndarray:
    """Inner products of `count` rows, float64 [n, n], from blocks [n, columns] of the columns."""
    total = np.zeros((count, count))
    for block in blocks:
        total += block @ block.T
    return total


def solve(gram: ndarray, wanted: ndarray, groups: ndarray, ridges: tuple[float, ...]) -> Dual:
    """Fit `wanted` [n, k], choosing the penalty with the least squared error on left-out groups.

    gram: of centred rows.   wanted: centred.   groups: [n], at least two.   ridges: the choice, in
    units of the mean eigenvalue.
    """
    values, vectors = np.linalg.eigh(gram)
    values, scale = values.clip(0.0), max(values.mean(), 1e-12)
    errors = [_left_out(values, vectors, wanted, groups, ridge * scale) for ridge in ridges]
    best = int(np.argmin([np.square(error).sum() for error in errors]))
    weights = vectors @ ((vectors.T @ wanted) / (values + ridges[best] * scale)[:, None])
    return Dual(weights, ridges[best], errors[best])


def _left_out(
    values: ndarray, vectors: ndarray, wanted: ndarray, groups: ndarray, ridge: float
) -> ndarray:
    """Errors [n, k] of every row by the fit without its group (eigenvalues, eigenvectors of K)."""
    shrunk = vectors * (values / (values + ridge))
    residual = wanted - shrunk @ (vectors.T @ wanted)
    errors = np.empty_like(residual)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        hat = shrunk[rows] @ vectors[rows].T + 1 / len(values)
        errors[rows] = np.linalg.solve(np.eye(len(rows)) - hat, residual[rows])
    return errors
