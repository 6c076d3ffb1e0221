"""What classifiers add to a network: labels, class weights, probabilities."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets

from ..data.training_data import TrainingData
from ..training.outcome import LEAST_LOSS, Constant
from .base import can_train_by_batches
from .calls import explained, fitting
from .conformal import SetsMixin
from .typing import available_if

LARGEST_EXACT = 2.0**53
"""From here on neighbouring whole numbers are equal as float64."""


class NetworkClassifierMixin(SetsMixin, ClassifierMixin):
    """The classifier's side of an estimator; to stand before a `BaseNetwork`.

    It needs the parameters ``loss`` and ``class_weight``.
    """

    _parameter_constraints: ClassVar[dict] = {
        "loss": [StrOptions({"log_loss", "brier"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    _target_attributes: ClassVar[tuple[str, ...]] = ("classes_",)
    _out_of_bag_name: ClassVar[str] = "oob_decision_function_"

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
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), optional
            All classes there will be; needed at the first call.
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
        ndarray of shape (n_samples,)
            Labels.
        """
        winners = _winners(self._network_output(X))
        return self.classes_[winners]

    @explained
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy of the predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch Dataset} of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,)
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
            One number per sample for two classes, the logit of ``classes_[1]``. For a
            linear network it is ``X @ coef_.T + intercept_``.
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
            Probabilities, in the order of ``classes_``.
        """
        return _probabilities(self.decision_function(X))

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
        return _probabilities(output[:, 0] if output.shape[1] == 1 else output)

    def _loss_name(self) -> str:
        return self.loss

    def _best_constant(self, data: TrainingData) -> Constant:
        """Return the weighted frequencies of the classes, with their loss."""
        counts = np.bincount(data.target(), weights=data.weight())
        shares = counts[counts > 0] / counts.sum()
        if self.loss == "log_loss":
            loss = -np.sum(shares * np.log(shares))
        else:
            loss = 1 - np.sum(shares**2)
        cure = "" if self.standardize else "set standardize=True"
        return Constant(
            "the frequencies of the classes", max(float(loss), LEAST_LOSS), cure
        )

    def _n_network_outputs(self) -> int:
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _encode_target(
        self,
        y: Any,
        *,
        reset: bool,
        partial: bool = False,
        classes: Any = None,
        name: str = "y",
    ) -> NDArray[Any]:
        """Return the index of each label."""
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if y.dtype.kind == "f" and np.abs(y).max(initial=0) >= LARGEST_EXACT:
            raise ValueError(
                f"{name} has floats of 2**53 and more as labels, of which different whole "
                "numbers are equal. Give them as integers or as strings."
            )
        found, index = np.unique(y, return_inverse=True)
        if classes is not None:
            classes = np.unique(column_or_1d(self._usable_target(classes, "classes")))
        if reset:
            self.classes_ = _first_classes(classes) if partial else _at_least_two(found)
        elif classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} differ from those of the earlier "
                f"fit, {self.classes_.tolist()}."
            )
        known = self.classes_
        if {found.dtype.kind, known.dtype.kind} == {"i", "u"}:
            # numpy would compare them as floats, of which large neighbours are equal.
            found, known = found.astype(object), known.astype(object)
        unknown = found[~np.isin(found, known)]
        if len(unknown):
            raise ValueError(
                f"{name} has labels that are not among the classes: {unknown.tolist()}; "
                f"the classes are {self.classes_.tolist()}."
            )
        return np.searchsorted(known, found)[index].astype(np.int64)

    def _reweight(self, data: TrainingData, *, partial: bool) -> NDArray[Any] | None:
        """Multiply the weights of the classes into those of the samples."""
        present = np.unique(data.target())
        if not partial:
            dropped = ", after samples of weight zero were dropped,"
            _at_least_two(
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

    def _decode_target(self, target: NDArray[Any]) -> NDArray[Any]:
        return self.classes_[target]

    def _score_output(self, output: NDArray[Any], data: TrainingData) -> float:
        """Return the accuracy."""
        return accuracy_score(data.target(), _winners(output), sample_weight=data.weight())


def _winners(output: NDArray[Any]) -> NDArray[np.intp]:
    """Return the index of the class that each row of the network's output favours."""
    if output.shape[1] == 1:
        return (output[:, 0] > 0).astype(np.intp)
    return output.argmax(axis=1)


def _probabilities(scores: NDArray[Any]) -> NDArray[Any]:
    """Return the probabilities of the classes, of shape (n_samples, n_classes)."""
    if scores.ndim == 1:
        return np.column_stack([expit(-scores), expit(scores)])
    return softmax(scores, axis=1)


def _at_least_two(classes: NDArray[Any], where: str = "y") -> NDArray[Any]:
    """Refuse a single class."""
    if len(classes) < 2:
        raise ValueError(
            f"{where} has one class only, {classes.tolist()}; a classifier needs two or "
            "more classes."
        )
    return classes


def _first_classes(classes: Any) -> NDArray[Any]:
    """Return the classes that the first call of partial_fit announces."""
    if classes is None:
        raise ValueError(
            "The first call of partial_fit needs classes: all labels that any later "
            "call may bring."
        )
    return _at_least_two(classes, "classes")
