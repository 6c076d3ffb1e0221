"""RelevanceDisplay: how much each input matters."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._axes import Display, input_names, network_in, with_defaults


class RelevanceDisplay(Display):
    """The relevance of the inputs, as bars or as a map over an image.

    Parameters
    ----------
    relevance : ndarray of shape (n_features,)
        ``feature_importances_``.
    feature_names : list of str
        What the inputs are called.
    image_shape : tuple of int, optional
        Rows and columns, if the inputs are the pixels of an image.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of these axes.
    image_ : matplotlib AxesImage
        The map, if it is one.
    bars_ : matplotlib BarContainer
        The bars, if they are.

    References
    ----------
    L. Chicchi, L. Buffoni, D. Febbe, L. Giambagli, R. Marino, D. Fanelli, "Automatic input
    feature relevance via spectral neural networks", arXiv 2406.01183 (2024).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_spectral import SpectralClassifier
    >>> from sklearn_spectral.inspection import RelevanceDisplay
    >>> X, y = load_digits(n_class=2, return_X_y=True)
    >>> model = SpectralClassifier(20, train_eigenvalues="in", random_state=0)
    >>> display = RelevanceDisplay.from_estimator(model.fit(X / 16, y), image_shape=(8, 8))
    >>> display.image_.get_array().shape
    (8, 8)
    """

    def __init__(
        self,
        *,
        relevance: NDArray[Any],
        feature_names: list[str],
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.relevance = relevance
        self.feature_names = feature_names
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        feature_names: Sequence[str] | None = None,
        max_features: int | None = 20,
        ax: Any = None,
        **kwargs: Any,
    ) -> RelevanceDisplay:
        """Draw the relevance of the inputs of a fitted estimator.

        Parameters
        ----------
        estimator : SpectralClassifier, SpectralRegressor or one in direct space
            A fitted estimator, or a pipeline, search or pruner around one.
        image_shape : tuple of int, optional
            Rows and columns of the images whose pixels the inputs are; bars without.
        feature_names : sequence of str, optional
            What to call the inputs; by default the names that it was fitted with, as the
            steps of a pipeline before the network hand them on, or x0, x1, ...
        max_features : int or None, default=20
            How many bars at most, of the most relevant inputs; None is all.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.imshow`` or ``ax.barh``.

        Returns
        -------
        RelevanceDisplay
            What was drawn.

        Raises
        ------
        TypeError
            If it is not an estimator of this package, or the shape is not a tuple of
            integers.
        NotFittedError
            If it is not fitted.
        ValueError
            If the shape or the names do not fit the number of inputs, or
            ``max_features`` is below 1.
        """
        model = network_in(estimator, cls.__name__)
        relevance = model.feature_importances_
        if image_shape is not None:
            _check_image_shape(image_shape, len(relevance))
        if feature_names is None:
            names = input_names(estimator)
            if names is None or len(names) != len(relevance):
                names = [f"x{i}" for i in range(len(relevance))]
            feature_names = list(names)
        if len(feature_names) != len(relevance):
            raise ValueError(
                f"feature_names has {len(feature_names)} names for {len(relevance)} "
                "features."
            )
        display = cls(
            relevance=relevance,
            feature_names=[str(name) for name in feature_names],
            image_shape=None if image_shape is None else tuple(image_shape),
        )
        return display.plot(max_features=max_features, ax=ax, **kwargs)

    def plot(
        self, *, max_features: int | None = 20, ax: Any = None, **kwargs: Any
    ) -> RelevanceDisplay:
        """Draw it.

        Parameters
        ----------
        max_features : int or None, default=20
            How many bars at most, of the most relevant inputs; None is all.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            For ``ax.imshow`` or ``ax.barh``.

        Returns
        -------
        RelevanceDisplay
            The display itself.
        """
        if max_features is not None and max_features < 1:
            raise ValueError(
                f"max_features must be at least 1, or None; got {max_features}."
            )
        ax = self._begin(ax)
        if self.image_shape is not None:
            pixels = self.relevance.reshape(self.image_shape)
            settings = with_defaults("AxesImage", kwargs, cmap="magma", vmin=0)
            self.image_ = ax.imshow(pixels, **settings)
            self.figure_.colorbar(self.image_, ax=ax, label="relevance")
            ax.set(xticks=[], yticks=[])
            return self
        chosen = np.argsort(-self.relevance, kind="stable")[:max_features][::-1]
        names = [self.feature_names[i] for i in chosen]
        places = np.arange(len(chosen))
        self.bars_ = ax.barh(places, self.relevance[chosen], **kwargs)
        ax.set_yticks(places, names)
        ax.set(xlabel="relevance")
        if len(chosen) < len(self.relevance):
            ax.set_title(f"{len(chosen)} of {len(self.relevance)} features")
        return self


def _check_image_shape(image_shape: Any, n_features: int) -> None:
    if not (
        isinstance(image_shape, tuple | list)
        and all(isinstance(n, Integral) for n in image_shape)
    ):
        raise TypeError(
            "image_shape must be a tuple of whole numbers, as (28, 28); got "
            f"{image_shape!r}."
        )
    if np.prod(image_shape) != n_features:
        raise ValueError(
            f"image_shape={tuple(image_shape)} has {np.prod(image_shape)} pixels, but "
            f"the estimator was fitted on {n_features} features."
        )
