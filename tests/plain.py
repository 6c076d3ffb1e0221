"""Estimators as simple as can be: one network of frozen eigenvectors, nothing around it."""

PLAIN = {"n_members": 1, "train_eigenvectors": False, "max_iter": 100, "standardize": False}
