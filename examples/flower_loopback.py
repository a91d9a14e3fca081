"""Run train_flower.py on this machine: a server, and clients of their own, all on loopback.

Run: python examples/flower_loopback.py [--parties 2 --rounds 3 --epochs 15 …]

By hand: a SuperLink (the server), a SuperNode for each party, `flwr run`; docs/distributed.md.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from parties import read_options

HERE, TOOLS = Path(__file__).resolve().parent, Path(sys.executable).parent
QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}


def main() -> None:
    options = vars(read_options(__doc__, {"parties": 2, "rounds": 3}))
    parties = options.pop("parties")
    config = {name: str(value or "") if isinstance(value, Path | None) else value
              for name, value in options.items()} | {"num-partitions": parties}  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left running
    link, *nodes = free_ports(1 + parties)
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = stack.enter_context(open(home / "log", "w", encoding="utf-8"))
        path = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | QUIET | {"FLWR_HOME": str(home), "PATH": path}

        def start(tool: str, *arguments: str) -> None:
            process = subprocess.Popen([TOOLS / tool, *arguments], stdout=log, stderr=log,
                                       env=environment)  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.terminate)

        start("flower-superlink", "--insecure", "--port", link,
              "--disable-runtime-dependency-installation")  # fmt: skip
        wait_for(link)
        for party, port in enumerate(nodes):
            start("flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{link}",
                  "--port", port, "--node-config", f"partition-id={party}")  # fmt: skip
        address = f'address = "127.0.0.1:{link}"\ninsecure = true\n'
        named = f'[superlink]\ndefault = "here"\n\n[superlink.here]\n{address}'
        (home / "config.toml").write_text(named, encoding="utf-8")
        told = " ".join(f"{name}={toml(value)}" for name, value in config.items())
        run = [TOOLS / "flwr", "run", HERE, "--stream", "--run-config", told]
        code = subprocess.run(run, env=environment).returncode
        if code:
            print((home / "log").read_text(encoding="utf-8"), file=sys.stderr)
        sys.exit(code)


def free_ports(count: int) -> list[str]:
    with contextlib.ExitStack() as stack:
        every = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        return [str(stack.enter_context(one).getsockname()[1]) for one in every]


def wait_for(port: str) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(port))):
            return
        time.sleep(0.1)
    sys.exit(f"the SuperLink does not listen at port {port} after a minute")


def toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


if __name__ == "__main__":
    main()
