"""Distillation: a classifier learns the probabilities of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted

from .calls import explained
from .regressor import SpectralRegressor
from .spectral import BaseSpectral

if TYPE_CHECKING:
    from torch import Tensor

# What a regressor learns that is not of a classifier.
_OF_TARGETS = {"n_outputs_", "_y_ndim", "_fitted_loss", "_levels"}


class DistillationMixin(BaseSpectral):
    """What a spectral classifier learns from another classifier."""

    @classmethod
    @explained
    def from_teacher(
        cls, teacher: Any, X: Any, *, sample_weight: Any = None, **params: Any
    ) -> Self:
        """Learn the probabilities of a fitted classifier: distillation [1]_.

        The loss is the cross-entropy with them instead of with labels. They also say which
        other classes a row is like, of which a network learns more where rows are few.

        Parameters
        ----------
        teacher : classifier
            Any fitted classifier of scikit-learn's API with ``predict_proba``, such as a
            larger network, a population or boosted trees. It is not changed.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows that the teacher reads; no labels are needed.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the samples.
        **params
            Parameters of the result; ``loss``, ``label_smoothing``, ``class_weight`` and
            ``temperature`` count when its ``fit`` goes on.

        Returns
        -------
        SpectralClassifier
            Fitted, with the classes of the teacher. Its ``fit`` goes on from there with
            labels, since ``warm_start`` is True.

        Raises
        ------
        TypeError
            If the teacher is no classifier, or has no ``predict_proba``.
        NotFittedError
            If it is not fitted.
        ValueError
            If it predicts several labels per row, or a parameter or X are not valid.

        References
        ----------
        .. [1] G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural
           network" (2015), arXiv 1503.02531.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.ensemble import RandomForestClassifier
        >>> from sklearn_spectral import SpectralClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
        >>> model = SpectralClassifier.from_teacher(forest, X, n_members=1, random_state=0)
        >>> model.score(X, y) > 0.9, model.n_parameters_
        (True, 1010)
        """
        can_teach = isinstance(teacher, BaseEstimator) and is_classifier(teacher)
        if not (can_teach and hasattr(teacher, "predict_proba")):
            raise TypeError(
                f"{cls.__name__}.from_teacher takes a fitted classifier with "
                f"predict_proba; got {type(teacher).__name__}."
            )
        check_is_fitted(teacher)
        result = cls(**{"warm_start": True, **params})
        result._validate_params()
        probability = _probabilities(teacher, X)
        names = SpectralRegressor._get_param_names()
        shared = {n: v for n, v in result.get_params(deep=False).items() if n in names}
        student = SpectralRegressor(**{**shared, "loss": soft_loss, "warm_start": False})
        student.fit(X, probability, sample_weight)
        own = {*names, *student._not_of_another, *_OF_TARGETS}
        for name in vars(student).keys() - own:
            setattr(result, name, getattr(student, name))
        learnt = {"classes_": np.asarray(teacher.classes_), "_y_type": "labels"}
        for name, value in {**learnt, "temperature_": 1.0}.items():
            setattr(result, name, value)
        return result


def soft_loss(output: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of each row with probabilities: of all classes, or of the
    second of two."""
    from torch.nn import functional as F

    if output.shape[-1] == 1:
        target = target.expand_as(output)  # which all members share
        loss = F.binary_cross_entropy_with_logits(output, target, reduction="none")
        return loss[..., 0]
    return -(target * F.log_softmax(output, dim=-1)).sum(dim=-1)


def _probabilities(teacher: Any, X: Any) -> NDArray[np.float64]:
    """Return those of all classes, or of the second of two."""
    probability = teacher.predict_proba(X)
    if isinstance(probability, list) or np.ndim(teacher.classes_[0]) > 0:
        raise ValueError(
            "The teacher predicts several labels per row; from_teacher takes one that "
            "predicts one."
        )
    probability = np.asarray(probability, np.float64)
    if probability.shape[1] != len(teacher.classes_) or probability.shape[1] < 2:
        raise ValueError(
            f"The teacher gives probabilities of shape {probability.shape} for "
            f"{len(teacher.classes_)} class(es); two classes or more are needed."
        )
    return probability[:, 1] if probability.shape[1] == 2 else probability
