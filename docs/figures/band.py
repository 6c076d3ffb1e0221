"""A curve, the band in which nine of ten new targets are to lie, and the rows outside."""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_spectral import SpectralRegressor

rng = np.random.default_rng(0)


def draw_rows(n_rows):
    """Return inputs and targets, which are noisier the larger the input is."""
    x = rng.uniform(0, 1, n_rows)
    return x[:, None], np.sin(5 * x) + rng.normal(size=n_rows) * (0.03 + 0.35 * x)


X, y = draw_rows(500)
X_new, y_new = draw_rows(300)
grid = np.linspace(0, 1, 300)[:, None]
models = {
    "the defaults": SpectralRegressor(random_state=0),
    'loss="quantile", quantile=(0.05, 0.5, 0.95)': SpectralRegressor(
        loss="quantile", quantile=(0.05, 0.5, 0.95), random_state=0
    ),
}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    model.fit(X, y)
    predicted = model.predict(grid)
    curve = predicted if predicted.ndim == 1 else predicted[:, 1]
    low, high = model.predict_interval(X_new, coverage=0.9).T
    outside = (y_new < low) | (y_new > high)
    ax.fill_between(grid[:, 0], *model.predict_interval(grid, 0.9).T, color="C0", alpha=0.2)
    ax.plot(grid[:, 0], curve, color="C0")
    ax.plot(X_new[~outside, 0], y_new[~outside], ".", color="0.5", ms=3)
    ax.plot(X_new[outside, 0], y_new[outside], "x", color="C3", ms=5)
    ax.set(title=name, xlabel=f"{1 - outside.mean():.0%} of 300 new rows inside")
