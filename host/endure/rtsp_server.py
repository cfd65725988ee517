"""rtsp_server.py PORT T0 h264|jpeg: a camera that sends RTSP on loopback; prints its port.

GStreamer's server; runs with the distribution's Python, which has its bindings and neither numpy nor OpenCV.
"""

from __future__ import annotations

import sys
from typing import Any

import gi

from host.endure.picture import FPS, HEIGHT, WIDTH, row, wait_for_next

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

ENCODERS = {
    "h264": f"openh264enc gop-size={FPS} complexity=low ! h264parse "
    "! rtph264pay config-interval=-1 name=pay0",
    "jpeg": "jpegenc ! rtpjpegpay name=pay0",
}
CAPS = f"video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={FPS}/1"
GREY = b"\x80" * (WIDTH * HEIGHT // 2)


def feed(source: Any, _length: int) -> None:
    """The next picture, when it is due."""
    source.emit("push-buffer", Gst.Buffer.new_wrapped(row(wait_for_next(T0)) * HEIGHT + GREY))


def configured(_factory: Any, media: Any) -> None:
    """A viewer has come: feed what it looks at."""
    media.get_element().get_by_name_recurse_up("source").connect("need-data", feed)


if __name__ == "__main__":
    port, T0, codec = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    Gst.init(None)
    if codec == "h264" and Gst.ElementFactory.find("openh264enc") is None:
        sys.exit("there is no openh264enc: apt-get install gstreamer1.0-plugins-bad")
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    source = f"appsrc name=source is-live=true format=time do-timestamp=true caps={CAPS}"
    factory.set_launch(f"( {source} ! {ENCODERS[codec]} )")
    factory.set_shared(True)
    factory.connect("media-configure", configured)
    server.get_mount_points().add_factory("/video", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()
