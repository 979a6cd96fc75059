"""Registry of what is known of each kind of something, by its id and in order."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_Kind = TypeVar("_Kind")


class Registry(Generic[_Kind]):
    """The registered things, in their order: those that it is made with, and those that are added.

    Whoever needs a list of them makes it when it is asked for, not when a module is imported.
    """

    def __init__(self, id_of: Callable[[_Kind], str], kinds: Iterable[_Kind] = ()) -> None:
        """Take how a thing is called, and the first ones.

        Raises:
            ValueError: two of them have the same id.
        """
        self._id_of = id_of
        self._kinds: dict[str, _Kind] = {}
        self.add(*kinds)

    def __iter__(self) -> Iterator[_Kind]:
        return iter(tuple(self._kinds.values()))

    def __len__(self) -> int:
        return len(self._kinds)

    def __contains__(self, kind_id: object) -> bool:
        return isinstance(kind_id, str) and kind_id in self._kinds

    def __getitem__(self, kind_id: str) -> _Kind:
        return self._kinds[kind_id]

    def get(self, kind_id: str) -> _Kind | None:
        """What has this id; None: nothing has it."""
        return self._kinds.get(kind_id)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(self._kinds)

    def add(self, *kinds: _Kind) -> None:
        """Register more, at the end.

        Raises:
            ValueError: one has an id that is taken; none is added.
        """
        added: dict[str, _Kind] = {}
        for kind in kinds:
            if (kind_id := self._id_of(kind)) in self._kinds or kind_id in added:
                raise ValueError(f"{kind_id} is registered already")
            added[kind_id] = kind
        self._kinds |= added

    @contextmanager
    def extended(self, *kinds: _Kind) -> Iterator[None]:
        """Have more of them for as long as the context lasts.

        Raises:
            ValueError: one has an id that is taken.
        """
        self.add(*kinds)
        try:
            yield
        finally:
            for kind in kinds:
                del self._kinds[self._id_of(kind)]
