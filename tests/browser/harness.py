"""What the tests of the page stand on: TAP, a browser, `loam serve`, and the watch over every page that is opened: no
request to another host, no error on the console, nothing that the content security policy had to stop."""
import contextlib
import os
import re
import subprocess
import sys
import time
import traceback
import urllib.parse

from playwright.sync_api import sync_playwright

CASES = []
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (e) => window.violations.push(`${e.violatedDirective}: ${e.blockedURI} ${e.sample}`));
"""


# Text whose contrast with what is behind it is under 4.5 to 1: [[text, ratio], …].
CONTRAST = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const over = (colours) => { canvas.clearRect(0, 0, 1, 1); for (const c of colours) { canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); } return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); };
    const light = (rgb) => { const [r, g, b] = rgb.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const bad = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let t; (t = walk.nextNode());) {
        const e = t.parentElement;
        if (!t.textContent.trim() || !e.checkVisibility({opacityProperty: true, visibilityProperty: true}) || e.closest('.unseen, .skip, noscript, :disabled')) continue;
        const grounds = [];
        for (let n = e; n; n = n.parentElement) grounds.unshift(getComputedStyle(n).backgroundColor);
        const a = light(over(grounds)), b = light(over([...grounds, getComputedStyle(e).color]));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) bad.push([t.textContent.trim().slice(0, 30), ratio.toFixed(2)]);
    }
    return bad;
}"""


class Skip(Exception):
    pass


def case(where):
    """where: 'real' (loam serve with the default model), 'standin', or 'both' servers' pages in one test."""
    def keep(f):
        CASES.append((f.__doc__.strip(), where, f))
        return f
    return keep


class Loam:
    """The program under test, with the default model on a free port."""

    def __init__(self, *more):
        program = os.environ["LOAM"]
        if not os.access(program, os.X_OK):
            raise Skip(f"{program} is not built")
        self.child = subprocess.Popen([program, "serve", "--quiet", "--port", "0", *more], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        line = self.child.stdout.readline()
        if not line.startswith("listening on "):
            why = self.child.stderr.read().strip().splitlines()
            raise Skip("loam serve did not start: " + (why[-1] if why else "without a word"))
        self.url = line.split()[-1]

    def end(self):
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Visit:
    """A browser context of its own, at one server. Use as `with visit(...) as page`; leaving it checks the watch."""

    def __init__(self, browser, url, settings=None, forgive=(), **options):
        self.browser, self.url, self.settings = browser, url, settings
        self.forgive = [re.compile(p) for p in forgive]
        self.options = {"viewport": {"width": 1280, "height": 800}, **options}
        self.bad, self.asked = [], []

    def __enter__(self):
        self.context = self.browser.new_context(**self.options)
        self.context.set_default_timeout(15000)
        self.context.add_init_script(WATCH)
        if self.settings is not None:
            import json
            self.context.add_init_script("if (!localStorage.getItem('loam.settings')) "
                                         f"localStorage.setItem('loam.settings', {json.dumps(json.dumps(self.settings))})")
        self.context.on("request", self.on_request)
        self.page = self.open()
        return self.page

    def open(self, path="/"):
        page = self.context.new_page()
        page.on("console", self.on_console)
        page.on("pageerror", lambda e: self.bad.append(f"uncaught: {e}"))
        page.goto(self.url + path)
        return page

    def on_request(self, request):
        self.asked.append(request.url)
        if request.url.startswith(("data:", "blob:")):
            return
        if urllib.parse.urlsplit(request.url).netloc != urllib.parse.urlsplit(self.url).netloc:
            self.bad.append(f"request to another host: {request.url}")

    def on_console(self, message):
        text = f"{message.text} {(message.location or {}).get('url', '')}"
        if message.type in ("error", "warning") and not any(p.search(text) for p in self.forgive):
            self.bad.append(f"console {message.type}: {text}")

    def __exit__(self, kind, value, trace):
        with contextlib.suppress(Exception):
            for page in self.context.pages:
                self.bad += [f"policy: {v}" for v in page.evaluate("window.violations")]
        if kind is not None and os.environ.get("SHOTS"):
            with contextlib.suppress(Exception):
                self.page.screenshot(path=os.path.join(os.environ["SHOTS"], "failure.png"))
        self.context.close()
        if kind is None and self.bad:
            raise AssertionError("\n".join(self.bad))


def until(what, get, wanted=bool, seconds=10):
    """Polls get() until wanted(value) and returns the value."""
    end = time.monotonic() + seconds
    while True:
        value = get()
        if wanted(value):
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: still {value!r} after {seconds} s")
        time.sleep(0.02)


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {repr(got)[:2000]}, want {repr(want)[:2000]}")


def main(stand_in):
    words = sys.argv[1:]
    cases = [c for c in CASES if not words or any(w in c[0] for w in words)]
    print(f"1..{len(cases)}", flush=True)
    loam, why = None, None
    try:
        if any(where != "standin" for _, where, _ in cases):
            loam = Loam()
    except Skip as e:
        why = str(e)
    failed = 0
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path="/usr/bin/chromium")
        for number, (name, where, f) in enumerate(cases, 1):
            begun = time.monotonic()
            server = None
            try:
                if where != "standin" and why:
                    raise Skip(why)
                if where == "real":
                    f(lambda **o: Visit(browser, loam.url, **o), loam)
                else:
                    server = stand_in().begin()
                    f(lambda **o: Visit(browser, server.url, **o), *([loam] if where == "both" else []), server)
                outcome = "ok"
                tail = f" ({time.monotonic() - begun:.1f} s)"
            except Skip as e:
                outcome, tail = "ok", f" # SKIP {e}"
            except Exception:  # noqa: BLE001 a failure of any kind is a failed case
                outcome, tail = "not ok", ""
                failed += 1
                for line in traceback.format_exc().splitlines():
                    print("#", line)
            finally:
                if server:
                    server.end()
            print(f"{outcome} {number} - {name}{tail}", flush=True)
        browser.close()
    if loam:
        loam.end()
    sys.exit(1 if failed else 0)
