"""Journal messages for technicians, each with the MESSAGE_ID under which a catalogue explains it."""

from __future__ import annotations

from typing import Self


class LogMessage(str):
    """The wording of a line, with `%s` for what is different each time; log it as any other wording.

    What is in `extra` (`rule`, `reason`) is a field of its own in the journal.

    ::

        CAMERA_LOST = LogMessage("the camera gives no frames: %s", "0123456789abcdef0123456789abcdef")
        _log.warning(CAMERA_LOST, error, extra={"reason": "lost"})

    Attributes:
        message_id: 32 hex digits, new for each message and for ever the same (man 7 systemd.journal-fields).
        group: shared by messages about the state of the same thing; of many only the last is of use.
    """

    __slots__ = ("group", "message_id")
    message_id: str
    group: str | None

    def __new__(cls, wording: str, message_id: str, group: str | None = None) -> Self:
        """Make one from its wording and its id."""
        message = super().__new__(cls, wording)
        message.message_id = message_id
        message.group = group
        return message


# The camera.
CAMERA_GIVES = LogMessage("the camera gives pictures", "84afd45b47ae4284bd684b7668abd262", "camera")
CAMERA_NO_PICTURES = LogMessage(
    "no pictures from the camera: %s; it is opened again until there are some",
    "b599e42def704e73a9f2c7a67ebbee1c",
    "camera",
)
CAMERA_BACK = LogMessage(
    "the camera gives pictures again, after %.0f s without", "d8964d9eb98041bcb3efea1aea1e4668", "camera"
)
CAMERA_SCALED = LogMessage(
    "the camera gives pictures of %dx%d px; they are scaled to %dx%d", "17628f26a43242efa68019e3888a3eb7"
)
CAMERA_HANGS = LogMessage("camera did not close in time; abandoned", "70114d5841d24701b86fa83fdb374ecf")
CAMERA_CLOSED_BADLY = LogMessage("the camera was not closed cleanly: %s", "f494a7fa2ad24676bd6267ee33fc6319")
CAMERA_BLIND = LogMessage(
    "the camera can't see (%s); until it does, nobody is counted", "5ac3219002c04c649ac76bf2cd454e47", "sight"
)
CAMERA_SEES = LogMessage("the camera sees again", "425975c812864931ac732d31d2c255b9", "sight")
CAMERA_NIGHT = LogMessage(
    "it is dark, outside working hours; until there is light, nobody is counted",
    "e8fa20accd36402696858b944e0b3020",
    "sight",
)
VIEW_SHIFTED = LogMessage(
    "the camera's view is shifted by %.1f %% of its width; lines, zones and masks follow once it is steady",
    "f146dfea321c479fa00b2cdfbf3a6110",
    "view",
)
VIEW_FOLLOWED = LogMessage(
    "lines, zones and masks were moved along with the camera's view, by %.1f %% of its width",
    "8ca16a9ac7b8447793ebc2deb9c7192a",
    "view",
)
VIEW_BACK = LogMessage(
    "the camera's view is where it was, and so are lines, zones and masks",
    "d58b5c45e6934cf59a3b589b2a1deab1",
    "view",
)
VIEW_MOVED = LogMessage(
    "the camera was moved further than lines and zones follow: put it back, or see that they are right for "
    "what it sees now and run `presence-agent accept-view`",
    "11cdc4230a664244beb67fdb54853aef",
    "view",
)
VIEW_ACCEPTED = LogMessage(
    "the camera's present view was accepted as the right one: %s", "66d095c60a1d45a3bb898e4ab74a3baf", "view"
)
VIEW_NOT_KEPT = LogMessage(
    "the camera's view can't be stored beside the event log (%s); a restart would lose it",
    "96844ef90a024db6a4fe3e3c17a646e2",
)
RECORDING_TOO_FAST = LogMessage(
    "this machine is slower than the recording: %d frames were left out", "4c8cf43ac1e64e04a743a27b26b9a9cb"
)

# The service.
WATCHES = LogMessage("%s/%s watches %s, %dx%d px", "02da6faae1e5424eab29867853012463")
READY = LogMessage("ready: it sees and logs", "6957404d0bf8441582c7af9841d5d0a4")
STOPS = LogMessage("stops: %s", "2fd9b1f4759b427a8521ecc5ac8fdc38")
FAILS = LogMessage("the agent ends: %s", "6ed7c883b0f84e028f8facf97b49812f")
FAILS_CONFIG = LogMessage(
    "the agent ends, its configuration is wrong or can't be read: %s", "387d5b7020024ce999f56dfd4b90bd7e"
)
FAILS_SOURCE = LogMessage(
    "the agent ends, its recording can't be read: %s", "7775c333d14a49e2b5552e2da62510cd"
)
FAILS_WEIGHTS = LogMessage(
    "the agent ends, its weights are missing, damaged or can't be read: %s",
    "ce7c0d3051a5417c90b2d647b197b25f",
)
FAILS_CERTIFICATE = LogMessage(
    "the agent ends, a certificate or key file can't be read: %s", "2249b22dab01467ebd86aa315ec46cb1"
)
CONFIG_RELOADED = LogMessage(
    "the configuration was read again; new: %s", "e1b212a97f544da1b6722cfbb748457d", "configuration"
)
CONFIG_REFUSED = LogMessage(
    "the new configuration was refused, the old one stays in force: %s",
    "ba426c7f5cc94cd797a4e4ca96de8197",
    "configuration",
)
CONFIG_RESTARTS = LogMessage(
    "configuration changed (%s): restarting the pipeline",
    "0fd59b252bb3403aa8acbb3281ef9926",
    "configuration",
)
CONFIG_FAILS = LogMessage(
    "the agent can't start with the new configuration, so the old one is in force again: %s",
    "6727e08556b54588b1671fedb06e9665",
    "configuration",
)
UPDATE_FAILED = LogMessage(
    "the update from version %s to %s failed (%s): the version before runs",
    "f6ee3b6546d54b6a90eef47f10245e07",
)
SECRET_OPEN = LogMessage(
    "%s can be read by others than the service (mode %s): run '%s'", "7a916071d6774e0999621e780e560666"
)
CALENDAR_HOLDS = LogMessage(
    "working hours and days off are what the centre set (%s, in force since %s), not the configuration's",
    "a63ba6122170370a6ff05fc49ec4de40",
    "calendar",
)
CALENDAR_CLEARED = LogMessage(
    "working hours and days off are the configuration's again: the centre cleared what it had set",
    "9217e7924ddd4ccca72f589a6ff1fa98",
    "calendar",
)
CALENDAR_REFUSED = LogMessage(
    "the working hours received on cmd/calendar were refused, nothing changes: %s",
    "760e030dac28f84cca19cb9d943a5ec9",
)
CALENDAR_OLDER = LogMessage(
    "the working hours received on cmd/calendar were set before those in force (%s, and not %s), nothing "
    "changes",
    "979a7d682f2c4f5fabb6b6a5b145cf80",
)
CALENDAR_NOT_KEPT = LogMessage(
    "the working hours of the centre can't be stored beside the event log (%s); a restart without the "
    "broker would lose them",
    "7219ca52c46caeb51c4eb515593c27bc",
)
CALENDAR_LOST = LogMessage(
    "the working hours of the centre can't be read from the card (%s); the configuration's apply until "
    "the broker sends them again",
    "6144b87ca80dc22bf7d3781d2073fba8",
)
HEALTH = LogMessage("health verdict=%s reasons=%s", "7a99d08b599c451e9b0b4708058541a3")
HELD_BACK = LogMessage(
    "%d similar messages suppressed; the newest follows", "68419b77d6de41dc8120daa6639edc86"
)

# The clock.
CLOCK_SET = LogMessage("the clock was set, it is %s UTC now", "cc695c4ed3f94d8680d7acb5353d6461")

# The event log and its card.
LOG_FULL = LogMessage(
    "the disk of the event log %s is full; free some space. Until then the oldest events are deleted",
    "3e7e308a464845b88a465d7d194ddf13",
    "room",
)
LOG_ROOM = LogMessage(
    "there is space again on the disk of the event log %s", "bdb686f6191047b79b5c6b5ca79b5f24", "room"
)
LOG_DAMAGED = LogMessage(
    "the event log %s is damaged; it is now %s, and a new log was started", "37bc2b3386864cf396875401a2f32d44"
)
LOG_TIDIED = LogMessage(
    "%s was deleted: there are newer ones that were set aside", "db348040d9fa4caabaeeb1a0c2c24273"
)
LOG_TOO_OLD = LogMessage(
    "%s was deleted: what was in it is older than [log] keep_days", "9cf89db5c18e419b92ad832cd189ead9"
)
LOG_OTHER_BOARD = LogMessage(
    "the event log %s was started on another board; it is now %s, and a new log was started",
    "774cc46abaec43b8acaadf27dee6f3e2",
)
LOG_OTHER_NAME = LogMessage(
    "this device had another site or name before: its event log is now %s, and a new one was started with "
    "the %d events that no broker has; `presence-agent retire` clears the old name at the broker",
    "2f003f5ec9ea425484e0e002b8ce266b",
)
LOG_RESTORED = LogMessage(
    "a broker knows the event log %s up to %d, which this card never published: the card was restored. "
    "A new log %s was started, with the %d events since it was opened",
    "222180ef62b746a69a381b89201ebdcc",
)
LOG_IN_MEMORY = LogMessage(
    "%s Events are now kept in memory only, in a new log.", "49d42373c93e4d7d83a9d70e441830a2", "card"
)
LOG_NO_MEMORY_FILE = LogMessage(
    "the in-memory log can't be a file, so a kill would lose it: %s", "8d0f650b558147ca994fb8efea7abf26"
)
LOG_ON_CARD = LogMessage(
    "the event log %s can be written again; the %d events kept in memory are delivered beside it",
    "07248379741b4f1ca3e1d572644386da",
    "card",
)
LOG_PUT_BACK = LogMessage(
    "the event log %s was written back to where it was; events go to it again in a minute",
    "826b6120e567fcc947c9d04d7bbb2d24",
)
LOG_PUT_BACK_OVER = LogMessage(
    "the event log %s was written back to where it was; what was in its place is now %s",
    "eeac2139b68c7698c2d02691de288ea0",
)
LOG_NOT_PUT_BACK = LogMessage(
    "the content of the event log is not on the card now: %s", "8283c4636e443ebc44e1488d80b27e75", "card"
)
LOG_LEFT = LogMessage(
    "%d events in %s are still to be delivered, beside those of the event log",
    "990bcb5ee830462ba539bbc240173aac",
)
LOG_LEFT_UNREADABLE = LogMessage(
    "%s Its undelivered events can't be sent.", "ecc8d9f1024e4d5a8e442f64231f226f"
)
LOG_NOT_SERVED = LogMessage(
    "%s Its undelivered events will not be sent until the next start.", "5f91d56e4752428aa0816daf91179b8f"
)
LOG_NOT_TIDIED = LogMessage(
    "%s The oldest events were not deleted; the next try is in an hour.",
    "b03fdbc57b894f8fb07e212b8ccaa229",
)
EVENTS_DROPPED = LogMessage(
    "%d events were deleted that no broker has taken, up to number %d: [log] %s is reached",
    "da16722b2cfd408595299c50797bc640",
)
EVENTS_OVER_SIZE = LogMessage(
    "the %d oldest events were deleted, up to number %d: [log] %s is reached",
    "4753af2fcb0443dc863ff05149e6d927",
)
EVENTS_TOO_OLD = LogMessage(
    "%d events older than [log] keep_days were deleted", "7ccfa081d4ae4a9cb744a9c21152fbf4"
)

# The broker.
BROKER_NONE = LogMessage(
    "there is no [mqtt] in the configuration: events stay in the log %s",
    "b2999476ab984852ad5bbbca602fd321",
    "broker",
)
BROKER_CONNECTED = LogMessage("connected to the broker %s", "1c8d38ae1d644addae93a1da770b614b", "broker")
BROKER_CONNECTED_311 = LogMessage(
    "connected to the broker %s; with MQTT 3.1.1 it can't report what it refuses later",
    "9da394a8b6bf4b32ade0a089eb40e779",
    "broker",
)
BROKER_TAKES = LogMessage("the broker %s accepts events again", "ea35b132a29248a7b31b05bdd011931a", "broker")
BROKER_TROUBLE = LogMessage(
    "%s; events stay in the log, trying again", "996e83fc0c30407199ddca00628d1d4d", "broker"
)
BROKER_UNSTEADY = LogMessage(
    "the connection to the broker %s was taken or dropped %d times within a minute; %s",
    "5512bbc35bd14723966f7d881b09fc9d",
    "broker",
)
BROKER_REFUSES = LogMessage("%s", "06418ec8c0f642cfb76ac05457c093f8", "broker")
DELIVERY_LOG_TROUBLE = LogMessage(
    "delivery waits for the event log: %s", "ffa664a6869845a68743a019dd2dccdb", "broker"
)
CERTIFICATE_ENDS = LogMessage(
    "this device's certificate %s ends on %s: have a new one made and put it in its place, with its key; "
    "without it no broker lets this device in from then on",
    "d2ab4ffa2bed8186fa05fa85759443b5",
    "certificate",
)
CERTIFICATE_ENDED = LogMessage(
    "this device's certificate %s has ended, on %s: no broker lets this device in; have a new one made and "
    "put it in its place, with its key",
    "c7d821bc63fefc6a5ae9bf54eda67eff",
    "certificate",
)
REPLAY_DONE = LogMessage(
    "replayed %d events of log %s on request, %d to %d", "da8603081ee8492693ee1f1173dd34e5"
)
REPLAY_ENDS_EARLY = LogMessage("a replay ends early: %s", "0ebade30001b41a58fe8b04bbcc5e7b5")
REPLAY_REFUSED = LogMessage("the requested replay %s was refused: %s", "66d07a0007754513914f151e191e3ad0")
REPLAY_IGNORED = LogMessage("a message on cmd/replay is ignored: %s", "ba3680098c4c4c268feec8a56d6760f7")

# The daily check (presence-agent-check.service).
CARD_GOOD = LogMessage("log and card are good: %s", "96e18a744eff4a92b6ff23241cd99ce3")
CARD_BAD = LogMessage("log and card: %s", "d5cb3b9c39cc4a31a467dcc0f9dd035e")
