"""What the tests of the API share: a running `loam serve`, its metrics, and TAP."""
import json
import os
import re
import signal
import subprocess
import threading
import time
import traceback
import urllib.request

MODEL = os.environ.get("LOAM_MODEL", "smollm2")


class Server:
    """`loam serve` on a free port; ends with the with-block."""

    def __init__(self, program, *options, key=None):
        self.key = key
        self.lines = []
        self.child = subprocess.Popen([program, "serve", "-m", MODEL, "--port", "0", *options], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.url = None
        for line in self.child.stdout:
            self.lines.append(line)
            if m := re.search(r"listening on (http://\S+)", line):
                self.url = m[1]
                break
        if not self.url:
            raise RuntimeError("loam serve did not start: " + "".join(self.lines))
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        self.host, self.port = host.strip("[]"), int(port)
        threading.Thread(target=lambda: self.lines.extend(self.child.stdout), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.status = self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.status = self.child.wait()

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={"X-Api-Key": self.key} if self.key else {})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.read().decode()

    def post(self, path, body):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode(), headers=headers)
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.loads(reply.read())

    def metric(self, name):
        m = re.search(rf"^loam_{name} (\S+)$", self.get("/metrics"), re.M)
        return float(m[1])

    def wait_for(self, name, wanted, seconds=20):
        """Until wanted(value of the metric) holds."""
        end = time.monotonic() + seconds
        while not wanted(self.metric(name)):
            if time.monotonic() > end:
                raise AssertionError(f"{name} stays at {self.metric(name)}")
            time.sleep(0.05)


def run(cases):
    """Runs (name, function) pairs, prints TAP, returns the exit status."""
    print(f"1..{len(cases)}")
    failed = False
    for number, (name, function) in enumerate(cases, 1):
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {number} - {name}")
            print("\n".join("# " + line for line in traceback.format_exc().splitlines()), flush=True)
    return 1 if failed else 0
