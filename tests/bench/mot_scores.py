"""Tracks against truth by motmetrics; runs where motmetrics is installed, not in ours.

    python mot_scores.py TRUTH < ROWS > SCORES

TRUTH is a clip's truth file. ROWS is JSON: by name, for each frame its [id, left, top, right,
bottom]. SCORES is JSON: by name and then by way of counting `overall`, a list `windows` and `errors`.

Only exact frames count. Truth and boxes are matched first; what is neutral is dropped then: truth
that ends above NEUTRAL_PX or is marked `ignore`, what matches it, and unmatched boxes above NEUTRAL_PX.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import motmetrics as mm  # type: ignore[import-not-found,unused-ignore]
import numpy as np
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped,import-not-found,unused-ignore]

MIN_IOU = 0.4
NEUTRAL_PX = 110
METRICS = ["mota", "idf1", "num_switches", "num_false_positives", "num_misses", "num_objects"]


class Counting(NamedTuple):
    """What is open in "a fresh accumulator a window": both were once done otherwise."""

    fresh: bool
    ignored_is_neutral: bool


WAYS = {
    "fresh": Counting(fresh=True, ignored_is_neutral=True),
    "fresh, ignored truth left out": Counting(fresh=True, ignored_is_neutral=False),
    "one accumulator": Counting(fresh=False, ignored_is_neutral=True),
    "one accumulator, ignored truth left out": Counting(fresh=False, ignored_is_neutral=False),
}

Boxes = list[list[float]]


def overlap(one: Boxes, other: Boxes) -> Any:  # noqa: ANN401
    """Intersection over union of each pair."""
    a, b = (np.array(boxes, float).reshape(-1, 4) for boxes in (one, other))
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b)]
    return both / (areas[0][:, None] + areas[1][None, :] - both)


def judged(truth: list[dict[str, Any]], found: Boxes, way: Counting) -> tuple[list[int], Boxes, Any]:
    """Ids of the truth, the boxes, and their IoU, without what is neutral."""
    if not way.ignored_is_neutral:
        truth = [person for person in truth if not person["ignore"]]
    boxes = [[x, y, x + w, y + h] for x, y, w, h in (person["bbox"] for person in truth)]
    neutral = [person["ignore"] or box[3] < NEUTRAL_PX for person, box in zip(truth, boxes, strict=True)]
    likeness = overlap(boxes, [box[1:] for box in found])
    rows, columns = linear_sum_assignment(-np.where(likeness >= MIN_IOU, likeness, 0))
    mate = {c: r for r, c in zip(rows, columns, strict=True) if likeness[r, c] >= MIN_IOU}
    kept_truth = [i for i, dropped in enumerate(neutral) if not dropped]
    kept = [i for i, box in enumerate(found) if (not neutral[mate[i]] if i in mate else box[4] >= NEUTRAL_PX)]
    return [truth[i]["id"] for i in kept_truth], [found[i] for i in kept], likeness[np.ix_(kept_truth, kept)]


def scored(truth: dict[str, Any], tracks: list[Boxes], way: Counting) -> dict[str, Any]:
    exact = [sample for sample in truth["samples"] if sample.get("exact")]
    windows = [
        [sample for sample in exact if first <= sample["frame"] <= last] for first, last in truth["windows"]
    ]
    parts = windows if way.fresh else [[sample for window in windows for sample in window]]
    accumulators, errors = [], []
    for part in parts:
        accumulator = mm.MOTAccumulator(auto_id=False)
        for sample in part:
            ids, found, likeness = judged(sample["boxes"], tracks[sample["frame"]], way)
            distance = np.where(likeness >= MIN_IOU, 1 - likeness, np.nan)
            accumulator.update(ids, [box[0] for box in found], distance, frameid=sample["frame"])
            place = {box[0]: box[1:] for box in found}
            events = accumulator.mot_events.loc[sample["frame"]]
            errors += [
                {
                    "frame": sample["frame"],
                    "what": event.Type,
                    "person": None if np.isnan(event.OId) else int(event.OId),
                    "track": None if np.isnan(event.HId) else int(event.HId),
                    "box": place.get(event.HId),
                }
                for event in events.itertuples()
                if event.Type in {"FP", "MISS", "SWITCH"}
            ]
        accumulators.append(accumulator)
    names = [f"{part[0]['frame']}-{part[-1]['frame']}" for part in parts]
    table = mm.metrics.create().compute_many(
        accumulators, names=names, metrics=METRICS, generate_overall=True
    )
    figures = {str(name): row for name, row in table.to_dict("index").items()}
    return {"overall": figures.pop("OVERALL"), "windows": figures, "errors": errors}


def main() -> None:
    truth = json.loads(Path(sys.argv[1]).read_text())
    rows = json.load(sys.stdin)
    json.dump(
        {
            name: {what: scored(truth, tracks, way) for what, way in WAYS.items()}
            for name, tracks in rows.items()
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
