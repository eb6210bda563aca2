"""How well persons are told apart in programmes cut together from talking clips, and animated.

    python -m benchmarks.persons FOLDER --fold 1 --sheets SHEETS

FOLDER holds clips and a clips.csv with the columns file, seconds and person. Each programme shows
some of the persons, one, two or four in a frame, and cuts every few seconds; then all persons that
were found in it are animated. Printed are persons found and expected, identity switches a minute,
the fraction of shown frames that are animated, and programmes that failed. A fold is one half of
the persons, the same in every run: parameters tuned on one are reported on the other.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import cv2
import numpy as np
import pandas as pd

from benchmarks.material import SAMPLE_VOICE
from face_detection.cache import DetectionCache
from face_detection.persons import Person
from face_detection.shots import cuts
from media.errors import NamedError
from media.probe import probe
from media.sound import sound_duration
from media.timeline import bounce
from media.video import read_frames, read_frames_at
from media.video_writer import VideoWriter
from rendering.detect import detect_frames
from rendering.link import link_persons
from rendering.models import detector_for, engine_for
from rendering.options import Options
from rendering.render import render_segment
from rendering.spec import RenderSpec, Source, VoiceTrack

FPS = Fraction(25)
WIDTH, HEIGHT = 640, 360
# Rows and columns of tiles in a frame, and how frequent each layout is.
LAYOUTS = [(1, 1), (1, 2), (2, 2)]
LAYOUT_WEIGHTS = [3, 3, 2]
SCENE_SECONDS = (2.0, 5.0)
SEGMENT_SECONDS = 10.0
CAST = 6
# A person counts as right if a found person has at least this fraction of the person's frames, and
# these are at least this fraction of the found person's.
RIGHT_FRACTION = 0.9

Tile = tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    start: int
    stop: int
    tiles: dict[str, Tile]  # person: left, top, width, height
    clips: dict[str, tuple[Path, int]]  # person: clip, first frame


@dataclass(frozen=True)
class Score:
    expected: int
    found: int
    right: int
    switches: int
    minutes: float
    animated: int
    shown: int
    cuts: int
    cuts_missed: int
    cuts_wrong: int
    failed: int


def plan(clips: pd.DataFrame, folder: Path, seconds: float, rng: random.Random) -> list[Scene]:
    """Scenes of a programme: persons of a cast in random layouts, each from one of their clips."""
    cast = rng.sample(sorted(clips["person"].unique()), CAST)
    scenes: list[Scene] = []
    start = 0
    while start < seconds * FPS:
        rows, columns = rng.choices(LAYOUTS, LAYOUT_WEIGHTS)[0]
        stop = start + round(rng.uniform(*SCENE_SECONDS) * FPS)
        width, height = WIDTH // columns, HEIGHT // rows
        places = [
            (c * width, r * height, width, height) for r in range(rows) for c in range(columns)
        ]
        shown = rng.sample(cast, len(places))
        if scenes and set(shown) == set(scenes[-1].tiles):
            continue
        taken = {}
        for person in shown:
            clip = (
                clips[clips["person"] == person].sample(random_state=rng.randrange(2**31)).iloc[0]
            )
            spare = max(int(clip["seconds"] * FPS) - (stop - start), 0)
            taken[person] = (folder / clip["file"], rng.randint(0, spare))
        scenes.append(Scene(start, stop, dict(zip(shown, places, strict=True)), taken))
        start = stop
    return scenes


def frames_of(scene: Scene) -> Iterator[np.ndarray]:
    """The scene's frames; a clip that is too short runs there and back."""
    shots = {}
    for person, (clip, first) in scene.clips.items():
        frames = list(read_frames(clip, first, first + scene.stop - scene.start, FPS))
        _, _, width, height = scene.tiles[person]
        shots[person] = [fitted(frame, width, height) for frame in frames]
    for at in range(scene.stop - scene.start):
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for person, (x, y, width, height) in scene.tiles.items():
            frames = shots[person]
            picture[y : y + height, x : x + width] = frames[bounce(at, len(frames))]
        yield picture


def fitted(frame: np.ndarray, width: int, height: int) -> np.ndarray:
    """The whole of `frame`, as large as the tile allows, on black."""
    scale = min(width / frame.shape[1], height / frame.shape[0])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    tile = np.zeros((height, width, 3), np.uint8)
    tile[y : y + size[1], x : x + size[0]] = cv2.resize(frame, size, interpolation=how)
    return tile


def watch(source: Source, detector: str) -> tuple[list[Person], list[int]]:
    """Who is in a programme, and the cuts, found as a job finds them."""
    with TemporaryDirectory() as kept:
        cache = DetectionCache(kept)
        searching = detector_for(source, detector)
        seen = detect_frames(source, source.frames, searching, cache, SEGMENT_SECONDS)
    return link_persons(source, seen), cuts(seen.signatures, source.fps)


def fails(source: Source, persons: list[Person], made: Path) -> bool:
    """Whether the programme cannot be made anew with all of them speaking."""
    voices = [
        VoiceTrack(SAMPLE_VOICE, person.id, sound_duration(SAMPLE_VOICE)) for person in persons
    ]
    spec = RenderSpec(source, tuple(voices), tuple(persons))
    render_segment(spec, 0, spec.frames, made, engine_for(source))
    return probe(made).frames != source.frames


def person_in_tile(persons: list[Person], frame: int, tile: Tile) -> int | None:
    """The id of the person whose box is centred in a tile, if any."""
    x, y, width, height = tile
    for person in persons:
        if box := person.box_at(frame):
            middle = (box[0] + box[2]) / 2 - x, (box[1] + box[3]) / 2 - y
            if 0 <= middle[0] < width and 0 <= middle[1] < height:
                return person.id
    return None


def score(scenes: list[Scene], persons: list[Person], found: list[int], failed: bool) -> Score:
    seen: dict[str, list[int]] = {}
    shown = 0
    for scene in scenes:
        for name, tile in scene.tiles.items():
            numbers = [
                person_in_tile(persons, frame, tile) for frame in range(scene.start, scene.stop)
            ]
            seen.setdefault(name, []).extend(n for n in numbers if n is not None)
            shown += len(numbers)
    switches = sum(a != b for n in seen.values() for a, b in pairwise(n))
    of_person = Counter(number for numbers in seen.values() for number in numbers)
    right = 0
    for met in seen.values():
        for number, count in Counter(met).most_common(1):
            right += count >= RIGHT_FRACTION * max(len(met), of_person[number])
    true_cuts = {scene.start for scene in scenes[1:]}
    return Score(
        len(seen),
        len(persons),
        right,
        switches,
        float(scenes[-1].stop / FPS / 60),
        sum(map(len, seen.values())),
        shown,
        len(true_cuts),
        len(true_cuts - set(found)),
        len(set(found) - true_cuts),
        failed,
    )


def contact_sheet(path: Path, persons: list[Person], columns: int = 12) -> np.ndarray:
    """A row for each person: the best frame, then frames spread over all in which they appear."""
    rows = []
    for person in persons:
        spread = np.linspace(0, len(person.frames) - 1, columns - 1).round().astype(int)
        frames = [person.best_frame, *person.frames[spread].tolist()]
        row = []
        for at, frame in zip(frames, read_frames_at(path, frames, FPS), strict=True):
            x1, y1, x2, y2 = (round(side) for side in person.box_at(at) or (0, 0, 1, 1))
            row.append(cv2.resize(frame[max(y1, 0) : y2, max(x1, 0) : x2], (72, 88)))
        strip = np.hstack(row)
        label = f"{person.id}  {person.seconds:.0f}s"
        cv2.putText(strip, label, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0))
        rows.append(strip)
    return np.vstack(rows)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--programmes", type=int, default=4)
    options.add_argument("--seconds", type=float, default=45)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--fold", type=int, choices=[0, 1], help="only this half of the persons")
    options.add_argument("--detector", choices=["s3fd", "centerface"], default="")
    options.add_argument("--sheets", type=Path, help="where to write contact sheets")
    chosen = options.parse_args()
    clips = pd.read_csv(chosen.folder / "clips.csv", dtype={"person": str})
    clips = clips[clips["seconds"] >= 1]
    if chosen.fold is not None:
        clips = clips[clips["person"].map(lambda name: crc32(name.encode()) % 2) == chosen.fold]
    rng = random.Random(chosen.seed)
    total = []
    print(
        "programme  found/expected  right  switches/min  animated  cuts missed/wrong/all  failed  s"
    )
    for number in range(chosen.programmes):
        began = time.monotonic()
        scenes = plan(clips, chosen.folder, chosen.seconds, rng)
        with TemporaryDirectory() as scratch:
            path = Path(scratch) / "programme.mp4"
            with VideoWriter(path, WIDTH, HEIGHT, FPS) as writer:
                for scene in scenes:
                    for frame in frames_of(scene):
                        writer.write(frame)
            source = Source(path, probe(path), Options(sync_mode="silence"))
            try:
                persons, found = watch(source, chosen.detector)
                failed = fails(source, persons, path.with_name("made.mp4"))
            except NamedError as error:
                print(error)
                persons, found, failed = [], [], True
            if chosen.sheets and persons:
                chosen.sheets.mkdir(parents=True, exist_ok=True)
                sheet = cv2.cvtColor(contact_sheet(path, persons), cv2.COLOR_RGB2BGR)
                cv2.imwrite(str(chosen.sheets / f"programme-{number}.jpg"), sheet)
        total.append(score(scenes, persons, found, failed))
        show(str(number), total[-1:], time.monotonic() - began)
        print("  cast:", ", ".join(sorted({name for scene in scenes for name in scene.tiles})))
    show("all", total, 0)


def show(name: str, scores: list[Score], seconds: float) -> None:
    table = pd.DataFrame(scores).sum()
    print(
        f"{name:>9}  {table.found:.0f}/{table.expected:.0f}  {table.right / table.expected:.1%}  "
        f"{table.switches / table.minutes:.2f}  {table.animated / table.shown:.1%}  "
        f"{table.cuts_missed:.0f}/{table.cuts_wrong:.0f}/{table.cuts:.0f}  "
        f"{table.failed:.0f}  {seconds:.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
