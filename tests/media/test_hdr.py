"""HDR looks right on an ordinary screen, and what is not HDR is left alone."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.hdr import hlg_light, pq_light, pq_signal, rolled_off, to_bt709
from media.probe import probe
from media.video import read_frames

PQ, HLG, BT709, BT2020 = 16, 18, 1, 9
TAGS = {
    PQ: "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
    HLG: "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc",
    BT709: "colorprim=bt709:transfer=bt709:colormatrix=bt709",
}


@pytest.fixture
def write_deep(tmp_path):
    """A ten-bit HEVC film of one picture, R'G'B' (height, width, 3) as numbers 0..1."""

    def write(signal: np.ndarray, transfer: int):
        matrix = BT709 if transfer == BT709 else BT2020
        settings = f"log-level=none:range=limited:crf=2:{TAGS[transfer]}"
        with av.open(str(tmp_path / "deep.mp4"), "w") as output:
            video = output.add_stream("libx265", rate=25, options={"x265-params": settings})
            video.height, video.width = signal.shape[:2]
            video.pix_fmt = "yuv444p10le"
            deep = np.rint(signal * 65535).astype(np.uint16)
            for number in range(3):
                picture = av.VideoFrame.from_ndarray(deep, "rgb48le").reformat(
                    format="yuv444p10le", dst_colorspace=matrix
                )
                picture.pts = number
                picture.color_trc, picture.color_primaries = transfer, matrix
                output.mux(video.encode(picture))
            output.mux(video.encode(None))
        return tmp_path / "deep.mp4"

    return write


def patches(colours: list[tuple[float, float, float]]) -> np.ndarray:
    """Colours side by side, 32 pixels wide each."""
    return np.repeat(np.tile(np.array(colours), (64, 1, 1)), 32, axis=1)


def middles(frame: np.ndarray) -> np.ndarray:
    return frame[32, 16::32].astype(int)


@pytest.mark.parametrize(
    ("light", "signal"), [(0, 0.0), (100, 0.5081), (203, 0.5806), (1000, 0.7518), (10000, 1.0)]
)
def test_pq_has_the_published_values(light, signal):
    """The table of ITU-R BT.2408; 0 is not quite black in the formula of the standard."""
    assert pq_signal(np.array(light)) == pytest.approx(signal, abs=1e-4)
    assert pq_light(np.array(signal)) == pytest.approx(light, rel=2e-3, abs=1e-4)


def test_hlg_has_the_published_values():
    """On a display of 1000 cd/m2 white paper is at 75 % and 203 cd/m2 (ITU-R BT.2408)."""
    grey = np.array([0.0, 0.5, 0.75, 1.0])[:, None].repeat(3, axis=1)
    assert hlg_light(grey)[:, 0] == pytest.approx([0, 50.7, 203, 1000], rel=0.005)


@given(light=st.floats(0, 1000))
def test_highlights_are_rolled_off_and_the_dark_is_left_alone(light):
    rolled = float(rolled_off(np.array(light)))
    assert rolled <= 203 * 1.0001
    assert rolled <= light * 1.0001 + 1e-3
    if light < 60:
        assert rolled == pytest.approx(light, rel=1e-3, abs=1e-3)


def test_brighter_stays_brighter():
    rolled = rolled_off(np.linspace(0, 1000, 500))
    assert (np.diff(rolled) > 0).all()
    assert rolled[-1] == pytest.approx(203, rel=1e-3)


@pytest.mark.parametrize("signal", ["pq", "hlg", "wide"])
def test_grey_stays_grey(signal):
    grey = np.linspace(0, 1, 50)[:, None].repeat(3, axis=1)
    mapped = to_bt709(grey, signal)
    assert np.ptp(mapped, axis=1).max() < 0.001
    assert (np.diff(mapped[:, 0]) >= -1e-9).all()


@pytest.mark.parametrize(("transfer", "name"), [(PQ, "pq"), (HLG, "hlg")])
def test_an_hdr_film_is_tone_mapped(transfer, name, write_deep):
    """What comes out of the file is the formula, within what ten bits and a table cost."""
    colours = [(0, 0, 0), (0.3, 0.3, 0.3), (0.5, 0.45, 0.4), (0.58, 0.58, 0.58), (0.7, 0.5, 0.4),
               (0.4, 0.5, 0.6), (0.75, 0.75, 0.75), (0.2, 0.4, 0.3)]  # fmt: skip
    film = write_deep(patches(colours), transfer)
    assert probe(film).notes == ("hdr",)
    expected = to_bt709(np.array(colours), name) * 255
    for frame in read_frames(film):
        assert frame.dtype == np.uint8
        assert np.abs(middles(frame) - expected).max() <= 3


def test_ten_bits_that_are_not_hdr_are_only_rounded(write_deep):
    colours = [(level, level * 0.8, level * 0.5) for level in np.linspace(0, 1, 8)]
    film = write_deep(patches(colours), BT709)
    assert probe(film).notes == ()
    assert np.abs(middles(next(read_frames(film))) - np.array(colours) * 255).max() <= 1.5
