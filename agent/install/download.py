"""Downloads over HTTP that resume where they broke off."""

from __future__ import annotations

from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from agent.install.atomic import writing

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPResponse
    from pathlib import Path

TIMEOUT_S = 5.0  # to connect, and between any two pieces
TRIES = 4
PIECE = 1 << 16
RANGE_REFUSED = 416


class AttemptError(Exception):
    """One source failed, the sentence says why; another one may work."""


class _BrokenOffError(Exception):
    """The connection ended early; what came is in the part file."""


def download(url: str, part: Path, size: int, progress: Callable[[int, int], None]) -> None:
    """Download a file, resuming after the bytes that `part` has already.

    Args:
        url: http or https.
        part: the file to write.
        size: of the whole file, bytes.
        progress: called with the bytes that are there and `size`.

    Raises:
        AttemptError: the server can't be reached, refuses, has another file, or breaks off again and again.
        ModelError: the disk refuses.
    """
    for attempt in range(TRIES):
        have = part.stat().st_size if part.exists() else 0
        try:
            _go_on(url, part, have, size, progress)
        except _BrokenOffError as error:
            if attempt + 1 == TRIES:
                raise AttemptError(f"the connection broke off {TRIES} times: {error}") from error
        else:
            return


def _go_on(url: str, part: Path, have: int, size: int, progress: Callable[[int, int], None]) -> None:
    request = Request(url, headers={"User-Agent": "presence-agent"})  # noqa: S310 - the manifest allows http only
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response: HTTPResponse = urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    except HTTPError as error:
        error.close()
        if error.code == RANGE_REFUSED and have:
            _forget(part)
            raise _BrokenOffError("the server has no such range") from error
        raise AttemptError(f"the server answered {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise AttemptError(_in_words(error)) from error
    with response:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0  # the server sends everything, whatever it was asked for
        if response.length is not None and have + response.length != size:
            _forget(part)
            raise AttemptError(f"the file there has {have + response.length:,} bytes instead of {size:,}")
        _store(response, part, have, size, progress)


def _store(
    response: HTTPResponse, part: Path, have: int, size: int, progress: Callable[[int, int], None]
) -> None:
    with writing(part.parent), part.open("ab" if have else "wb") as file:
        while have < size:
            try:
                piece = response.read1(min(PIECE, size - have))
            except (OSError, HTTPException) as error:
                raise _BrokenOffError(_in_words(error)) from error
            if not piece:
                raise _BrokenOffError(f"only {have:,} of {size:,} bytes came")
            file.write(piece)
            have += len(piece)
            progress(have, size)


def _forget(part: Path) -> None:
    with writing(part.parent):
        part.unlink(missing_ok=True)


def _in_words(error: BaseException) -> str:
    if isinstance(error, URLError) and isinstance(error.reason, OSError):
        error = error.reason
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
