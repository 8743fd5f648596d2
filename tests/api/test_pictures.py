"""Pictures over HTTP with a model of a few hundred kilobytes (tests/golden/pictures/sd15): OpenAI's Python client, the
calls of AUTOMATIC1111's clients, and jobs that outlive their server. Pictures are compared with those of `loam image`,
which goes another way to the same model."""
import base64
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import warnings
import zlib

import openai

import serving

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TINY = os.path.join(ROOT, "tests/golden/pictures/sd15")
folder = tempfile.TemporaryDirectory()
DATA = os.path.join(folder.name, "data")
MOTION = os.path.join(ROOT, "tests/golden/pictures/animatediff/motion_adapter")
OPTIONS = ["--image-model", TINY, "--video-model", TINY, "--video-motion", MOTION, "--data", DATA, "--ctx", "256",
           "--slots", "1"]
FIELDS = dict(prompt="a red (apple:1.2)", size="64x64", extra_body={"steps": 4, "seed": 11, "sampler": "euler"})

warnings.simplefilter("ignore", DeprecationWarning)  # client.videos: OpenAI itself has closed that API
server = serving.Server(os.environ["LOAM"], *OPTIONS)


def client_of(s):
    return openai.OpenAI(base_url=s.url + "/v1", api_key="none", max_retries=0, timeout=120)


client = client_of(server)


def chunks(png):
    """(type, data) of a PNG's chunks; the checksums must be right."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n", png[:8]
    at = 8
    while at < len(png):
        n, kind = struct.unpack(">I4s", png[at:at + 8])
        data = png[at + 8:at + 8 + n]
        assert struct.unpack(">I", png[at + 8 + n:at + 12 + n])[0] == zlib.crc32(kind + data)
        yield kind, data
        at += 12 + n


def pixels(png):
    """Width, height and the filtered scan lines: equal for equal pictures of one writer."""
    parts = list(chunks(png))
    width, height = struct.unpack(">II", parts[0][1][:8])
    return width, height, zlib.decompress(b"".join(d for k, d in parts if k == b"IDAT"))


def parameters(png):
    return next(d.split(b"\0", 1)[1].decode("latin-1") for k, d in chunks(png) if k == b"tEXt")


def picture(answer, i=0):
    return base64.b64decode(answer.data[i].b64_json)


def write_png(width, height, rgba):
    """A PNG of four channels, by nobody's library."""
    rows = b"".join(b"\0" + rgba[y * width * 4:(y + 1) * width * 4] for y in range(height))
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)), (b"IDAT", zlib.compress(rows)),
                       (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return out


def call(path, body=None, method=None, s=None):
    """(status, JSON or bytes)"""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request((s or server).url + path, data=data, method=method,
                                     headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            status, kind, text = reply.status, reply.headers["Content-Type"], reply.read()
    except urllib.error.HTTPError as e:
        status, kind, text = e.code, e.headers["Content-Type"], e.read()
    return status, json.loads(text) if kind == "application/json" else text


def await_state(job, *states, s=None):
    end = time.monotonic() + 60
    while True:
        _, v = call(f"/api/jobs/{job}", s=s)
        if v["state"] in states:
            return v
        assert time.monotonic() < end, v
        time.sleep(0.02)


def as_the_command_makes_it():
    path = os.path.join(folder.name, "a.png")
    subprocess.run([os.environ["LOAM"], "image", "-m", TINY, "-W", "64", "-H", "64", "--steps", "4", "--seed", "11",
                    "--sampler", "euler", "-o", path, FIELDS["prompt"]], check=True, stderr=subprocess.DEVNULL)
    with open(path, "rb") as f:
        ours = f.read()
    a = client.images.generate(model="sd15", **FIELDS)
    assert a.size == "64x64" and a.output_format == "png" and a.created > 1.7e9
    assert pixels(picture(a)) == pixels(ours)
    assert parameters(picture(a)) == parameters(ours), parameters(picture(a))


def seeds_repeat():
    fields = dict(prompt="a boat", size="64x64", n=2, extra_body={"steps": 3})
    a = client.images.generate(model="default", **fields)
    seed = a.model_extra["loam"]["seed"]
    fields["extra_body"] = {"steps": 3, "seed": seed}
    b = client.images.generate(model="default", **fields)
    assert [picture(a, i) for i in (0, 1)] == [picture(b, i) for i in (0, 1)]
    assert picture(a, 0) != picture(a, 1)
    fields.update(n=1, extra_body={"steps": 3, "seed": seed + 1})
    assert picture(client.images.generate(model="default", **fields)) == picture(a, 1)


def formats_and_addresses():
    for kind, begin in (("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF"), ("png", b"\x89PNG")):
        a = client.images.generate(output_format=kind, output_compression=80, response_format="url", **FIELDS)
        with urllib.request.urlopen(a.data[0].url) as reply:
            assert reply.headers["Content-Type"] == "image/" + kind
            assert reply.read().startswith(begin)


def streams():
    events = list(client.images.generate(prompt="a boat", size="64x64", stream=True, partial_images=2,
                                         extra_body={"steps": 9, "seed": 4}))
    assert events[-1].type == "image_generation.completed"
    partial = events[:-1]
    assert len(partial) <= 2 and [e.partial_image_index for e in partial] == list(range(len(partial)))
    assert all(base64.b64decode(e.b64_json).startswith(b"\xff\xd8") and e.output_format == "jpeg" for e in partial)
    whole = client.images.generate(prompt="a boat", size="64x64", extra_body={"steps": 9, "seed": 4})
    assert base64.b64decode(events[-1].b64_json) == picture(whole)
    assert events[-1].usage.total_tokens == 0 and events[-1].size == "64x64"


def edits_keep_what_the_mask_keeps():
    n = 64
    image = write_png(n, n, bytes(v for y in range(n) for x in range(n) for v in (4 * x, 4 * y, 128, 255)))
    mask = write_png(n, n, bytes(v for y in range(n) for x in range(n) for v in (0, 0, 0, 255 if x < 32 else 0)))
    fields = dict(prompt="a hat", size="64x64", extra_body={"steps": 4, "seed": 3, "strength": 0.9})
    kept = client.images.edit(image=("a.png", image), mask=("m.png", mask), **fields)
    free = client.images.edit(image=[("a.png", image)], **fields)
    for answer, same in ((kept, True), (free, False)):
        path = os.path.join(folder.name, "edit.png")
        with open(path, "wb") as f:
            f.write(picture(answer))
        rows = rgb(path)
        left = [rows[y][x * 3:x * 3 + 3] == bytes((4 * x, 4 * y, 128)) for y in range(n) for x in range(32)]
        right = [rows[y][x * 3:x * 3 + 3] == bytes((4 * x, 4 * y, 128)) for y in range(n) for x in range(32, n)]
        assert all(left) == same, (same, sum(left))
        assert sum(right) < len(right) // 10


def rgb(path):
    """Rows of a picture's pixels, as FFmpeg reads them."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True,
                         stdout=subprocess.PIPE).stdout
    n = int(len(raw) / 3 / 64)
    return [raw[y * n * 3:(y + 1) * n * 3] for y in range(64)]


def expect(error, f, **wanted):
    try:
        f()
    except error as e:
        for name, value in wanted.items():
            assert getattr(e, name) == value, f"{name} is {getattr(e, name)!r}: {e}"
        return str(e)
    raise AssertionError(f"no {error.__name__}")


def errors():
    make = client.images.generate
    expect(openai.BadRequestError, lambda: make(prompt="x", size="63x64"), param="width")
    expect(openai.BadRequestError, lambda: make(prompt="x", n=11), param="n")
    expect(openai.BadRequestError, lambda: make(prompt="x <lora:../x:1>", size="64x64"))
    assert "adapter" in expect(openai.BadRequestError, lambda: make(prompt="x <lora:", size="64x64", extra_body={
        "loras": ["/etc/passwd"]}), param="loras")
    expect(openai.NotFoundError, lambda: make(prompt="x", model="dall-e-3"), code="model_not_found")
    expect(openai.BadRequestError, lambda: make(prompt="x " * 40000, size="64x64"), param="prompt")
    expect(openai.BadRequestError, lambda: client.images.edit(prompt="x", image=("a.png", b"hello")), param="image")
    make = client.videos.create
    expect(openai.BadRequestError, lambda: make(prompt="x", seconds="0"), param="seconds")
    expect(openai.BadRequestError, lambda: make(prompt="x", size="wide"), param="size")
    expect(openai.BadRequestError, lambda: make(prompt="x", extra_body={"hires": 2}), param="hires")
    expect(openai.NotFoundError, lambda: make(prompt="x", model="sora-2"), code="model_not_found")
    expect(openai.NotFoundError, lambda: client.videos.retrieve("a" * 24))


def clips():
    fields = dict(prompt="a boat sails", size="64x32", extra_body={"steps": 2, "frames": 5, "fps": 8, "seed": 3})
    video = client.videos.create(model="sd15", **fields)
    assert video.status in ("queued", "in_progress") and video.object == "video" and video.size == "64x32"
    video = client.videos.poll(video.id, poll_interval_ms=50)
    assert video.status == "completed" and video.progress == 100, video
    path = os.path.join(folder.name, "clip.mp4")
    client.videos.download_content(video.id).write_to_file(path)
    told = json.loads(subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_entries",
                                      "stream=width,height,nb_read_frames,r_frame_rate", "-of", "json", path],
                                     check=True, stdout=subprocess.PIPE).stdout)["streams"][0]
    assert told == {"width": 64, "height": 32, "r_frame_rate": "8/1", "nb_read_frames": "5"}, told
    again = client.videos.create_and_poll(poll_interval_ms=50, **fields)
    with open(path, "rb") as f:
        assert client.videos.download_content(again.id).read() == f.read()
    long = client.videos.create_and_poll(prompt="x", seconds="8", size="64x32", poll_interval_ms=50)
    assert long.status == "failed" and "8 seconds are 64 frames" in long.error.message, long
    listed = client.videos.list(limit=2)
    assert [v.id for v in listed.data] == [long.id, again.id] and listed.has_more
    assert [v.id for v in client.videos.list(limit=2)] == [long.id, again.id, video.id]
    assert client.videos.delete(video.id).deleted
    assert len(client.videos.list().data) == 2


def chat_goes_on_meanwhile():
    _, job = call("/api/jobs", {"kind": "image", "prompt": "slow", "width": 512, "height": 512, "steps": 1000})
    await_state(job["id"], "running")
    a = client.chat.completions.create(model="default", messages=[{"role": "user", "content": "Hi"}], max_tokens=5)
    assert a.usage.completion_tokens > 0
    status, v = call(f"/api/jobs/{job['id']}/cancel", method="POST")
    assert status == 200
    await_state(job["id"], "cancelled")


def progress_is_told():
    _, job = call("/api/jobs", {"kind": "image", "prompt": "x", "width": 256, "height": 256, "steps": 30})
    with urllib.request.urlopen(server.url + f"/api/jobs/{job['id']}/events", timeout=60) as reply:
        events = [part.split("\ndata: ") for part in reply.read().decode().split("\n\n") if part.startswith("event")]
    told = [json.loads(data) for name, data in events if name == "event: progress"]
    steps = [t["step"] for t in told if t["stage"] == "steps"]
    assert steps == sorted(steps) and len(set(steps)) > 5, steps
    assert any(t["eta_s"] is not None and t["steps_per_s"] > 0 for t in told)
    assert any(name == "event: preview" for name, _ in events)
    name, end = events[-1]
    assert name == "event: end" and json.loads(end)["state"] == "done"


def sdapi_gives_the_same():
    status, v = call("/sdapi/v1/txt2img", {"prompt": FIELDS["prompt"], "width": 64, "height": 64, "steps": 4, "seed": 11,
                                           "sampler_name": "Euler", "scheduler": "Automatic", "cfg_scale": 7})
    assert status == 200, v
    png = base64.b64decode(v["images"][0])
    assert pixels(png) == pixels(picture(client.images.generate(**FIELDS)))
    info = json.loads(v["info"])
    assert info["infotexts"] == [parameters(png)] and info["all_seeds"] == [11]
    status, again = call("/sdapi/v1/img2img", {"init_images": v["images"], "prompt": "a pear", "steps": 4, "seed": 1,
                                               "denoising_strength": 0.5, "sampler_name": "DPM++ 2M Karras"})
    assert status == 200 and "Denoising strength: 0.5" in json.loads(again["info"])["infotexts"][0]


def jobs_outlive_the_server():
    data = os.path.join(folder.name, "again")
    options = ["--image-model", TINY, "--data", data, "--ctx", "256", "--slots", "1"]
    slow = {"kind": "image", "prompt": "slow", "width": 512, "height": 512, "steps": 1000, "seed": 1}
    quick = {"kind": "image", "prompt": "quick", "width": 64, "height": 64, "steps": 2}
    with serving.Server(os.environ["LOAM"], *options) as s:
        _, one = call("/api/jobs", slow, s=s)
        _, two = call("/api/jobs", quick, s=s)
        await_state(one["id"], "running", s=s)
        try:
            serving.Server(os.environ["LOAM"], *options)
            raise AssertionError("two servers on one folder")
        except RuntimeError as e:
            assert "another" in str(e), e
    assert s.status == 0
    with serving.Server(os.environ["LOAM"], *options) as s:
        assert await_state(one["id"], "interrupted", s=s)["request"]["prompt"] == "slow"
        done = await_state(two["id"], "done", s=s)
        assert call(done["results"][0]["url"], s=s)[1].startswith(b"\x89PNG")
        assert call(f"/api/jobs/{one['id']}", method="DELETE", s=s)[0] == 200
        assert len(call("/api/jobs", s=s)[1]["jobs"]) == 1


def twenty_at_once():
    answers = {}

    def one(i):
        status, v = call("/v1/images/generations", {"prompt": f"number {i}", "size": "64x64", "steps": 2, "seed": i})
        answers[i] = status == 200 and f"number {i}" in parameters(base64.b64decode(v["data"][0]["b64_json"]))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(answers) == 20 and all(answers.values()), answers


CASES = [
    ("pictures: the same as `loam image` makes", as_the_command_makes_it),
    ("pictures: the seed that was drawn repeats them", seeds_repeat),
    ("pictures: PNG, JPEG, WebP, and their addresses", formats_and_addresses),
    ("pictures: a stream with partial images", streams),
    ("pictures: an edit changes what the mask opens, and nothing else", edits_keep_what_the_mask_keeps),
    ("pictures: errors name the field", errors),
    ("pictures: clips by client.videos", clips),
    ("pictures: chat goes on meanwhile", chat_goes_on_meanwhile),
    ("pictures: progress, previews and the end are told", progress_is_told),
    ("pictures: AUTOMATIC1111's API gives the same", sdapi_gives_the_same),
    ("pictures: jobs outlive the server", jobs_outlive_the_server),
    ("pictures: twenty clients at once", twenty_at_once),
]
with server, folder:
    status = serving.run(CASES)
sys.exit(status)
