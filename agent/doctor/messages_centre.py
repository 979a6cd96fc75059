"""Messages on working hours, secrets and the device's certificate."""

from __future__ import annotations

from agent.doctor.message_form import Bilingual, DoctorMessage

_NEW_CERTIFICATE: Bilingual = (
    (
        "Have a new one made at the broker ('bash deploy/broker/certificates.sh device {site} {name}'), put "
        "it and its key in the place of the old ones, then 'sudo systemctl restart presence-agent'."
    ),
    (
        "Hãy tạo chứng thư số mới trên máy chủ MQTT ('bash deploy/broker/certificates.sh device {site} "
        "{name}'), chép chứng thư số và khóa bí mật vào chỗ cũ, rồi chạy 'sudo systemctl restart "
        "presence-agent'."
    ),
)

CENTRE_MESSAGES: dict[str, DoctorMessage] = {
    "hours.file": DoctorMessage("ok", ("those of the configuration", "theo cấu hình")),
    "hours.always": DoctorMessage(
        "ok", ("always open: there are no working hours", "luôn mở cửa: chưa đặt giờ làm việc")
    ),
    "hours.centre": DoctorMessage(
        "ok",
        (
            "from the centre since {since} ({digest}), not those of the configuration",
            "theo hệ thống trung tâm từ {since} ({digest}), không theo cấu hình",
        ),
    ),
    "hours.damaged": DoctorMessage(
        "warning",
        (
            "the centre's working hours can't be used: {problem}; the configuration's apply",
            "không dùng được giờ của hệ thống trung tâm: {problem}; đang theo cấu hình",
        ),
        (
            (
                "The broker sends them again at the next connection; if this stays, delete {path} and "
                "tell whoever runs the centre."
            ),
            (
                "Giờ của hệ thống trung tâm sẽ được gửi lại khi kết nối máy chủ MQTT; nếu vẫn vậy, hãy xóa "
                "{path} và báo người quản trị hệ thống trung tâm."
            ),
        ),
    ),
    "hours.unread": DoctorMessage(
        "unknown",
        (
            "the centre's working hours can't be read: {problem}",
            "không đọc được giờ của hệ thống trung tâm: {problem}",
        ),
        (
            "Run it as root: sudo presence-agent doctor.",
            "Hãy chạy với quyền root: sudo presence-agent doctor.",
        ),
    ),
    "secrets.ok": DoctorMessage(
        "ok",
        ("nobody else can read {paths}", "không ai khác đọc được {paths}"),
    ),
    "secrets.open": DoctorMessage(
        "warning",
        (
            "{path} can be read by others than the service (mode {mode})",
            "người khác ngoài dịch vụ đọc được {path} (quyền {mode})",
        ),
        ("Run '{commands}'.", "Hãy chạy '{commands}'."),
    ),
    "certificate.ok": DoctorMessage(
        "ok",
        ("this device's holds until {day} ({days} days)", "còn hạn đến {day} ({days} ngày)"),
    ),
    "certificate.ends_soon": DoctorMessage(
        "warning",
        ("this device's ends on {day}, in {days} days", "hết hạn ngày {day}, còn {days} ngày"),
        _NEW_CERTIFICATE,
    ),
    "certificate.ended": DoctorMessage(
        "fault",
        (
            "this device's has ended, on {day}: no broker lets it in",
            "đã hết hạn ngày {day}: máy chủ MQTT không cho đăng nhập",
        ),
        _NEW_CERTIFICATE,
    ),
    "certificate.unread": DoctorMessage(
        "unknown",
        ("{path} can't be read: {problem}", "không đọc được {path}: {problem}"),
        (
            "Run it as root, or put this device's certificate there.",
            "Hãy chạy với quyền root, hoặc chép chứng thư số của thiết bị vào đó.",
        ),
    ),
}
