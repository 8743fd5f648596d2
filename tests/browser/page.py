"""Tests of the page in a real browser. First against `loam serve` with the default model, then against the stand-in,
which does what a model does not do on demand."""
import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

from harness import CONTRAST, Skip, case, equal, main, until
from standin import HTML, LIBRARIES, ROOT, SCRIPTS, StandIn

ANSWER = ".answer:last-child"
DONE = f"{ANSWER} .figures span"
FIXED = {"temperature": 0.7, "seed": 7, "max_tokens": 160}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


def ask(page, text, wait=True):
    page.fill("#prompt", text)
    page.press("#prompt", "Enter") if page.evaluate("matchMedia('(hover: hover)').matches") else page.click("#send")
    if wait:
        page.wait_for_selector(DONE)


def answer(page):
    return page.inner_text(f"{ANSWER} .md")


def figures(page):
    return page.inner_text(f"{ANSWER} .figures")


# --- loam serve with the default model


@case("real")
def real_stream(visit, loam):
    """an answer of the default model streams in, word by word"""
    with visit(settings=FIXED) as page:
        until("model's name", lambda: page.inner_text("#status-model"), lambda t: "SmolLM2" in t or "smollm2" in t)
        ask(page, "Tell me about the soil in a forest.", wait=False)
        seen = []
        while not page.query_selector(DONE):
            seen.append(answer(page).strip())
            time.sleep(0.02)
        seen.append(answer(page).strip())
        lengths = sorted({len(s) for s in seen})
        assert len(lengths) >= 5, f"the text was seen at lengths {lengths} only: it did not stream"
        assert len(seen[-1]) > 60, seen[-1]
        assert seen[-1].startswith(next(s for s in seen if len(s) > 10)[:10]), "the beginning changed"
        assert re.search(r"[\d.]+ tokens/s", figures(page)), figures(page)
        assert re.search(r"complete|length limit", figures(page)), figures(page)


@case("real")
def real_stop(visit, loam):
    """the stop button and Esc end an answer, and the server stops working on it"""
    def working():
        text = urllib.request.urlopen(loam.url + "/metrics").read().decode()
        return sum(float(v) for v in re.findall(r"^\S*requests_processing(?:{[^}]*})? (\S+)$", text, re.M))
    with visit(settings={**FIXED, "max_tokens": 4000}) as page:
        for how in ("button", "key"):
            ask(page, "Write a very long story about a river. Do not stop.", wait=False)
            until("text", lambda: len(answer(page)), lambda n: n > 40)
            equal(page.get_attribute("#send", "aria-label"), "Stop")
            page.click("#send") if how == "button" else page.keyboard.press("Escape")
            until("figures", lambda: figures(page), lambda t: "stopped" in t, 3)
            text = answer(page)
            assert len(text) > 40, "what had arrived is gone"
            until("idle server", working, lambda n: n == 0, 5)
            equal(answer(page), text, "the text went on after the stop")


@case("real")
def real_again_and_reload(visit, loam):
    """answering again keeps both answers; a reload keeps the conversation; the next turn reuses what was read"""
    with visit(settings={"temperature": 1, "max_tokens": 40}) as page:
        ask(page, "Name three trees.")
        first = answer(page)
        page.click(f"{ANSWER} [data-act=again]")
        until("pager", lambda: page.query_selector(f"{ANSWER} .pager-count"))
        second = answer(page)
        assert first != second, "two tries with new seeds gave the same words"
        page.click(f"{ANSWER} [aria-label='Earlier version']")
        equal(answer(page), first, "the first answer")
        page.reload()
        page.wait_for_selector(DONE)
        equal(answer(page), first, "after reload")
        equal(page.inner_text(".question .bubble"), "Name three trees.")
        equal(page.inner_text(".row.current a"), "Name three trees.")
        ask(page, "And three flowers.")
        reused = re.search(r"(\d+) reused", figures(page))
        assert reused and int(reused[1]) > 10, figures(page)


@case("real")
def real_phone(visit, loam):
    """on a phone: type, send with the button, read"""
    with visit(settings=FIXED, **PHONE) as page:
        page.tap("#prompt")
        page.keyboard.type("Say hello.")
        page.tap("#send")
        page.wait_for_selector(DONE, timeout=20000)
        assert len(answer(page)) > 2


@case("real")
def real_small_context(visit, loam):
    """a conversation longer than the context gets a sentence with both numbers, and can go on after an edit"""
    from harness import Loam, Visit
    small = Loam("--ctx", "256", "--slots", "1")
    try:
        v = visit(settings=FIXED, forgive=["400"])
        v.url = small.url
        with v as page:
            ask(page, "rain and soil and " * 200, wait=False)
            page.wait_for_selector(".failure:visible")
            text = page.inner_text(".failure")
            assert len(re.findall(r"\d[\d,]+", text)) >= 2 and "256" in text, text
            page.hover(".question")
            page.click(".question [data-act=edit]")
            page.fill(".edit-box", "Say hello.")
            page.press(".edit-box", "Enter")
            until("answer", lambda: len(answer(page)), lambda n: n > 2)
            page.wait_for_selector(DONE)
    finally:
        small.end()


@case("both")
def embedded(visit, loam, stand_in):
    """every file of the page is in the program, byte by byte, with type, entity tag and policy"""
    build = (ROOT / "web" / "meson.build").read_text()
    names = re.findall(r"'([\w-]+\.(?:html|css|js|svg|txt))'", build[:build.index("page_args")])
    assert len(names) > 20, names
    on_disk = {f.name for f in (ROOT / "web").iterdir() if f.suffix in (".html", ".css", ".js", ".svg", ".txt")}
    equal(set(names), on_disk, "files that web/meson.build names")
    sources = {f"/{n}": ROOT / "web" / n for n in names} | {u: Path(p) for u, p in LIBRARIES.items()}
    for url, path in {**sources, "/": ROOT / "web/index.html"}.items():
        got = urllib.request.urlopen(loam.url + url)
        equal(got.read(), path.read_bytes(), f"bytes of {url} (is the program older than web/?)")
        equal(got.headers["X-Content-Type-Options"], "nosniff", url)
        assert "script-src 'self';" in got.headers["Content-Security-Policy"], url
        kind = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
        equal(got.headers["Content-Type"].split(";")[0], kind[path.suffix], url)
        try:
            urllib.request.urlopen(urllib.request.Request(loam.url + url, headers={"If-None-Match": got.headers["ETag"]}))
            raise AssertionError(f"{url}: sent again in spite of its entity tag")
        except urllib.error.HTTPError as e:
            equal(e.code, 304, url)
    for url in ("/nothing.js", "/../web/main.js", "/lib/"):
        try:
            urllib.request.urlopen(loam.url + url)
            raise AssertionError(f"{url} was answered")
        except urllib.error.HTTPError as e:
            assert 400 <= e.code < 500, (url, e.code)


# --- the stand-in: what is drawn


@case("standin")
def markdown(visit, server):
    """Markdown becomes headings, lists, tables, quotes, and code in colours"""
    with visit() as page:
        ask(page, "script:markdown")
        md = page.locator(f"{ANSWER} .md")
        for selector, text in {"h1": "A heading", "em": "words", "p code": "bit of code", "ol > li:first-child": "one", "li li": "inner",
                               "th": "fruit", "td[align=right]": "1.20", "blockquote": "quoted", "a": "link"}.items():
            equal(md.locator(selector).first.inner_text(), text, selector)
        equal(md.locator("input[type=checkbox]").count(), 2, "check boxes")
        equal(md.locator("a").get_attribute("rel"), "noopener noreferrer")
        equal(md.locator("a").get_attribute("target"), "_blank")
        until("colours", lambda: md.locator("figure.code .hljs-keyword").all_inner_texts(), lambda t: t == ["def", "return"])
        equal(md.locator("figure.code figcaption span").inner_text(), "python")
        colours = page.eval_on_selector_all(".hljs-keyword, .hljs-comment", "ns => [...new Set(ns.map(n => getComputedStyle(n).color))].length")
        equal(colours, 2, "different colours of a keyword and a comment")


BANNED_TAGS = {"script", "style", "iframe", "form", "svg", "math", "img", "mglyph", "template", "object", "base", "meta", "link"}
BANNED_ATTRIBUTES = "ns => ns.flatMap((n) => [...n.attributes].map((a) => a.name)).filter((a) => /^on|^style$|^id$|^name$|^data-|^action|^srcdoc/.test(a))"


@case("standin")
def sanitiser(visit, server):
    """HTML that did get past the Markdown reader is made safe, even so"""
    # the browser's own policy reports what it sees in the inert document, where nothing would run anyway
    v = visit(forgive=["Content Security Policy"])
    with v as page:
        for html in HTML:
            page.evaluate("async (html) => { const {makeSafe} = await import('/markdown.js'); const d = document.createElement('div'); d.className = 'trial'; d.append(makeSafe(html)); document.body.append(d); }", html)
        page.wait_for_timeout(300)
        equal(page.evaluate("window.pwned ?? null"), None)
        tags = set(page.eval_on_selector_all(".trial *", "ns => ns.map((n) => n.nodeName.toLowerCase())"))
        assert not tags & BANNED_TAGS and "b" in tags, tags
        equal(page.eval_on_selector_all(".trial *", BANNED_ATTRIBUTES), [], "attributes")
        equal(page.eval_on_selector_all(".trial [href]", "ns => ns.map((n) => n.getAttribute('href')).filter((h) => !/^(https?|mailto):/.test(h))"), [], "links")
        equal(page.eval_on_selector_all(".trial [class]", "ns => ns.map((n) => n.className)"), ["language-c", "hljs-type"][:1], "classes")
        page.evaluate("window.violations = []")


@case("standin")
def hostile(visit, server):
    """a hostile answer runs nothing, loads nothing, dresses up as nothing, while it streams and after a reload"""
    with visit() as page:
        for turn in ("streamed", "reloaded"):
            if turn == "streamed":
                ask(page, "script:hostile")
            else:
                page.reload()
                page.wait_for_selector(DONE)
            page.wait_for_timeout(300)
            equal(page.evaluate("window.pwned ?? null"), None, turn)
            tags = set(page.eval_on_selector_all(f"{ANSWER} .md *", "ns => ns.filter((n) => !n.closest('button')).map((n) => n.nodeName.toLowerCase())"))
            assert not tags & BANNED_TAGS, tags
            equal(page.eval_on_selector_all(f"{ANSWER} .md *", BANNED_ATTRIBUTES), [], "attributes")
            links = page.eval_on_selector_all(f"{ANSWER} .md a[href]", "ns => ns.map(n => n.getAttribute('href'))")
            assert links and all(link.startswith("https://") for link in links), links
            equal(page.locator(f"{ANSWER} .md .banner").count(), 0, "a borrowed class")
            assert "After." in answer(page) and "[image: md image]" in answer(page), answer(page)
            assert "<script>window.pwned = 'script'</script>" in answer(page), "HTML is shown as what it is"
            assert page.evaluate("getComputedStyle(document.body).display") != "none"
            assert "<img src=x onerror" in page.inner_text(f"{ANSWER} figure.code"), "code is shown as it is"
            page.locator(f"{ANSWER} .md a").first.focus()
        ask(page, "script:pixel")
        assert page.eval_on_selector(f"{ANSWER} .md img", "n => n.src").startswith("data:image/gif")


@case("standin")
def growing(visit, server):
    """drawn in pieces, an answer ends up as it would when drawn at once, and finished blocks are left alone"""
    with visit() as page:
        differing = page.evaluate("""async (texts) => {
            const {Growing, drawWhole} = await import('/render.js');
            const bad = [];
            for (const [name, text] of Object.entries(texts))
                for (const step of [1, 2, 3, 7, 50]) {
                    const a = document.createElement('div'), b = document.createElement('div');
                    const g = new Growing(a);
                    for (let n = step; n < text.length; n += step) { g.text = text.slice(0, n); g.draw(false); }
                    g.finish(text);
                    drawWhole(b, text);
                    if (a.textContent !== b.textContent || a.querySelectorAll('*').length !== b.querySelectorAll('*').length)
                        bad.push([name, step, a.innerHTML, b.innerHTML]);
                    a.remove();
                }
            return bad;
        }""", {**SCRIPTS, "long": SCRIPTS["long"][:3000]})
        # colours come late and add elements: compare again without them
        differing = [d for d in differing if re.sub(r"<span class=\"hljs[^>]*>|</span>", "", d[2]) != re.sub(r"<span class=\"hljs[^>]*>|</span>", "", d[3])]
        equal(differing, [], "texts drawn differently")
        redrawn = page.evaluate("""async (text) => {
            const {Growing} = await import('/render.js');
            const a = document.createElement('div');
            const g = new Growing(a);
            g.text = text.slice(0, 4000); g.draw(false);
            const first = a.firstElementChild;
            g.text = text.slice(0, 8000); g.draw(false);
            return [a.firstElementChild === first, g.live.filter((n) => n.nodeType === 1).length <= 2, g.settled > 3500];
        }""", SCRIPTS["long"])
        equal(redrawn, [True, True, True], "first block kept, two at most live, the rest settled")


@case("standin")
def events(visit, server):
    """the event stream is read the same wherever the network cuts it"""
    with visit() as page:
        bad = page.evaluate("""async () => {
            const {readEvents} = await import('/events.js');
            const read = async (parts) => { const out = []; for await (const d of readEvents(new ReadableStream({
                start(c) { parts.forEach((p) => c.enqueue(p)); c.close(); }}))) out.push(d); return JSON.stringify(out); };
            const bad = [];
            for (const end of ['\\n', '\\r\\n', '\\r']) {
                const text = [': ping', '', 'data: {"a": "ü€😀"}', '', 'event: x', 'data:one', 'data: two', '', 'id: 4', '', 'data: last', '', 'data: cut'].join(end);
                const bytes = new TextEncoder().encode(text);
                const want = JSON.stringify(['{"a": "ü€😀"}', 'one\\ntwo', 'last']);
                for (let cut = 0; cut <= bytes.length; cut++)
                    if (await read([bytes.slice(0, cut), bytes.slice(cut)]) !== want) bad.push([end, cut]);
                if (await read([...bytes].map((b) => new Uint8Array([b]))) !== want) bad.push([end, 'bytes']);
            }
            return bad;
        }""")
        equal(bad, [], "line ends and cuts that were read wrongly")


@case("standin")
def scrolling(visit, server):
    """the view follows the answer, stays where the reader scrolled to, and jumps down on request"""
    server.pause = 0.008
    with visit() as page:
        ask(page, "script:long", wait=False)
        gap = "(() => { const s = document.getElementById('scroll'); return s.scrollHeight - s.scrollTop - s.clientHeight; })()"
        until("a long answer", lambda: page.evaluate("document.getElementById('scroll').scrollHeight"), lambda h: h > 1300)
        assert page.evaluate(gap) < 120, "did not follow"
        page.mouse.move(700, 300)
        page.mouse.wheel(0, -400)
        page.wait_for_timeout(200)
        top = page.evaluate("document.getElementById('scroll').scrollTop")
        page.wait_for_timeout(400)
        equal(page.evaluate("document.getElementById('scroll').scrollTop"), top, "moved under the reader")
        page.click("#jump")
        page.wait_for_timeout(200)
        assert page.evaluate(gap) < 60, "did not jump"
        assert page.is_hidden("#jump")
        page.wait_for_timeout(300)
        assert page.evaluate(gap) < 120, "did not follow again"
        page.keyboard.press("Escape")


# --- the stand-in: what is done


@case("standin")
def editing(visit, server):
    """an edited message is sent in place of the old one, which stays as another version"""
    with visit() as page:
        ask(page, "one")
        ask(page, "two")
        page.hover(".question >> nth=1")
        page.click(".question >> nth=1 >> [data-act=edit]")
        equal(page.input_value(".edit-box"), "two")
        page.fill(".edit-box", "three")
        page.press(".edit-box", "Enter")
        until("answer", lambda: answer(page), lambda t: t.endswith("three"))
        page.wait_for_selector(DONE)
        said = [(m["role"], m["content"].split(" to: ")[-1]) for m in server.requests[-1]["messages"]]
        equal(said, [("user", "one"), ("assistant", "one"), ("user", "three")], "sent")
        page.click(".question >> nth=1 >> [aria-label='Earlier version']")
        assert answer(page).endswith("two"), answer(page)
        page.keyboard.press("Escape")
        page.focus("#prompt")
        page.keyboard.press("ArrowUp")
        equal(page.input_value(".edit-box"), "two", "arrow up edits the last message")
        page.keyboard.press("Escape")
        equal(page.locator(".edit-box").count(), 0)


@case("standin")
def settings(visit, server):
    """settings are sent as set, left out when not, kept over a reload, and refuse nonsense"""
    with visit() as page:
        ask(page, "plain")
        body = server.requests[-1]
        equal({k: v for k, v in body.items() if k not in ("messages", "model")},
              {"max_tokens": 2048, "stream": True, "stream_options": {"include_usage": True}, "return_progress": True})
        page.click("#open-settings")
        page.fill("#set-system", "Be brief.")
        page.focus("#set-temperature")
        page.keyboard.press("Home")
        page.fill("#set-max_tokens", "33")
        page.fill("#set-seed", "-5")
        equal(page.get_attribute("#set-seed", "aria-invalid"), "true")
        page.fill("#set-seed", "11")
        page.keyboard.press("Escape")
        page.reload()
        ask(page, "again")
        body = server.requests[-1]
        equal(body["messages"][0], {"role": "system", "content": "Be brief."})
        equal([body.get(k) for k in ("temperature", "max_tokens", "seed", "top_p")], [0, 33, 11, None])


@case("standin")
def key(visit, server):
    """a server with a key is asked for once: by dialog, at load and when a message is refused, which then goes through"""
    server.key = "s3cret"
    with visit(forgive=["401"]) as page:
        page.wait_for_selector("#ask-key[open]")
        page.fill("#ask-key-box", "wrong")
        page.press("#ask-key-box", "Enter")
        until("second question", lambda: page.inner_text("#key-title"), lambda t: "does not fit" in t)
        page.wait_for_selector("#ask-key[open]")
        page.fill("#ask-key-box", "s3cret")
        page.press("#ask-key-box", "Enter")
        until("ready", lambda: page.get_attribute("#status", "data-state"), lambda s: s == "ready")
        ask(page, "hello")
        server.key = "changed"
        ask(page, "again", wait=False)
        page.wait_for_selector("#ask-key[open]")
        page.fill("#ask-key-box", "changed")
        page.press("#ask-key-box", "Enter")
        until("answer", lambda: answer(page), lambda t: t.endswith("again"))


@case("standin")
def errors(visit, server):
    """errors before and within an answer are said in words, and a second try goes through"""
    with visit(forgive=["status of (400|500|503)", "ERR_INCOMPLETE", "ERR_CONNECTION"]) as page:
        for said, wanted in (("status:500", "a made-up failure 500"), ("status:503", "a made-up failure 503"),
                             ("status:400", "9,000 tokens and the model reads 8,192")):
            page.click("#new-chat")
            ask(page, said, wait=False)
            until("failure", lambda: page.inner_text(".failure") if page.query_selector(".failure:visible") else "", lambda t: wanted in t)
            page.click("[data-act=retry]")
            until("second try", lambda: answer(page), lambda t: t == "Second try.")
            assert page.is_hidden(".failure")
        for said, kept, wanted in (("error", "It began well", "ran out of memory"), ("break", "Half of it", "broke")):
            page.click("#new-chat")
            ask(page, said, wait=False)
            until("failure", lambda: page.inner_text(".failure") if page.query_selector(".failure:visible") else "", lambda t: wanted in t)
            assert answer(page).startswith(kept), answer(page)
        ask(page, "next")
        roles = [m["role"] for m in server.requests[-1]["messages"]]
        equal(roles, ["user", "assistant", "user"], "roles after a failure")


@case("standin")
def away(visit, server):
    """a server that goes away is noticed, and so is its return"""
    with visit(forgive=["ERR_", "Failed to load"]) as page:
        until("ready", lambda: page.get_attribute("#status", "data-state"), lambda s: s == "ready")
        port = server.server_port
        server.end()
        ask(page, "anyone?", wait=False)
        page.wait_for_selector(".failure:visible")
        assert "does not answer" in page.inner_text(".failure") and "does not answer" in page.inner_text("#banner")
        back = StandIn(port).begin()
        try:
            page.click("#banner button")
            until("ready", lambda: page.get_attribute("#status", "data-state"), lambda s: s == "ready")
            assert page.is_hidden("#banner")
            page.click("[data-act=retry]")
            until("answer", lambda: answer(page), lambda t: t.endswith("anyone?"))
        finally:
            back.end()
            server.end = lambda: None


@case("standin")
def conversations(visit, server):
    """conversations are listed, renamed, deleted and brought back; an answer goes on while another one is read"""
    with visit() as page:
        ask(page, "The first question of them all")
        page.keyboard.press("Control+Shift+O")
        ask(page, "slow answer please", wait=False)
        until("begun", lambda: answer(page), lambda t: len(t) > 5)
        page.click(".row a:has-text('The first')")
        page.wait_for_selector(".row .busy")
        assert answer(page).endswith("of them all")
        equal(page.get_attribute("#send", "aria-label"), "Send", "the button belongs to the conversation on view")
        page.click(".row a:has-text('slow')")
        n = len(answer(page))
        until("still growing", lambda: len(answer(page)), lambda now: now > n)
        page.keyboard.press("Escape")
        page.wait_for_selector(DONE)
        page.hover(".row.current")
        page.click(".row.current [aria-label^=Rename]")
        page.fill(".rename", "Renamed <b>by hand</b>")
        page.keyboard.press("Enter")
        equal(page.inner_text(".row.current a"), "Renamed <b>by hand</b>")
        page.reload()
        equal(page.locator(".row a").all_inner_texts(), ["Renamed <b>by hand</b>", "The first question of them all"])
        page.hover(".row.current")
        page.click(".row.current [aria-label^=Delete]")
        equal(page.locator(".row").count(), 1)
        assert page.is_visible("#empty"), "a deleted conversation is still on view"
        page.click(".toast button")
        equal(page.locator(".row").count(), 2)
        page.click(".row a:has-text('Renamed')")
        assert "word word" in answer(page)
        page.go_back()
        until("back", lambda: page.is_visible("#empty"))
        ask(page, "slow and soon deleted", wait=False)
        until("begun", lambda: answer(page), lambda t: len(t) > 5)
        page.hover(".row.current")
        page.click(".row.current [aria-label^=Delete]")
        until("the client has left", lambda: server.left, lambda n: n == 2)
        page.wait_for_timeout(200)
        page.reload()
        equal(page.locator(".row").count(), 2, "a conversation deleted while it was answered came back")


@case("standin")
def two_tabs(visit, server):
    """two tabs show the same conversations"""
    v = visit()
    with v as page:
        ask(page, "hello from here")
        other = v.open("/" + page.evaluate("location.hash"))
        other.wait_for_selector(DONE)
        ask(other, "hello from there")
        until("second turn in the first tab", lambda: page.locator(".question").count(), lambda n: n == 2)
        assert answer(page).endswith("hello from there")


@case("standin")
def storage(visit, server):
    """full, damaged and missing storage are survived and said"""
    with visit() as page:
        page.evaluate("""() => { let s = 'x'.repeat(1 << 20); for (let n = 0; s.length > 64; n++) try { localStorage.setItem('fill' + n, s); } catch { s = s.slice(s.length / 2); } }""")
        ask(page, "no room")
        assert "storage is full" in page.inner_text("#banner"), page.inner_text("#banner")
        ask(page, "still there?")
        equal(page.locator(".answer").count(), 2)
        page.evaluate("Object.keys(localStorage).filter((k) => k.startsWith('fill')).forEach((k) => localStorage.removeItem(k))")
        ask(page, "now?")
        assert page.is_hidden("#banner")
        id = page.evaluate("location.hash.slice(1)")
        for damage in ("null", "{", '{"version":1,"id":"x","leaf":"a","messages":{}}', '{"version":1,"id":"x","leaf":null,"messages":{"a":{"id":"a","role":"user","content":7,"parent":null}}}',
                       '{"version":1,"id":"x","leaf":"a","messages":{"a":{"id":"a","role":"user","content":"","parent":"a"}}}'):
            page.evaluate("([id, d]) => localStorage.setItem('loam.chat.' + id, d)", [id, damage])
            page.goto(page.url.split("#")[0])
            page.goto(page.url.split("#")[0] + f"#{id}")
            page.reload()
            ask(page, "on we go")
        page.evaluate("localStorage.setItem('loam.index', '[1,null,{\"id\":5}]'); localStorage.setItem('loam.settings', '[]')")
        page.reload()
        ask(page, "and on")
        page.context.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})")
        page.goto(page.url.split("#")[0])
        ask(page, "without any")
        assert "does not let the page store" in page.inner_text("#banner"), page.inner_text("#banner")


@case("standin")
def copying(visit, server):
    """the answer is copied as Markdown, a code block as code, with and without the clipboard API"""
    with visit(permissions=["clipboard-read", "clipboard-write"]) as page:
        ask(page, "script:markdown")
        page.click(f"{ANSWER} .tools [aria-label='Copy answer']")
        equal(page.evaluate("navigator.clipboard.readText()"), SCRIPTS["markdown"])
        page.wait_for_selector(f"{ANSWER} .tools [aria-label=Copied]")
        page.click("figure.code [aria-label='Copy code']")
        equal(page.evaluate("navigator.clipboard.readText()").rstrip("\n"), "def count(text):\n    # words in a text\n    return len(text.split())")
        page.evaluate("() => { const c = navigator.clipboard; window.readBack = () => c.readText(); Object.defineProperty(navigator, 'clipboard', {value: undefined}); }")
        page.hover(".question")
        page.click(".question [aria-label='Copy message']")
        equal(page.evaluate("window.readBack()"), "script:markdown")


# --- the stand-in: for everyone


@case("standin")
def keyboard(visit, server):
    """with the keyboard alone: skip link, suggestion, lines, send, stop, new chat, settings, and focus that is seen"""
    with visit() as page:
        page.wait_for_function("document.activeElement.id === 'prompt'")
        page.keyboard.type("one")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("two")
        page.keyboard.press("Enter")
        page.wait_for_selector(DONE)
        equal(server.requests[-1]["messages"][-1]["content"], "one\ntwo")
        equal(page.evaluate("document.activeElement.id"), "prompt", "focus after sending")
        page.keyboard.type("slow")
        page.keyboard.press("Enter")
        until("text", lambda: answer(page), lambda t: len(t) > 5)
        page.keyboard.press("Escape")
        until("figures", lambda: figures(page), lambda t: "stopped" in t)
        page.keyboard.press("Control+Shift+O")
        assert page.is_visible("#empty")
        names, seen = [], set()
        for _ in range(40): # from the message box, over the end of the page, once around
            page.keyboard.press("Tab")
            at = page.evaluate("""() => { const a = document.activeElement; if (a === document.body) return null; const s = getComputedStyle(a), c = getComputedStyle(a.closest('form') ?? a);
                return [a.id || a.className, a.getAttribute('aria-label') || a.textContent.trim() || a.labels?.[0]?.textContent, s.outlineStyle !== 'none' || c.boxShadow !== 'none']; }""")
            if at is None:
                continue
            names.append(at[0])
            assert at[1], f"{at[0]} has no name"
            assert at[2], f"focus on {at[0]} is not to be seen"
            seen.add(at[0])
            if at[0] == "prompt":
                break
        for wanted in ("skip", "new-chat", "open-settings", "flip-theme", "chip", "prompt"):
            assert wanted in seen, f"Tab does not reach {wanted}: {names}"
        page.focus(".chip")
        page.keyboard.press("Enter")
        page.wait_for_selector(DONE)
        page.focus("#open-settings")
        page.keyboard.press("Enter")
        page.wait_for_selector("#settings[open]")
        page.keyboard.press("Escape")
        equal(page.evaluate("document.activeElement.id"), "open-settings", "focus after the dialog")


@case("standin")
def colours(visit, server):
    """light and dark follow the system, the button overrules it for good, and text has a contrast of 4.5 in both"""
    ground = "getComputedStyle(document.body).backgroundColor"
    with visit(color_scheme="light", forgive=["500"]) as page:
        light = page.evaluate(ground)
        page.emulate_media(color_scheme="dark")
        dark = until("dark", lambda: page.evaluate(ground), lambda c: c != light)
        page.click("#flip-theme")
        equal(page.evaluate(ground), light, "overruled")
        page.reload()
        equal(page.evaluate(ground), light, "after reload")
        page.click("#flip-theme")
        equal(page.evaluate(ground), dark, "back")
        equal(page.evaluate("localStorage.getItem('loam.theme')"), "system", "follows the system again")
        equal(page.evaluate(CONTRAST), [], "weak text on the dark blank page")
        ask(page, "status:500", wait=False)
        page.wait_for_selector(".failure:visible")
        equal(page.evaluate(CONTRAST), [], "weak text in a failure")
        page.click("#new-chat")
        ask(page, "script:markdown")
        page.wait_for_selector(".hljs-keyword")
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(200)
            equal(page.evaluate(CONTRAST), [], f"weak text in {scheme}")
            page.click("#open-settings")
            page.wait_for_timeout(100)
            equal(page.evaluate(CONTRAST), [], f"weak text in the {scheme} settings")
            page.keyboard.press("Escape")


@case("standin")
def phone(visit, server):
    """on a phone: nothing sticks out, the list is a drawer, targets are large enough for a thumb"""
    with visit(**PHONE) as page:
        ask(page, "script:markdown")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth && document.getElementById('scroll').scrollWidth <= innerWidth"), "sticks out"
        assert page.evaluate("document.getElementById('side').inert"), "the hidden drawer can be reached"
        page.tap("#side-open")
        page.wait_for_timeout(350)
        assert page.evaluate("document.getElementById('main').inert && document.getElementById('side').getBoundingClientRect().left >= 0")
        page.tap("#scrim", position={"x": 370, "y": 400})
        page.wait_for_timeout(350)
        assert page.evaluate("document.getElementById('side').getBoundingClientRect().right <= 0")
        page.tap("#new-chat-small")
        assert page.is_visible("#empty")
        small = page.eval_on_selector_all("button, a.wordmark, textarea", """ns => ns.filter((n) => n.checkVisibility() && !n.closest('[inert]')).map((n) => [n.id || n.className, n.getBoundingClientRect()])
            .filter(([, r]) => r.width && (r.width < 32 || r.height < 32)).map(([n, r]) => [n, r.width, r.height])""")
        equal(small, [], "targets under 32 pixels")
        page.tap(".chip")
        page.wait_for_selector(DONE)
        page.set_viewport_size({"width": 320, "height": 568})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "sticks out at 320 pixels"


@case("standin")
def spoken(visit, server):
    """a screen reader hears the answer once it is whole, and everything that can be pressed has a name"""
    with visit(reduced_motion="reduce") as page:
        ask(page, "hello", wait=False)
        equal(until("announcement", lambda: page.inner_text("#announce"), lambda t: t.startswith("Answer number")), answer(page).strip())
        equal(page.get_attribute("#announce", "aria-live"), "polite")
        nameless = page.eval_on_selector_all("button, a, input, textarea, select", """ns => ns.filter((n) => !(n.getAttribute('aria-label') || n.textContent.trim() || n.labels?.length)).map((n) => n.outerHTML)""")
        equal(nameless, [])
        equal(page.evaluate("[...document.querySelectorAll('[id]')].map((n) => n.id).filter((id, i, all) => all.indexOf(id) !== i)"), [], "ids used twice")
        moving = page.evaluate("document.getAnimations().filter((a) => a.effect.getTiming().duration > 10).length")
        equal(moving, 0, "animations in spite of reduced motion")


if __name__ == "__main__":
    import page_pictures  # noqa: F401 its cases come after these
    main(StandIn)
