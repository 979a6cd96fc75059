"""Messages on the configuration, the weights, and the camera with its picture."""

from __future__ import annotations

from agent.doctor.message_form import Bilingual, DoctorMessage

_SUDO: Bilingual = (
    "Run it as root: sudo presence-agent doctor.",
    "Hãy chạy với quyền root: sudo presence-agent doctor.",
)
_LAMP: Bilingual = (
    "Switch the light on, or take away what covers the lens; if it is to see at night, give it a lamp.",
    "Hãy bật đèn hoặc bỏ vật che ống kính; nếu cần quan sát ban đêm, hãy lắp thêm đèn.",
)
_TURN: Bilingual = (
    "Set rotation = {rotation} under [camera], or turn the camera round.",
    "Hãy đặt rotation = {rotation} trong mục [camera], hoặc xoay lại camera.",
)
_SHARPEN: Bilingual = (
    "Wipe the lens, take off its film, and turn it until small print at the distance of people is sharp.",
    "Hãy lau ống kính, bóc lớp phim bảo vệ, rồi chỉnh nét đến khi rõ chữ nhỏ ở khoảng cách có người.",
)
_FACE: Bilingual = (
    "Stand in front of the camera, look at it, and run doctor again.",
    "Hãy đứng trước camera, nhìn vào camera và chạy lại doctor.",
)
_LOOK_AT_SERVICE: Bilingual = (
    "See 'journalctl -u presence-agent -x' for why it gives no pictures.",
    "Hãy xem 'journalctl -u presence-agent -x' để biết vì sao không có hình.",
)

CAMERA_MESSAGES: dict[str, DoctorMessage] = {
    "configuration.ok": DoctorMessage("ok", ("{path} is good", "{path} hợp lệ")),
    "configuration.notice": DoctorMessage(
        "warning",
        ("{path} is good, but: {problem}", "{path} hợp lệ, nhưng: {problem}"),
        ("Change it if it is not meant so.", "Hãy sửa nếu không chủ ý đặt như vậy."),
    ),
    "configuration.example": DoctorMessage(
        "warning",
        ("{where} = {value}: still an example's", "{where} = {value}: vẫn là giá trị của tệp mẫu"),
        (
            "Put your own there: 'presence-agent check --config {path}' shows what would be right.",
            "Hãy thay bằng giá trị của cơ quan: 'presence-agent check --config {path}' cho biết cần ghi gì.",
        ),
    ),
    "configuration.wrong": DoctorMessage(
        "fault",
        ("{problem}", "có lỗi: {problem}"),
        (
            "Correct it, then try 'presence-agent check --config {path}'.",
            "Hãy sửa lại, rồi kiểm tra bằng 'presence-agent check --config {path}'.",
        ),
        can_start=False,
    ),
    "weights.ok": DoctorMessage("ok", ("{names} are whole", "{names} nguyên vẹn")),
    "weights.spare": DoctorMessage(
        "warning",
        (
            "what was prepared from it serves, but an update could not prepare it again: {problem}",
            "mô hình vẫn dùng được, nhưng khi cập nhật sẽ không chuẩn bị lại được: {problem}",
        ),
        ("Run 'presence-agent models fetch {name}'.", "Hãy chạy 'presence-agent models fetch {name}'."),
    ),
    "weights.wrong": DoctorMessage(
        "fault",
        ("{problem}", "không dùng được: {problem}"),
        ("Run 'presence-agent models fetch {name}'.", "Hãy chạy 'presence-agent models fetch {name}'."),
        can_start=False,
    ),
    "weights.manifest": DoctorMessage(
        "fault",
        ("{problem}", "không dùng được danh sách mô hình: {problem}"),
        ("Install presence-agent again.", "Hãy cài lại presence-agent."),
        can_start=False,
    ),
    "camera.ok": DoctorMessage(
        "ok",
        ("{source} gives pictures of {width}×{height} px", "{source} có hình {width}×{height} px"),
    ),
    "camera.other_size": DoctorMessage(
        "warning",
        (
            "{source} gives pictures of {width}×{height} px, asked for are {asked}",
            "{source} có hình {width}×{height} px, trong khi cấu hình yêu cầu {asked}",
        ),
        (
            "Set size = [{width}, {height}] under [camera].",
            "Hãy đặt size = [{width}, {height}] trong mục [camera].",
        ),
    ),
    "camera.running": DoctorMessage(
        "ok",
        (
            "the service uses it and sees; its numbers are {age_s} s old, {fps} pictures a second",
            "dịch vụ đang dùng camera và có hình; số liệu cách đây {age_s} giây, {fps} khung hình mỗi giây",
        ),
    ),
    "camera.unreadable": DoctorMessage(
        "fault",
        ("the recording can't be read: {problem}", "không đọc được tệp video: {problem}"),
        (
            "Correct source under [camera], or put the recording there again.",
            "Hãy sửa source trong mục [camera], hoặc chép lại tệp video.",
        ),
        can_start=False,
    ),
    "camera.not_opened": DoctorMessage(
        "fault",
        ("it can't be opened: {problem}", "không mở được: {problem}"),
        (
            (
                "Check its cable (switch the power off first) and source under [camera]; "
                "end what else uses the camera."
            ),
            (
                "Hãy kiểm tra cáp camera (tắt nguồn trước) và source trong mục [camera]; "
                "tắt chương trình khác đang dùng camera."
            ),
        ),
    ),
    "camera.not_reached": DoctorMessage(
        "fault",
        ("it can't be reached: {problem}", "không kết nối được: {problem}"),
        (
            "Check its power and its network, and source, username and password_file under [camera].",
            "Hãy kiểm tra nguồn và mạng của camera, và source, username, password_file trong mục [camera].",
        ),
    ),
    "camera.no_pictures": DoctorMessage(
        "fault",
        ("it opens but gives no pictures", "mở được nhưng không có hình"),
        (
            "Check both ends of its cable with the power off, then restart the device.",
            "Hãy tắt nguồn, kiểm tra hai đầu cáp, rồi khởi động lại thiết bị.",
        ),
    ),
    "camera.moved": DoctorMessage(
        "fault",
        (
            "the service uses it, but it was moved: nobody is counted; its numbers are {age_s} s old",
            "dịch vụ đang dùng camera nhưng bị xê dịch: không đếm ai; số liệu cách đây {age_s} giây",
        ),
        (
            (
                "Put it back to its place; or, if it is to stay so, draw lines and zones for what it sees "
                "now, or see that they are right, and run sudo presence-agent accept-view."
            ),
            (
                "Hãy đặt camera về chỗ cũ; nếu muốn để như vậy, hãy vẽ lại vạch và vùng theo hình mới, hoặc "
                "xem chúng đã đúng chưa, rồi chạy sudo presence-agent accept-view."
            ),
        ),
    ),
    "camera.blind": DoctorMessage(
        "fault",
        (
            "the service uses it, but can't see ({cause}); its numbers are {age_s} s old",
            "dịch vụ đang dùng camera nhưng không quan sát được ({cause}); số liệu cách đây {age_s} giây",
        ),
        (
            (
                "Look at the camera: uncover it, give it light, wipe and focus its lens, put it back to "
                "its place, or check its cable."
            ),
            (
                "Hãy xem camera: bỏ vật che, bật đèn, lau và chỉnh nét ống kính, đặt về chỗ cũ, "
                "hoặc kiểm tra cáp."
            ),
        ),
    ),
    "camera.stale": DoctorMessage(
        "fault",
        (
            "the service uses it, but its numbers are {age_s} s old",
            "dịch vụ đang dùng camera, nhưng số liệu đã cũ {age_s} giây",
        ),
        _LOOK_AT_SERVICE,
    ),
    "camera.no_numbers": DoctorMessage(
        "unknown",
        (
            "the service uses it and has not written its numbers yet",
            "dịch vụ đang dùng camera và chưa ghi số liệu",
        ),
        (
            "Wait half a minute and run doctor again; if it stays so, stop the service and run doctor then.",
            "Hãy đợi nửa phút rồi chạy lại doctor; nếu vẫn vậy, hãy dừng dịch vụ rồi chạy doctor.",
        ),
    ),
    "camera.no_access": DoctorMessage(
        "unknown",
        (
            "the service uses it; only root may read its numbers",
            "dịch vụ đang dùng camera; chỉ root đọc được số liệu",
        ),
        _SUDO,
    ),
    "light.ok": DoctorMessage(
        "ok", ("bright enough ({brightness} of 255)", "đủ sáng ({brightness} trên 255)")
    ),
    "light.dark": DoctorMessage(
        "warning",
        (
            "too dark to see anybody ({brightness} of 255)",
            "quá tối, không thấy được người ({brightness} trên 255)",
        ),
        _LAMP,
    ),
    "light.dark_fault": DoctorMessage(
        "fault",
        (
            "too dark to see anybody ({brightness} of 255), though night = true",
            "quá tối, không thấy được người ({brightness} trên 255), dù night = true",
        ),
        _LAMP,
    ),
    "focus.ok": DoctorMessage("ok", ("the picture is sharp", "hình rõ nét")),
    "focus.blurred": DoctorMessage(
        "warning",
        ("the picture is out of focus", "hình bị mờ, mất nét"),
        _SHARPEN,
    ),
    "focus.unknown": DoctorMessage(
        "unknown",
        ("there is nothing in the picture to judge by", "hình không đủ chi tiết để đánh giá"),
        ("Give it light, then run doctor again.", "Hãy bật đèn rồi chạy lại doctor."),
    ),
    "upright.ok": DoctorMessage("ok", ("faces are upright", "khuôn mặt đúng chiều")),
    "upright.turned": DoctorMessage(
        "warning",
        ("the picture is upside down: faces are", "hình bị lộn ngược: khuôn mặt ngược đầu"),
        _TURN,
    ),
    "upright.no_faces": DoctorMessage(
        "unknown", ("no face was seen to judge by", "chưa thấy khuôn mặt nào để đánh giá"), _FACE
    ),
    "upright.no_network": DoctorMessage(
        "unknown",
        (
            "the face detector can't be used: {problem}",
            "không dùng được mô hình phát hiện khuôn mặt: {problem}",
        ),
        ("Run 'presence-agent models fetch {name}'.", "Hãy chạy 'presence-agent models fetch {name}'."),
    ),
}
