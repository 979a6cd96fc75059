"""Sentences with which commands end, as the command line recognises and translates them.

Each is the one in the code, {…} for what it puts in; {problem} is looked up again. Those on the event log, on
broker, camera and recordings, and on a configuration have tables of their own.
"""

from __future__ import annotations

from agent.locale.language import N_

# What cyclopts says of a command line.
USAGE: tuple[str, ...] = (
    N_('Unknown command "{word}". Did you mean "{near}"? Available commands: {commands}, ...'),
    N_('Unknown command "{word}". Available commands: {commands}, ...'),
    N_('Unknown command "{word}". Did you mean "{near}"? Available commands: {commands}.'),
    N_('Unknown command "{word}". Available commands: {commands}.'),
    N_("Unknown option: {option}. Did you mean {near}?"),
    N_("Unknown option: {option}. {letter} is not a recognized option."),
    N_("Unknown option: {option}."),
    N_('Invalid value "{value}" for {name}. Choose from: {values}. Did you mean "{near}"?'),
    N_('Invalid value "{value}" for {name}. Choose from: {values}.'),
    N_('Invalid value for {name}: unable to convert "{value}" into float.'),
    N_('Invalid value for {name}: unable to convert "{value}" into int.'),
    N_('Invalid value for {name}: unable to convert "{value}" into bool.'),
    N_('Command "{command}" parameter {name} requires an argument. Did you mean {near} instead of {word}?'),
    N_('Command "{command}" parameter {name} requires an argument.'),
    N_("Parameter {name} specified multiple times."),
)
# What the command line says itself.
_FIXED: tuple[str, ...] = (
    N_(
        "This needs what a device needs, and {module} is not installed: "
        "pip install 'presence-agent[device]', this package with its extra 'device', brings it."
    ),
    N_("This installation is damaged ({problem}): install presence-agent again."),
    N_("{words}: there is no such command or option here."),
    N_("what was asked for: can't be read or written ({problem}); check the path and the disk."),
    N_("{path}: can't be read or written ({problem}); check the path and the disk."),
    N_(
        "This is a fault of presence-agent ({kind}: {words}; {file}, line {line}); "
        "please report it with what `--debug` shows."
    ),
    N_("This needs paho-mqtt 2.1 or newer, and finds an older one or none: pip install 'paho-mqtt>=2.1'."),
)
_ARGUMENTS: tuple[str, ...] = (
    N_("detect needs at least one picture: presence-agent detect PICTURE…"),
    N_("--min-score {score}: give a number above 0, at most 1."),
    N_("--seconds {seconds}: give a number from 1 to 3600."),
    N_("-n {number}: give a number from 0 to {most}."),
    N_("--start {text}: give a time as in 2026-01-05T00:00:00Z, with its zone."),
    N_("{option} {text}: give a date as in 2026-11-22, or a time with its zone, 2026-11-22T07:30:00Z."),
    N_("--day {text}: give a date as in 2026-11-22."),
    N_("--from and --to: there is nothing between them; give a --to after --from."),
    N_("--publish and --as NAME go together: a replay is published under a name of its own."),
    N_("--publish needs a broker: the configuration has no [mqtt]."),
    N_('--as "{name}" is the configured name; a replay must not publish as the real agent.'),
    N_("{site} and {name} have {number} characters together; an agent's have at most {most}."),
    N_("{option} {text}: it has only a-z, 0-9 and '-', at most 32 of them."),
    N_("{path} has no [mqtt]; give --broker mqtts://HOST:PORT."),
    N_("--broker: give mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS; a / in a user is %2F."),
    N_("--broker: a password in the address is seen by everybody; give --password-file."),
    N_("--certificate-file and --key-file: give both, or none."),
    N_("There is no model or sample called {name}; there are {names}."),
)
_OUTPUT: tuple[str, ...] = (
    N_("--out {path}: this is the event log itself; give another file."),
    N_("--out {path}: give a path that ends in .png."),
    N_("--out {path}: there is no such folder; make it first."),
    N_("--out {path}: can't be written ({problem})."),
    N_("{path}: there is no such folder; make it first."),
    N_("{path}: no video can be written there; give a writable path that ends in .mp4."),
    N_("{path}: can't be written ({problem})."),
    N_("The bundle can't be written to {path}: that is a device; mount the stick and name its folder."),
    N_(
        "The bundle can't be written to {path}: {problem}; free some room there, or name another file, "
        "or the folder of a stick that is plugged in and mounted."
    ),
)
# Of `bench`, `retire`, `replay` and `reload`.
_ENDS: tuple[str, ...] = (
    N_(
        "There is no sample recording: give one with --video, or run `presence-agent models fetch --samples`."
    ),
    N_("`run` did not start: {problem}"),
    N_("{agent} is online at {broker} and would publish it all again; stop that agent first."),
    N_(
        "the broker {broker} does not let this account clear {topics}; "
        "use the agent's own account, or one that may write below its topics."
    ),
    N_(
        "the broker {broker} does not let this account clear {topics}; all else is cleared; "
        "for what the centre left there use its account, or an admin's."
    ),
    N_(
        "not everything reached the broker {broker} within {limit_s} s; "
        "see the lines above, fix the connection and replay again."
    ),
    N_("not taken, the old one stays: {problem}"),
    N_("The agent gave no answer within {limit_s} s, and goes on as it was: see `presence-agent doctor`."),
    N_("The agent (process {process}) has ended; see `journalctl -u presence-agent -x` for why."),
    N_("The service may be asked by root only: run `sudo systemctl reload presence-agent`."),
)
_MODELS: tuple[str, ...] = (
    N_("{path} can't be used, install presence-agent again: {problem}"),
    N_("The manifest of {folder} has no network that finds persons."),
    N_("The manifest of {folder} has no network that finds faces."),
    N_("the network family {family} finds faces, not persons"),
    N_('{name}: the network family "{family}" is not known to this presence-agent, which knows {known}'),
    N_('the network family "{family}" is not known to this presence-agent, which knows {known}'),
    N_("{name}: shapes {shapes}: sides must be multiples of {multiple_px} px"),
    N_("shapes {shapes}: sides must be multiples of {multiple_px} px"),
    N_("onnxruntime can't optimise a model: {problem}"),
    N_("{folder} can't be written: {problem}; free some space there"),
    N_(
        "{folder} can't be written: {problem}; "
        "make it writable for this user, or name another one in PRESENCE_AGENT_MODELS"
    ),
    N_("{name} could not be fetched: {problem}"),
    N_(
        "no source of it worked. Connect this machine to the network and try again, "
        "or use --from with a directory that holds {file} (any name, {size} bytes){listed_packages}"
    ),
    N_("it is not in {folder}; put there {file} (any name, {size} bytes){listed_packages}"),
    N_("Another fetch into {folder} is running; wait until it is done."),
)
# What the command line puts its help behind.
_HELP: tuple[str, ...] = (N_("{problem} See `{program} --help`."),)
COMMAND_PROBLEMS: tuple[str, ...] = (
    *_HELP,
    *USAGE,
    *_FIXED,
    *_ARGUMENTS,
    *_OUTPUT,
    *_ENDS,
    *_MODELS,
)
