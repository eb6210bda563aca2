"""Colours of a picture that has an ICC profile, converted to sRGB."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
# The colour space of a profile, as its header names it, and the mode of Pillow's that it describes.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
_ALPHA = {"RGBA": "RGB", "LA": "L"}
_STEPS = 9  # levels of each channel that are tried


def to_srgb(image: Image.Image) -> Image.Image:
    """`image` with its ICC profile applied: RGB or RGBA of sRGB, IEC 61966-2-1.

    The same image where it has no profile, where its profile is sRGB by another name (no colour
    changes by more than a level), and where the profile is damaged or describes another kind of
    pixels: viewers ignore that as well.
    """
    data = image.info.get("icc_profile")
    if not data:
        return image
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        return _converted(image, profile)
    except (ImageCms.PyCMSError, OSError):
        return image


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = _MODES.get(profile.profile.xcolor_space.strip())
    alpha = image.getchannel("A") if image.mode in _ALPHA else None
    plain = image.convert(_ALPHA[image.mode]) if alpha else image
    if plain.mode != mode:
        return image
    transform = ImageCms.buildTransform(profile, _SRGB, mode, "RGB")
    if mode == "RGB" and _changes_nothing(transform):
        return image
    converted = ImageCms.applyTransform(plain, transform)
    if converted is None:
        return image
    if alpha:
        converted.putalpha(alpha)
    return converted


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    levels = np.linspace(0, 255, _STEPS).round().astype(np.int16)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(_STEPS, -1, 3)
    tried = ImageCms.applyTransform(Image.fromarray(colours.astype(np.uint8)), transform)
    return bool(np.abs(np.asarray(tried, np.int16) - colours).max() <= 1)
