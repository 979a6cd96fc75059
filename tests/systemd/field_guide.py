"""Makes systemd/field-guide.md, one page, out of the catalogues: `python -m tests.systemd.field_guide`."""

from __future__ import annotations

from agent.core import log_messages
from agent.core.log_messages import LogMessage
from agent.health.reason_messages import REASON_LINES
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
`health verdict=… reasons=…` sums it up; below it each new reason, and each hour each one that
holds, has a line `health reason: …`. · Dòng này tóm tắt; bên dưới, mỗi lý do mới, và mỗi giờ mỗi lý do
đang còn, có một dòng `health reason: …`.

| reason | what it means and what to do | ý nghĩa và cách xử lý |
| --- | --- | --- |
"""
# A line that is made elsewhere as a whole: how it begins.
_BEGINS = {log_messages.BROKER_REFUSES.message_id: "the broker …"}
_MARKS = ("%.0f", "%.1f", "%dx%d", "%d", "%s")


def guide() -> str:
    """The whole page."""
    english, vietnamese = explained("en"), explained("vi")
    entries = [value for value in vars(log_messages).values() if isinstance(value, LogMessage)]
    page = _HEAD
    for entry in entries:
        line = str(entry).replace("`", "")
        for mark in _MARKS:
            line = line.replace(mark, "…")
        line = _BEGINS.get(entry.message_id, line.replace("%%", "%"))
        meanings = (texts[entry.message_id].subject for texts in (english, vietnamese))
        cells = (f"`{line}`", *(meaning.replace("@PRESENCE_REASON@", "…") for meaning in meanings))
        page += f"| {' | '.join(cells)} |\n"
    page += _REASONS
    for reason, line in REASON_LINES.items():
        said = (texts[line.message_id] for texts in (english, vietnamese))
        cells = (reason, *(f"{one.subject}. {' '.join(one.text.split())}" for one in said))
        page += f"| {' | '.join(cells)} |\n"
    return page


if __name__ == "__main__":
    GUIDE.write_text(guide(), encoding="utf-8")
