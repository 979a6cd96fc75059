from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from agent.core.detections import FACE, PERSON
from agent.core.regions import Regions
from agent.device.frames import frame_of
from agent.errors import ModelError
from agent.install.prepare import prepared_model
from agent.networks.yolox import YOLOX
from agent.networks.yunet import YUNET
from agent.vision.letterbox import Letterbox
from agent.vision.onnx_detector import Network, PersonFaceDetector
from tests.builders import make_at
from tests.vision.conftest import weights_of
from tests.vision.opencv import assert_one_to_one, overlap, suppressed_by_opencv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.core.detections import Detections
    from agent.core.regions import Box
    from tests.vision.opencv import OpenCvPersons

    Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def detector(persons_network: Network, faces_network: Network) -> PersonFaceDetector:
    return PersonFaceDetector(
        persons_network, faces_network, person_score=0.14, face_score=0.6, crop_score=0.35
    )


def look_at(detector: PersonFaceDetector, image: Picture, *regions: Box) -> Detections:
    """What is seen in these regions, or in the whole picture."""
    height, width = image.shape[:2]
    return detector.detect(frame_of(0, make_at(0), image), Regions(regions or ((0, 0, width, height),)))


def boxes_of(detections: Detections, class_id: int, min_score: float = 0.0) -> list[list[float]]:
    sure = detections.of_class(class_id)
    return [list(map(float, box)) for box in sure.where(sure.confidence >= min_score).xyxy]


def assert_inside(detections: Detections, width: int, height: int) -> None:
    left, top, right, bottom = detections.xyxy.T
    assert ((left >= 0) & (left <= right) & (right <= width)).all()
    assert ((top >= 0) & (top <= bottom) & (bottom <= height)).all()


def test_network_boxes_are_those_of_opencv_in_px_of_the_picture(
    pictures: dict[str, Picture], persons_network: Network, opencv_persons: OpenCvPersons
) -> None:
    for image in pictures.values():
        height, width = image.shape[:2]
        fitted = Letterbox((416, 416), 114)
        scale = fitted.fill(image)
        boxes, scores = suppressed_by_opencv(opencv_persons.found(fitted.pixels, 0.1), 0.45)
        limits = np.array([width, height, width, height])
        clipped = np.clip(np.array(boxes).reshape(-1, 4) / scale, 0, limits).tolist()
        assert_one_to_one(*persons_network.boxes(image, 0.1, (416, 416)), (clipped, scores))


def test_network_takes_the_shape_that_fits(persons_network: Network, yard: list[Picture]) -> None:
    for image, shape in (
        (yard[4], (352, 480)),  # 768x576
        (yard[4][:432], (320, 544)),
        (yard[4][:, 300:], (480, 352)),
        (yard[4][:, 440:], (544, 320)),
        (yard[4][:300], (288, 608)),
    ):
        best, told = persons_network.boxes(image, 0.14), persons_network.boxes(image, 0.14, shape)
        np.testing.assert_array_equal(best[0], told[0])
        np.testing.assert_array_equal(best[1], told[1])
        assert len(told[1]) > 0
        height, width = image.shape[:2]
        assert persons_network.scale(width, height) == min(shape[0] / height, shape[1] / width)


def test_network_boxes_are_not_changed_by_the_next_look(
    persons_network: Network, yard: list[Picture]
) -> None:
    xyxy, score = persons_network.boxes(yard[4], 0.14)
    before = xyxy.copy(), score.copy()
    persons_network.boxes(yard[8], 0.14)
    np.testing.assert_array_equal(xyxy, before[0])
    np.testing.assert_array_equal(score, before[1])


def test_detect_portrait(detector: PersonFaceDetector, portrait: Picture) -> None:
    before = portrait.copy()
    seen = look_at(detector, portrait)
    # By hand: the woman without the flags, and her face from hairline to chin.
    (person,), (face,) = boxes_of(seen, PERSON, 0.5), boxes_of(seen, FACE)
    assert overlap(person, (10, 20, 370, 510)) > 0.9
    assert overlap(face, (180, 65, 268, 175)) > 0.85
    assert (portrait == before).all()


def test_detect_nobody(detector: PersonFaceDetector) -> None:
    seen = look_at(detector, np.full((480, 640, 3), 77, np.uint8))
    assert (len(seen), seen.xyxy.shape) == (0, (0, 4))


def test_detect_boxes_lie_inside_the_picture(
    detector: PersonFaceDetector, pictures: dict[str, Picture]
) -> None:
    for image in pictures.values():
        height, width = image.shape[:2]
        assert_inside(look_at(detector, image), width, height)


@pytest.mark.parametrize(
    "region",
    # Through the middle of the portrait from all four sides: her box goes to the border.
    [(0, 0, 220, 512), (220, 0, 512, 512), (0, 0, 512, 120), (0, 120, 512, 512), (150, 50, 300, 300)],
)
def test_detect_boxes_lie_inside_their_region(
    persons_network: Network, faces_network: Network, portrait: Picture, region: Box
) -> None:
    lenient = PersonFaceDetector(
        persons_network, faces_network, person_score=0.02, face_score=0.02, crop_score=1.0
    )
    seen = look_at(lenient, portrait, region)
    assert len(seen)
    left, top, right, bottom = region
    seen.xyxy[:] -= np.array([left, top, left, top], np.float32)
    assert_inside(seen, right - left, bottom - top)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (20_000, 100), (300, 1), (1, 576), (31, 31)])
def test_detect_odd_sizes(detector: PersonFaceDetector, width: int, height: int) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert_inside(look_at(detector, noise), width, height)


@pytest.mark.parametrize(
    "region",
    # Each holds the same four people of frame 320 whole, at another place of the input.
    [(100, 50, 768, 500), (0, 0, 600, 576), (150, 100, 550, 500), (183, 71, 640, 400)],
)
def test_detect_in_a_region_finds_the_same_places(
    detector: PersonFaceDetector, yard: list[Picture], region: Box
) -> None:
    image = yard[8]
    whole, part = look_at(detector, image), look_at(detector, image, region)
    persons = [box for box in boxes_of(whole, PERSON, 0.5) if 190 < box[0] < 460]
    faces = [box for box in boxes_of(whole, FACE, 0.7) if 190 < box[0] < 460]
    assert (len(persons), len(faces)) == (4, 4)
    for found, expected, far_px in (
        (boxes_of(part, PERSON), persons, 10),
        (boxes_of(part, FACE), faces, 2),
    ):
        for box in expected:
            nearest = max(found, key=lambda one: overlap(one, box))
            assert np.abs(np.subtract(nearest, box)).max() <= far_px


def test_detect_in_two_regions_tells_nobody_twice(detector: PersonFaceDetector, yard: list[Picture]) -> None:
    # The man at x 253–283 is in both regions, the couple at the right in one.
    seen = look_at(detector, yard[0], (0, 0, 400, 576), (200, 0, 768, 576))
    persons = boxes_of(seen, PERSON, 0.6)
    assert sum(240 < box[0] < 300 for box in persons) == 1
    assert sum(box[0] > 450 for box in persons) == 2
    faces = boxes_of(seen, FACE)
    assert sum(240 < box[0] < 300 for box in faces) == 1


@pytest.mark.parametrize("height", [960, 720])
def test_detect_halves_a_picture_once_for_both(
    persons_network: Network,
    faces_network: Network,
    yard: list[Picture],
    portrait: Picture,
    height: int,
) -> None:
    image = np.full((height, 1280, 3), 90, np.uint8)
    image[:576, :768], image[200:712, 768:] = yard[8], portrait
    seen = look_at(
        PersonFaceDetector(persons_network, faces_network, person_score=0.14, face_score=0.6), image
    )
    # What fits after halving is the very same; what is scaled on from there is nearly so.
    faces, _ = faces_network.boxes(image, 0.6)
    assert len(faces)
    np.testing.assert_array_equal(seen.of_class(FACE).xyxy, faces)
    persons, score = persons_network.boxes(image, 0.14)
    assert (score > 0.4).sum() > 4
    for box in persons[score > 0.4].tolist():
        assert max(overlap(one, box) for one in boxes_of(seen, PERSON)) > 0.75


def test_detect_is_deterministic(detector: PersonFaceDetector, yard: list[Picture]) -> None:
    once, again = look_at(detector, yard[4]), look_at(detector, yard[4])
    assert once.xyxy.tobytes() == again.xyxy.tobytes()
    assert once.confidence.tobytes() == again.confidence.tobytes()


def test_detect_without_faces(persons_network: Network, portrait: Picture) -> None:
    blind = PersonFaceDetector(persons_network, person_score=0.14, face_score=0.6, crop_score=0.35)
    seen = look_at(blind, portrait)
    assert len(boxes_of(seen, PERSON, 0.5)) == 1
    assert boxes_of(seen, FACE) == []


@pytest.mark.parametrize(
    ("person_score", "face_score", "persons", "faces"),
    # The portrait's person has 0.93, its face 0.94.
    [(0.9, 0.9, 1, 1), (0.95, 0.9, 0, 1), (0.9, 0.96, 1, 0)],
)
def test_detect_least_scores(
    persons_network: Network,
    faces_network: Network,
    portrait: Picture,
    person_score: float,
    face_score: float,
    persons: int,
    faces: int,
) -> None:
    strict = PersonFaceDetector(
        persons_network, faces_network, person_score=person_score, face_score=face_score, crop_score=1.0
    )
    seen = look_at(strict, portrait)
    assert (len(seen.of_class(PERSON)), len(seen.of_class(FACE))) == (persons, faces)


def in_upper_part(face: Sequence[float], person: Sequence[float]) -> bool:
    x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
    return person[0] <= x <= person[2] and person[1] <= y <= person[1] + 0.3 * (person[3] - person[1])


def test_detect_small_faces_only_in_upper_bodies(
    detector: PersonFaceDetector,
    persons_network: Network,
    faces_network: Network,
    yard: list[Picture],
) -> None:
    # People who are 70–90 px tall have faces of 6 px, of which the whole frame shows hardly any.
    # Upper bodies are looked at from a score on that none of these reaches.
    whole_only = PersonFaceDetector(
        persons_network, faces_network, person_score=0.14, face_score=0.6, crop_score=0.99
    )
    found = 0
    for image in (yard[0], yard[4], yard[8]):
        seen_whole = boxes_of(look_at(whole_only, image), FACE)
        seen = look_at(detector, image)
        faces, persons = boxes_of(seen, FACE), boxes_of(seen, PERSON, 0.35)
        assert all(5 <= face[2] - face[0] <= 10 for face in faces)
        assert all(any(in_upper_part(face, person) for person in persons) for face in faces)
        found += sum(all(overlap(face, one) == 0 for one in seen_whole) for face in faces)
    assert found >= 8


def test_detect_small_face_of_an_unsure_person(
    persons_network: Network, faces_network: Network, yard: list[Picture]
) -> None:
    sparing = PersonFaceDetector(
        persons_network, faces_network, person_score=0.14, face_score=0.6, crop_score=0.99
    )
    assert boxes_of(look_at(sparing, yard[0]), FACE) == []


def test_detect_small_faces_in_the_region_that_shows_them_larger(
    detector: PersonFaceDetector, faces_network: Network, yard: list[Picture]
) -> None:
    # A face of 6 px is 6 px in the whole frame, and 19 px in a region a third as wide: there no
    # upper body has to be looked at, and the face is found all the same.
    image, region = yard[0], (220, 150, 440, 330)
    assert faces_network.scale(220, 180) > 2.4
    seen = look_at(detector, image, (0, 0, 768, 576), region)
    faces = [box for box in boxes_of(seen, FACE) if 240 < box[0] < 300]
    assert len(faces) == 1


def test_detect_large_face_is_told_once(detector: PersonFaceDetector, portrait: Picture) -> None:
    # Seen in the whole frame and, were her body looked at again, in the crop: still one face.
    frame = np.full((480, 640, 3), 128, np.uint8)
    frame[20:276, 200:456] = portrait[::2, ::2]
    assert len(boxes_of(look_at(detector, frame), FACE)) == 1


@pytest.mark.parametrize("content", [b"", b"no model", b"\x00" * 1000, b"<html>404</html>" * 50])
def test_network_no_model(content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="onnxruntime can't load a model"):
        Network(YOLOX, path, [(416, 416)])
    assert capfd.readouterr() == ("", "")


def test_network_cut_off(weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = prepared_model(weights, weights_of(weights, "yunet")).read_bytes()
    path = tmp_path / "model.onnx"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError):
        Network(YUNET, path, [(160, 160)])
    assert capfd.readouterr() == ("", "")
