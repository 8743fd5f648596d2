"""Tests of the page's pictures and clips: against the stand-in, which makes plain colours of what is asked, and once
against `loam serve` with the smallest model there is."""
import os
import re
import tempfile
import time
from pathlib import Path

from harness import CONTRAST, Loam, Skip, Visit, case, equal, until
from standin import ROOT, StandIn
from standin_jobs import SORRY, from_data_url, png, png_pixels

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
TILE = ".tile:not(.note)"


def enter(page):
    page.click("#to-pictures") if page.is_visible("#to-pictures") else page.tap("#to-other")
    page.wait_for_selector("#pic-prompt")


def make(page, prompt, wait=True):
    before = page.locator(".tile").count()
    page.fill("#pic-prompt", prompt)
    page.click(".make-button")
    if wait:
        until("a tile", lambda: page.locator(".tile").count(), lambda n: n > before)


def fill_gallery(server, n, **request):
    for i in range(n):
        server.jobs.add_done("image", {"prompt": f"picture {i}", "width": 64, "height": 64, **request})


def picture_file(name="start.png", width=80, height=40, colour=(200, 30, 40)):
    return {"name": name, "mimeType": "image/png", "buffer": png(width, height, colour)}


def loaded(page):
    return page.eval_on_selector_all(f"{TILE} img", "ns => ns.filter((n) => n.complete && n.naturalWidth > 0).length")


@case("standin")
def pictures_make(visit, server):
    """a picture is asked for, is seen as it is made, and lands in the gallery, where a reload finds it"""
    with visit() as page:
        equal(server.jobs.lists, 0, "asked for pictures before anybody wanted any")
        enter(page)
        equal(page.get_attribute("#to-pictures", "aria-current"), "page")
        equal([page.is_visible("#prompt"), page.is_visible("#thread")], [False, False], "the chat is still there")
        make(page, "a slow fox", wait=False)
        equal(server.jobs.submitted, [{"kind": "image", "prompt": "a slow fox"}], "what was not set is left to the server")
        page.wait_for_selector(".job")
        steps, previews = set(), set()
        while page.locator(".job").count():
            line, source = page.evaluate("() => [document.querySelector('.job-line')?.textContent, document.querySelector('.job-preview')?.src]")
            if m := re.search(r"step (\d+) of 40 · 10 steps/s · about \d+ s left", line or ""):
                steps.add(int(m[1]))
            previews |= {source} if source else set()
            time.sleep(0.05)
        assert len(steps) > 10 and len(previews) > 5, (steps, previews)
        until("loaded", lambda: loaded(page), lambda n: n == 1)
        equal(page.get_attribute(f"{TILE} button", "aria-label"), "Picture: a slow fox")
        until("announcement", lambda: page.inner_text("#announce"), lambda t: t == "Picture done")
        page.reload()
        until("loaded again", lambda: loaded(page), lambda n: n == 1)
        equal(page.input_value("#pic-prompt"), "a slow fox", "the form after a reload")
        equal(page.title(), "Pictures · Loam")
        page.click("#to-chat")
        assert page.is_visible("#prompt") and page.is_hidden("#make")
        page.go_back()
        assert page.is_visible("#make")


@case("standin")
def pictures_fields(visit, server):
    """every field is sent as set, by its name in the API; sizes fit the model; nonsense is not sent"""
    with visit() as page:
        enter(page)
        equal(page.locator(".preset").all_inner_texts()[:2], ["512 × 512", "448 × 576"])
        page.fill("#pic-prompt", "moss")
        page.fill("#pic-negative", "text")
        page.click(".preset >> nth=2")
        page.click("[aria-label='Swap width and height']")
        equal([page.input_value("#pic-width"), page.input_value("#pic-height")], ["640", "448"])
        equal(page.locator(".preset[aria-pressed=true]").all_inner_texts(), ["640 × 448"])
        page.fill("#pic-steps", "12")
        page.fill("#pic-guidance", "5.5")
        page.fill("#pic-n", "3")
        page.click("[aria-label='Roll a seed']")
        seed = page.input_value("#pic-seed")
        assert re.fullmatch(r"\d+", seed) and int(seed) < 2**32 and page.is_checked("#pic-keep")
        page.fill("#pic-seed", "77")
        page.click("#pic-more summary")
        page.select_option("#pic-sampler", label="DPM++ 2M")
        page.select_option("#pic-schedule", label="Karras")
        page.select_option("#pic-hires", label="twice")
        page.select_option("#pic-format", label="WebP")
        page.fill("#pic-clip_skip", "2")
        page.check("#pic-lora-1")
        page.fill("[aria-label='Strength of <b>ink</b>']", "0.6")
        page.press("#pic-prompt", "Control+Enter")
        until("sent", lambda: len(server.jobs.submitted), lambda n: n == 1)
        wanted = {"kind": "image", "prompt": "moss", "negative": "text", "width": 640, "height": 448, "steps": 12, "guidance": 5.5, "n": 3, "seed": 77, "sampler": "DPM++ 2M",
                  "schedule": "Karras", "hires": 2, "format": "webp", "clip_skip": 2, "loras": [{"name": "<b>ink</b>", "strength": 0.6}]}
        equal(server.jobs.submitted[0], wanted)
        until("three tiles", lambda: page.locator(TILE).count(), lambda n: n == 3)
        page.reload()
        page.click(".make-button")
        until("sent", lambda: len(server.jobs.submitted), lambda n: n == 2)
        equal(server.jobs.submitted[1], wanted, "after a reload")
        page.uncheck("#pic-keep")
        equal(page.input_value("#pic-seed"), "", "the seed after it was let go")
        page.fill("#pic-steps", "-3")
        page.click(".make-button")
        page.wait_for_timeout(200)
        equal(len(server.jobs.submitted), 2, "requests after nonsense")
        equal(page.evaluate("document.activeElement.id"), "pic-steps")
        page.fill("#pic-steps", "")
        page.fill("#pic-prompt", " ")
        page.click(".make-button")
        assert "Say what" in page.inner_text(".make-foot .problem")
        until("quiet", lambda: page.locator(".job").count(), lambda n: n == 0)
        page.check("#pic-keep")
        equal(page.input_value("#pic-seed"), "77", "keep takes the seed of the newest picture")


@case("standin")
def pictures_clips(visit, server):
    """a clip is asked for with frames and rate, and plays in the viewer, in a loop"""
    with visit() as page:
        enter(page)
        page.click("label[for=pic-kind-video]")
        equal(page.locator("#pic-start, #pic-n, #pic-hires").count(), 0, "fields that clips do not have")
        page.fill("#pic-frames", "17")
        page.fill("#pic-fps", "8")
        make(page, "a paper boat")
        equal(server.jobs.submitted, [{"kind": "video", "prompt": "a paper boat", "frames": 17, "fps": 8}])
        page.wait_for_selector(f"{TILE} video")
        page.click(f"{TILE} button")
        state = "() => { const v = document.querySelector('#viewer video'); return v && [v.loop, v.muted, v.videoWidth, v.error?.message ?? null]; }"
        until("playing", lambda: page.evaluate(state), lambda v: v == [True, True, 64, None])
        moving = "document.querySelector('#viewer video').currentTime"
        until("moving", lambda: page.evaluate(moving), lambda t: t > 0.3)
        until("from the begin again", lambda: page.evaluate(moving), lambda t: t < 0.3)


@case("standin")
def pictures_start(visit, server):
    """a picture to start from comes by file, drop and paste, with the mask that was painted over it"""
    with visit() as page:
        enter(page)
        page.set_input_files("#pic-start", picture_file())
        page.wait_for_selector(".start-thumb:visible")
        equal([page.input_value("#pic-width"), page.input_value("#pic-height")], ["704", "384"], "size in the picture's shape")
        page.focus("#pic-strength")
        page.keyboard.press("ArrowLeft")
        page.click(".start-acts button >> nth=0")
        undo = page.locator("dialog.mask [aria-label=Undo]")
        assert undo.is_disabled()
        box = page.locator(".mask-paint").bounding_box()

        def stroke(y):
            page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * y)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * y, steps=6)
            page.mouse.up()

        def painted():
            return page.evaluate("""() => { const c = document.querySelector('.mask-paint'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
                const at = (x, y) => d[4 * (y * c.width + x) + 3] > 128; return [at(40, 20), at(40, 3), at(3, 20)]; }""")

        stroke(0.5)
        equal(painted(), [True, False, False], "a stroke through the middle")
        stroke(0.08)
        equal(painted(), [True, True, False], "another at the top")
        undo.click()
        equal(painted(), [True, False, False], "undone")
        page.click("dialog.mask button:has-text('Eraser')")
        stroke(0.5)
        equal(painted(), [False, False, False], "rubbed out")
        page.keyboard.press("Control+z")
        equal(painted(), [True, False, False], "rubbing undone")
        page.click("[aria-label^='Swap what']")
        equal(painted(), [False, True, True], "inverse")
        page.click("[aria-label^='Swap what']")
        page.click("text=Use this mask")
        page.wait_for_selector("dialog.mask", state="detached")
        make(page, "a hat instead")
        sent = server.jobs.submitted[0]
        equal(sent["strength"], 0.7)
        width, height, pixels = png_pixels(from_data_url(sent["start"]))
        equal([width, height, pixels[5][5]], [80, 40, (200, 30, 40, 255)], "start")
        width, height, mask = png_pixels(from_data_url(sent["mask"]))
        equal([width, height, mask[20][40], mask[3][40], mask[20][3]], [80, 40, (255, 255, 255, 255), (0, 0, 0, 255), (0, 0, 0, 255)], "mask: white is made anew")
        page.click("text=Change the mask")
        page.keyboard.press("Escape")
        page.click(".start-acts >> text=Remove")
        for event in ("drop", "paste"):
            page.evaluate("""([event, bytes]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], 'x.png', {type: 'image/png'}));
                const e = event === 'drop' ? new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: data}) : new ClipboardEvent('paste', {bubbles: true, cancelable: true, clipboardData: data});
                document.getElementById('pic-prompt').dispatchEvent(e); }""", [event, list(png(30, 30, (1, 2, 3)))])
            page.wait_for_selector(".start-thumb:visible")
            make(page, event)
            equal(png_pixels(from_data_url(server.jobs.submitted[-1]["start"]))[0:2], (30, 30), event)
            assert "mask" not in server.jobs.submitted[-1], "a mask of the picture before"
            page.click(".start-acts >> text=Remove")
        page.set_input_files("#pic-start", {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"})
        until("refusal", lambda: page.inner_text(".start .problem"), lambda t: "cannot read" in t)


@case("standin")
def pictures_mask_keys(visit, server):
    """a mask is painted with the keyboard alone"""
    with visit() as page:
        enter(page)
        page.set_input_files("#pic-start", picture_file(width=64, height=64))
        page.wait_for_selector(".start-thumb:visible")
        page.focus(".start-acts button >> nth=0")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog.mask[open]")
        for key in ("ArrowRight", "ArrowDown", "Space", "e", "ArrowRight", "Space", "b"):
            page.keyboard.press(key)
        page.focus("dialog.mask .strong")
        page.keyboard.press("Enter")
        make(page, "dots")
        mask = png_pixels(from_data_url(server.jobs.submitted[0]["mask"]))[2]
        assert mask[36][33][0] == 255 and mask[10][10][0] == 0, (mask[36][33], mask[10][10])


@case("standin")
def pictures_trouble(visit, server):
    """refusals stand by their field, failures in the gallery, in the server's words and never as HTML"""
    with visit(forgive=["400", "409"]) as page:
        enter(page)
        make(page, "refuse me", wait=False)
        until("refusal", lambda: page.inner_text(".make-foot .problem") if page.locator(".make-foot .problem:visible").count() else "", lambda t: t == "'steps' is 5000; it must be between 1 and 1000")
        equal(page.evaluate("document.activeElement.id"), "pic-steps")
        make(page, "fail <b>here</b>")
        equal(page.inner_text(".note-text"), SORRY)
        equal(page.inner_text(".note-prompt"), "fail <b>here</b>")
        assert page.is_hidden(".make-foot .problem"), "the refusal is still there"
        server.jobs.model = "x"
        page.click(".note >> text=Try again")
        until("second note", lambda: page.locator(".note").count(), lambda n: n == 2)
        page.click(".note >> nth=0 >> text=Remove")
        until("removed", lambda: page.locator(".note").count(), lambda n: n == 1)
        equal(page.evaluate("window.pwned ?? null"), None)


@case("standin")
def pictures_queue(visit, server):
    """several wait in turn; one that waits and the one that runs are cancelled; another program's are seen, too"""
    with visit() as page:
        enter(page)
        for name in ("slow one", "slow two", "slow three"):
            make(page, name, wait=False)
            until(name, lambda: page.locator(".job-prompt").all_inner_texts(), lambda t: name in t)
        until("order", lambda: [page.locator(".job-prompt").all_inner_texts(), page.locator(".job-line").all_inner_texts()[1:]],
              lambda v: v == [["slow one", "slow two", "slow three"], ["waiting, next", "waiting, number 2"]])
        page.click("[aria-label='Cancel “slow two”']")
        until("two left", lambda: page.locator(".job-prompt").all_inner_texts(), lambda t: t == ["slow one", "slow three"])
        page.reload()
        until("after reload", lambda: page.locator(".job-prompt").all_inner_texts(), lambda t: t == ["slow one", "slow three"])
        until("running", lambda: page.inner_text(".job-line >> nth=0"), lambda t: "step" in t)
        page.click("[aria-label='Cancel “slow one”']")
        until("next one runs", lambda: page.locator(".job[data-state=running] .job-prompt").all_inner_texts(), lambda t: t == ["slow three"])
        equal(page.locator(".note .note-text").all_inner_texts(), ["Cancelled", "Cancelled"])
        server.jobs.add("image", {"prompt": "from elsewhere", "width": 64, "height": 64})
        until("seen", lambda: page.locator(".job-prompt").all_inner_texts(), lambda t: "from elsewhere" in t)
        page.click("#to-chat")
        until("nobody watches", lambda: server.jobs.watchers, lambda n: n == 0)


@case("standin")
def pictures_gallery(visit, server):
    """the gallery loads page after page as it is scrolled, and fetches pictures only where one looks"""
    fill_gallery(server, 60)
    with visit() as v_page:
        page = v_page
        fetched = []
        page.on("request", lambda r: fetched.append(r.url) if "/results/" in r.url else None)
        enter(page)
        until("first page", lambda: page.locator(TILE).count(), lambda n: n == 24)
        page.wait_for_timeout(400)
        equal(page.locator(TILE).count(), 24, "more pages than were looked at")
        assert len(fetched) < 24, f"{len(fetched)} pictures fetched"
        for _ in range(40):
            page.evaluate("document.querySelector('.made').scrollBy(0, 500)")
            page.wait_for_timeout(50)
        until("all", lambda: page.locator(TILE).count(), lambda n: n == 60)
        names = page.eval_on_selector_all(f"{TILE} button", "ns => ns.map((n) => n.getAttribute('aria-label'))")
        equal(names, [f"Picture: picture {i}" for i in reversed(range(60))], "newest first, none twice")
        assert page.is_hidden("#gallery-older")


@case("standin")
def pictures_viewer(visit, server):
    """the viewer: neighbours, settings used again, start from it, download, delete once it was confirmed, and its address"""
    fill_gallery(server, 3, negative="<i>text</i>", steps=9, sampler="Euler")
    with visit() as page:
        enter(page)
        page.click(f"{TILE} button >> nth=1")
        until("address", lambda: page.evaluate("location.hash"), lambda h: re.fullmatch(r"#pictures/000002\w+/0", h))
        body = page.inner_text(".viewer-body")
        for words in ("picture 1", "Not wanted: <i>text</i>", "64 × 64", "2000", "Euler"):
            assert words in body, (words, body)
        until("picture", lambda: page.evaluate("document.querySelector('#viewer img')?.naturalWidth"), lambda w: w == 64)
        page.keyboard.press("ArrowRight")
        until("older one", lambda: page.inner_text(".viewer-prompt"), lambda t: t == "picture 0")
        assert page.is_disabled("#viewer .step.right")
        page.reload()
        until("after a reload", lambda: page.locator(".viewer-prompt").all_inner_texts(), lambda t: t == ["picture 0"])
        with page.expect_download() as got:
            page.click("#viewer >> text=Download")
        equal(got.value.suggested_filename, "loam-000001ab-1.png")
        equal(Path(got.value.path()).read_bytes(), server.jobs.jobs["000001abcdefghijklmnopqr"]["files"][0]["bytes"])
        page.click("#viewer >> text=Use these settings")
        assert not page.locator("#viewer[open]").count()
        equal([page.input_value(f"#pic-{k}") for k in ("prompt", "negative", "steps", "seed", "width")], ["picture 0", "<i>text</i>", "9", "1000", "64"])
        equal(page.evaluate("document.activeElement.id"), "pic-prompt")
        equal(page.evaluate("location.hash"), "#pictures")
        page.click(f"{TILE} button >> nth=0")
        page.click("#viewer >> text=Start from this picture")
        page.wait_for_selector(".start-thumb:visible")
        make(page, "again")
        equal(png_pixels(from_data_url(server.jobs.submitted[-1]["start"]))[2][0][0], (3000 * 53 % 256, 3000 * 97 % 256, 3000 * 29 % 256, 255))
        page.click(f"{TILE} button >> nth=0")
        page.click("#viewer >> text=Delete")
        page.click("dialog:has(#confirm-title) >> text=Keep")
        equal(len(server.jobs.jobs), 4)
        page.click("#viewer >> text=Delete")
        page.click("dialog:has(#confirm-title) >> text=Delete >> nth=-1")
        until("gone", lambda: page.locator(TILE).count(), lambda n: n == 3)
        equal(len(server.jobs.jobs), 3)
        equal(page.inner_text(".viewer-prompt"), "picture 2", "the next one is on view")
        page.go_back()
        until("closed by going back", lambda: page.locator("#viewer[open]").count(), lambda n: n == 0)
        equal(page.evaluate("location.hash"), "#pictures")


@case("standin")
def pictures_key(visit, server):
    """with a key: asked for once, and pictures, previews, clips and downloads come through it"""
    server.key = "s3cret"
    server.jobs.add("video", {"prompt": "a boat"})
    with visit(forgive=["401"]) as page:
        page.goto(server.url + "/#pictures")
        page.wait_for_selector("#ask-key[open]")
        page.fill("#ask-key-box", "s3cret")
        page.press("#ask-key-box", "Enter")
        page.wait_for_selector(f"{TILE} video")
        make(page, "slow secret", wait=False)
        page.wait_for_selector(".job-preview")
        until("done", lambda: loaded(page), lambda n: n == 1, 20)
        page.click(f"{TILE}:has(video) button")
        until("clip", lambda: page.evaluate("document.querySelector('#viewer video')?.videoWidth"), lambda w: w == 64)
        with page.expect_download() as got:
            page.click("#viewer >> text=Download")
        assert Path(got.value.path()).read_bytes()[4:8] == b"ftyp"


@case("standin")
def pictures_none(visit, server):
    """a server without such models says so and how to get one; one that was away is found again"""
    with visit(forgive=["501", "ERR_", "Failed to load"]) as page:
        server.jobs.model = server.jobs.video_model = None
        enter_none = lambda: (page.click("#to-pictures"), page.wait_for_selector(".lacking"))  # noqa: E731
        enter_none()
        assert "start it with --image-model FILE" in page.inner_text(".lacking") and "loam serve --image-model PATH" in page.inner_text(".lacking")
        equal(page.locator(".make-button").count(), 0)
        server.jobs.model = "one"
        page.click("#to-chat")
        page.click("#to-pictures")
        page.wait_for_selector("#pic-prompt")
        page.click("label[for=pic-kind-video]")
        assert "no clips" in page.inner_text(".lacking"), page.inner_text(".lacking")
        page.click("label[for=pic-kind-image]")
        port, jobs = server.server_port, server.jobs
        server.end()
        page.fill("#pic-prompt", "anyone?")
        page.click(".make-button")
        until("said", lambda: page.inner_text(".make-foot .problem") if page.locator(".make-foot .problem:visible").count() else "", lambda t: "does not answer" in t)
        page.wait_for_selector("#pictures-trouble:visible")
        back = StandIn(port).begin()
        try:
            until("back", lambda: page.is_hidden("#pictures-trouble"), bool, 15)
            make(page, "here again")
        finally:
            back.end()
            server.end = lambda: None


@case("standin")
def pictures_unknown_size(visit, server):
    """before the model was loaded its size is a guess; once it is known the form says so and keeps what was typed"""
    server.jobs.loaded, server.jobs.size, server.jobs.encoder = False, 768, False
    with visit() as page:
        enter(page)
        equal(page.inner_text(".preset >> nth=0"), "512 × 512")
        make(page, "slow first", wait=False)
        page.fill("#pic-prompt", "typed meanwhile")
        page.press("#pic-prompt", "Home")
        until("the real size", lambda: page.inner_text(".preset >> nth=0"), lambda t: t == "768 × 768")
        equal(page.locator("#pic-start").count(), 0, "a start for a model that cannot")
        page.keyboard.type("was ")
        equal(page.input_value("#pic-prompt"), "was typed meanwhile", "text and cursor")


@case("standin")
def pictures_for_everyone(visit, server):
    """names for all controls, contrast in light and dark, no id twice, nothing that sticks out on a phone"""
    fill_gallery(server, 2)
    server.jobs.add("image", {"prompt": "fail"})
    server.jobs.add("image", {"prompt": "slow", "n": 3})
    nameless = "ns => ns.filter((n) => !(n.getAttribute('aria-label') || n.textContent.trim() || n.labels?.length)).map((n) => n.outerHTML)"
    twice = "[...document.querySelectorAll('[id]')].map((n) => n.id).filter((id, i, all) => all.indexOf(id) !== i)"
    with visit(color_scheme="light") as page:
        enter(page)
        page.click("#pic-more summary")
        page.wait_for_selector(".job-preview")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(200)
            equal(page.evaluate(CONTRAST), [], f"weak text in {scheme}")
            page.click(f"{TILE} button")
            page.wait_for_selector("#viewer[open]")
            equal(page.evaluate(CONTRAST), [], f"weak text in the {scheme} viewer")
            equal(page.eval_on_selector_all("button, a, input, textarea, select", nameless), [])
            equal(page.evaluate(twice), [], "ids used twice")
            page.keyboard.press("Escape")
            until("closed", lambda: page.evaluate("location.hash"), lambda h: h == "#pictures")
            equal(page.evaluate("document.activeElement.className"), "tile-open", "focus after the viewer")
        page.keyboard.press("/")
        equal(page.evaluate("document.activeElement.id"), "pic-prompt")
        page.focus("#skip")
        page.keyboard.press("Enter")
        equal(page.evaluate("document.activeElement.id"), "pic-prompt", "the skip link")
    with visit(**PHONE) as page:
        enter(page)
        page.tap("#pic-more summary")
        page.set_input_files("#pic-start", picture_file())
        page.wait_for_selector(".start-thumb:visible")
        for width in (390, 320):
            page.set_viewport_size({"width": width, "height": 700})
            page.wait_for_timeout(100)
            wide = page.evaluate("[...document.querySelectorAll('#studio, #studio *')].filter((n) => n.checkVisibility() && !n.closest('.unseen, select') && n.getBoundingClientRect().right > innerWidth + 1).map((n) => n.id || n.className)")
            equal(wide, [], f"sticks out at {width}")
        small = page.eval_on_selector_all("#studio button, #studio select, #studio textarea, .bar a", """ns => ns.filter((n) => n.checkVisibility()).map((n) => [n.id || n.className, n.getBoundingClientRect()])
            .filter(([, r]) => r.width && (r.width < 30 || r.height < 30)).map(([n, r]) => [n, r.width, r.height])""")
        equal([s for s in small if s[0] != "link-button"], [], "targets under 30 pixels")
        page.tap("#to-other")
        assert page.is_visible("#prompt")


class Painter(Loam):
    """`loam serve` with a model of a few thousand weights, whose pictures are noise, and a data folder of its own."""

    def __init__(self, *more):
        self.folder = tempfile.TemporaryDirectory()
        model = str(ROOT / "tests/golden/pictures/sd15")
        motion = str(ROOT / "tests/golden/pictures/animatediff/motion_adapter")
        super().__init__("--image-model", model, "--video-model", model, "--video-motion", motion, "--data", self.folder.name, *more)

    def end(self):
        super().end()
        self.folder.cleanup()


@case("real")
def real_pictures(visit, loam):
    """loam serve makes pictures and a clip by the page: progress, gallery, viewer, start and mask, cancel, delete"""
    if "--video-model" not in os.popen(f"{os.environ['LOAM']} serve --help 2>&1").read():
        raise Skip("this program has no --video-model")
    painter = Painter()
    try:
        # a preview is gone as soon as its job has ended
        with Visit(visit().browser, painter.url, forgive=[r"404.*/preview\?"]) as page:
            enter(page)
            page.fill("#pic-steps", "4")
            page.fill("#pic-n", "2")
            page.fill("#pic-seed", "5")
            make(page, "a fox")
            until("both", lambda: loaded(page), lambda n: n == 2, 60)
            until("size known", lambda: page.locator(".preset").count(), lambda n: n > 0)
            page.click(f"{TILE} button >> nth=0")
            until("picture", lambda: page.evaluate("document.querySelector('#viewer img')?.naturalWidth"), lambda w: w and w > 0)
            assert "Seed" in page.inner_text(".facts") and re.search(r"\b[56]\b", page.inner_text(".facts"))
            page.click("#viewer >> text=Start from this picture")
            page.wait_for_selector(".start-thumb:visible")
            page.click(".start-acts button >> nth=0")
            box = page.locator(".mask-paint").bounding_box()
            page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5, steps=4)
            page.mouse.up()
            page.click("text=Use this mask")
            page.fill("#pic-n", "1")
            make(page, "a hat")
            until("third", lambda: loaded(page), lambda n: n == 3, 60)
            page.click(".start-acts >> text=Remove")
            page.fill("#pic-steps", "1000")
            make(page, "a long one", wait=False)
            page.wait_for_selector(".job-preview")
            page.click(".job [aria-label^=Cancel]")
            page.wait_for_selector(".note[data-state=cancelled]")
            page.reload()
            until("after a reload", lambda: loaded(page), lambda n: n == 3)
            page.click(f"{TILE} button >> nth=0")
            page.click("#viewer >> text=Delete")
            page.click("dialog:has(#confirm-title) >> text=Delete >> nth=-1")
            until("deleted", lambda: page.locator(TILE).count(), lambda n: n == 2)
            page.keyboard.press("Escape")
            page.click("label[for=pic-kind-video]")
            for name, value in (("width", 64), ("height", 32), ("steps", 2), ("frames", 5), ("fps", 8)):
                page.fill(f"#pic-{name}", str(value))
            make(page, "a boat")
            page.click(f"{TILE}:has(video) button")
            until("clip", lambda: page.evaluate("(() => { const v = document.querySelector('#viewer video'); return v && [v.videoWidth, v.videoHeight, v.duration]; })()"),
                  lambda v: v and v[:2] == [64, 32] and abs(v[2] - 5 / 8) < 0.05)
    finally:
        painter.end()
