"""Messages on clock, disk, log, memory, service and journal."""

from __future__ import annotations

from agent.doctor.message_form import Bilingual, DoctorMessage

_SUDO: Bilingual = (
    "Run it as root: sudo presence-agent doctor.",
    "Hãy chạy với quyền root: sudo presence-agent doctor.",
)
_NO_SYSTEMD: Bilingual = ("there is no systemd here", "thiết bị này không có systemd")

MACHINE_MESSAGES: dict[str, DoctorMessage] = {
    "clock.ok": DoctorMessage(
        "ok",
        ("right ({keeper} keeps it), {utc} UTC", "đúng giờ ({keeper} đồng bộ), {utc} UTC"),
    ),
    "clock.right": DoctorMessage("ok", ("right, {utc} UTC", "đúng giờ, {utc} UTC")),
    "clock.nobody": DoctorMessage(
        "fault",
        (
            "no time synchronisation service is running, {utc} UTC: nothing is judged by working hours",
            "không có chương trình đồng bộ giờ, {utc} UTC: chưa xét được giờ làm việc",
        ),
        (
            "Run 'sudo apt install systemd-timesyncd', and let the device reach a time server.",
            "Hãy chạy 'sudo apt install systemd-timesyncd', và cho thiết bị kết nối máy chủ thời gian.",
        ),
    ),
    "clock.not_started": DoctorMessage(
        "fault",
        (
            "{unit} is installed, but does not run, {utc} UTC: nothing is judged by working hours",
            "{unit} đã cài nhưng không chạy, {utc} UTC: chưa xét được giờ làm việc",
        ),
        (
            "Run '{unmask}sudo systemctl enable --now {unit}', and let the device reach a time server.",
            "Hãy chạy '{unmask}sudo systemctl enable --now {unit}' và cho thiết bị nối máy chủ thời gian.",
        ),
    ),
    "clock.not_for_service": DoctorMessage(
        "fault",
        (
            (
                "right, {utc} UTC, but by another program than systemd-timesyncd, which the service can't "
                "see: nothing is judged by working hours"
            ),
            (
                "đúng giờ, {utc} UTC, nhưng do chương trình khác, không phải systemd-timesyncd, đồng bộ nên "
                "dịch vụ không biết: chưa xét được giờ làm việc"
            ),
        ),
        (
            (
                "Run 'sudo install -D -m 644 /usr/share/presence-agent/clock.conf "
                "/etc/systemd/system/presence-agent.service.d/clock.conf', then 'sudo systemctl "
                "daemon-reload' and 'sudo systemctl restart presence-agent'."
            ),
            (
                "Hãy chạy 'sudo install -D -m 644 /usr/share/presence-agent/clock.conf "
                "/etc/systemd/system/presence-agent.service.d/clock.conf', rồi 'sudo systemctl "
                "daemon-reload' và 'sudo systemctl restart presence-agent'."
            ),
        ),
    ),
    "clock.unsynced": DoctorMessage(
        "fault",
        (
            "not known to be right ({keeper}), {utc} UTC: nothing is judged by working hours",
            "chưa được đồng bộ ({keeper}), {utc} UTC: chưa xét được giờ làm việc",
        ),
        (
            "Let the device reach a time server (NTP, port 123): check the network and 'timedatectl status'.",
            "Hãy cho thiết bị kết nối máy chủ thời gian (NTP, cổng 123): xem mạng và 'timedatectl status'.",
        ),
    ),
    "disk.ok": DoctorMessage("ok", ("{free_mb} MB free for {path}", "còn trống {free_mb} MB cho {path}")),
    "disk.small": DoctorMessage(
        "warning",
        (
            "{free_mb} MB free for {path}, the log may take {keep_mb} MB",
            "còn trống {free_mb} MB cho {path}, nhật ký có thể cần {keep_mb} MB",
        ),
        (
            "Make room, or lower keep_mb under [log].",
            "Hãy xóa bớt tệp trên thẻ nhớ, hoặc giảm keep_mb trong mục [log].",
        ),
    ),
    "disk.full": DoctorMessage(
        "fault",
        ("full: {free_mb} MB free for {path}", "đã đầy: còn trống {free_mb} MB cho {path}"),
        (
            "Delete what is not needed, or use a larger card.",
            "Hãy xóa bớt tệp không cần, hoặc dùng thẻ nhớ lớn hơn.",
        ),
    ),
    "disk.read_only": DoctorMessage(
        "fault",
        ("{path} can't be written: it is read-only", "không ghi được {path}: chỉ đọc"),
        (
            (
                "Give its owner the right to write (chmod u+w); if the whole card is read-only, it is "
                "worn out or damaged: put in a new one."
            ),
            (
                "Hãy cấp quyền ghi cho chủ thư mục (chmod u+w); nếu cả thẻ nhớ chỉ đọc thì thẻ đã hết tuổi "
                "thọ hoặc hỏng: hãy thay thẻ mới."
            ),
        ),
    ),
    "disk.not_for_service": DoctorMessage(
        "fault",
        (
            "the service's user {user} may not write {path}",
            "người dùng {user} của dịch vụ không có quyền ghi {path}",
        ),
        (
            "Run 'sudo chown -R {user}: {path}'.",
            "Hãy chạy 'sudo chown -R {user}: {path}'.",
        ),
    ),
    "disk.unknown": DoctorMessage("unknown", ("{path} can't be looked at", "không xem được {path}"), _SUDO),
    "log.running": DoctorMessage(
        "ok",
        (
            "{path}, {log_mb} MB; process {process} writes it",
            "{path}, {log_mb} MB; tiến trình {process} đang ghi",
        ),
    ),
    "log.another": DoctorMessage(
        "fault",
        (
            "another agent than the service holds {path}: process {process}, started by hand",
            "một tiến trình khác ngoài dịch vụ đang giữ {path}: tiến trình {process}, do ai đó tự chạy",
        ),
        (
            "End it with 'sudo kill {process}', then run 'sudo systemctl restart presence-agent'.",
            "Hãy dừng bằng 'sudo kill {process}', rồi chạy 'sudo systemctl restart presence-agent'.",
        ),
        can_start=False,
    ),
    "log.ok": DoctorMessage(
        "ok",
        (
            "{path}, {log_mb} MB; no process writes it now",
            "{path}, {log_mb} MB; hiện không có tiến trình nào ghi",
        ),
    ),
    "log.none": DoctorMessage(
        "ok",
        (
            "{path} is not there yet; the agent makes it",
            "chưa có {path}; phần mềm sẽ tự tạo",
        ),
    ),
    "log.damaged": DoctorMessage(
        "fault",
        ("{path} is no event log", "{path} không phải nhật ký sự kiện"),
        (
            "Run 'presence-agent log verify'; the agent sets a damaged log aside at its next start.",
            "Hãy chạy 'presence-agent log verify'; lần khởi động sau phần mềm sẽ lưu riêng nhật ký hỏng.",
        ),
    ),
    "log.set_aside": DoctorMessage(
        "fault",
        (
            "{path} is a damaged log that was set aside: what no broker had of it is in no other log",
            "{path} là nhật ký hỏng được lưu riêng: sự kiện mà máy chủ MQTT chưa nhận chỉ còn ở đó",
        ),
        (
            (
                "Save what can be read of it with 'sudo presence-agent log export --file {path} --out "
                "damaged.jsonl', then delete it with 'sudo rm -f {path} {path}-wal {path}-shm'. If this "
                "comes again, put in a new card."
            ),
            (
                "Hãy lưu phần còn đọc được bằng 'sudo presence-agent log export --file {path} --out "
                "damaged.jsonl', rồi xóa bằng 'sudo rm -f {path} {path}-wal {path}-shm'. Nếu gặp lại, hãy "
                "thay thẻ nhớ mới."
            ),
        ),
    ),
    "log.removed": DoctorMessage(
        "fault",
        (
            "{path} was removed or replaced while process {process} writes it",
            "{path} bị xóa hoặc thay khi tiến trình {process} đang ghi",
        ),
        (
            (
                "Events are in memory only. Make its folder as it was: the agent writes the log back within "
                "a minute. Stop the agent before you move or restore a log."
            ),
            (
                "Sự kiện chỉ nằm trong RAM. Hãy tạo lại thư mục như cũ: phần mềm ghi lại nhật ký trong vòng "
                "một phút. Hãy dừng phần mềm trước khi chuyển hay khôi phục nhật ký."
            ),
        ),
    ),
    "log.unknown": DoctorMessage("unknown", ("{path} can't be read", "không đọc được {path}"), _SUDO),
    "memory.ok": DoctorMessage("ok", ("{free_mb} MB free", "còn trống {free_mb} MB")),
    "memory.low": DoctorMessage(
        "warning",
        ("only {free_mb} MB free", "chỉ còn trống {free_mb} MB"),
        (
            "End other programs, or restart the device.",
            "Hãy tắt chương trình khác, hoặc khởi động lại thiết bị.",
        ),
    ),
    "memory.unknown": DoctorMessage("unknown", ("the system does not report it", "hệ thống không cho biết")),
    "service.ok": DoctorMessage(
        "ok",
        ("running, restarted {restarts} times by itself", "đang chạy, đã tự khởi động lại {restarts} lần"),
    ),
    "service.starting": DoctorMessage(
        "warning",
        ("starting: it does not see yet", "đang khởi động: chưa có hình"),
        (
            "If it stays so, see the camera above, and 'journalctl -u presence-agent -x'.",
            "Nếu vẫn vậy, hãy xem mục camera ở trên và 'journalctl -u presence-agent -x'.",
        ),
    ),
    "service.restarts": DoctorMessage(
        "warning",
        ("running, but restarted {restarts} times", "đang chạy, nhưng đã khởi động lại {restarts} lần"),
        (
            "See 'journalctl -u presence-agent -x' for why it ended.",
            "Hãy xem 'journalctl -u presence-agent -x' để biết vì sao đã dừng.",
        ),
    ),
    "service.not_enabled": DoctorMessage(
        "warning",
        ("running, but does not start with the device", "đang chạy, nhưng không tự chạy khi bật thiết bị"),
        (
            "Run 'sudo systemctl enable presence-agent'.",
            "Hãy chạy 'sudo systemctl enable presence-agent'.",
        ),
    ),
    "service.no_daily_check": DoctorMessage(
        "warning",
        (
            "the daily check of the log and the card is not enabled",
            "chưa bật việc kiểm tra nhật ký và thẻ nhớ hằng ngày",
        ),
        (
            "Run 'sudo systemctl enable --now presence-agent-check.timer'.",
            "Hãy chạy 'sudo systemctl enable --now presence-agent-check.timer'.",
        ),
    ),
    "service.stopped": DoctorMessage(
        "warning",
        ("does not run", "không chạy"),
        (
            "Run 'sudo systemctl enable --now presence-agent'.",
            "Hãy chạy 'sudo systemctl enable --now presence-agent'.",
        ),
    ),
    "service.failed": DoctorMessage(
        "fault",
        ("ended with {result}, exit code {code}", "đã dừng: {result}, mã thoát {code}"),
        (
            "Fix what is above, then run 'sudo systemctl restart presence-agent'.",
            "Hãy sửa các lỗi ở trên, rồi chạy 'sudo systemctl restart presence-agent'.",
        ),
    ),
    "service.not_installed": DoctorMessage(
        "warning",
        ("is not installed", "chưa được cài đặt"),
        (
            "Install it with 'sudo bash deploy/install.sh', or run the agent by hand: presence-agent run.",
            "Hãy cài bằng 'sudo bash deploy/install.sh', hoặc tự chạy: presence-agent run.",
        ),
    ),
    "service.no_systemd": DoctorMessage("unknown", _NO_SYSTEMD),
    "journal.ok": DoctorMessage("ok", ("kept over restarts", "được lưu qua các lần khởi động")),
    "journal.clean": DoctorMessage("ok", ("no errors in the last day", "không có lỗi trong 24 giờ qua")),
    "journal.over": DoctorMessage(
        "ok",
        (
            "no errors now; {errors} errors of the last day are resolved",
            "hiện không có lỗi; {errors} lỗi trong 24 giờ qua đã được khắc phục",
        ),
    ),
    "journal.errors": DoctorMessage(
        "warning",
        (
            "{errors} errors in the last day that are not resolved",
            "có {errors} lỗi trong 24 giờ qua chưa được khắc phục",
        ),
        (
            "Read them: journalctl -u presence-agent -p err --since -1d -x.",
            "Hãy xem các lỗi này: journalctl -u presence-agent -p err --since -1d -x.",
        ),
    ),
    "journal.in_memory": DoctorMessage(
        "warning",
        (
            "in memory only: its lines are gone after a restart",
            "chỉ nằm trong RAM: sẽ mất khi khởi động lại",
        ),
        (
            "Make the folder /var/log/journal, then run 'sudo systemctl restart systemd-journald'.",
            "Hãy tạo thư mục /var/log/journal, rồi chạy 'sudo systemctl restart systemd-journald'.",
        ),
    ),
    "journal.no_catalogue": DoctorMessage(
        "warning",
        (
            "the explanations of its lines are not installed",
            "chưa cài phần giải thích các dòng của phần mềm",
        ),
        (
            (
                "Copy the .catalog files of presence-agent to /usr/lib/systemd/catalog and run "
                "'sudo journalctl --update-catalog'."
            ),
            (
                "Hãy chép các tệp .catalog của presence-agent vào /usr/lib/systemd/catalog rồi chạy "
                "'sudo journalctl --update-catalog'."
            ),
        ),
    ),
    "journal.unknown": DoctorMessage("unknown", ("you may not read it", "không đủ quyền đọc"), _SUDO),
    "journal.no_systemd": DoctorMessage("unknown", _NO_SYSTEMD),
}
