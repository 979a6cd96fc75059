"""Another project's tracker over saved detections; runs where that project is installed, not in ours.

    python foreign_trackers.py NAME DETECTIONS FPS

For each line on standard input it follows the whole clip once with a new tracker and answers with a
line of JSON: `ms`, thread-CPU milliseconds an update, and `tracks`, for each frame its [id, left,
top, right, bottom]. DETECTIONS is a JSON list: for each frame its [left, top, right, bottom, score].
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

# Both say on every start what they will rename some day.
warnings.simplefilter("ignore")

import supervision as sv  # type: ignore[import-not-found,unused-ignore]  # noqa: E402


def tracker(name: str, fps: float) -> Any:  # noqa: ANN401
    """A new tracker with its maker's settings; the rate is the clip's."""
    if name == "supervision":
        return sv.ByteTrack(frame_rate=fps)
    import trackers  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    return getattr(trackers, name)(frame_rate=fps)


def main() -> None:
    name, detections, fps = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    frames = [np.array(boxes, np.float32).reshape(-1, 5) for boxes in json.loads(detections.read_text())]
    for _ in sys.stdin:
        follower = tracker(name, fps)
        update = follower.update_with_detections if name == "supervision" else follower.update
        tracks, spent_ns = [], 0
        for boxes in frames:
            seen = sv.Detections(
                xyxy=boxes[:, :4], confidence=boxes[:, 4], class_id=np.zeros(len(boxes), np.int64)
            )
            begin_ns = time.thread_time_ns()
            followed = update(seen)
            spent_ns += time.thread_time_ns() - begin_ns
            ids = [] if followed.tracker_id is None else followed.tracker_id.tolist()
            # -1: a track that is not sure yet.
            tracks.append([[i, *box] for i, box in zip(ids, followed.xyxy.tolist(), strict=True) if i != -1])
        print(json.dumps({"ms": spent_ns / 1e6 / len(frames), "tracks": tracks}), flush=True)


if __name__ == "__main__":
    main()
