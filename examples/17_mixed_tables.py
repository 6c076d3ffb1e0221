"""
Mixed tables in one line
========================

Numbers, strings, bools and missing entries in one frame: ``make_table_pipeline`` puts the
steps of scikit-learn before a network that such a table needs. The prices of flats are
made here, so that what they depend on is known.
"""

# %%
# A table as it comes
# -------------------
# The price per room depends on the district and on the storey, but the latter only where
# there is no lift. The age is missing more often in old houses. There are many streets,
# most of them with a flat or two, and the number of the contract says nothing.
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, train_test_split

from sklearn_spectral import SpectralRegressor, make_table_pipeline

rng = np.random.default_rng(0)
n = 1500
districts = {"harbour": 90, "station": 110, "old town": 160, "hills": 200}
flats = pd.DataFrame(
    {
        "rooms": rng.integers(1, 7, n),
        "storey": rng.integers(0, 8, n),
        "age": rng.gamma(3, 15, n).round(),
        "district": rng.choice(list(districts), n),
        "lift": rng.random(n) < 0.5,
        "street": [f"street {i}" for i in rng.zipf(1.5, n) % 2000],
        "contract": [f"no. {i}" for i in range(n)],
    }
)
per_room = flats["district"].map(districts) - 10 * flats["storey"] * ~flats["lift"]
price = 100 + flats["rooms"] * per_room - flats["age"] + rng.normal(0, 25, n)
flats.loc[rng.random(n) < flats["age"] / 200, "age"] = np.nan
flats.loc[rng.random(n) < 0.1, "district"] = None
print(flats.head())

# %%
# One line
# --------
# Neither features nor target need a scaler.
X_train, X_test, y_train, y_test = train_test_split(flats, price, random_state=0)
network = SpectralRegressor(random_state=0)
model = make_table_pipeline(network).fit(X_train, y_train)
print(f"R^2 of the network: {model.score(X_test, y_test):.3f}")

# %%
# What it made of the columns
# ---------------------------
# The most frequent streets have an input each, the others share one. The number of
# the contract, which differs in every row, has none.
names = model[:-1].get_feature_names_out()
print(f"{flats['street'].nunique()} streets, {len(names)} inputs:")
print([name for name in names if not name.startswith("street")])

# %%
# Beside others, prepared alike
# -----------------------------
rivals = {
    "mean of the prices": DummyRegressor(),
    "ridge": Ridge(),
    "boosted trees": HistGradientBoostingRegressor(random_state=0),
}
for name, rival in rivals.items():
    score = make_table_pipeline(rival).fit(X_train, y_train).score(X_test, y_test)
    print(f"{name:<20}{score:6.3f}")

# %%
# A search over preparation and network
# -------------------------------------
grid = {
    "table__categories__onehot__max_categories": [5, 40],
    "est__hidden_layer_sizes": [(30,), (100,)],
}
search = GridSearchCV(model, grid, cv=3).fit(X_train, y_train)
print(search.best_params_, f"{search.score(X_test, y_test):.3f}")

# %%
# Which columns matter
# --------------------
# One column of the frame after the other is permuted, whatever inputs were made of it.
columns = permutation_importance(model, X_test, y_test, n_repeats=5, random_state=0)
columns = pd.Series(columns.importances_mean, flats.columns)
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
axes[0].scatter(y_test, model.predict(X_test), s=8, alpha=0.6)
axes[0].axline((0, 0), slope=1, color="black", linewidth=1)
axes[0].set(title="prices of flats not seen", xlabel="price", ylabel="predicted")
columns.sort_values().plot.barh(ax=axes[1])
axes[1].set(title="loss of R² when a column is permuted", xlim=(0, None))
figure.savefig("mixed_tables.png", dpi=120)
print("Saved mixed_tables.png")
