"""`presence-agent bench`: the cost of each stage on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from agent.app.build import plain_track_ids, stages
from agent.app.settings import settings_of
from agent.config.models import Config
from agent.core.frame import Instant
from agent.core.own_python import own_path, own_python
from agent.device.frames import View, frame_of, recorded_frames
from agent.device.recording import open_recording
from agent.errors import AgentError, SourceError
from agent.eventlog.log import EventLog
from agent.install.manifest import load_manifest, models_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agent.app.build import Stages
    from agent.core.frame import Frame

_BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
_KEPT_FRAMES = 64
_WATCHED_S = 5.0
_ASKED_S = 0.2
# In the line that `run` logs when it has started.
_WATCHES = " watches "
_KIB = 1024.0
_WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
_CONFIG: dict[str, Any] = {
    "device": {"site": "bench", "name": "bench"},
    "camera": {"source": "bench"},
    "line": [{"id": "line", "start": [0.5, 0.0], "end": [0.5, 1.0], "inside": [0.9, 0.5]}],
    "zone": [{"id": "zone", "polygon": _WHOLE}],
}


@dataclass(slots=True)
class _Times:
    """Of one stage, in ms, a value a call: of this thread on a processor, and on the clock."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its calls measured."""

        def measured(*args: Any) -> Any:  # noqa: ANN401 - any stage's arguments and result
            cpu_ns, wall_ns = time.thread_time_ns(), time.perf_counter_ns()
            try:
                return call(*args)
            finally:
                self.cpu.append((time.thread_time_ns() - cpu_ns) / 1e6)
                self.wall.append((time.perf_counter_ns() - wall_ns) / 1e6)

        return measured


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What a bench found.

    Attributes:
        ratio: the whole, without decoding the recording, over the networks' inferences alone.
        looked_at: part of the frames at which attention looked, 0–1.
        cpu_ms_per_frame: of the whole as attention has it.
        rss_mb: most memory of `run`, MiB.
        start_s: from the start of `run` until it watches.
        stages: times of a call by stage, of frames that are all looked at.
    """

    ratio: float
    looked_at: float
    cpu_ms_per_frame: float
    rss_mb: float
    start_s: float
    stages: dict[str, _Times]

    def as_json(self) -> str:
        """One object, in the form of the contract and a little more."""
        return json.dumps(
            {
                "ratio": round(self.ratio, 3),
                "looked_at": round(self.looked_at, 3),
                "cpu_ms_per_frame": round(self.cpu_ms_per_frame, 3),
                "rss_mb": round(self.rss_mb),
                "start_s": round(self.start_s, 2),
                "stages": {
                    name: {
                        "cpu_ms_median": round(median(times.cpu), 4),
                        "cpu_ms_p95": round(_p95(times.cpu), 4),
                        "wall_ms_median": round(median(times.wall), 4),
                        "wall_ms_p95": round(_p95(times.wall), 4),
                    }
                    for name, times in self.stages.items()
                },
            }
        )

    def as_table(self) -> Iterator[str]:
        """For people."""
        yield f"{'stage, ms a call':<22} {'CPU median':>10} {'p95':>8} {'wall median':>12} {'p95':>8}"
        for name, times in self.stages.items():
            cpu, wall = times.cpu, times.wall
            yield (
                f"{name:<22} {median(cpu):>10.3f} {_p95(cpu):>8.3f} {median(wall):>12.3f} {_p95(wall):>8.3f}"
            )
        yield ""
        yield f"everything ÷ inference alone, every frame looked at: {self.ratio:.3f}"
        yield f"frames looked at: {self.looked_at:.1%}; CPU a frame then: {self.cpu_ms_per_frame:.2f} ms"
        yield f"run: at most {self.rss_mb:.0f} MiB of memory, watches {self.start_s:.2f} s after its start"


def bench(video: Path | None, seconds: float) -> BenchReport:
    """Measure on a recording, or on the sample that `models fetch --samples` brings.

    The networks run on one thread here, so that the thread's time is all of their time.

    Args:
        video: the recording; None: the sample.
        seconds: how long to measure, about; half with every frame looked at, half as attention has it.

    Raises:
        SourceError, ModelError: there is nothing to measure on, or with.
        AgentError: `run` did not start.
    """
    video = video or _sample()
    ratio, times = _every_frame(video, seconds / 2)
    looked_at, cpu_ms = _as_attention_has_it(video, seconds / 2)
    rss_mb, start_s = _service(video)
    return BenchReport(ratio, looked_at, cpu_ms, rss_mb, start_s, times)


def _sample() -> Path:
    directory = models_directory()
    for entry in load_manifest(directory).samples:
        path = directory / entry.file
        if path.suffix == ".avi" and path.exists():
            return path
    raise SourceError(
        "There is no sample recording: give one with --video, or run `presence-agent models fetch --samples`."
    )


def _every_frame(video: Path, seconds: float) -> tuple[float, dict[str, _Times]]:
    """The ratio, and the times of each stage, over frames in memory."""
    settings = settings_of(Config.model_validate({**_CONFIG, "attention": {"always": True}}))
    fps = settings.camera.fps
    with open_recording(video, fps) as recording, EventLog(settings.sender, None) as log:
        stage = stages(settings, recording.size_px, plain_track_ids(), threads=1)
        pictures = [image for (_, image), _ in zip(recording.frames(), range(_KEPT_FRAMES), strict=False)]
        times: dict[str, _Times] = {
            name: _Times()
            for name in ("frame", "tamper", "attention", "detector", "inference", "tracker", "rules", "log")
        }
        _measure(stage, times)
        make = times["frame"].timed(frame_of)
        append = times["log"].timed(log.append)
        end_s = time.monotonic() + seconds

        def frames() -> Iterator[Frame]:
            index = 0
            while time.monotonic() < end_s or index < len(pictures):
                # Forward and back again, so that nobody jumps.
                place = index % (2 * len(pictures) - 1)
                image = pictures[min(place, 2 * len(pictures) - 2 - place)]
                at = Instant(index / fps, _BEGIN + timedelta(seconds=index / fps))
                yield make(index, at, image)
                index += 1

        begin_ns = time.thread_time_ns()
        for step in stage.steps(frames()):
            append(step.events)
        whole_ms = (time.thread_time_ns() - begin_ns) / 1e6
    return whole_ms / sum(times["inference"].cpu), times


def _measure(stage: Stages, times: dict[str, _Times]) -> None:
    """Wrap the stages' calls so that they are timed."""

    def measured(owner: Any, method: str, name: str) -> None:  # noqa: ANN401 - any stage
        setattr(owner, method, times[name].timed(getattr(owner, method)))

    measured(stage.tamper, "update", "tamper")
    measured(stage.attention, "plan", "attention")
    measured(stage.detector, "detect", "detector")
    for network in stage.detector.networks:
        measured(network, "infer", "inference")
    measured(stage.tracker, "update", "tracker")
    for rule in stage.rules:
        every: Any = rule
        # A generator works when it is asked.
        every.update = times["rules"].timed(lambda *args, update=every.update: list(update(*args)))


def _as_attention_has_it(video: Path, seconds: float) -> tuple[float, float]:
    """Part of the frames that were looked at, and CPU ms a frame, decoding left out."""
    settings = settings_of(Config.model_validate(_CONFIG))
    with open_recording(video, settings.camera.fps) as recording, EventLog(settings.sender, None) as log:
        stage = stages(settings, recording.size_px, plain_track_ids(), threads=1)
        looks, count, spent_ns = _Times(), 0, 0
        detector: Any = stage.detector
        detector.detect = looks.timed(detector.detect)
        end_s = time.monotonic() + seconds
        begin_ns = 0

        def frames() -> Iterator[Frame]:
            nonlocal begin_ns, spent_ns, count
            for frame in recorded_frames(recording, View, _BEGIN):
                begin_ns = time.thread_time_ns()
                yield frame
                spent_ns += time.thread_time_ns() - begin_ns
                count += 1
                if time.monotonic() >= end_s:
                    break

        for step in stage.steps(frames()):
            log.append(step.events)
    return len(looks.cpu) / count, spent_ns / 1e6 / count


def _service(video: Path) -> tuple[float, float]:
    """Most memory of `run` in MiB, and seconds until it watches."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "agent.toml"
        source, log = json.dumps(str(video.resolve())), json.dumps(str(folder / "events.db"))
        config.write_text(
            f'[device]\nsite = "bench"\nname = "bench"\n[camera]\nsource = {source}\n'
            f'[[zone]]\nid = "zone"\npolygon = {_WHOLE}\n[log]\npath = {log}\n',
            encoding="utf-8",
        )
        command = own_python("-m", "agent", "run", "--config", str(config))
        begin_s = time.monotonic()
        with subprocess.Popen(  # noqa: S603 - this same program
            command, stderr=subprocess.PIPE, text=True, encoding="utf-8", env={**os.environ, **own_path()}
        ) as agent:
            lines = []
            for line in agent.stderr or ():
                lines.append(line)
                if _WATCHES in line:
                    break
            else:
                raise AgentError(f"`run` did not start: {''.join(lines).strip()}")
            start_s = time.monotonic() - begin_s
            peak_kib = 0.0
            # Not the child's ru_maxrss: Linux counts in what its parent had when it was started.
            while agent.poll() is None and time.monotonic() < begin_s + start_s + _WATCHED_S:
                peak_kib = _peak_kib(agent.pid)
                time.sleep(_ASKED_S)
            agent.send_signal(signal.SIGTERM)
    return peak_kib / _KIB, start_s


def _peak_kib(pid: int) -> float:
    """Most memory that a running process had in RAM."""
    for row in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if row.startswith("VmHWM:"):
            return float(row.split()[1])
    return 0.0


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
