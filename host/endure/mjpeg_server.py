"""mjpeg_server.py PORT T0: a camera that sends MJPEG over HTTP on loopback; prints its port."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

from host.endure.picture import HEIGHT, row, wait_for_next


class Handler(BaseHTTPRequestHandler):
    """Sends pictures until the viewer goes."""

    def do_GET(self) -> None:
        """Answer with a stream."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=edge")
        self.end_headers()
        while True:
            luma = np.tile(np.frombuffer(row(wait_for_next(T0)), np.uint8), (HEIGHT, 1))
            picture = cv2.imencode(".jpg", luma)[1].tobytes()
            head = b"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
            try:
                self.wfile.write(head + picture + b"\r\n")
            except OSError:
                return

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    T0 = float(sys.argv[2])
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
