"""What doctor says of the broker."""

from __future__ import annotations

from agent.doctor.words_of import Words

BROKER_WORDS: dict[str, Words] = {
    "broker_name.none": Words(
        "warning",
        (
            "there is no [mqtt] in the configuration: events stay in the log",
            "cấu hình không có mục [mqtt]: sự kiện chỉ ở lại trong nhật ký",
        ),
        ("Add [mqtt] if events are to be published.", "Hãy thêm mục [mqtt] nếu cần gửi sự kiện."),
    ),
    "broker_name.ok": Words("ok", ("{host} is {addresses}", "{host} là {addresses}")),
    "broker_name.unknown": Words(
        "fault",
        ("the name {host} is not known", "không tìm thấy tên {host}"),
        (
            "Check host under [mqtt], the network's cable or Wi-Fi, and its DNS.",
            "Hãy kiểm tra host trong mục [mqtt], dây mạng hoặc Wi-Fi, và DNS.",
        ),
    ),
    "broker_name.slow": Words(
        "fault",
        (
            "nobody tells within {limit_s} s where {host} is",
            "sau {limit_s} giây vẫn không phân giải được {host}",
        ),
        (
            "Check the network's cable or Wi-Fi, and its DNS.",
            "Hãy kiểm tra dây mạng hoặc Wi-Fi, và DNS.",
        ),
    ),
    "broker_port.ok": Words("ok", ("{address} port {port} answers", "{address} cổng {port} có trả lời")),
    "broker_port.some": Words(
        "warning",
        (
            "{address} port {port} answers, but not {silent}",
            "{address} cổng {port} có trả lời, nhưng {silent} thì không",
        ),
        (
            "Start the broker there again, or take that address out of the name.",
            "Hãy khởi động lại máy chủ MQTT ở đó, hoặc bỏ địa chỉ đó khỏi tên.",
        ),
    ),
    "broker_port.refused": Words(
        "fault",
        ("nothing listens at {host} port {port}", "không có gì lắng nghe tại {host} cổng {port}"),
        (
            "Check port under [mqtt], and that the broker runs.",
            "Hãy kiểm tra port trong mục [mqtt], và máy chủ MQTT có đang chạy không.",
        ),
    ),
    "broker_port.silent": Words(
        "fault",
        (
            "{host} port {port} can't be reached ({problem})",
            "không kết nối được {host} cổng {port} ({problem})",
        ),
        (
            "Check the network, the firewall between, and host and port under [mqtt].",
            "Hãy kiểm tra mạng, tường lửa, và host, port trong mục [mqtt].",
        ),
    ),
    "broker_tls.ok": Words(
        "ok",
        ("{version}, the certificate is good for {days} days", "{version}, chứng chỉ còn hạn {days} ngày"),
    ),
    "broker_tls.ends_soon": Words(
        "warning",
        ("the broker's certificate ends in {days} days", "chứng chỉ của máy chủ hết hạn sau {days} ngày"),
        ("Have it renewed at the broker before that.", "Hãy gia hạn chứng chỉ trên máy chủ trước ngày đó."),
    ),
    "broker_tls.plain": Words(
        "warning",
        (
            "off: whoever is in the network can read the events and the password",
            "đang tắt: ai ở trong mạng cũng đọc được sự kiện và mật khẩu",
        ),
        (
            "Set tls = true under [mqtt], with the broker's port for TLS.",
            "Hãy đặt tls = true trong mục [mqtt], cùng cổng TLS của máy chủ.",
        ),
    ),
    "broker_tls.expired": Words(
        "fault",
        ("the broker's certificate has expired", "chứng chỉ của máy chủ đã hết hạn"),
        (
            (
                "Have it renewed at the broker (deploy/broker/certificates.sh renew); if this device's clock "
                "is wrong, set that."
            ),
            (
                "Hãy gia hạn trên máy chủ (deploy/broker/certificates.sh renew); nếu đồng hồ thiết bị sai, "
                "hãy chỉnh lại."
            ),
        ),
    ),
    "broker_tls.not_yet": Words(
        "fault",
        ("the broker's certificate is not valid yet", "chứng chỉ của máy chủ chưa có hiệu lực"),
        ("Set this device's clock.", "Hãy chỉnh lại đồng hồ của thiết bị."),
    ),
    "broker_tls.other_name": Words(
        "fault",
        ("the broker's certificate is not for {host}", "chứng chỉ của máy chủ không dành cho {host}"),
        (
            "Set host under [mqtt] to a name that is in the certificate, or have {host} put in.",
            "Hãy đặt host trong mục [mqtt] đúng tên trong chứng chỉ, hoặc xin thêm {host} vào chứng chỉ.",
        ),
    ),
    "broker_tls.untrusted": Words(
        "fault",
        (
            "the broker's certificate is not trusted ({problem})",
            "chứng chỉ của máy chủ không đáng tin ({problem})",
        ),
        (
            (
                "Set ca_file under [mqtt] to the certificate of the broker's authority; if it is, this is "
                "another broker: check host."
            ),
            (
                "Hãy đặt ca_file trong mục [mqtt] là chứng chỉ gốc (CA) của máy chủ; nếu đã đúng thì đây là "
                "máy chủ khác: hãy kiểm tra host."
            ),
        ),
    ),
    "broker_tls.authority_lacks": Words(
        "fault",
        (
            "the certificate of the broker's authority lacks {wanted} ({problem})",
            "chứng chỉ gốc (CA) của máy chủ thiếu {wanted} ({problem})",
        ),
        (
            "Have it made again with that, for the same key, and put it into ca_file under [mqtt].",
            "Hãy xin cấp lại cho cùng khóa, có thêm mục đó, rồi đặt vào ca_file trong mục [mqtt].",
        ),
    ),
    "broker_tls.certificate_lacks": Words(
        "fault",
        (
            "the broker's certificate lacks {wanted} ({problem})",
            "chứng chỉ của máy chủ thiếu {wanted} ({problem})",
        ),
        (
            "Have it made again with that at the broker.",
            "Hãy xin cấp lại chứng chỉ của máy chủ, có thêm mục đó.",
        ),
    ),
    "broker_tls.no_tls": Words(
        "fault",
        ("no TLS is spoken at port {port}", "cổng {port} không dùng TLS"),
        (
            "Set port under [mqtt] to the broker's port for TLS, usually 8883.",
            "Hãy đặt port trong mục [mqtt] là cổng TLS của máy chủ, thường là 8883.",
        ),
    ),
    "broker_tls.refused": Words(
        "fault",
        ("there is no connection with TLS: {problem}", "không kết nối được bằng TLS: {problem}"),
        (
            "Check ca_file, certificate_file, key_file and port under [mqtt].",
            "Hãy kiểm tra ca_file, certificate_file, key_file và port trong mục [mqtt].",
        ),
    ),
    "broker_tls.file": Words(
        "fault",
        ("{problem}", "không dùng được tệp chứng chỉ: {problem}"),
        (
            "Put the file there, readable for the agent, or correct its path under [mqtt].",
            "Hãy đặt tệp vào đó với quyền đọc cho thiết bị, hoặc sửa đường dẫn trong mục [mqtt].",
        ),
    ),
    "broker_login.ok": Words("ok", ("logged in as {user}", "đã đăng nhập bằng {user}")),
    "broker_login.no_secret": Words(
        "fault",
        ("{problem}", "không đọc được mật khẩu: {problem}"),
        (
            "Write the password into that file, on one line; the service reads it from /etc/presence-agent.",
            "Hãy ghi mật khẩu vào tệp đó, trên một dòng; dịch vụ đọc mật khẩu từ /etc/presence-agent.",
        ),
    ),
    "broker_login.no_access": Words(
        "unknown",
        ("{path} can't be read by you", "bạn không có quyền đọc {path}"),
        (
            "Run it as root: sudo presence-agent doctor.",
            "Hãy chạy với quyền root: sudo presence-agent doctor.",
        ),
    ),
    "broker_login.refused": Words(
        "fault",
        ("the broker refuses the login as {user}", "máy chủ từ chối đăng nhập bằng {user}"),
        (
            (
                "Check username and password_file under [mqtt]; a new password is made with "
                "deploy/broker/account.sh new-password."
            ),
            (
                "Hãy kiểm tra username và password_file trong mục [mqtt]; tạo mật khẩu mới bằng "
                "deploy/broker/account.sh new-password."
            ),
        ),
    ),
    "broker_login.failed": Words(
        "fault",
        ("the broker lets nobody in: {problem}", "máy chủ không cho kết nối: {problem}"),
        (
            (
                "Check port, tls and protocol under [mqtt]: "
                "protocol = 311 for a broker that speaks only MQTT 3.1.1."
            ),
            (
                "Hãy kiểm tra port, tls và protocol trong mục [mqtt]: "
                "protocol = 311 nếu máy chủ chỉ hỗ trợ MQTT 3.1.1."
            ),
        ),
    ),
    "broker_rights.ok": Words(
        "ok",
        (
            "may publish below {root}, and not elsewhere",
            "được gửi dưới {root} và không được gửi ở nơi khác",
        ),
    ),
    "broker_rights.proven": Words(
        "ok",
        (
            "the agent is online: it has read back its own status",
            "thiết bị đang trực tuyến: đã đọc lại được trạng thái của chính mình",
        ),
    ),
    "broker_rights.unseen": Words(
        "unknown",
        (
            "with protocol 311 a broker does not tell what it refuses",
            "với protocol 311, máy chủ không báo khi từ chối",
        ),
        (
            (
                "Set protocol = 5 under [mqtt] if the broker speaks it; otherwise start the agent and see "
                "whether its status is online."
            ),
            (
                "Hãy đặt protocol = 5 trong mục [mqtt] nếu máy chủ hỗ trợ; nếu không, hãy chạy dịch vụ và "
                "xem trạng thái có trực tuyến không."
            ),
        ),
    ),
    "broker_rights.no_write": Words(
        "fault",
        ("may not publish on {topic} ({problem})", "không được gửi lên {topic} ({problem})"),
        (
            (
                "Give the account {user} the rights of an agent (deploy/broker/account.sh rights); its "
                "name must be {site}/{name}."
            ),
            (
                "Hãy cấp cho tài khoản {user} quyền của thiết bị (deploy/broker/account.sh rights); "
                "tên tài khoản phải là {site}/{name}."
            ),
        ),
    ),
    "broker_rights.no_read": Words(
        "fault",
        ("may not read {topic} ({problem})", "không được đọc {topic} ({problem})"),
        (
            (
                "Give the account {user} the rights of an agent (deploy/broker/account.sh rights); its "
                "name must be {site}/{name}."
            ),
            (
                "Hãy cấp cho tài khoản {user} quyền của thiết bị (deploy/broker/account.sh rights); "
                "tên tài khoản phải là {site}/{name}."
            ),
        ),
    ),
    "broker_rights.too_wide": Words(
        "warning",
        (
            "may publish elsewhere too, on {topic}: this device could speak for others",
            "được gửi cả lên {topic}: thiết bị này có thể giả làm thiết bị khác",
        ),
        (
            "Limit the account {user} at the broker to {root} (deploy/broker/account.sh rights).",
            "Hãy giới hạn tài khoản {user} chỉ trong {root} (deploy/broker/account.sh rights).",
        ),
    ),
    "broker_rights.unsteady": Words(
        "warning",
        (
            "the agent says that it had no connection for a minute, or none that lasts",
            "thiết bị báo đã một phút không có kết nối, hoặc kết nối liên tục bị chiếm hay bị ngắt",
        ),
        (
            (
                "See what the journal says of the broker. If a copy of this card is in use, give one of the "
                "two another [device] name; otherwise check the network and the broker's own log."
            ),
            (
                "Hãy xem dòng nhật ký về máy chủ MQTT. Nếu đang dùng một bản sao của thẻ nhớ này, hãy đặt "
                "[device] name khác cho một trong hai máy; nếu không, kiểm tra mạng và nhật ký của máy chủ."
            ),
        ),
    ),
    "broker_rights.lost": Words(
        "fault",
        ("the broker hangs up while rights are tried: {problem}", "máy chủ ngắt khi thử quyền: {problem}"),
        (
            "Look into the broker's own log, and at the rights of the account {user}.",
            "Hãy xem nhật ký của máy chủ, và quyền của tài khoản {user}.",
        ),
    ),
}
