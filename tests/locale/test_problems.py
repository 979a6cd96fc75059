"""Each sentence with which a command can end is recognised, as itself, and shown in the reader's language.

They are read out of the code: what an AgentError is made with, and what the functions return that word one.
"""

from __future__ import annotations

import ast
import re
from itertools import product
from typing import TYPE_CHECKING

import pytest

from agent import errors
from agent.eventlog.damage import DAMAGED
from agent.eventlog.watched_file import REMOVED
from agent.locale.problems import SENTENCES, as_sentence
from tests.conftest import ROOT
from tests.locale.languages import ENGLISH, ENGLISH_LEFT, VIETNAMESE

if TYPE_CHECKING:
    from collections.abc import Iterator

# Whatever is put in; a problem that no table has is in quotation marks.
VALUE = "EADDRINUSE"
# Not an error of a command: what the journal has of a centre's message.
ELSEWHERE = ("agent/app/central_calendar.py",)
# What stands for a value that is words of ours, by its place in the code.
WORDS = {
    "DAMAGED": [DAMAGED],
    "REMOVED": [REMOVED],
    "_READABLE_VIDEO": ["give a video that OpenCV reads, such as MP4, MKV or AVI"],
    "_protocol(broker)": [
        "MQTT 5; if it speaks only 3.1.1, set protocol = 311 under [mqtt] (watch: --protocol 311)"
    ],
    "_protocol(self._broker)": [
        "MQTT 3.1.1; check that host and port are the broker's and that tls is right"
    ],
    "_would_do(entry)": ["a.onnx (any name, 1,000 bytes)", "a.onnx (any name, 1,000 bytes), or b-*.whl"],
    "agent/app/retire.py: remedy": [
        "use the agent's own account, or one that may write below its topics",
        "all else is cleared; for what the centre left there use its account, or an admin's",
    ],
    "agent/app/view_store.py: remedy": ["run it with sudo", "check the disk"],
    "agent/app/weights.py: what": ["persons", "faces"],
    "agent/cli/errors.py: wrong": ['Unknown command "x". Available commands: a, b.'],
    "agent/device/recovery.py: done": ["opened", "closed"],
    "agent/device/stream.py: what": ["is empty", "is not there, or empty"],
    "agent/install/atomic.py: remedy": [
        "free some space there",
        "make it writable for this user, or name another one in PRESENCE_AGENT_MODELS",
    ],
    "agent/install/manifest.py: reason": [
        'the network family "a" is not known to this presence-agent, which knows b',
        "shapes 7 × 9: sides must be multiples of 32 px",
    ],
    "agent/install/prepare.py: how": [
        "is damaged",
        "is missing",
        "was made by another version of presence-agent or onnxruntime than is installed now",
    ],
    "agent/mqtt/connection.py: hint": [
        "; if that port is for TLS, set tls = true",
        "; it may not accept this device's certificate",
        "; it may want certificate_file and key_file",
    ],
    "agent/mqtt/connection.py: sentence": [
        "the broker b leaves a message unanswered for 20 s",
        "the broker b leaves a message unanswered for all that was sent since",
    ],
    "agent/mqtt/password.py: there": [
        "has no password in it",
        "is not there, or has no password in it",
    ],
    "agent/mqtt/tls.py: field": ["certificate_file", "key_file"],
    "agent/mqtt/tls.py: problem": [
        "do not belong together; put both of one pair there",
        f"can't be used ({VALUE}); put a certificate and its key without a passphrase there",
    ],
}
# Functions that word a sentence, or a problem in one.
WORDING = {
    "_moved", "_no_connection", "_refused", "_unanswered_for", "_unfit", "_unreached", "_untrusted",
    "_why_lost", "remedy", "sentence", "sqlite_remedy", "tls_refusal", "weights_remedy", "why_no_video",
}  # fmt: skip
# Errors that are made of no words of their own, but of sentences that are looked at where those are made.
MADE_OF_OTHERS = {
    "'\\n'.join(failures)",
    "*problems",
    "*sentences(error, CentralConfig, raw)",
    "*sentences(error, model, raw)",
    "*conflicts(raw)",
    "*str(error).splitlines()",
    "_unreached(broker, error)",
    "_untrusted(web, error)",
    "self._why_lost()",
    "self._unanswered_for('all that was sent since')",
    "self._unanswered_for(f'{ANSWER_WITHIN_S} s')",
    "why_no_video(self._source, login_given=self._username is not None)",
}  # fmt: skip


def kinds() -> set[str]:
    """Names of all kinds of AgentError."""
    found = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.AgentError)
    }
    classes = [
        node for path in modules() for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)
    ]
    for _ in classes:
        found |= {
            node.name for node in classes if any(getattr(base, "id", None) in found for base in node.bases)
        }
    return found


def modules() -> list[str]:
    paths = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("agent/**/*.py"))
    return [path for path in paths if not path.startswith(ELSEWHERE)]


def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def arguments(path: str, of: set[str]) -> Iterator[ast.expr]:
    """What errors are made with."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in of:
            yield from node.args


def wordings(path: str) -> Iterator[ast.expr]:
    """What the functions return that word a sentence, and what they choose from."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef) and node.name in WORDING:
            for part in ast.walk(node):
                if isinstance(part, ast.Return) and part.value:
                    yield part.value
                elif isinstance(part, ast.Dict):
                    yield from part.values


def texts(path: str, node: ast.expr) -> Iterator[str]:
    """A sentence, as often as what is put in has words of its own; none: it has no words."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            parts = [list(put_in(path, part)) for part in node.values]
            yield from map("".join, product(*parts))
        case ast.IfExp():
            yield from texts(path, node.body)
            yield from texts(path, node.orelse)
        case ast.Starred(value=ast.GeneratorExp(elt=ast.JoinedStr() as inner)):
            yield from texts(path, inner)


def put_in(path: str, part: ast.expr) -> list[str]:
    if isinstance(part, ast.FormattedValue):
        name = ast.unparse(part.value)
        return WORDS.get(f"{path}: {name}", WORDS.get(name, [VALUE]))
    assert isinstance(part, ast.Constant)
    return [str(part.value)]


def sites() -> Iterator[tuple[str, str]]:
    of = kinds()
    for path in modules():
        for node in (*arguments(path, of), *wordings(path)):
            for text in texts(path, node):
                yield f"{path}:{node.lineno}", text


SITES = sorted(set(sites()))


@pytest.mark.parametrize("english", [pytest.param(text, id=f"{where} {text[:40]}") for where, text in SITES])
def test_sentence_of_an_error(english: str) -> None:
    assert as_sentence(english, ENGLISH) == english
    # Alone it says nothing; it is in another one.
    if english in {VALUE, f"{VALUE}.", f"{VALUE}: {VALUE}", ""}:
        return
    vietnamese = as_sentence(english, VIETNAMESE)
    assert vietnamese != english
    assert not ENGLISH_LEFT.search(vietnamese.replace(f"“{VALUE}”", "")), vietnamese


def test_errors_without_words_of_their_own() -> None:
    of = kinds()
    found = {
        ast.unparse(node) for path in modules() for node in arguments(path, of) if not list(texts(path, node))
    }
    assert found == MADE_OF_OTHERS


def test_words_are_those_of_the_code() -> None:
    """A value that is no longer put in, or a function that is gone, is to go here too."""
    code = "\n".join((ROOT / path).read_text(encoding="utf-8") for path in modules())
    for place in WORDS:
        path, _, name = place.rpartition(": ")
        assert f"{{{name}}}" in ((ROOT / path).read_text(encoding="utf-8") if path else code), place
    assert all(f"def {name}(" in code for name in WORDING)


@pytest.mark.parametrize("english", SENTENCES)
def test_sentence_is_recognised_as_itself(english: str) -> None:
    """Not as one before it in the tables that looks like it."""
    names = re.findall(r"\{(\w+)\}", english)
    values = {name: VALUE if name.startswith("problem") else f"V{place}" for place, name in enumerate(names)}
    text = VIETNAMESE.pgettext("problem", english)
    text = VIETNAMESE.gettext(english) if text == english else text
    expected = text.format(
        **{name: f"“{VALUE}”" if value == VALUE else value for name, value in values.items()}
    )
    shown = as_sentence(english.format(**values), VIETNAMESE)
    assert shown.lower().rstrip(".") == expected.lower().rstrip(".")
