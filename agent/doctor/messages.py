"""Doctor's messages, English and Vietnamese side by side, with labels and the summary line."""

from __future__ import annotations

from agent.doctor.message_form import Bilingual, DoctorMessage, Status
from agent.doctor.messages_board import BOARD_MESSAGES
from agent.doctor.messages_broker import BROKER_MESSAGES
from agent.doctor.messages_camera import CAMERA_MESSAGES
from agent.doctor.messages_centre import CENTRE_MESSAGES
from agent.doctor.messages_limits import LIMITS_MESSAGES
from agent.doctor.messages_machine import MACHINE_MESSAGES
from agent.doctor.messages_service import SERVICE_MESSAGES

__all__ = [
    "CHECKS",
    "LABELS",
    "MARKS",
    "MESSAGES",
    "REMEDY_MARK",
    "SUMMARY",
    "Bilingual",
    "DoctorMessage",
    "Status",
]

REMEDY_MARK = "→"

MARKS: dict[Status, Bilingual] = {
    "ok": ("ok", "tốt"),
    "warning": ("warning", "cảnh báo"),
    "fault": ("FAULT", "LỖI"),
    "unknown": ("not known", "chưa rõ"),
    "skipped": ("not tried", "chưa thử"),
}

# In the order in which a technician would go.
LABELS: dict[str, Bilingual] = {
    "whose": ("checked as", "xem với quyền của"),
    "configuration": ("configuration", "cấu hình"),
    "hours": ("working hours", "giờ làm việc"),
    "weights": ("weights", "mô hình"),
    "camera": ("camera", "camera"),
    "light": ("light", "ánh sáng"),
    "focus": ("focus", "độ nét"),
    "upright": ("upright", "chiều hình"),
    "network": ("network", "mạng"),
    "broker_name": ("broker's name", "tên máy chủ MQTT"),
    "broker_port": ("broker's port", "cổng máy chủ MQTT"),
    "broker_tls": ("broker's TLS", "kết nối TLS"),
    "certificate": ("certificate", "chứng thư số của thiết bị"),
    "secrets": ("passwords and keys", "mật khẩu và khóa bí mật"),
    "broker_login": ("login", "đăng nhập"),
    "broker_rights": ("rights", "quyền"),
    "clock": ("clock", "đồng hồ"),
    "disk": ("disk", "thẻ nhớ"),
    "card": ("card's faults", "lỗi thẻ nhớ"),
    "log": ("event log", "nhật ký sự kiện"),
    "power": ("power", "nguồn điện"),
    "temperature": ("temperature", "nhiệt độ"),
    "memory": ("memory", "RAM"),
    "service": ("service", "dịch vụ"),
    "journal": ("journal", "nhật ký hệ thống"),
}
CHECKS = tuple(LABELS)

_COUNTS: Bilingual = (
    "faults: {fault}, warnings: {warning}, good: {ok}, not known: {unknown}, not tried: {skipped}.",
    "lỗi: {fault}, cảnh báo: {warning}, tốt: {ok}, chưa rõ: {unknown}, chưa thử: {skipped}.",
)
SUMMARY: dict[str, Bilingual] = {
    "ok": (f"Nothing is wrong; {_COUNTS[0]}", f"Không có lỗi; {_COUNTS[1]}"),
    "warning": (
        f"It works, but look at the warnings; {_COUNTS[0]}",
        f"Phần mềm chạy được, nhưng hãy xem các cảnh báo; {_COUNTS[1]}",
    ),
    "fault": (
        f"Fix the faults from top to bottom; {_COUNTS[0]}",
        f"Hãy sửa các lỗi từ trên xuống; {_COUNTS[1]}",
    ),
}

_NOT_TRIED: Bilingual = ("{after} must be right first", "cần sửa {after_vi} trước")
_NO_ANSWER: Bilingual = ("no answer within {limit_s} s", "không phản hồi sau {limit_s} giây")
_HUNG: Bilingual = (
    "Restart the device; if it comes back, call whoever looks after it.",
    "Hãy khởi động lại thiết bị; nếu vẫn vậy, hãy báo người phụ trách thiết bị.",
)

MESSAGES: dict[str, DoctorMessage] = {
    **CAMERA_MESSAGES,
    **BROKER_MESSAGES,
    **CENTRE_MESSAGES,
    **MACHINE_MESSAGES,
    **BOARD_MESSAGES,
    **LIMITS_MESSAGES,
    **SERVICE_MESSAGES,
    **{f"{check}.skipped": DoctorMessage("skipped", _NOT_TRIED) for check in CHECKS},
    **{f"{check}.hung": DoctorMessage("fault", _NO_ANSWER, _HUNG) for check in CHECKS},
}
