"""Messages on the broker: name, port, TLS, login and rights."""

from __future__ import annotations

from agent.doctor.message_form import DoctorMessage

BROKER_MESSAGES: dict[str, DoctorMessage] = {
    "broker_name.none": DoctorMessage(
        "warning",
        (
            "there is no [mqtt] in the configuration: events stay in the log",
            "cấu hình không có mục [mqtt]: sự kiện chỉ nằm trong nhật ký",
        ),
        ("Add [mqtt] if events are to be published.", "Hãy thêm mục [mqtt] nếu cần gửi sự kiện."),
    ),
    "broker_name.ok": DoctorMessage("ok", ("{host} is {addresses}", "{host} có địa chỉ {addresses}")),
    "broker_name.unknown": DoctorMessage(
        "fault",
        ("the name {host} is not known", "không tìm thấy tên {host}"),
        (
            "Check host under [mqtt], the network's cable or Wi-Fi, and its DNS.",
            "Hãy kiểm tra host trong mục [mqtt], dây mạng hoặc Wi-Fi, và DNS.",
        ),
    ),
    "broker_name.slow": DoctorMessage(
        "fault",
        (
            "no address for {host} was found within {limit_s} s",
            "sau {limit_s} giây vẫn không tra được địa chỉ của {host}",
        ),
        (
            "Check the network's cable or Wi-Fi, and its DNS.",
            "Hãy kiểm tra dây mạng hoặc Wi-Fi, và DNS.",
        ),
    ),
    "broker_port.ok": DoctorMessage(
        "ok", ("{address} port {port} answers", "cổng {port} của {address} có phản hồi")
    ),
    "broker_port.some": DoctorMessage(
        "warning",
        (
            "{address} port {port} answers, but not {silent}",
            "cổng {port} của {address} có phản hồi, nhưng của {silent} thì không",
        ),
        (
            "Start the broker there again, or take that address out of the name.",
            "Hãy khởi động lại máy chủ MQTT ở địa chỉ đó, hoặc xóa địa chỉ đó khỏi DNS.",
        ),
    ),
    "broker_port.refused": DoctorMessage(
        "fault",
        ("nothing listens at {host} port {port}", "không có dịch vụ nào trên cổng {port} của {host}"),
        (
            "Check port under [mqtt], and that the broker runs.",
            "Hãy kiểm tra port trong mục [mqtt], và máy chủ MQTT có đang chạy không.",
        ),
    ),
    "broker_port.silent": DoctorMessage(
        "fault",
        (
            "{host} port {port} can't be reached ({problem})",
            "không kết nối được cổng {port} của {host} ({problem})",
        ),
        (
            "Check the network, the firewall between, and host and port under [mqtt].",
            "Hãy kiểm tra mạng, tường lửa, và host, port trong mục [mqtt].",
        ),
    ),
    "broker_tls.ok": DoctorMessage(
        "ok",
        ("{version}, the certificate is good for {days} days", "{version}, chứng thư số còn hạn {days} ngày"),
    ),
    "broker_tls.ends_soon": DoctorMessage(
        "warning",
        (
            "the broker's certificate ends in {days} days",
            "chứng thư số của máy chủ MQTT hết hạn sau {days} ngày",
        ),
        (
            "Have it renewed at the broker before that.",
            "Hãy gia hạn chứng thư số trên máy chủ MQTT trước ngày đó.",
        ),
    ),
    "broker_tls.plain": DoctorMessage(
        "warning",
        (
            "off: whoever is in the network can read the events and the password",
            "đang tắt: ai trong mạng cũng đọc được sự kiện và mật khẩu",
        ),
        (
            "Set tls = true under [mqtt], with the broker's port for TLS.",
            "Hãy đặt tls = true trong mục [mqtt], và đổi port sang cổng TLS của máy chủ MQTT.",
        ),
    ),
    "broker_tls.expired": DoctorMessage(
        "fault",
        ("the broker's certificate has expired", "chứng thư số của máy chủ MQTT đã hết hạn"),
        (
            (
                "Have it renewed at the broker (deploy/broker/certificates.sh renew); if this device's clock "
                "is wrong, set that."
            ),
            (
                "Hãy gia hạn trên máy chủ MQTT (deploy/broker/certificates.sh renew); nếu đồng hồ của thiết "
                "bị sai, hãy chỉnh lại."
            ),
        ),
    ),
    "broker_tls.not_yet": DoctorMessage(
        "fault",
        ("the broker's certificate is not valid yet", "chứng thư số của máy chủ MQTT chưa có hiệu lực"),
        ("Set this device's clock.", "Hãy chỉnh lại đồng hồ của thiết bị."),
    ),
    "broker_tls.other_name": DoctorMessage(
        "fault",
        (
            "the broker's certificate is not for {host}",
            "chứng thư số của máy chủ MQTT không cấp cho tên {host}",
        ),
        (
            "Set host under [mqtt] to a name that is in the certificate, or have {host} put in.",
            "Hãy đặt host trong mục [mqtt] đúng tên ghi trong chứng thư số, hoặc xin cấp lại có thêm {host}.",
        ),
    ),
    "broker_tls.untrusted": DoctorMessage(
        "fault",
        (
            "the broker's certificate is not trusted ({problem})",
            "chứng thư số của máy chủ MQTT không được tin cậy ({problem})",
        ),
        (
            (
                "Set ca_file under [mqtt] to the certificate of the broker's authority; if it is, this is "
                "another broker: check host."
            ),
            (
                "Hãy đặt ca_file trong mục [mqtt] là chứng thư số gốc (CA) của máy chủ MQTT; nếu đã đúng thì "
                "đây là máy chủ MQTT khác: hãy kiểm tra host."
            ),
        ),
    ),
    "broker_tls.authority_lacks": DoctorMessage(
        "fault",
        (
            "the certificate of the broker's authority lacks {wanted} ({problem})",
            "chứng thư số gốc (CA) của máy chủ MQTT thiếu {wanted} ({problem})",
        ),
        (
            "Have it made again with that, for the same key, and put it into ca_file under [mqtt].",
            "Hãy xin cấp lại với cùng khóa bí mật, có thêm phần đó, rồi đặt vào ca_file trong mục [mqtt].",
        ),
    ),
    "broker_tls.certificate_lacks": DoctorMessage(
        "fault",
        (
            "the broker's certificate lacks {wanted} ({problem})",
            "chứng thư số của máy chủ MQTT thiếu {wanted} ({problem})",
        ),
        (
            "Have it made again with that at the broker.",
            "Hãy xin cấp lại chứng thư số của máy chủ MQTT, có thêm phần đó.",
        ),
    ),
    "broker_tls.no_tls": DoctorMessage(
        "fault",
        ("port {port} does not use TLS", "cổng {port} không dùng TLS"),
        (
            "Set port under [mqtt] to the broker's port for TLS, usually 8883.",
            "Hãy đặt port trong mục [mqtt] là cổng TLS của máy chủ MQTT, thường là 8883.",
        ),
    ),
    "broker_tls.refused": DoctorMessage(
        "fault",
        ("the TLS connection failed: {problem}", "không kết nối được bằng TLS: {problem}"),
        (
            "Check ca_file, certificate_file, key_file and port under [mqtt].",
            "Hãy kiểm tra ca_file, certificate_file, key_file và port trong mục [mqtt].",
        ),
    ),
    "broker_tls.file": DoctorMessage(
        "fault",
        ("{problem}", "không dùng được tệp chứng thư số: {problem}"),
        (
            "Put the file there, readable for the agent, or correct its path under [mqtt].",
            "Hãy chép tệp vào đó và cấp quyền đọc cho dịch vụ, hoặc sửa đường dẫn trong mục [mqtt].",
        ),
    ),
    "broker_login.ok": DoctorMessage("ok", ("logged in as {user}", "đã đăng nhập với tên {user}")),
    "broker_login.no_secret": DoctorMessage(
        "fault",
        ("{problem}", "không đọc được mật khẩu: {problem}"),
        (
            (
                "Write the password into {secret}, on one line ('sudo nano {secret}', then 'sudo chmod 600 "
                "{secret}'); a running service takes it by itself."
            ),
            (
                "Hãy ghi mật khẩu vào {secret}, trên một dòng ('sudo nano {secret}', rồi 'sudo chmod 600 "
                "{secret}'); dịch vụ đang chạy sẽ tự nhận."
            ),
        ),
    ),
    "broker_login.no_access": DoctorMessage(
        "unknown",
        ("{path} can't be read by you", "bạn không có quyền đọc {path}"),
        (
            "Run it as root: sudo presence-agent doctor.",
            "Hãy chạy với quyền root: sudo presence-agent doctor.",
        ),
    ),
    "broker_login.refused": DoctorMessage(
        "fault",
        ("the broker refuses the login as {user}", "máy chủ MQTT từ chối đăng nhập với tên {user}"),
        (
            (
                "Check username and password_file under [mqtt]; at the broker deploy/broker/account.sh "
                "new-password makes a new password, and add-device an account that is not there."
            ),
            (
                "Hãy kiểm tra username và password_file trong mục [mqtt]; trên máy chủ MQTT, "
                "deploy/broker/account.sh new-password tạo mật khẩu mới, add-device tạo tài khoản còn thiếu."
            ),
        ),
    ),
    "broker_login.failed": DoctorMessage(
        "fault",
        ("the broker accepts no connection: {problem}", "máy chủ MQTT không cho kết nối: {problem}"),
        (
            (
                "Check port, tls and protocol under [mqtt]: "
                "protocol = 311 for a broker that supports only MQTT 3.1.1."
            ),
            (
                "Hãy kiểm tra port, tls và protocol trong mục [mqtt]: "
                "protocol = 311 nếu máy chủ MQTT chỉ hỗ trợ MQTT 3.1.1."
            ),
        ),
    ),
    "broker_rights.ok": DoctorMessage(
        "ok",
        (
            "may publish below {root}, and not elsewhere",
            "chỉ có quyền gửi trong {root}, đúng như cần",
        ),
    ),
    "broker_rights.proven": DoctorMessage(
        "ok",
        (
            "the agent is online: it has read back its own status",
            "phần mềm đang trực tuyến: đã đọc lại được trạng thái của chính mình",
        ),
    ),
    "broker_rights.unseen": DoctorMessage(
        "unknown",
        (
            "with protocol 311 a broker does not report what it refuses",
            "với protocol 311, máy chủ MQTT không báo khi từ chối",
        ),
        (
            (
                "Set protocol = 5 under [mqtt] if the broker supports it; otherwise start the agent and see "
                "whether its status is online."
            ),
            (
                "Hãy đặt protocol = 5 trong mục [mqtt] nếu máy chủ MQTT hỗ trợ; nếu không, hãy chạy dịch vụ "
                "và xem trạng thái có trực tuyến không."
            ),
        ),
    ),
    "broker_rights.no_write": DoctorMessage(
        "fault",
        ("may not publish on {topic} ({problem})", "không có quyền gửi lên {topic} ({problem})"),
        (
            (
                "Give the account {user} the rights of an agent (deploy/broker/account.sh rights); its "
                "name must be {site}/{name}."
            ),
            (
                "Hãy cấp cho tài khoản {user} quyền của thiết bị (deploy/broker/account.sh rights); "
                "tên đăng nhập phải là {site}/{name}."
            ),
        ),
    ),
    "broker_rights.agent_refused": DoctorMessage(
        "fault",
        (
            "may not publish on {topic}, as the agent reported in the last minute",
            "không có quyền gửi lên {topic}, theo báo cáo của phần mềm trong phút vừa qua",
        ),
        (
            (
                "Give the account {user} the rights of an agent (deploy/broker/account.sh rights); its name "
                "must be {site}/{name}. Then wait two minutes: the agent tries again by itself."
            ),
            (
                "Hãy cấp cho tài khoản {user} quyền của thiết bị (deploy/broker/account.sh rights); tên đăng "
                "nhập phải là {site}/{name}. Sau đó đợi hai phút: phần mềm sẽ tự thử lại."
            ),
        ),
    ),
    "broker_rights.no_read": DoctorMessage(
        "fault",
        ("may not read {topic} ({problem})", "không có quyền đọc {topic} ({problem})"),
        (
            (
                "Give the account {user} the rights of an agent (deploy/broker/account.sh rights); its "
                "name must be {site}/{name}."
            ),
            (
                "Hãy cấp cho tài khoản {user} quyền của thiết bị (deploy/broker/account.sh rights); "
                "tên đăng nhập phải là {site}/{name}."
            ),
        ),
    ),
    "broker_rights.too_wide": DoctorMessage(
        "warning",
        (
            "may publish elsewhere too, on {topic}: this device could publish as others",
            "có quyền gửi cả lên {topic}: thiết bị này có thể mạo danh thiết bị khác",
        ),
        (
            "Limit the account {user} at the broker to {root} (deploy/broker/account.sh rights).",
            "Hãy giới hạn tài khoản {user} chỉ trong {root} (deploy/broker/account.sh rights).",
        ),
    ),
    "broker_rights.unsteady": DoctorMessage(
        "warning",
        (
            "the agent reports that it had no connection for a minute, or none that lasts",
            "phần mềm báo đã một phút không có kết nối, hoặc kết nối liên tục bị chiếm hay bị ngắt",
        ),
        (
            (
                "See the journal's lines on the broker. If a copy of this card is in use, give one of the "
                "two another [device] name; otherwise check the network and the broker's own log."
            ),
            (
                "Hãy xem các dòng về máy chủ MQTT trong nhật ký hệ thống. Nếu đang dùng một bản sao của thẻ "
                "nhớ này, hãy đặt [device] name khác cho một trong hai máy; nếu không, hãy kiểm tra mạng và "
                "nhật ký của máy chủ MQTT."
            ),
        ),
    ),
    "broker_rights.lost": DoctorMessage(
        "fault",
        (
            "the broker closes the connection while rights are tried: {problem}",
            "máy chủ MQTT ngắt kết nối khi đang thử quyền: {problem}",
        ),
        (
            "Look into the broker's own log, and at the rights of the account {user}.",
            "Hãy xem nhật ký của máy chủ MQTT, và quyền của tài khoản {user}.",
        ),
    ),
}
