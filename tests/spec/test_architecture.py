"""Sizes that users write, and the stacks that they mean."""

import numpy as np
import pytest

from sklearn_spectral.spec.architecture import Architecture, auto_expansion

from ..plain import plain_classifier


@pytest.mark.parametrize(
    ("hidden", "expansion", "activation", "stacks"),
    [
        ((), None, "relu", ((8, 3),)),
        (5, None, "relu", ((8, 5), (5, 3))),
        ((5, 4), None, "tanh", ((8, 5), (5, 4), (4, 3))),
        ((), 20, "relu", ((8, 20, 3),)),
        ((), (20, 9), "relu", ((8, 20, 9, 3),)),
        ((5,), 20, "relu", ((8, 20, 5), (5, 3))),
        ((5,), [20, 9], "relu", ((8, 20, 9, 5), (5, 3))),
        ((5,), ((), (7, 6)), "relu", ((8, 5), (5, 7, 6, 3))),
        ((5,), ((), ()), "relu", ((8, 5), (5, 3))),
        ((5,), ((7,), None), "relu", ((8, 7, 5), (5, 3))),
        ((), ((20, 9),), "relu", ((8, 20, 9, 3),)),
        ((5,), ((20,), (7,)), "identity", ((8, 20, 5, 7, 3),)),
        (np.array([5, 4]), np.int64(20), "relu", ((8, 20, 5), (5, 4), (4, 3))),
    ],
)
def test_layout(hidden, expansion, activation, stacks):
    architecture = Architecture.build(8, 3, hidden, expansion, activation)
    assert architecture.stacks == stacks
    again = Architecture.build(
        8, 3, architecture.hidden_layer_sizes, architecture.linear_expansion, activation
    )
    assert again == architecture


def test_text():
    architecture = Architecture.build(784, 10, (120,), ((2000,), (50,)))
    assert str(architecture) == "784-2000(linear)-120-50(linear)-10"


@pytest.mark.parametrize(
    ("hidden", "expansion", "message"),
    [
        ((-5,), None, r"hidden_layer_sizes=\(-5,\) holds -5.*at least 1"),
        ((5, 0), None, "holds 0"),
        ((5.5,), None, "holds 5.5"),
        ((True,), None, "holds True"),
        ("ab", None, "neither an integer nor a sequence"),
        ((5,), -3, "linear_expansion=-3 holds -3"),
        ((5,), (20, -1), "holds -1"),
        ((5,), ((20,),), "has 1 entries.*1 non-linear layer.*2 gaps"),
        ((5,), ((20,), (), ()), "has 3 entries"),
        ((), ((20,), (4,)), "has 2 entries.*1 gaps"),
        ((5,), (20, (4,)), "mixes integers and sequences"),
        ((5,), (((20,),), ()), "every width must be an integer"),
        ((5,), 2.5, "neither an integer nor a sequence"),
        ((5,), {7: 2}, "neither an integer nor a sequence"),
        ({5}, None, "neither an integer nor a sequence"),
    ],
)
def test_what_cannot_be_laid_out(hidden, expansion, message):
    with pytest.raises(ValueError, match=message):
        Architecture.build(8, 3, hidden, expansion)


class TestAuto:
    """Linear layers of ``linear_expansion="auto"``."""

    @pytest.mark.parametrize(
        ("n_features", "n_outputs", "hidden", "expected"),
        [
            (64, 10, 100, ((200, 200), (65, 65))),  # (64 * 100 / 2 - 164) / 6 is 506
            (4, 3, 100, ((16, 16), (7, 7))),
            (2, 1, 100, ((), ())),  # 202 eigenvalues for 200 weights
            (784, 10, 500, ((500, 500), (200, 200))),
            (64, 10, (), ((41, 41),)),
            (10, 10, (), ((),)),  # five nodes would lower the rank
        ],
    )
    def test_widths(self, n_features, n_outputs, hidden, expected):
        assert auto_expansion(n_features, n_outputs, hidden) == expected

    @pytest.mark.parametrize("hidden", [(), 5, 100, (300, 20, 90)])
    @pytest.mark.parametrize("n_outputs", [1, 3, 40])
    @pytest.mark.parametrize("n_features", [1, 7, 100, 2000])
    def test_what_trains_is_half_of_the_weights_and_the_rank_stays(
        self, n_features, n_outputs, hidden
    ):
        expansion = auto_expansion(n_features, n_outputs, hidden)
        built = Architecture.build(n_features, n_outputs, hidden, expansion)
        for widths in built.stacks:
            if len(widths) == 2:
                continue
            first, *linear, last = widths
            assert first + last + 3 * sum(linear) <= first * last / 2
            assert min(linear) >= min(first, last)

    def test_it_is_for_eigenvalues_alone(self, digits):
        X, y = digits
        settings = {"hidden_layer_sizes": 30, "max_iter": 1, "random_state": 0}
        model = plain_classifier(**settings).fit(X, y)
        assert model.architecture_.linear_expansion == auto_expansion(64, 10, 30)
        for other in ({"train_eigenvectors": True}, {"activation": "identity"}):
            plain = plain_classifier(**settings, **other).fit(X, y)
            by_hand = plain_classifier(**settings, linear_expansion=None, **other)
            assert plain.architecture_ == by_hand.fit(X, y).architecture_

    def test_training_goes_on_with_what_it_stood_for(self, digits):
        X, y = digits
        model = plain_classifier(30, max_iter=1, random_state=0, warm_start=True)
        before = model.fit(X, y).architecture_
        model.set_params(train_eigenvectors=True).fit(X, y)
        assert model.architecture_ == before
        assert model.n_parameters_ > 64 * 30
