"""Agent's own sentences on broker, camera, recording and weights, as whoever shows them translates them.

Each is the one in the code, {…} for what it puts in; {problem} is looked up again.
"""

from __future__ import annotations

from agent.locale.language import N_, NC_

_BROKER: tuple[str, ...] = (
    N_("the ca_file {path} can't be used ({problem}); put the certificate of the broker's authority there"),
    N_(
        "the certificate_file {path} and the key_file {key} do not belong together; "
        "put both of one pair there"
    ),
    N_(
        "the certificate_file {path} and the key_file {key} can't be used ({problem}); "
        "put a certificate and its key without a passphrase there"
    ),
    N_("the ca_file {path} can't be read ({problem}); {problem_why}."),
    N_("the certificate_file {path} can't be read ({problem}); {problem_why}."),
    N_("the key_file {path} can't be read ({problem}); {problem_why}."),
    N_("the certificate_file {path} can't be read ({problem})"),
    N_("the key_file {path} can't be read ({problem})"),
    N_("the password_file {path} can't be read ({problem})"),
    N_("the password_file {path} is not there, or has no password in it; write it there, on one line"),
    N_("the password_file {path} has no password in it; write it there, on one line"),
    N_("the broker's name {host} is not known; check the network and the host's name"),
    N_("nothing listens at {broker}; check its host and port, and that it runs"),
    N_("the broker {broker} does not answer; check the network, its host and port"),
    N_("the broker {broker} can't be reached ({problem})"),
    N_("the broker {broker} closes the connection on TLS; check that port is one for TLS"),
    N_(
        "the broker {broker} closes the connection instead of answering {problem}; "
        "if that port is for TLS, set tls = true"
    ),
    N_(
        "the broker {broker} closes the connection instead of answering {problem}; "
        "it may not accept this device's certificate"
    ),
    N_(
        "the broker {broker} closes the connection instead of answering {problem}; "
        "it may want certificate_file and key_file"
    ),
    N_("the broker {broker} does not answer {problem}"),
    N_("MQTT 5; if it speaks only 3.1.1, set protocol = 311 under [mqtt] (watch: --protocol 311)"),
    N_("MQTT 3.1.1; check that host and port are the broker's and that tls is right"),
    N_("the broker {broker} sends what is not MQTT; check its host and port"),
    N_(
        "the broker {broker} refuses the login ({problem}); "
        "check username, password_file and the broker's accounts"
    ),
    N_("the broker {broker} refuses the connection ({problem})"),
    N_("the broker {broker} refuses {problem}"),
    N_(
        "the connection to the broker {broker} is lost: another client came under its id; "
        "was its log or store copied?"
    ),
    N_("the connection to the broker {broker} is lost ({problem})"),
    N_("the connection to the broker {broker} is lost"),
    N_("the broker {broker} leaves a message unanswered for {limit_s} s; the connection is given up"),
    N_(
        "the broker {broker} leaves a message unanswered for all that was sent since; "
        "the connection is given up"
    ),
    N_("there is no answer within {limit_s} s"),
    N_("the broker {broker} does not let this client read; check its rights (ACL)"),
)
# The broker's refusal of the device's own certificate, alone or behind its address.
_TLS: tuple[str, ...] = (
    N_("this device's certificate has expired; put a new one into certificate_file"),
    N_("this device's certificate was revoked; have a new one made for certificate_file"),
    N_("it does not know who signed this device's certificate; have its authority sign one"),
    N_("it wants a certificate on this port; set certificate_file and key_file, or another port"),
    N_("it can't use this device's certificate; check certificate_file and key_file"),
    N_("this device's certificate is for another use; have one for a client made"),
    N_("it finds no common ground; check certificate_file, key_file and its TLS version"),
    N_("it speaks only versions of TLS before 1.2; have it renewed"),
    N_("it does not agree on TLS ({problem}); check that port is one for TLS"),
    N_("its certificate has expired; have it renewed there, or set this device's clock if that is wrong"),
    N_("its certificate is not valid yet; set this device's clock, or the broker's if that is wrong"),
    N_(
        "its certificate is not trusted ({problem}); check that ca_file is the broker's authority, "
        "and host the broker"
    ),
    N_("its certificate is not for {host}; set host to a name that is in it, or have {again} put in"),
    N_(
        "its authority's certificate lacks {wanted} ({problem}); "
        "have it made again with that, for the same key, and put it into ca_file"
    ),
    N_("its certificate lacks {wanted} ({problem}); have it made again there with that"),
    N_("the broker {broker}: {problem}"),
)
_CAMERA: tuple[str, ...] = (
    N_("{path}: there is no such camera; plug it in, or see ls /dev/v4l/by-id"),
    N_("{path}: may not be opened; add the agent's user to the group video"),
    N_("{path}: can't be opened ({problem}); end what uses it, or plug it in again"),
    N_("{path}: is no camera; choose one that ls -l /dev/v4l/by-id shows"),
    N_(
        "{path}: gives no video; see that it is a camera (ls -l /dev/v4l/by-id) and that no"
        " other program uses it"
    ),
    N_("{device} can't be opened ({problem}): the agent's account has to be in the group video"),
    N_(
        "no camera is found: switch the Pi off, push the ribbon cable in at both ends and close the"
        " latches; rpicam-hello --list-cameras must then show it"
    ),
    N_(
        "the camera is held by another program ({problem}): end that one, for example rpicam-hello or an"
        " agent started by hand"
    ),
    N_(
        "picamera2 can't be loaded ({problem}): install Debian's package python3-picamera2, and make the"
        " agent's environment with python3 -m venv --system-site-packages"
    ),
    N_("the camera can't be started ({problem}): check that the ribbon cable is fully seated"),
    N_("the camera's picture can't be read: {problem}"),
    N_("the camera's video has ended or broke off"),
    N_("the camera is not open"),
    N_("the camera can't be closed: {problem}"),
    N_("the camera hangs: it could not be {problem_step} in {within_s} s; restart the agent"),
    N_("the camera can be opened but gave no picture in {blank_s} s: restart the agent"),
    N_("libcamera can't look for cameras ({problem}): the agent has to run as the service's unit has it"),
    N_("the camera gives colours as {colours}, asked for was {asked}"),
    N_("the camera gives pictures without SensorTimestamp: this picamera2 is too old"),
    N_("the camera's pictures are stamped {ahead_s} s ahead of this machine's clocks"),
    N_(
        "the camera gives its {name} pictures as {form} of {size} px, asked for was {asked}: "
        "choose another [camera] size"
    ),
    N_(
        "the camera gives its {name} pictures in rows of {stride} bytes, {number} in all: too few for "
        "{size} px; choose another [camera] size"
    ),
    N_("[camera] password_file {path}: can't be read ({problem}); put the password there"),
    N_("[camera] password_file {path}: is empty; put the camera's password there"),
    N_("[camera] password_file {path}: is not there, or empty; put the camera's password there"),
    N_("{host} refuses the login; check username, password_file and then the path in [camera]"),
    N_("{host} wants a login; give username and password_file in [camera]"),
    N_("{host} has no stream {path}; look its path up in the camera's manual"),
    N_("{host} does not speak RTSP on port {port}; check the port in [camera] source"),
    N_("{host} answers {status}, but gives no video that can be read; set it to H.264"),
    N_("the name {host} of [camera] source can't be found; check it, or give the address in numbers"),
    N_("{host} is there, but accepts no connections on port {port}; it may still be starting"),
    N_("{host} does not answer on port {port}; check the camera's power, cable and address"),
    N_("{host} can't be reached on port {port} ({problem}); check the network"),
)
_FILES: tuple[str, ...] = (
    N_("{path}: there is no such file or folder; check the path."),
    N_("{path}: there is no such file or folder; {problem}."),
    N_("{path}: can't be read ({problem}); check the path."),
    N_("{path}: can't be read ({problem}); {problem_why}."),
    N_("{path} can't be read ({problem}); {problem_why}"),
    N_("{path}: can't be read ({problem})."),
    N_("{path}: is empty (0 bytes); copy it again."),
    N_("{path}: has no pictures (JPEG, PNG, WebP, BMP, TIFF)."),
    N_(
        "{path}: is not a picture that can be read; "
        "give a whole JPEG, PNG, WebP, BMP or TIFF of at most 100 million pixels."
    ),
    N_("{path}: is not a recording that can be read, or is cut off; {problem}."),
    N_("give a video that OpenCV reads, such as MP4, MKV or AVI"),
    N_(
        "{path}: breaks off after {number} of {frames} frames; "
        "what was seen before is kept. Copy the recording again."
    ),
    N_("{path}: changes its size after {number} frames; what was seen before is kept."),
    N_("{folder}: {number} of {pictures} pictures were left out; the first: {problem}"),
    N_("onnxruntime can't load a model: {problem}"),
    NC_("problem", "{path} can't be read: {problem}"),
    N_("The prepared model {name} is missing in {folder}: run `presence-agent models fetch {again}`"),
    N_("The prepared model {name} is damaged in {folder}: run `presence-agent models fetch {again}`"),
    N_(
        "The prepared model {name} was made by another version of presence-agent or onnxruntime than is "
        "installed now in {folder}: run `presence-agent models fetch {again}`"
    ),
    N_("{path} is not there: get it with `presence-agent models fetch {name}`"),
    N_("{path} has {have} bytes instead of {wanted}: get it with `presence-agent models fetch {name}`"),
    N_("{path} has another sha256 than it should: get it with `presence-agent models fetch {name}`"),
    N_("{path} is damaged: run `presence-agent models fetch`"),
    N_("{path} is damaged"),
)
# What to do about a path that can't be read.
_RIGHTS: tuple[str, ...] = (
    N_("check the path and the disk"),
    N_("put it there, or set {name} under {table} to where it is"),
    N_("run `{command}`, so that the user {user} may read it"),
    N_("run `{command}`, so that the user {user} may read them"),
    N_("run `{command}`, so that the user {user} gets through it"),
    N_("nothing in {folder} is there for the service: {problem}"),
    N_("the service has a {folder} of its own: {problem}"),
    N_("run `{command}` and set {name} under {table} to {place}"),
    N_("run `{command}` and set {name} to {place}"),
    N_("run `{command}`"),
    N_("use sudo"),
)
# The service's last line.
_SERVICE: tuple[str, ...] = (N_("the agent ends: {problem}"),)
AGENT_PROBLEMS: tuple[str, ...] = (*_SERVICE, *_BROKER, *_TLS, *_CAMERA, *_FILES, *_RIGHTS)
