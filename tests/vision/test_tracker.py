from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.detections import FACE, Detections
from tests.builders import make_at, make_detections
from tests.vision.opencv import overlap
from tests.vision.walkers import Eyes, Followed, Walker, follow, new_tracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.core.track import Track

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
    return [[track.track_id for track in tracker.update(seen, make_at(at_s))] for at_s, seen in looks]


def tracks_after(looks: Sequence[tuple[float, Detections | None]]) -> tuple[Track, ...]:
    tracker = new_tracker()
    for at_s, seen in looks:
        tracker.update(seen, make_at(at_s))
    return tracker.tracks


def seen_for(
    seconds: float, *boxes: tuple[float, ...], confidence: float = 0.77, begin_s: float = 0.0
) -> list[tuple[float, Detections | None]]:
    """Ten looks a second that all see the same."""
    seen = make_detections(*boxes, confidence=confidence)
    return [(begin_s + i / 10, seen) for i in range(round(seconds * 10))]


@pytest.mark.parametrize(
    ("times_s", "ids"),
    [
        # One look is a glimpse, two are a flicker; three over a quarter of a second are somebody.
        ([0], [0]),
        ([0, 0.3], [0, 0]),
        ([0, 0.15, 0.3], [0, 0, 1]),
        ([0, 0.1, 0.2, 0.3], [0, 0, 0, 1]),
        # Many looks in no time are no more evidence than one.
        ([0, 0.02, 0.04, 0.06, 0.08, 0.1], [0, 0, 0, 0, 0, 0]),
        # Few looks a second are enough of them.
        ([0, 0.5, 1.0], [0, 0, 1]),
    ],
)
def test_birth_needs_evidence(times_s: list[float], ids: list[int]) -> None:
    seen = make_detections(BOX)
    assert [len(tracks) for tracks in told([(at_s, seen) for at_s in times_s])] == ids


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
    (track,) = tracks_after([*seen_for(1, BOX), *seen_for(20, BOX, confidence=0.2, begin_s=1)])
    assert track.track_id == "t1"
    assert track.last_seen_s == pytest.approx(20.9)
    # The confidence is that of the last sighting.
    assert track.confidence == pytest.approx(0.2)


def test_reset_forgets_everybody() -> None:
    tracker = new_tracker()
    for at_s, seen in seen_for(1, BOX):
        tracker.update(seen, make_at(at_s))
    assert [track.track_id for track in tracker.tracks] == ["t1"]
    tracker.reset()
    assert tracker.tracks == ()
    # The same person at the same place at once: a birth with new evidence, under a new id.
    ids = [[track.track_id for track in tracker.update(seen, make_at(at_s))]
           for at_s, seen in seen_for(1, BOX, begin_s=1)]  # fmt: skip
    assert ids == [[]] * 3 + [["t2"]] * 7


def test_track_knows_where_and_when_it_began() -> None:
    walker = goes(WALK)
    followed = follow([walker], 5, eyes=Eyes(jitter_ratio=0, unsure=0))
    for time_s, tracks in zip(followed.times_s, followed.tracks, strict=True):
        for track in tracks:
            # The first sighting, before anybody heard of the track.
            assert track.origin == pytest.approx(walker.feet(0))
            assert track.first_seen_s == 0
            assert track.last_seen_s == time_s
    assert followed.born_s("t1") == pytest.approx(0.3)


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


@pytest.mark.parametrize("looks_per_s", RATES)
def test_death_after_two_seconds(looks_per_s: float) -> None:
    followed = follow([goes(STAND, 4.0)], 10, looks_per_s=looks_per_s)
    # Last seen at 4 s; the first look in which more than 2 s are over does not tell it any more.
    assert followed.ids == ["t1"]
    assert followed.last_s("t1") == pytest.approx(6.0, abs=1 / looks_per_s)


@pytest.mark.parametrize("looks_per_s", RATES)
@pytest.mark.parametrize("frames_per_look", [1, 3, 6])
def test_frames_without_a_look_change_nothing(looks_per_s: float, frames_per_look: int) -> None:
    walkers = [goes(STAND, 4.0), Walker(((1, 400, 200), (6, 400, 300)))]
    followed = follow(walkers, 9, looks_per_s=looks_per_s, frames_per_look=frames_per_look)
    assert followed.ids == ["t1", "t2"]
    assert followed.born_s("t1") <= 1.0
    assert followed.last_s("t1") == pytest.approx(6.0, abs=1 / looks_per_s)
    assert followed.last_s("t2") == pytest.approx(8.0, abs=1 / looks_per_s)


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
        tracker.update(make_detections((left, 100, left + 40, 200)), make_at(i / 10))
    (before,) = tracker.tracks
    for i in range(600):
        tracker.update(None, make_at(1 + i / 10))
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


def test_lone_face_begins_a_track_with_shoulders() -> None:
    # 20 px wide: a body of 52 px around it, from above the hair down to the chest.
    (track,) = tracks_after(looks_at(face((100, 100, 120, 125))))
    left, top, right, bottom = track.xyxy
    assert (left + right) / 2 == pytest.approx(110)
    assert right - left == pytest.approx(52)
    assert top == pytest.approx(92)
    assert bottom == pytest.approx(168)
    assert track.origin == pytest.approx((110, 168))


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
    assert len(tracks_after(looks_at(both))) == tracks


def test_two_faces_and_one_body() -> None:
    both = Detections.joined([make_detections(BOX), face((110, 105, 130, 130), (300, 100, 320, 125))])
    bodies = sorted(track.xyxy[0] for track in tracks_after(looks_at(both)))
    assert bodies == pytest.approx([100, 284])


def test_unsure_face_begins_no_track() -> None:
    unsure = make_detections((100, 100, 120, 125), confidence=0.3, class_id=FACE)
    assert tracks_after(looks_at(unsure)) == ()


def test_tracker_leaves_its_input_alone() -> None:
    seen = Detections.joined([make_detections(BOX), face((300, 100, 320, 125))])
    before = seen.xyxy.copy()
    tracker = new_tracker()
    for i in range(10):
        tracker.update(seen, make_at(i / 10))
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
        tracks = tracker.update(looked, make_at(now_s))
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
            assert track.first_seen_s + 0.25 <= track.last_seen_s + 1e-9 <= now_s + 2e-9
            # Sightings are looks.
            assert {track.first_seen_s, track.last_seen_s} <= set(last_looks_s)
            assert track.xyxy[0] < track.xyxy[2]
            assert track.xyxy[1] < track.xyxy[3]
