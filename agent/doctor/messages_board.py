"""Messages on power, heat, the board's own clock, the card, the network, and a Pi's own camera."""

from __future__ import annotations

from agent.doctor.message_form import Bilingual, DoctorMessage

_SUDO: Bilingual = (
    "Run it as root: sudo presence-agent doctor.",
    "Hãy chạy với quyền root: sudo presence-agent doctor.",
)
_POWER_SUPPLY: Bilingual = (
    "Use the Raspberry Pi's own power supply and a short, thick cable; unplug what draws power by USB.",
    "Hãy dùng bộ nguồn chính hãng của Raspberry Pi và dây ngắn, to; rút bớt thiết bị USB.",
)
_COOL: Bilingual = (
    "Give it air and shade, a heat sink or a fan.",
    "Hãy để nơi thoáng, tránh nắng, gắn tản nhiệt hoặc quạt.",
)
_CLOCK_CHIP: Bilingual = (
    (
        "Let the device reach a time server; where it often starts without a network, fit a clock with a "
        "battery (for example a DS3231, with dtoverlay=i2c-rtc,ds3231 in /boot/firmware/config.txt)."
    ),
    (
        "Hãy cho thiết bị nối máy chủ thời gian; nơi hay khởi động khi không có mạng, hãy gắn đồng hồ có pin "
        "(ví dụ DS3231, ghi dtoverlay=i2c-rtc,ds3231 vào /boot/firmware/config.txt)."
    ),
)
_CLOCK_BATTERY: Bilingual = (
    (
        "Let the device reach a time server; where it often starts without a network, plug a battery for "
        "its clock in at J5 (a rechargeable one needs dtparam=rtc_bbat_vchg=3000000 in "
        "/boot/firmware/config.txt, any other must not have it)."
    ),
    (
        "Hãy cho thiết bị nối máy chủ thời gian; nơi hay khởi động khi không có mạng, hãy cắm pin đồng hồ "
        "vào đầu nối J5 (pin sạc cần dtparam=rtc_bbat_vchg=3000000 trong /boot/firmware/config.txt, "
        "pin không sạc thì không được ghi)."
    ),
)
_NEW_CARD: Bilingual = (
    (
        "Make sure of a strong power supply first, then put in a new card soon, before it is lost: "
        "'journalctl _TRANSPORT=kernel --since -25h -p warning' has all lines."
    ),
    (
        "Trước hết hãy bảo đảm nguồn điện đủ mạnh, rồi sớm thay thẻ nhớ mới, trước khi thẻ hỏng hẳn: "
        "xem đủ các dòng bằng 'journalctl _TRANSPORT=kernel --since -25h -p warning'."
    ),
)
_CHECK_CARD: Bilingual = (
    ("Restart the device, so that the file system is checked; if the count comes back, put in a new card."),
    "Hãy khởi động lại thiết bị để hệ thống kiểm tra thẻ nhớ; nếu lại báo lỗi, hãy thay thẻ mới.",
)
_RIBBON: Bilingual = (
    "Switch the device off and push both ends of the ribbon in, straight and with the contacts the right way",
    "Hãy tắt thiết bị rồi cắm lại hai đầu cáp dẹt cho thẳng, đúng mặt tiếp xúc",
)

BOARD_MESSAGES: dict[str, DoctorMessage] = {
    "power.ok": DoctorMessage("ok", ("enough, nothing is slowed down", "đủ điện, không bị giảm tốc")),
    "power.under": DoctorMessage(
        "fault",
        ("too little voltage right now ({throttled})", "điện áp đang quá thấp ({throttled})"),
        _POWER_SUPPLY,
    ),
    "power.was_under": DoctorMessage(
        "warning",
        (
            "there was too little voltage since the device was started ({throttled})",
            "từ khi khởi động đã có lúc điện áp quá thấp ({throttled})",
        ),
        _POWER_SUPPLY,
    ),
    "power.slowed": DoctorMessage(
        "warning",
        (
            "the processor is slowed down for its heat ({throttled})",
            "bộ xử lý đang bị giảm tốc vì nóng ({throttled})",
        ),
        _COOL,
    ),
    "power.was_slowed": DoctorMessage(
        "warning",
        (
            "the processor was slowed down for its heat since the device was started ({throttled})",
            "từ khi khởi động đã có lúc bộ xử lý bị giảm tốc vì nóng ({throttled})",
        ),
        _COOL,
    ),
    "power.unknown": DoctorMessage(
        "unknown",
        ("this machine does not report its power supply", "máy này không cho biết tình trạng nguồn"),
    ),
    "temperature.ok": DoctorMessage("ok", ("{temp_c} °C", "{temp_c} °C")),
    "temperature.warm": DoctorMessage("warning", ("{temp_c} °C is warm", "{temp_c} °C, hơi nóng"), _COOL),
    "temperature.hot": DoctorMessage(
        "fault",
        (
            "{temp_c} °C is too hot: from 80 °C on the processor is slowed down",
            "{temp_c} °C, quá nóng: từ 80 °C bộ xử lý bị giảm tốc",
        ),
        _COOL,
    ),
    "temperature.limit": DoctorMessage(
        "fault",
        (
            "{temp_c} °C is far too hot: at 85 °C it is as slow as it can be",
            "{temp_c} °C, nóng quá mức: ở 85 °C bộ xử lý chạy chậm nhất",
        ),
        _COOL,
    ),
    "temperature.unknown": DoctorMessage(
        "unknown", ("this machine does not report it", "máy này không cho biết nhiệt độ")
    ),
    "clock.no_rtc": DoctorMessage(
        "ok",
        (
            "this board's clock stops with its power: after each start it waits for a time server",
            "bo mạch không giữ được giờ khi mất điện: sau mỗi lần khởi động phải chờ máy chủ thời gian",
        ),
    ),
    "clock.no_rtc_unsynced": DoctorMessage(
        "warning",
        (
            "this board's clock stops with its power, and no time server was reached since",
            "bo mạch không giữ được giờ khi mất điện, và từ đó chưa kết nối được máy chủ thời gian",
        ),
        _CLOCK_CHIP,
    ),
    "clock.rtc_stops": DoctorMessage(
        "ok",
        (
            (
                "the clock's battery has {volts} V (flat, or none): it stops with the power, and waits for "
                "a time server after each start"
            ),
            (
                "pin đồng hồ còn {volts} V (hết hoặc chưa lắp): mất điện là mất giờ, sau mỗi lần khởi động "
                "phải chờ máy chủ thời gian"
            ),
        ),
    ),
    "clock.rtc_stops_unsynced": DoctorMessage(
        "warning",
        (
            (
                "the clock's battery has {volts} V (flat, or none): it stopped with the power, and no time "
                "server was reached since"
            ),
            (
                "pin đồng hồ còn {volts} V (hết hoặc chưa lắp): đã mất giờ khi mất điện, và từ đó chưa kết "
                "nối được máy chủ thời gian"
            ),
        ),
        _CLOCK_BATTERY,
    ),
    "card.ok": DoctorMessage(
        "ok", ("the kernel reported no faults in the last day", "trong 24 giờ qua hệ thống không báo lỗi")
    ),
    "card.told": DoctorMessage(
        "fault",
        (
            "the kernel reported {errors} faults of {device} in the last day, last: {line}",
            "trong 24 giờ qua hệ thống báo {errors} lỗi của {device}, gần nhất: {line}",
        ),
        _NEW_CARD,
    ),
    "card.counted": DoctorMessage(
        "fault",
        (
            "the file system on {device} counts {errors} errors since it was last checked",
            "hệ thống tệp trên {device} ghi nhận {errors} lỗi từ lần kiểm tra gần nhất",
        ),
        _CHECK_CARD,
    ),
    "card.unknown": DoctorMessage(
        "unknown",
        ("you may not read the kernel's messages", "bạn không có quyền đọc thông báo của hệ thống"),
        _SUDO,
    ),
    "network.wired": DoctorMessage("ok", ("by {name}, not by Wi-Fi", "qua {name}, không dùng Wi-Fi")),
    "network.wifi": DoctorMessage(
        "ok", ("by Wi-Fi ({name}), signal {level_dbm} dBm", "qua Wi-Fi ({name}), tín hiệu {level_dbm} dBm")
    ),
    "network.wifi_weak": DoctorMessage(
        "warning",
        (
            "by Wi-Fi ({name}) with a weak signal, {level_dbm} dBm: below -70 dBm connections break",
            "qua Wi-Fi ({name}) với tín hiệu yếu, {level_dbm} dBm: dưới -70 dBm dễ mất kết nối",
        ),
        (
            "Use a network cable, or bring the device and the Wi-Fi router nearer to each other.",
            "Hãy dùng dây mạng, hoặc đặt thiết bị và bộ phát Wi-Fi gần nhau hơn.",
        ),
    ),
    "network.wifi_unknown": DoctorMessage(
        "unknown",
        ("the Wi-Fi ({name}) does not report its signal", "Wi-Fi ({name}) không cho biết độ mạnh tín hiệu"),
    ),
    "network.none": DoctorMessage(
        "unknown", ("this device has no route to a network", "thiết bị chưa có đường ra mạng")
    ),
    "camera.sensor_silent": DoctorMessage(
        "fault",
        (
            "the camera's sensor ({sensor}) does not answer the kernel",
            "cảm biến camera ({sensor}) không trả lời hệ thống",
        ),
        (
            (
                f"{_RIBBON[0]}; if a dtoverlay= line for a camera is in /boot/firmware/config.txt, see "
                "that it names this one."
            ),
            (
                f"{_RIBBON[1]}; nếu trong /boot/firmware/config.txt có dòng dtoverlay= cho camera, hãy xem "
                "có đúng loại camera không."
            ),
        ),
    ),
    "camera.old_software": DoctorMessage(
        "fault",
        (
            "{file} has start_x: that is for the old camera software, which the agent does not use",
            "{file} có start_x: dành cho phần mềm camera cũ, không dùng được ở đây",
        ),
        (
            (
                "Take the start_x line out of {file}, put camera_auto_detect=1 at its end, and restart the "
                "device."
            ),
            (
                "Hãy bỏ dòng start_x khỏi {file}, thêm camera_auto_detect=1 vào cuối, rồi khởi động lại "
                "thiết bị."
            ),
        ),
    ),
    "camera.overlay": DoctorMessage(
        "fault",
        (
            "{file} names the sensor {overlay}, and the kernel has none",
            "{file} ghi cảm biến {overlay}, nhưng hệ thống không thấy cảm biến nào",
        ),
        (
            (
                f"{_RIBBON[0]}; for one of Raspberry Pi's own cameras put camera_auto_detect=1 into {{file}} "
                "instead of its dtoverlay= line, and restart the device."
            ),
            (
                f"{_RIBBON[1]}; với camera chính hãng của Raspberry Pi, hãy thay dòng dtoverlay= của camera "
                "trong {file} bằng camera_auto_detect=1, rồi khởi động lại thiết bị."
            ),
        ),
    ),
    "camera.not_looked_for": DoctorMessage(
        "fault",
        (
            "{file} does not let the firmware look for a camera",
            "{file} không cho firmware tìm camera",
        ),
        (
            (
                "Put a line camera_auto_detect=1 at the end of {file} (for a camera that is not Raspberry "
                "Pi's own the dtoverlay= line of its maker), and restart the device."
            ),
            (
                "Hãy thêm dòng camera_auto_detect=1 vào cuối {file} (với camera không phải chính hãng của "
                "Raspberry Pi thì thêm dòng dtoverlay= của hãng), rồi khởi động lại thiết bị."
            ),
        ),
    ),
    "camera.none_seen": DoctorMessage(
        "fault",
        (
            "the firmware looked for a camera on the ribbon and saw none",
            "firmware đã tìm nhưng không thấy camera trên cáp dẹt",
        ),
        (
            (
                f"{_RIBBON[0]}; a camera that is not Raspberry Pi's own needs the dtoverlay= line of its "
                "maker in {file}."
            ),
            (
                f"{_RIBBON[1]}; camera không phải chính hãng của Raspberry Pi cần dòng dtoverlay= của hãng "
                "trong {file}."
            ),
        ),
    ),
}
