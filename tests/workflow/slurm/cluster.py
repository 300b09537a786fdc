"""A real SLURM of one node, all of it in one folder and on the loopback device.

No systemd, no cgroups, no accounting. The GPUs are fake: SLURM counts them and sets
CUDA_VISIBLE_DEVICES, and nothing opens them. To look at one by hand, until Ctrl-C:

    python -m tests.workflow.slurm.cluster FOLDER
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import getpass
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from tests.system_packages import SEARCH, require

PACKAGES = ("slurm-wlm", "munge")
PROGRAMS = ("slurmctld", "slurmd", "munged", "srun", "sbatch", "squeue", "setpriv")
# What another SLURM, or the choice of a GPU, has left in the environment.
FOREIGN = re.compile("(SLURM|SBATCH|CUDA_VISIBLE_DEVICES)")
# A GPU needs a device file that exists.
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")
START_S = 120
LOOPBACK = "127.0.0.1"
# SLURM binds to what the name of the machine resolves to; every machine knows this one.
NAME = "localhost"
RENAME = (
    f"import os, socket, sys; socket.sethostname({NAME!r}); os.execvp(sys.argv[1], sys.argv[1:])"
)
RENAMED = ("unshare", "--uts", sys.executable, "-c", RENAME)

# EnforcePartLimits: what no node can run is refused, where it would wait for ever.
# cred_expire: a requeued job waits so long before it may start again.
SLURM_CONF = """\
ClusterName=hopeworld
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
KillWait=2
EnforcePartLimits=ALL
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} Boards=1 SocketsPerBoard=1 \
CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={memory_mb} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=one Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class ClusterError(RuntimeError):
    """A cluster that does not come up, or a command that it refuses."""


@dataclass
class Cluster:
    """What the node claims to have, where everything lies, and the daemons that run."""

    folder: Path
    cpus: int = 8
    gpus: int = 2
    memory_mb: int = 500_000
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which SLURM's commands find this cluster."""
        path = os.pathsep.join([str(self.folder / "bin"), SEARCH])
        own = {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}
        return {name: v for name, v in os.environ.items() if not FOREIGN.match(name)} | own

    def run(self, *command: str) -> str:
        """What one of SLURM's commands prints; raises where it fails or takes a minute."""
        done = subprocess.run(
            [*_renamed(), *command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise ClusterError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        """Bring everything up and wait until the node runs a job."""
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._configure()
        self._spawn("munged", "--foreground", "--force", *self._munge_options())
        _wait_for((self.folder / "munge.socket").exists, "munged", self.folder)
        self._spawn("slurmctld", "-D", "-i")
        self.start_node()

    def start_node(self) -> None:
        """Start the node's daemon and wait until it is known and the node runs a job."""
        before = self._node_began()
        self._spawn("slurmd", "-D", "-N", _host())
        _wait_for(lambda: self._node_began() != before, "slurmd", self.folder)
        _wait_for(self._is_up, "a job", self.folder)

    def _node_began(self) -> str:
        """When the node's daemon began that the controller knows; '' for none."""
        with contextlib.suppress(ClusterError, subprocess.TimeoutExpired):
            node = self.run("scontrol", "show", "node", _host())
            return re.search(r"SlurmdStartTime=(\S+)", node)[1]
        return ""

    def kill_node(self) -> None:
        """End the node's daemon as a crash does; its jobs live on."""
        daemon = self.daemons.pop("slurmd")
        daemon.kill()
        daemon.wait()

    def declare_lost(self) -> None:
        """Have the controller give up the node, as it does by itself after some minutes."""
        self.run("scontrol", "update", f"NodeName={_host()}", "State=DOWN", "Reason=lost")

    def listeners(self) -> set[str]:
        """The addresses that the daemons listen on."""
        found = set()
        for daemon in self.daemons.values():
            for connection in psutil.Process(daemon.pid).net_connections():
                if connection.status == psutil.CONN_LISTEN:
                    found.add(connection.laddr.ip)
        return found

    def wait_until_empty(self) -> None:
        """Wait until no job runs or waits."""
        _wait_for(self._is_empty, "jobs", self.folder)

    def stop(self) -> None:
        """End all jobs and every daemon that was started."""
        if "slurmctld" in self.daemons:
            with contextlib.suppress(ClusterError, subprocess.TimeoutExpired):
                self.run("scancel", "--user", getpass.getuser())
                self.wait_until_empty()
        for name in ("slurmd", "slurmctld", "munged"):
            if name in self.daemons:
                _end(self.daemons.pop(name))

    def _configure(self) -> None:
        values = vars(self) | {"host": _host(), "user": getpass.getuser()}
        ports = dict(zip(("controller_port", "node_port"), _free_ports(2), strict=True))
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**values, **ports))
        lines = [f"NodeName={_host()} Name=gpu File={name}\n" for name in DEVICES[: self.gpus]]
        (self.folder / "gres.conf").write_text("".join(lines))
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        self._write_srun()

    def _write_srun(self) -> None:
        """Shadow `srun`: the plug-in's job step takes SLURM_CONF out of its environment.

        SLURM then looks in /etc/slurm, which is not ours to write in.
        """
        script, program = self.folder / "bin" / "srun", shutil.which("srun", path=SEARCH)
        given = f"SLURM_CONF={self.folder}/slurm.conf"
        script.write_text(f'#!/bin/sh\n{given} exec {program} "$@"\n')
        script.chmod(0o755)

    def _munge_options(self) -> list[str]:
        names = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid"}
        names |= {"log-file": "munged.log", "seed-file": "munged.seed"}
        return [f"--{option}={self.folder / name}" for option, name in names.items()]

    def _spawn(self, name: str, *options: str) -> None:
        """Start a daemon that ends, at the latest, with this process."""
        program = shutil.which(name, path=SEARCH)
        with (self.folder / f"{name}.out").open("a") as out:
            self.daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *_renamed(), program, *options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _is_up(self) -> bool:
        """Whether the node is there; an idle one must also run a job step."""
        with contextlib.suppress(ClusterError, subprocess.TimeoutExpired):
            state = self.run("sinfo", "--noheader", "--format=%T").strip()
            if state in ("mixed", "allocated"):
                return True
            if state == "idle":
                self.run("srun", "--quiet", "--time=1", "--mem=1", "--immediate=5", "true")
                return True
        return False

    def _is_empty(self) -> bool:
        with contextlib.suppress(ClusterError, subprocess.TimeoutExpired):
            return not self.run("squeue", "--noheader").strip()
        return False


@contextlib.contextmanager
def running(folder: Path, **claims: int) -> Iterator[Cluster]:
    """A cluster in a folder of its own, which is removed at the end.

    Skips the test where SLURM cannot be installed, or would listen to more than loopback.
    """
    require(PACKAGES, PROGRAMS)
    _require_loopback()
    cluster = Cluster(folder, **claims)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _renamed() -> tuple[str, ...]:
    """What runs a command on a machine called NAME; nothing where that is not allowed."""
    tried = subprocess.run([*RENAMED, "true"], capture_output=True, check=False)
    return () if tried.returncode else RENAMED


def _host() -> str:
    return NAME if _renamed() else socket.gethostname().split(".")[0]


def _require_loopback() -> None:
    with contextlib.suppress(OSError):
        if socket.gethostbyname(_host()) == LOOPBACK:
            return
    pytest.skip(f"{_host()} is not {LOOPBACK} here, and it may not be called {NAME} for a test")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for(is_done, what: str, folder: Path) -> None:
    """Wait until `is_done()`. Raises ClusterError with the last lines of all logs."""
    deadline = time.monotonic() + START_S
    while not is_done():
        if time.monotonic() > deadline:
            last = [f"{log.name}: {log.read_text()[-500:]}" for log in folder.glob("*.out")]
            raise ClusterError(f"SLURM: {what}: not ready after {START_S} s\n" + "\n".join(last))
        time.sleep(0.2)


def _end(daemon: subprocess.Popen) -> None:
    daemon.terminate()
    try:
        daemon.wait(20)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def main() -> None:
    """Keep a cluster up until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the cluster, removed at the end")
    with running(parser.parse_args().folder.resolve()) as cluster:
        print(f"export SLURM_CONF={cluster.folder}/slurm.conf", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(1e9)


if __name__ == "__main__":
    main()
