"""A headless Chromium that tests can look through: over its debugging pipe, without a port."""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: On one's own machine tests skip without it. Where CI is set they fail, so that it is noticed,
#: unless somebody has said that there is none.
MAY_BE_ABSENT = not os.environ.get("CI") or bool(os.environ.get("INSTAHIDE_WITHOUT_BROWSER"))
PATIENCE = 60  # seconds that it may be silent
#: Key events have a name, a number and, where they type something, a text.
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " ")}
# Nothing but the page is wanted. Containers run as root, where the sandbox refuses to start.
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One tab of Chromium, and what it complained of.

    Attributes
    ----------
    complaints : list of str
        Errors of scripts, of the console and of the page's policy, since `open`.
    """

    def __init__(self, write: int, read: int):
        self._write, self._read, self._rest = write, read, b""
        self._numbers, self._session = itertools.count(1), None
        self.complaints: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = session["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol, and return its answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda one: one.get("id") == number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, path: Path, width: int, height: int, *, dark=False, script=True) -> None:
        """Load a page of this width and height, and wait until it is there."""
        self.complaints.clear()
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Emulation.setScriptExecutionDisabled", value=not script)
        self.ask("Page.navigate", url=path.as_uri())
        self._until(lambda one: one.get("method") == "Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """Return what an expression is in the page."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self.ask("Runtime.evaluate", **asked)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        code, text = KEYS[key]
        names = {"key": key, "code": key.strip() or "Space", "windowsVirtualKeyCode": code}
        down = {"type": "keyDown" if text else "rawKeyDown", **names}
        self.ask("Input.dispatchKeyEvent", **down, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **names)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG."""
        taken = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    def pdf(self) -> bytes:
        """Return the page as it is printed."""
        printed = self.ask("Page.printToPDF", preferCSSPageSize=False, printBackground=False)
        return base64.b64decode(printed["data"])

    def _until(self, wanted: Callable[[dict], bool]) -> dict:
        while True:
            message = self._message()
            self._note(message)
            if wanted(message):
                return message

    def _message(self) -> dict:
        parts = [self._rest]
        while b"\0" not in parts[-1]:
            if not select.select([self._read], [], [], PATIENCE)[0]:
                raise RuntimeError(f"Chromium said nothing for {PATIENCE} seconds")
            parts.append(os.read(self._read, 2**16))
            if not parts[-1]:
                raise RuntimeError("Chromium ended")
        message, _, self._rest = b"".join(parts).partition(b"\0")
        return json.loads(message)

    def _note(self, message: dict) -> None:
        method, told = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(told["args"]))
        elif method == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            address = told["request"]["url"]
            if not address.startswith(("data:", "file:", "about:")):
                self.complaints.append(f"asked for {address}")


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium, and end it afterwards."""
    if CHROMIUM is None:
        raise RuntimeError(
            "Chromium is not installed, and CI is set: install it (on Debian apt-get install "
            "chromium), or set INSTAHIDE_WITHOUT_BROWSER=1 to leave its tests out"
        )
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()

    def to_three_and_four() -> None:  # where Chromium looks for its pipes
        ins, out = os.dup(theirs_in), os.dup(theirs_out)
        os.dup2(ins, 3)
        os.dup2(out, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f"--user-data-dir={home}"],
            preexec_fn=to_three_and_four,
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Browser(ours_out, ours_in)
        finally:
            os.close(ours_out)
            os.close(ours_in)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
