"""Sentences on the event log, as whoever shows them recognises and translates them.

Each is the one in the code, {…} for what it puts in; {problem} is looked up again.
"""

from __future__ import annotations

from agent.locale.language import N_

_READING: tuple[str, ...] = (
    N_("{path}: there is no event log here; give the configuration of the agent that writes it."),
    N_("{path}: it is not yours to read; do it as root (sudo)."),
    N_("{path}: this is no file, so no event log; see [log] path."),
    N_("{path}: this is no event log of presence-agent; see [log] path."),
    N_(
        "the event log {path} was written by a newer agent (form {version}, this one knows {known}); "
        "read it with that version."
    ),
    N_("the event log {path} can't be read: {problem}."),
    N_("the event log {path} is opened and closed all the time; try again."),
    N_("the event log {path} is damaged: there is something in it that is no event."),
    N_(
        "the event log {path} is damaged: {number} of its events can't be read and were left out; "
        "see `presence-agent log verify`."
    ),
    N_("the event log was replaced by another while it was read; try again."),
    N_("it was replaced by another log while it was read."),
    N_("{path}: line {number} is no event; give a file that `replay --events` wrote."),
)
_WRITING: tuple[str, ...] = (
    N_("the event log {path} is damaged; move it away and a new one is started."),
    N_("the event log in memory can't be used: {problem}."),
    N_("the event log {path} can't be used: {problem}."),
    N_("the event log {path} can't be written ({problem})."),
    N_("the event log {path} can't be written back ({problem})."),
    N_(
        "the event log {path} is {mark} and can't be moved away ({problem}); "
        "move it away and a new one is started."
    ),
    N_("the event log in memory holds what is no event; move it away and a new one is started."),
    N_("the event log {path} holds what is no event; move it away and a new one is started."),
    N_(
        "the event log {path} was written by a newer agent (form {version}, this one knows {known}); "
        "install that version again, or move the file away."
    ),
    N_(
        "the event log {path} was removed or replaced while the agent ran; "
        "stop the agent before you move or restore it."
    ),
    N_("another agent already runs with the event log {path}; stop it first, or set another [log] path."),
    N_("{path} is a database of something else; set another [log] path."),
    N_("there is no file of an event log in memory."),
    N_(
        "{folder} is not there: no agent has run with this configuration yet; "
        "what it sees when it starts is right."
    ),
    N_("{path} can't be written ({problem}); {problem_remedy}."),
    N_("run it with sudo"),
    N_("check the disk"),
)
# Why a log or its disk can't be used.
_CAUSES: tuple[str, ...] = (
    N_("the disk is full; free some space"),
    N_("the file or its disk is read-only; check the card and the rights"),
    N_("it can't be opened or made; check that the folder is there and writable"),
    N_("the file is not an event log; move it away and a new one is started"),
    N_("the file is damaged; move it away and a new one is started"),
    N_("another program holds it; close that"),
    N_("the disk gives errors; check the card"),
    N_("it is damaged"),
)
LOG_PROBLEMS: tuple[str, ...] = (*_READING, *_WRITING, *_CAUSES)
