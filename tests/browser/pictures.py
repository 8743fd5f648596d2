"""Takes docs/page.png and docs/page-phone.png: a real conversation with the default model, greedy, so that anyone gets the
same words. Run with the venv of run.sh:  LOAM=build/loam build-test/browser-venv/bin/python tests/browser/pictures.py
The type is the system's; with Debian's fonts-inter it looks as on most desktops."""
from pathlib import Path

from playwright.sync_api import sync_playwright

from harness import Loam, Visit

DOCS = Path(__file__).resolve().parents[2] / "docs"
EARLIER = ["A short story that begins in a forest after rain", "Explain how tides work, to a curious child"]
TURNS = ["Write a Python function that reverses a string, and show how to call it.", "What is soil made of?"]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}


def ask(page, text):
    before = page.locator(".figures span:first-child").count()
    page.fill("#prompt", text)
    page.click("#send")
    page.wait_for_function("n => document.querySelectorAll('.figures span:first-child').length > n", arg=before)


def main():
    loam = Loam()
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path="/usr/bin/chromium")
        settings = {"temperature": 0, "max_tokens": 200}
        for name, turns, options in (("page.png", EARLIER + TURNS, {}), ("page-phone.png", TURNS[:1], PHONE)):
            with Visit(browser, loam.url, settings=settings, **options) as page:
                for text in turns:
                    if text in EARLIER or text == TURNS[0]:
                        page.evaluate("document.getElementById('new-chat').click()")
                    ask(page, text)
                page.wait_for_selector(".hljs-keyword")
                page.mouse.move(1000, 60)
                page.wait_for_timeout(300)
                page.evaluate("document.activeElement.blur()")
                page.screenshot(path=DOCS / name)
                print(DOCS / name, (DOCS / name).stat().st_size)
        browser.close()
    loam.end()


main()
