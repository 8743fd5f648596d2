"""The stand-in's pictures and clips: /api/images/info and /api/jobs as docs/api.md says, with a thread that "makes" what
is asked for. What happens depends on the prompt:
  slow        40 steps of 0.1 s        fail     fails after a step, with a sentence that holds markup
  refuse      is refused at the door: 'steps' is at fault
Anything else is done after 6 short steps. Pictures are one plain colour that depends on the seed."""
import base64
import json
import re
import struct
import threading
import time
import urllib.parse
import zlib
from pathlib import Path

CLIP = (Path(__file__).parent / "clip.mp4").read_bytes()
SORRY = "the model ran out of memory <img src=x onerror=\"window.pwned = 'error'\">: it needs 3,072 MiB"
ENDED = ("done", "failed", "cancelled", "interrupted")


def png(width, height, colour):
    row = b"\0" + bytes(colour) * width
    part = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))  # noqa: E731
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            part(b"IDAT", zlib.compress(row * height)) + part(b"IEND", b""))


def png_pixels(data):
    """(width, height, rows of (r, g, b, a)) of an 8-bit PNG, as browsers write them."""
    at, body, width, height, depth, kind = 8, b"", 0, 0, 0, 0
    while at < len(data):
        n, name = struct.unpack(">I4s", data[at:at + 8])
        if name == b"IHDR":
            width, height, depth, kind = struct.unpack(">IIBB", data[at + 8:at + 18])
        elif name == b"IDAT":
            body += data[at + 8:at + 8 + n]
        at += n + 12
    assert depth == 8 and kind in (2, 6), (depth, kind)
    size, raw, rows, above = 3 if kind == 2 else 4, zlib.decompress(body), [], None
    for y in range(height):
        start = y * (width * size + 1)
        how, row = raw[start], bytearray(raw[start + 1:start + 1 + width * size])
        above = above or bytes(len(row))
        for i in range(len(row)):
            a, b, c = row[i - size] if i >= size else 0, above[i], above[i - size] if i >= size else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[i] = (row[i] + (0, a, b, (a + b) // 2, paeth)[how]) & 255
        above = bytes(row)
        rows.append([tuple(row[i:i + size]) + ((255,) if size == 3 else ()) for i in range(0, len(row), size)])
    return width, height, rows


def from_data_url(text):
    assert text.startswith("data:image/png;base64,"), text[:40]
    return base64.b64decode(text.partition(",")[2])


class Jobs:
    def __init__(self):
        self.model, self.video_model, self.loaded, self.size, self.encoder = "standin-sd", "standin-wan", True, 512, True
        self.jobs, self.lock, self.stopping, self.watchers = {}, threading.Condition(), False, 0
        self.submitted, self.lists = [], 0
        threading.Thread(target=self.work, daemon=True).start()

    # --- what it does

    def info(self):
        known = self.loaded
        return {"model": self.model, "samplers": ["Euler", "Euler a", "DPM++ 2M"], "schedules": ["Normal", "Karras"], "loras": ["moss", "<b>ink</b>"],
                "formats": ["png", "jpeg", "webp"], "defaults": {"steps": 20, "guidance": 7.0, "n": 1, "strength": 0.75, "hires_strength": 0.5, "sampler": "Euler a"},
                "limits": {"n": 64, "side": 4096, "steps": 1000}, "loaded": known, "family": "Stable Diffusion 1.5" if known else None,
                "size": self.size if known else None, "multiple": 8 if known else None, "has_encoder": self.encoder if known else None, "has_quick": False,
                "video_model": self.video_model,
                **({"video": {"loaded": True, "family": "Wan 2.1", "width": 832, "height": 480, "frames": 33, "fps": 16, "steps": 20, "multiple": 16, "frame_unit": 4, "max_frames": 257}} if self.video_model else {})}

    def add(self, kind, request, **more):
        with self.lock:
            number = len(self.jobs) + 1
            id = f"{number:06d}" + "abcdefghijklmnopqr"
            self.jobs[id] = {"id": id, "kind": kind, "state": "queued", "cancelling": False, "created_ms": int(time.time() * 1000), "started_ms": None, "finished_ms": None,
                             "stage": "", "step": 0, "n_steps": 0, "steps_per_s": None, "eta_s": None, "preview": 0, "error": None, "files": [], "version": 0,
                             "request": {"seed": number * 1000, **request}, "number": number, **more}
            self.lock.notify_all()
            return self.jobs[id]

    def change(self, job, **more):
        with self.lock:
            job.update(more, version=job["version"] + 1)
            self.lock.notify_all()

    def work(self):
        while True:
            with self.lock:
                self.lock.wait_for(lambda: self.stopping or any(j["state"] == "queued" for j in self.jobs.values()))
                if self.stopping:
                    return
                job = min((j for j in self.jobs.values() if j["state"] == "queued"), key=lambda j: j["number"])
            self.make(job)

    def make(self, job):
        prompt, request = job["request"].get("prompt", ""), job["request"]
        self.change(job, state="running", started_ms=int(time.time() * 1000), stage="load", n_steps=1)
        steps, pause = (40, 0.1) if "slow" in prompt else (6, 0.03)
        n = request.get("n", 1)
        for step in range(steps * n + 1):
            if job["cancelling"] or self.stopping:
                return self.change(job, state="cancelled", finished_ms=int(time.time() * 1000))
            rate = 1 / pause
            self.change(job, stage="steps", step=step, n_steps=steps * n, steps_per_s=rate, eta_s=(steps * n - step) / rate, preview=step)
            if "fail" in prompt and step == 2:
                return self.change(job, state="failed", error=SORRY, finished_ms=int(time.time() * 1000))
            if step and step % steps == 0:
                self.change(job, files=job["files"] + [self.file(job, len(job["files"]))])
            time.sleep(pause)
        self.loaded = True
        return self.change(job, state="done", finished_ms=int(time.time() * 1000))

    @staticmethod
    def file(job, index):
        request = job["request"]
        seed = request["seed"] + index
        if job["kind"] == "video":
            return {"media": "video/mp4", "bytes": CLIP, "width": 64, "height": 64, "seed": seed}
        colour = (seed * 53 % 256, seed * 97 % 256, seed * 29 % 256)
        width, height = request.get("width", 64), request.get("height", 64)
        return {"media": "image/png", "bytes": png(width, height, colour), "width": width, "height": height, "seed": seed, "parameters": f"{request['prompt']}\nSteps: 20, Seed: {seed}"}

    def add_done(self, kind, request):
        job = self.add(kind, request, state="done", started_ms=1, finished_ms=2)
        job["files"] = [self.file(job, 0)]

    # --- as JSON

    def view(self, job):
        waiting = sorted(j["number"] for j in self.jobs.values() if j["state"] == "queued")
        keys = ("id", "kind", "state", "cancelling", "created_ms", "started_ms", "finished_ms", "stage", "step", "n_steps", "steps_per_s", "eta_s", "preview", "error")
        return {**{k: job[k] for k in keys}, "priority": 0, "position": waiting.index(job["number"]) + 1 if job["state"] == "queued" else None, "n_results": len(job["files"])}

    def whole(self, job):
        request = {k: f"({len(v)} bytes)" if k in ("start", "mask") else v for k, v in job["request"].items()}
        results = [{"index": i, "url": f"/api/jobs/{job['id']}/results/{i}", **f, "bytes": len(f["bytes"])} for i, f in enumerate(job["files"])]
        return {**self.view(job), "request": request, "results": results}

    # --- the routes; h: the request's handler

    def get(self, h, path):
        path, _, query = path.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        if not self.model and not self.video_model:
            return h.refuse(501, "this server makes no pictures: start it with --image-model FILE", "no_image_model")
        if path == "/api/images/info":
            return h.reply(200, self.info())
        if path == "/api/jobs":
            self.lists += 1
            found = sorted((j for j in self.jobs.values() if query.get("state") in (None, j["state"]) and j["number"] < int(query.get("cursor", 1e9))), key=lambda j: -j["number"])
            limit = int(query.get("limit", 50))
            return h.reply(200, {"jobs": [self.whole(j) for j in found[:limit]], "next": found[limit - 1]["number"] if len(found) > limit else None})
        m = re.fullmatch(r"/api/jobs/(\w+)(/[\w/]+)?", path)
        job = self.jobs.get(m[1]) if m else None
        if not job:
            return h.refuse(404, "there is no job of this name")
        rest = m[2] or ""
        if rest == "/events":
            return self.events(h, job)
        if rest == "/preview":
            return h.reply(200, png(64, 64, (job["preview"] * 5 % 256, 90, 60)), "image/png", [("Cache-Control", "no-store")])
        if r := re.fullmatch(r"/results/(\d+)", rest):
            file = job["files"][int(r[1])]
            return h.reply(200, file["bytes"], file["media"])
        return h.reply(200, self.whole(job))

    def events(self, h, job):
        h.send_response(200)
        h.send_header("Content-Type", "text/event-stream")
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        self.watchers += 1
        seen = -1
        try:
            while True:
                with self.lock:
                    self.lock.wait_for(lambda: job["version"] != seen or self.stopping, 0.5)
                    ended, version, data = job["state"] in ENDED, job["version"], self.whole(job) if job["state"] in ENDED else self.view(job)
                if self.stopping:
                    return
                if version == seen:
                    h.chunk(b": ping\n\n")
                    continue
                seen = version
                h.chunk(f"event: {'end' if ended else 'progress'}\ndata: {json.dumps(data)}\n\n".encode())
                if ended:
                    h.wfile.write(b"0\r\n\r\n")
                    return
                h.chunk(f"event: preview\ndata: {json.dumps({'id': job['id'], 'preview': job['preview'], 'url': 'x'})}\n\n".encode())
        except (BrokenPipeError, ConnectionResetError):
            h.close_connection = True
        finally:
            self.watchers -= 1

    def post(self, h, path, body):
        if path == "/api/jobs":
            self.submitted.append(body)
            request = {k: v for k, v in body.items() if k != "kind"}
            if "refuse" in request["prompt"]:
                return h.reply(400, {"error": {"message": "'steps' is 5000; it must be between 1 and 1000", "type": "x", "param": "steps", "code": None}})
            return h.reply(202, self.view(self.add(body["kind"], request)))
        m = re.fullmatch(r"/api/jobs/(\w+)/(cancel|retry)", path)
        job = self.jobs.get(m[1]) if m else None
        if not job:
            return h.refuse(404, "there is no job of this name")
        if m[2] == "retry":
            return h.reply(202, self.view(self.add(job["kind"], job["request"])))
        if job["state"] == "queued":
            self.change(job, state="cancelled", finished_ms=int(time.time() * 1000))
        elif job["state"] == "running":
            self.change(job, cancelling=True)
        else:
            return h.refuse(409, "the job is done already", "wrong_state")
        return h.reply(200, self.view(job))

    def delete(self, h, path):
        job = self.jobs.get(path.rpartition("/")[2])
        if not job:
            return h.refuse(404, "there is no job of this name")
        if job["state"] == "running":
            return h.refuse(409, "the job runs; cancel it first", "wrong_state")
        with self.lock:
            del self.jobs[job["id"]]
        return h.reply(200, {"id": job["id"], "deleted": True})
