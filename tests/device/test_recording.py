from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.device.recording import open_recording, read_picture
from agent.errors import BrokenOffError, SourceError
from tests.device.footage import (
    CODECS,
    SIZE,
    cut,
    noise,
    read,
    shade,
    write_black_png,
    write_picture,
    write_video,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.device.recording import Recording

    Picture = NDArray[np.uint8]

KINDS = ["png", "jpg", "jpeg", "bmp", "webp", "tif", "tiff"]


@pytest.fixture(autouse=True)
def quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever is read: nothing is printed past the one sentence that the command makes of it."""
    yield
    assert capfd.readouterr() == ("", "")


def greys(frames: list[tuple[float, Picture]]) -> list[float]:
    return [float(image.mean()) for _, image in frames]


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize(("fps", "frames"), [(10.0, 20), (25.0, 7), (12.5, 2), (29.97, 10), (5.0, 1)])
def test_video(tmp_path: Path, suffix: str, fps: float, frames: int) -> None:
    path = write_video(tmp_path / f"a{suffix}", frames, fps)
    with open_recording(path, 1.0) as recording:
        assert recording.size_px == SIZE
        assert recording.frame_count == frames
        assert recording.fps == pytest.approx(fps, rel=1e-3)
        found = [(time_s, image.copy()) for time_s, image in recording.frames()]
    assert [time_s for time_s, _ in found] == pytest.approx([i / fps for i in range(frames)], abs=1e-3)
    assert greys(found) == pytest.approx([shade(i) for i in range(frames)], abs=4)
    assert {(image.shape, str(image.dtype)) for _, image in found} == {((64, 96, 3), "uint8")}


def test_video_keeps_its_colors(tmp_path: Path) -> None:
    # BGR, and the left half is the left half.
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :48], image[:, 48:] = (230, 20, 20), (20, 20, 230)
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, SIZE)
    writer.write(image)
    writer.release()
    ((_, found),) = read(tmp_path / "a.avi")
    assert np.abs(found[5:-5, 5:40].astype(int) - (230, 20, 20)).max() < 12
    assert np.abs(found[5:-5, 56:-5].astype(int) - (20, 20, 230)).max() < 12


def test_video_of_vtest(vtest: Path) -> None:
    with open_recording(vtest, 1.0) as recording:
        assert (recording.size_px, recording.frame_count, recording.fps) == ((768, 576), 795, 10.0)
        times_s = [time_s for time_s, _ in recording.frames()]
    assert times_s == pytest.approx([i / 10 for i in range(795)])


def test_video_with_an_odd_name(tmp_path: Path) -> None:
    # Names that a library might take for a pattern, an option or an address.
    for name in ("Sân trước 100%.avi", "frame%03d.avi", "-i.avi", "a b#c?d.avi", "http:x.avi"):
        write_video(tmp_path / "a.avi").rename(tmp_path / name)
        assert len(read(tmp_path / name)) == 20


def test_video_without_a_suffix(tmp_path: Path) -> None:
    # Its content tells what it is.
    assert len(read(write_video(tmp_path / "a.avi").rename(tmp_path / "clip"))) == 20


@pytest.mark.parametrize("ratio", [0.02, 0.1])
def test_video_breaks_off(vtest: Path, tmp_path: Path, ratio: float) -> None:
    path = cut(vtest, tmp_path / "part.avi", ratio)
    times_s: list[float] = []
    with open_recording(path, 1.0) as recording:
        with pytest.raises(BrokenOffError) as caught:
            times_s.extend(time_s for time_s, _ in recording.frames())
        # What could be seen was seen, and the sentence counts it.
        assert len(times_s) == pytest.approx(795 * ratio, abs=12)
        assert times_s == pytest.approx([i / 10 for i in range(len(times_s))])
    said = str(caught.value)
    assert f"part.avi: breaks off after {len(times_s)} of 795 frames" in said
    assert caught.value.exit_code == 1


def test_video_that_lacks_its_last_frame(tmp_path: Path) -> None:
    # Containers count one frame too many now and then: that is no fault, two missing ones are.
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, SIZE)
    for seed in range(60):
        writer.write(noise(64, 96, seed))
    writer.release()
    outcomes = set()
    for missing in range(20):
        part = cut(path, tmp_path / "part.avi", 1 - missing / 400)
        n = 0
        with open_recording(part, 1.0) as recording:
            try:
                for _ in recording.frames():
                    n += 1
            except BrokenOffError:
                outcomes.add((60 - n, "broken off"))
            else:
                outcomes.add((60 - n, "whole"))
    assert {(1, "whole"), (2, "broken off")} <= outcomes
    assert all((missing <= 1) is (ended == "whole") for missing, ended in outcomes)


def empty(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def random_bytes(path: Path, _: Path) -> None:
    path.write_bytes(np.random.default_rng(7).bytes(50_000))


def some_text(path: Path, _: Path) -> None:
    path.write_text("This is no video.\n" * 500)


def without_its_end(path: Path, whole: Path) -> None:
    cut(whole, path, 0.9)


def only_its_head(path: Path, whole: Path) -> None:
    path.write_bytes(whole.read_bytes()[:40])


def not_there(path: Path, _: Path) -> None:
    assert not path.exists()


def empty_folder(path: Path, _: Path) -> None:
    path.mkdir()


def folder_of_other_things(path: Path, whole: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("jpg")
    (path / "clip.mp4").write_bytes(whole.read_bytes())
    (path / "sub").mkdir()
    write_picture(path / "sub" / "a.png", noise(8, 8))


def folder_of_broken_pictures(path: Path, _: Path) -> None:
    path.mkdir()
    (path / "a.jpg").write_text("no picture")
    (path / "b.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (empty, "is empty (0 bytes); copy it again."),
        (random_bytes, "is not a recording that can be read, or is cut off"),
        (some_text, "is not a recording that can be read, or is cut off"),
        # An MP4 has its table of contents at its end: without it there is nothing.
        (without_its_end, "is not a recording that can be read, or is cut off"),
        (only_its_head, "is not a recording that can be read, or is cut off"),
        (not_there, "there is no such file or folder; check the path."),
        (empty_folder, "has no pictures (JPEG, PNG, WebP, BMP, TIFF)."),
        (folder_of_other_things, "has no pictures (JPEG, PNG, WebP, BMP, TIFF)."),
        (folder_of_broken_pictures, "a.jpg: is not a picture that can be read"),
    ],
)
def test_source_that_cannot_be_read(
    tmp_path: Path, make: Callable[[Path, Path], None], sentence: str
) -> None:
    path = tmp_path / "source.mp4"
    make(path, write_video(tmp_path / "whole.mp4"))
    with pytest.raises(SourceError) as caught, open_recording(path, 1.0):
        pass
    said = str(caught.value)
    assert said.startswith(str(path))
    assert sentence in said
    assert "\n" not in said
    assert caught.value.exit_code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["a.avi", "a.png"])
def test_source_without_permission(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_video(tmp_path / "a.avi") if name == "a.avi" else write_picture(path, noise(8, 8))
    path.chmod(0)
    with pytest.raises(SourceError, match="can't be read"), open_recording(path, 1.0):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("inner", ["", "a.avi"])
def test_source_in_a_folder_without_permission(tmp_path: Path, inner: str) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(0)
    with pytest.raises(SourceError), open_recording(folder / inner, 1.0):
        pass


def assert_same(found: Picture, expected: Picture) -> None:
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_picture(tmp_path: Path, kind: str) -> None:
    image = noise(48, 80)
    found = read_picture(write_picture(tmp_path / f"a.{kind}", image))
    assert (found.shape, str(found.dtype)) == ((48, 80, 3), "uint8")
    if kind in {"png", "bmp", "tif", "tiff"}:
        assert_same(found, image)


def grey(image: Picture) -> NDArray[np.generic]:
    return image[:, :, 0]


def grey_16(image: Picture) -> NDArray[np.generic]:
    return image[:, :, 0].astype(np.uint16) * 257


def color_16(image: Picture) -> NDArray[np.generic]:
    return image.astype(np.uint16) * 257


def with_alpha(image: Picture) -> NDArray[np.generic]:
    return np.dstack([image, image[:, :, 0]])


def with_alpha_16(image: Picture) -> NDArray[np.generic]:
    return np.dstack([image, image[:, :, 0]]).astype(np.uint16) * 257


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize(
    ("kept", "channels"),
    [(grey, 1), (grey_16, 1), (color_16, 3), (with_alpha, 3), (with_alpha_16, 3)],
)
def test_picture_of_another_depth(
    tmp_path: Path, kind: str, kept: Callable[[Picture], NDArray[np.generic]], channels: int
) -> None:
    image = noise(20, 30)
    found = read_picture(write_picture(tmp_path / f"a.{kind}", kept(image)))
    assert_same(found, image if channels == 3 else np.repeat(image[:, :, :1], 3, axis=2))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 300), (20_000, 100), (100, 20_000)])
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_picture_of_odd_size(tmp_path: Path, kind: str, width: int, height: int) -> None:
    image = np.full((height, width, 3), 77, np.uint8)
    found = read_picture(write_picture(tmp_path / f"a.{kind}", image))
    assert found.shape == (height, width, 3)
    assert np.abs(found.astype(int) - 77).max() <= 2


def test_picture_of_up_to_100_million_px(tmp_path: Path) -> None:
    # As wide as the limit allows; beyond it nothing is unpacked at all.
    good = write_black_png(tmp_path / "good.png", 50_000, 2_000)
    assert read_picture(good).shape == (2_000, 50_000, 3)
    for width, height in ((50_000, 2_001), (100_001, 1_000), (60_000, 60_000)):
        bomb = write_black_png(tmp_path / "bomb.png", width, height, rows=10)
        with pytest.raises(SourceError, match="at most 100 million pixels"):
            read_picture(bomb)


def test_picture_of_another_kind_than_its_name(tmp_path: Path) -> None:
    # Its content tells what it is.
    image = noise(20, 30)
    path = write_picture(tmp_path / "a.png", image).rename(tmp_path / "a.jpg")
    assert_same(read_picture(path), image)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [1, 10, 0.1, 0.5, 0.9, 0.99], ids=lambda v: f"{v} missing")
def test_picture_cut_off(tmp_path: Path, kind: str, missing: float) -> None:
    path = write_picture(tmp_path / f"a.{kind}", noise(64, 96))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - round(missing if missing >= 1 else missing * len(content))])
    with pytest.raises(SourceError, match=rf"a\.{kind}: is not a picture that can be read"):
        read_picture(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"is empty \(0 bytes\); copy it again"),
        (b"no picture\n" * 100, "is not a picture that can be read"),
        (b"<!DOCTYPE html><html>login</html>", "is not a picture that can be read"),
        (b"\xff\xd8\xff\xe0", "is not a picture that can be read"),
        (b"\x89PNG\r\n\x1a\n", "is not a picture that can be read"),
        (b"BM" + bytes(60), "is not a picture that can be read"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "is not a picture that can be read"),
        (b"II*\x00\x08\x00\x00\x00\xff\xff", "is not a picture that can be read"),
        (bytes(1000), "is not a picture that can be read"),
    ],
)
def test_picture_that_is_none(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(SourceError, match=sentence):
        read_picture(tmp_path / "a.jpg")


def test_picture_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.jpg: can't be read \(No such file or directory\)"):
        read_picture(tmp_path / "a.jpg")


def test_picture_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"can't be read \(Is a directory\)"):
        read_picture(tmp_path)


def write_folder(folder: Path, *names: str) -> Path:
    """Pictures of 30x20 px whose greys tell the order of these names."""
    folder.mkdir()
    for index, name in enumerate(names):
        write_picture(folder / name, np.full((20, 30, 3), shade(index), np.uint8))
    return folder


@pytest.mark.parametrize(
    "names",
    # Each in the order that people expect.
    [
        ["frame1.png", "frame2.png", "frame10.png", "frame11.png", "frame100.png"],
        ["frame001.jpg", "frame002.jpg", "frame010.jpg"],
        ["1.png", "2.png", "10.png", "a.png"],
        ["2026-01-05T07-00-09.5.jpg", "2026-01-05T07-00-10.jpg", "2026-01-05T07-01-00.jpg"],
        ["cam1-9.png", "cam1-10.png", "cam2-1.png", "cam10-1.png"],
        ["a.bmp", "b.JPG", "c.PNG", "d.tiff", "e.webp"],
        ["Bếp 9.png", "Bếp 10.png", "Sân 1.png"],
        # More digits than a machine word.
        [f"{10**30}.png", f"{10**30 + 1}.png"],
        ["1.png", "²3.png"],
    ],
)
def test_folder_order(tmp_path: Path, names: list[str]) -> None:
    folder = write_folder(tmp_path / "pictures", *names)
    assert greys(read(folder)) == pytest.approx([shade(i) for i in range(len(names))], abs=3)


@pytest.mark.parametrize("fps", [1.0, 10.0, 0.5, 29.97])
def test_folder(tmp_path: Path, fps: float) -> None:
    folder = write_folder(tmp_path / "pictures", *(f"{i}.png" for i in range(5)))
    (folder / "notes.txt").write_text("not a picture")
    with open_recording(folder, fps) as recording:
        assert (recording.size_px, recording.frame_count, recording.fps) == ((30, 20), 5, fps)
        times_s = [time_s for time_s, _ in recording.frames()]
    assert times_s == pytest.approx([i / fps for i in range(5)])


def test_folder_with_a_picture_of_another_size(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pictures", *(f"{i}.png" for i in range(6)))
    write_picture(folder / "2.png", noise(20, 31))
    write_picture(folder / "4.png", noise(30, 20))
    found: list[float] = []
    with (
        open_recording(folder, 10.0) as recording,
        pytest.raises(
            BrokenOffError, match=r"2 of 6 pictures were left out; the first: .*2\.png: is not 30x20"
        ),
    ):
        found.extend(time_s for time_s, _ in recording.frames())
    # The others are seen, each at its own time.
    assert found == pytest.approx([0, 0.1, 0.3, 0.5])


def test_folder_with_broken_pictures(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "pictures", *(f"{i}.png" for i in range(5)))
    (folder / "0.png").write_bytes(b"")
    (folder / "3.png").write_text("no picture")
    (folder / "6.png").mkdir()
    found: list[float] = []
    with open_recording(folder, 10.0) as recording:
        # The first that can be read tells the size.
        assert recording.size_px == (30, 20)
        with pytest.raises(
            BrokenOffError, match=r"3 of 6 pictures were left out; the first: .*0\.png: is empty"
        ):
            found.extend(time_s for time_s, _ in recording.frames())
    assert found == pytest.approx([0.1, 0.2, 0.4])


def test_recording_read_only_in_part(tmp_path: Path) -> None:
    # Who has seen enough just leaves.
    def first_times(recording: Recording) -> list[float]:
        return [time_s for (time_s, _), _ in pairwise(recording.frames())][:3]

    for path in (
        write_video(tmp_path / "a.avi"),
        write_folder(tmp_path / "pictures", *(f"{i}.png" for i in range(20))),
    ):
        with open_recording(path, 10.0) as recording:
            assert first_times(recording) == pytest.approx([0, 0.1, 0.2])
        assert len(read(path)) == 20
