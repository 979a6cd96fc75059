from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.detections import FACE, Detections
from agent.core.regions import Regions, whole
from agent.vision.static_objects import StaticObjectFilter
from tests.builders import make_detections
from tests.vision.opencv import overlap
from tests.vision.walkers import Eyes, Followed, Room, Still, Walker, follow, new_tracker, saw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.core.frame import Frame
    from agent.core.track import LookHint, Track
    from agent.vision.tracker import PersonTracker

BOX = (100, 100, 140, 200)
NOBODY = Detections.empty()
RATES = [2, 5, 10]

# 60 px are a metre: standing, strolling, walking, hurrying.
STAND, STROLL, WALK, HURRY = 0.0, 30.0, 75.0, 120.0


def goes(
    speed: float, until_s: float = 10.0, *, begin_s: float = 0.0, hidden: Sequence[tuple[float, float]] = ()
) -> Walker:
    """Somebody who goes to the right at so many px/s."""
    way = speed * (until_s - begin_s)
    return Walker(((begin_s, 100, 300), (until_s, 100 + way, 300)), tuple(hidden))


def told(looks: Sequence[tuple[float, Detections | None]]) -> list[list[str]]:
    """The ids of the tracks after each of these updates."""
    tracker = new_tracker()
    return [[track.track_id for track in saw(tracker, seen, at_s)] for at_s, seen in looks]


def tracks_after(looks: Sequence[tuple[float, Detections | None]]) -> tuple[Track, ...]:
    tracker = new_tracker()
    for at_s, seen in looks:
        saw(tracker, seen, at_s)
    return tracker.tracks


def seen_for(
    seconds: float, *boxes: tuple[float, ...], confidence: float = 0.77, begin_s: float = 0.0
) -> list[tuple[float, Detections | None]]:
    """Ten looks a second that all see the same."""
    seen = make_detections(*boxes, confidence=confidence)
    return [(begin_s + i / 10, seen) for i in range(round(seconds * 10))]


@pytest.mark.parametrize("looks_per_s", [2, 5, 10])
@pytest.mark.parametrize("confidence", [0.66, 0.77, 0.95])
def test_birth_needs_evidence(looks_per_s: float, confidence: float) -> None:
    seen = make_detections(BOX, confidence=confidence)
    born = [bool(ids) for ids in told([(i / looks_per_s, seen) for i in range(round(3 * looks_per_s))])]
    # One look is a glimpse; a second of them is somebody.
    assert not born[0]
    assert born.index(True) / looks_per_s <= 1.0
    assert all(born[born.index(True) :])


def test_birth_takes_time() -> None:
    # Many looks in no time are no more evidence than one.
    seen = make_detections(BOX, confidence=0.95)
    assert told([(i / 200, seen) for i in range(10)]) == [[]] * 10


def test_birth_in_doubt_waits() -> None:
    # What scores like this and never moves may be a thing: a visitor only if nobody can tell.
    ids = told(seen_for(40, BOX, confidence=0.5))
    born_s = sum(not alive for alive in ids) / 10
    assert 15 <= born_s <= 30
    assert ids[-1] == ["t1"]


@pytest.mark.parametrize("speed", [20.0, 60.0])
def test_birth_in_doubt_by_motion(speed: float) -> None:
    # The same score, of somebody who moves by a quarter of their height.
    moving = [
        (i / 10, make_detections((100 + speed * i / 10, 100, 140 + speed * i / 10, 200), confidence=0.5))
        for i in range(50)
    ]
    ids = told(moving)
    born_s = sum(not alive for alive in ids) / 10
    assert 0.8 * 25 / speed - 0.3 <= born_s <= 2 * 25 / speed + 0.7
    assert ids[-1] == ["t1"]


def doubted(xs: Sequence[float | None], score: float = 0.5) -> list[tuple[float, Detections | None]]:
    """Five looks a second at somebody in doubt whose box lies so far to the right; None: not found."""
    return [
        (i / 5, NOBODY if x is None else make_detections((100 + x, 100, 140 + x, 200), confidence=score))
        for i, x in enumerate(xs)
    ]


@pytest.mark.parametrize(
    "xs",
    [
        # A start of motion, lost: the prediction goes on by more than a quarter of the height.
        pytest.param([0, 8, 20, None, None], id="coasts on"),
        pytest.param([0, 5, 20, None, 20, None, 20], id="found where it stopped"),
        # The filter runs ahead of boxes that stop, by some hundredths of the height.
        pytest.param([0, 22, 22, 22, 22], id="overshoots"),
    ],
)
@pytest.mark.parametrize("frames_per_look", [1, 4])
def test_birth_not_by_a_predicted_way(xs: list[float | None], frames_per_look: int) -> None:
    tracker = new_tracker()
    for at_s, seen in doubted(xs):
        assert saw(tracker, seen, at_s) == ()
        for i in range(1, frames_per_look):
            assert saw(tracker, None, at_s + i / 5 / frames_per_look) == ()


def test_birth_only_in_a_look_that_found() -> None:
    """What breathes there may be what hides the one in doubt: a sighting must say that it is they."""

    class Breathing(StaticObjectFilter):
        def breathes(self, frame: Frame, box: tuple[float, float, float, float]) -> bool:  # noqa: ARG002
            return frame.at.monotonic_s > 0.5

    tracker = new_tracker(Breathing())
    for at_s, seen in doubted([0, 0, 0, None, None]):
        assert saw(tracker, seen, at_s) == ()
    (track,) = saw(tracker, make_detections(BOX, confidence=0.5), 1.0)
    assert (track.track_id, track.first_seen_s, track.last_seen_s) == ("t1", 0, 1.0)


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.floats(-40, 40)), st.sampled_from([0.2, 0.36, 0.5, 0.8])),
        min_size=3, max_size=12,
    ),
    st.sampled_from([2, 5, 10]),
)  # fmt: skip
def test_tracks_say_only_what_was_seen(seen: list[tuple[float | None, float]], looks_per_s: int) -> None:
    """Births come with a sighting, and times and confidence of a track are those of sightings."""
    tracker, alive, scores = new_tracker(), set[str](), dict[float, float]()
    for index, (x, score) in enumerate(seen):
        at_s = index / looks_per_s
        box = [] if x is None else [(100 + x, 100, 140 + x, 200)]
        if x is not None:
            scores[at_s] = score
        for track in saw(tracker, make_detections(*box, confidence=score), at_s):
            assert track.confidence == pytest.approx(scores[track.last_seen_s])
            assert track.first_seen_s in scores
            assert track.track_id in alive or track.last_seen_s == at_s
        alive |= {track.track_id for track in tracker.tracks}


def test_birth_not_of_boxes_that_jump() -> None:
    # What is never twice at one place is noise.
    looks = [(i / 10, make_detections((80 * (i % 9), 50, 80 * (i % 9) + 30, 120))) for i in range(60)]
    assert told(looks) == [[]] * 60


def test_birth_not_of_a_flicker() -> None:
    # A reflection that shows in one look a second.
    looks = [(i / 10, make_detections(BOX) if i % 10 == 0 else NOBODY) for i in range(100)]
    assert told(looks) == [[]] * 100


def test_unsure_boxes_never_begin_a_track() -> None:
    assert told(seen_for(10, BOX, confidence=0.34)) == [[]] * 100


def test_unsure_boxes_prolong_a_track() -> None:
    unsure = told([*seen_for(1, BOX), *seen_for(60, BOX, confidence=0.2, begin_s=1)])
    missed = told([*seen_for(1, BOX), *[(1 + i / 10, NOBODY) for i in range(600)]])
    lived_s = [sum(bool(ids) for ids in life) / 10 for life in (unsure, missed)]
    # Each is part of a miss, so it is not for ever.
    assert lived_s[0] > 1.5 * lived_s[1]
    assert unsure[-1] == []
    # One sure sighting every few seconds is enough.
    seldom = [(1 + i / 10, make_detections(BOX, confidence=0.77 if i % 30 == 0 else 0.2)) for i in range(600)]
    assert told([*seen_for(1, BOX), *seldom])[10:] == [["t1"]] * 600


def test_confidence_is_that_of_the_last_sighting() -> None:
    (track,) = tracks_after([*seen_for(1, BOX), *seen_for(0.5, BOX, confidence=0.2, begin_s=1)])
    assert track.last_seen_s == pytest.approx(1.4)
    assert track.confidence == pytest.approx(0.2)


def test_reset_forgets_everybody() -> None:
    tracker = new_tracker()
    for at_s, seen in seen_for(1, BOX):
        saw(tracker, seen, at_s)
    assert [track.track_id for track in tracker.tracks] == ["t1"]
    tracker.reset()
    assert tracker.tracks == ()
    # The same person at the same place at once: a birth with new evidence, under a new id.
    ids = [[track.track_id for track in saw(tracker, seen, at_s)]
           for at_s, seen in seen_for(1, BOX, begin_s=1)]  # fmt: skip
    assert ids[0] == []
    assert ids[-1] == ["t2"]
    assert {track_id for alive in ids for track_id in alive} == {"t2"}


def test_track_knows_where_and_when_it_began() -> None:
    walker = goes(WALK)
    followed = follow([walker], 5, eyes=Eyes(jitter_ratio=0, unsure=0))
    for time_s, tracks in zip(followed.times_s, followed.tracks, strict=True):
        for track in tracks:
            # The first sighting, before anybody heard of the track.
            assert track.origin == pytest.approx(walker.feet(0))
            assert track.first_seen_s == 0
            assert track.last_seen_s == time_s
    assert 0 < followed.born_s("t1") <= 0.5


@pytest.mark.parametrize("looks_per_s", RATES)
@pytest.mark.parametrize("speed", [STAND, STROLL])
@pytest.mark.parametrize("seed", range(3))
def test_walker_keeps_one_id(looks_per_s: float, speed: float, seed: int) -> None:
    followed = follow([goes(speed)], 10, looks_per_s=looks_per_s, eyes=Eyes(seed, missed=0.1))
    assert followed.ids == ["t1"]
    assert followed.born_s("t1") <= 2.0
    assert followed.last_s("t1") == followed.times_s[-1]


@pytest.mark.parametrize("looks_per_s", [5, 10, 15])
@pytest.mark.parametrize("speed", [WALK, HURRY])
@pytest.mark.parametrize("seed", range(3))
def test_fast_walker_keeps_one_id(looks_per_s: float, speed: float, seed: int) -> None:
    followed = follow([goes(speed)], 10, looks_per_s=looks_per_s, eyes=Eyes(seed))
    assert followed.ids == ["t1"]


@pytest.mark.parametrize(
    ("looks_per_s", "speed"),
    # Two looks a second, at each of which somebody is a width of his box further, are too few.
    [(2, STAND), (2, STROLL), *((rate, speed) for rate in (5, 10) for speed in (STAND, STROLL, WALK, HURRY))],
)
def test_track_lies_on_its_walker(looks_per_s: float, speed: float) -> None:
    walker = goes(speed)
    followed = follow([walker], 10, looks_per_s=looks_per_s, eyes=Eyes(unsure=0))
    for time_s, tracks in zip(followed.times_s, followed.tracks, strict=True):
        for track in tracks:
            assert overlap(track.xyxy, walker.box(time_s)) > 0.5


@pytest.mark.parametrize("looks_per_s", RATES)
@pytest.mark.parametrize(
    ("speed", "hidden_s"),
    # One look missed, and hidden behind a pillar or a person for a second and a half.
    [(STAND, 0.5), (STROLL, 0.5), (STAND, 1.5), (STROLL / 2, 1.5)],
)
def test_occlusion_keeps_the_id(looks_per_s: float, speed: float, hidden_s: float) -> None:
    walker = goes(speed, hidden=[(4, 4 + hidden_s)])
    followed = follow([walker], 10, looks_per_s=looks_per_s)
    assert followed.ids == ["t1"]
    assert followed.last_s("t1") == followed.times_s[-1]


@pytest.mark.parametrize("looks_per_s", RATES)
def test_occlusion_of_a_walker_keeps_the_id(looks_per_s: float) -> None:
    walker = goes(60.0, hidden=[(4, 5.5)])
    assert follow([walker], 10, looks_per_s=looks_per_s).ids == ["t1"]


def test_missed_looks_do_not_add_up() -> None:
    # Every second look finds them, for a minute: a gap ends with each sighting.
    looks = [(i / 10, NOBODY if i > 10 and i % 2 else make_detections(BOX)) for i in range(600)]
    assert told(looks)[10:] == [["t1"]] * 590


def test_death_after_some_seconds() -> None:
    lasts_s = []
    for looks_per_s in RATES:
        followed = follow([goes(STAND, 4.0)], 12, looks_per_s=looks_per_s, eyes=Eyes(unsure=0))
        assert followed.ids == ["t1"]
        lasts_s.append(followed.last_s("t1"))
    # Last seen at 4 s: longer than most are hidden, and gone before a visit's end is late.
    assert min(lasts_s) >= 5.5
    assert max(lasts_s) <= 8
    # In seconds, however many looks that are.
    assert max(lasts_s) - min(lasts_s) <= 0.5


@pytest.mark.parametrize("looks_per_s", RATES)
@pytest.mark.parametrize("frames_per_look", [1, 3, 6])
def test_frames_without_a_look_change_nothing(looks_per_s: float, frames_per_look: int) -> None:
    walkers = [goes(STAND, 4.0), Walker(((1, 400, 200), (6, 400, 300)))]
    followed = follow(walkers, 12, looks_per_s=looks_per_s, frames_per_look=frames_per_look)
    assert followed.ids == ["t1", "t2"]
    assert followed.born_s("t1") <= 1.0
    at_looks = follow(walkers, 12, looks_per_s=looks_per_s)
    for track_id in followed.ids:
        assert followed.born_s(track_id) == pytest.approx(at_looks.born_s(track_id))
        # They live up to the look that ends them, which frames in between are before.
        assert 0 <= followed.last_s(track_id) - at_looks.last_s(track_id) < 1 / looks_per_s


@pytest.mark.parametrize("frames_per_look", [2, 5])
def test_frames_without_a_look_move_nobody_elsewhere(frames_per_look: int) -> None:
    # The same looks; where a track is believed to be does not depend on how often that was asked.
    at_looks, in_between = (
        follow([goes(WALK)], 4, looks_per_s=5, frames_per_look=n) for n in (1, frames_per_look)
    )
    expected = [track.xyxy for tracks in at_looks.tracks for track in tracks]
    told_ = [track.xyxy for tracks in in_between.tracks[::frames_per_look] for track in tracks]
    np.testing.assert_allclose(told_, expected, atol=1e-3)


def test_nobody_dies_of_not_looking() -> None:
    # A minute without a look, then the same person at the same place.
    blind = [(1 + i / 10, None) for i in range(600)]
    ids = told([*seen_for(1, BOX), *blind, *seen_for(1, BOX, begin_s=61)])
    assert ids[-1] == ["t1"]
    assert ids[9:] == [["t1"]] * len(ids[9:])


def test_not_looking_does_not_move_anybody_far() -> None:
    # Who was last seen walking is believed to go on for less than a second, not for a minute.
    tracker = new_tracker()
    for i in range(10):
        left = 100 + 8 * i
        saw(tracker, make_detections((left, 100, left + 40, 200)), i / 10)
    (before,) = tracker.tracks
    for i in range(600):
        saw(tracker, None, 1 + i / 10)
    (after,) = tracker.tracks
    assert 0 < after.anchor[0] - before.anchor[0] < 80
    assert after.last_seen_s == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("looks", "why"),
    [
        # Missed once, not looked for 10 s, seen again.
        ([(1.0, NOBODY), (11.0, None)], "one miss before"),
        # Not looked for 10 s, then missed once: that is one look that did not find, not 10 s of them.
        pytest.param(
            [(5.0, None), (11.0, NOBODY)],
            "one miss after",
        ),
    ],
)
def test_time_without_a_look_is_not_held_against_anybody(
    looks: list[tuple[float, Detections | None]], why: str
) -> None:
    assert told([*seen_for(1, BOX), *looks, *seen_for(1, BOX, begin_s=11.1)])[-1] == ["t1"], why


@pytest.mark.parametrize(
    "region",
    # Beside them, their head only, all but an arm's breadth of them.
    [(400, 0, 1600, 900), (0, 0, 1600, 130), (110, 0, 1600, 900)],
)
def test_looks_elsewhere_do_not_miss_anybody(region: tuple[int, int, int, int]) -> None:
    tracker = new_tracker()
    for at_s, seen in seen_for(1, BOX):
        saw(tracker, seen, at_s)
    for i in range(600):
        tracks = saw(tracker, NOBODY, 1 + i / 10, Regions((region,)))
        assert [track.track_id for track in tracks] == ["t1"]
    # The time of those looks is not held against them either.
    tracks = saw(tracker, NOBODY, 61.0)
    assert [track.track_id for track in tracks] == ["t1"]
    for i in range(1, 60):
        tracks = saw(tracker, NOBODY, 61 + i / 10)
    assert tracks == ()


def test_look_that_shows_nearly_all_misses_somebody() -> None:
    tracker = new_tracker()
    for at_s, seen in seen_for(1, BOX):
        saw(tracker, seen, at_s)
    for i in range(80):
        saw(tracker, NOBODY, 1 + i / 10, Regions(((98, 98, 142, 202),)))
    assert tracker.tracks == ()


def test_what_the_picture_has_of_somebody_is_enough_to_miss_them() -> None:
    # Half of them is beyond the edge, where no look ever goes.
    tracker = new_tracker()
    for at_s, seen in seen_for(1, (-20, 100, 20, 200)):
        saw(tracker, seen, at_s)
    assert len(tracker.tracks) == 1
    for i in range(80):
        tracks = saw(tracker, NOBODY, 1 + i / 10)
    assert tracks == ()


def test_sighting_in_a_crop_prolongs_a_track() -> None:
    tracker = new_tracker()
    for at_s, seen in seen_for(20, BOX):
        saw(tracker, seen, at_s, Regions(((50, 50, 250, 250),)))
    assert [(track.track_id, track.last_seen_s) for track in tracker.tracks] == [("t1", 19.9)]


@pytest.mark.parametrize("way", [(-60, 0), (60, 0), (0, 60)])
def test_who_walks_out_of_the_picture_is_lost_sooner(way: tuple[float, float]) -> None:
    lasts_s = []
    # At the edge for the last second of the way; and the same way in the middle of the picture.
    for middle in (False, True):
        x = 800 if middle else 800 + 13 * way[0]
        y = 500 if middle or not way[1] else 895
        leaves = Walker(((0, x - 4 * way[0], y - 4 * way[1]), (4, x, y)))
        followed = follow([leaves], 12, eyes=Eyes(jitter_ratio=0, unsure=0))
        assert followed.ids == ["t1"]
        lasts_s.append(followed.last_s("t1") - 4)
    assert lasts_s[0] < 0.6 * lasts_s[1]
    assert lasts_s[0] <= 1.2


def test_who_sits_at_the_edge_is_not_walking_out() -> None:
    # Half in the picture, hidden for a while.
    sits = Walker(((0, 10, 500), (12, 10, 500)), hidden=((4, 5.2),))
    followed = follow([sits], 12, eyes=Eyes(jitter_ratio=0, unsure=0))
    assert followed.ids == ["t1"]
    assert followed.last_s("t1") == followed.times_s[-1]


def test_first_update_without_a_look() -> None:
    assert told([(0.0, None), (0.1, NOBODY), (0.2, None)]) == [[], [], []]


def covered(walkers: Sequence[Walker], followed: Followed, min_iou: float) -> None:
    """Each walker that is known has a track of their own at each look."""
    for time_s, tracks in zip(followed.times_s, followed.tracks, strict=True):
        if time_s < 1:
            continue
        assert len(tracks) == len(walkers), time_s
        free = list(tracks)
        for walker in walkers:
            best = max(free, key=lambda track: overlap(track.xyxy, walker.box(time_s)))
            assert overlap(best.xyxy, walker.box(time_s)) > min_iou, time_s
            free.remove(best)


@pytest.mark.parametrize("looks_per_s", [5, 10])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Towards each other, a shoulder's width apart.
        (((0, 100, 300), (8, 500, 300)), ((0, 500, 325), (8, 100, 325))),
        # The same way, one of them overtaking.
        (((0, 100, 300), (8, 340, 300)), ((0, 40, 325), (8, 500, 325))),
        # Side by side all the way.
        (((0, 100, 300), (8, 500, 300)), ((0, 130, 305), (8, 530, 305))),
        # One stands, the other passes.
        (((0, 300, 300), (8, 300, 300)), ((0, 100, 325), (8, 500, 325))),
    ],
)
def test_two_who_pass_each_other_are_covered(
    looks_per_s: float,
    seed: int,
    one: tuple[tuple[float, float, float], ...],
    other: tuple[tuple[float, float, float], ...],
) -> None:
    walkers = [Walker(one), Walker(other)]
    followed = follow(walkers, 8, looks_per_s=looks_per_s, eyes=Eyes(seed, unsure=0))
    covered(walkers, followed, 0.4)
    assert len(followed.ids) == 2


def test_who_comes_close_is_somebody_else() -> None:
    # Boxes that overlap by much more than a third; each is one person.
    close = (118, 100, 158, 200)
    tracks = tracks_after([*seen_for(2, BOX), *seen_for(3, BOX, close, begin_s=2)])
    assert sorted((track.track_id, round(track.xyxy[0] / 10)) for track in tracks) == [("t1", 10), ("t2", 12)]


@pytest.mark.parametrize("seed", range(3))
def test_crowd(seed: int) -> None:
    # Five lanes far enough apart; on each, one goes and another comes a little later.
    walkers = [
        Walker(
            (
                (3.0 * turn + lane / 2, 100, 150 + 130 * lane),
                (3.0 * turn + lane / 2 + 8, 900, 150 + 130 * lane),
            )
        )
        for lane in range(5)
        for turn in range(3)
    ]
    followed = follow(walkers, 25, eyes=Eyes(seed, missed=0.05))
    assert len(followed.ids) == len(walkers)
    for track_id in followed.ids:
        # Nobody comes back with an id that was gone.
        alive = [any(track.track_id == track_id for track in tracks) for tracks in followed.tracks]
        assert sum(after and not before for before, after in pairwise([False, *alive])) == 1


def test_same_input_same_tracks() -> None:
    walkers = [goes(WALK), Walker(((2, 500, 320), (9, 100, 280))), goes(STAND, 5.0)]
    once, again = (follow(walkers, 12, eyes=Eyes(3, missed=0.2)) for _ in range(2))
    assert once.tracks == again.tracks


def face(*boxes: tuple[float, ...]) -> Detections:
    return make_detections(*boxes, class_id=FACE)


def looks_at(seen: Detections, n: int = 10) -> list[tuple[float, Detections | None]]:
    return [(i / 10, seen) for i in range(n)]


def suspected(seen: Detections) -> list[tuple[float, ...]]:
    """The boxes of all who may be there after one look, from left to right."""
    tracker = new_tracker()
    saw(tracker, seen, 0.0)
    return sorted(person.xyxy for person in tracker.watched)


def test_lone_face_has_shoulders() -> None:
    # 20 px wide: a body of 52 px around it, from above the hair down to the chest.
    ((left, top, right, bottom),) = suspected(face((100, 100, 120, 125)))
    assert (left + right) / 2 == pytest.approx(110)
    assert right - left == pytest.approx(52)
    assert top == pytest.approx(92)
    assert bottom == pytest.approx(168)


def test_lone_face_that_moves_begins_a_track() -> None:
    # Over the counter's edge, half a head each second.
    looks = [(i / 10, face((100 + i, 100, 120 + i, 125))) for i in range(40)]
    (track,) = tracks_after(looks)
    assert track.origin == pytest.approx((110, 168))
    assert track.anchor == pytest.approx((149, 168), abs=8)


@pytest.mark.parametrize(
    ("inner", "tracks"),
    [
        # In a person's box: in the head, at its edge with the centre inside, anywhere.
        ((110, 105, 130, 130), 1),
        ((95, 105, 115, 130), 1),
        ((110, 160, 130, 185), 1),
        # Beside the box, or with only its edge in it: a second person.
        ((85, 105, 105, 130), 2),
        ((200, 105, 220, 130), 2),
        ((110, 60, 130, 85), 2),
    ],
)
def test_face_and_person(inner: tuple[float, ...], tracks: int) -> None:
    both = Detections.joined([make_detections(BOX), face(inner)])
    assert len(suspected(both)) == tracks


def test_two_faces_and_one_body() -> None:
    both = Detections.joined([make_detections(BOX), face((110, 105, 130, 130), (300, 100, 320, 125))])
    assert [box[0] for box in suspected(both)] == pytest.approx([100, 284])


@pytest.mark.parametrize(
    ("where", "clear"),
    # In the head's place; in the lap, as of somebody in front.
    [((110, 105, 130, 130), True), ((110, 160, 130, 185), False)],
)
def test_face_raises_the_confidence_of_its_body(where: tuple[float, ...], *, clear: bool) -> None:
    body = make_detections(BOX, confidence=0.5)
    seen = Detections.joined([body, make_detections(where, confidence=0.9, class_id=FACE)])
    tracks = tracks_after(looks_at(seen, 20))
    assert [track.confidence for track in tracks] == (pytest.approx([0.9]) if clear else [])
    # Without it they are in doubt as long as they keep still.
    assert tracks_after(looks_at(body, 20)) == ()


@pytest.mark.parametrize("looks_per_s", [5, 10])
def test_feet_behind_a_desk_stay_where_they_are(looks_per_s: float) -> None:
    # For a second only head and chest are seen, of somebody who stood there whole for three.
    tracker = new_tracker()
    begin, end = round(3 * looks_per_s), round(4 * looks_per_s)
    for i in range(end):
        seen = make_detections(BOX if i < begin else (100, 100, 140, 160))
        for track in saw(tracker, seen, i / looks_per_s):
            assert track.anchor == pytest.approx((120, 200), abs=20)
            assert track.xyxy[1] == pytest.approx(100, abs=20)
    assert [track.track_id for track in tracker.tracks] == ["t1"]


def test_who_comes_from_behind_a_desk_grows() -> None:
    # First the upper half, then all of them.
    tracker = new_tracker()
    for i in range(60):
        saw(tracker, make_detections(BOX if i >= 20 else (100, 100, 140, 150)), i / 10)
    (track,) = tracker.tracks
    assert track.track_id == "t1"
    assert track.xyxy == pytest.approx(BOX, abs=6)


def test_watched_tells_what_a_look_should_settle() -> None:
    tracker = new_tracker()

    def watched(seen: Detections | None, time_s: float, look: Regions | None = None) -> LookHint:
        saw(tracker, seen, time_s, look)
        (person,) = tracker.watched
        return person

    # Nobody has heard of them, and they want another look at once.
    suspect = watched(make_detections(BOX), 0.0)
    assert tracker.tracks == ()
    assert (suspect.xyxy, suspect.looked_s, suspect.settled) == (BOX, 0.0, False)
    assert suspect.within_s <= 0.1
    known = [watched(make_detections(BOX), i / 10) for i in range(1, 20)][-1]
    assert known.settled
    assert known.looked_s == pytest.approx(1.9)
    assert known.within_s >= 0.5
    # Without a look, or with one elsewhere, all that stays.
    for unlooked in (watched(None, 2.0), watched(NOBODY, 2.1, Regions(((800, 400, 1600, 900),)))):
        assert (unlooked.settled, unlooked.looked_s) == (True, known.looked_s)
    missed = watched(NOBODY, 2.2)
    assert (missed.settled, missed.looked_s) == (False, 2.2)
    assert watched(make_detections(BOX), 2.3).settled
    tracker.reset()
    assert tracker.watched == ()


def test_watched_who_moves_wants_looks_sooner() -> None:
    within_s = []
    for speed in (STROLL, WALK, HURRY):
        tracker, eyes, walker = new_tracker(), Eyes(unsure=0, jitter_ratio=0), goes(speed)
        for i in range(30):
            saw(tracker, eyes.see([walker], i / 10), i / 10)
        (watched,) = tracker.watched
        within_s.append(watched.within_s)
        # A step until then is so small that nobody else can be taken for them.
        assert watched.within_s * speed <= 50
    assert within_s == sorted(within_s, reverse=True)
    assert within_s[0] > within_s[-1] >= 0.05


def test_watched_in_doubt_wants_looks_now_and_then() -> None:
    tracker = new_tracker()
    for at_s, seen in seen_for(5, BOX, confidence=0.5):
        saw(tracker, seen, at_s)
    (doubted,) = tracker.watched
    assert tracker.tracks == ()
    assert not doubted.settled
    # Not at the full rate: it may be a board.
    assert 0.2 <= doubted.within_s <= 1.0


@pytest.mark.parametrize("seed", range(6))
def test_irregular_looks_keep_the_id_of_a_walker(seed: int) -> None:
    # 1.4 m/s, and .1 to 1 s from look to look.
    rng, eyes, tracker, walker = np.random.default_rng(seed), Eyes(seed), new_tracker(), goes(84.0)
    at_s, ids = 0.0, set()
    while at_s < 10:
        ids |= {track.track_id for track in saw(tracker, eyes.see([walker], at_s), at_s)}
        at_s += rng.uniform(0.1, 1.0)
    assert ids == {"t1"}
    assert len(tracker.tracks) == 1


DESK = (140, 60, 180, 160)


@dataclass
class Guard:
    """A tracker with a real sense of stillness in a room that is seen as pictures."""

    room: Room
    fps: float = 5
    index: int = 0
    tracker: PersonTracker = field(default_factory=lambda: new_tracker(StaticObjectFilter()))
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    ids: list[list[str]] = field(default_factory=list)

    def go(
        self,
        until_s: float,
        sights: Callable[[float], Sequence[tuple[tuple[float, ...], float]]],
        *,
        every_s: float = 0.2,
        missed: float = 0.0,
    ) -> list[list[str]]:
        """The ids at each frame up to this second; what is seen are boxes and their scores."""
        begin = len(self.ids)
        while (now_s := self.index / self.fps) < until_s - 1e-9:
            frame, look, seen = self.room.at(now_s), None, None
            if self.index % round(every_s * self.fps) == 0:
                look = whole(frame)
                seen = Detections.joined(
                    [
                        make_detections(
                            np.add(box, self.rng.normal(0, 0.01 * (box[3] - box[1]), 4)).tolist(),
                            confidence=score,
                        )
                        for box, score in sights(now_s)
                        if self.rng.random() >= missed
                    ]
                )
            tracks = self.tracker.update(frame, look, seen)
            self.ids.append([track.track_id for track in tracks])
            self.index += 1
        return self.ids[begin:]


def doubtful(_: float) -> list[tuple[tuple[float, ...], float]]:
    return [(DESK, 0.5)]


def sure(_: float) -> list[tuple[tuple[float, ...], float]]:
    return [(DESK, 0.8)]


def test_thing_never_becomes_a_track() -> None:
    guard = Guard(Room([Still(DESK)]))
    assert guard.go(60, doubtful) == [[]] * 300
    # Nobody is suspected any more.
    assert guard.tracker.watched == ()


@pytest.mark.parametrize("shift_px", [0.0, 0.5])
def test_lone_face_that_keeps_still_must_breathe(shift_px: float) -> None:
    # A portrait on the wall; somebody behind a counter, of whom only the face is seen.
    room, tracker = Room([Still((100, 80, 220, 200), shift_px=shift_px)]), new_tracker(StaticObjectFilter())
    seen = make_detections((150, 100, 174, 130), confidence=0.9, class_id=FACE)
    counts = []
    for i in range(200):
        frame = room.at(i / 5)
        counts.append(len(tracker.update(frame, whole(frame), seen)))
    if shift_px:
        assert 10 < counts.index(1) < 60
        assert counts[counts.index(1) :] == [1] * (200 - counts.index(1))
    else:
        assert counts == [0] * 200


def test_thing_that_scores_high_is_forgotten() -> None:
    # It is taken for somebody at first, and never again.
    guard = Guard(Room([Still(DESK)]))
    assert guard.go(2, sure)[-1] == ["t1"]
    while guard.tracker.tracks and guard.index < 25 * 5:
        (last,) = guard.tracker.tracks
        guard.go((guard.index + 1) / 5, sure)
    # At once, not by being missed.
    assert last.last_seen_s == pytest.approx((guard.index - 2) / 5)
    ids = guard.go(60, sure)
    assert len(ids) >= 35 * 5
    assert ids == [[]] * len(ids)


@pytest.mark.parametrize("still", [Still(DESK, shift_px=0.5), Still(DESK, stretch_px=0.5)])
def test_doubtful_box_that_breathes_becomes_a_track(still: Still) -> None:
    ids = Guard(Room([still])).go(40, doubtful)
    # Sooner than a doubt would last that nobody can settle.
    assert 3 * 5 < ids.index(["t1"]) < 12 * 5
    assert ids[ids.index(["t1"]) :] == [["t1"]] * (len(ids) - ids.index(["t1"]))


@pytest.mark.parametrize("missed", [0.0, 0.3])
def test_who_sits_still_for_ten_minutes_keeps_one_id(missed: float) -> None:
    guard = Guard(Room([Still(DESK, stretch_px=0.5)], (220, 180)), fps=2.5)
    assert guard.go(4, sure, every_s=0.4)[-1] == ["t1"]
    ids = guard.go(604, sure, every_s=2, missed=missed)
    assert ids == [["t1"]] * 1500


def test_who_breathes_is_held_while_unseen() -> None:
    # Behind a hand, bent over: for 20 s no look finds them, and their place breathes as before.
    guard = Guard(Room([Still(DESK, stretch_px=0.5)]))
    guard.go(15, sure)
    assert guard.go(35, lambda _: []) == [["t1"]] * 100
    assert guard.go(36, sure)[-1] == ["t1"]


@pytest.mark.parametrize("left_s", [11, 15, 17])
@pytest.mark.parametrize(("contrast", "noise"), [(25.0, 2.5), (4.0, 5.0)], ids=["chair", "dim chair"])
def test_who_left_is_not_held(left_s: float, contrast: float, noise: float) -> None:
    # The chair they sat on is empty, whatever was being learned when they left.
    chair = Still(DESK, seed=2, contrast=contrast)
    guard = Guard(Room([chair, Still(DESK, stretch_px=0.5, shown=((0.0, left_s),))], noise=noise))
    assert guard.go(left_s, sure)[-1] == ["t1"]
    assert guard.go(left_s + 5, lambda _: [])[-1] == []


def test_nobody_is_held_for_ever() -> None:
    # Curtains move in the wind where somebody stood.
    guard = Guard(Room([Still(DESK, stretch_px=0.5)]))
    guard.go(15, sure)
    assert guard.go(200, lambda _: [])[-1] == []


def test_person_beside_a_thing_stays() -> None:
    board = (30, 60, 70, 140)
    guard = Guard(Room([Still(board, seed=2), Still(DESK, stretch_px=0.5)]))
    ids = guard.go(60, lambda _: [(board, 0.55), (DESK, 0.7)])
    assert ids[5:] == [["t1"]] * len(ids[5:])


def test_person_who_passes_a_thing_is_followed() -> None:
    # The thing is known by then; who walks in front of it for a second keeps their id.
    def box(now_s: float) -> tuple[int, int, int, int]:
        left = round(20 + 60 * (now_s - 25))
        return left, 40, left + 40, 180

    walk = [Still(box(25 + i / 5), seed=3, shown=((25 + i / 5 - 0.01, 25.19 + i / 5),)) for i in range(20)]
    guard = Guard(Room([Still(DESK), *walk]))
    assert guard.go(25, doubtful) == [[]] * 125
    ids = guard.go(29, lambda now_s: [(box(now_s), 0.8), (DESK, 0.5)])
    assert ids[3:] == [["t1"]] * 17
    assert guard.go(35, doubtful)[-1] == []


def test_reset_forgets_things_as_well() -> None:
    guard = Guard(Room([Still(DESK)]))
    assert guard.go(25, sure)[-1] == []
    guard.tracker.reset()
    assert guard.go(26, sure)[-1] == ["t2"]


def test_unsure_face_begins_no_track() -> None:
    unsure = make_detections((100, 100, 120, 125), confidence=0.3, class_id=FACE)
    assert suspected(unsure) == []


def test_tracker_leaves_its_input_alone() -> None:
    seen = Detections.joined([make_detections(BOX), face((300, 100, 320, 125))])
    before = seen.xyxy.copy()
    tracker = new_tracker()
    for i in range(10):
        saw(tracker, seen, i / 10)
    np.testing.assert_array_equal(seen.xyxy, before)


spots = st.tuples(st.integers(0, 600), st.integers(0, 400), st.integers(1, 60), st.integers(1, 150)).map(
    lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3])
)
scores = st.sampled_from([0.1, 0.34, 0.35, 0.9])
sightings = st.lists(st.tuples(spots, scores, st.integers(0, 1)), max_size=5).map(
    lambda rows: Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int64),
    )
)


@given(
    st.lists(st.tuples(st.sampled_from([0.05, 0.1, 0.5, 3.0]), st.none() | sightings), max_size=40),
    st.lists(spots, min_size=1, max_size=3),
)
@settings(deadline=None)
def test_whatever_is_seen(
    updates: list[tuple[float, Detections | None]], steady: list[tuple[int, ...]]
) -> None:
    tracker, now_s = new_tracker(), 0.0
    gone: set[str] = set()
    alive: set[str] = set()
    last_looks_s: list[float] = []
    for gap_s, seen in updates:
        now_s += gap_s
        # Some persons are always there, so that tracks are born at all.
        looked = None if seen is None else Detections.joined([make_detections(*steady), seen])
        tracks = saw(tracker, looked, now_s)
        if looked is not None:
            last_looks_s.append(now_s)
        ids = [track.track_id for track in tracks]
        assert len(set(ids)) == len(ids)
        assert not gone & set(ids)
        gone |= alive - set(ids)
        # Without a look nobody comes and nobody goes.
        assert looked is not None or set(ids) == alive
        alive = set(ids)
        for track in tracks:
            assert np.isfinite(track.xyxy).all()
            assert track.first_seen_s < track.last_seen_s <= now_s
            # Sightings are looks.
            assert {track.first_seen_s, track.last_seen_s} <= set(last_looks_s)
            assert track.xyxy[0] < track.xyxy[2]
            assert track.xyxy[1] < track.xyxy[3]
