"""What classifiers add to a network: labels, class weights, probabilities."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from scipy.special import expit, softmax, xlogy
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils._param_validation import Interval, StrOptions

from ..data.training_data import TrainingData
from ..training.outcome import LEAST_LOSS, Constant
from .base import can_train_by_batches
from .calls import explained, fitting
from .conformal import SetsMixin
from .labels import (
    are_indicators,
    at_least_two,
    first_classes,
    found_labels,
    indicators,
    places_among,
)
from .typing import available_if

if TYPE_CHECKING:
    from ..nn.losses import WeightedLoss

CLASS_LOSSES = ("log_loss", "brier")


class NetworkClassifierMixin(SetsMixin, ClassifierMixin):
    """The classifier's side of an estimator; to stand before a `BaseNetwork`.

    It needs the parameters ``loss``, ``label_smoothing`` and ``class_weight``.
    """

    _parameter_constraints: ClassVar[dict] = {
        "loss": [StrOptions({*CLASS_LOSSES}), callable],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    _target_attributes: ClassVar[tuple[str, ...]] = ("classes_", "_y_type")
    _out_of_bag_name: ClassVar[str] = "oob_decision_function_"

    loss: str | Callable[..., Any]
    label_smoothing: float
    # What y of fit was; older states do not have it.
    _y_type: str = "labels"

    @available_if(can_train_by_batches)
    @fitting
    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Train for one epoch on the given data, at a constant rate.

        Parameters that need more than one epoch, such as ``early_stopping`` and
        ``learning_rate``, are not used.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            A portion of the data.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or zeros and ones where several may be right.
        classes : array-like of shape (n_classes,), optional
            All classes there will be; needed at the first call, unless y has a column for
            each.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples. Unlike ``fit``, which scales them to a mean of one,
            this takes them, and those of the classes, as they are: one call cannot know
            those of the others.

        Returns
        -------
        object
            The estimator.

        Raises
        ------
        ValueError
            If classes are missing at the first call, differ later, or y has others.
        """
        self._train(X, y, sample_weight, partial=True, classes=classes)
        return self

    @explained
    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,), or {ndarray, csr_array} (n_samples, n_classes)
            Labels. Where several may be right, zeros and ones: a label is taken if its
            probability is above one half. They are sparse if those of fit were.
        """
        return self._labels(self._network_output(X))

    @explained
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy of the predictions.

        Where several labels may be right, all of a row have to be.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_classes)
            True labels. None if X brings them.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples.

        Returns
        -------
        float
            The share that is right.
        """
        return self._score_by(accuracy_score, X, y, sample_weight)

    @explained
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the output of the last layer before the softmax.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            One number per sample for two classes, the logit of ``classes_[1]``; where
            several labels may be right, the logit of each. For a linear network it is
            ``X @ coef_.T + intercept_``.
        """
        output = self._network_output(X)
        return output[:, 0] if output.shape[1] == 1 else output

    @explained
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``. They sum to one, except where
            several labels may be right: then each is by itself.
        """
        return self._predictions(self._network_output(X))

    @explained
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities, in the order of ``classes_``; minus infinity where the
            probability is zero as a float.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _predictions(self, output: NDArray[Any]) -> NDArray[Any]:
        if output.shape[1] == 1:
            return np.column_stack([expit(-output), expit(output)])
        return expit(output) if self._has_many_labels else softmax(output, axis=1)

    def _labels(self, output: NDArray[Any]) -> Any:
        """Return what is predicted for outputs of the network."""
        if self._has_many_labels:
            return self._decode_target(output > 0)
        return self.classes_[_winners(output)]

    @property
    def _has_many_labels(self) -> bool:
        """Whether several labels of a row may be right."""
        return self._y_type != "labels"

    @property
    def out_activation_(self) -> str:
        """What makes probabilities of the output of the last layer, by its name."""
        self._fitted_network("out_activation_")
        by_itself = self._has_many_labels or len(self.classes_) == 2
        return "logistic" if by_itself else "softmax"

    def _make_loss(self, *, judges: bool = False, scale: Any = 1.0) -> WeightedLoss:
        """Return the loss as a torch module; what judges knows no smoothing."""
        from ..nn.losses import LOSSES, OwnLoss

        if not isinstance(self.loss, str):
            return OwnLoss(self.loss)
        return LOSSES[self.loss](0.0 if judges else self.label_smoothing)

    def _best_constant(self, data: TrainingData, scale: Any = 1.0) -> Constant:
        """Return the weighted frequencies of the classes, with their loss."""
        cure = "" if self.standardize else "set standardize=True"
        if not isinstance(self.loss, str):  # nobody knows
            return Constant("a constant", np.inf, cure)
        y, weight = data.target(), data.weight()
        if self._has_many_labels:
            shares = np.average(y.astype(np.float64), axis=0, weights=weight)
            n_classes, shares = 2, np.stack([shares, 1 - shares])
        else:
            n_classes = len(self.classes_)
            counts = np.bincount(y, weights=weight, minlength=n_classes)
            shares = (counts / counts.sum())[:, None]
        smoothing = self.label_smoothing
        shares = shares * (1 - smoothing) + smoothing / n_classes
        if self.loss == "log_loss":
            losses = -xlogy(shares, shares).sum(axis=0)
        else:
            label = (1 - smoothing) ** 2 + (2 - smoothing) * smoothing / n_classes
            losses = label - (shares**2).sum(axis=0)
        return Constant(
            "the frequencies of the classes", max(float(losses.mean()), LEAST_LOSS), cure
        )

    def _n_network_outputs(self) -> int:
        n_classes = len(self.classes_)
        return 1 if n_classes == 2 and not self._has_many_labels else n_classes

    def _encode_target(
        self,
        y: Any,
        *,
        reset: bool,
        partial: bool = False,
        classes: Any = None,
        name: str = "y",
    ) -> NDArray[Any]:
        """Return the index of each label, or zeros and ones where several are right."""
        several = are_indicators(y)
        if reset:
            self._y_type = "labels"
            if several:
                self._y_type = "sparse indicators" if issparse(y) else "indicators"
        elif several != self._has_many_labels:
            now, before = ("several", "one") if several else ("one", "several")
            how = f"is sparse: it has {now}" if issparse(y) else f"has {now}"
            raise ValueError(
                f"{name} {how} label(s) per row, but the network was fitted to {before} "
                "per row."
            )
        if several:
            return self._encode_indicators(y, reset=reset, classes=classes, name=name)
        found, index = found_labels(y, name)
        if classes is not None:
            classes = np.unique(column_or_1d(self._usable_target(classes, "classes")))
        if reset:
            self.classes_ = first_classes(classes) if partial else at_least_two(found)
        elif classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} differ from those of the earlier "
                f"fit, {self.classes_.tolist()}."
            )
        return places_among(found, self.classes_, name)[index].astype(np.int64)

    def _encode_indicators(
        self, y: Any, *, reset: bool, classes: Any, name: str
    ) -> NDArray[np.float32]:
        """Return zeros and ones for each label; their columns are the classes."""
        values = indicators(y, name)
        n_labels = values.shape[1]
        if reset:
            self.classes_ = np.arange(n_labels)
        elif n_labels != len(self.classes_):
            raise ValueError(
                f"{name} has {n_labels} labels, but {len(self.classes_)} were fitted."
            )
        if classes is not None and not np.array_equal(
            np.unique(column_or_1d(classes)), self.classes_
        ):
            raise ValueError(
                f"{name} has a column for each label, so that classes must be left out or "
                f"be the numbers from 0 to {n_labels - 1}; got {list(classes)}."
            )
        return values

    def _reweight(self, data: TrainingData, *, partial: bool) -> NDArray[Any] | None:
        """Multiply the weights of the classes into those of the samples."""
        if self._has_many_labels:
            if self.class_weight is not None:
                raise ValueError(
                    f"class_weight={self.class_weight!r} is for one label per row. Where "
                    "several may be right, give sample_weight instead."
                )
            return data.sample_weight
        present = np.unique(data.target())
        if not partial:
            dropped = ", after samples of weight zero were dropped,"
            at_least_two(
                self.classes_[present], "y" if data.rows is None else "y" + dropped
            )
        if self.class_weight is None:
            return data.sample_weight
        if isinstance(self.class_weight, dict):
            of_class = self._named_weights(self.class_weight)
        elif partial:
            raise ValueError(
                "class_weight='balanced' cannot be known from a part of the data. For "
                "partial_fit give a dict of weights, or sample_weight."
            )
        else:
            of_class = np.ones(len(self.classes_))
            of_class[present] = compute_class_weight(
                "balanced",
                classes=self.classes_[present],
                y=self.classes_[data.target()],
                sample_weight=data.weight(),
            )
        if not (np.isfinite(of_class).all() and (of_class >= 0).all()):
            raise ValueError(
                f"class_weight={self.class_weight!r} has a weight that is negative or not "
                "finite."
            )
        if not (partial or of_class[present].any()):
            raise ValueError(
                f"class_weight={self.class_weight!r} leaves no weight to any class in y."
            )
        of_sample = of_class[data.y]
        return of_sample if data.sample_weight is None else of_sample * data.sample_weight

    def _named_weights(self, class_weight: dict[Any, Any]) -> NDArray[Any]:
        """Return the weight of each class, as a dict gives them."""
        # As in scikit-learn: a fold may lack a class, but a name that is wrong leaves
        # another class without a weight.
        labels = self.classes_.tolist()
        unknown = sorted(set(class_weight) - set(labels), key=str)
        missing = [label for label in labels if label not in class_weight]
        if unknown and missing:
            raise ValueError(
                f"class_weight names {unknown}, which are not among the classes {labels}, "
                f"and has no weight for {missing}."
            )
        weights = [class_weight.get(label, 1.0) for label in self.classes_]
        if not all(isinstance(weight, Real) for weight in weights):
            raise ValueError(
                f"class_weight={class_weight!r} has a weight that is no number."
            )
        return np.array(weights, np.float64)

    def _decode_target(self, target: NDArray[Any]) -> Any:
        if not self._has_many_labels:
            return self.classes_[target]
        values = target.astype(np.int64)
        return csr_array(values) if self._y_type == "sparse indicators" else values

    def _score_output(self, output: NDArray[Any], data: TrainingData) -> float:
        """Return the accuracy."""
        target, weight = self._decode_target(data.target()), data.weight()
        return accuracy_score(target, self._labels(output), sample_weight=weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


def _winners(output: NDArray[Any]) -> NDArray[np.intp]:
    """Return the index of the class that each row of the network's output favours."""
    if output.shape[1] == 1:
        return (output[:, 0] > 0).astype(np.intp)
    return output.argmax(axis=1)
