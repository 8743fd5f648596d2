"""Drives the loam program from outside: exit codes, messages, JSON, pipes, a terminal, signals. Prints TAP.

What needs no model runs on the build with sanitizers, what does on the release build. Without the default model those
cases are skipped.
"""
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOAM = os.environ.get("LOAM", os.path.join(ROOT, "build", "loam"))
LOAM_TEST = os.environ.get("LOAM_TEST", os.path.join(ROOT, "build-test", "loam"))
VERBS = ["serve", "chat", "image", "video", "bench image", "bench video", "model list", "model pull", "model inspect", "bench", "plan", "plan validate", "plan rules", "plan check"]
CASES = []


class Skip(Exception):
    pass


def case(function):
    CASES.append(function)
    return function


def loam(*args, program=None, stdin="", env=None, limit=120):
    return subprocess.run([program or LOAM_TEST, *args], input=stdin, capture_output=True, text=True, timeout=limit,
                          env=dict(os.environ, **(env or {})), errors="replace")


def expect(r, code, stderr="", stdout=""):
    assert r.returncode == code, f"exit status {r.returncode}, not {code}: {r.stdout[-500:]}{r.stderr[-2000:]}"
    assert re.search(stderr, r.stderr), f"no '{stderr}' in stderr: {r.stderr[-1000:]}"
    assert re.search(stdout, r.stdout), f"no '{stdout}' in stdout: {r.stdout[-1000:]}"
    assert "Sanitizer" not in r.stderr and "runtime error" not in r.stderr, r.stderr[-3000:]


def need_model():
    r = loam("model", "list", "--json", program=LOAM)
    if not any("SmolLM2" in m["name"] for m in json.loads(r.stdout or "[]")):
        raise Skip("the default model is not here: loam model pull smollm2")


class Terminal:
    """The program on a pseudo-terminal of 80 × 24."""

    def __init__(self, *args, env=None):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", **(env or {}))
            os.execv(LOAM, [LOAM, *args])
        import fcntl
        import termios
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, pattern, limit=60):
        """Waits for the pattern in what comes; returns what came up to its end."""
        end = time.monotonic() + limit
        while True:
            m = re.search(pattern, self.seen, re.S)
            if m:
                taken, self.seen = self.seen[:m.end()], self.seen[m.end():]
                time.sleep(0.2)  # the prompt comes just before the terminal takes keys one by one
                return taken
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                part = os.read(self.fd, 65536).decode(errors="replace") if ready else ""
            except OSError:
                part = ""
            assert part, f"'{pattern}' did not come; the terminal shows: {self.seen[-1500:]!r}"
            self.seen += part

    def code(self, limit=20):
        """The exit code, once the program has ended."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("it did not end")


@case
def help_of_every_verb_goes_to_stdout():
    expect(loam("--help"), 0, stdout=r"serve .*\n.*chat ")
    for verb in VERBS:
        expect(loam(*verb.split(), "--help"), 0, stdout=rf"^usage: loam {verb}")
        expect(loam("help", *verb.split()), 0, stdout=rf"^usage: loam {verb}")
    expect(loam("--version"), 0, stdout=r"^loam \d+\.\d+\.\d+\n$")


@case
def nothing_to_do_is_a_usage_error():
    expect(loam(), 2, stderr="^usage: loam VERB")
    expect(loam("model"), 2, stderr="^usage: loam model VERB")


@case
def unknown_verbs_suggest_the_nearest():
    expect(loam("serv"), 2, stderr=r"^loam: there is no 'loam serv'; did you mean 'serve'\?")
    expect(loam("model", "lst"), 2, stderr=r"did you mean 'list'\?")
    expect(loam("xyzzy"), 2, stderr=r"^loam: there is no 'loam xyzzy'\n")


@case
def wrong_options_are_usage_errors():
    expect(loam("chat", "--temprature", "1"), 2, stderr=r"^loam: .*did you mean --temperature\?")
    expect(loam("chat", "--top-k", "many"), 2, stderr="^loam: --top-k takes a whole number, not 'many'")
    expect(loam("serve", "--port=70000"), 2, stderr="between 0 and 65535")
    expect(loam("bench", "-r"), 2, stderr="-r needs a value")
    expect(loam("model", "pull"), 2, stderr="argument is missing")


@case
def sampling_out_of_range_is_one_sentence():
    r = loam("chat", "-p", "x", "--top-p", "7")
    expect(r, 1, stderr=r"^loam: [^\n]*top_p[^\n]*\n$")


@case
def a_missing_model_says_how_to_get_one():
    with tempfile.TemporaryDirectory() as empty:
        for args in (["chat", "-p", "x"], ["bench"], ["serve", "--port", "0"]):
            expect(loam(*args, env={"LOAM_MODELS": empty}), 1, stderr=r"^loam: (.*\n)*.*loam model pull smollm2")
        expect(loam("model", "list", env={"LOAM_MODELS": empty}), 0, stdout="loam model pull smollm2")
    expect(loam("chat", "-m", "/no/such.gguf", "-p", "x"), 1, stderr=r"^loam: .*/no/such\.gguf")


def gguf(*parts):
    return b"GGUF" + struct.pack("<I", 3) + b"".join(parts)


@case
def hostile_files_are_refused_in_one_sentence():
    def text(s):
        return struct.pack("<Q", len(s)) + s

    deep = text(b"k") + struct.pack("<IIQ", 9, 8, 2 ** 61)
    escape = text(b"\x1b]0;pwned\x07") + struct.pack("<I", 8) + text(b"\x1b[2J\xff\xfe")
    files = {
        "empty": b"", "magic only": b"GGUF", "not gguf": b"\x7fELF" + bytes(100),
        "counts of 2^63": gguf(struct.pack("<QQ", 2 ** 63, 2 ** 63)),
        "array longer than the file": gguf(struct.pack("<QQ", 0, 1), deep),
        "string past the end": gguf(struct.pack("<QQ", 0, 1), struct.pack("<Q", 2 ** 40)),
        "version 77": b"GGUF" + struct.pack("<IQQ", 77, 0, 0),
    }
    with tempfile.TemporaryDirectory() as d:
        for name, data in files.items():
            path = os.path.join(d, "x.gguf")
            with open(path, "wb") as f:
                f.write(data)
            for args in (["model", "inspect", path], ["chat", "-m", path, "-p", "x"]):
                r = loam(*args)
                assert r.stdout == "", name
                expect(r, 1, stderr=r"^loam: [^\n]+\n$")
        with open(path, "wb") as f:
            f.write(gguf(struct.pack("<QQ", 0, 1), escape))
        r = loam("model", "inspect", path)
        assert "\x1b" not in r.stdout + r.stderr and "\x07" not in r.stdout + r.stderr, "escape codes reach the terminal"


@case
def inspect_shows_metadata_and_tensors():
    need_model()
    expect(loam("model", "inspect", "smollm2", program=LOAM), 0, stdout=r"general\.architecture +string +llama")
    o = json.loads(loam("model", "inspect", "--json", "smollm2", program=LOAM).stdout)
    assert len(o["tensors"]) == 272, len(o["tensors"])


@case
def plan_is_made_written_and_checked():
    scenario = os.path.join(ROOT, "examples", "plan", "hospital.yaml")
    with tempfile.TemporaryDirectory() as folder:
        plan, page = os.path.join(folder, "plan.json"), os.path.join(folder, "plan.html")
        expect(loam("plan", "-q", scenario, "--json", plan, "--html", page, "--csv", folder, program=LOAM), 0,
               stdout=r"What to buy and rent")
        assert open(page, encoding="utf-8").read().startswith("<!DOCTYPE html>")
        assert os.path.exists(os.path.join(folder, "orders.csv"))
        expect(loam("plan", "check", scenario, plan, program=LOAM), 0, stdout="every constraint holds")
        text = json.load(open(plan, encoding="utf-8"))
        text["orders"][0]["servers"] += 1
        json.dump(text, open(plan, "w", encoding="utf-8"))
        r = loam("plan", "check", scenario, plan, program=LOAM)
        assert r.returncode == 3 and "violation" in r.stdout, r
        r = loam("plan", "-q", scenario, "--set", "goal=serve-all", "--set", "services.letters.demand_factor=1000",
                 program=LOAM)
        assert r.returncode == 3 and "demand for letters" in r.stdout, r


@case
def plan_errors_are_one_sentence():
    scenario = os.path.join(ROOT, "examples", "plan", "hospital.yaml")
    for args, says in (([scenario, "--set", "nonsense"], "PATH=VALUE"), (["/nowhere.yaml"], "no file"),
                       ([scenario, "--set", "services.letters.tokens_in=-4"], "hospital.yaml:")):
        r = loam("plan", *args)
        assert r.returncode in (1, 2) and says in r.stderr and r.stderr.count("\n") == 1, r
    expect(loam("plan", "rules", "--date", "2025-04-30", "--chip", "H20"), 0, stdout=r"H20L")
    expect(loam("plan", "validate"), 0, stdout=r"60 rows in the fit: mean error [0-8]\.\d %")


@case
def an_output_that_cannot_be_written_is_said_before_the_work():
    model = os.path.join(ROOT, "tests", "golden", "pictures", "sd15")
    for verb in "image", "video":
        r = loam(verb, "-m", model, "-o", "out.gif", "a cat")
        assert r.returncode == 1 and r.stderr.count("\n") == 1 and "out.gif" in r.stderr and "text" not in r.stderr, r


@case
def manual_and_help_list_the_same_options():
    with open(os.path.join(ROOT, "packaging", "loam.1"), encoding="utf-8") as f:
        manual = f.read()
    for verb in VERBS:
        shown = loam(*verb.split(), "--help").stdout
        for option in re.findall(r"^ +(?:-\w, )?--([a-z0-9-]+)", shown, re.M):
            if option != "help":
                assert f"Fl -{option}" in manual, f"--{option} of loam {verb} is not in packaging/loam.1"
    shown = "".join(loam(*v.split(), "--help").stdout for v in VERBS)
    for option in re.findall(r"Fl -([a-z0-9-]+)", manual):
        assert f"--{option}" in shown, f"packaging/loam.1 has --{option}, no verb does"


@case
def bash_completion_offers_verbs_and_options():
    script = os.path.join(ROOT, "packaging", "completion", "loam.bash")

    def complete(*words):
        line = " ".join(f"'{w}'" for w in words)
        r = subprocess.run(["bash", "-c", f'PATH={os.path.dirname(LOAM_TEST)}:$PATH; . "{script}"; COMP_WORDS=({line}); '
                            f"COMP_CWORD={len(words) - 1}; _loam; echo ${{COMPREPLY[*]}}"], capture_output=True, text=True)
        return r.stdout.split()

    assert complete("loam", "se") == ["serve"], complete("loam", "se")
    assert complete("loam", "model", "pu") == ["pull"]
    assert complete("loam", "chat", "--temp") == ["--temperature"]
    assert complete("loam", "model", "inspect", "--js") == ["--json"]


def ask(*args, **kw):
    r = loam("chat", *args, program=LOAM, **kw)
    expect(r, 0)
    return r.stdout


@case
def the_same_seed_gives_the_same_answer():
    need_model()
    line = ["-p", "Tell me a short story about a lighthouse.", "-n", "40", "--temperature", "1.2"]
    first = ask(*line, "--seed", "7")
    assert len(first) > 20, first
    assert ask(*line, "--seed", "7") == first
    assert ask(*line, "--seed", "7", "-t", "1") == first, "the number of threads changed the answer"
    assert ask(*line, "--seed", "8") != first


@case
def a_known_answer():
    need_model()
    assert "cold" in ask("-p", "What is the opposite of hot?", "--temperature", "0", "-n", "40")


@case
def piped_text_is_answered_once():
    need_model()
    line = ["--temperature", "0", "-n", "24"]
    want = ask("-p", "What is the opposite of hot?", *line)
    assert ask(*line, stdin="What is the opposite of hot?\n") == want
    assert ask("-p", "-", *line, stdin="What is the opposite of hot?\n") == want
    expect(loam("chat", program=LOAM, stdin=""), 1, stderr="^loam: nothing came in")
    r = subprocess.run([LOAM, "chat", *line], input=b"\xff\xfe", capture_output=True)
    assert r.returncode == 1 and b"UTF-8" in r.stderr, r


@case
def json_has_usage_timings_and_seed():
    need_model()
    line = ["-p", "Count to fifty.", "-n", "5"]
    o = json.loads(ask("--json", "--seed", "18446744073709551615", *line))
    assert o["seed"] == "18446744073709551615" and o["finish_reason"] == "length", o
    assert o["usage"]["completion_tokens"] == 5 and o["usage"]["prompt_tokens"] > 10, o
    assert o["timings"]["completion_s"] > 0 and o["timings"]["prompt_per_s"] > 0, o
    again = json.loads(ask("--json", *line))
    replay = json.loads(ask("--json", "--seed", again["seed"], *line))
    assert replay["text"] == again["text"], "the seed that was reported does not repeat the answer"


@case
def stop_text_and_system_message():
    need_model()
    o = json.loads(ask("--json", "-p", "Count from one to ten in digits.", "--temperature", "0", "--stop", "3", "-n",
                       "100"))
    assert "3" not in o["text"] and o["finish_reason"] == "stop", o
    line = ["-p", "Who are you?", "--temperature", "0", "-n", "30"]
    assert ask(*line) != ask(*line, "--system", "You are a pirate called Anne. Always say arrr.")


@case
def too_long_a_prompt_names_both_numbers():
    need_model()
    r = loam("chat", "--ctx", "64", "-p", "word " * 300, program=LOAM)
    expect(r, 1, stderr=r"^loam: .*3\d\d.*64")


@case
def interrupting_one_answer_exits_130():
    need_model()
    p = subprocess.Popen([LOAM, "chat", "-p", "Write a very long story.", "--seed", "1"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    first = p.stdout.read(10)
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=10)
    assert len(first) == 10 and p.returncode == 130, p.returncode


@case
def a_reader_that_leaves_ends_the_answer():
    need_model()
    r = subprocess.run(["bash", "-c", f"'{LOAM}' chat -p 'Write a very long story.' --seed 1 2>/dev/null | head -c 5"],
                       capture_output=True, timeout=30)
    assert len(r.stdout) == 5


@case
def a_conversation_at_the_terminal():
    need_model()
    with tempfile.TemporaryDirectory() as state:
        t = Terminal("chat", "--temperature", "0", "-n", "30", env={"XDG_STATE_HOME": state})
        t.until(r"/help lists commands.*> ")
        t.type("What is the opposite of hot?\r")
        assert "cold" in t.until(r"tokens.*a second.*> ")
        t.type("/sytsem be brief\r")
        t.until(r"did you mean /system\?.*> ")
        t.type("\x1b[200~first line\nWhat is the opposite of dry?\nthird\x1b[201~")
        t.until("third")
        t.type("\r")
        t.until(r"\d+ reused.*> ")
        saved = os.path.join(state, "saved.json")
        t.type(f"/save {saved}\r")
        t.until("Saved to.*> ")
        with open(saved, encoding="utf-8") as f:
            messages = json.load(f)
        assert [m["role"] for m in messages] == ["user", "assistant"] * 2, messages
        assert messages[2]["content"] == "first line\nWhat is the opposite of dry?\nthird", messages[2]
        t.type("/regen\r")
        t.until(r"tokens.*> ")
        t.type("/reset\r")
        t.until(r"A new conversation.*> ")
        t.type("\x1b[A\x1b[A\x1b[A")  # up: /reset, /regen, /save …
        t.until("/save")
        t.type("\x15/quit\r")
        assert t.code() == 0
        with open(os.path.join(state, "loam", "history"), encoding="utf-8") as f:
            assert "opposite" in f.read()
        assert os.stat(os.path.join(state, "loam", "history")).st_mode & 0o077 == 0, "others can read the history"


@case
def ctrl_c_ends_the_answer_then_the_program():
    need_model()
    with tempfile.TemporaryDirectory() as state:
        t = Terminal("chat", "--seed", "1", env={"XDG_STATE_HOME": state})
        t.until("> ")
        t.type("Write a very long story about the sea.\r")
        t.until(r"sea\.\r?\n.{20}")
        t.type("\x03")
        t.until(r"stopped.*> ", limit=10)
        t.type("half a line\x03")
        t.until(r"Ctrl-C again.*> ", limit=10)
        t.type("\x03")
        assert t.code() == 130
        t = Terminal("chat", env={"XDG_STATE_HOME": state})
        t.until("> ")
        t.type("\x04")
        assert t.code() == 0


@case
def no_color_is_honoured():
    need_model()
    with tempfile.TemporaryDirectory() as state:
        for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
            t = Terminal("chat", env={"XDG_STATE_HOME": state, **env})
            assert ("\x1b[2m" in t.until("commands.*> ")) == coloured
            t.type("\x04")
            t.code()


@case
def serve_says_its_address_and_stops_on_a_signal():
    need_model()
    import urllib.request
    for number in (signal.SIGINT, signal.SIGTERM):
        p = subprocess.Popen([LOAM, "serve", "--port", "0", "--slots", "2", "--ctx", "256"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        line = p.stdout.readline()
        m = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert m, line + p.stderr.read()
        with urllib.request.urlopen(m[1] + "/health", timeout=10) as r:
            assert r.status == 200
        p.send_signal(number)
        p.communicate(timeout=10)
        assert p.returncode == 0, p.returncode


@case
def serve_takes_keys_from_a_file():
    need_model()
    import urllib.error
    import urllib.request
    with tempfile.NamedTemporaryFile("w", suffix=".keys") as keys:
        keys.write("# two keys\nalpha\n\nbeta\n")
        keys.flush()
        p = subprocess.Popen([LOAM, "serve", "--port", "0", "--slots", "1", "--ctx", "64", "--api-key-file", keys.name],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            url = p.stdout.readline().split()[-1] + "/v1/models"
            for key, status in (("beta", 200), ("alpha", 200), ("gamma", 401), (None, 401)):
                request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
                try:
                    with urllib.request.urlopen(request, timeout=10) as r:
                        got = r.status
                except urllib.error.HTTPError as e:
                    got = e.code
                assert got == status, f"key {key}: {got}, not {status}"
        finally:
            p.send_signal(signal.SIGTERM)
            p.wait(timeout=10)


@case
def a_port_in_use_is_one_sentence():
    need_model()
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        r = loam("serve", "--port", str(s.getsockname()[1]), "--ctx", "64", program=LOAM)
        expect(r, 1, stderr=r"(^|\n)loam: [^\n]*(in use|port)[^\n]*\n$")


@case
def bench_prints_numbers_a_script_can_read():
    need_model()
    r = loam("bench", "-p", "32", "-n", "8", "-r", "2", "--json", program=LOAM)
    expect(r, 0)
    o = json.loads(r.stdout)
    assert o["type"] == "Q4_1" and o["prompt"]["tokens_per_s"] > 0 and o["generation"]["tokens_per_s"] > 0, o
    assert o["prompt"]["n_tokens"] == 32 and o["generation"]["n_tokens"] == 8, o
    r = loam("bench", "-p", "0", "-n", "8", "-r", "1", "--streams", "3", program=LOAM)
    expect(r, 0, stdout=r"answer 8 × 3 +[\d.]+ ± [\d.]+ tokens/s")


@case
def bench_measures_each_stage_of_pictures_and_clips():
    models = os.path.join(ROOT, "tests", "golden", "pictures")
    r = loam("bench", "image", "-m", models + "/sd15", "--taesd", models + "/taesd/original_decoder.safetensors", "-W", "64",
             "-H", "64", "-r", "2", "--json")
    expect(r, 0)
    o = json.loads(r.stdout)
    stages = {s["stage"]: s for s in o["stages"]}
    assert list(stages) == ["text", "step", "pixels", "quick"] and o["width"] == 64 and o["steps"] == 20, o
    # what PyTorch counts: tests/golden/make/pictures_work.py
    for stage, ops in (("step", 4338928), ("pixels", 17770496)):
        assert abs(stages[stage]["gflop"] * 1e9 / ops - 1) < 1e-5, stages[stage]
    for s in o["stages"]:
        spent = sum(part["s"] for part in s["operations"])
        assert 0 < s["best"] <= s["s"] and 0 < spent <= s["s"] and abs(spent + s["waiting_s"] - s["s"]) < 1e-5 + 1e-4 * s["s"], s
    r = loam("bench", "image", "-m", models + "/sd15", "-W", "64", "-H", "64", "-r", "1", "--stage", "step", "--guided")
    expect(r, 0, stdout=r"UNet, 2 latents of 8 x 8: [\d.]+ s")
    assert "VAE" not in r.stdout and "text encoder" not in r.stdout, r.stdout
    r = loam("bench", "video", "-m", models + "/wan", "-W", "32", "-H", "32", "-f", "9", "-r", "1", "--json")
    expect(r, 0)
    names = [s["name"] for s in json.loads(r.stdout)["stages"]]
    times = [s["times"] for s in json.loads(r.stdout)["stages"]]
    assert len(names) == 5 and "transformer, 1 x 3 latents of 4 x 4" in names and times == [1, 1, 30, 1, 2], (names, times)
    r = loam("bench", "video", "-m", models + "/sd15", "--motion", models + "/animatediff/motion_adapter", "-W", "32", "-H",
             "32", "-f", "3", "-r", "1")
    expect(r, 0, stdout="UNet with motion modules, 1 x 3 latents of 4 x 4")
    expect(loam("bench", "video", "-m", models + "/sd15"), 1, stderr="--motion")
    expect(loam("bench", "image", "-m", models + "/wan"), 1, stderr="bench video")
    expect(loam("bench", "image", "-m", models + "/sd15", "-W", "20"), 1, stderr="multiples of 8")
    expect(loam("bench", "image", "-m", models + "/sd15", "--stage", "x"), 1, stderr="no stage 'x'")
    expect(loam("bench", "image", env={"LOAM_IMAGE_MODEL": ""}, program=LOAM_TEST), 1)
    expect(loam("bench", "image", "--help"), 0, stdout="--stage NAME")


def main():
    words = sys.argv[1:]
    cases = [c for c in CASES if not words or any(w in c.__name__ for w in words)]
    print(f"1..{len(cases)}")
    failed = False
    for number, function in enumerate(cases, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as e:
            print(f"ok {number} - {name} # SKIP {e}", flush=True)
        except Exception as e:
            failed = True
            print(f"not ok {number} - {name}", flush=True)
            text = "".join(traceback.format_exception(e)) if not isinstance(e, AssertionError) else str(e)
            print("\n".join("# " + l for l in text.splitlines()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
