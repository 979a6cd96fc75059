from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.central.web.centre import Centre

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """A centre for all tests of a module."""
    made = Centre(tmp_path_factory.mktemp("centre"))
    made.start()
    yield made
    made.stop()
