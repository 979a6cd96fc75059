"""`check` says what it found in the reader's language: problems, notices and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.locale.problems import as_sentence
from tests.config.test_models import LEAST, line, zone
from tests.locale.languages import ENGLISH, ENGLISH_LEFT, VIETNAMESE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ran


@pytest.fixture
def checked(
    presence_agent: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Ran]:
    """Check a configuration in a language."""

    def check(text: str, locale: str) -> Ran:
        path = tmp_path / "agent.toml"
        path.write_text(text)
        monkeypatch.setenv("LC_ALL", locale)
        return presence_agent("check", "--config", path)

    return check


def test_verdict_counts_the_rules(checked: Callable[[str, str], Ran], tmp_path: Path) -> None:
    text = LEAST.replace("day.mp4", str(tmp_path)) + line() + zone("a") + zone("b")
    path = tmp_path / "agent.toml"
    assert checked(text, "C").out == f"{path} is good: que-phong/one-stop, 1 line, 2 zones, 0 counters.\n"
    assert checked(text, "vi_VN.UTF-8").out == (
        f"{path} hợp lệ: que-phong/one-stop, 1 vạch, 2 vùng, 0 quầy.\n"
    )


def test_notices(checked: Callable[[str, str], Ran]) -> None:
    text = LEAST + '[mqtt]\nhost = "broker.example"\ntls = false\n'
    english, vietnamese = checked(text, "en_GB.UTF-8"), checked(text, "vi_VN.UTF-8")
    assert (english.code, vietnamese.code, english.err, vietnamese.err) == (0, 0, "", "")
    assert ENGLISH_LEFT.search(english.out)
    assert not ENGLISH_LEFT.search(vietnamese.out)
    *rows, verdict = vietnamese.out.splitlines()
    assert len(rows) == len(english.out.splitlines()) - 1
    assert "Chưa có [[line]] và [[zone]]: chỉ báo được là phần mềm đang chạy." in rows
    assert "còn 3 giá trị của tệp mẫu" in verdict


def test_problems(checked: Callable[[str, str], Ran]) -> None:
    ran = checked(LEAST.replace("que-phong", "Quế Phong") + "fps = 0\nsoruce = 1\n", "vi_VN.UTF-8")
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 3
    assert not ENGLISH_LEFT.search(ran.err)
    assert "chữ hoa, 'ế', dấu cách; hãy dùng a–z" in ran.err
    assert "Không có [camera] soruce: có phải bạn muốn ghi source?\n" in ran.err


def test_missing_file(presence_agent: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    ran = presence_agent("check", "--config", "/nowhere/agent.toml")
    assert ran.code == 2
    assert ran.err.startswith("Không có tệp /nowhere/agent.toml; ")


@pytest.mark.parametrize(
    ("problem", "vietnamese"),
    [
        ("use sudo", "Hãy dùng sudo."),
        # A name stays as it is written.
        ("/etc/x can't be read: Is a directory.", "/etc/x: đây là thư mục, không phải tệp."),
        (
            "a.toml is a folder; give the file in it, such as b.",
            "a.toml là thư mục; hãy ghi tệp trong đó, ví dụ b.",
        ),
        # One that no table has.
        ("The sky is falling.", "The sky is falling."),
    ],
)
def test_sentence_by_itself(problem: str, vietnamese: str) -> None:
    assert as_sentence(problem, VIETNAMESE) == vietnamese
    assert as_sentence(problem, ENGLISH) == problem
