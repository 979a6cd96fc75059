"""Problem documents (RFC 9457): every error of the API in one form."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from agent.errors import LogError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

MEDIA_TYPE: Final = "application/problem+json"
_AWAY_S: Final = "5"


class ProblemAnswer(BaseModel):
    """What is wrong with a request, or here."""

    type: str = Field(default="about:blank", description="Nothing but the status tells kinds apart.")
    title: str = Field(description="Of the status.")
    status: int
    detail: str = Field(description="What is wrong, and what would be right.")


def add_problem_handlers(app: FastAPI) -> None:
    """Have every error of an application be a problem document."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(LogError, _of_store)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Make the document.

    Args:
        status: HTTP's.
        detail: what is wrong, and what would be right.
        headers: further ones.
    """
    told = ProblemAnswer(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(told.model_dump(), status, headers, MEDIA_TYPE)


async def _of_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    return problem(error.status_code, str(error.detail), dict(error.headers or {}))


async def _of_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for these
    # What was sent is not repeated.
    wrong = [f"{one['loc'][-1]}: {one['msg']}" for one in error.errors()]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(wrong))


async def _of_store(_request: Request, _error: Exception) -> JSONResponse:
    # Why is in the journal: an address of a database is nobody's.
    away = "the store can't be read just now; ask again"
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, away, {"Retry-After": _AWAY_S})
