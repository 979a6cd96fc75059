"""Vietnamese of the agent's sentences on broker, camera, recording and weights.

Each English sentence is the one in the code, {…} for what it puts in; {problem} is looked up again. What
doctor's remedy has anyway is left out of the Vietnamese.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.doctor.message_form import Bilingual

_BROKER: tuple[Bilingual, ...] = (
    (
        "the ca_file {path} can't be used ({problem}); put the certificate of the broker's authority there",
        "ca_file {path}: {problem}; cần chứng thư số gốc (CA) của máy chủ MQTT",
    ),
    (
        (
            "the certificate_file {path} and the key_file {key} do not belong together; "
            "put both of one pair there"
        ),
        "certificate_file {path} và key_file {key} không khớp nhau; cần cả hai của cùng một cặp",
    ),
    (
        (
            "the certificate_file {path} and the key_file {key} can't be used ({problem}); "
            "put a certificate and its key without a passphrase there"
        ),
        (
            "certificate_file {path} và key_file {key}: {problem}; cần chứng thư số và khóa bí mật "
            "không có mật khẩu bảo vệ"
        ),
    ),
    (
        "the ca_file {path} can't be read ({problem}); {problem_why}.",
        "ca_file {path}: {problem}; {problem_why}",
    ),
    (
        "the certificate_file {path} can't be read ({problem}); {problem_why}.",
        "certificate_file {path}: {problem}; {problem_why}",
    ),
    (
        "the key_file {path} can't be read ({problem}); {problem_why}.",
        "key_file {path}: {problem}; {problem_why}",
    ),
    ("the certificate_file {path} can't be read ({problem})", "certificate_file {path}: {problem}"),
    ("the key_file {path} can't be read ({problem})", "key_file {path}: {problem}"),
    ("the password_file {path} can't be read ({problem})", "password_file {path}: {problem}"),
    (
        "the password_file {path} has no password in it; write it there, on one line",
        "password_file {path} không có mật khẩu; cần ghi trên một dòng",
    ),
    (
        "the broker's name {host} is not known; check the network and the host's name",
        "không tìm thấy tên {host}",
    ),
    (
        "nothing listens at {broker}; check its host and port, and that it runs",
        "không có dịch vụ nào trên {broker}",
    ),
    (
        "the broker {broker} does not answer; check the network, its host and port",
        "{broker} không phản hồi; hãy kiểm tra mạng, host và port",
    ),
    ("the broker {broker} can't be reached ({problem})", "không kết nối được {broker}: {problem}"),
    (
        "the broker {broker} closes the connection on TLS; check that port is one for TLS",
        "{broker} ngắt kết nối khi dùng TLS; hãy xem port có phải là cổng TLS không",
    ),
    (
        (
            "the broker {broker} closes the connection instead of answering {problem}; "
            "if that port is for TLS, set tls = true"
        ),
        "{broker} ngắt kết nối thay vì trả lời bằng {problem}; nếu đó là cổng TLS, hãy đặt tls = true",
    ),
    (
        (
            "the broker {broker} closes the connection instead of answering {problem}; "
            "it may not accept this device's certificate"
        ),
        (
            "{broker} ngắt kết nối thay vì trả lời bằng {problem}; có thể chứng thư số của thiết bị "
            "không được chấp nhận"
        ),
    ),
    (
        (
            "the broker {broker} closes the connection instead of answering {problem}; "
            "it may want certificate_file and key_file"
        ),
        "{broker} ngắt kết nối thay vì trả lời bằng {problem}; có thể cần certificate_file và key_file",
    ),
    ("the broker {broker} does not answer {problem}", "{broker} không trả lời bằng {problem}"),
    (
        "MQTT 5; if it speaks only 3.1.1, set protocol = 311 under [mqtt] (watch: --protocol 311)",
        "MQTT 5",
    ),
    ("MQTT 3.1.1; check that host and port are the broker's and that tls is right", "MQTT 3.1.1"),
    (
        "the broker {broker} sends what is not MQTT; check its host and port",
        "{broker} không phải là máy chủ MQTT; hãy kiểm tra host và port",
    ),
    (
        (
            "the broker {broker} refuses the login ({problem}); "
            "check username, password_file and the broker's accounts"
        ),
        "{broker} từ chối đăng nhập ({problem})",
    ),
    ("the broker {broker} refuses the connection ({problem})", "{broker} từ chối kết nối ({problem})"),
    ("the broker {broker} refuses {problem}", "{broker} không hỗ trợ {problem}"),
    (
        (
            "the connection to the broker {broker} is lost: another client came under its id; "
            "was its log or store copied?"
        ),
        "mất kết nối với {broker}: có máy khác dùng cùng client id; thẻ nhớ có bị sao chép không?",
    ),
    ("the connection to the broker {broker} is lost ({problem})", "mất kết nối với {broker} ({problem})"),
    ("the connection to the broker {broker} is lost", "mất kết nối với {broker}"),
    (
        "the broker {broker} leaves a message unanswered for {limit_s} s; the connection is given up",
        "{broker} không phản hồi sau {limit_s} giây",
    ),
    ("there is no answer within {limit_s} s", "không phản hồi sau {limit_s} giây"),
    (
        "the broker {broker} does not let this client read; check its rights (ACL)",
        "{broker} không cho quyền đọc; hãy kiểm tra quyền (ACL)",
    ),
)
# The broker's refusal of the device's own certificate, alone or behind its address.
_TLS: tuple[Bilingual, ...] = (
    (
        "this device's certificate has expired; put a new one into certificate_file",
        "chứng thư số của thiết bị đã hết hạn; cần thay certificate_file mới",
    ),
    (
        "this device's certificate was revoked; have a new one made for certificate_file",
        "chứng thư số của thiết bị đã bị thu hồi; cần xin cấp certificate_file mới",
    ),
    (
        "it does not know who signed this device's certificate; have its authority sign one",
        "máy chủ MQTT không rõ đơn vị cấp chứng thư số của thiết bị; cần chứng thư số do CA của nó cấp",
    ),
    (
        "it wants a certificate on this port; set certificate_file and key_file, or another port",
        "cổng này yêu cầu chứng thư số; hãy đặt certificate_file và key_file, hoặc dùng cổng khác",
    ),
    (
        "it can't use this device's certificate; check certificate_file and key_file",
        "máy chủ MQTT không dùng được chứng thư số của thiết bị",
    ),
    (
        "this device's certificate is for another use; have one for a client made",
        "chứng thư số của thiết bị dùng cho mục đích khác; cần chứng thư số dành cho máy khách",
    ),
    (
        "it finds no common ground; check certificate_file, key_file and its TLS version",
        "hai bên không có cách mã hóa chung; hãy kiểm tra phiên bản TLS của máy chủ MQTT",
    ),
    (
        "it speaks only versions of TLS before 1.2; have it renewed",
        "máy chủ MQTT chỉ hỗ trợ TLS cũ hơn 1.2; cần nâng cấp",
    ),
    (
        "it does not agree on TLS ({problem}); check that port is one for TLS",
        "không thống nhất được TLS ({problem}); hãy xem port có phải là cổng TLS không",
    ),
    (
        "its certificate has expired; have it renewed there, or set this device's clock if that is wrong",
        "chứng thư số của máy chủ MQTT đã hết hạn",
    ),
    (
        "its certificate is not valid yet; set this device's clock, or the broker's if that is wrong",
        "chứng thư số của máy chủ MQTT chưa có hiệu lực",
    ),
    (
        ("its certificate is not for {host}; set host to a name that is in it, or have {again} put in"),
        "chứng thư số của máy chủ MQTT không cấp cho tên {host}",
    ),
    (
        (
            "its certificate is not trusted ({problem}); check that ca_file is the broker's authority, "
            "and host the broker"
        ),
        "chứng thư số của máy chủ MQTT không được tin cậy ({problem})",
    ),
    ("the broker {broker}: {problem}", "{broker}: {problem}"),
)
_CAMERA: tuple[Bilingual, ...] = (
    ("{path}: there is no such camera; plug it in, or see ls /dev/v4l/by-id", "không có {path}"),
    (
        "{path}: may not be opened; add the agent's user to the group video",
        "không đủ quyền mở {path}: hãy thêm người dùng của dịch vụ vào nhóm video",
    ),
    ("{path}: can't be opened ({problem}); end what uses it, or plug it in again", "{path}: {problem}"),
    (
        "{path}: is no camera; choose one that ls -l /dev/v4l/by-id shows",
        "{path} không phải là camera; hãy chọn một tên trong ls -l /dev/v4l/by-id",
    ),
    (
        (
            "{path}: gives no video; see that it is a camera (ls -l /dev/v4l/by-id) and that no"
            " other program uses it"
        ),
        "{path} không có hình; hãy xem có chương trình khác đang dùng không",
    ),
    (
        ("{device} can't be opened ({problem}): the agent's account has to be in the group video"),
        "{device}: {problem}; hãy thêm người dùng của dịch vụ vào nhóm video",
    ),
    (
        (
            "no camera is found: switch the Pi off, push the ribbon cable in at both ends and close the"
            " latches; rpicam-hello --list-cameras must then show it"
        ),
        "không tìm thấy camera: hãy tắt Pi, cắm chặt hai đầu cáp, cài chốt; thử rpicam-hello --list-cameras",
    ),
    (
        (
            "the camera is held by another program ({problem}): end that one, for example rpicam-hello or an"
            " agent started by hand"
        ),
        "chương trình khác đang dùng camera ({problem})",
    ),
    (
        (
            "picamera2 can't be loaded ({problem}): install Debian's package python3-picamera2, and make the"
            " agent's environment with python3 -m venv --system-site-packages"
        ),
        "không nạp được picamera2 ({problem}): hãy cài gói python3-picamera2 của Debian",
    ),
    (
        "the camera can't be started ({problem}): check that the ribbon cable is fully seated",
        "không khởi động được camera ({problem}): hãy xem cáp đã chắc chưa",
    ),
    ("the camera's picture can't be read: {problem}", "không đọc được hình của camera: {problem}"),
    ("the camera's video has ended or broke off", "hình của camera đã ngừng hoặc bị ngắt"),
    (
        "[camera] password_file {path}: can't be read ({problem}); put the password there",
        "[camera] password_file {path}: {problem}; cần ghi mật khẩu vào đó",
    ),
    (
        "[camera] password_file {path}: is empty; put the camera's password there",
        "[camera] password_file {path} rỗng; cần ghi mật khẩu của camera vào đó",
    ),
    (
        "{host} refuses the login; check username, password_file and then the path in [camera]",
        "{host} từ chối đăng nhập",
    ),
    (
        "{host} wants a login; give username and password_file in [camera]",
        "{host} yêu cầu đăng nhập; hãy đặt username và password_file trong mục [camera]",
    ),
    (
        "{host} has no stream {path}; look its path up in the camera's manual",
        "{host} không có luồng hình {path}; hãy xem đường dẫn trong tài liệu của camera",
    ),
    (
        "{host} does not speak RTSP on port {port}; check the port in [camera] source",
        "cổng {port} của {host} không dùng RTSP",
    ),
    (
        "{host} answers {status}, but gives no video that can be read; set it to H.264",
        "{host} trả lời {status} nhưng không có hình đọc được; hãy đặt camera sang H.264",
    ),
    (
        "the name {host} of [camera] source can't be found; check it, or give the address in numbers",
        "không tìm thấy tên {host}",
    ),
    (
        "{host} is there, but accepts no connections on port {port}; it may still be starting",
        "{host} từ chối kết nối trên cổng {port}; có thể camera đang khởi động",
    ),
    (
        "{host} does not answer on port {port}; check the camera's power, cable and address",
        "{host} không phản hồi trên cổng {port}",
    ),
    (
        "{host} can't be reached on port {port} ({problem}); check the network",
        "không kết nối được cổng {port} của {host} ({problem})",
    ),
)
_FILES: tuple[Bilingual, ...] = (
    ("{path}: there is no such file or folder; check the path.", "không có tệp hoặc thư mục {path}"),
    ("{path}: there is no such file or folder; {problem}.", "không có tệp hoặc thư mục {path}; {problem}"),
    ("{path}: can't be read ({problem}); check the path.", "{path}: {problem}"),
    ("{path}: can't be read ({problem}); {problem_why}.", "{path}: {problem}; {problem_why}"),
    ("{path} can't be read ({problem}); {problem_why}", "{path}: {problem}; {problem_why}"),
    ("{path}: is empty (0 bytes); copy it again.", "{path} rỗng (0 byte)"),
    (
        "{path}: is not a recording that can be read, or is cut off; {readable}.",
        "{path} không phải là tệp video đọc được, hoặc bị cắt cụt",
    ),
    (
        "{path}: has no pictures (JPEG, PNG, WebP, BMP, TIFF).",
        "{path} không có hình (JPEG, PNG, WebP, BMP, TIFF)",
    ),
    (
        (
            "{path}: is not a picture that can be read; "
            "give a whole JPEG, PNG, WebP, BMP or TIFF of at most 100 million pixels."
        ),
        "{path} không phải là hình đọc được",
    ),
    (
        "The prepared model {name} is missing in {folder}: run `presence-agent models fetch {again}`",
        "thiếu mô hình {name} trong {folder}",
    ),
    (
        "The prepared model {name} is damaged in {folder}: run `presence-agent models fetch {again}`",
        "mô hình {name} trong {folder} bị hỏng",
    ),
    (
        (
            "The prepared model {name} was made by another version of presence-agent or onnxruntime than is "
            "installed now in {folder}: run `presence-agent models fetch {again}`"
        ),
        "mô hình {name} trong {folder} thuộc phiên bản khác",
    ),
    ("onnxruntime can't load a model: {problem}", "onnxruntime không nạp được mô hình: {problem}"),
    ("{path} is not there: get it with `presence-agent models fetch {name}`", "không có {path}"),
    (
        "{path} has {have} bytes instead of {wanted}: get it with `presence-agent models fetch {name}`",
        "{path} có {have} byte thay vì {wanted}",
    ),
    (
        "{path} has another sha256 than it should: get it with `presence-agent models fetch {name}`",
        "{path} có sha256 không đúng",
    ),
    (
        "{path} can't be used, install presence-agent again: {problem}",
        "không dùng được {path}: {problem}",
    ),
    ("{path} can't be read: {problem}", "{path}: {problem}"),
    ("{path} is damaged: run `presence-agent models fetch`", "{path} bị hỏng"),
    ("{path} is damaged", "{path} bị hỏng"),
)
# What to do about a path that can't be read.
_RIGHTS: tuple[Bilingual, ...] = (
    ("check the path and the disk", "hãy kiểm tra đường dẫn và thẻ nhớ"),
    (
        "put it there, or set {name} under {table} to where it is",
        "hãy đặt tệp vào đó, hoặc ghi đúng đường dẫn vào {name} trong {table}",
    ),
    (
        "run `{command}`, so that the user {user} may read it",
        "hãy chạy `{command}` để người dùng {user} đọc được",
    ),
    (
        "run `{command}`, so that the user {user} may read them",
        "hãy chạy `{command}` để người dùng {user} đọc được",
    ),
    (
        "run `{command}`, so that the user {user} gets through it",
        "hãy chạy `{command}` để người dùng {user} vào được thư mục đó",
    ),
    (
        "nothing in {folder} is there for the service: {problem}",
        "dịch vụ không truy cập được {folder}: {problem}",
    ),
    ("the service has a {folder} of its own: {problem}", "dịch vụ có {folder} riêng: {problem}"),
    (
        "run `{command}` and set {name} under {table} to {place}",
        "hãy chạy `{command}` và ghi {place} vào {name} trong {table}",
    ),
    ("run `{command}` and set {name} to {place}", "hãy chạy `{command}` và ghi {place} vào {name}"),
    ("run `{command}`", "hãy chạy `{command}`"),
    ("use sudo", "hãy dùng sudo"),
)
# The service's last line.
_SERVICE: tuple[Bilingual, ...] = (("the agent ends: {problem}", "phần mềm dừng vì: {problem}"),)
PROBLEMS: tuple[Bilingual, ...] = (*_SERVICE, *_BROKER, *_TLS, *_CAMERA, *_FILES, *_RIGHTS)
