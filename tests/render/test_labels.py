"""Labels of a picture never cover each other, and stay in it."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from agent.core.detections import FACE, PERSON, Detections
from agent.core.geometry import Line, Zone
from agent.core.track import Track
from agent.render import drawing
from agent.render.drawing import Caption, DrawnCounter, Plan, drawn_detections, drawn_step
from agent.render.labels import Labels
from tests.builders import make_detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.core.visibility import BlindCause

    Picture = NDArray[np.uint8]
    Color = tuple[int, int, int]

SIZE = 640, 360


def blank() -> Picture:
    return np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)


def color_of(n: int) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(n / 24 % 1, 1, 1)
    return round(255 * blue), round(255 * green), round(255 * red)


def inked(canvas: Picture) -> NDArray[np.bool_]:
    """Which px were written on."""
    found: NDArray[np.bool_] = (canvas != 128).any(axis=2)
    return found


@pytest.mark.parametrize("at", [(300, 180), (-50, -50), (635, 355), (630, 2), (0, 400)])
def test_labels_at_one_place(at: tuple[float, float]) -> None:
    canvas = blank()
    labels = Labels(canvas)
    total = 0
    for n, text in enumerate(
        ["gate: vào 3 ra 4", "Ộ Ợ Ữ", "t1", "t12", "quầy: có người trực", "ggyy", "t1"] * 3
    ):
        before = canvas.copy()
        assert labels.write(text, at, color_of(n))
        # Whatever is written now leaves all that was written before as it was.
        new = (before != canvas).any(axis=2)
        assert new.any()
        assert not (new & inked(before)).any()
        # All of it is in the picture.
        alone = np.full((200, 900, 3), 128, np.uint8)
        Labels(alone).size_px = labels.size_px
        other = Labels(alone)
        other.size_px = labels.size_px
        other.write(text, (400, 100), color_of(n))
        assert new.sum() == pytest.approx(inked(alone).sum(), rel=0.02)
        total += int(new.sum())
    assert inked(canvas).sum() == total


def test_labels_without_room() -> None:
    canvas = np.full((40, 80, 3), 128, np.uint8)
    labels = Labels(canvas)
    written = [labels.write(f"t{n}", (10, 20), (255, 255, 255), needed=False) for n in range(30)]
    assert written[0]
    assert not written[-1]
    # What is too long is cut.
    wide = np.full((40, 80, 3), 128, np.uint8)
    assert Labels(wide).write("somebody came in over the gate", (0, 20), (255, 255, 255))
    assert not inked(wide)[:, -2:].any()


def test_labels_keep_free() -> None:
    canvas = blank()
    labels = Labels(canvas)
    labels.keep_free(0, 300, 640, 360)
    labels.write("07:00:01", (500, 350), (255, 255, 255))
    assert not inked(canvas)[300:].any()
    assert inked(canvas)[240:300].any()


class Noting(Labels):
    """Labels that tell what was written where."""

    made: Noting

    def __init__(self, canvas: Picture) -> None:
        super().__init__(canvas)
        self.texts: list[str] = []
        Noting.made = self

    def write(self, text: str, at: tuple[float, float], color: Color, *, needed: bool = True) -> bool:
        written = super().write(text, at, color, needed=needed)
        if written:
            self.texts.append(text)
        return written


def everything() -> tuple[list[Track], Caption, Plan]:
    """People, rules, masks, a counter, news and a clock, all in one corner."""
    tracks = [Track(f"t{n}", (20, 30, 80, 200), (50, 200), 0.8, 0, 1) for n in range(1, 6)]
    caption = Caption(
        "2026-01-05 07:00:00",
        [f"07:00:0{n} có người vào sân, hiện có {n}" for n in range(6)],
        states={"gate": "in 3 out 4", "yard": "2", "road": "0", "desk": "attended"},
    )
    corner = ((5.0, 5.0), (90.0, 5.0), (90.0, 210.0), (5.0, 210.0))
    plan = Plan(
        [Line("gate", (10, 10), (80, 10), (40, 60))],
        [Zone("yard", corner, 1.0), Zone("road", corner, 1.0)],
        [corner, corner],
        [DrawnCounter("desk", "yard", "road")],
    )
    return tracks, caption, plan


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "C",
            {
                "line gate: in 3 out 4",
                "zone yard: 2",
                "zone road: 0",
                "mask 1: ignored",
                "mask 2: ignored",
                "counter desk: attended (staff)",
                "counter desk (public)",
            },
        ),
        (
            "vi_VN.UTF-8",
            {
                "vạch gate: in 3 out 4",
                "vùng yard: 2",
                "vùng road: 0",
                "vùng che 1: bỏ qua",
                "vùng che 2: bỏ qua",
                "quầy desk: attended (nhân viên)",
                "quầy desk (khách)",
            },
        ),
    ],
)
@pytest.mark.parametrize("blind", [None, "covered"])
def test_labels_of_everything_at_once(
    monkeypatch: pytest.MonkeyPatch, locale: str, words: set[str], blind: BlindCause | None
) -> None:
    monkeypatch.setattr(drawing, "Labels", Noting)
    monkeypatch.setenv("LC_ALL", locale)
    tracks, caption, plan = everything()
    drawn_step(blank(), None, tracks, caption, plan, blind=blind)
    told = Noting.made.texts
    assert {caption.clock, *caption.sentences, *words} <= set(told)
    assert {"t1", "t2", "t3", "t4", "t5"} <= set(told)
    taken = Noting.made._taken
    for n, one in enumerate(taken):
        assert 0 <= one[0] < one[2] <= SIZE[0] + 1
        for other in taken[n + 1 :]:
            apart = one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
            assert apart, (one, other)


def test_labels_of_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "Labels", Noting)
    monkeypatch.setenv("LC_ALL", "C")
    person, face_of_theirs, lone_face = (100, 60, 160, 300), (120, 70, 140, 90), (400, 70, 420, 90)
    found = Detections.joined([
        make_detections(person, confidence=0.77, class_id=PERSON),
        make_detections(face_of_theirs, confidence=0.88, class_id=FACE),
        make_detections(lone_face, confidence=0.99, class_id=FACE),
    ])  # fmt: skip
    drawn_detections(blank(), found, Plan([Line("gate", (300, 10), (300, 300), (350, 60))]))
    # What the colours mean, the rule with its kind, and scores; one label a person.
    assert Noting.made.texts == ["line gate", "person, and how sure, 0 to 1", "face", "0.77", "0.99"]


def test_mask_is_hatched() -> None:
    corner = ((100.0, 100.0), (300.0, 100.0), (300.0, 300.0), (100.0, 300.0))
    drawn = drawn_step(blank(), None, [], Caption(), Plan(masks=[corner]))
    inside, outside = inked(drawn)[160:290, 110:290], inked(drawn)
    assert 0.03 < inside.mean() < 0.3
    # All over it, and nothing beside it.
    assert all(inside[row : row + 33, left : left + 33].any() for row in (0, 60, 90) for left in (0, 60, 140))
    outside[90:310, 90:310] = False
    assert not outside.any()


def test_counter_is_drawn_at_its_zones() -> None:
    left = Zone("behind", ((20.0, 100.0), (200.0, 100.0), (200.0, 300.0), (20.0, 300.0)), 1.0)
    right = Zone("before", ((400.0, 100.0), (600.0, 100.0), (600.0, 300.0), (400.0, 300.0)), 1.0)
    states = {"desk": "unattended"}
    plain = drawn_step(blank(), None, [], Caption(states=states), Plan(zones=[left, right]))
    for public, far in (("before", True), (None, False)):
        plan = Plan(zones=[left, right], counters=[DrawnCounter("desk", "behind", public)])
        drawn = drawn_step(blank(), None, [], Caption(states=states), plan)
        new = (drawn != plain).any(axis=2)
        assert new[150:250, 20:200].any()
        assert new[150:250, 400:600].any() == new[190:210, 330:390].any() == far
        lit = drawn_step(blank(), None, [], Caption(states=states, lit=["desk"]), plan)
        assert (lit != drawn).any() == far
