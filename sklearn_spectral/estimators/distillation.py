"""Distillation: a classifier learns the probabilities of another one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted

from ..training.device import own_modes
from .calls import explained
from .regressor import SpectralRegressor
from .spectral import BaseSpectral

LEAST_PROBABILITY = 1e-4
"""Of a class, by a teacher: the logarithms of less would be most of what is learned."""

# What a regressor learns that is not of a classifier, and the network itself.
_OF_REGRESSION = {"n_outputs_", "_y_ndim", "_fitted_loss", "_levels", "_fitted"}


class Student(SpectralRegressor):
    """A regressor of logits, which differ in their means alone."""

    _one_scale = True


class DistillationMixin(BaseSpectral):
    """What a spectral classifier learns from another classifier."""

    @classmethod
    @explained
    def from_teacher(
        cls, teacher: Any, X: Any, *, sample_weight: Any = None, **params: Any
    ) -> Self:
        """Learn the probabilities of a fitted classifier: distillation [1]_.

        The logarithms of its probabilities are fitted by least squares, as by
        `SpectralRegressor` with the same parameters. A small network learns more of them
        than of labels, which say nothing of the other classes.

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
           network" (2015), arXiv 1503.02531; by logits: J. Ba, R. Caruana, "Do deep nets
           really need to be deep?", NIPS (2014), arXiv 1312.6184.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.ensemble import RandomForestClassifier
        >>> from sklearn_spectral import SpectralClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
        >>> model = SpectralClassifier.from_teacher(forest, X, n_members=1, random_state=0)
        >>> model.score(X, y) > 0.9, model.n_parameters_
        (True, 1009)
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
        logits = _logits(teacher, X)
        names = Student._get_param_names()
        shared = {n: v for n, v in result.get_params(deep=False).items() if n in names}
        student = Student(**{**shared, "loss": "squared_error", "warm_start": False})
        student.fit(X, logits, sample_weight)
        own = {*names, *student._not_of_another, *_OF_REGRESSION}
        for name in vars(student).keys() - own:
            setattr(result, name, getattr(student, name))
        result._take_student(student, np.asarray(teacher.classes_))
        return result

    @own_modes()
    def _take_student(self, student: Student, classes: NDArray[Any]) -> None:
        """Take the network of a regressor of the logits, and give it no units behind."""
        import torch

        network: Any = student.to_network()
        if network.output_scale is not None:
            last = [*network.layers()][-1]
            shift, scale = network.output_shift.clone(), network.output_scale[0].clone()
            with torch.no_grad():
                last.eigenvalues_in.mul_(scale)
                last.eigenvalues_out.mul_(scale)
                if last.bias is not None:
                    last.bias.mul_(scale).add_(shift)
            network.set_units(output_shift=0 * shift, output_scale=0 * shift + 1)
        fitted = student._fitted
        self._store(network, fitted.config, fitted.seed, plans=fitted.plans)
        learnt = {"classes_": classes, "_y_type": "labels", "temperature_": 1.0}
        for name, value in learnt.items():
            setattr(self, name, value)


def _logits(teacher: Any, X: Any) -> NDArray[np.float64]:
    """Return the logit of the second of two classes, or one of each that sum to zero."""
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
    logs = np.log(np.maximum(probability, LEAST_PROBABILITY))
    if logs.shape[1] == 2:
        return logs[:, 1] - logs[:, 0]
    return logs - logs.mean(axis=1, keepdims=True)
