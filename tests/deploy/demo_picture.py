"""Makes deploy/demo.jpg, the picture of README.md: `python -m tests.deploy.demo_picture`."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from agent.device.recording import read_picture
from tests.conftest import ROOT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PICTURE = ROOT / "deploy" / "demo.jpg"
# Enough for the letters at a seventh of the PNG's size.
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 80]


def annotated(folder: Path) -> NDArray[np.uint8]:
    """The demo's frame with what the agent saw in it, u8[H, W, 3] BGR, by the commands of the demo.

    Args:
        folder: for files on the way.

    Raises:
        CalledProcessError: a command of the demo failed.
    """
    demo = (ROOT / "deploy" / "demo.sh").read_text("utf-8")
    models = ROOT / "models"
    (config,) = re.findall(r'>"\$folder/agent\.toml" <<CONF\n(.*?)\nCONF\n', demo, re.DOTALL)
    (take,) = re.findall(r'"\$folder/frame\.png" <<\'PYTHON\'\n(.*?)\nPYTHON\n', demo, re.DOTALL)
    for name, value in {
        "models": str(models),
        "folder": str(folder),
        "port": "1883",
        "protocol": "5",
    }.items():
        config = config.replace(f"${name}", value)
    (folder / "agent.toml").write_text(config, "utf-8")
    for command in (
        ["python", "-P", "-c", take, str(models / "vtest.avi"), "frame.png"],
        ["presence-agent", "detect", "frame.png", "--config", "agent.toml", "--draw", "drawn"],
    ):
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (drawn,) = (folder / "drawn").iterdir()
    return read_picture(drawn)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        cv2.imwrite(str(PICTURE), annotated(Path(made)), _JPEG)
