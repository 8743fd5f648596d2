#!/usr/bin/env python3
"""An HTTP server on the loopback with good and bad manners: range_server.py FILE LOG. Prints its port.

The first segment of the path chooses the manners; the bytes are always those of FILE (or of FILE turned round for
/changed/). LOG gets "PATH RANGE IF-RANGE" for each request.
"""
import http.server
import os
import socket
import sys
import threading
import time

DATA = open(sys.argv[1], "rb").read()
LOG = open(sys.argv[2], "a", buffering=1)
ETAG = '"v1"'
DATE = "Mon, 01 Jan 2024 00:00:00 GMT"
SEEN = {}  # manners -> number of requests


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def cut(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def answer(self, code, headers, body):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        manners = self.path.split("/")[1]
        asked, if_range = self.headers.get("Range"), self.headers.get("If-Range")
        LOG.write(f"{self.path} {asked} {if_range}\n")
        n = SEEN[manners] = SEEN.get(manners, 0) + 1
        start = int(asked[len("bytes="):].split("-")[0]) if asked else 0
        total = len(DATA)
        tags = {"ETag": ETAG, "Last-Modified": DATE}
        if manners == "weak":
            tags = {"ETag": 'W/"v1"', "Last-Modified": DATE}
        elif manners == "untagged":
            tags = {}
        ranged = {"Content-Range": f"bytes {start}-{total - 1}/{total}", **tags}
        half = (total - start) // 2 + 1

        if manners == "ok":
            self.answer(206 if asked else 200, ranged if asked else tags, DATA[start:])
        elif manners in ("drop", "weak", "untagged"):  # each request brings half of what is missing, up to the fourth
            if n < 4:
                self.answer(206 if asked else 200, {**(ranged if asked else tags), "Content-Length": total - start},
                            DATA[start:start + half])
                self.cut()
            else:
                self.answer(206 if asked else 200, ranged if asked else tags, DATA[start:])
        elif manners == "norange":  # the first is cut, later ones give all and ignore the range
            if n == 1:
                self.answer(200, {**tags, "Content-Length": total}, DATA[:half])
                self.cut()
            else:
                self.answer(200, tags, DATA)
        elif manners == "changed":  # cut, then another file of another size under the name: If-Range does not match
            new = DATA + b"tail"
            if n == 1:
                self.answer(200, {**tags, "Content-Length": total}, DATA[:half])
                self.cut()
            elif if_range == ETAG or not if_range and asked:
                self.answer(200, {"ETag": '"v2"'}, new)
            else:
                self.answer(500, {}, b"If-Range is missing")
        elif manners == "wrongrange":  # from the second on, ranges that were not asked for
            if not asked:
                if n == 1:
                    self.answer(200, {**tags, "Content-Length": total}, DATA[:half])
                    self.cut()
                else:
                    self.answer(200, tags, DATA)
            else:
                self.answer(206, {"Content-Range": f"bytes {start - 10}-{total - 1}/{total}"}, DATA[start - 10:])
        elif manners == "wrongtotal":
            if not asked:
                self.answer(200, {**tags, "Content-Length": total}, DATA[:half] if n == 1 else DATA)
                if n == 1:
                    self.cut()
            else:
                self.answer(206, {"Content-Range": f"bytes {start}-{total}/{total + 1}"}, DATA[start:] + b"x")
        elif manners == "mad":  # always half a file, never the range that was asked for
            if asked:
                self.answer(206, {"Content-Range": f"bytes 1-{total - 1}/{total}"}, DATA[1:])
            else:
                self.answer(200, {**tags, "Content-Length": total}, DATA[:half])
                self.cut()
        elif manners == "short":  # never the end
            end = total - 100
            self.answer(206 if asked else 200, {**(ranged if asked else tags), "Content-Length": total - start},
                        DATA[start:end])
            self.cut()
        elif manners == "416":
            self.answer(416, {"Content-Range": f"bytes */{total}"}, b"")
        elif manners == "chunked":  # no length; the first time cut between two chunks
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, total, 10000):
                piece = DATA[at:at + 10000]
                if n == 1 and at > 50000:
                    self.cut()
                    return
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif manners == "eof":  # HTTP/1.0: the end of the connection is the end of the file, wherever that is
            self.send_response(200)
            self.end_headers()
            self.wfile.write(DATA if n > 1 else DATA[:half])
            self.cut()
        elif manners == "stall":
            self.answer(206 if asked else 200, {**(ranged if asked else tags), "Content-Length": total - start},
                        DATA[start:start + half])
            time.sleep(8)
        elif manners == "slow":
            self.answer(200, {**tags, "Content-Length": total}, b"")
            for at in range(0, total, 1000):
                self.wfile.write(DATA[at:at + 1000])
                time.sleep(0.05)
        elif manners == "redirect":
            self.answer(302, {"Location": "/ok/elsewhere", "ETag": '"of the redirect"'}, b"not this")
        elif manners == "loop":
            self.answer(302, {"Location": self.path}, b"")
        elif manners == "to-file":
            self.answer(302, {"Location": "file:///etc/passwd"}, b"")
        elif manners == "html":
            self.answer(200, {"Content-Type": "text/html"}, b"<html>log in</html>" * 1000)
        elif manners == "broken-gguf":
            self.answer(200, tags, DATA[:200] + bytes(len(DATA) - 200))
        elif manners == "busy":  # comes round
            self.answer(503 if n < 3 else 200, tags, b"later" if n < 3 else DATA)
        elif manners == "empty":
            self.answer(200, tags, b"")
        elif manners == "enormous":
            self.answer(200, {"Content-Length": str(1 << 60)}, b"GGUF")
            self.cut()
        else:
            self.answer(int(manners), {}, b"GGUF, no, an error page")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
server.handle_error = lambda *args: None
os.write(1, b"%d\n" % server.server_address[1])
threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()  # ends with the test
server.serve_forever()
