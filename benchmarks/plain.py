"""The defaults that the figures of these folders were measured with: one network, whose
eigenvalues alone train, for as many epochs as it is told, on the data as they are."""

PLAIN = {
    "n_members": 1,
    "bag_fraction": 1.0,
    "train_eigenvectors": False,
    "standardize": False,
    "learning_rate": "one_cycle",
    "max_iter": 100,
    "early_stopping": False,
    "n_iter_no_change": 10,
    "averaging": 0.0,
}
