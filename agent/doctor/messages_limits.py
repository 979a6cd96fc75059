"""Messages on the service's memory limits."""

from __future__ import annotations

from agent.doctor.message_form import Bilingual, DoctorMessage

_ON_THE_CARD: Bilingual = (
    "pictures may get onto the card",
    "hình có thể bị ghi lên thẻ nhớ",
)
_NOT_IN_FORCE: Bilingual = (
    f"the kernel enforces none of the service's memory limits ({_ON_THE_CARD[0]}, by swap)",
    f"nhân Linux không giới hạn RAM của dịch vụ ({_ON_THE_CARD[1]} qua swap)",
)
_UNIT_AGAIN: Bilingual = (
    (
        "The unit on this device is not this version's, or something beside it changes it (systemctl cat "
        "presence-agent): run 'sudo bash deploy/install.sh', then 'sudo systemctl restart presence-agent'."
    ),
    (
        "Tệp dịch vụ trên thiết bị không đúng phiên bản, hoặc đã bị sửa (systemctl cat presence-agent): "
        "hãy chạy 'sudo bash deploy/install.sh', rồi 'sudo systemctl restart presence-agent'."
    ),
)

LIMITS_MESSAGES: dict[str, DoctorMessage] = {
    "memory.limited": DoctorMessage(
        "ok",
        (
            "the service may take {most_mib} MiB, and none of it is swapped",
            "dịch vụ được dùng tối đa {most_mib} MiB RAM, không dùng swap",
        ),
    ),
    "memory.controller_off": DoctorMessage(
        "warning",
        (
            (
                f"{_NOT_IN_FORCE[0]}: it was started with cgroup_disable=memory, which a Raspberry Pi's "
                "firmware adds"
            ),
            (
                f"{_NOT_IN_FORCE[1]}: hệ thống khởi động với cgroup_disable=memory, do firmware Raspberry Pi "
                "thêm vào"
            ),
        ),
        (
            (
                "Add cgroup_enable=memory, behind a space, at the end of the one line of {file}, "
                "then restart the device."
            ),
            (
                "Hãy thêm cgroup_enable=memory, sau một dấu cách, vào cuối dòng duy nhất của {file}, "
                "rồi khởi động lại thiết bị."
            ),
        ),
    ),
    "memory.no_controller": DoctorMessage(
        "warning",
        _NOT_IN_FORCE,
        (
            (
                "Add cgroup_enable=memory to the kernel's command line (on a Raspberry Pi the one line of "
                "{file}), then restart the device."
            ),
            (
                "Hãy thêm cgroup_enable=memory vào dòng lệnh khởi động (trên Raspberry Pi là dòng duy nhất "
                "của {file}), rồi khởi động lại thiết bị."
            ),
        ),
    ),
    "memory.controller_waits": DoctorMessage(
        "warning",
        (
            f"{_NOT_IN_FORCE[0]}: cgroup_enable=memory is in {{file}}, but takes effect at the next start",
            f"{_NOT_IN_FORCE[1]}: cgroup_enable=memory đã có trong {{file}} nhưng chưa có hiệu lực",
        ),
        ("Restart the device.", "Hãy khởi động lại thiết bị."),
    ),
    "memory.controller_refused": DoctorMessage(
        "warning",
        (
            f"{_NOT_IN_FORCE[0]}, though it was started with cgroup_enable=memory",
            f"{_NOT_IN_FORCE[1]}, dù đã khởi động với cgroup_enable=memory",
        ),
        (
            "This kernel does not know this parameter: update it, then restart the device.",
            "Nhân Linux này không hiểu tham số đó: hãy cập nhật hệ thống, rồi khởi động lại thiết bị.",
        ),
    ),
    "memory.no_hierarchy": DoctorMessage(
        "warning",
        (
            f"{_NOT_IN_FORCE[0]}: it was started with the older control groups",
            f"{_NOT_IN_FORCE[1]}: hệ thống khởi động với cgroup kiểu cũ",
        ),
        (
            (
                "Add systemd.unified_cgroup_hierarchy=1 to the kernel's command line (on a Raspberry Pi the "
                "one line of {file}), then restart the device."
            ),
            (
                "Hãy thêm systemd.unified_cgroup_hierarchy=1 vào dòng lệnh khởi động (trên Raspberry Pi là "
                "dòng duy nhất của {file}), rồi khởi động lại thiết bị."
            ),
        ),
    ),
    "memory.swap_not_counted": DoctorMessage(
        "warning",
        (
            f"the kernel enforces no limit of swap: {_ON_THE_CARD[0]}",
            f"nhân Linux không giới hạn swap: {_ON_THE_CARD[1]}",
        ),
        (
            (
                "Add swapaccount=1 to the kernel's command line (on a Raspberry Pi the one line of {file}), "
                "then restart the device."
            ),
            (
                "Hãy thêm swapaccount=1 vào dòng lệnh khởi động (trên Raspberry Pi là dòng duy nhất của "
                "{file}), rồi khởi động lại thiết bị."
            ),
        ),
    ),
    "memory.swapped": DoctorMessage(
        "warning",
        (
            f"the service may be swapped: {_ON_THE_CARD[0]}",
            f"dịch vụ có thể bị đưa ra swap: {_ON_THE_CARD[1]}",
        ),
        _UNIT_AGAIN,
    ),
    "memory.unlimited": DoctorMessage(
        "warning",
        (
            "the service may take all of the memory: a leak would end in a board that hangs",
            "dịch vụ có thể chiếm hết RAM: nếu phần mềm lỗi, thiết bị sẽ bị treo",
        ),
        _UNIT_AGAIN,
    ),
    "memory.limits_unknown": DoctorMessage(
        "unknown",
        ("the service's limits can't be read", "không đọc được giới hạn RAM của dịch vụ"),
        (
            "Run it as root: sudo presence-agent doctor.",
            "Hãy chạy với quyền root: sudo presence-agent doctor.",
        ),
    ),
}
