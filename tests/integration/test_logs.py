"""Logs: streams, tail, since, follow, rotation, formats; and attach, at a terminal and without."""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from runs import runs  # noqa: E402, F401


def test_tail_and_times(runs):
    runs.run("--name", "l", "/", "sh", "-c", "seq 100; printf 'no newline'")
    assert runs.logs("l", "--tail", "2") == "100\nno newline"
    assert runs.logs("l", "--tail", "0") == "" and runs.logs("l", "--tail", "all").startswith("1\n2\n")
    assert runs.logs("l", "--tail", "1000") == runs.logs("l")
    stamped = runs.logs("l", "-t", "--tail", "3").splitlines()[0].split(" ")
    assert stamped[1] == "99" and stamped[0].endswith("Z")
    assert runs.logs("l", "--since", "1h") == runs.logs("l")
    assert runs.logs("l", "--until", "2001-01-01") == "" and runs.logs("l", "--since", "2001-01-01T00:00:00Z")
    for bad in ["--tail", "-1"], ["--tail", "x"], ["--since", "yesterday"]:
        assert runs.nidus("logs", *bad, "l").returncode == 125


def test_follow_ends_with_the_run(runs):
    runs.start("--name", "f", "/", "sh", "-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done")
    assert runs.logs("f", "-f") == "1\n2\n3\n4\n5\n"
    runs.start("--name", "g", "--log-opt", "max-size=4k", "/", "sh", "-c",
               "for i in $(seq 2000); do echo line $i; test $((i % 100)) = 0 && sleep 0.02; done")
    followed = runs.logs("g", "-f").splitlines()
    assert followed[-1] == "line 2000"
    runs.start("--name", "k", "/", "sleep", "1000")
    child = runs.nidus.popen("logs", "-f", "k", stdout=subprocess.DEVNULL)
    os.kill(runs.state("k")["monitor_pid"], signal.SIGKILL)
    assert child.wait(20) == 0


def test_rotation_keeps_to_its_size(runs):
    ident = runs.start("--log-opt", "max-size=16k", "--log-opt", "max-file=3", "/", "seq", "20000")
    runs.nidus("wait", ident, check=True)
    folder = runs.info(ident)["folder"]
    sizes = [os.path.getsize(os.path.join(folder, n)) for n in os.listdir(folder) if n.startswith("log")]
    assert len(sizes) == 3 and max(sizes) <= 16384
    lines = runs.logs(ident).splitlines()
    assert lines[-1] == "20000"
    numbers = [int(n) for n in lines]
    assert numbers == list(range(numbers[0], 20001))


def test_drivers(runs):
    done = runs.run("--name", "j", "--log-driver", "json-file", "/", "sh", "-c", "echo a; echo b >&2")
    assert done.stdout == "a\n"
    with open(os.path.join(runs.info("j")["folder"], "log")) as f:
        entries = [json.loads(line) for line in f]
    assert sorted((e["stream"], e["log"]) for e in entries) == [("stderr", "b\n"), ("stdout", "a\n")]
    assert runs.logs("j") == "a\n"
    runs.run("--name", "n", "--log-driver", "none", "/", "echo", "a")
    assert runs.logs("n") == ""
    assert runs.run("-d", "--log-driver", "passthrough", "/", "true").returncode == 125
    assert runs.run("--log-driver", "syslog", "/", "true").returncode == 125


class Terminal:
    def __init__(self, runs, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(runs.nidus.path, [runs.nidus.path, *args], runs.nidus.env)
        self.size(33, 99)

    def size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, until, seconds=20):
        text, end = b"", time.monotonic() + seconds
        while until not in text and time.monotonic() < end:
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            try:
                more = os.read(self.fd, 4096)
            except OSError:
                break
            if not more:
                break
            text += more
        return text

    def type(self, text):
        os.write(self.fd, text)

    def status(self):
        self.read(b"\0never")
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_terminal_detach_and_attach(runs):
    one = Terminal(runs, "run", "--rm", "--network", "none", "-it", "--name", "t", "/", "sh")
    assert b"# " in one.read(b"# ")
    one.type(b"tty; stty size\n")
    shown = one.read(b"33 99")
    assert b"33 99" in shown and b"/dev/" in shown
    one.size(40, 120)
    one.type(b"sleep 0.2; stty size\n")
    assert b"40 120" in one.read(b"40 120")
    one.type(b"\x10\x11")
    assert one.status() == 0
    assert [r["status"] for r in runs.nidus.json("ps", "--json")] == ["running"]
    two = Terminal(runs, "attach", "t")
    time.sleep(0.2)
    two.type(b"echo back-$((1+1))\n")
    assert b"back-2" in two.read(b"back-2")
    two.type(b"exit 7\n")
    assert two.status() == 7
    assert runs.nidus.json("ps", "-a", "--json") == []


def test_terminal_is_put_back(runs):
    one = Terminal(runs, "run", "--rm", "--network", "none", "-it", "/", "sh", "-c", "exit 3")
    before = termios.tcgetattr(one.fd)[3] & termios.ECHO
    assert one.status() == 3 and before


def test_exec_with_a_terminal(runs):
    runs.start("--name", "x", "/", "sleep", "1000")
    one = Terminal(runs, "exec", "-it", "x", "sh")
    assert b"# " in one.read(b"# ")
    one.type(b"stty size; exit 5\n")
    assert b"33 99" in one.read(b"33 99")
    assert one.status() == 5


def test_input_through_a_terminal_that_is_none(runs):
    done = subprocess.run([runs.nidus.path, "run", "--rm", "--network", "none", "-it", "/", "sh"],
                          env=runs.nidus.env, input=b"echo hi; exit 4\n", stdout=subprocess.PIPE, timeout=60)
    assert done.returncode == 4 and b"hi" in done.stdout


def test_attach_without_a_terminal(runs):
    runs.start("--name", "cat", "-i", "/", "cat")
    data = "".join("line %d\n" % i for i in range(50000))
    done = runs.nidus("attach", "cat", input=data, stdin=None)
    assert done.returncode == 0 and done.stdout == data
    runs.start("--name", "deaf", "/", "sh", "-c", "cat; echo end; sleep 0.2; exit 3")
    assert runs.nidus("wait", "deaf", check=True).stdout == "3\n"
    assert runs.nidus("attach", "deaf").returncode == 125
    done = runs.nidus("attach", "nonesuch")
    assert done.returncode == 125 and "there is no run" in done.stderr


def test_two_watch_one(runs):
    runs.start("--name", "w", "/", "sh", "-c", "trap 'echo seen; exit 0' USR1; echo up; while :; do sleep 0.05; done")
    both = [runs.nidus.popen("attach", "w", stdout=subprocess.PIPE) for _ in range(2)]
    time.sleep(0.5)
    runs.nidus("kill", "-s", "USR1", "w", check=True)
    assert [b.communicate(timeout=20)[0] for b in both] == ["seen\n"] * 2


def test_attach_refuses_a_run_in_the_foreground(runs):
    child = runs.popen("--rm", "/", "sleep", "1000")
    done = runs.nidus("attach", runs.only_one())
    assert done.returncode == 125 and "foreground" in done.stderr
    child.terminate()
    child.wait(20)


def test_input_of_a_foreground_run(runs):
    done = runs.run("--rm", "-i", "/", "wc", "-c", input="x" * 1000000, stdin=None)
    assert done.stdout == "1000000\n"
    assert runs.run("--rm", "/", "wc", "-c", input="xxx", stdin=None).stdout == "0\n"
