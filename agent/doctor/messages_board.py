"""Messages on power, heat, the board's own clock, the card, the network, and a Pi's own camera."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage
from agent.locale.language import N_

_SUDO = N_("Run it as root: sudo presence-agent doctor.")
_POWER_SUPPLY = N_(
    "Use the Raspberry Pi's own power supply and a short, thick cable; unplug what draws power by USB."
)
_COOL = N_("Give it air and shade, a heat sink or a fan.")
_CLOCK_CHIP = N_(
    "Let the device reach a time server; where it often starts without a network, fit a clock with a "
    "battery (for example a DS3231, with dtoverlay=i2c-rtc,ds3231 in /boot/firmware/config.txt)."
)
_CLOCK_BATTERY = N_(
    "Let the device reach a time server; where it often starts without a network, plug a battery for "
    "its clock in at J5 (a rechargeable one needs dtparam=rtc_bbat_vchg=3000000 in "
    "/boot/firmware/config.txt, any other must not have it)."
)
_NEW_CARD = N_(
    "Make sure of a strong power supply first, then put in a new card soon, before it is lost: "
    "'journalctl _TRANSPORT=kernel --since -25h -p warning' has all lines."
)
_CHECK_CARD = N_(
    "Restart the device, so that the file system is checked; if the count comes back, put in a new card."
)

BOARD_MESSAGES: dict[str, DoctorMessage] = {
    "power.ok": DoctorMessage("ok", N_("enough, nothing is slowed down")),
    "power.under": DoctorMessage(
        "fault",
        N_("too little voltage right now ({throttled})"),
        _POWER_SUPPLY,
    ),
    "power.was_under": DoctorMessage(
        "warning",
        N_("there was too little voltage since the device was started ({throttled})"),
        _POWER_SUPPLY,
    ),
    "power.slowed": DoctorMessage(
        "warning",
        N_("the processor is slowed down for its heat ({throttled})"),
        _COOL,
    ),
    "power.was_slowed": DoctorMessage(
        "warning",
        N_("the processor was slowed down for its heat since the device was started ({throttled})"),
        _COOL,
    ),
    "power.unknown": DoctorMessage(
        "unknown",
        N_("this machine does not report its power supply"),
    ),
    "temperature.ok": DoctorMessage("ok", N_("{temp_c} °C")),
    "temperature.warm": DoctorMessage("warning", N_("{temp_c} °C is warm"), _COOL),
    "temperature.hot": DoctorMessage(
        "fault",
        N_("{temp_c} °C is too hot: from 80 °C on the processor is slowed down"),
        _COOL,
    ),
    "temperature.limit": DoctorMessage(
        "fault",
        N_("{temp_c} °C is far too hot: at 85 °C it is as slow as it can be"),
        _COOL,
    ),
    "temperature.unknown": DoctorMessage("unknown", N_("this machine does not report it")),
    "clock.no_rtc": DoctorMessage(
        "ok",
        N_("this board's clock stops with its power: after each start it waits for a time server"),
    ),
    "clock.no_rtc_unsynced": DoctorMessage(
        "warning",
        N_("this board's clock stops with its power, and no time server was reached since"),
        _CLOCK_CHIP,
    ),
    "clock.rtc_stops": DoctorMessage(
        "ok",
        N_(
            "the clock's battery has {volts} V (flat, or none): it stops with the power, and waits for "
            "a time server after each start"
        ),
    ),
    "clock.rtc_stops_unsynced": DoctorMessage(
        "warning",
        N_(
            "the clock's battery has {volts} V (flat, or none): it stopped with the power, and no time "
            "server was reached since"
        ),
        _CLOCK_BATTERY,
    ),
    "card.ok": DoctorMessage("ok", N_("the kernel reported no faults in the last day")),
    "card.told": DoctorMessage(
        "fault",
        N_("the kernel reported {errors} faults of {device} in the last day, last: {line}"),
        _NEW_CARD,
    ),
    "card.counted": DoctorMessage(
        "fault",
        N_("the file system on {device} counts {errors} errors since it was last checked"),
        _CHECK_CARD,
    ),
    "card.unknown": DoctorMessage(
        "unknown",
        N_("you may not read the kernel's messages"),
        _SUDO,
    ),
    "network.wired": DoctorMessage("ok", N_("by {name}, not by Wi-Fi")),
    "network.wifi": DoctorMessage("ok", N_("by Wi-Fi ({name}), signal {level_dbm} dBm")),
    "network.wifi_weak": DoctorMessage(
        "warning",
        N_("by Wi-Fi ({name}) with a weak signal, {level_dbm} dBm: below -70 dBm connections break"),
        N_("Use a network cable, or bring the device and the Wi-Fi router nearer to each other."),
    ),
    "network.wifi_unknown": DoctorMessage(
        "unknown",
        N_("the Wi-Fi ({name}) does not report its signal"),
    ),
    "network.none": DoctorMessage("unknown", N_("this device has no route to a network")),
    "camera.sensor_silent": DoctorMessage(
        "fault",
        N_("the camera's sensor ({sensor}) does not answer the kernel"),
        N_(
            "Switch the device off and push both ends of the ribbon in, straight and with the "
            "contacts the right way; if a dtoverlay= line for a camera is in "
            "/boot/firmware/config.txt, see that it names this one."
        ),
    ),
    "camera.old_software": DoctorMessage(
        "fault",
        N_("{file} has start_x: that is for the old camera software, which the agent does not use"),
        N_(
            "Take the start_x line out of {file}, put camera_auto_detect=1 at its end, and restart the "
            "device."
        ),
    ),
    "camera.overlay": DoctorMessage(
        "fault",
        N_("{file} names the sensor {overlay}, and the kernel has none"),
        N_(
            "Switch the device off and push both ends of the ribbon in, straight and with the "
            "contacts the right way; for one of Raspberry Pi's own cameras put camera_auto_detect=1"
            " into {file} instead of its dtoverlay= line, and restart the device."
        ),
    ),
    "camera.not_looked_for": DoctorMessage(
        "fault",
        N_("{file} does not let the firmware look for a camera"),
        N_(
            "Put a line camera_auto_detect=1 at the end of {file} (for a camera that is not Raspberry "
            "Pi's own the dtoverlay= line of its maker), and restart the device."
        ),
    ),
    "camera.none_seen": DoctorMessage(
        "fault",
        N_("the firmware looked for a camera on the ribbon and saw none"),
        N_(
            "Switch the device off and push both ends of the ribbon in, straight and with the "
            "contacts the right way; a camera that is not Raspberry Pi's own needs the dtoverlay= "
            "line of its maker in {file}."
        ),
    ),
}
