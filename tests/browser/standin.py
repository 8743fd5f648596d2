"""A stand-in for `loam serve`: the page's files from the source tree under the strictest policy, and scripted answers,
so that tests can make happen what a real model does not do on demand. By hand: python3 tests/browser/standin.py 8099

What is answered depends on the last message:
  script:NAME   the answer of SCRIPTS, in small pieces       slow     many words, slowly
  status:CODE   an error with that status                     break    half an answer, then the connection is closed
  error         an error event within the stream              echo     the request body, as JSON
Anything else gets a short answer.
"""
import contextlib
import json
import mimetypes
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standin_jobs import Jobs

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = {
    "/lib/marked.js": "/usr/share/javascript/marked/marked.min.js",
    "/lib/purify.js": "/usr/share/nodejs/dompurify/dist/purify.min.js",
    "/lib/highlight.js": "/usr/share/javascript/highlight.js/highlight.min.js",
}
POLICY = ("default-src 'self'; img-src 'self' data:; media-src 'self' blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
          "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'")

SCRIPTS = {
    "markdown": """# A heading

Some *words*, a `bit of code`, and a list:

1. one
2. two
   - inner

| fruit | price |
|:------|------:|
| apple |  1.20 |

> quoted

```python
def count(text):
    # words in a text
    return len(text.split())
```

- [x] done
- [ ] to do

A [link](https://example.org/page) and the end.""",
    "hostile": """Before.

<script>window.pwned = 'script'</script>
<img src=x onerror="window.pwned = 'onerror'">
<img src="https://evil.example/track.png" alt="tracker">
![md image](https://evil.example/md.png)
<svg onload="window.pwned = 'svg'"><script>window.pwned = 'svg script'</script></svg>
<iframe srcdoc="<script>parent.pwned = 'iframe'</script>"></iframe>
<a href="javascript:window.pwned = 'href'" id="raw">raw link</a>
<p style="position:fixed;inset:0;background:red" class="banner" id="prompt">overlay</p>
<form action="https://evil.example/"><input name="q" autofocus onfocus="window.pwned = 'focus'"><button>go</button></form>
<style>body { display: none }</style>
<math><mtext><table><mglyph><style><img src=x onerror="window.pwned = 'mxss'"></style></mglyph></table></mtext></math>

![md image](https://evil.example/md2.png) ![](//evil.example/md3.png)

[md link](javascript:window.pwned='md') and [data](data:text/html,<script>window.pwned='data'</script>)
and [relative](/v1/models) and <https://example.org/ok>

```html
<img src=x onerror="window.pwned = 'code'">
```

```"><img/src=x/onerror=window.pwned='info'>
info
```

After.""",
    "pixel": "A dot: ![dot](data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==)",
    "long": "\n\n".join(f"Paragraph {i}: " + "the rain goes into the ground and the ground keeps it. " * 4 for i in range(40)),
    "reference": "See [the book][1] first.\n\nMore words.\n\n[1]: https://example.org/book",
    "lists": "Intro:\n\n1. one\n\n2. two\n\n   more of two\n10. ten\n\n* a\n* b\n\n  * c\n\n- new list\n\n\n1) other\n2) kind\n\nEnd *of\nit*.",
    "blocks": "Title\n=====\n\nSub\n---\n\ntext\n***\n~~~c\nint a;\n\n```\n~~~\n> quote\nlazy\n\n> - in\n>\n> ```\n> code\n> ```\n\n|a|b|\n|-|-|\n|1|2|\nafter\n\n    indented\n\n    more\n<details>\n<summary>s</summary>\n\ninner\n\n</details>\n\n# last",
    "open": "Text\n\n```python\nx = 1\n\ny = 2",
    "tabs": "Start\n\n-\tone\n\t- two\n\n\tcode after a tab\n\r\nEnd",
}

# What a sanitiser has to stand, from the collections that go round: each would set window.pwned or ask another host.
HTML = [
    "<b>good</b><code class='language-c x'>c</code><code class='language-c'>c</code><i class='hljs-type'>t</i>",
    "<script>pwned = 1</script>", "<img src=x onerror='pwned = 2'>", "<svg/onload=pwned=3>", "<img src=https://evil.example/a.png alt=t>",
    "<svg><style><img src=x onerror='pwned = 4'></style></svg>", "<math><mi//xlink:href='data:x,<script>pwned=5</script>'>",
    "<a href='java\tscript:pwned=6'>a</a><a href=' javascript:pwned=7'>b</a><a href='vbscript:x'>c</a><a href='data:text/html,x'>d</a><a href='/v1/models'>e</a>",
    "<form action=https://evil.example><input name=q autofocus onfocus='pwned = 8'><button formaction='javascript:pwned=9'>x</button></form>",
    "<iframe srcdoc='<script>parent.pwned = 10</script>'></iframe>", "<object data='javascript:pwned=11'></object>", "<embed src='javascript:pwned=12'>",
    "<template><img src=x onerror='pwned = 13'></template>", "<div style='background:url(https://evil.example/b)' id=prompt name=cookie data-id=x>d</div>",
    "<style>@import 'https://evil.example/c.css'; body { display: none }</style>", "<link rel=stylesheet href=https://evil.example/d.css>",
    "<meta http-equiv=refresh content='0; url=https://evil.example/'>", "<base href=https://evil.example/>", "<video src=https://evil.example/e.mp4 onerror='pwned = 14'>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror='pwned = 15'&gt;\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror='pwned = 16'>", "<noscript><p title='</noscript><img src=x onerror=pwned=17>'>",
    "<svg></p><style><a id='</style><img src=1 onerror=pwned=18>'>", "<table background=https://evil.example/f.png><td background=https://evil.example/g.png>t",
    "<img srcset='https://evil.example/h.png 1x' src='data:image/gif;base64,R0lG' onload='pwned = 19'>"[:0] + "<input type=image src=https://evil.example/i.png>",
    "<p><b>unclosed <i>tags <code>everywhere", "<" * 2000 + "b>" * 2000, "<b>" * 600 + "deep",
]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "standin"

    def log_message(self, *args):
        pass

    def reply(self, status, body, kind="application/json", headers=()):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, message, code=None):
        self.reply(status, {"error": {"message": message, "type": "x", "param": None, "code": code}})

    def allowed(self):
        key = self.server.key
        if not key or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        self.refuse(401, "This server needs an API key.", "invalid_api_key")
        return False

    def do_GET(self):
        if self.path == "/v1/models":
            if self.allowed():
                self.reply(200, {"object": "list", "data": [{"id": self.server.model, "object": "model", "meta": {"n_params": 134515008, "type": "Q4_1"}}]})
            return
        if self.path.startswith("/api/"):
            if self.allowed():
                self.server.jobs.get(self, self.path)
            return
        path = "/index.html" if self.path == "/" else self.path.split("?")[0]
        file = Path(LIBRARIES.get(path) or ROOT / "web" / path.lstrip("/"))
        if re.fullmatch(r"/[\w./-]+", path) and ".." not in path and file.is_file() and file.suffix in (".html", ".css", ".js", ".svg", ".txt"):
            kind = "text/javascript" if file.suffix == ".js" else mimetypes.guess_type(file.name)[0]
            self.reply(200, file.read_bytes(), kind, [("Content-Security-Policy", POLICY), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")])
        else:
            self.refuse(404, "nothing here")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        if not self.allowed():
            return
        if self.path.startswith("/api/"):
            return self.server.jobs.post(self, self.path, body)
        self.server.requests.append(body)
        said = body["messages"][-1]["content"]
        if m := re.search(r"status:(\d+)", said):
            status = int(m[1])
            if self.server.forgive:
                self.server.forgive = False
                return self.stream(body, "Second try.", 0.01)
            self.server.forgive = True
            message = "the conversation has 9,000 tokens and the model reads 8,192" if status == 400 else f"a made-up failure {status}"
            return self.refuse(status, message, "context_length_exceeded" if status == 400 else None)
        if m := re.search(r"script:(\w+)", said):
            return self.stream(body, SCRIPTS[m[1]], self.server.pause)
        if "slow" in said:
            return self.stream(body, "word " * 400, 0.03)
        if "break" in said:
            return self.stream(body, "Half of it, and then", 0.01, "break")
        if "error" in said:
            return self.stream(body, "It began well", 0.01, "error")
        if "echo" in said:
            return self.stream(body, "```json\n" + json.dumps(body, indent=1) + "\n```", 0)
        return self.stream(body, f"Answer number {len(self.server.requests)} to: {said}", 0.01)

    def do_DELETE(self):
        if self.allowed():
            self.server.jobs.delete(self, self.path)

    def event(self, **more):
        data = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.server.model, **more}
        self.chunk(f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode())

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def stream(self, body, text, pause, ending=None):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.write_answer(text, pause, ending)
        except (BrokenPipeError, ConnectionResetError):
            self.server.left += 1
            self.close_connection = True

    def write_answer(self, text, pause, ending):
        self.event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        self.chunk(b": ping\n\n")
        self.event(choices=[{"index": 0, "delta": {}, "finish_reason": None}], prompt_progress={"total": 900, "cache": 0, "processed": 300, "time_ms": 5})
        begun = time.monotonic()
        pieces = re.findall(r"\s*\S{1,6}|\s+", text)
        for piece in pieces:
            self.event(choices=[{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
            if pause:
                time.sleep(pause)
        if ending == "break":
            self.wfile.flush()
            self.connection.close()
            self.close_connection = True
            return
        if ending == "error":
            self.chunk(b'data: {"error":{"message":"the model ran out of memory","type":"server_error","param":null,"code":null}}\n\n')
        else:
            rate = len(pieces) / max(time.monotonic() - begun, 1e-3)
            self.event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], timings={"predicted_per_second": rate}, loam={"seed": 7, "stop": None})
            self.event(choices=[], usage={"prompt_tokens": 40, "completion_tokens": len(pieces), "total_tokens": 40 + len(pieces), "prompt_tokens_details": {"cached_tokens": 30}})
            self.chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")


class StandIn(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port=0, key=None, model="standin-135M", pause=0.004):
        self.key, self.model, self.pause = key, model, pause
        self.jobs = Jobs()
        self.requests, self.left, self.forgive, self.open = [], 0, False, set()
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request, client_address):
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        pass

    def begin(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def end(self):
        self.jobs.stopping = True
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)




if __name__ == "__main__":
    server = StandIn(int(sys.argv[1]) if len(sys.argv) > 1 else 8099)
    print(server.url, flush=True)
    server.serve_forever()
