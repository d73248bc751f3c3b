"""Readiness: each kind, the report where it does not come, and that nothing of the run is left."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from faults import eventually, processes  # noqa: E402
from runs import runs  # noqa: E402, F401

import pytest  # noqa: E402

HTTP = "exec python3 -m http.server 8123 --bind 127.0.0.1 >/dev/null 2>&1"
NOTIFY = """
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
s.send(b"STATUS=loading")
time.sleep(0.1)
s.send(b"STATUS=fine\\nREADY=1\\n")
for _ in range(1000):
    s.send(b"WATCHDOG=1")
time.sleep(1000)
"""


@pytest.mark.parametrize("ready,script", [
    ("log:list[ae]n(ing)?", "echo starting; sleep 0.1; echo listening; sleep 1000"),
    ("log:^prompt> $", "printf 'prompt> '; sleep 1000"),
    ("log:on stderr", "sleep 0.1; echo on stderr >&2; sleep 1000"),
    ("fd:3", "sleep 0.1; echo >&3; sleep 1000"),
    ("fd:7", "sleep 0.1; echo up >&7; sleep 1000"),
    ("tcp:8123", HTTP),
    ("tcp:127.0.0.1:8123", HTTP),
    ("http://localhost:8123/", HTTP),
    ("test -e /tmp/flag", "sleep 0.1; touch /tmp/flag; sleep 1000"),
    ('["test", "-e", "/tmp/a flag"]', "sleep 0.1; touch '/tmp/a flag'; sleep 1000"),
    ("[ -e /tmp/flag ] && true", "sleep 0.1; touch /tmp/flag; sleep 1000"),
])
def test_kinds(runs, ready, script):
    ident = runs.start("--ready", ready, "--ready-timeout", "30", "/", "sh", "-c", script)
    state = runs.state(ident)
    assert state["status"] == "running" and state["ready"]
    assert [e["event"] for e in runs.info(ident)["timeline"]][:1] == ["start"]


def test_notify(runs):
    ident = runs.start("--ready", "notify", "--ready-timeout", "30", "/", "python3", "-c", NOTIFY)
    assert runs.state(ident)["ready"]
    # What comes after is read too: a full socket would block its sender.
    pid = runs.state(ident)["pid"]

    def sleeping_in_the_end():
        with open("/proc/%d/wchan" % pid) as f:
            return "unix" not in f.read()

    assert eventually(sleeping_in_the_end)


@pytest.mark.parametrize("detach", [["-d"], ["--rm"]])
def test_time_out(runs, detach):
    token = "71%d" % time.monotonic_ns()
    script = ("echo 'ioctl(TUNSETIFF): Operation not permitted'; i=0; sleep 1000.%s & while :; do i=$((i+1));"
              " echo \"Waiting for IP (iteration $i) | Network: not found | Interfaces:\"; sleep 0.01; done"
              % token)
    done = runs.run(*detach, "--ready", "tcp:99", "--ready-timeout", "700ms", "/", "sh", "-c", script)
    assert done.returncode == 124
    for words in ("was not ready within 700 ms", "waited for 'tcp:99'", "Connection refused",
                  "Waiting for IP", "cause (proved): TUNSETIFF wants CAP_NET_ADMIN"):
        assert words in done.stderr, done.stderr
    assert eventually(lambda: not processes(token)), processes(token)
    assert not runs.nidus.json("ps", "--json")
    if detach == ["-d"]:
        assert not done.stdout
        run = runs.nidus.json("ps", "-a", "--json")[0]
        assert run["exit_code"] == 124
        explained = runs.nidus("explain", run["id"], check=True).stdout
        assert "proved:" in explained and "not ready within" in explained


@pytest.mark.parametrize("ready,script,words", [
    ("http://localhost:8123/nonesuch", HTTP, "status 404"),
    ("fd:3", "exec 3>&-; sleep 1000", "closed without a newline"),
    ("sh -c 'echo not yet; exit 5'", "sleep 1000", "exited with 5: not yet"),
    ("nonesuch-program", "sleep 1000", "nonesuch-program"),
    ("log:never", "echo something; sleep 1000", "something"),
    ("notify", "sleep 1000", "it printed nothing"),
])
def test_what_was_missing_is_told(runs, ready, script, words):
    done = runs.run("--rm", "--ready", ready, "--ready-timeout", "700ms", "/", "sh", "-c", script)
    assert done.returncode == 124 and words in done.stderr, done.stderr


@pytest.mark.parametrize("detach", [["-d"], ["--rm"]])
@pytest.mark.parametrize("status,expected", [(3, 3), (0, 125)])
def test_death_before_ready_is_told_at_once(runs, detach, status, expected):
    begin = time.monotonic()
    done = runs.run(*detach, "--ready", "tcp:99", "--ready-timeout", "100", "/", "sh", "-c",
                    "echo 'bind: Address already in use'; exit %d" % status)
    assert done.returncode == expected
    assert "exited with status %d before it was ready" % status in done.stderr
    assert "bind: Address already in use" in done.stderr and "cause (likely)" in done.stderr
    assert time.monotonic() - begin < 60


def test_restarts_share_the_time(runs):
    done = runs.run("--restart", "on-failure:100", "--ready", "tcp:99", "--ready-timeout", "1", "/", "false")
    assert done.returncode == 124


def test_waiting_costs_next_to_nothing(runs):
    child = runs.popen("--rm", "--ready", "tcp:99", "--ready-timeout", "4", "/", "sleep", "1000")
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 124
    # Far above what it takes, far below the four seconds of a loop that turns.
    assert used.ru_utime + used.ru_stime < 1.5, used


def test_a_caller_that_goes_away_takes_the_run_along(runs):
    token = "72%d" % time.monotonic_ns()
    child = runs.popen("-d", "--ready", "tcp:99", "/", "sleep", "1000.%s" % token)
    runs.only_one()
    child.kill()
    child.wait()
    assert eventually(lambda: not [p for p in processes(token) if "nidus" not in p[1]])
    runs.wait_for(lambda: runs.nidus.json("ps", "-a", "--json")[0]["status"] == "exited")


def test_bad_requests(runs):
    for ready in "tcp:0", "udp:53", "https://localhost/", "fd:1", "log:(", "", "tcp:name:80":
        done = runs.run("--rm", "--ready", ready, "/", "true")
        assert done.returncode == 125 and "--ready" in done.stderr, done.stderr


def test_health(runs):
    ident = runs.start("--name", "h", "--health-cmd", "test -e /tmp/well", "--health-interval", "100ms",
                       "--health-retries", "2", "/", "sh", "-c", "touch /tmp/well; sleep 1000")

    def health():
        return (runs.state("h")["health"] or "").split(" ")[0]

    runs.wait_for(lambda: health() == "healthy")
    runs.nidus("exec", ident, "rm", "/tmp/well", check=True)
    runs.wait_for(lambda: health() == "unhealthy")
    assert "(unhealthy)" in runs.nidus("ps", check=True).stdout
    runs.start("--name", "k", "--health-cmd", "false", "--health-interval", "50ms", "--health-retries", "2",
               "--health-on-failure", "kill", "/", "sleep", "1000")
    assert runs.nidus("wait", "k", check=True).stdout == "137\n"
    assert runs.state("k")["why"] == "unhealthy"
