"""Messages from the running service's own report, and on a service that hangs or was halted."""

from __future__ import annotations

from agent.doctor.message_form import Bilingual, DoctorMessage

_REASONS: Bilingual = (
    "Fix what is above; 'journalctl -u presence-agent -x' explains each of these reasons.",
    "Hãy sửa các lỗi ở trên; 'journalctl -u presence-agent -x' giải thích từng lý do này.",
)
_HALTED = DoctorMessage(
    "fault",
    (
        "process {process} of the service is halted (SIGSTOP; limit {watchdog}): nobody is counted",
        "tiến trình {process} của dịch vụ bị tạm dừng (SIGSTOP), hạn chờ {watchdog}: không đếm ai",
    ),
    (
        "Wait a minute and run doctor again, or run 'sudo systemctl restart presence-agent' now.",
        "Hãy đợi một phút rồi chạy lại doctor, hoặc chạy ngay 'sudo systemctl restart presence-agent'.",
    ),
)
_SILENT = DoctorMessage(
    "fault",
    (
        "process {process} of the service has hung for {age_s} s (limit {watchdog}): nobody is counted",
        "tiến trình {process} của dịch vụ bị treo {age_s} giây, hạn chờ {watchdog}: không đếm ai",
    ),
    (
        (
            "Wait a minute and run doctor again; if it comes back, 'journalctl -k' shows whether the card "
            "or the camera blocks it."
        ),
        (
            "Hãy đợi một phút rồi chạy lại doctor; nếu vẫn vậy, 'journalctl -k' cho biết có phải do "
            "thẻ nhớ hoặc camera hay không."
        ),
    ),
)

_AS_NAMED: Bilingual = (
    "Run the command that it names, then 'sudo systemctl restart presence-agent'.",
    "Hãy chạy lệnh nêu ở trên, rồi 'sudo systemctl restart presence-agent'.",
)

SERVICE_MESSAGES: dict[str, DoctorMessage] = {
    # The sentences name the command after which the service may read it.
    "configuration.closed": DoctorMessage(
        "fault", ("{problem}", "không đọc được tệp cấu hình: {problem}"), _AS_NAMED, can_start=False
    ),
    "weights.closed": DoctorMessage(
        "fault", ("{problem}", "không đọc được tệp mô hình: {problem}"), _AS_NAMED, can_start=False
    ),
    "camera.closed": DoctorMessage(
        "fault",
        ("the recording can't be read: {problem}", "không đọc được tệp video: {problem}"),
        _AS_NAMED,
        can_start=False,
    ),
    "broker_tls.closed": DoctorMessage(
        "fault",
        ("{problem}", "không đọc được chứng thư số hoặc khóa bí mật: {problem}"),
        _AS_NAMED,
        can_start=False,
    ),
    "whose.service": DoctorMessage(
        "ok",
        (
            "the service's user {user} in its sandbox, and root",
            "người dùng {user} của dịch vụ trong vùng cách ly, và root",
        ),
    ),
    "whose.caller": DoctorMessage(
        "unknown",
        (
            "{user} only: what the service may read is not known",
            "chỉ {user}: chưa rõ dịch vụ được đọc những gì",
        ),
        (
            "Run it as root: sudo presence-agent doctor.",
            "Hãy chạy với quyền root: sudo presence-agent doctor.",
        ),
    ),
    "whose.no_service": DoctorMessage(
        "unknown",
        (
            "{user} only: there is no service of systemd's here",
            "chỉ {user}: máy này chưa cài dịch vụ của systemd",
        ),
    ),
    "whose.not_inside": DoctorMessage(
        "warning",
        (
            "{user} only: the service's sandbox could not be made ({problem})",
            "chỉ {user}: không tạo được vùng cách ly của dịch vụ ({problem})",
        ),
        (
            (
                "Run 'sudo systemctl restart presence-agent', then "
                "'journalctl -u presence-agent -x -n 20' for systemd's reason."
            ),
            (
                "Hãy chạy 'sudo systemctl restart presence-agent', rồi "
                "'journalctl -u presence-agent -x -n 20' để xem systemd báo gì."
            ),
        ),
    ),
    "configuration.refused": DoctorMessage(
        "fault",
        (
            "the service refused {path}, keeps the one before, and could not restart: {problem}",
            "dịch vụ đã từ chối {path}, vẫn dùng cấu hình cũ, và sẽ không khởi động lại được: {problem}",
        ),
        (
            "Correct it, then run 'sudo systemctl reload presence-agent'.",
            "Hãy sửa lại, rồi chạy 'sudo systemctl reload presence-agent'.",
        ),
    ),
    "configuration.not_in_force": DoctorMessage(
        "fault",
        (
            "{path} was changed, but the service still uses the content before",
            "{path} đã được sửa, nhưng dịch vụ vẫn dùng nội dung cũ",
        ),
        (
            "Run 'sudo systemctl {command} presence-agent'.",
            "Hãy chạy 'sudo systemctl {command} presence-agent'.",
        ),
    ),
    "camera.lost": DoctorMessage(
        "fault",
        (
            "the service gets no pictures from {source}, and opens it again and again: nobody is counted",
            "dịch vụ không nhận được hình từ {source} và đang liên tục mở lại: không đếm ai",
        ),
        (
            (
                "Check its cable and its power, and source under [camera]; "
                "'journalctl -u presence-agent -x' shows what it answers."
            ),
            (
                "Hãy kiểm tra cáp và nguồn của camera, và source trong mục [camera]; "
                "'journalctl -u presence-agent -x' cho biết lý do."
            ),
        ),
    ),
    "service.failed_saying": DoctorMessage(
        "fault",
        (
            "ended with {result}, exit code {code}; its last message: {message}",
            "đã dừng: {result}, mã thoát {code}; dòng nhật ký cuối: {message}",
        ),
        (
            "Do what it asks and fix what is above, then run 'sudo systemctl restart presence-agent'.",
            "Hãy làm theo dòng đó và sửa các lỗi ở trên, rồi chạy 'sudo systemctl restart presence-agent'.",
        ),
    ),
    # The camera comes first of what it makes useless.
    **{f"{check}.halted": _HALTED for check in ("camera", "service")},
    **{f"{check}.silent": _SILENT for check in ("camera", "service")},
    "service.failing": DoctorMessage(
        "fault",
        ("reports that it counts nobody: {reasons}", "tự báo không đếm được ai: {reasons}"),
        _REASONS,
    ),
    "service.degraded": DoctorMessage(
        "warning",
        ("works, and reports: {reasons}", "đang chạy, và tự báo: {reasons}"),
        _REASONS,
    ),
}
