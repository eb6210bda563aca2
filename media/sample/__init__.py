"""A voice of our own to try things with: 5 s of speech, MP3, 24 kHz mono."""

from pathlib import Path

VOICE = Path(__file__).with_name("voice.mp3")
