"""Sizes that users write, and the stacks that they mean."""

import numpy as np
import pytest

from sklearn_spectral._architecture import Architecture


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
