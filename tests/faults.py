"""Kills at random moments, and what must be true after each: shared by the short and the long test.

Each round starts a run of a random kind, waits a random moment, kills one of its processes
(or all), and then looks: `ps` answers, `gc` takes back, nothing of a dead run is left.
"""
import glob
import json
import os
import random
import signal
import subprocess
import time

KINDS = {
    "foreground": ["--rm"],
    "foreground-kept": [],
    "detached": ["-d"],
    "detached-rm": ["-d", "--rm"],
    "ready": ["-d", "--ready", "log:begun"],
    "restarting": ["-d", "--restart", "always"],
    "limited": ["--rm", "--memory", "64m", "--pids-limit", "20"],
}
VICTIMS = ["front", "monitor", "workload", "all"]


def commands():
    """(pid, command line) of every process of this pid namespace."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                yield int(path.split("/")[2]), f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            pass


def processes(token):
    return [(pid, line) for pid, line in commands() if token in line]


def cgroups(ids):
    found = []
    for top, dirs, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(top, d) for d in dirs if any(i in d for i in ids)]
        dirs[:] = [d for d in dirs if top.count("/") < 7]
    return found


def eventually(check, seconds=10):
    """A killed process takes a moment to be gone; how long is nobody's promise."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.01)
    return False


def runs_folder(nidus):
    return os.path.join(nidus.state, "runs")


def ids_on_disk(nidus):
    try:
        return [n for n in os.listdir(runs_folder(nidus)) if len(n) == 64]
    except FileNotFoundError:
        return []


def pid_of(nidus, ident, whose):
    folder = os.path.join(runs_folder(nidus), ident)
    try:
        if whose == "workload":
            return int(os.readlink(os.path.join(folder, "pid")).split()[0])
        with open(os.path.join(folder, "run.json")) as f:
            return json.loads(f.readline())["monitor"]
    except (OSError, ValueError, KeyError):
        return None


def kill(pid):
    try:
        if pid:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Rounds:
    def __init__(self, nidus, seed, network):
        self.nidus, self.random, self.network = nidus, random.Random(seed), network
        self.token = "7%d" % (os.getpid() * 100000 + seed % 100000)
        self.seen = set()
        self.counts = {}

    def start(self, kind):
        script = "echo begun; exec sleep 1000.%s" % self.token
        network = [] if self.random.random() < self.network else ["--network", "none"]
        return self.nidus.popen("run", *KINDS[kind], *network, "/", "sh", "-c", script,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True)

    def strike(self, front, victim):
        known = ids_on_disk(self.nidus)
        self.seen.update(known)
        if victim in ("front", "all"):
            kill(front.pid)
        for ident in known:
            for whose in ("monitor", "workload"):
                if victim in (whose, "all"):
                    kill(pid_of(self.nidus, ident, whose))

    def listed_right(self):
        """What is called running has a process; one that dies while we look is asked for again."""
        for run in self.nidus.json("ps", "-a", "--json"):
            assert run["status"] in ("created", "running", "restarting", "stopping", "exited",
                                     "lost"), run
            if run["status"] == "running" and not os.path.exists("/proc/%d" % run["pid"]):
                return False
        return True

    def settle(self, front, kind):
        """What is alive is ended the ordinary way; the next command must be right each time."""
        nidus = self.nidus
        assert eventually(self.listed_right), nidus("ps", "-a", "--json").stdout
        nidus("gc", check=True)
        if front.poll() is None and not KINDS[kind][:1] == ["-d"]:
            kill(front.pid)
        front.wait(30)
        self.seen.update(ids_on_disk(nidus))
        nidus("rm", "-f", "--all", check=True)
        nidus("gc", check=True)

    def check_clean(self):
        # A monitor that nobody has seen in a folder yet ends by itself, or is found by the next round.
        if not eventually(lambda: not ids_on_disk(self.nidus)):
            self.nidus("rm", "-f", "--all")
            eventually(lambda: self.nidus("gc") and not ids_on_disk(self.nidus), 12)
        assert not ids_on_disk(self.nidus), ids_on_disk(self.nidus)
        assert eventually(lambda: not processes(self.token)), processes(self.token)
        assert not cgroups(self.seen), cgroups(self.seen)
        data = os.path.join(self.nidus.store, "runs")
        assert not os.path.isdir(data) or not os.listdir(data), os.listdir(data)
        self.seen.clear()

    def round(self):
        kind = self.random.choice(list(KINDS))
        victim = self.random.choice(VICTIMS)
        delay = self.random.random() ** 2 * 0.25
        front = self.start(kind)
        time.sleep(delay)
        what = "%s, %s killed after %.0f ms" % (kind, victim, delay * 1000)
        try:
            self.strike(front, victim)
            self.settle(front, kind)
            self.check_clean()
        except BaseException as e:
            e.args = ("%s: %s" % (what, e.args[0] if e.args else ""),) + e.args[1:]
            raise
        finally:
            if front.poll() is None:
                kill(front.pid)
                front.wait(10)
        self.counts[victim] = self.counts.get(victim, 0) + 1
