"""Messages on the configuration, the weights, and the camera with its picture."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_, NC_

_SUDO = N_("Run it as root: sudo presence-agent doctor.")
_LAMP = N_(
    "Switch the light on, or take away what covers the lens; if it is to see at night, give it a lamp."
)
_TURN = N_("Set rotation = {rotation} under [camera], or turn the camera round.")
_SHARPEN = N_(
    "Wipe the lens, take off its film, and turn it until small print at the distance of people is sharp."
)
_FACE = N_("Stand in front of the camera, look at it, and run doctor again.")
_LOOK_AT_SERVICE = N_("See 'journalctl -u presence-agent -x' for why it gives no pictures.")

CAMERA_MESSAGES: dict[str, DoctorMessage] = {
    "configuration.ok": DoctorMessage("ok", N_("{path} is good")),
    "configuration.notice": DoctorMessage(
        "warning",
        N_("{path} is good, but: {problem}"),
        N_("Change it if it is not meant so."),
    ),
    "configuration.example": DoctorMessage(
        "warning",
        N_("{where} = {value}: still an example's"),
        N_("Put your own there: 'presence-agent check --config {path}' shows what would be right."),
    ),
    "configuration.wrong": DoctorMessage(
        "fault",
        NC_("configuration.wrong", "{problem}"),
        N_("Correct it, then try 'presence-agent check --config {path}'."),
        can_start=False,
    ),
    "weights.ok": DoctorMessage("ok", N_("{names} are whole")),
    "weights.spare": DoctorMessage(
        "warning",
        N_("what was prepared from it serves, but an update could not prepare it again: {problem}"),
        N_("Run 'presence-agent models fetch {name}'."),
    ),
    "weights.wrong": DoctorMessage(
        "fault",
        NC_("weights.wrong", "{problem}"),
        N_("Run 'presence-agent models fetch {name}'."),
        can_start=False,
    ),
    "weights.manifest": DoctorMessage(
        "fault",
        NC_("weights.manifest", "{problem}"),
        N_("Install presence-agent again."),
        can_start=False,
    ),
    "camera.ok": DoctorMessage(
        "ok",
        N_("{source} gives pictures of {width}×{height} px"),
    ),
    "camera.other_size": DoctorMessage(
        "warning",
        N_("{source} gives pictures of {width}×{height} px, asked for are {asked}"),
        N_("Set size = [{width}, {height}] under [camera]."),
    ),
    "camera.running": DoctorMessage(
        "ok",
        N_("the service uses it and sees; its numbers are {age_s} s old, {fps} pictures a second"),
    ),
    "camera.unreadable": DoctorMessage(
        "fault",
        N_("the recording can't be read: {problem}"),
        N_("Correct source under [camera], or put the recording there again."),
        can_start=False,
    ),
    "camera.not_opened": DoctorMessage(
        "fault",
        N_("it can't be opened: {problem}"),
        N_(
            "Check its cable (switch the power off first) and source under [camera]; "
            "end what else uses the camera."
        ),
    ),
    "camera.not_reached": DoctorMessage(
        "fault",
        N_("it can't be reached: {problem}"),
        N_("Check its power and its network, and source, username and password_file under [camera]."),
    ),
    "camera.no_pictures": DoctorMessage(
        "fault",
        N_("it opens but gives no pictures"),
        N_("Check both ends of its cable with the power off, then restart the device."),
    ),
    "camera.moved": DoctorMessage(
        "fault",
        N_("the service uses it, but it was moved: nobody is counted; its numbers are {age_s} s old"),
        N_(
            "Put it back to its place; or, if it is to stay so, draw lines and zones for what it sees "
            "now and run 'sudo systemctl reload presence-agent', or, if they are right as they are, "
            "'sudo presence-agent accept-view'."
        ),
    ),
    "camera.blind": DoctorMessage(
        "fault",
        N_("the service uses it, but can't see ({cause}); its numbers are {age_s} s old"),
        N_(
            "Look at the camera: uncover it, give it light, wipe and focus its lens, put it back to "
            "its place, or check its cable."
        ),
    ),
    "camera.stale": DoctorMessage(
        "fault",
        N_("the service uses it, but its numbers are {age_s} s old"),
        _LOOK_AT_SERVICE,
    ),
    "camera.no_numbers": DoctorMessage(
        "unknown",
        N_("the service uses it and has not written its numbers yet"),
        N_("Wait half a minute and run doctor again; if it stays so, stop the service and run doctor then."),
    ),
    "camera.no_access": DoctorMessage(
        "unknown",
        N_("the service uses it; only root may read its numbers"),
        _SUDO,
    ),
    "light.ok": DoctorMessage("ok", N_("bright enough ({brightness} of 255)")),
    "light.dark": DoctorMessage(
        "warning",
        N_("too dark to see anybody ({brightness} of 255)"),
        _LAMP,
    ),
    "light.dark_fault": DoctorMessage(
        "fault",
        N_("too dark to see anybody ({brightness} of 255), though night = true"),
        _LAMP,
    ),
    "focus.ok": DoctorMessage("ok", N_("the picture is sharp")),
    "focus.blurred": DoctorMessage(
        "warning",
        N_("the picture is out of focus"),
        _SHARPEN,
    ),
    "focus.unknown": DoctorMessage(
        "unknown",
        N_("there is nothing in the picture to judge by"),
        N_("Give it light, then run doctor again."),
    ),
    "upright.ok": DoctorMessage("ok", N_("faces are upright")),
    "upright.turned": DoctorMessage(
        "warning",
        N_("the picture is upside down: faces are"),
        _TURN,
    ),
    "upright.no_faces": DoctorMessage("unknown", N_("no face was seen to judge by"), _FACE),
    "upright.no_network": DoctorMessage(
        "unknown",
        N_("the face detector can't be used: {problem}"),
        N_("Run 'presence-agent models fetch {name}'."),
    ),
}
