"""What is measured against draws the same pictures as what is measured."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from skimage.data import astronaut

from benchmarks import material, reference
from face_detection.centerface import CenterFaceDetector
from face_detection.detection import iou
from media.sound import read_sound
from media.video import read_frames
from wav2lip.audio import mel_spectrogram
from wav2lip.inference import fastest
from wav2lip.networks import Wav2Lip
from wav2lip.wav2lip_engine import Wav2LipEngine

BOX = (170.0, 70.0, 280.0, 195.0)


def test_it_hears_what_the_engine_hears(short_voice: Path) -> None:
    mel = mel_spectrogram(read_sound(short_voice, 16_000))
    torch.manual_seed(0)
    engine = Wav2LipEngine(fastest(Wav2Lip().eval(), "cpu", "fp32"))
    windows = reference.mel_windows(short_voice)
    assert len(windows) == 15
    np.testing.assert_allclose(windows, engine.drive(mel, 0, 15, Fraction(25)), atol=1e-3)


def test_it_draws_what_the_engine_draws() -> None:
    torch.manual_seed(0)
    network = Wav2Lip().eval()
    windows = np.random.default_rng(0).uniform(-4, 4, (3, 80, 16)).astype(np.float32)
    frames = [astronaut()] * 3
    plain = np.array(reference.render(frames, [BOX] * 3, windows, network), int)
    engine = Wav2LipEngine(fastest(network, "cpu", "fp32"))
    ours = np.array(engine.render(frames, np.tile(BOX, (3, 1)), windows, blend=False))
    assert (plain != astronaut()).any()
    assert np.abs(plain - ours).max() <= 1


def test_the_face_is_where_the_material_says() -> None:
    frames = list(material.film_frames(480, 360, 30))
    for at in (0, 29):
        [faces] = CenterFaceDetector().detect([frames[at]])
        assert iou(faces[0].box, material.face_box(at, 480, 360)) > 0.8


def test_a_film_is_made_and_read(tmp_path: Path) -> None:
    film = material.film(tmp_path / "film.mp4", 320, 240, 4)
    assert [frame.shape for frame in read_frames(film)] == [(240, 320, 3)] * 4
    voice = material.voice(tmp_path / "voice.wav", 1.5)
    assert len(read_sound(voice, 16_000)) == 24_000
