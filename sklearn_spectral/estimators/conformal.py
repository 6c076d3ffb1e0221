"""How sure predictions are: intervals and sets that hold what they promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..data.bags import FEW_ROWS
from ..fitted.conformal import (
    error_of_all,
    kept,
    largest_believed,
    strangeness_of_classes,
)
from ..spec.losses import LINKS, Link
from .calls import explained

if TYPE_CHECKING:
    from ..training.out_of_bag import OutOfBag
    from .fit_run import FitRun

LEAST_ROWS = 100
"""From as many validation rows on they are asked, rather than those left out of bags."""

LEAST_OF_EACH = 20
"""From as many rows on, for each of `FEW_ROWS` different ones, those that train are asked:
what they have alike is known then, and none of them by itself."""

ONE_STD = 0.6827
"""The share of a normal distribution within one standard deviation of its mean."""

METHODS = {"lac": 0, "aps": 1}
"""The column of the scores that each method of `predict_set` goes by."""


class CalibratedMixin:
    """What rows that did not train tell of the predictions; to stand before the others."""

    _calibration: NDArray[np.float64] | None = None

    def _scores(self, found: OutOfBag) -> NDArray[np.float64]:
        """Return how strange targets are beside predictions, (n_rows, n_kinds)."""
        raise NotImplementedError

    def _calibrate(self, found: OutOfBag | None, bags: tuple[Any, int, int] | None) -> None:
        """Take what was predicted of rows that did not train; forget that of an earlier
        fit. ``bags`` has what all members predict of them, how many there are, and how many
        leave each out."""
        self.__dict__.pop("_calibration", None)
        if found is None or not np.isfinite(found.output).all():
            return
        counts = slice(None) if found.weight is None else found.weight > 0
        scores = self._scores(found)[counts]
        if bags is not None:
            of_all, *numbers = bags
            scores = self._as_of_all(scores, found.output[counts], of_all[counts], *numbers)
        if len(scores) and np.isfinite(scores).all():
            self._calibration = kept(scores)

    def _as_of_all(
        self,
        scores: NDArray[np.float64],
        output: NDArray[Any],
        of_all: NDArray[Any],
        n_members: int,
        n_left_out: int,
    ) -> NDArray[np.float64]:
        """Return scores out of bag as they are of the mean of all members; ``of_all``."""
        return scores

    def _largest_believed(self, name: str, coverage: float) -> NDArray[np.float64]:
        """Return the largest scores that are believed, or say why they are not known."""
        check_is_fitted(self)
        if not isinstance(coverage, Real) or not 0 < coverage < 1:
            raise ValueError(
                f"coverage={coverage!r} must be a number above 0 and below 1: the share of "
                "new targets inside, such as 0.9."
            )
        if self._calibration is None:
            raise AttributeError(
                f"{name} needs rows that did not train this network, and none were kept "
                "aside. Fit with early_stopping=True, with X_val and y_val, or with bags: "
                "n_members of two or more and bag_fraction below 1 (which by default is 1 "
                f"with fewer than {FEW_ROWS} different rows). If the network was pruned, "
                "or trained further by partial_fit, those rows say nothing about it."
            )
        return largest_believed(self._calibration, coverage)


class IntervalsMixin(CalibratedMixin):
    """Intervals of a regressor."""

    _levels: tuple[float, ...] | None
    _response: Callable[[NDArray[Any]], NDArray[Any]]
    _response_to: Callable[[Any], NDArray[Any]]
    _in_shape: Callable[[NDArray[Any]], NDArray[Any]]
    _deviation: Callable[[NDArray[Any]], NDArray[Any]]

    @property
    def _n_levels(self) -> int:
        """How many numbers are predicted for each target."""
        return 1

    @property
    def _link(self) -> Link:
        """What stands between the network's output and what is predicted."""
        return LINKS["identity"]

    @explained
    def predict_interval(self, X: Any, coverage: float = 0.9) -> NDArray[Any]:
        """Predict intervals in which targets lie.

        The middle is what ``predict`` gives. The width comes from the errors of rows that
        did not train the network: those out of bag [1]_, made smaller since the mean of all
        members has smaller errors than the few that leave a row out, or the validation
        rows, if there are at least 100 of them or no bags. A share ``coverage`` of new
        targets lies inside if their rows come from the same distribution as those of
        ``fit``. That holds over all rows: in a rare group it may be far fewer.

        All intervals of an output are equally wide, unless the loss says how errors grow:
        with ``"poisson"`` as the root of what is predicted, with ``"gamma"`` as that
        itself. A network of several quantiles has intervals between two of them, made wider
        or narrower by one number [2]_: so they are narrow where targets lie close together.
        Of the first and the last, the second and the last but one, and so on, it takes the
        two that are nearest to the coverage.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.
        coverage : float, default=0.9
            The share of targets that are to lie inside, above 0 and below 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper ends, in the units of y. They are infinite where there were too
            few rows: ``coverage / (1 - coverage)`` are needed.

        Raises
        ------
        AttributeError
            If all rows trained the network, or training went on from one that saw them.
        ValueError
            If coverage is not between 0 and 1.

        References
        ----------
        .. [1] B. Kim, C. Xu, R. F. Barber, "Predictive inference is free with the
           jackknife+-after-bootstrap", NeurIPS (2020).
        .. [2] Y. Romano, E. Patterson, E. Candes, "Conformalized quantile regression",
           NeurIPS (2019).

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn_spectral import SpectralRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = SpectralRegressor(random_state=0).fit(X[:300], y[:300])
        >>> low, high = model.predict_interval(X[300:], coverage=0.8).T
        >>> inside = (low <= y[300:]) & (y[300:] <= high)
        >>> bool(0.7 < inside.mean() < 0.9)
        True
        """
        return self._in_shape(self._middle_and_interval(X, coverage)[1])

    def _middle_and_interval(
        self, X: Any, coverage: float
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return predictions, of several quantiles the one in the middle, (n_samples,
        n_outputs), and intervals, (n_samples, n_outputs, 2)."""
        width = self._largest_believed("predict_interval", coverage)
        predicted = self._response_to(X)
        ends = self._interval(predicted, width, coverage)
        if self._n_levels > 1:
            predicted = predicted[..., self._n_levels // 2]
        return predicted, ends

    def _interval(
        self, predicted: NDArray[Any], width: NDArray[np.float64], coverage: float
    ) -> NDArray[Any]:
        """Return intervals around predictions, (n_samples, n_outputs, 2), for the largest
        scores that are believed."""
        if self._n_levels == 1:
            width = width * self._deviation(predicted)
            low, high = predicted - width, predicted + width
        else:
            nearest, width = self._nearest_pair(width, coverage)
            low, high = (each[..., nearest] for each in _pairs(predicted))
            low, high = low - width, high + width
            if np.isfinite(width).all():  # they may have become so narrow that they cross
                middle = (low + high) / 2
                low, high = np.minimum(low, middle), np.maximum(high, middle)
        if self._link.activation == "exp":  # such targets are not negative
            low = np.maximum(low, 0)
        return np.stack([low, high], axis=-1)

    def _nearest_pair(
        self, width: NDArray[np.float64], coverage: float
    ) -> tuple[int, NDArray[np.float64]]:
        """Return which pair of quantiles is nearest to a coverage, and its scores."""
        low, high = _pairs(np.array(self._levels))
        nearest = int(np.abs(high - low - coverage).argmin())
        return nearest, width.reshape(-1, len(low))[:, nearest]

    def _std(self) -> NDArray[np.float64]:
        """Return the standard deviation of the errors of each output, for a deviation of
        one."""
        if self._n_levels > 1:
            raise ValueError(
                "return_std=True is for one prediction of each target, but this network "
                f"predicts {self._n_levels} quantiles. Use predict_interval."
            )
        return self._largest_believed("return_std=True", ONE_STD)

    def _scores(self, found: OutOfBag) -> NDArray[np.float64]:
        predicted = self._response(found.output.astype(np.float64))
        if self._n_levels == 1:
            return np.abs(found.target - predicted) / self._deviation(predicted)
        low, high = _pairs(predicted)
        target = found.target[..., None]
        return np.maximum(low - target, target - high).reshape(len(target), -1)

    def _as_of_all(
        self,
        scores: NDArray[np.float64],
        output: NDArray[Any],
        of_all: NDArray[Any],
        n_members: int,
        n_left_out: int,
    ) -> NDArray[np.float64]:
        if self._n_levels > 1:  # these are no errors of a mean
            return scores
        others = (n_members * of_all - n_left_out * output) / (n_members - n_left_out)
        few = self._response(output)
        differences = (few - self._response(others)) / self._deviation(few)
        return error_of_all(scores, differences, n_members, n_left_out)


def _pairs(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return those of lower and upper quantiles that belong together: the last axis has
    the outermost first."""
    n_pairs = values.shape[-1] // 2
    return values[..., :n_pairs], values[..., ::-1][..., :n_pairs]


class SetsMixin(CalibratedMixin):
    """Sets of classes of a classifier."""

    @property
    def _has_many_labels(self) -> bool:
        """Whether several labels of a row may be right."""
        return False

    @explained
    def predict_set(
        self,
        X: Any,
        coverage: float = 0.9,
        *,
        method: str = "lac",
        allow_empty: bool = False,
    ) -> NDArray[np.bool_]:
        """Predict sets of classes in which the right ones lie.

        They are as large as rows that did not train the network ask for: those out of bag,
        or the validation data where there are a hundred or no bags. A share ``coverage`` of
        new labels lies inside, if their rows are drawn as those of ``fit``: over all rows,
        not for each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.
        coverage : float, default=0.9
            The share of labels that are to lie inside, above 0 and below 1.
        method : {"lac", "aps"}, default="lac"
            Which classes a set takes: ``"lac"`` those whose probability is high enough,
            which makes the smallest sets [1]_; ``"aps"`` the most probable ones, until they
            sum to enough, which makes larger sets where it is harder [2]_. Whether the last
            of these is in is drawn, the same each time for the same rows. Where several
            labels of a row may be right there is ``"lac"`` alone: all that are right lie
            inside for a share ``coverage`` of the rows, and sets may be empty.
        allow_empty : bool, default=False
            Whether sets may be empty. Without empty ones more labels lie inside than asked
            for where more predictions are right than that.

        Returns
        -------
        ndarray of bool, of shape (n_samples, n_classes)
            Whether each of ``classes_`` is in the set. The most probable one always is
            unless ``allow_empty``, or where all labels of a row may be wrong.

        Raises
        ------
        AttributeError
            If all rows trained the network, or training went on from one that saw them.
        ValueError
            If coverage is not between 0 and 1, or there is no such method.
            If ``"aps"`` is asked for where several labels may be right.

        References
        ----------
        .. [1] M. Sadinle, J. Lei, L. Wasserman, "Least ambiguous set-valued classifiers
           with bounded error levels", Journal of the American Statistical Association
           (2019).
        .. [2] Y. Romano, M. Sesia, E. Candes, "Classification with valid and adaptive
           coverage", NeurIPS (2020).

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sklearn_spectral import SpectralClassifier
        >>> X, y = load_digits(return_X_y=True)
        >>> model = SpectralClassifier(20, random_state=0).fit(X[:900], y[:900])
        >>> inside = model.predict_set(X[900:], coverage=0.95)
        >>> inside.shape, bool(inside[range(897), y[900:]].mean() > 0.9)
        ((897, 10), True)
        """
        if method not in METHODS:
            raise ValueError(f"method={method!r} must be one of {[*METHODS]}.")
        if self._has_many_labels and method != "lac":
            raise ValueError(
                f"method={method!r} is for one right label per row. Use method='lac'."
            )
        largest = self._largest_believed("predict_set", coverage)
        shares = self.predict_proba(X)  # type: ignore[attr-defined]
        return self._set(shares, largest, method, allow_empty=allow_empty)

    def _set(
        self,
        shares: NDArray[Any],
        largest_of_each: NDArray[np.float64],
        method: str = "lac",
        *,
        allow_empty: bool,
    ) -> NDArray[np.bool_]:
        """Return sets for probabilities, and for the largest scores that are believed."""
        largest, shares = largest_of_each[METHODS[method]], shares.astype(np.float64)
        if self._has_many_labels:
            return 1 - shares <= largest
        inside = self._strangeness(shares)[..., METHODS[method]] <= largest
        if not allow_empty:
            inside[np.arange(len(shares)), shares.argmax(axis=1)] = True
        return inside

    def _strangeness(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        return strangeness_of_classes(shares, self._fitted.seed)  # type: ignore[attr-defined]

    def _scores(self, found: OutOfBag) -> NDArray[np.float64]:
        shares = self._predictions(found.output).astype(np.float64)  # type: ignore[attr-defined]
        if self._has_many_labels:  # the strangest of those that are right
            return np.where(found.target > 0, 1 - shares, 0.0).max(axis=1, keepdims=True)
        return self._strangeness(shares)[np.arange(len(shares)), found.target]


def calibrate(run: FitRun, network: Any) -> None:
    """Show an estimator rows that did not train its network, or know it as little."""
    from ..training.out_of_bag import OutOfBag

    estimator, data, found = run.estimator, run.validation, run.out_of_bag
    bags = None
    if data is not None and (found is None or len(data.row_numbers) >= LEAST_ROWS):
        output = run.output_of(network, data)
        found = OutOfBag(output, data.target(), data.weight())
    elif found is not None and estimator._y_is_numeric and run.given.X.has_row_numbers:
        of_all = run.output_of(network, replace(run.given, rows=None))
        bags = of_all, estimator._n_networks, run.n_left_out
    elif run.is_left_whole and len(run.data.row_numbers) >= LEAST_OF_EACH * FEW_ROWS:
        data = run.data
        found = OutOfBag(run.output_of(network, data), data.target(), data.weight())
    estimator._calibrate(found, bags)
