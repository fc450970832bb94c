"""Windows are cut from the bars where a slice by hand would cut them.

Legend: `T` bars, `N` samples, `B` batch, `L` context length, `C` channels.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from finscale.model import Architecture, PatchTST
from finscale.training import Samples, make_samples, predict
from finscale.training.steps.prediction import EVALUATION_BATCH


def samples(n_bars: int, n_channels: int, context: int, positions: list[int]) -> Samples:
    values_TC = np.arange(n_bars * n_channels, dtype=np.float64).reshape(n_bars, n_channels)
    labels_T = np.where(np.arange(n_bars) % 3 == 0, 1.0, 0.0)
    return make_samples(values_TC, np.array(positions), labels_T, context)


@settings(deadline=None)
@given(st.data(), st.integers(1, 7), st.integers(1, 11), st.integers(0, 13))
def test_a_window_is_the_context_that_ends_with_its_bar(
    data: st.DataObject, n_channels: int, context: int, more: int
) -> None:
    n_bars = context + more
    positions = data.draw(st.lists(st.integers(context - 1, n_bars - 1), min_size=1, max_size=5))
    made = samples(n_bars, n_channels, context, positions)
    which_B = torch.tensor(data.draw(st.permutations(range(len(positions)))))
    x_BLC = made.windows(which_B)
    values_TC = np.arange(n_bars * n_channels, dtype=np.float32).reshape(n_bars, n_channels)
    expected = [values_TC[positions[int(i)] - context + 1 : positions[int(i)] + 1] for i in which_B]
    assert x_BLC.shape == (len(positions), context, n_channels)
    np.testing.assert_array_equal(x_BLC.numpy(), np.stack(expected))


def test_by_hand() -> None:
    made = samples(n_bars=11, n_channels=2, context=3, positions=[10, 2, 7])
    assert len(made) == 3
    assert made.windows(torch.tensor([1])).tolist() == [[[0, 1], [2, 3], [4, 5]]]
    assert made.windows(torch.tensor([0]))[0, -1].tolist() == [20, 21]
    # Bars 9 and 6 and 3 and 0 are positive; 10, 2 and 7 are not.
    assert made.labels_N.tolist() == [0.0, 0.0, 0.0]
    assert samples(11, 2, 3, [9, 2, 6]).labels_N.tolist() == [1.0, 0.0, 1.0]
    assert (made.values_TC.dtype, made.labels_N.dtype) == (torch.float32, torch.float32)


def test_a_window_cannot_begin_before_the_first_bar() -> None:
    with pytest.raises(AssertionError):
        samples(n_bars=11, n_channels=2, context=3, positions=[5, 1])


def test_samples_are_copies_of_what_they_were_made_from() -> None:
    values_TC = np.zeros((7, 2))
    values_TC.setflags(write=False)  # as pandas gives it
    made = make_samples(values_TC, np.array([4, 6]), np.zeros(7), 3)
    made.values_TC[0, 0] = 1.0
    assert values_TC[0, 0] == 0.0
    moved = made.to(torch.device("cpu"))
    assert torch.equal(moved.windows(torch.tensor([1])), made.windows(torch.tensor([1])))
    assert (len(moved), moved.context_length) == (2, 3)


def test_predictions_keep_the_order_of_samples_and_know_no_dropout() -> None:
    torch.manual_seed(3)
    arch = Architecture(
        n_channels=3,
        d_model=6,
        n_layers=1,
        n_heads=2,
        d_ff=5,
        context_length=7,
        patch_length=3,
        patch_stride=2,
        n_outputs=2,
        dropout=0.5,
    )
    model = PatchTST(arch).train()
    n = EVALUATION_BATCH + 11
    values_TC = np.random.default_rng(5).normal(size=(n + 6, 3))
    positions_N = np.random.default_rng(7).permutation(np.arange(6, n + 6))
    made = make_samples(values_TC, positions_N, np.zeros(n + 6), 7)
    outputs_NK = predict(model, made)
    assert outputs_NK.shape == (n, 2)
    for sample in (0, 3, EVALUATION_BATCH - 1, EVALUATION_BATCH, n - 1):
        end = positions_N[sample]
        x_BLC = torch.tensor(values_TC[None, end - 6 : end + 1], dtype=torch.float32)
        expected = model.eval()(x_BLC)[0]
        torch.testing.assert_close(outputs_NK[sample], expected, rtol=1e-4, atol=1e-5)
