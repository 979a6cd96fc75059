"""Command line: commands, their options, and exit codes."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from contextlib import contextmanager
from importlib import metadata

# Cyclopts reads annotations.
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

from cyclopts import App, Parameter

from agent.cli.broker import broker_commands
from agent.cli.check import check
from agent.cli.doctor import doctor
from agent.cli.ending import complain, end_with
from agent.cli.errors import entry, exit_code, sentence
from agent.cli.help import ReadersHelp
from agent.cli.log import CONFIG, STANDARD_OUTPUT, ConfigOption, log_app, log_to_stderr
from agent.cli.reload import reload
from agent.core import identifiers
from agent.errors import AgentError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Monday, 07:00 in Vietnam: a replay starts in working hours.
REPLAY_START = "2026-01-05T00:00:00Z"
_DAMAGED = 2
_UNTIL_READ_S = 0.5


def _version() -> str:
    # Not above: only who asks waits for git, where that has the answer.
    from agent.install.commit import package_commit

    return f"{metadata.version('presence-agent')} ({package_commit()})"


app = App(
    name="presence-agent",
    help="""Presence events from an office camera: who is there, never who it is.

    A camera's pictures are looked at on the spot and forgotten; what happened goes to an MQTT
    broker as small JSON messages. Start with `presence-agent check --example gate`.

    `--debug` behind any command shows a traceback when something goes wrong.
    """,
    help_format="markdown",
    help_formatter=ReadersHelp(),
    version=_version,
    version_flags=["--version"],
    help_flags=["--help", "-h"],
)
models_app = App(name="models", help="The networks' weights: list, fetch and verify them.")
app.command(models_app)
app.command(log_app)
app.command(doctor)
app.command(check)
app.command(reload, show=False)
for _command in broker_commands:
    app.command(_command)


@app.command
def run(*, config: ConfigOption = CONFIG) -> NoReturn:
    """Watch the camera and publish events, until stopped.

    This is what the service starts. With a recording as `[camera] source` it plays that once, at
    its own pace, and ends. SIGTERM or Ctrl-C ends it in order; a second one at once.
    """
    from agent.device.journal import JournalHandler, log_lines
    from agent.device.systemd import ENDED, Systemd
    from agent.errors import CameraError

    lines = log_lines()
    try:
        # Not above: what a bad card did to one of the program's files is reported like all else.
        from agent.app.run import run as serve
        from agent.config.load import load

        loaded = load(config)
        if isinstance(lines.target, JournalHandler):
            lines.target.belong_to(loaded.device.site, loaded.device.name)
        serve(loaded, lambda: load(config), lines.flush_due)
        code = 0
    except Exception as error:
        message = sentence(error)
        # For a service that restarts again and again `systemctl status` shows this, but no journal lines.
        Systemd().status(f"{ENDED}{message}")
        if isinstance(lines.target, JournalHandler):
            if "--debug" in sys.argv:
                traceback.print_exc()
            for line in message.splitlines():
                logging.getLogger(__name__).error(entry(error), line)  # noqa: TRY400 - for --debug only
        elif not isinstance(error, CameraError):
            raise
        else:
            complain(error)
        code = exit_code(error)
    finally:
        logging.getLogger().removeHandler(lines)
        lines.close()
    if code and isinstance(lines.target, JournalHandler):
        # journald finds a line's unit in /proc, so the process has to live until it has read the line.
        time.sleep(_UNTIL_READ_S)
    # All is closed. Not sys.exit: a thread that hangs in a camera's driver would keep the process.
    os._exit(code)


@app.command(name="accept-view")
def accept_view(*, config: ConfigOption = CONFIG) -> int:
    """Accept the camera's present view as the right one: it was turned on purpose.

    Lines, zones and masks then lie as they are configured, and a camera that counted as moved counts again.
    Draw them first, if what the camera sees is no longer what they were drawn for.
    """
    from agent.app.view_store import accept_view as accepted
    from agent.config.load import load

    print(accepted(load(config)))
    return 0


@app.command
def detect(
    *images: Annotated[Path, Parameter(help="Pictures.")],
    config: Annotated[
        Path | None, Parameter(help="Take minimum scores, masks and what is drawn from this file.")
    ] = None,
    min_score: Annotated[
        float | None, Parameter(help="Minimum score of persons and faces, 0 to 1; lower shows more.")
    ] = None,
    draw: Annotated[Path | None, Parameter(help="Write annotated copies here, persons blurred.")] = None,
) -> int:
    """Find persons and faces in pictures; print a line of JSON for each.

    Boxes are [x1, y1, x2, y2, score] in pixels of the picture. A picture that can't be read is reported,
    the others are done, and the exit code is 2.
    """
    if not images:
        raise ConfigError("detect needs at least one picture: presence-agent detect PICTURE…")
    if min_score is not None and not 0 < min_score <= 1:
        raise ConfigError(f"--min-score {min_score:g}: give a number above 0, at most 1.")
    from agent.app.replay import detect as detections
    from agent.config.load import load

    code = 0
    with _progress("pictures", printing=True) as progress:
        loaded = load(config) if config else None
        for done, line in enumerate(detections(images, loaded, min_score, draw), 1):
            if isinstance(line, AgentError):
                complain(line)
                code = line.exit_code
            else:
                print(line, flush=True)
            progress(done, len(images))
    return code


@app.command
def bench(
    *,
    video: Annotated[
        Path | None, Parameter(help="The recording; otherwise the sample of `models fetch --samples`.")
    ] = None,
    seconds: Annotated[float, Parameter(help="How long to measure, about.")] = 20.0,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="One line of JSON.")] = False,
) -> int:
    """Measure on this machine what each stage costs, what memory `run` needs and how fast it starts."""
    if not 1 <= seconds <= 3600:  # noqa: PLR2004 - an hour
        raise ConfigError(f"--seconds {seconds:g}: give a number from 1 to 3600.")
    from agent.app.bench import bench as measured

    figures = measured(video, seconds)
    if as_json:
        print(figures.as_json())
    else:
        print(*figures.as_table(), sep="\n")
    return 0


@app.command
def replay(
    video: Annotated[Path, Parameter(help="The recording.")],
    /,
    *,
    config: ConfigOption,
    events: Annotated[
        Path,
        Parameter(allow_leading_hyphen=True, help="Write events here, one a line; - is standard output."),
    ] = STANDARD_OUTPUT,
    start: Annotated[str, Parameter(help="When the recording starts, RFC 3339.")] = REPLAY_START,
    pace: Annotated[
        Literal["fast", "real"], Parameter(help="As fast as it goes, or at the recording's pace.")
    ] = "fast",
    draw: Annotated[
        Path | None, Parameter(help="Write a video (.mp4) with everything drawn in, persons blurred.")
    ] = None,
    publish: Annotated[bool, Parameter(help="Publish the events too, under the name --as.")] = False,
    as_: Annotated[
        str | None, Parameter(name="--as", help="Device name to publish under; not the configured one.")
    ] = None,
    mot: Annotated[Path | None, Parameter(help="Write tracks in MOTChallenge form (for developers).")] = None,
) -> int:
    """Run the same pipeline over a recording, on the recording's own time.

    The same recording gives the same events, to the byte. The configuration's camera source and
    event log are not touched.
    """
    log_to_stderr()
    from agent.app.replay import ReplayOptions
    from agent.app.replay import replay as play
    from agent.config.load import load

    loaded = load(config)
    options = ReplayOptions(
        start=identifiers.moment(start),
        real_time=pace == "real",
        events=None if events == STANDARD_OUTPUT else events,
        mot=mot,
        draw=draw,
        publish_as=identifiers.replay_name(as_, publish=publish),
    )
    with _progress("frames", printing=events == STANDARD_OUTPUT) as progress:
        play(loaded, video, options, progress)
    return 0


@app.command
def schema(
    *, out: Annotated[Path | None, Parameter(help="Write a file for each into this folder.")] = None
) -> int:
    """Print the JSON Schemas and the AsyncAPI document of everything published, or write them as files."""
    from agent.wire.asyncapi import DOCUMENT, documents

    if out is None:
        print(json.dumps(documents(), indent=2))
        return 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in documents().items():
            path = out / (f"{name}.json" if name == DOCUMENT else f"{name}.schema.json")
            path.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise AgentError(f"--out {out}: can't be written ({error.strerror}).") from error
    return 0


@models_app.default
@models_app.command(name="list")
def models_list() -> int:
    """List the weights and samples: what they are, where from, and whether they are there."""
    from agent.install.manifest import load_manifest, models_directory
    from agent.install.verify import listing

    directory = models_directory()
    print(f"in {directory}:")
    # Not rich.Table: in a pipe it takes 80 columns and cuts files' names, and it has no row across columns.
    for row in listing(load_manifest(directory), directory):
        size = f"{row.size_bytes / 1e6:.1f} MB"
        print(f"{row.name:<12} {row.kind:<8} {row.state:<8} {size:>8}  {row.file}  ({row.licence})")
        print(f"{'':12} {row.what}")
    return 0


@models_app.command(name="fetch")
def models_fetch(
    *names: Annotated[str, Parameter(help="Weights and samples, as `models list` names them.")],
    from_: Annotated[
        Path | None, Parameter(name="--from", help="Take files from this folder; no network is used.")
    ] = None,
    samples: Annotated[bool, Parameter(help="The sample footage and pictures too.")] = False,
) -> int:
    """Get the weights, check their sha256 and prepare them; what is there already is kept.

    Without names: all weights but the optional ones. An interrupted fetch resumes where it stopped.
    """
    from agent.install.fetch import fetch
    from agent.install.manifest import load_manifest, models_directory

    directory = models_directory()
    manifest = load_manifest(directory)
    if samples:
        names = tuple(entry.name for entry in (*manifest.weights, *manifest.samples))
    with _progress("bytes", printing=False) as progress:
        fetch(manifest, directory, names, from_dir=from_, say=print, progress=progress)
    return 0


@models_app.command(name="verify")
def models_verify() -> int:
    """Compare the sha256 of what is there; exit code 2 when weights are missing or wrong."""
    from agent.install.manifest import load_manifest, models_directory
    from agent.install.verify import verify

    directory = models_directory()
    findings = verify(load_manifest(directory), directory)
    for finding in findings:
        print(finding.line)
    bad = any(
        item.status in {"wrong", "closed"} or (item.needed and item.status != "ok") for item in findings
    )
    return _DAMAGED if bad else 0


def main() -> NoReturn:
    """Run a command and end with the contract's exit code."""
    end_with(app)


@contextmanager
def _progress(unit: str, *, printing: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal; nothing in a pipe, or where the lines printed are the progress."""
    if not sys.stderr.isatty() or (printing and sys.stdout.isatty()):
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), unit, TimeRemainingColumn())
    # Printed lines must reach a pipe, and logged lines must not break the bar.
    shown = Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    )
    with shown as bars:
        task = bars.add_task("", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total or None)
