"""A real SLURM of one node on the loopback interface, for tests.

It has a MUNGE key, ports and folders of its own. `stop` ends only the processes that `start`
recorded, after a look at what they are. One file lies outside its folder: the SLURM executor
drops SLURM_CONF inside jobs, so /etc/slurm/slurm.conf must exist. A machine that has one of
its own is left alone.

Run as root: python tests/cluster/slurm.py install|start|status|stop|run COMMAND
"""

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

STATE = Path("/run/instahide-test-slurm")
CONFIGURATION = Path("/etc/slurm/slurm.conf")
OURS = "# Written and removed by tests/cluster/slurm.py."
PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd")
# Declared, not there (config_overrides): jobs are scheduled as on a node of this size.
CPUS, MEMORY_MB = 16, 64_000
ENOUGH_SECONDS = 30


def install() -> None:
    """Bring the Debian packages that are missing; their services are not started."""
    if all(shutil.which(program) for program in PROGRAMS):
        return
    quiet = {"stdout": subprocess.DEVNULL}
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, **quiet)
    subprocess.run(
        ["apt-get", "install", "-qy", "--no-install-recommends", *PACKAGES],
        check=True,
        env=environment | {"RUNLEVEL": "1"},
        **quiet,
    )


def start() -> None:
    """Start the three daemons and wait until the node takes jobs."""
    if CONFIGURATION.exists() and not CONFIGURATION.read_text(encoding="utf-8").startswith(
        OURS
    ):
        raise SystemExit(f"{CONFIGURATION} is not ours: this machine has a SLURM of its own")
    stop()
    for folder in (STATE, STATE / "controller", STATE / "node"):
        folder.mkdir(mode=0o755, parents=True)
    key = STATE / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    CONFIGURATION.parent.mkdir(exist_ok=True)
    CONFIGURATION.write_text(configuration(), encoding="utf-8")
    launch("munged", "--foreground", *munge_options())
    wait_for("MUNGE", (STATE / "munge.socket").exists)
    launch("slurmctld", "-D", "-c")
    wait_for("the controller", lambda: asked("scontrol", "ping"))
    launch("slurmd", "-D", "-N", "loopback")
    wait_for("the node", lambda: asked("srun", "--immediate=5", "--time=1", "true"))


def munge_options() -> list[str]:
    places = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
    return [
        *(f"--{option}={STATE}/munge.{name}" for option, name in places.items()),
        f"--seed-file={STATE}/munge.seed",
        "--num-threads=2",
    ]


def configuration() -> str:
    """Return a slurm.conf: no cgroups, no accounting, memory watched every second."""
    (controller, node), host = free_ports(2), socket.gethostname()
    return f"""{OURS}
ClusterName=instahide
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller}
SlurmdPort={node}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={STATE}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
EnforcePartLimits=ALL
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MinJobAge=600
KillWait=5
ReturnToService=2
SlurmdParameters=config_overrides
StateSaveLocation={STATE}/controller
SlurmdSpoolDir={STATE}/node
SlurmctldPidFile={STATE}/slurmctld.own.pid
SlurmdPidFile={STATE}/slurmd.own.pid
SlurmctldLogFile={STATE}/slurmctld.log
SlurmdLogFile={STATE}/slurmd.log
NodeName=DEFAULT CPUs={CPUS} RealMemory={MEMORY_MB}
NodeName=loopback NodeHostname={host} NodeAddr=127.0.0.1
PartitionName=all Nodes=ALL Default=YES MaxTime=1440 DefMemPerCPU=1000
"""


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def launch(program: str, *options: str) -> None:
    """Start a daemon in a session of its own and record its process id."""
    with open(STATE / f"{program}.out", "w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [shutil.which(program) or f"/usr/sbin/{program}", *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    (STATE / f"{program}.process").write_text(str(process.pid), encoding="utf-8")


def wait_for(what: str, ready) -> None:
    end = time.monotonic() + ENOUGH_SECONDS
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(f"{what} does not answer; see the logs in {STATE}")
        time.sleep(0.2)


def asked(*command: str) -> bool:
    """Tell whether a SLURM command succeeds."""
    return subprocess.run(command, capture_output=True).returncode == 0


def running() -> dict[str, int]:
    """Return the recorded processes that still are what they were."""
    found = {}
    for program in PROGRAMS:
        record = STATE / f"{program}.process"
        if record.exists():
            process = int(record.read_text(encoding="utf-8"))
            with contextlib.suppress(OSError):  # it is gone, maybe just now
                name = Path(f"/proc/{process}/comm").read_text(encoding="utf-8").strip()
                ended = (
                    Path(f"/proc/{process}/stat")
                    .read_text(encoding="utf-8")
                    .rpartition(")")[2]
                    .split()[0]
                )
                if name == program and ended != "Z":
                    found[program] = process
    return found


def stop() -> None:
    """Cancel the jobs, end the recorded processes, remove what `start` wrote."""
    if "slurmctld" in running():
        subprocess.run(["scancel", "--state=PENDING"], capture_output=True, timeout=30)
        subprocess.run(["scancel", "--state=RUNNING"], capture_output=True, timeout=30)
        end = time.monotonic() + ENOUGH_SECONDS
        while asked_output("squeue", "--noheader") and time.monotonic() < end:
            time.sleep(0.2)
    for program in reversed(PROGRAMS):
        for deadly in (signal.SIGTERM, signal.SIGKILL):
            end = time.monotonic() + 10
            if program in running():
                os.kill(running()[program], deadly)
            while program in running() and time.monotonic() < end:
                time.sleep(0.1)
    if CONFIGURATION.exists() and CONFIGURATION.read_text(encoding="utf-8").startswith(OURS):
        CONFIGURATION.unlink()
    shutil.rmtree(STATE, ignore_errors=True)


def asked_output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, encoding="utf-8").stdout.strip()


def status() -> None:
    print(
        ", ".join(f"{name} {process}" for name, process in running().items()) or "not running"
    )
    if "slurmctld" in running():
        print(asked_output("sinfo", "--long"))


def run(command: list[str]) -> None:
    """Run a command while SLURM is there, and end as it does."""
    install()
    start()
    try:
        sys.exit(subprocess.run(command).returncode)
    finally:
        stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("install", "start", "status", "stop", "run"))
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if os.geteuid():
        sys.exit("SLURM's daemons switch users, so this needs root: try it in a container")
    if options.what == "run":
        run(options.command)
    {"install": install, "start": start, "status": status, "stop": stop}[options.what]()


if __name__ == "__main__":
    main()
