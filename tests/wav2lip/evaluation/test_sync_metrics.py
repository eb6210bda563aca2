"""What follows from how far mouths are from voices."""

import numpy as np
import pytest

from wav2lip.evaluation import sync_metrics
from wav2lip.evaluation.sync_metrics import LAGS, VSHIFT, WINDOWS_AVERAGED


@pytest.fixture
def voices() -> np.ndarray:
    """Embeddings of sixty windows, (60, 8), of length 1."""
    found = np.random.default_rng(0).normal(size=(60, 8))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def noisy(embeddings: np.ndarray, noise: float) -> np.ndarray:
    return embeddings + np.random.default_rng(1).normal(0, noise, embeddings.shape)


def test_in_sync_the_distance_is_least_at_once(voices: np.ndarray) -> None:
    distances = sync_metrics.lagged_distances(voices, voices)
    assert distances.shape == (60, 31)
    assert not distances[:, VSHIFT].any()
    least, confidence = sync_metrics.lse(distances)
    assert least == 0
    assert confidence == pytest.approx(np.median(np.nanmean(distances, axis=0)))


@pytest.mark.parametrize("late", [-7, 4])
def test_a_voice_that_is_late_is_found_so_late(voices: np.ndarray, late: int) -> None:
    mouths = np.roll(voices, -late, axis=0)
    by_lag = np.nanmean(sync_metrics.lagged_distances(mouths, voices), axis=0)
    assert LAGS[by_lag.argmin()] == late


def test_a_voice_that_does_not_belong_has_no_confidence(voices: np.ndarray) -> None:
    other = np.random.default_rng(2).permutation(voices)
    _, confidence = sync_metrics.lse(sync_metrics.lagged_distances(voices, other))
    _, true = sync_metrics.lse(sync_metrics.lagged_distances(voices, voices))
    assert confidence < 0.25 * true


def test_beyond_the_ends_nothing_is_heard(voices: np.ndarray) -> None:
    distances = sync_metrics.lagged_distances(voices, voices)
    assert np.isnan(distances[0, :VSHIFT]).all()
    assert np.isnan(distances[-1, VSHIFT + 1 :]).all()
    published = sync_metrics.lagged_distances(voices, voices, padded=True)
    assert published[0, :VSHIFT] == pytest.approx(1)  # to the origin


def test_a_clip_shorter_than_the_lags_is_judged_by_those_there_are(voices: np.ndarray) -> None:
    least, confidence = sync_metrics.lse(sync_metrics.lagged_distances(voices[:9], voices[:9]))
    assert least == 0
    assert confidence > 0.5


def test_an_expert_that_knows_is_right_and_one_that_guesses_is_half_right(
    voices: np.ndarray,
) -> None:
    knows = sync_metrics.lagged_distances(noisy(voices, 0.02), voices)
    guesses = np.random.default_rng(3).uniform(size=knows.shape)
    for run in WINDOWS_AVERAGED:
        for measured, right in ((knows, 1.0), (guesses, 0.5)):
            threshold = sync_metrics.best_threshold([measured], run)
            accuracy = sync_metrics.balanced_accuracy(
                sync_metrics.decision_counts(measured, run, threshold)
            )
            assert accuracy == pytest.approx(right, abs=0.12)


def test_more_windows_in_a_row_tell_more(voices: np.ndarray) -> None:
    measured = sync_metrics.lagged_distances(noisy(voices, 0.6), voices)
    accuracies = [
        sync_metrics.balanced_accuracy(
            sync_metrics.decision_counts(
                measured, run, sync_metrics.best_threshold([measured], run)
            )
        )
        for run in WINDOWS_AVERAGED
    ]
    assert accuracies[0] + 0.05 < accuracies[-1]


def test_nobody_is_judged_by_a_threshold_of_their_own(voices: np.ndarray) -> None:
    near = sync_metrics.lagged_distances(noisy(voices, 0.1), voices)
    far = near + 10
    found = sync_metrics.held_out_thresholds(["anna", "anna", "berta"], [near, near, far], 1)
    assert found[0] == found[1] == sync_metrics.best_threshold([far], 1)
    assert found[2] == sync_metrics.best_threshold([near, near], 1)


def test_all_in_sync_is_half_right_as_off_sync_counts_alike(voices: np.ndarray) -> None:
    measured = sync_metrics.lagged_distances(voices, voices)
    assert sync_metrics.balanced_accuracy(sync_metrics.decision_counts(measured, 1, np.inf)) == 0.5
