"""Vietnamese of the sentences on a configuration file; each English one is the sentence in the code.

A correction of a value has a line here where offices meet it often; the rest stays English.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.doctor.message_form import Bilingual

_FILE: tuple[Bilingual, ...] = (
    (
        "{path}: there is no such file; `presence-agent check --example gate` prints one to start with.",
        "không có tệp {path}; `presence-agent check --example gate` in ra một tệp mẫu",
    ),
    (
        "{path} is a folder; give the file in it, such as {file}.",
        "{path} là thư mục; hãy ghi tệp trong đó, ví dụ {file}",
    ),
    (
        "{path} can't be read by the user {user}; {problem}.",
        "người dùng {user} không đủ quyền đọc {path}; {problem}",
    ),
    (
        "{path} is not UTF-8 text; save it as UTF-8 in the editor.",
        "{path} không phải văn bản UTF-8; hãy lưu lại dưới dạng UTF-8",
    ),
    (
        "{path} is larger than {most} kB, which no configuration is; check that it is the right file.",
        "{path} lớn hơn {most} kB; hãy xem có đúng tệp không",
    ),
    (
        "{path} is not valid TOML: {problem}, at {problem_place}.",
        "{path} sai cú pháp TOML ở {problem_place}: {problem}",
    ),
    ("{path} is not valid TOML: {problem}.", "{path} sai cú pháp TOML: {problem}"),
    ("a key or table is there twice", "tham số hoặc mục bị lặp lại"),
    (
        "a value can't be read (text stands in quotation marks)",
        "không đọc được giá trị (chữ phải đặt trong dấu ngoặc kép)",
    ),
)
_NAMES: tuple[Bilingual, ...] = (
    (
        "[{table}] is missing: add this table, with {listed} in it.",
        "thiếu mục [{table}]: hãy thêm mục này, có {listed}",
    ),
    (
        "{where} is missing: add it, for example {example}.",
        "thiếu {where}: hãy thêm, ví dụ {example}",
    ),
    (
        "{where} is missing: add it, for there is a password_file.",
        "thiếu {where}: hãy thêm, vì đã có password_file",
    ),
    (
        "{where} is missing: add it beside {other}, each needs the other.",
        "thiếu {where}: hãy thêm, vì phải đi cùng {other}",
    ),
    ("{where} is unknown: did you mean {near}?", "không có {where}: có phải ý là {near}?"),
    (
        "{where} is unknown: this table has no settings in this version yet, leave the key out.",
        "không có {where}: mục này chưa có tham số nào ở phiên bản này, hãy bỏ đi",
    ),
    (
        "{where} is unknown here: it belongs under {listed_homes}; known here are {known}.",
        "không có {where} ở đây: hãy đặt trong {listed_homes}; ở đây có {known}",
    ),
    ("{where} is unknown here: known here are {known}.", "không có {where} ở đây: ở đây có {known}"),
    (
        "{where} is outside of every table: put it under {listed_homes}.",
        "{where} nằm ngoài mọi mục: hãy đặt trong {listed_homes}",
    ),
)
_CONFLICTS: tuple[Bilingual, ...] = (
    (
        ("{where}: {first} has it already; ids are unique over lines, zones and counters, give another."),
        "{where}: trùng với {first}; id của vạch, vùng và quầy không được trùng nhau",
    ),
    (
        "{where}: no [[zone]] has this id; the file has no [[zone]] yet, add it.",
        "{where}: chưa có [[zone]] nào, hãy thêm vùng có id này",
    ),
    (
        "{where}: no [[zone]] has this id; the file has {zones}.",
        "{where}: không có [[zone]] nào có id này; trong tệp có {zones}",
    ),
    (
        ("{where}: this is the zone of the staff; give the zone in front of the desk, or leave public out."),
        "{where}: đây là vùng của cán bộ; hãy ghi vùng trước quầy, hoặc bỏ public",
    ),
    (
        (
            "[mqtt] password_file: leave it out, for certificate_file stands instead of a password; "
            "or leave out certificate_file and key_file."
        ),
        "[mqtt] chỉ dùng password_file, hoặc certificate_file cùng key_file; hãy bỏ một trong hai",
    ),
    (
        "{where}: without TLS it has no use; give tls = true, or leave {key} out.",
        "{where}: không có TLS thì không dùng; hãy đặt tls = true, hoặc bỏ {key}",
    ),
    (
        "{where}: {period} overlaps {other}; let one end before the other starts.",
        "{where}: {period} trùng giờ với {other}",
    ),
)
_NOTICES: tuple[Bilingual, ...] = (
    (
        "There is no [[line]] and no [[zone]]: nothing will be published but that the agent runs.",
        "chưa có [[line]] và [[zone]]: chỉ báo được là phần mềm đang chạy",
    ),
    ("{where}: there is no such file or folder yet.", "{where}: chưa có tệp hoặc thư mục này"),
    (
        "{where}: there is no such camera now; plug it in.",
        "{where}: hiện không có camera này; hãy cắm camera",
    ),
    ("{where}: there is no such file yet.", "{where}: chưa có tệp này"),
    (
        "[mqtt] tls = false: anybody on the network can read the password and all events.",
        "[mqtt] tls = false: ai trong mạng cũng đọc được mật khẩu và mọi sự kiện",
    ),
    (
        (
            "[mqtt] username = {name} is not {own}, the <site>/<name> of [device]: "
            "the supplied broker rights are a pattern on it and will refuse this agent's topics."
        ),
        (
            "[mqtt] username = {name} khác với {own} (site/name trong mục [device]): "
            "máy chủ MQTT với quyền mẫu sẽ từ chối các chủ đề của thiết bị"
        ),
    ),
    (
        (
            "[mqtt] username is given without password_file or certificate_file: the broker can't "
            "distinguish this agent from any other that uses the name."
        ),
        (
            "[mqtt] có username mà không có password_file hay certificate_file: "
            "thiết bị khác có thể mạo danh bằng tên này"
        ),
    ),
    (
        (
            "{where}: pictures and login cross the network unencrypted, "
            "unlike a Pi's own camera's; keep that network apart."
        ),
        "{where}: hình và mật khẩu đi qua mạng không mã hóa; hãy tách riêng mạng của camera",
    ),
    (
        "[camera] username and password_file are not used: only an rtsp:// source has a login.",
        "[camera] không dùng username và password_file: chỉ camera rtsp:// cần đăng nhập",
    ),
    (
        (
            "{where}: this number may be another camera's after a restart; "
            "give the name that ls /dev/v4l/by-id shows."
        ),
        "{where}: số này có thể là camera khác sau khi khởi động lại; hãy ghi tên trong ls /dev/v4l/by-id",
    ),
    (
        "[calendar] has no use without [[hours]]: where there are no working hours it is always open.",
        "[calendar] không có tác dụng khi chưa có [[hours]]: không có giờ làm việc thì coi như luôn mở cửa",
    ),
    (
        (
            "[tamper] accept_new_view_s is no longer used: a camera that was moved counts again once it is "
            "put back, or `presence-agent accept-view` says that its view is right now; take the line out."
        ),
        "[tamper] accept_new_view_s không còn được dùng; hãy bỏ dòng này",
    ),
    (
        (
            '[[counter]] {number} "{counter}": its zones {staff} and {public} overlap; '
            "who stands in both is staff and waiting too. Draw them apart."
        ),
        '[[counter]] {number} "{counter}": vùng {staff} và vùng {public} chồng lên nhau; hãy vẽ tách ra',
    ),
)
# Corrections of a value.
_CORRECTIONS: tuple[Bilingual, ...] = (
    ("give true or false, without quotation marks", "hãy ghi true hoặc false, không có dấu ngoặc kép"),
    ("give a text in quotation marks", "hãy ghi chữ trong dấu ngoặc kép"),
    ("give a text that is not empty", "không được để trống"),
    ("leave out the spaces", "hãy bỏ dấu cách"),
    ("give 0 or 180, in degrees", "hãy ghi 0 hoặc 180 (độ)"),
    ("give 5 for MQTT 5 or 311 for MQTT 3.1.1", "hãy ghi 5 (MQTT 5) hoặc 311 (MQTT 3.1.1)"),
    ("give a whole number above 0", "hãy ghi số nguyên lớn hơn 0"),
    ("give a whole number from {least} to {most}", "hãy ghi số nguyên từ {least} đến {most}"),
    ("give a number of seconds from {least} to {most}", "hãy ghi số giây từ {least} đến {most}"),
    ("give a number of seconds above 0, at most {most}", "hãy ghi số giây lớn hơn 0, tối đa {most}"),
    (
        "give a number above 0 and at most 120, in frames a second",
        "hãy ghi số lớn hơn 0, tối đa 120 (khung hình mỗi giây)",
    ),
    (
        'give times as "HH:MM" from "00:00" to "24:00", for example "07:30"',
        'hãy ghi giờ dạng "HH:MM" từ "00:00" đến "24:00", ví dụ "07:30"',
    ),
    (
        'give a start and an end, for example ["07:30", "11:30"]',
        'hãy ghi giờ đầu và giờ cuối, ví dụ ["07:30", "11:30"]',
    ),
    (
        'give a date as year-month-day, for example "2027-01-08"',
        'hãy ghi ngày dạng năm-tháng-ngày, ví dụ "2027-01-08"',
    ),
    (
        "there is no such day in the calendar; give year-month-day",
        "không có ngày này; hãy ghi năm-tháng-ngày",
    ),
    (
        (
            "{signs} can't be in it, for it becomes a level of the MQTT topic; use a–z, 0–9 and '-', "
            "for example {example}"
        ),
        "không dùng được {signs}; hãy dùng a–z, 0–9 và '-', ví dụ {example}",
    ),
    (
        "give 1 to {most} characters of a–z, 0–9 and '-' in quotation marks",
        "hãy ghi 1 đến {most} ký tự a–z, 0–9 và '-' trong dấu ngoặc kép",
    ),
    (
        "give only the name or number of the broker, for example {example}",
        "hãy chỉ ghi tên hoặc địa chỉ của máy chủ MQTT, ví dụ {example}",
    ),
    (
        "give the port apart: host = {host} and port = {port}",
        "hãy ghi riêng cổng: host = {host}, port = {port}",
    ),
    (
        "give the path of a file in quotation marks, for example {example}",
        "hãy ghi đường dẫn tệp trong dấu ngoặc kép, ví dụ {example}",
    ),
    (
        (
            "give [x, y], two numbers from 0 to 1: fractions of the picture's width and height, "
            "from its top left"
        ),
        "hãy ghi [x, y], hai số từ 0 đến 1 tính theo bề rộng và bề cao của hình, từ góc trên bên trái",
    ),
    (
        "give at least 3 different corners; this has {corners}",
        "cần ít nhất 3 góc khác nhau; đây có {corners}",
    ),
    (
        (
            'give "picamera2", a device such as "/dev/v4l/by-id/…", an address "rtsp://…", '
            "or the path of a recording or of a folder of pictures"
        ),
        (
            'hãy ghi "picamera2", thiết bị như "/dev/v4l/by-id/…", địa chỉ "rtsp://…", '
            "hoặc đường dẫn của tệp video hay thư mục hình"
        ),
    ),
    (
        "leave the login out of the address; give username and password_file beside it in [camera]",
        "không ghi mật khẩu trong địa chỉ; hãy đặt username và password_file trong mục [camera]",
    ),
    (
        (
            "give [width, height] in pixels, two even whole numbers from {least} to {most}, "
            "for example [1280, 720]"
        ),
        "hãy ghi [rộng, cao] theo pixel, hai số nguyên chẵn từ {least} đến {most}, ví dụ [1280, 720]",
    ),
    (
        'give a name of the time zone database such as "Asia/Ho_Chi_Minh", with its capital letters',
        'hãy ghi tên múi giờ như "Asia/Ho_Chi_Minh", đúng chữ hoa',
    ),
    (
        "give a table: a header in brackets, with its keys in the lines below",
        "hãy ghi thành mục: tên mục trong ngoặc vuông, các tham số ở những dòng dưới",
    ),
)
_VALUE: tuple[Bilingual, ...] = (("{where} = {value}: {problem}.", "{where} = {value}: {problem}"),)
# A value that is wrong is last: nearly all of the others look like one.
CONFIGURATION_PROBLEMS: tuple[Bilingual, ...] = (
    *_FILE,
    *_NAMES,
    *_CONFLICTS,
    *_NOTICES,
    *_CORRECTIONS,
    *_VALUE,
)
