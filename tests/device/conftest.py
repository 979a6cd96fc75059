from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.device import rig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def pictures() -> Iterator[Path]:
    """The folder of pictures that the rig's camera shows; nobody else uses it meanwhile."""
    if reason := rig.missing():
        pytest.skip(reason)
    with rig.alone(), rig.pictures() as folder:
        yield folder


@pytest.fixture(scope="module")
def installed(pictures: Path) -> Path:
    """The same, and picamera2 can be imported by the test itself."""
    rig.install()
    return pictures
