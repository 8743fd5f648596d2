"""A thousand random requests, half of them broken, over raw sockets; the server still answers afterwards.

    chaos.py [SEED]      the seed is printed; the program is $LOAM_TEST, the build with sanitizers
"""
import concurrent.futures
import json
import os
import random
import socket
import sys
import time

import serving

N = 1000
LIMIT_S = 120  # a request that is neither answered nor closed by then hangs
seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)


def good(r):
    """A request that a client may send: head and body."""
    message = [{"role": r.choice(["user", "system"]), "content": r.choice(["hi", "你好 👋", "", "x" * r.randrange(300)])}]
    method, path, body = r.choice([
        ("GET", "/health", None), ("GET", "/v1/models", None), ("GET", "/metrics", None), ("GET", "/", None),
        ("HEAD", "/", None), ("GET", "/v1/models/default", None),
        ("POST", "/tokenize", {"content": "some words " * r.randrange(20), "with_pieces": r.random() < .5}),
        ("POST", "/detokenize", {"tokens": [r.randrange(40000) for _ in range(r.randrange(40))]}),
        ("POST", "/apply-template", {"messages": message}),
        ("POST", "/v1/completions", {"prompt": "a", "max_tokens": 1, "stream": r.random() < .5}),
        ("POST", "/v1/chat/completions", {"messages": message, "max_tokens": r.randrange(1, 3), "seed": 1,
                                          "stream": r.random() < .5, "temperature": r.choice([0, 1, 2]),
                                          "logprobs": r.random() < .3}),
    ])
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    return (head + "\r\n").encode(), text


def broken(r):
    """The same with something wrong; a list of pieces to send."""
    head, body = good(r)
    whole = bytearray(head + body)
    kind = r.randrange(10)
    if kind == 0:  # cut anywhere
        return [bytes(whole[:r.randrange(len(whole))])]
    if kind == 1:  # some bits flipped
        for _ in range(r.randrange(1, 9)):
            whole[r.randrange(len(whole))] ^= 1 << r.randrange(8)
        return [bytes(whole)]
    if kind == 2:  # only the body spoilt, so that it reaches the parser
        for _ in range(r.randrange(1, 5)):
            if body:
                whole[len(head) + r.randrange(len(body))] = r.randrange(256)
        return [bytes(whole)]
    if kind == 3:  # a lie about the length
        lie = r.choice([b"-1", b"0", b"99999999999999999999", b"7", b"1000000", b"abc"])
        return [b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + lie + b"\r\n\r\n" + body]
    if kind == 4:  # chunks, some of them no chunks
        parts = [b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"]
        for _ in range(r.randrange(4)):
            parts.append(r.choice([b"4\r\nabcd\r\n", b"zz\r\n", b"ffffffffffff\r\nx", b"2\r\nabcdef\r\n", b"0\r\n\r\n"]))
        return parts
    if kind == 5:  # bytes that were never HTTP
        return [r.randbytes(r.randrange(1, 2000))]
    if kind == 6:  # long or many headers
        return [head[:-2] + r.choice([b"X-A: " + b"a" * r.randrange(50000), b"X-A: b\r\n" * r.randrange(2000)]) + b"\r\n\r\n"]
    if kind == 7:  # values of wrong types
        wrong = [None, True, -1, 1e308, "", "x" * 1000, [], [[]], {}, {"a": [None]}, "\ud800", "\0"]
        fields = ["messages", "prompt", "max_tokens", "temperature", "stop", "stream", "logit_bias", "seed", "n", "tools",
                  "logprobs", "stream_options", "model", "content", "tokens", "chat_template_kwargs"]
        text = json.dumps({r.choice(fields): r.choice(wrong) for _ in range(3)}).encode()
        path = r.choice(["/v1/chat/completions", "/v1/completions", "/tokenize", "/detokenize", "/apply-template"])
        return [f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text]
    if kind == 8:  # deep, or large
        text = r.choice([b"[" * 100000, b'{"a":' * 5000, b'{"messages":"' + b"x" * r.randrange(5 << 20) + b'"}'])
        return [b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(text) + text]
    path = r.choice([b"/../../etc/passwd", b"/%00", b"/%ff%fe", b"/" + b"a" * 9000, b"//", b"/v1/models/" + r.randbytes(9).hex().encode(), b"*"])
    return [r.choice([b"GET ", b"POST ", b"BREW ", b"OPTIONS "]) + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"]


def send(number):
    """Sends request `number`; returns its status (0: closed without an answer), or says what was wrong with the answer."""
    r = random.Random(seed * 1000003 + number)
    is_good = number % 2 == 0
    pieces = list(good(r)) if is_good else broken(r)
    leave = not is_good and r.random() < .3
    reply = b""
    with socket.create_connection((server.host, server.port), timeout=LIMIT_S) as s:
        try:
            for piece in pieces:
                s.sendall(piece)
            if leave:  # without waiting for the answer
                return 0
            if not is_good:
                s.shutdown(socket.SHUT_WR)  # else a cut request waits for its time-out
            while block := s.recv(65536):
                reply += block
        except TimeoutError:
            return f"request {number}: no end after {LIMIT_S} s: {pieces[0][:200]!r}"
        except OSError:  # the server may close on what is broken
            pass
    if not reply:
        return f"request {number} was good and got no answer: {pieces!r}" if is_good else 0
    if not reply.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")):
        return f"request {number}: no HTTP in {reply[:100]!r}"
    status = int(reply[9:12])
    if is_good and status not in (200, 400):  # 400: token ids above the vocabulary
        return f"request {number} was good and got {reply[:400]!r}"
    if status >= 500 and status not in (501, 505):
        return f"request {number}: {status} for {pieces[0][:300]!r}: {reply[:400]!r}"
    return status


def thousand():
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        results = list(pool.map(send, range(N)))
    wrong = [x for x in results if isinstance(x, str)]
    counts = {x: results.count(x) for x in set(results) if not isinstance(x, str)}
    print(f"# seed {seed}: statuses {dict(sorted(counts.items()))}")
    assert not wrong, "\n".join(wrong[:5])
    assert counts.get(200, 0) > N / 3 and counts.get(400, 0) > N / 20, counts


def answers():
    assert server.child.poll() is None, "".join(server.lines)
    assert json.loads(server.get("/health")) == {"status": "ok"}
    body = {"messages": [{"role": "user", "content": "What colour is the sky?"}], "temperature": 0, "max_tokens": 12}
    reply = server.post("/v1/chat/completions", body)
    assert "blue" in reply["choices"][0]["message"]["content"], reply


def at_rest():
    """No answer of a client that left goes on, and no connection is kept."""
    server.wait_for("requests_processing", lambda n: n == 0)
    server.wait_for("requests_deferred", lambda n: n == 0)
    server.wait_for("http_connections", lambda n: n == 1)


def ends():
    """Under the sanitizers the exit status also says that nothing leaked."""
    server.__exit__()
    assert server.status == 0, "".join(server.lines[-60:])


program = os.environ.get("LOAM_TEST") or os.environ["LOAM"]
start = time.monotonic()
server = serving.Server(program)
with server:
    status = serving.run([
        (f"{N} random requests, half of them broken, are answered or refused", thousand),
        ("the server still answers", answers),
        ("nothing is left running", at_rest),
        ("the server ends cleanly", ends),
    ])
print(f"# {time.monotonic() - start:.1f} s")
sys.exit(status)
