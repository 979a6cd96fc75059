"""Forms: read within bounds, and only such as this centre's own pages sent."""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException

from agent.central.people.secret_hash import new_secret
from agent.central.web.callers import SESSION_COOKIE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

FORM_COOKIE: Final = "__Host-presence-form"
FIELD: Final = "form"
_MOST_BYTES: Final = 8192
_MOST_FIELDS: Final = 10
_KIND: Final = "application/x-www-form-urlencoded"
_OWN: Final = frozenset({"same-origin", "none"})


class FormSecret:
    """Secret of this browser from which the hidden field of its forms is made.

    Who is signed in has the session's, others get a cookie for it: a page of another host knows neither.
    """

    def __init__(self, request: Request) -> None:
        """Take the browser's, or make one."""
        given = request.cookies.get(SESSION_COOKIE) or request.cookies.get(FORM_COOKIE)
        self._new = given is None
        self._secret = given or new_secret()

    @property
    def field(self) -> str:
        """For the form."""
        return hmac.new(self._secret.encode(), b"form", hashlib.sha256).hexdigest()

    def put(self, response: Response) -> None:
        """Give the browser its cookie, if it has none yet."""
        if self._new:
            put_cookie(response, FORM_COOKIE, self._secret, strict=True)

    def is_own(self, field: str) -> bool:
        """Whether a form was made by us for this browser."""
        return not self._new and hmac.compare_digest(field.encode(), self.field.encode())


async def own_form(request: Request) -> dict[str, str]:
    """The fields of a form.

    Raises:
        HTTPException: it is too long, none, or of another host's page.
    """
    _refuse_others(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _KIND:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        fields = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None
    if not FormSecret(request).is_own(fields.get(FIELD, "")):
        raise HTTPException(HTTPStatus.FORBIDDEN, "form")
    return fields


def _refuse_others(request: Request) -> None:
    """What a browser itself says of where a form comes from; old ones say nothing."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    own = f"https://{request.headers.get('host', '')}"
    if (origin is not None and origin != own) or (site is not None and site not in _OWN):
        raise HTTPException(HTTPStatus.FORBIDDEN, "form")


def put_cookie(
    response: Response, name: str, value: str, *, strict: bool = False, max_age_s: int | None = None
) -> None:
    """Give the browser a cookie that no script reads and no other host gets.

    Args:
        response: that goes to it.
        name: with __Host- before it.
        value: a secret.
        strict: also links of other hosts to this one come without it.
        max_age_s: for how long; None: until the browser is closed.
    """
    same: Literal["strict", "lax"] = "strict" if strict else "lax"
    response.set_cookie(name, value, max_age_s, path="/", secure=True, httponly=True, samesite=same)


def drop_cookie(response: Response, name: str) -> None:
    """Take a cookie away."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
