"""Makes systemd/field-guide.md, one page, out of the catalogues: `python -m tests.systemd.field_guide`."""

from __future__ import annotations

from typing import get_args

from agent.core import journal
from agent.core.journal import HEALTH, Entry
from agent.delivery.health_wire import Reason
from tests.conftest import ROOT
from tests.systemd.catalogue import explained

GUIDE = ROOT / "systemd" / "field-guide.md"
_HEAD = """# The lines of presence-agent · Các dòng của presence-agent

`journalctl -u presence-agent -x` shows below each line what it means and what to do, in the language of LANG;
`…` stands for what differs. · Lệnh này cho biết ý nghĩa và cách xử lý dưới mỗi dòng, theo ngôn ngữ của LANG;
`…` là phần thay đổi.

| line · dòng | what it means | ý nghĩa |
| --- | --- | --- |
"""
_REASONS = """
`health verdict=… reasons=…`:

| reason | what to do | cách xử lý |
| --- | --- | --- |
"""
_MARKS = ("%.0f", "%.1f", "%dx%d", "%d", "%s")


def guide() -> str:
    """The whole page."""
    english, vietnamese = explained("en"), explained("vi")
    entries = [value for value in vars(journal).values() if isinstance(value, Entry)]
    page = _HEAD
    for entry in entries:
        line = str(entry).replace("`", "")
        for mark in _MARKS:
            line = line.replace(mark, "…")
        line = line.replace("%%", "%")
        meanings = (texts[entry.message_id].subject for texts in (english, vietnamese))
        cells = (f"`{line}`", *(meaning.replace("@PRESENCE_REASON@", "…") for meaning in meanings))
        page += f"| {' | '.join(cells)} |\n"
    page += _REASONS
    remedies = [_remedies(texts[HEALTH.message_id].text) for texts in (english, vietnamese)]
    for reasons, remedy in remedies[0].items():
        page += f"| {reasons} | {remedy} | {remedies[1][reasons]} |\n"
    return page


def _remedies(text: str) -> dict[str, str]:
    """What is to be done, by the reasons of health; a line without them goes on with the one before."""
    found: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        reasons, colon, remedy = line.partition(": ")
        if colon and set(reasons.split(", ")) <= set(get_args(Reason)):
            found[reasons] = remedy
        elif found:
            found[list(found)[-1]] += f" {line}"
    return found


if __name__ == "__main__":
    GUIDE.write_text(guide(), encoding="utf-8")
