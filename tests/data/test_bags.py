"""Bags follow from what a row contains and the seed, and from nothing else."""

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

from sklearn_spectral.data.bags import Bags, count_left_out, hash_groups
from sklearn_spectral.data.rows import SlicedRows, as_rows

BAGS = Bags(16, 2, 3)


@pytest.fixture(scope="module")
def rows():
    """Rows of whole numbers, many of them zero, all of which float32 holds too."""
    rng = np.random.default_rng(0)
    return np.where(rng.random((800, 12)) < 0.4, 0.0, rng.integers(-50, 50, (800, 12)))


@pytest.mark.parametrize(("n_members", "n_left_out"), [(2, 1), (16, 2), (16, 4), (8, 7)])
def test_each_row_is_left_out_as_often_and_by_each_member_alike(
    rows, n_members, n_left_out
):
    inside = Bags(n_members, n_left_out, 0).of(as_rows(rows))
    assert (inside.sum(axis=1) == n_members - n_left_out).all()
    share = n_left_out / n_members
    spread = np.sqrt(share * (1 - share) / len(rows))
    np.testing.assert_allclose(1 - inside.mean(axis=0), share, atol=4.5 * spread)


def test_what_stores_the_rows_makes_no_difference(rows, tmp_path, monkeypatch):
    expected = BAGS.of(as_rows(rows))
    mapped = np.memmap(tmp_path / "rows", np.int16, "w+", shape=rows.shape)
    mapped[:] = rows
    sources = [rows.astype(np.float32), rows.astype(np.int8), np.asfortranarray(rows)]
    sources += [np.where(rows == 0, -0.0, rows), mapped, csr_matrix(rows)]
    sources += [csr_array(rows.astype(np.float32)), SlicedRows(rows)]
    twice = csr_array(rows)
    halves = np.repeat(twice.data / 2, 2), np.repeat(twice.indices, 2), 2 * twice.indptr
    sources.append(csr_array(halves, shape=rows.shape))
    for source in sources:
        np.testing.assert_array_equal(BAGS.of(as_rows(source)), expected)
    monkeypatch.setattr("sklearn_spectral.data.rows.CHUNK_BYTES", 500)
    monkeypatch.setattr("sklearn_spectral.data.bags._CACHED_BYTES", 300)
    monkeypatch.setattr("sklearn_spectral.data.rows.BLOCK_NUMBERS", 100)
    for source in (rows, SlicedRows(rows), csr_matrix(rows)):
        np.testing.assert_array_equal(BAGS.of(as_rows(source)), expected)


def test_equal_rows_have_equal_bags_wherever_they_stand(rows):
    order = np.random.default_rng(1).integers(0, len(rows), 2000)
    again = BAGS.of(as_rows(rows[order]))
    np.testing.assert_array_equal(again, BAGS.of(as_rows(rows))[order])
    chosen = np.unique(order)
    np.testing.assert_array_equal(
        BAGS.of(as_rows(rows), chosen), BAGS.of_rows(rows[chosen])
    )


def test_rows_of_few_bits_spread_as_well():
    one_hot = np.zeros((4096, 36))
    for column, digit in enumerate(np.unravel_index(np.arange(4096), (16, 16, 16))):
        one_hot[np.arange(4096), 12 * column + digit % 12] = 1
        one_hot[np.arange(4096), 12 * column + 11] = digit // 12
    binary = (np.arange(4096)[:, None] >> np.arange(12)) & 1
    for source in (np.unique(one_hot, axis=0), binary, np.arange(4096.0)[:, None]):
        inside = BAGS.of_rows(source)
        pairs = np.unique(np.packbits(~inside, axis=1), axis=0, return_counts=True)[1]
        assert len(pairs) == 120  # of members that leave a row out
        expected = len(source) / 120
        assert ((pairs - expected) ** 2 / expected).sum() < 120 + 6 * np.sqrt(2 * 120)


def test_another_seed_gives_other_bags(rows):
    inside = BAGS.of_rows(rows)
    other = Bags(16, 2, 4).of_rows(rows)
    assert 0.05 < (~inside & ~other).sum() / (2 * len(rows)) < 0.2  # 1/8 by chance


def test_groups_are_told_apart_by_their_labels_alone():
    numbers = hash_groups(np.array([3, 1, 3, 2]), 4)
    assert numbers[0] == numbers[2]
    assert len(set(numbers.tolist())) == 3
    np.testing.assert_array_equal(hash_groups([3.0, 1.0, 3.0, 2.0], 4), numbers)
    np.testing.assert_array_equal(hash_groups([2, 1], 2), numbers[[3, 1]])
    words = hash_groups(["a", "b", "a", "1"], 4)
    assert words[0] == words[2]
    assert words[3] != numbers[1]
    mixed = hash_groups(np.array(["a", 1, 0.5], dtype=object), 3)
    assert (mixed[0], mixed[1]) == (words[0], numbers[1])


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([1, 2], r"shape \(2,\); expected \(3,\)"),
        (np.ones((3, 1)), "one label for"),
        ([1.0, np.nan, 2.0], "label nan"),
        ([1.0, np.inf, 2.0], "label inf"),
        (np.array(["a", None, "b"], dtype=object), "label None"),
        (np.array(["2020-01-01"] * 3, dtype="M8[D]"), "dates"),
    ],
)
def test_groups_that_cannot_be_used_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        hash_groups(groups, 3)


def test_a_row_is_left_out_by_one_member_at_least_and_never_by_all():
    assert count_left_out(7 / 8, 16) == 2
    assert count_left_out(0.999, 2) == 1
    with pytest.raises(ValueError, match="n_members=2 or more"):
        count_left_out(0.5, 1)
    with pytest.raises(ValueError, match="all of the n_members=4"):
        count_left_out(0.1, 4)
