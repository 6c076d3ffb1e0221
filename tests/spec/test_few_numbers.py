"""The parametrizations of few numbers, against their definitions written out."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_spectral import SpectralClassifier, load, save
from sklearn_spectral.baselines import DirectClassifier
from sklearn_spectral.nn import (
    ParametrizedMatrix,
    SpectralLinear,
    SpectralNetwork,
    spectralize,
)
from sklearn_spectral.nn.layer import affine
from sklearn_spectral.pruning import SpectralPruner
from sklearn_spectral.spec.parametrizations import parametrize
from sklearn_spectral.spec.parametrizations.entries import Entries, Frozen
from sklearn_spectral.spec.parametrizations.kronecker import Kronecker, grid
from sklearn_spectral.spec.parametrizations.shared import shares

from ..plain import plain_classifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SHAPES = [(48, 36), (10, 48)]  # grids of 8 x 6 and 6 x 6, and a column
OPTIONS = {
    "half": {},
    "biases": {},
    "hashed": {"n_weights": (70, 30)},
    "random_subspace": {"n_weights": (70, 30)},
    "lora": {"rank": (3, 2)},
    "covariance": {"rank": (3, 2)},
    "kronecker": {"rank": (3, 2)},
    "low_rank": {"rank": (3, 2)},
}


def layers_of(name, **options):
    """Return the forms of two layers and random arrays for each."""
    config = {"parametrization": name, **OPTIONS[name], **options}
    forms = parametrize(config, SHAPES, 5)
    rng = np.random.default_rng(0)
    draw = lambda bound, shape: rng.uniform(-bound, bound, shape)  # noqa: E731
    for form in forms:
        start = form.draw(draw, 0.3, np.linalg)
        moved = {
            key: value + rng.normal(size=value.shape) if key in form.trained else value
            for key, value in start.items()
        }
        yield form, SimpleNamespace(**start), SimpleNamespace(**moved)


def written_out(name, form, arrays):
    """Return the matrix by the definition, entry by entry or term by term."""
    if isinstance(form, Entries):  # a last layer that trains whole, or no weight at all
        return arrays.block
    if name == "half":
        return np.diag(arrays.gains) @ arrays.frozen
    if name in ("hashed", "random_subspace"):
        matrix = np.array(getattr(arrays, "frozen", np.zeros((form.n_out, form.n_in))))
        for term in arrays.position:
            for i, j in np.ndindex(*matrix.shape):
                which = term[i, j]
                negative = which >= form.n_weights
                number = arrays.shared[which - form.n_weights * negative]
                matrix[i, j] += -number if negative else number
        return matrix
    if name == "kronecker":
        return sum(map(np.kron, arrays.left, arrays.right))
    product = arrays.left @ arrays.right
    return product + arrays.scale[0] * arrays.frozen if name == "lora" else product


@pytest.mark.parametrize("name", OPTIONS)
def test_the_matrix_is_that_of_the_definition(name):
    for form, start, moved in layers_of(name):
        for arrays in (start, moved):
            expected = written_out(name, form, arrays)
            np.testing.assert_allclose(form.matrix(arrays), expected, atol=1e-12)
        some = slice(2, 7)
        np.testing.assert_allclose(form.matrix(moved, some), expected[some], atol=1e-12)
        tensors = SimpleNamespace(
            **{key: torch.as_tensor(value) for key, value in vars(moved).items()}
        )
        np.testing.assert_allclose(form.matrix(tensors), expected, atol=1e-12)
        left, right = np.ones((3, form.n_out)), np.ones((form.n_in, 2))
        np.testing.assert_allclose(form.left_multiply(left, moved), left @ expected)
        np.testing.assert_allclose(form.right_multiply(right, moved), expected @ right)
        shapes = {key: np.shape(value) for key, value in vars(moved).items()}
        assert shapes == form.shapes()


@pytest.mark.parametrize("name", OPTIONS)
def test_a_start_has_the_variance_asked_for(name):
    """That of uniform numbers in [-0.3, 0.3], as far as so few numbers show it."""
    for form, start, _ in layers_of(name):
        variance = np.square(form.matrix(start)).mean()
        assert 0.4 < variance / 0.03 < 2.0


@pytest.mark.parametrize("name", OPTIONS)
def test_a_matrix_is_kept_or_projected(name):
    """What comes of a matrix of the form itself is that matrix."""
    for form, start, _ in layers_of(name):
        if not form.is_exact and name == "covariance":
            continue  # its frozen factor is drawn, and is no part of a matrix
        matrix = form.matrix(start)
        arrays = SimpleNamespace(**form.split(matrix, np.linalg))
        np.testing.assert_allclose(form.matrix(arrays), matrix, atol=1e-12)
        if form.is_exact:
            other = np.random.default_rng(1).normal(size=matrix.shape)
            arrays = SimpleNamespace(**form.split(other, np.linalg))
            np.testing.assert_allclose(form.matrix(arrays), other, atol=1e-12)


def test_the_nearest_sum_of_kronecker_products():
    """No other sum of as many products is nearer: more terms, less of a distance."""
    matrix = np.random.default_rng(0).normal(size=SHAPES[0])
    distances = []
    for rank in (1, 2, 5, 36, 99):
        config = {"parametrization": "kronecker", "rank": rank}
        form = parametrize(config, SHAPES[:1], 0)[0]
        arrays = SimpleNamespace(**form.split(matrix, np.linalg))
        distances.append(np.linalg.norm(form.matrix(arrays) - matrix))
        assert form.rank == min(rank, 36)
    assert distances[:3] == sorted(distances[:3], reverse=True)
    assert distances[0] < np.linalg.norm(matrix)
    assert distances[3] == distances[4] < 1e-12


@pytest.mark.parametrize(
    ("n_weights", "sizes"),
    [(100, (640, 100)), (12, (500, 500, *[3] * 10)), (29, (10, 10, 10)), (3, (9, 1, 1))],
)
def test_a_number_is_divided_among_layers(n_weights, sizes):
    parts = shares(n_weights, sizes)
    assert sum(parts) == n_weights
    assert all(1 <= part <= size for part, size in zip(parts, sizes, strict=True))


def test_grids():
    assert [grid(n) for n in (784, 256, 120, 37, 33)] == [
        *((28, 28), (16, 16), (12, 10), (37, 1), (11, 3))
    ]
    assert [grid(n) for n in (1, 10, 32)] == [(1, 1), (10, 1), (32, 1)]


def test_which_layers_train_whole():
    half, last = parametrize({"parametrization": "half"}, SHAPES, 0)
    assert (half.trained, last.trained) == (("gains",), ("block",))
    frozen, last = parametrize({"train_eigenvectors": "readout"}, SHAPES, 0)
    assert type(frozen) is Frozen
    assert last.trained == ("block",)


@pytest.mark.parametrize(
    ("name", "options", "n_weights"),
    [
        ("half", {}, 48 + 48 * 10),
        ("biases", {}, 0),
        ("hashed", {"n_weights": 100}, 100),
        ("hashed", {"n_weights": [70, 30]}, 100),
        ("random_subspace", {"n_weights": np.array([70, 30])}, 100),
        ("lora", {"rank": 2}, 2 * (64 + 48) + 2 * (48 + 10) + 2),
        ("covariance", {"rank": [3, 1]}, 3 * 64 + 48 * 10),
        ("kronecker", {"rank": (2, 3)}, 2 * (8 * 8 + 8 * 6) + 3 * (10 * 8 + 1 * 6)),
    ],
)
def test_numbers_files_and_going_on(digits, tmp_path, name, options, n_weights):
    X, y = digits
    model = DirectClassifier(
        48, parametrization=name, max_iter=2, random_state=0, **options
    ).fit(X, y)
    assert model.n_parameters_ == n_weights + 48 + 10
    path = tmp_path / "model.safetensors"
    save(model, path)
    assert path.stat().st_size < 8 * model.n_parameters_ * 3 + 6000
    loaded = load(path)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    network = loaded.to_network()
    assert network.n_trained == model.n_parameters_
    output = network(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(output, model.decision_function(X), atol=1e-10)
    for each in (model, loaded):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"parametrization": "hashed"}, "needs n_weights"),
        ({"parametrization": "hashed", "n_weights": 1}, "between 2 and 740"),
        ({"parametrization": "hashed", "n_weights": 741}, "between 2 and 740"),
        ({"parametrization": "hashed", "n_weights": (5, 101)}, "layer with 100 weights"),
        ({"parametrization": "hashed", "n_weights": (5,)}, "each of the 2 layer"),
        ({"parametrization": "subset", "n_weights": (5, 5)}, "needs n_weights"),
        ({"parametrization": "lora", "rank": (1, 2, 3)}, "each of the 2 layer"),
        ({"parametrization": "kronecker", "rank": (1, 0)}, "at least 1"),
        ({"parametrization": "kronecker", "rank": (1, 0.5)}, "at least 1"),
        ({"parametrization": "kronecker", "rank": 0}, "'rank' parameter"),
    ],
)
def test_numbers_that_do_not_fit(digits, params, message):
    model = DirectClassifier(10, max_iter=1, **params)
    with pytest.raises(ValueError, match=message):
        model.fit(*digits)
    assert not hasattr(model, "coefs_")


def test_biases_alone_need_biases(digits):
    model = DirectClassifier(10, parametrization="biases", fit_intercept=False)
    with pytest.raises(ValueError, match="Nothing of the network would train"):
        model.fit(*digits)


def test_what_is_frozen_stays_frozen():
    """Of LoRA rows of the matrix given are a start that moves away from it."""
    matrix = torch.rand(5, 4, dtype=torch.float64)
    form = ParametrizedMatrix(matrix, "lora", rank=2, copy=False)
    with torch.no_grad():
        form.right.add_(1.0)
    assert torch.equal(form.frozen, matrix)


SMALL = {
    "hidden_layer_sizes": 49,
    "train_eigenvectors": "kronecker",
    "rank": (2, 3),
    "max_iter": 3,
    "random_state": 0,
}


class TestSpectralKronecker:
    def test_eigenvectors_are_sums_of_products(self, digits):
        model = plain_classifier(**SMALL).fit(*digits)
        eigenvalues = (64 + 49) + (49 + 10)
        factors = 2 * (8 * 7 + 8 * 7) + 3 * (10 * 7 + 7)
        assert model.n_parameters_ == eigenvalues + factors + 49 + 10
        layers = model.to_network().layers()
        for layer, phi in zip(layers, model.eigenvectors_, strict=True):
            left, right = (getattr(layer.form, n).detach() for n in ("left", "right"))
            np.testing.assert_allclose(sum(map(np.kron, left, right)), phi, atol=1e-12)

    def test_a_population_shares_them_and_merges(self, digits):
        X, y = digits
        model = SpectralClassifier(n_members=3, **SMALL).fit(X, y)
        one = model.merge_members()
        assert one.train_eigenvectors is True, "they are no sums of few products"
        np.testing.assert_allclose(one.predict_proba(X), model.predict_proba(X), atol=1e-9)
        one.set_params(max_iter=1).fit(X, y)

    def test_pruned_it_trains_all_eigenvectors(self, digits):
        X, y = digits
        model = plain_classifier(**SMALL)
        pruned = SpectralPruner(model, n_nodes=30, strategy="pre").fit(X, y)
        assert pruned.estimator_.train_eigenvectors is True
        assert pruned.estimator_.hidden_layer_sizes == (30,)

    def test_it_cannot_be_any_matrix(self, digits):
        X, y = digits
        direct = DirectClassifier(49, max_iter=2, random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="not of the form Kronecker"):
            SpectralClassifier.from_direct(direct, train_eigenvectors="kronecker")
        with pytest.raises(ValueError, match="not of the form Kronecker"):
            spectralize(direct.to_network().to_linear(), train_eigenvectors="kronecker")
        whole = plain_classifier(49, max_iter=2, random_state=0).fit(X, y)
        before = whole.predict_proba(X)
        whole.set_params(warm_start=True, train_eigenvectors="kronecker", rank=2)
        with pytest.raises(ValueError, match="not of the form Kronecker"):
            whole.fit(X, y)
        np.testing.assert_array_equal(whole.predict_proba(X), before)
        with pytest.raises(ValueError, match="cannot follow"):
            plain_classifier(**SMALL, init="covariance").fit(X, y)

    def test_all_eigenvectors_may_train_afterwards(self, digits):
        X, y = digits
        model = plain_classifier(**SMALL).fit(X, y)
        before = model.predict_proba(X)
        model.set_params(
            warm_start=True, train_eigenvectors=True, max_iter=1, learning_rate_init=1e-12
        ).fit(X, y)
        np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-8)

    def test_numbers_as_arrays_and_pickles_of_before(self, digits):
        model = plain_classifier(**{**SMALL, "rank": np.array([2, 3])}).fit(*digits)
        one = plain_classifier(**{**SMALL, "rank": np.array(2)}).fit(*digits)
        same = plain_classifier(**{**SMALL, "rank": 2}).fit(*digits)
        np.testing.assert_array_equal(one.coefs_[0], same.coefs_[0])
        state = model.__getstate__()
        del state["rank"], state["_digests"]["rank"]
        old = SpectralClassifier.__new__(SpectralClassifier)
        old.__setstate__(state)
        assert clone(old).rank == 4

    def test_going_on_in_direct_space_has_a_rank_of_its_own(self, digits):
        model = plain_classifier(**SMALL).fit(*digits)
        assert model.to_direct().rank == DirectClassifier().rank

    @pytest.mark.parametrize("n_members", [1, 3])
    @pytest.mark.parametrize("which", ["out", "both"])
    def test_rows_pass_as_grids(self, which, n_members):
        layer = SpectralLinear(
            *(784, 576),
            train_eigenvalues=which,
            train_eigenvectors="kronecker",
            rank=2,
            n_members=n_members,
            seed=0,
            dtype=torch.float64,
        )
        values = torch.Generator().manual_seed(0)
        for p in (p for p in layer.parameters() if p.requires_grad):
            p.data.add_(torch.rand(p.shape, generator=values, dtype=torch.float64))
        # Frozen lambda_in of members differ from the start.
        n_passes = 1 if which == "out" and n_members == 1 else 2
        assert layer.form.parametrization.grids_cost(64, True) is not None
        cost = layer.form.parametrization.grids_cost(64 * n_members, True, n_passes)
        assert cost is not None
        assert layer.passing_cost(64, True) == cost
        x = torch.rand(64, 784, generator=values, dtype=torch.float64, requires_grad=True)
        trained = [x, *(p for p in layer.parameters() if p.requires_grad)]
        seen = layer(x), affine(x, layer.weight, layer.bias)
        found, expected = (torch.autograd.grad(y.square().sum(), trained) for y in seen)
        torch.testing.assert_close(seen[0], seen[1], rtol=1e-12, atol=1e-12)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)

    def test_grids_are_passed_where_that_takes_less(self):
        wide, few = Kronecker(1024, 784, rank=2), Kronecker(1024, 784, rank=20)
        assert wide.grids_cost(500, False) < 2 * 500 * wide.size
        assert few.grids_cost(500, False) is None
        layer = SpectralLinear(784, 1024, train_eigenvectors="kronecker", rank=2, seed=0)
        assert layer.passing_cost(500, False) == wide.grids_cost(2 * 500, False)
        assert Kronecker(1024, 784, rank=4).grids_cost(500, False) is not None
        twice = Kronecker(1024, 784, rank=4).grids_cost(500, False, n_passes=2)
        assert twice is None, "one product with the matrix takes less than two passes"

    def test_it_has_as_many_products_as_it_can_use(self):
        most = Kronecker(10, 784, rank=50)
        assert most.rank == 28, "the narrower side of what is decomposed"
        matrix = np.random.default_rng(0).normal(size=(10, 784))
        arrays = SimpleNamespace(**most.split(matrix, np.linalg))
        np.testing.assert_allclose(most.matrix(arrays), matrix, atol=1e-12)

    def test_layers_of_given_forms(self):
        form = Kronecker(49, 64, rank=2)
        assert SpectralLinear(64, 49, train_eigenvectors=form).n_trained == 64 + 98 + 224
        with pytest.raises(ValueError, match="is of 64 -> 49 nodes"):
            SpectralLinear(64, 10, train_eigenvectors=form)
        with pytest.raises(ValueError, match="at least 1"):
            SpectralLinear(64, 49, train_eigenvectors="kronecker", rank=[0])

    def test_a_start_that_is_drawn_anew(self):
        network = SpectralNetwork(
            64, 10, 49, train_eigenvectors="kronecker", seed=0, dtype=torch.float64
        )
        layer = next(network.layers())
        before = layer.weight.detach().clone()
        layer.reset_parameters(seed=7)
        assert not torch.allclose(layer.weight, before)
        other = layer.weight.detach().clone()
        layer.reset_parameters(seed=7)
        assert torch.equal(layer.weight, other)
