"""The measure of closed lips."""

import numpy as np

from benchmarks.bilabials import closures
from wav2lip.training.phone_times import Phone


def test_a_bilabial_is_closed_if_a_frame_near_it_is() -> None:
    opening = np.tile([1.0, 0.8, 0.9, 1.0, 0.7], 20)
    opening[[40, 41]] = 0.0
    opening[:10] = np.nan
    phones = [Phone("b", 1.6, 1.68), Phone("p", 2.4, 2.48), Phone("ae", 1.6, 1.68)]
    found, chance = closures(opening, phones)
    assert found == [True, False]
    assert 0 < chance < 0.1
