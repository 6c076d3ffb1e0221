"""In how many threads fits compute, and that the program's number is left alone."""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from sklearn_spectral import SpectralClassifier
from sklearn_spectral.nn import SpectralNetwork
from sklearn_spectral.training.threads import FEW_MULTIPLICATIONS, threads, threads_for


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


class Seeing:
    """A scorer that notes how many threads there are."""

    def __init__(self):
        self.numbers = set()

    def __call__(self, estimator, X, y):
        self.numbers.add(torch.get_num_threads())
        return 0.0


def fit(X, y, width, seeing):
    model = SpectralClassifier(
        width,
        n_members=1,
        early_stopping=True,
        scoring=seeing,
        batch_size=200,
        max_iter=2,
        linear_expansion=None,
    )
    return model.fit(X, y)


@pytest.mark.parametrize(("width", "number"), [(20, 1), (400, 3)])
def test_by_the_size_of_the_largest_product(digits, width, number):
    seeing = Seeing()
    fit(*digits, width, seeing)
    assert (200 * 64 * width > FEW_MULTIPLICATIONS) == (number == 3)
    assert seeing.numbers == {number}
    assert torch.get_num_threads() == 3


def test_an_error_leaves_the_number(digits):
    def fail(estimator, X, y):
        raise RuntimeError("of the scorer")

    with pytest.raises(RuntimeError, match="of the scorer"):
        fit(*digits, 20, fail)
    assert torch.get_num_threads() == 3


def test_one_block_in_another():
    with threads(1) as told:
        assert (told, torch.get_num_threads()) == (3, 1)
        with threads(None) as told:
            assert (told, torch.get_num_threads()) == (3, 3)
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_fits_in_several_threads_leave_the_number():
    start, middle = Barrier(4), Barrier(4)

    def work(_):
        start.wait()
        with threads(1) as told:
            middle.wait()  # all are inside
            inside = torch.get_num_threads()
        return told, inside, torch.get_num_threads()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    assert {(told, inside) for told, inside, _ in found} == {(3, 1)}
    assert {after for *_, after in found} == {3}
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("strategy", "expansion", "n_members", "expected"),
    [
        ("layers", None, 1, 200 * 64 * 50),
        ("layers", None, 8, 8 * 200 * 64 * 50),
        ("layers", 300, 1, 200 * 64 * 300),
        ("contract", 300, 1, 64 * 300 * 50),
        ("closed_form", 30, 2, 2 * 200 * 64 * 50),
    ],
)
def test_the_largest_product(strategy, expansion, n_members, expected):
    network = SpectralNetwork(64, 3, 50, linear_expansion=expansion, telescope=strategy)
    plan = network.plan(200)[0]
    assert plan.strategy == strategy
    assert plan.largest_product(n_members) == expected


def test_what_is_projected_is_no_product():
    network = SpectralNetwork(
        64, 3, 50, linear_expansion=None, train_eigenvalues="out", train_eigenvectors=False
    )
    plan = network.plan(200, 1000)[0]
    assert plan.strategy == "project"
    assert plan.largest_product() == 0


def test_little_and_much():
    assert threads_for(FEW_MULTIPLICATIONS) == 1
    assert threads_for(FEW_MULTIPLICATIONS + 1) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_process_is_outside_of_its_parents_blocks():
    def number_of_a_fit():
        with threads(None) as told:
            return told, torch.get_num_threads()

    with threads(1):
        context = multiprocessing.get_context("fork")
        receives, sends = context.Pipe(duplex=False)
        child = context.Process(target=lambda: sends.send(number_of_a_fit()))
        child.start()
        assert receives.poll(60)
        assert receives.recv() == (1, 1)  # the threads of OpenMP do not survive a fork
        child.join()
