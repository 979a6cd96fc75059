"""Archive of the bundle: a closed list of members, written whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import stat
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agent.config.load import load
from agent.doctor.bundle import parts, units
from agent.doctor.bundle.configuration import configuration, written
from agent.doctor.bundle.redaction import HIDDEN, Redactor
from agent.doctor.bundle.secrets import add_unit_secrets, secrets_of
from agent.doctor.bundle.units import UnavailableError
from agent.doctor.system import System
from agent.errors import AgentError, ConfigError
from agent.install.atomic import replace_atomically
from agent.locale.language import N_, language_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from gettext import NullTranslations
    from pathlib import Path

    from agent.doctor.report import Report

FOLDER: Final = "presence-agent-bundle"
# Each member, with what it is.
MEMBERS: Final = {
    "README.txt": "this list, and what could not be had",
    "doctor.txt": "what doctor found, to read",
    "doctor.json": "the same for programs, in English",
    "versions.json": "versions of the agent, its libraries and weights, the system and the board",
    "configuration.json": "the configuration as it is written; user names and what is not known are hidden",
    "health.json": "the last line that sums up how the agent is, and the numbers that the service keeps",
    "events.json": "how many events of each type the log has; none of them",
    "machine.json": "disks, memory, temperature, power, and who may read which file",
    "kernel.txt": "the kernel's last lines on card and power supply",
    "units.txt": "state and text of the agent's units; variables and credentials are hidden",
    "journal.txt": f"the last {units.MOST_LINES} lines of the agent's units",
}
_README = """A bundle of presence-agent's doctor, made {at:%Y-%m-%d %H:%M:%S} UTC of {agent}.

It is for whoever gives support from afar. Contents:
{members}

Not in it: pictures, any event of a person, passwords, keys, user names, the paths of camera
addresses. {hidden} stands where something was taken out.

{missing}"""
_SENTENCE = N_(
    "{path} ({size_kb} kB) has versions, the configuration without secrets, health, the journal's last "
    "lines, the units, figures of the machine and this report, and no picture, no event of a person and "
    "no secret{missing}; to look into it: tar -xOzf '{path}' {folder}/README.txt"
)
_MISSING = N_("; missing: {names} (README.txt has the reasons)")


@dataclass(slots=True)
class _Contents:
    """Members as they are collected.

    Attributes:
        texts: redacted, by their name.
        missing: why a member has nothing, by its name.
    """

    redactor: Redactor
    texts: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, make: Callable[[], object]) -> None:
        """Add a member; text as lines, the rest as JSON. A failure is noted in its place."""
        try:
            made = make()
        except UnavailableError as error:
            self._miss(name, str(error))
            return
        except Exception as error:  # noqa: BLE001 - a bundle is made where things are broken
            self._miss(name, f"it could not be made ({type(error).__name__}: {error})")
            return
        if isinstance(made, str):
            text = self.redactor.text(made)
        else:
            text = json.dumps(self.redactor.tree(made), ensure_ascii=False, indent=1)
        if self.redactor.leaks(text):
            self._miss(name, "it held a secret after all and was left out")
        else:
            self.texts[name] = f"{text.rstrip()}\n"

    def _miss(self, name: str, why: str) -> None:
        self.missing[name] = self.redactor.text(" ".join(why.split()))
        as_json = name.endswith(".json")
        self.texts[name] = (
            f"{json.dumps({'not_had': self.missing[name]}) if as_json else self.missing[name]}\n"
        )


def write_bundle(
    to: Path, report: Report, config_path: Path, language: NullTranslations, machine: System | None = None
) -> str:
    """Write the bundle of this device into one file; returns a sentence for people.

    Args:
        to: a file, or a folder such as a stick's, in which it gets a name.
        report: what doctor found.
        config_path: of the configuration.
        language: of the report and of the sentence.
        machine: where to look; None: at this machine.

    Raises:
        AgentError: it can't be written; what was there is as it was.
    """
    path = _path(to, report)
    contents = _collected(report, config_path, language, machine or System())
    content = _packed(contents.texts, round(report.at.timestamp()))
    try:
        replace_atomically(path, content, stat.S_IRUSR | stat.S_IWUSR)
    except OSError as error:
        raise AgentError(
            f"The bundle can't be written to {path}: {error.strerror or error}; free some room there, or "
            "name another file, or the folder of a stick that is plugged in and mounted."
        ) from error
    names = ", ".join(contents.missing)
    missing = language.gettext(_MISSING).format(names=names) if names else ""
    return language.gettext(_SENTENCE).format(
        path=path, size_kb=-(-len(content) // 1000), folder=FOLDER, missing=missing
    )


def _path(to: Path, report: Report) -> Path:
    """The file to write.

    Raises:
        AgentError: it is something that no file may take the place of.
    """
    if to.is_dir():
        agent = (report.agent or "unknown").replace("/", "-")
        return to / f"presence-agent-{agent}-{report.at:%Y%m%dT%H%M%SZ}.tar.gz"
    try:
        regular = stat.S_ISREG(to.stat().st_mode)
    except OSError:
        # It is not there yet; whether it can be made is seen when it is written.
        return to
    if not regular:
        raise AgentError(
            f"The bundle can't be written to {to}: that is a device; mount the stick and name its folder."
        )
    return to


def _collected(report: Report, config_path: Path, language: NullTranslations, machine: System) -> _Contents:
    raw, text = written(config_path)
    secrets = secrets_of(config_path, raw, text, machine)
    add_unit_secrets(units.unit_texts() or "", secrets, machine)
    contents = _Contents(Redactor(secrets.values))
    try:
        config = load(config_path)
    except ConfigError:
        config = None

    def searched(make: Callable[[], str]) -> Callable[[], str]:
        """Text of others, only where all secrets to search it for could be read."""

        def made() -> str:
            if secrets.unread:
                names = ", ".join(str(path) for path in sorted(secrets.unread))
                raise UnavailableError(
                    f"{names} can't be read by this user, so nothing can be searched for it; use sudo"
                )
            return make()

        return made

    def events() -> dict[str, Any]:
        if config is None:
            raise UnavailableError("the configuration must be right first: it names the log")
        return parts.events(config)

    contents.put("doctor.txt", lambda: "\n".join(line for _, line in report.lines(language)))
    contents.put("doctor.json", lambda: json.loads(report.as_json(language_of("en"))))
    contents.put("versions.json", lambda: parts.versions(machine))
    contents.put("configuration.json", lambda: configuration(config_path, raw))
    contents.put("health.json", lambda: _health(machine, searched))
    contents.put("events.json", events)
    contents.put(
        "machine.json",
        lambda: {**parts.figures(machine, config), "files": list(parts.files(config_path, machine))},
    )
    contents.put("kernel.txt", lambda: parts.kernel(machine))
    contents.put("units.txt", searched(units.units))
    contents.put("journal.txt", searched(lambda: units.journal(machine)))
    missing = [f"- {name}: {why}" for name, why in contents.missing.items()]
    outcome = "\n".join(["What could not be had:", *missing] if missing else ["All of it could be had."])
    contents.put(
        "README.txt",
        lambda: _README.format(
            at=report.at,
            agent=report.agent or "an agent whose configuration can't be read",
            members="\n".join(f"- {name}: {what}" for name, what in MEMBERS.items()),
            hidden=HIDDEN,
            missing=outcome,
        ),
    )
    return contents


def _health(machine: System, searched: Callable[[Callable[[], str]], Callable[[], str]]) -> dict[str, Any]:
    def or_why(make: Callable[[], object]) -> object:
        try:
            return make()
        except UnavailableError as error:
            return {"not_had": str(error)}

    return {
        "journal_line": or_why(searched(lambda: units.last_health(machine))),
        "numbers": or_why(lambda: parts.numbers(machine)),
    }


def _packed(texts: dict[str, str], at_s: int) -> bytes:
    """The members in their order; nothing of who packed them or where."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in MEMBERS:
            content = texts[name].encode(errors="replace")
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size, member.mtime, member.mode = len(content), at_s, 0o600
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), mtime=at_s)
