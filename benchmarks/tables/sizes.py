"""How many numbers training has set, and how many bytes a file of them takes.

Networks and linear models: weights and biases; of ours those that were trained. Trees: two
for each split (which feature, and where) and the values of each leaf, of which a forest has
one for each class, and boosted trees one.
"""

import io
import tempfile
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import BaseEstimator


def _of_forest(model) -> int:
    total = 0
    for tree in (each.tree_ for each in model.estimators_):
        leaves = int((tree.children_left == -1).sum())
        values = tree.value.shape[1] * tree.value.shape[2]
        total += 2 * (tree.node_count - leaves) + values * leaves
    return total


def _of_hist_boosting(model) -> int:
    trees = [tree for row in model._predictors for tree in row]
    leaves = sum(tree.get_n_leaf_nodes() for tree in trees)
    return 2 * (sum(len(tree.nodes) for tree in trees) - leaves) + leaves


def _of_lightgbm(model) -> int:
    leaves = [tree["num_leaves"] for tree in model.booster_.dump_model()["tree_info"]]
    return sum(3 * n_leaves - 2 for n_leaves in leaves)


def _of_torch(model) -> int:
    """Count the parameters of pytabkit's networks."""
    interface = model.cv_alg_interface_
    parts = getattr(interface, "sub_split_interfaces", [interface])
    networks = [getattr(part, "model_", None) or part.model for part in parts]
    return sum(array.numel() for network in networks for array in network.parameters())


def n_numbers(model: BaseEstimator) -> int:
    """Return how many numbers training has set."""
    model = getattr(model, "regressor_", model)
    if hasattr(model, "n_parameters_"):
        return int(model.n_parameters_)
    if hasattr(model, "cv_alg_interface_"):
        return _of_torch(model)
    if hasattr(model, "booster_"):
        return _of_lightgbm(model)
    if hasattr(model, "coefs_"):
        return sum(array.size for array in (*model.coefs_, *model.intercepts_))
    if hasattr(model, "coef_"):
        return int(np.size(model.coef_) + np.size(model.intercept_))
    if hasattr(model, "_predictors"):
        return _of_hist_boosting(model)
    return _of_forest(model)


def n_bytes(model: BaseEstimator) -> dict[str, int]:
    """Return the bytes of a joblib file, and of what `save` writes of ours."""
    file = io.BytesIO()
    joblib.dump(model, file)
    sizes = {"pickle_bytes": file.tell(), "bytes": file.tell()}
    if hasattr(model, "n_parameters_"):
        from sklearn_spectral import save

        with tempfile.TemporaryDirectory() as folder:
            save(model, Path(folder, "model"))
            sizes["bytes"] = Path(folder, "model").stat().st_size
    return sizes
