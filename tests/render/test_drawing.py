from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest

from agent.core.detections import FACE, PERSON, Detections
from agent.core.event import CameraBlind, LineCrossed, ZoneLeft, ZoneVacated
from agent.core.geometry import Line, Zone
from agent.core.track import Track
from agent.device.recording import open_recording, read_picture
from agent.errors import AgentError
from agent.render.blur_grid import Grid
from agent.render.drawing import (
    Caption,
    Captions,
    Plan,
    drawn_detections,
    drawn_step,
    event_text,
    video_writer,
    write_picture,
)
from tests.builders import make_at, make_detections
from tests.samples import BLIND_CAUSES
from tests.vision.opencv import overlap

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.core.event import Event
    from agent.core.visibility import BlindCause

    Picture = NDArray[np.uint8]
    Box = tuple[float, float, float, float]

GATE = Line("gate", (60, 10), (60, 90), inside=(90, 50))
STAFF = Zone("staff", ((100, 10), (150, 10), (150, 90), (100, 90)), 1.0)
# As of the portrait: the whole woman, and her face.
WOMAN: Box = (11, 20, 369, 507)
HER_FACE: Box = (179, 63, 270, 174)


def track(box: Box, track_id: str = "t1") -> Track:
    return Track(track_id, box, (box[0], box[3]), 0.77, 0.0, 1.0)


def blurred(image: Picture, *boxes: Box) -> Picture:
    """The picture drawn with nothing but these persons."""
    return drawn_detections(image, make_detections(*boxes), Plan())


def within(image: Picture, box: Box, margin: int = 4) -> Picture:
    """What is inside a box, without the frame that is drawn around it."""
    left, top, right, bottom = map(int, box)
    return image[top + margin : bottom - margin, left + margin : right - margin]


def checkerboard(size: int, side: int) -> Picture:
    cells = np.indices((size, size)).sum(axis=0) // side % 2
    return np.repeat((255 * cells).astype(np.uint8)[:, :, None], 3, axis=2)


def finds_her_face(weights: Path, image: Picture) -> bool:
    """Whether a network that is made to find faces finds hers, where it was."""
    path = str(weights / "face_detection_yunet_2023mar.onnx")
    height, width = image.shape[:2]
    # Without a face there is no array at all, though OpenCV's types promise one.
    rows: Any = cv2.FaceDetectorYN.create(path, "", (width, height), 0.3).detect(image)[1]
    boxes = [] if rows is None else [[x, y, x + w, y + h] for x, y, w, h, *_ in rows.tolist()]
    return any(overlap(box, HER_FACE) > 0.3 for box in boxes)


def test_blur_of_a_person_leaves_no_face(weights: Path, astronaut: Path) -> None:
    image = read_picture(astronaut)
    assert finds_her_face(weights, image)
    assert not finds_her_face(weights, blurred(image, WOMAN))
    assert not finds_her_face(weights, drawn_step(image, None, [track(WOMAN)], Caption(), Plan()))


def test_blur_of_a_face_leaves_no_face(weights: Path, astronaut: Path) -> None:
    lone = make_detections(HER_FACE, class_id=FACE)
    assert not finds_her_face(weights, drawn_detections(read_picture(astronaut), lone, Plan()))


@pytest.mark.parametrize("box", [WOMAN, HER_FACE, (200, 80, 216, 120)], ids=["person", "face", "far"])
def test_blur_takes_the_detail_away(astronaut: Path, box: Box) -> None:
    image = read_picture(astronaut)
    original, left = within(image, box), within(blurred(image, box), box)
    assert not np.array_equal(original, left)
    # At most 6 by 12 means are kept: told from as many numbers, the rest is plain shading.
    assert detail(left) < 0.2 * detail(original)


def detail(image: Picture) -> float:
    """How much neighbouring px differ, where it is most."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(float)
    return float(np.percentile(np.abs(np.diff(grey, axis=1)), 98))


@pytest.mark.parametrize("side", [1, 2, 3])
def test_blur_of_a_pattern_is_grey(side: int) -> None:
    # What is finer than a block leaves its mean and nothing else.
    image = checkerboard(240, side)
    left = within(blurred(image, (20, 20, 220, 220)), (20, 20, 220, 220))
    assert np.abs(left.astype(int) - 127).max() <= 12


def test_blur_cannot_be_computed_back() -> None:
    # Two persons who differ in every px but not in their means give nearly the same drawing.
    image, box = checkerboard(240, 2), (20, 20, 220, 220)
    inverse = 255 - image
    assert np.abs(image.astype(int) - inverse).min() == 255
    differing = within(blurred(image, box), box).astype(int) - within(blurred(inverse, box), box)
    assert np.abs(differing).max() <= 20


@pytest.mark.parametrize(
    "box",
    # Tiny, flat, thin, over each edge of the picture, all of it, outside of it, without an area.
    [
        (50, 50, 53, 58),
        (50, 50, 120, 51),
        (50, 20, 51, 80),
        (-20, -20, 30, 40),
        (130, 60, 400, 300),
        (-500, -500, 900, 900),
        (0, 0, 160, 100),
        (-50, -50, -10, -10),
        (200, 200, 300, 300),
        (50, 50, 50, 50),
        (10.6, 10.4, 40.5, 90.9),
    ],
)
def test_blur_of_any_box(box: Box) -> None:
    image = np.random.default_rng(7).integers(0, 256, (100, 160, 3), dtype=np.uint8)
    before = image.copy()
    drawn = blurred(image, box)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(image, before)
    # Each px that the box touches is another one.
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = int(np.ceil(box[2])), int(np.ceil(box[3]))
    inside = drawn[top : max(0, bottom), left : max(0, right)]
    same = (inside == image[top : max(0, bottom), left : max(0, right)]).all(axis=2)
    assert not same.size or same.mean() < 0.05


@pytest.mark.parametrize("box", [WOMAN, (200, 80, 216, 120)], ids=["person", "far"])
def test_blur_has_a_rim(astronaut: Path, box: Box) -> None:
    # Between two looks people move, and boxes are some px off: a tenth on each side at least.
    image = read_picture(astronaut)
    wide, high = box[2] - box[0], box[3] - box[1]
    left, top, right, bottom = box[0] - wide / 10, box[1] - high / 10, box[2] + wide / 10, box[3] + high / 10
    rows, columns = np.mgrid[0:512, 0:512]
    around = (columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)
    rim = around & ~(
        (columns >= box[0] - 3) & (columns < box[2] + 3) & (rows >= box[1] - 3) & (rows < box[3] + 3)
    )
    noise = np.random.default_rng(5).integers(0, 256, image.shape, dtype=np.uint8)
    for drawn in (
        blurred(noise, box),
        drawn_detections(noise, Detections.empty(), Plan(), unsure=[make_detections(box, confidence=0.1)]),
        drawn_step(noise, None, [track(box, "")], Caption(), Plan()),
    ):
        # Of noise a blur leaves hardly a px as it was.
        same = (drawn == noise).all(axis=2)[rim]
        assert len(same) == 0 or same.mean() < 0.05


def test_blur_of_the_unsure_and_of_levels() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    box = (40, 30, 80, 100)
    for class_id in (PERSON, FACE):
        unsure = make_detections(box, confidence=0.1, class_id=class_id)
        drawn = drawn_detections(noise, Detections.empty(), Plan(), unsure=[unsure])
        assert (within(drawn, box) == within(noise, box)).all(axis=2).mean() < 0.02
    grid = Grid.of((160, 120))
    levels = grid.nothing()
    levels[:, : grid.shape[1] // 2] = 2
    drawn = drawn_step(noise, levels, [], Caption(), Plan())
    same = (drawn == noise).all(axis=2)
    assert same[:, 80:].all()
    assert same[:, :80].mean() < 0.02


def test_blur_also_of_lone_faces() -> None:
    image = checkerboard(200, 1)
    drawn = drawn_detections(image, make_detections((50, 50, 90, 100), class_id=FACE), Plan())
    assert np.abs(within(drawn, (50, 50, 90, 100)).astype(int) - 127).max() <= 12


def test_drawn_detections() -> None:
    image = np.full((200, 320, 3), 77, np.uint8)
    both = Detections.joined([
        make_detections((20, 30, 50, 90), class_id=PERSON),
        make_detections((210, 120, 230, 140), class_id=FACE),
    ])  # fmt: skip
    drawn = drawn_detections(image, both, Plan([GATE], [STAFF]))
    assert (image == 77).all()
    person, face = drawn[60, 20], drawn[130, 210]
    # Green for a person, purple for a face; the line and the zone in colours of their own.
    assert person.argmax() == 1
    assert face.argmin() == 1
    colors = {
        tuple(person.tolist()),
        tuple(face.tolist()),
        tuple(drawn[80, 60].tolist()),
        tuple(drawn[80, 100].tolist()),
    }
    assert len(colors) == 4
    # What is far from all of it stays.
    assert (drawn[95:170, 5:15] == 77).all()


GREY = np.full((100, 160, 3), 77, np.uint8)


def test_drawn_step() -> None:
    drawn = drawn_step(
        GREY, None, [track((20, 30, 50, 90))], Caption(sentences=["somebody came"]), Plan([GATE], [STAFF])
    )
    assert (GREY == 77).all()
    assert drawn[60, 20].argmax() == 1
    # The sentence is written at the top left.
    assert (drawn[2:20, 6:60] > 200).any()


def changed(*captions: Caption) -> NDArray[np.bool_]:
    """Which px differ between two captions over the same picture of a gate and a zone."""
    first, second = (drawn_step(GREY, None, [], caption, Plan([GATE], [STAFF])) for caption in captions)
    differs: NDArray[np.bool_] = (first != second).any(axis=2)
    return differs


def test_drawn_clock() -> None:
    differs = changed(Caption(), Caption("07:00:01"))
    assert differs[74:, 90:].any()
    assert not differs[:74].any()


def test_drawn_states() -> None:
    bare, told = (
        drawn_step(GREY, None, [], Caption(states=states), Plan([GATE])) for states in ({}, {"gate": "3"})
    )
    # Behind the id, and nowhere else.
    rows, columns = (bare != told).any(axis=2).nonzero()
    assert rows.min() > 20
    assert rows.max() < 55
    assert columns.min() > 68


def test_drawn_names_stay_in_the_picture() -> None:
    edge = Line("gate", (180.0, 10.0), (180.0, 70.0), (150.0, 40.0))
    blank = np.zeros((80, 200, 3), np.uint8)
    bare, named = (
        drawn_step(blank, None, (), Caption(states=states), Plan([edge]))
        for states in ({}, {"gate": "in 3 out 4"})
    )
    columns = (bare != named).any(axis=(0, 2)).nonzero()[0]
    # There is no room on the right of the line, so it is written over it and to its left.
    assert columns.min() < 140
    assert columns.max() > 180


@pytest.mark.parametrize(
    ("lit", "inside", "beside"),
    # A zone is filled and has a thicker edge, a line is thicker.
    [("staff", (60, 125), (50, 102)), ("gate", (80, 60), (80, 63))],
)
def test_drawn_news(lit: str, inside: tuple[int, int], beside: tuple[int, int]) -> None:
    differs = changed(Caption(), Caption(lit=[lit]))
    assert differs[beside]
    assert differs[inside] == (lit == "staff")
    other = changed(Caption(), Caption(lit=["staff" if lit == "gate" else "gate"]))
    assert not (differs & other).any()


def test_drawn_news_leaves_who_is_blurred_blurred(weights: Path, astronaut: Path) -> None:
    image = read_picture(astronaut)
    everything = Zone("all", ((0, 0), (512, 0), (512, 512), (0, 512)), 1.0)
    drawn = drawn_step(image, None, [track(WOMAN)], Caption("07:00", lit=["all"]), Plan(zones=[everything]))
    assert not finds_her_face(weights, drawn)
    assert detail(within(drawn, WOMAN)) < 0.2 * detail(within(image, WOMAN))


@pytest.mark.parametrize("cause", BLIND_CAUSES)
def test_drawn_blind(cause: BlindCause) -> None:
    # Of no colour that letters on red could have.
    image = np.full((100, 320, 3), (10, 250, 99), np.uint8)
    sees = drawn_step(image, None, [], Caption(), Plan())
    blind = drawn_step(image, None, [], Caption(), Plan(), blind=cause)
    np.testing.assert_array_equal(blind[:70], sees[:70])
    # A red band with words in it.
    assert (blind[-26:] != image[-26:]).any(axis=2).all()
    assert blind[-1, -1].argmax() == 2
    assert (blind[-22:, 6:120] > 200).all(axis=2).any()
    other = drawn_step(image, None, [], Caption(), Plan(), blind="lost" if cause != "lost" else "dark")
    assert not np.array_equal(blind, other)


def test_drawn_nothing() -> None:
    image = np.random.default_rng(7).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(drawn_step(image, None, [], Caption(), Plan()), image)
    np.testing.assert_array_equal(drawn_detections(image, Detections.empty(), Plan()), image)


HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
AT = make_at(61.5)


def crossed(seconds: float, rule: str = "gate") -> LineCrossed:
    return LineCrossed(rule=rule, at=make_at(seconds), direction="in", track="t1", confidence=0.9)


@pytest.mark.parametrize(
    ("event", "english", "vietnamese"),
    [
        (crossed(61.5), "07:01:01 somebody came in over gate", "07:01:01 có người đi vào qua gate"),
        (
            ZoneLeft(rule="staff", at=AT, since=AT, count=0, track="t1", dwell_s=13.2, why="seen"),
            "07:01:01 somebody left staff after 13 s, now 0",
            "07:01:01 có người rời staff sau 13 giây, hiện còn 0",
        ),
        (
            ZoneVacated(rule="staff", at=AT, since=AT, occupied_s=1.0, why="blind"),
            "07:01:01 lost sight of staff, occupied for 1 s",
            "07:01:01 không còn quan sát được staff, đã có người trong 1 giây",
        ),
        (
            CameraBlind(rule="camera", at=AT, cause="covered", since=AT),
            "07:01:01 the camera is covered",
            "07:01:01 camera bị che",
        ),
    ],
)
def test_told(monkeypatch: pytest.MonkeyPatch, event: Event, english: str, vietnamese: str) -> None:
    for locale, expected in (("en_GB.UTF-8", english), ("vi_VN.UTF-8", vietnamese)):
        monkeypatch.setenv("LC_ALL", locale)
        assert event_text(event, HANOI) == expected


def test_captions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    captions = Captions(HANOI)
    states = {"gate": "in 1 out 0"}
    first = captions.of(make_at(0.0), [crossed(0.0)], states)
    assert first == Caption(
        "2026-01-05 07:00:00", ["07:00:00 somebody came in over gate"], ["gate"], {"gate": "in 1 out 0"}
    )
    # Lit for a second, written for some, and then forgotten.
    for seconds, sentences, lit in ((0.9, 1, 1), (1.0, 1, 0), (5.9, 1, 0), (6.0, 0, 0)):
        caption = captions.of(make_at(seconds), [], {})
        assert (len(caption.sentences), len(caption.lit)) == (sentences, lit)


def test_captions_of_a_crowd() -> None:
    captions = Captions(HANOI)
    caption = captions.of(make_at(0), [crossed(i, f"gate{i}") for i in range(40)], {})
    # The newest of them.
    assert [text[-6:] for text in caption.sentences] == [f"gate{i}" for i in range(34, 40)]


def test_video_writer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "drawn.mp4"
    with video_writer(path, (96, 64), 12.5) as write:
        for i in range(10):
            write(np.full((64, 96, 3), 20 * i, np.uint8))
    with open_recording(path, 1.0) as recording:
        assert (recording.size_px, recording.fps) == ((96, 64), 12.5)
        greys = [image.mean() for _, image in recording.frames()]
    assert greys == pytest.approx([20 * i for i in range(10)], abs=6)
    # What every browser plays: VP9's profile 0, 8 bits, one colour for two by two px (VP codec box).
    content = path.read_bytes()
    profile, _, depth_and_chroma = content[content.index(b"vpcC") + 8 :][:3]
    assert (profile, depth_and_chroma >> 4) == (0, 8)
    assert depth_and_chroma >> 1 & 7 in {0, 1}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing/drawn.mp4", "there is no such folder; make it first."),
        ("drawn.unknown", "no video can be written there; give a writable path that ends in .mp4."),
        ("drawn", "no video can be written there; give a writable path that ends in .mp4."),
        ("folder.mp4", "no video can be written there; give a writable path that ends in .mp4."),
    ],
)
def test_video_writer_cannot_write(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, sentence: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(AgentError, match=re.escape(sentence)), video_writer(tmp_path / name, (96, 64), 10):
        pass
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.png", "deep/er/a.png", "Sân.jpg"])
def test_write_picture(tmp_path: Path, name: str) -> None:
    image = np.full((20, 30, 3), 77, np.uint8)
    write_picture(tmp_path / name, image)
    np.testing.assert_array_equal(read_picture(tmp_path / name), image)


def test_write_picture_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(AgentError, match=r"a\.png: can't be written"):
        write_picture(tmp_path / "file" / "a.png", np.zeros((2, 2, 3), np.uint8))
