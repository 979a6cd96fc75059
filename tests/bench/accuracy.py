"""What `detect` finds and `replay` counts on ../shared/data, as a table: python -m tests.bench.accuracy.

Average precision is COCO's, over the boxes that `presence-agent detect --min-score 0.01` prints.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

DATA = Path(__file__).parents[3] / "shared" / "data"
MIN_SCORE = 0.01
SURE = 0.4
PERSON, FACE = 1, 2
KINDS = {PERSON: "persons", FACE: "faces"}
# Truth of the clip: its line is drawn at x = 500 of 768, right to left is out.
GATE = """
[device]
site = "bench"
name = "pets09"
[camera]
source = "replay"
[[line]]
id = "gate"
start = [0.651, 0.0]
end = [0.651, 1.0]
inside = [0.9, 0.5]
"""

Found = dict[str, dict[str, Any]]


def detected(folder: Path) -> Found:
    """What `detect` prints for each picture of a folder, by file name."""
    pictures = sorted(folder.glob("*.jpg"))
    command = [sys.executable, "-m", "agent", "detect", *map(str, pictures), "--min-score", str(MIN_SCORE)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {Path(row["image"]).name: row for row in map(json.loads, lines)}


def precision(folder: Path, category: int, found: Found) -> tuple[float, float]:
    """AP (IoU .50:.95) and AP50 of one category on a folder with annotations.json."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "annotations.json"))
        judged = [
            key
            for key, image in truth.imgs.items()
            if category == PERSON or image.get("faces_annotated", True)
        ]
        boxes = [
            {"image_id": key, "category_id": category, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
            for key in judged
            for x1, y1, x2, y2, score in found[truth.imgs[key]["file_name"]][KINDS[category]]
        ]
        judge = COCOeval(truth, truth.loadRes(boxes), "bbox")
        judge.params.catIds, judge.params.imgIds = [category], judged
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0]), float(judge.stats[1])


def false_persons(folder: Path, found: Found) -> tuple[int, int]:
    """Persons of at least SURE on the pictures without one, and how many such pictures there are."""
    images = json.loads((folder / "annotations.json").read_text())["images"]
    empty = [image["file_name"] for image in images if image.get("negative")]
    return sum(box[4] >= SURE for name in empty for box in found[name]["persons"]), len(empty)


def crossings(video: Path) -> dict[str, int]:
    """Crossings of the gate inside the annotated windows, by direction."""
    truth = json.loads(video.with_suffix(".truth.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "gate.toml"
        config.write_text(GATE)
        command = [sys.executable, "-m", "agent", "replay", str(video), "--config", str(config)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    counts = {"in": 0, "out": 0}
    for event in map(json.loads, lines):
        minute, second = event["ts"][14:16], event["ts"][17:23]
        frame = round((60 * int(minute) + float(second)) * truth["fps"])
        if any(first <= frame <= last for first, last in truth["windows"]):
            counts[event["direction"]] += 1
    return counts


def main() -> int:
    """Print the table; 1 when a figure is not reached."""
    coco, faces, intel = (
        DATA / "images" / name for name in ("coco_val2017_persons", "dlib_voc_faces", "intel_frames")
    )
    in_coco, in_faces, in_intel = map(detected, (coco, faces, intel))
    ap, ap50 = precision(coco, PERSON, in_coco)
    _, faces_ap50 = precision(faces, FACE, in_faces)
    _, intel_ap50 = precision(intel, PERSON, in_intel)
    _, intel_faces_ap50 = precision(intel, FACE, in_intel)
    wrong, pictures = false_persons(coco, in_coco)
    counts = crossings(DATA / "videos" / "pets09_s2l1_dev.avi")
    rows = [
        ("COCO val2017 persons, AP", f"{ap:.3f}", ">= .38", ap >= 0.38),
        ("COCO val2017 persons, AP50", f"{ap50:.3f}", ">= .645", ap50 >= 0.645),
        ("dlib VOC faces, AP50", f"{faces_ap50:.3f}", "1.0", faces_ap50 >= 0.9995),
        ("Intel frames persons, AP50", f"{intel_ap50:.3f}", "-", True),
        ("Intel frames faces, AP50", f"{intel_faces_ap50:.3f}", "-", True),
        (f"persons >= {SURE} on {pictures} pictures without one", f"{wrong}", "0", wrong == 0),
        ("pets09 x = 500, in (truth 3)", f"{counts['in']}", ">= 1", counts["in"] > 0),
        ("pets09 x = 500, out (truth 4)", f"{counts['out']}", ">= 1", counts["out"] > 0),
    ]
    print(f"{'what':<46} {'found':>7} {'reach':>8}")
    for what, figure, reach, good in rows:
        print(f"{what:<46} {figure:>7} {reach:>8}{'' if good else '  NOT REACHED'}")
    return 0 if all(good for *_, good in rows) else 1


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("../shared/data is not beside this checkout: nothing to measure on")
    sys.exit(main())
