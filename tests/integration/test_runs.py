"""The life of runs: foreground, background, the verbs, names, signals, restarts, exit statuses."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from runs import runs  # noqa: E402, F401

import pytest  # noqa: E402

LOOP = "trap 'echo bye; exit 5' TERM; echo begun; while :; do sleep 0.05; done"


def test_exit_statuses(runs):
    for script, status in ("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -ILL $$", 132):
        # An inner shell, because the first process of a pid namespace ignores its own signals.
        assert runs.run("--rm", "/", "sh", "-c", "sh -c '%s'" % script).returncode == status
    assert runs.run("--rm", "/", "nonesuch-program").returncode == 127
    assert runs.run("--rm", "/", "/etc/passwd").returncode == 126
    assert runs.run("--rm", "/", "/nonesuch/program").returncode == 127


def test_foreground_rm_leaves_nothing(runs):
    done = runs.run("--rm", "/", "sh", "-c", "echo out; echo err >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")
    assert runs.nidus.json("ps", "-a", "--json") == []


def test_foreground_run_is_kept_with_its_log(runs):
    done = runs.run("--name", "kept", "/", "sh", "-c", "echo out; echo err >&2; exit 4")
    assert (done.returncode, done.stdout, done.stderr) == (4, "out\n", "err\n")
    logs = runs.nidus("logs", "kept", check=True)
    assert (logs.stdout, logs.stderr) == ("out\n", "err\n")
    state = runs.state("kept")
    assert (state["status"], state["exit_code"], state["why"]) == ("exited", 4, "exited")
    assert runs.nidus("wait", "kept", check=True).stdout == "4\n"
    assert runs.nidus("rm", "kept", check=True).stdout == "kept\n"
    assert runs.nidus("inspect", "kept").returncode == 125


def test_background_run(runs):
    ident = runs.start("--name", "svc", "/", "sh", "-c", LOOP)
    assert len(ident) == 64
    runs.wait_for(lambda: runs.logs("svc") == "begun\n")
    listed = runs.nidus.json("ps", "--json")
    assert [r["id"] for r in listed] == [ident]
    assert listed[0]["status"] == "running" and listed[0]["name"] == "svc"
    assert os.path.exists("/proc/%d" % listed[0]["pid"])
    assert runs.nidus("ps", "-q", check=True).stdout == ident[:12] + "\n"
    assert runs.nidus("rm", "svc").returncode == 125
    assert runs.nidus("stop", "svc", check=True).stdout == "svc\n"
    state = runs.state("svc")
    assert (state["status"], state["exit_code"], state["why"]) == ("exited", 5, "stopped")
    assert runs.logs("svc") == "begun\nbye\n"
    assert runs.nidus.json("ps", "--json") == []
    assert len(runs.nidus.json("ps", "-a", "--json")) == 1


def test_stop_kills_what_does_not_listen(runs):
    runs.start("--name", "deaf", "/", "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
    runs.nidus("stop", "-t", "200ms", "deaf", check=True)
    assert runs.state("deaf")["exit_code"] == 137
    # One whose first process has no handler would never notice: it is not waited for.
    runs.start("--name", "sleeper", "/", "sleep", "1000")
    runs.nidus("stop", "-t", "1h", "sleeper", check=True)
    assert runs.state("sleeper")["exit_code"] == 137
    runs.nidus("stop", "sleeper", check=True)


def test_stop_signal_of_the_run(runs):
    runs.start("--name", "usr", "--stop-signal", "USR1", "/", "sh", "-c",
               "trap 'exit 9' USR1; echo begun; while :; do sleep 0.05; done")
    runs.wait_for(lambda: runs.logs("usr"))
    runs.nidus("stop", "usr", check=True)
    assert runs.state("usr")["exit_code"] == 9


def test_kill(runs):
    runs.start("--name", "k", "/", "sh", "-c",
               "trap 'echo usr' USR1; echo begun; while :; do sleep 0.05; done")
    runs.wait_for(lambda: runs.logs("k"))
    runs.nidus("kill", "-s", "SIGUSR1", "k", check=True)
    runs.wait_for(lambda: "usr" in runs.logs("k"))
    assert runs.nidus("kill", "-s", "NONE", "k").returncode == 125
    runs.nidus("kill", "k", check=True)
    assert runs.nidus("wait", "k", check=True).stdout == "137\n"
    done = runs.nidus("kill", "k")
    assert done.returncode == 125 and "exited" in done.stderr


@pytest.mark.parametrize("sig,status", [(signal.SIGTERM, 5), (signal.SIGINT, 130)])
def test_signals_reach_a_foreground_workload(runs, sig, status):
    child = runs.popen("--rm", "/", "sh", "-c", LOOP, stdout=subprocess.PIPE)
    assert child.stdout.readline() == "begun\n"
    child.send_signal(sig)
    assert child.wait(20) == status
    assert child.stdout.read() == ("bye\n" if status == 5 else "")
    child.stdout.close()


def test_names_and_ids(runs):
    a, b = runs.start("--name", "one", "/", "sleep", "1000"), runs.start("/", "sleep", "1000")
    done = runs.run("-d", "--name", "one", "/", "true")
    assert done.returncode == 125 and "in use" in done.stderr and a[:12] in done.stderr
    for bad in "", "-x", "a b", "a/b", "..":
        assert runs.run("-d", "--name=" + bad, "/", "true").returncode == 125
    made = runs.info(b)["name"]
    for ref in b, b[:12], made:
        assert runs.info(ref)["id"] == b
    for ref in "nonesuch", "../one", "@one", "zz", "":
        done = runs.nidus("inspect", ref)
        assert done.returncode == 125 and "there is no run" in done.stderr
    # Every id begins with one of sixteen digits: among seventeen runs two share one.
    shared = None
    while not shared:
        first = [r["id"][0] for r in runs.nidus.json("ps", "-a", "--json")]
        shared = next((c for c in first if first.count(c) > 1), None)
        runs.run("/", "true", check=True)
    done = runs.nidus("stop", shared)
    assert done.returncode == 125 and "more than one run" in done.stderr
    again = runs.run("--replace", "--name", "one", "/", "echo", "new")
    assert (again.returncode, again.stdout) == (0, "new\n")
    assert runs.nidus("inspect", a).returncode == 125


def test_name_of_a_killed_rm_run_is_free_again(runs):
    child = runs.popen("--rm", "--name", "mine", "/", "sleep", "1000")
    runs.only_one()
    child.kill()
    child.wait()
    assert runs.run("--rm", "--name", "mine", "/", "echo", "next").stdout == "next\n"


def test_ps_after_the_monitor_was_killed(runs):
    ident = runs.start("--name", "lost", "/", "sleep", "1000")
    state = runs.state(ident)
    os.kill(state["monitor_pid"], signal.SIGKILL)
    runs.wait_for(lambda: runs.state("lost")["status"] == "lost")
    runs.wait_for(lambda: not os.path.exists("/proc/%d" % state["pid"]))
    done = runs.nidus("wait", "lost")
    assert done.returncode == 125 and "killed" in done.stderr
    assert "lost" in runs.nidus("explain", "lost", check=True).stdout
    assert ident[:12] in runs.nidus("gc", "--dry-run", check=True).stdout
    runs.nidus("gc", check=True)
    assert runs.state("lost")["status"] == "lost"
    assert runs.nidus("gc", check=True).stdout == ""
    runs.nidus("rm", "lost", check=True)


def test_wait_for_a_run_that_vanishes(runs):
    child = runs.popen("--rm", "/", "sh", "-c", "sleep 0.5; exit 6")
    ident = runs.only_one()
    assert runs.nidus("wait", ident, check=True).stdout == "6\n"
    assert child.wait(10) == 6


def test_several_runs_at_once(runs):
    ids = [runs.start("/", "sleep", "1000") for _ in range(4)]
    done = runs.nidus("stop", ids[0], "nonesuch", ids[1])
    assert done.returncode == 125 and done.stdout.split() == ids[:2]
    assert runs.nidus("stop").returncode == 125
    assert runs.nidus("stop", "--all", ids[0]).returncode == 125
    runs.nidus("stop", "--all", check=True)
    assert not runs.nidus.json("ps", "--json")
    assert sorted(runs.nidus("rm", "--all", check=True).stdout.split()) == sorted(ids)
    runs.nidus("rm", "-f", "nonesuch", check=True)
    assert runs.nidus("rm", "nonesuch").returncode == 125


def test_ps_filters(runs):
    runs.run("--name", "a-one", "--label", "tier=db", "--label", "x", "/", "sh", "-c", "exit 3")
    runs.start("--name", "b-two", "--label", "tier=web", "/", "sleep", "1000")

    def names(*filters):
        args = [w for f in filters for w in ("--filter", f)]
        return sorted(r["name"] for r in runs.nidus.json("ps", "-a", "--json", *args))

    assert names() == ["a-one", "b-two"]
    assert names("label=tier=db") == ["a-one"] and names("label=tier") == ["a-one", "b-two"]
    assert names("label=tie") == [] and names("label=x") == ["a-one"]
    assert names("status=running") == ["b-two"] and names("exited=3") == ["a-one"]
    assert names("name=one", "name=two") == ["a-one", "b-two"]
    assert names("name=one", "status=running") == []
    assert [r["name"] for r in runs.nidus.json("ps", "--last", "1", "--json")] == ["b-two"]
    for bad in "x=1", "name", "=":
        assert runs.nidus("ps", "--filter", bad).returncode == 125


def test_restart_on_failure_ends_with_a_report(runs):
    done = runs.run("--name", "again", "--restart", "on-failure:2", "/", "sh", "-c",
                    "echo try; echo 'bind: Address already in use' >&2; exit 9")
    assert done.returncode == 9 and done.stdout == "try\n" * 3
    assert "after 2 restarts" in done.stderr and "this port" in done.stderr
    info = runs.info("again")
    assert info["state"]["restarts"] == 2 and info["state"]["why"] == "restart-limit"
    assert info["outcome"]["cause"]["code"] == "address-in-use"
    assert runs.run("--rm", "--restart", "on-failure:2", "/", "true").returncode == 125


def test_restart_always_until_stopped(runs):
    runs.start("--name", "r", "--restart", "always", "/", "sh", "-c", "echo try")
    runs.wait_for(lambda: runs.logs("r").count("try") >= 3)
    runs.nidus("stop", "r", check=True)
    count = runs.logs("r").count("try")
    assert runs.state("r")["status"] == "exited"
    time.sleep(0.5)
    assert runs.logs("r").count("try") == count


def test_deadline(runs):
    done = runs.run("--rm", "--deadline", "300ms", "/", "sh", "-c", "echo here; sleep 1000 & wait")
    assert done.returncode == 124 and "deadline of 300 ms" in done.stderr and "here" in done.stderr
    runs.start("--name", "late", "--deadline", "300ms", "/", "sleep", "1000")
    assert runs.nidus("wait", "late", check=True).stdout == "124\n"
    assert runs.state("late")["why"] == "deadline"


def test_memory_limit_is_named(runs):
    done = runs.run("--name", "fat", "--memory", "8m", "/", "sh", "-c",
                    "a=$(head -c 100000000 /dev/zero | tr '\\0' x); echo $a | wc -c; exit 3")
    if done.returncode == 125:
        pytest.skip(done.stderr)
    if done.returncode == 3:
        pytest.skip("the memory limit is not enforced here")
    assert runs.state("fat")["oom_killed"] and "memory limit" in done.stderr
    assert runs.info("fat")["outcome"]["cause"]["code"] == "oom-killed"


def test_exec(runs):
    runs.start("--name", "e", "-e", "FROM=run", "--hostname", "inside", "-w", "/tmp", "/", "sleep", "1000")
    nidus = runs.nidus
    assert nidus("exec", "e", "sh", "-c", "hostname; pwd; echo $FROM", check=True).stdout == "inside\n/tmp\nrun\n"
    assert nidus("exec", "e", "sh", "-c", "exit 7").returncode == 7
    assert nidus("exec", "e", "nonesuch-program").returncode == 127
    assert nidus("exec", "e", "/etc/passwd").returncode == 126
    assert nidus("exec", "nonesuch", "true").returncode == 125
    assert nidus("exec", "-w", "/usr", "-e", "A=b c", "e", "sh", "-c", "pwd; echo $A",
                 check=True).stdout == "/usr\nb c\n"
    assert nidus("exec", "-e", "HERE", "e", "sh", "-c", "echo $HERE", env={"HERE": "x"}).stdout == "x\n"
    assert nidus("exec", "-i", "e", "cat", input="in\n", stdin=None).stdout == "in\n"
    assert nidus("exec", "e", "cat", check=True).stdout == ""
    assert nidus("exec", "-w", "rel", "e", "true").returncode == 125
    # The options of exec end at the run: those behind are the command's.
    assert nidus("exec", "e", "echo", "-e", "x", check=True).stdout in ("-e x\n", "x\n")
    nidus("exec", "-d", "e", "sh", "-c", "touch /tmp/flag; sleep 1000", check=True)
    runs.wait_for(lambda: nidus("exec", "e", "test", "-e", "/tmp/flag").returncode == 0)
    assert nidus("exec", "-d", "e", "nonesuch-program").returncode == 127
    nidus("stop", "e", check=True)
    done = nidus("exec", "e", "true")
    assert done.returncode == 125 and "does not run" in done.stderr


def test_exec_has_the_rights_of_the_workload(runs):
    def status(text):
        return {k: v.strip() for k, v in (line.split(":", 1) for line in text.splitlines())
                if k in ("CapEff", "CapBnd", "Seccomp", "NoNewPrivs", "Uid")}

    show = ["cat", "/proc/self/status"]
    runs.start("--name", "r", "--cap-drop", "CHOWN", "--security-opt", "no-new-privileges", "/", "sleep", "1000")
    with open("/proc/%d/status" % runs.state("r")["pid"]) as f:
        workload = status(f.read())
    assert status(runs.nidus("exec", "r", *show, check=True).stdout) == workload
    other = status(runs.nidus("exec", "-u", "65534", "r", *show, check=True).stdout)
    assert int(other["CapEff"], 16) == 0 and other["CapBnd"] == workload["CapBnd"]
    assert other["Uid"].split()[0] == "65534"
    full = status(runs.nidus("exec", "--privileged", "r", *show, check=True).stdout)
    assert int(full["CapEff"], 16) > int(workload["CapEff"], 16)


def test_stats_and_inspect(runs):
    runs.start("--name", "s", "--label", "a=b", "--memory", "64m", "/", "sleep", "1000")
    used = runs.nidus.json("stats", "--no-stream", "--json", "s")
    assert len(used) == 1 and used[0]["name"] == "s" and used[0]["pids"] in (1, None)
    assert used[0]["memory_limit"] in (64 << 20, None)
    assert runs.nidus("stats", "--no-stream", check=True).stdout.splitlines()[1].split()[1] == "s"
    info = runs.info("s")
    assert info["config"]["labels"] == {"a": "b"} and info["config"]["args"] == ["sleep", "1000"]
    assert {n["need"] for n in info["plan"]["needs"]} >= {"rootfs"}
    assert [e["event"] for e in info["timeline"]][:2] == ["start", "ready"]
    runs.nidus("stop", "s", check=True)
    assert runs.nidus("stats", "--no-stream", "--json", "nonesuch").returncode == 125


def test_pidfile_and_cidfile(runs, tmp_path):
    pid, cid = tmp_path / "pid", tmp_path / "cid"
    ident = runs.start("--pidfile", pid, "--cidfile", cid, "/", "sleep", "1000")
    assert int(pid.read_text()) == runs.state(ident)["pid"] and cid.read_text() == ident
    assert runs.run("-d", "--cidfile", cid, "/", "true").returncode == 125
    runs.nidus("stop", ident, check=True)
    # A pipe that nobody reads must not hold the run up.
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert runs.run("--rm", "--pidfile", fifo, "/", "true").returncode == 0


def test_monitor_keeps_nothing_of_its_caller(runs):
    """A pipe or a lock that the caller holds must not live as long as the run."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    runs.start("/", "sleep", "1000", pass_fds=[write])
    os.close(write)
    os.set_blocking(read, False)
    assert os.read(read, 1) == b""
    os.close(read)


def test_output_of_a_closed_stdout(runs):
    script = 'exec "$0" run --rm --network none / echo hi >&-'
    done = subprocess.run(["sh", "-c", script, runs.nidus.path], env=runs.nidus.env, stderr=subprocess.PIPE)
    assert done.returncode in (0, 1), done.stderr
    script = '"$0" run --network none / sh -c "yes | head -c 3000000" | head -c 10'
    done = subprocess.run(["sh", "-c", script, runs.nidus.path], env=runs.nidus.env, stdout=subprocess.PIPE,
                          timeout=60)
    assert len(done.stdout) == 10


def test_much_output_comes_whole(runs):
    done = runs.run("/", "sh", "-c", "seq 200000; seq 200000 >&2")
    lines = "".join("%d\n" % i for i in range(1, 200001))
    assert done.stdout == lines and done.stderr == lines


def test_json_is_json_whatever_the_command(runs):
    runs.start("--name", "odd", "--label", "k=\"\\\n", "/", "sh", "-c",
               "printf '\\001\\377\"\\\\'; exit 1")
    runs.nidus("wait", "odd", check=True)
    for verb in ["ps", "-a", "--json"], ["inspect", "odd"], ["explain", "--json", "odd"]:
        json.loads(runs.nidus(*verb, check=True).stdout)
    assert "\033" not in runs.nidus("ps", "-a", check=True).stdout
