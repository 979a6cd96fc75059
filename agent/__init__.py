"""Presence events from an office camera: captured, judged and kept at the edge."""

import os

# onnxruntime's wheels report to their maker over the network unless this is set when they are
# loaded. Nothing of an office goes anywhere but to its own broker, so nobody may choose otherwise.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# OpenCV reads these once, when its library is loaded. A picture larger than this is refused
# with a sentence instead of filling a 1 GB board, and FFmpeg's own complaints stay out of ours.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(100_000_000))
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")

# Sums over a few thousand px are all that numpy has to do here; threads for them only cost memory.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
