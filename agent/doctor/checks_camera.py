"""Checks of the weights, and of the camera and its picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.app.networks import face_network
from agent.app.placement import view
from agent.app.weights import first_weights, weights_in_use
from agent.core.detections import FACE
from agent.device import clock
from agent.device.camera import Camera
from agent.device.recording import open_recording
from agent.doctor.checks_service import current_numbers, main_process, unresponsive
from agent.doctor.image_quality import is_blurred, is_dark, mean_light
from agent.doctor.report import Finding
from agent.doctor.service_numbers import STALE_S
from agent.doctor.system import unit_properties, within
from agent.errors import AgentError, BrokenOffError, CameraError, ModelError, SourceError
from agent.health.camera_stats import Orientation
from agent.install.manifest import load_manifest, models_directory
from agent.install.prepare import has_prepared
from agent.install.verify import verify
from agent.locale.language import NC_

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from agent.app.settings import CameraSettings, Settings
    from agent.core.frame import Instant
    from agent.doctor.system import Emit, System

CameraOf = Callable[["CameraSettings", Callable[[], "Instant"]], Camera]

_PICTURES = 8
_FIRST_S = 5.0
_LOOKS_S = 4.0
_CLOSE_S = 3.0
_DARK = 30
_BLURRED_RATIO = 0.4
_LEAST_FACES = 2
_VISIBILITY_CODES = {"ok": "camera.running", "moved": "camera.moved", "lost": "camera.lost"}
_NO_PICTURE = {"after": NC_("after", "the camera")}


def weights_check(settings: Settings, emit: Emit) -> bool:
    """Check the weights in use; whether they can all be loaded."""
    directory = models_directory()
    try:
        in_use = weights_in_use(settings.model, faces=settings.detector.faces)
        manifest = load_manifest(directory)
        findings = verify(manifest, directory)
    except ModelError as error:
        emit(Finding("weights.manifest", {"problem": error}))
        return False
    used = [entry.name for entry in in_use]
    # The service loads what was prepared, and needs nothing else.
    serve = {entry.name for entry in in_use if has_prepared(directory, entry)}
    wrong: dict[str, Finding] = {}
    for item in findings:
        if item.name not in used or item.status == "ok":
            continue
        if item.name in serve:
            code = "weights.spare"
        else:
            code = "weights.closed" if item.status == "closed" else "weights.wrong"
        if (code, item.status) != ("weights.spare", "missing"):
            # Of one that is not there what was made from it is not there either; one command opens all.
            key = "" if code == "weights.closed" else item.name
            wrong.setdefault(key, Finding(code, {"problem": item.line, "name": item.name}))
    for finding in wrong.values():
        emit(finding)
    if not wrong:
        emit(Finding("weights.ok", {"names": ", ".join(used)}))
    return len(serve) == len(used)


def camera_checks(
    settings: Settings,
    camera_of: CameraOf,
    machine: System,
    running: bool,
    weights: bool,
    emit: Emit,
) -> None:
    """Judge the camera by its pictures; while the service runs, by the numbers that it writes.

    Args:
        settings: name the camera.
        camera_of: makes a live camera, not opened yet.
        machine: where to look.
        running: whether the service, or another agent, has the camera.
        weights: whether the networks in use are whole.
        emit: takes each finding.
    """
    if running:
        _by_service(settings, machine, emit)
        return
    secret = machine.secret_path(settings.camera.password_file)
    settings = replace(settings, camera=replace(settings.camera, password_file=secret))
    try:
        pictures = _pictures(settings, camera_of, emit)
    except SourceError as error:
        closed = isinstance(error.__cause__, PermissionError)
        emit(Finding("camera.closed" if closed else "camera.unreadable", {"problem": error}))
        pictures = []
    except CameraError as error:
        code = "camera.not_reached" if "://" in settings.camera.source else "camera.not_opened"
        emit(Finding(code, {"problem": error}))
        pictures = []
    if not pictures:
        _skip_picture(emit)
        return
    _by_pictures(settings, pictures, weights, emit)


def _skip_picture(emit: Emit) -> None:
    for check in ("light", "focus", "upright"):
        emit(Finding(f"{check}.skipped", _NO_PICTURE))


def _pictures(settings: Settings, camera_of: CameraOf, emit: Emit) -> list[NDArray[np.uint8]]:
    """A few, as the agent would see them; their size is a finding."""
    source = settings.camera.source
    if not settings.camera.is_live:
        with open_recording(Path(source), settings.camera.fps) as recording:
            taken = []
            try:
                # The first of each second: faces turn up in some of them only.
                every = max(1, round(recording.fps))
                for _, image in islice(recording.frames(), 0, _PICTURES * every, every):
                    taken.append(image.copy())
            except BrokenOffError:
                pass
        _emit_size(settings, taken, emit, asked=False)
    else:
        camera = camera_of(settings.camera, clock.now)
        camera.open()
        try:
            taken = list(_taken(camera))
            _emit_size(settings, taken, emit, asked=True)
        finally:
            try:
                within(_CLOSE_S, camera.close)
            except TimeoutError:
                emit(Finding("camera.hung", {"limit_s": f"{_CLOSE_S:g}"}))
    looked = view(settings.config)
    return [looked.of(image) for image in taken]


def _taken(camera: Camera) -> Iterator[NDArray[np.uint8]]:
    """Pictures of a live camera, the later ones: exposure and focus settle in the first."""
    give_up_s = time.monotonic() + _FIRST_S
    newest: list[NDArray[np.uint8]] = []
    seen = 0
    while seen < 2 * _PICTURES and time.monotonic() < give_up_s:
        if picture := camera.picture(1.0):
            if not seen:
                give_up_s = time.monotonic() + _LOOKS_S
            seen += 1
            newest = [*newest[-_PICTURES + 1 :], picture.image.copy()]
    yield from newest


def _emit_size(settings: Settings, taken: list[NDArray[np.uint8]], emit: Emit, *, asked: bool) -> None:
    source = settings.camera.source
    if not taken:
        emit(Finding("camera.no_pictures"))
        return
    height, width = taken[-1].shape[:2]
    wanted = "{}×{}".format(*settings.camera.size)
    other = asked and (width, height) != settings.camera.size
    values = {"source": source, "width": width, "height": height, "asked": wanted}
    emit(Finding("camera.other_size" if other else "camera.ok", values))


def _by_pictures(settings: Settings, pictures: list[NDArray[np.uint8]], weights: bool, emit: Emit) -> None:
    greys = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False) for image in pictures]
    dark = is_dark(greys[-1], settings.tamper.dark_level)
    light = {"brightness": mean_light(greys[-1])}
    emit(Finding(_light(settings, dark=dark), light))
    blurred = None if dark else is_blurred(greys)
    codes = {None: "focus.unknown", True: "focus.blurred", False: "focus.ok"}
    emit(Finding(codes[blurred]))
    if dark:
        emit(Finding("upright.no_faces"))
        return
    if not weights:
        emit(Finding("upright.skipped", {"after": NC_("after", "the weights")}))
        return
    name = first_weights(FACE).name
    try:
        orientation = Orientation(face_network())
    except AgentError as error:
        emit(Finding("upright.no_network", {"problem": error, "name": name}))
        return
    ways = [orientation.faces(picture) for picture in pictures]
    emit(_upright(settings, sum(up for up, _ in ways), sum(down for _, down in ways)))


def _light(settings: Settings, *, dark: bool) -> str:
    if not dark:
        return "light.ok"
    return "light.dark_fault" if settings.night else "light.dark"


def _upright(settings: Settings, upright: int, upside_down: int) -> Finding:
    if upside_down >= _LEAST_FACES and upside_down > 2 * upright:
        return Finding("upright.turned", {"rotation": 180 - settings.camera.rotation})
    return Finding("upright.ok" if upright else "upright.no_faces")


def _by_service(settings: Settings, machine: System, emit: Emit) -> None:
    shown = unit_properties()
    if found := unresponsive(shown, machine):
        emit(Finding(found.code.replace("service.", "camera."), found.values))
        _skip_picture(emit)
        return
    try:
        numbers = current_numbers(machine, main_process(shown or {}))
        code = "camera.no_numbers"
    except PermissionError:
        numbers, code = None, "camera.no_access"
    if numbers is None or numbers.age_s > STALE_S:
        emit(Finding(code) if numbers is None else Finding("camera.stale", {"age_s": numbers.age_s}))
        _skip_picture(emit)
        return
    fps = "?" if numbers.fps is None else f"{numbers.fps:g}"
    code = _VISIBILITY_CODES.get(numbers.camera, "camera.blind")
    values = {"age_s": numbers.age_s, "fps": fps, "cause": numbers.camera, "source": settings.camera.source}
    emit(Finding(code, values))
    if numbers.camera == "lost":
        _skip_picture(emit)
        return
    dark = numbers.camera == "dark" or (numbers.brightness is not None and numbers.brightness < _DARK)
    brightness = "?" if numbers.brightness is None else round(numbers.brightness)
    emit(Finding(_light(settings, dark=dark), {"brightness": brightness}))
    sharp, usual = numbers.sharpness, numbers.usual_sharpness
    if dark or sharp is None:
        emit(Finding("focus.unknown"))
    else:
        less = usual is not None and sharp < _BLURRED_RATIO * usual
        emit(Finding("focus.blurred" if less or numbers.camera == "blurred" else "focus.ok"))
    emit(_upright(settings, numbers.upright, numbers.upside_down))
