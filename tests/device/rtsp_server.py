"""A camera on the network: GStreamer's RTSP server with colour bars. For Debian's own Python:

/usr/bin/python3 rtsp_server.py PORT [USER PASSWORD]
"""

# mypy: ignore-errors
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - which version comes first

BARS = (
    "( videotestsrc is-live=true pattern=smpte ! video/x-raw,format=I420,width=640,height=360,framerate=25/1"
    " ! jpegenc ! rtpjpegpay name=pay0 )"
)


def main(port: str, *login: str) -> None:
    """Serve until killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    stream = GstRtspServer.RTSPMediaFactory()
    stream.set_launch(BARS)
    stream.set_shared(True)
    if login:
        _let_in(server, stream, *login)
    server.get_mount_points().add_factory("/stream", stream)
    if not server.attach(None):
        sys.exit(f"port {port} can't be had")
    print("ready", flush=True)
    GLib.MainLoop().run()


def _let_in(server: GstRtspServer.RTSPServer, stream: GstRtspServer.RTSPMediaFactory, *login: str) -> None:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*login), token)
    server.set_auth(auth)
    may = GstRtspServer.RTSPPermissions()
    for what in ("access", "construct"):
        may.add_permission_for_role("viewer", f"media.factory.{what}", True)
    stream.set_permissions(may)


if __name__ == "__main__":
    main(*sys.argv[1:])
