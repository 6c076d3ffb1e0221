"""Datasets and loaders of torch: the fit of the array with the same rows."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from sklearn_spectral import SpectralClassifier, SpectralRegressor

FOUR = {"max_iter": 4, "random_state": 0, "batch_size": 64}


class Images(Dataset):
    """Samples by index: images and their labels."""

    def __init__(self, X, y):
        self.X, self.y = torch.from_numpy(X.astype(np.float32)).reshape(-1, 1, 8, 8), y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


class ManyAtOnce(Images):
    """As torch's own loader asks for them, if it can."""

    def __getitems__(self, indices):
        return [self[index] for index in indices]

    def __getitem__(self, index):
        return self.X[index].numpy(), int(self.y[index])


class Coming(IterableDataset):
    """Samples one after the other, other ones or fewer if asked to."""

    def __init__(self, X, y, sizes=()):
        self.X, self.y, self.sizes = X.astype(np.float32), y, list(sizes)

    def __iter__(self):
        n = self.sizes.pop(0) if self.sizes else len(self.y)
        return iter(zip(self.X[:n], self.y[:n], strict=True))


def make(kind, X, y):
    return {
        "tensors": lambda: TensorDataset(
            torch.from_numpy(X.astype(np.float32)), torch.from_numpy(y)
        ),
        "images": lambda: Images(X, y),
        "many at once": lambda: ManyAtOnce(X, y),
        "iterable": lambda: Coming(X, y),
        "loader": lambda: DataLoader(Images(X, y), batch_size=100),
        "two workers": lambda: DataLoader(Images(X, y), batch_size=100, num_workers=2),
    }[kind]()


KINDS = ["tensors", "images", "many at once", "iterable", "loader", "two workers"]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_rows_of_torch_train_as_the_array(digits, kind, early_stopping):
    X, y = digits
    data = make(kind, X, y)
    model = SpectralClassifier(12, shuffle=False, early_stopping=early_stopping, **FOUR)
    own = {"X_val": X[:200].astype(np.float32), "y_val": y[:200]} if early_stopping else {}
    fitted = clone(model).fit(data, **own)
    expected = model.fit(X.astype(np.float32), y, **own)
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])
    assert fitted.loss_curve_ == expected.loss_curve_
    np.testing.assert_array_equal(fitted.predict(data), fitted.predict(X))
    assert fitted.score(data) == fitted.score(X, y)


@pytest.mark.usefixtures("small_blocks")
def test_samples_by_index_are_shuffled_as_a_file_is(digits):
    X, y = digits
    fitted = SpectralClassifier(12, early_stopping=True, **FOUR).fit(Images(X, y))
    expected = SpectralClassifier(12, early_stopping=True, shuffle="blocks", **FOUR)
    expected.fit(X.astype(np.float32), y)
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])


@pytest.mark.usefixtures("small_blocks")
def test_a_stream_is_shuffled_within_a_buffer_anew_each_epoch(digits):
    X, y = digits
    model = SpectralClassifier((), **FOUR).fit(Coming(X, y))
    in_order = SpectralClassifier((), shuffle=False, **FOUR).fit(Coming(X, y))
    assert model.score(X, y) > 0.3
    assert not np.array_equal(model.coefs_[0], in_order.coefs_[0])
    again = SpectralClassifier((), **FOUR).fit(Coming(X, y))
    np.testing.assert_array_equal(model.coefs_[0], again.coefs_[0])


@pytest.mark.parametrize("kind", ["images", "iterable"])
def test_class_weights_and_labels_of_text(digits, kind):
    X, names = digits[0][:800], np.array([f"digit {label}" for label in digits[1][:800]])
    data = make(kind, X, names)
    whole = {"shuffle": False, "early_stopping": "oob"}  # a stream holds nothing out
    model = SpectralClassifier(12, class_weight="balanced", **whole, **FOUR)
    fitted = clone(model).fit(data)
    expected = model.fit(X.astype(np.float32), names)
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])
    assert fitted.classes_[3] == "digit 3"


def uneven(batch):
    x, y = (torch.stack([torch.as_tensor(pair[i]) for pair in batch]) for i in (0, 1))
    return x[:-1], y


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X, y: TensorDataset(X, y, torch.ones(len(y))), "are 3 things; fit and"),
        (lambda X, y: Lists(X, y), "are of type list; expected arrays or tensors"),
        (lambda X, y: DataLoader(Lists(X, y)), "are of type list; expected arrays"),
        (lambda X, y: Named(X, y), "are of type dict; expected arrays or tensors"),
        (
            lambda X, y: DataLoader(TensorDataset(X, y), 100, collate_fn=uneven),
            "gave 99 inputs with 100 targets in one batch",
        ),
        (
            lambda X, y: DataLoader(TensorDataset(X, y), batch_size=None),
            "single samples where batches are expected; set its batch_size",
        ),
        (lambda X, y: Coming(X[:0].numpy(), y[:0]), "Coming gave no samples"),
    ],
)
def test_samples_of_other_forms_are_refused(digits, change, match):
    X, y = torch.from_numpy(digits[0]).float(), torch.from_numpy(digits[1])
    data = change(X, y)
    with pytest.raises(ValueError, match=match):
        SpectralClassifier(12, **FOUR).fit(data)
    fitted = SpectralClassifier(12, **FOUR).fit(*digits)
    with pytest.raises(ValueError, match=match):
        fitted.score(data)


class Pairs(Dataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.y)


class Lists(Pairs):
    def __getitem__(self, index):
        return self.X[index].tolist(), self.y[index]


class Named(Pairs):
    def __getitem__(self, index):
        return {"x": self.X[index]}, self.y[index]


def test_tensors_that_numpy_does_not_take_are_converted(digits):
    X, y = torch.from_numpy(digits[0]).float(), torch.from_numpy(digits[1])
    model = SpectralClassifier(12, **FOUR)
    expected = clone(model).fit(Tensors(X, y))
    for other in (X.clone().requires_grad_(), X.bfloat16()):  # sixteenths are exact in it
        fitted = clone(model).fit(Tensors(other, y))
        np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])


class Tensors(IterableDataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __iter__(self):
        return iter(zip(self.X, self.y, strict=True))


def test_types_of_all_samples_count_not_those_of_the_last(digits):
    X, y = torch.from_numpy(digits[0]).float(), torch.from_numpy(digits[1])
    zeros = TensorDataset(torch.zeros(10, 64, dtype=torch.uint8), y[:10])
    mixed = torch.utils.data.ConcatDataset([TensorDataset(X, y), zeros])
    model = SpectralClassifier(12, shuffle=False, **FOUR)
    whole = np.r_[digits[0], np.zeros((10, 64))].astype(np.float32)
    expected = clone(model).fit(whole, np.r_[y, y[:10]])
    np.testing.assert_array_equal(model.fit(mixed).coefs_[0], expected.coefs_[0])


def test_a_class_whose_weight_is_not_known_is_refused(digits):
    X, y = digits

    class More(IterableDataset):
        first = True

        def __iter__(self):
            rows, self.first = (slice(600, 650) if self.first else slice(0, 50)), False
            return iter(
                zip(X[rows], np.minimum(y[rows], 5 if rows.start else 9), strict=True)
            )

    model = SpectralClassifier(12, class_weight={0: 2.0}, **FOUR)
    with pytest.raises(ValueError, match="A class came that the first reading did not"):
        model.partial_fit(More(), classes=np.arange(10))


@pytest.mark.parametrize("kind", ["images", "iterable"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_regression(digits, kind, n_outputs):
    X, y = digits
    y = y.astype(np.float32) if n_outputs == 1 else np.c_[y, -y].astype(np.float32)
    data = make(kind, X, y)
    model = SpectralRegressor(12, shuffle=False, **FOUR)
    fitted = clone(model).fit(data)
    expected = model.fit(X.astype(np.float32), y)
    np.testing.assert_allclose(fitted.coefs_[0], expected.coefs_[0], rtol=1e-6)
    assert fitted.score(data) == pytest.approx(expected.score(X, y), abs=1e-5)


def test_partial_fit_and_full_batches_of_a_stream(digits):
    X, y = digits
    stream = Coming(X, y)
    settings = {"max_iter": 5, "early_stopping": "oob", "random_state": 0}
    model = SpectralClassifier(12, solver="lbfgs", **settings)
    expected = clone(model).fit(X.astype(np.float32), y)
    np.testing.assert_allclose(
        clone(model).fit(stream).loss_curve_, expected.loss_curve_, rtol=1e-4
    )
    model = SpectralClassifier(12, shuffle=False, **FOUR)
    ours = clone(model).partial_fit(stream, classes=np.arange(10))
    expected = model.partial_fit(X.astype(np.float32), y, classes=np.arange(10))
    np.testing.assert_array_equal(ours.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": True},
        {"init": "covariance"},
        {"checkpoint_dir": "kept"},
        {"data_parallel": True},
    ],
    ids=str,
)
def test_what_needs_rows_by_number_says_so(digits, settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="which Coming does not give"):
        SpectralClassifier(max_iter=2, **settings).fit(Coming(*digits))
    assert not list(tmp_path.iterdir())


def test_a_wide_stream_is_trained_on_whole_by_default(digits):
    wide = Coming(np.tile(digits[0][:100], 16), digits[1][:100])
    model = SpectralClassifier(4, max_iter=2, random_state=0).fit(wide)
    assert not hasattr(model, "validation_scores_")


@pytest.mark.parametrize(("later", "how"), [(1500, "1500, fewer"), (1797, "more")])
def test_a_stream_of_another_length_is_refused(digits, later, how):
    stream = Coming(*digits, sizes=[1600, later])
    with pytest.raises(ValueError, match=f"gave {how} than the 1600 samples"):
        SpectralClassifier(max_iter=2).fit(stream)


def test_validation_data_of_torch(digits):
    X, y = digits[0].astype(np.float32), digits[1]
    model = SpectralClassifier(12, shuffle=False, early_stopping=True, **FOUR)
    expected = clone(model).fit(X[300:], y[300:], X_val=X[:300], y_val=y[:300])
    told = model.fit(Images(X[300:], y[300:]), X_val=Images(X[:300], y[:300]))
    assert told.validation_scores_ == expected.validation_scores_
    with pytest.raises(ValueError, match="which Coming does not give"):
        model.fit(Images(X, y), X_val=Coming(X, y))


def test_what_is_wrong_is_said(digits):
    X, y = digits
    data = Images(X, y)
    with pytest.raises(ValueError, match="leave out y and sample_weight"):
        SpectralClassifier().fit(data, y)
    with pytest.raises(ValueError, match="leave out y and sample_weight"):
        SpectralClassifier().fit(data, sample_weight=np.ones(len(y)))
    with pytest.raises(ValueError, match="are inputs alone"):
        SpectralClassifier().fit(TensorDataset(torch.ones(5, 3)))
    with pytest.raises(ValueError, match="gave no samples"):
        SpectralClassifier().fit(Coming(X[:0], y[:0]))
    broken = X.copy()
    broken[1234, 5] = np.inf
    for kind in KINDS[:5]:
        with pytest.raises(ValueError, match=r"infinity|inf"):
            SpectralClassifier().fit(make(kind, broken, y))
    model = SpectralClassifier(max_iter=1).fit(data)
    with pytest.raises(ValueError, match="sample_weight cannot be given"):
        model.score(data, sample_weight=np.ones(len(y)))
    with pytest.raises(ValueError, match="expecting 64 features"):
        model.predict(TensorDataset(torch.ones(5, 3)))


def test_predicting_needs_no_targets(digits):
    X, y = digits
    model = SpectralClassifier(max_iter=2, random_state=0).fit(X.astype(np.float32), y)
    inputs = TensorDataset(torch.from_numpy(X.astype(np.float32)))
    np.testing.assert_array_equal(model.predict(inputs), model.predict(X))
