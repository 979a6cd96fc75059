"""Private APIs of other packages that agent/ uses: each has a test on the real package.

A release may change such names without a word. `TESTED` names those that are used; whatever else is used
fails here, and so does a name that is not used any more.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import socket
import ssl
import subprocess
import sys
import textwrap
from contextlib import closing
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

import agent
from agent.mqtt.addresses import Client
from tests.conftest import ROOT
from tests.device import rig
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Begins with an underscore, and is in its package's documentation all the same.
DOCUMENTED = {"_thread.start_new_thread", "os._exit", "ctypes.Structure._fields_"}
# Never found by asking for it, so that only what takes paho's place can have connected.
NOWHERE = "no-such-host.invalid"


@pytest.fixture
def nodes() -> Iterator[list[socket.socket]]:
    """Two listeners at one port of two addresses, as the nodes of a cluster are."""
    with socket.create_server(("127.0.0.2", 0)) as first:
        port = first.getsockname()[1]
        with socket.create_server(("127.0.0.3", port)) as second:
            yield [first, second]


def client(kind: type[paho.Client]) -> paho.Client:
    return kind(CallbackAPIVersion.VERSION2, client_id="trial", reconnect_on_failure=False)


def first_byte(listener: socket.socket) -> bytes:
    listener.settimeout(PATIENCE_S)
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(PATIENCE_S)
        return connection.recv(1)


def hung_up(of: paho.Client) -> None:
    sock = of.socket()
    assert sock is not None
    sock.close()


def test_paho_connects_by_the_method_that_is_overridden(nodes: list[socket.socket]) -> None:
    method = paho.Client._create_socket_connection
    assert list(inspect.signature(method).parameters) == ["self"]
    called = []

    class Replaced(paho.Client):
        def _create_socket_connection(self) -> socket.socket:
            # All that is asked of paho there, which has to be set by then.
            called.append((self.host, self.port, self.connect_timeout))
            return socket.create_connection(nodes[0].getsockname())

    connecting = client(Replaced)
    connecting.connect_timeout = 7.0
    connecting.connect(NOWHERE, 1234)
    # CONNECT is sent on the very socket that it returned.
    assert first_byte(nodes[0]) == b"\x10"
    assert called == [(NOWHERE, 1234, 7.0)]
    hung_up(connecting)


def test_paho_puts_tls_around_what_the_overridden_method_returns() -> None:
    pair = socket.socketpair()

    class Replaced(paho.Client):
        def _create_socket_connection(self) -> socket.socket:
            return pair[0]

    class Wrapped(Exception):  # noqa: N818 - tells what happened
        pass

    class Context(ssl.SSLContext):
        def wrap_socket(self, sock: socket.socket, *_: object, **more: object) -> ssl.SSLSocket:
            raise Wrapped(sock, more["server_hostname"])

    connecting = client(Replaced)
    connecting.tls_set_context(Context(ssl.PROTOCOL_TLS_CLIENT))
    # The certificate is compared with the name, not with the address that was chosen.
    with closing(pair[0]), closing(pair[1]), pytest.raises(Wrapped) as raised:
        connecting.connect(NOWHERE, 1234)
    assert raised.value.args == (pair[0], NOWHERE)


def test_each_address_has_its_turn(nodes: list[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    port = nodes[0].getsockname()[1]
    # Behind the first nobody listens.
    addresses = ["127.0.0.4", *(node.getsockname()[0] for node in nodes)]
    real = socket.getaddrinfo

    def resolved(host: str, *more: object, **named: object) -> list[object]:
        hosts = addresses if host == NOWHERE else [host]
        return [each for one in hosts for each in real(one, *more, **named)]  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    reached = set()
    for _ in range(60):
        connecting = client(Client)
        connecting.connect(NOWHERE, port)
        sock = connecting.socket()
        assert isinstance(sock, socket.socket)
        with closing(sock):
            reached.add(sock.getpeername()[0])
    # By chance one of both would be left out once in 10^17 times.
    assert reached == set(addresses[1:])


# A process of its own: libcamera, once it looked for cameras, is the same for all that a process does.
RESET = """
import os
from tests.device import rig

def found():
    return [camera["Id"] for camera in Picamera2.global_camera_info()]

rig.install()
from picamera2 import Picamera2
os.environ["LIBCAMERA_PIPELINES_MATCH_LIST"] = "none"
assert found() == [], "the rig shows a camera that was taken away"
os.environ["LIBCAMERA_PIPELINES_MATCH_LIST"] = "virtual"
assert found() == [], "picamera2 finds by itself what came later: _cm.reset() is needless"
Picamera2._cm.reset()
assert found(), "_cm.reset() does not let libcamera look for cameras anew"
camera = Picamera2(0)
assert camera.camera_properties
camera.close()
"""


def test_picamera2_finds_a_camera_that_came_later_by_its_reset() -> None:
    if reason := rig.missing():
        pytest.skip(reason)
    with rig.alone():
        done = subprocess.run(
            [sys.executable, "-c", RESET],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr


TESTED: dict[str, tuple[Callable[..., None], ...]] = {
    "paho.mqtt.client.Client._create_socket_connection": (
        test_paho_connects_by_the_method_that_is_overridden,
        test_paho_puts_tls_around_what_the_overridden_method_returns,
    ),
    "picamera2.Picamera2._cm": (test_picamera2_finds_a_camera_that_came_later_by_its_reset,),
}


# --- which are used -----------------------------------------------------------------------------------


def private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__")) and name != "_"


class Uses(NamedTuple):
    """What a module uses and has, seen without running it."""

    tree: ast.Module
    module: ModuleType

    def all(self) -> set[str]:
        found = {
            f"{base.__module__}.{base.__qualname__}.{name}"
            for part in ast.walk(self.tree)
            if isinstance(part, ast.ClassDef)
            for base in self._bases(part.name)
            if not ours(base.__module__)
            for name in names_in(base) & {*own_names(part), *self_names(part)}
        }
        own = own_names(self.tree) | {
            name for base in self._agents_bases() for name in own_names(source(base))
        }
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {each.name for each in node.names if any(map(private, each.name.split(".")))}
            elif isinstance(node, ast.ImportFrom) and not ours(node.module or ""):
                names = [f"{node.module}.{each.name}" for each in node.names]
                found |= {name for name in names if any(map(private, name.split(".")))}
            elif isinstance(node, ast.Attribute) and private(node.attr) and not of_self(node.value):
                if node.attr not in own or self._foreign(node.value):
                    found.add(ast.unparse(node))
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "setattr", "hasattr"}:
                named = getattr(node.args[1], "value", None)
                if isinstance(named, str) and private(named) and not of_self(node.args[0]):
                    found.add(f"{ast.unparse(node.args[0])}.{named}")
        return found - DOCUMENTED

    def _bases(self, name: str) -> tuple[type, ...]:
        there = getattr(self.module, name, None)
        return there.__mro__[1:-1] if isinstance(there, type) else ()

    def _agents_bases(self) -> set[type]:
        classes = [each for each in vars(self.module).values() if isinstance(each, type)]
        return {base for each in classes for base in each.__mro__ if ours(base.__module__)}

    def _foreign(self, value: ast.expr) -> bool:
        """Whether it is something of another package's module."""
        while isinstance(value, ast.Attribute):
            value = value.value
        there = vars(self.module).get(value.id) if isinstance(value, ast.Name) else None
        return isinstance(there, ModuleType) and not ours(there.__name__)


def ours(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == "agent"


def of_self(value: ast.expr) -> bool:
    return ast.unparse(value) in {"self", "cls", "super()"}


def self_names(tree: ast.AST) -> set[str]:
    """What is read of or set on an object by its own methods."""
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in attributes if of_self(node.value) and private(node.attr)}


def own_names(tree: ast.AST) -> set[str]:
    """What is defined somewhere in it."""
    names = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and of_self(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return {name for name in names if private(name)}


@cache
def source(of: type) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(of)))
    except (OSError, TypeError, SyntaxError):
        # Written in C, or made while running.
        return ast.Module([], [])


@cache
def names_in(of: type) -> set[str]:
    """A class's private names, and those that it sets on its objects."""
    return {name for name in vars(of) if private(name)} | own_names(source(of))


def uses(text: str, module: ModuleType) -> set[str]:
    return Uses(ast.parse(text), module).all()


def test_each_private_api_that_is_used_has_a_test() -> None:
    used = set()
    for found in pkgutil.walk_packages(agent.__path__, "agent."):
        module = importlib.import_module(found.name)
        used |= uses(inspect.getsource(module), module)
    assert used == set(TESTED)


# What the search has to see, for else the test above would hold whatever is used.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import _socket", {"_socket"}),
        ("from rich import _loop", {"rich._loop"}),
        ("from concurrent.futures._base import Future", {"concurrent.futures._base.Future"}),
        ("def read(of):\n    return of.client._sock", {"of.client._sock"}),
        ("def read(of):\n    return getattr(of, '_sock')", {"of._sock"}),
        # A name that a module of ours has too is another's all the same where it is a package's.
        ("import ssl\ndef _create_default_https_context(): ...\nssl._create_default_https_context()",
         {"ssl._create_default_https_context"}),
        # Read, set, called or overridden in a class of another's.
        ("import paho.mqtt.client as p\nclass C(p.Client):\n    def f(self):\n        return self._sock",
         {"paho.mqtt.client.Client._sock"}),
        ("import paho.mqtt.client as p\nclass C(p.Client):\n    def f(self):\n        super()._loop()",
         {"paho.mqtt.client.Client._loop"}),
        ("import paho.mqtt.client as p\nclass C(p.Client):\n    def _loop_rc_handle(self): ...",
         {"paho.mqtt.client.Client._loop_rc_handle"}),
        ("import ctypes\nclass C(ctypes.Structure):\n    _fields_ = [('n', ctypes.c_int)]", set()),
        ("import os\nos._exit(1)", set()),
        ("class C:\n    def f(self, other):\n        return self._a, other._a\n    _a = 1", set()),
    ],
)  # fmt: skip
def test_search_sees_each_way_to_use_one(text: str, expected: set[str]) -> None:
    module = ModuleType("agent.trial")
    exec(text.partition("\nssl.")[0].replace("os._exit(1)", ""), vars(module))  # noqa: S102 - of this table
    assert uses(text, module) == expected
