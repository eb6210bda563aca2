import pytest
from werkzeug.datastructures import Headers
from werkzeug.http import parse_options_header

from app.files import disposition, result_name


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("holiday.mov", "holiday-talking.mp4"),
        ("Grandma's 80th (final).jpeg", "Grandma s 80th (final)-talking.mp4"),
        ("../../etc/passwd", "passwd-talking.mp4"),
        ("C:\\temp\\me.png", "me-talking.mp4"),
        ('a"b\r\nSet-Cookie: x=1.png', "a b Set-Cookie x 1-talking.mp4"),
        ("Zoë 王.jpg", "Zoë 王-talking.mp4"),
        ("", "video-talking.mp4"),
        ("...", "video-talking.mp4"),
        ("x" * 300 + ".png", "x" * 80 + "-talking.mp4"),
        ("holiday-talking.mp4", "holiday-talking-2.mp4"),
        ("holiday-talking-2.mp4", "holiday-talking-3.mp4"),
        ("-talking.mp4", "-talking-talking.mp4"),
    ],
)
def test_a_result_is_named_after_its_source(source: str, result: str) -> None:
    assert result_name(source) == result


def test_a_result_with_a_name_is_saved_under_it() -> None:
    assert result_name("holiday.mov", "Grandma: hello") == "Grandma hello.mp4"
    assert result_name("holiday.mov", "hello.mp4") == "hello.mp4"
    assert disposition("holiday.mov", "王")["filename"] == "video-talking.mp4"


@pytest.mark.parametrize("source", ["Zoë 王.jpg", "王.jpg", 'a"b;c\r\n.jpg', "\u202e evil.jpg"])
def test_any_name_fits_into_a_header(source: str) -> None:
    headers = Headers()
    headers.set("Content-Disposition", "attachment", **disposition(source))
    line = headers["Content-Disposition"]
    assert line.isascii()
    assert parse_options_header(line)[1]["filename"].endswith("-talking.mp4")


def test_old_programs_get_a_plain_name_beside_the_real_one() -> None:
    assert disposition("Zoë.jpg") == {
        "filename": "Zoe-talking.mp4",
        "filename*": "UTF-8''Zo%C3%AB-talking.mp4",
    }
    assert disposition("王.jpg")["filename"] == "video-talking.mp4"
