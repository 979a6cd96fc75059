"""Why a camera on the network gives no video: FFmpeg, through OpenCV, says only that it does not."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

_USUAL_PORT = 554
_WAIT_S = 4.0
_MOST_BYTES = 4096


def why_no_video(address: str, *, login_given: bool) -> str:
    """Ask for the stream's description, without a login (RFC 2326, 10.2); the answer as a sentence."""
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or _USUAL_PORT
    asked = f"DESCRIBE {address} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    try:
        with socket.create_connection((host, port), _WAIT_S) as talk:
            talk.sendall(asked.encode())
            answer = talk.recv(_MOST_BYTES).decode("ascii", "replace")
    except OSError as error:
        return _no_connection(error, host, port)
    status = re.match(r"RTSP/\d\.\d (\d{3})", answer)
    match status[1] if status else "":
        case "401" | "403" if login_given:
            return f"{host} refuses the login; check username, password_file and then the path in [camera]"
        case "401" | "403":
            return f"{host} wants a login; give username and password_file in [camera]"
        case "404" | "454":
            return f"{host} has no stream {parts.path or '/'}; look its path up in the camera's manual"
        case "":
            return f"{host} does not speak RTSP on port {port}; check the port in [camera] source"
        case code:
            return f"{host} answers {code}, but gives no video that can be read; set it to H.264"


def _no_connection(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"the name {host} of [camera] source can't be found; check it, or give the address in numbers"
    if isinstance(error, ConnectionRefusedError):
        return f"{host} is there, but takes no connections on port {port}; it may still be starting"
    if isinstance(error, TimeoutError):
        return f"{host} does not answer on port {port}; check the camera's power, cable and address"
    return f"{host} can't be reached on port {port} ({error.strerror or error}); check the network"
