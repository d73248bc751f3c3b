"""Limits of `nidus run`, end to end; test_cgroup.py asks about the mechanism in each kind of place."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from test_cgroup import HUGE, group, leftovers, needs, v1  # noqa: F401

USER = ("setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups")
OFF = ("run", "--rm", "--network", "none")


def groups_of(nidus, name):
    run = json.loads(nidus("inspect", name, check=True).stdout)
    return leftovers((run[0] if isinstance(run, list) else run)["id"])


@pytest.fixture
def user(nidus, tmp_path):
    """Runs nidus as an ordinary user, from a place that one can reach."""
    if os.geteuid():
        pytest.skip("not root")
    home = "/tmp/nidus-limits-%d" % os.getpid()
    shutil.rmtree(home, ignore_errors=True)
    os.mkdir(home, 0o755)
    shutil.copy(nidus.path, home + "/nidus")
    os.mkdir(home + "/own")
    os.chown(home + "/own", 12345, 12345)
    env = dict(os.environ, HOME=home + "/own", NIDUS_STATE_DIR=home + "/own/state", NIDUS_STORE_DIR=home + "/own/store",
               XDG_RUNTIME_DIR=home + "/own")

    def run(*args):
        return subprocess.run([*USER, home + "/nidus", *args], env=env, cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)

    probe = run(*OFF, "/", "true")
    if probe.returncode:
        shutil.rmtree(home)
        pytest.skip("an ordinary user cannot start a container here: " + probe.stderr.strip())
    yield run
    shutil.rmtree(home)


def test_memory_limit_kills_and_is_told(nidus):
    needs("memory")
    ran = nidus(*OFF, "--memory", "16m", "/", "sh", "-c", "head -c 100000000 /dev/zero | tail >/dev/null")
    assert ran.returncode == 137
    assert "memory limit of 16777216 bytes was reached" in ran.stderr


def test_processes_are_limited_by_default(nidus):
    needs("pids")
    if not v1():
        pytest.skip("pids is a v2 controller here")
    assert nidus(*OFF, "/", "cat", "/sys/fs/cgroup/pids/pids.max").stdout == "2048\n"
    assert nidus(*OFF, "--pids-limit", "77", "/", "cat", "/sys/fs/cgroup/pids/pids.max").stdout == "77\n"
    assert nidus(*OFF, "--pids-limit", "-1", "/", "ls", "/sys/fs/cgroup/pids").returncode != 0


def test_pids_limit_refuses_fork(nidus):
    needs("pids")
    ran = nidus(*OFF, "--pids-limit", "5", "/", "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 1 & done; wait; echo made")
    assert "fork" in ran.stderr and ran.stdout == ""


def test_the_whole_tree_is_gone_with_a_fork_bomb(nidus):
    needs("pids")
    name = "bomb-%d" % os.getpid()
    bomb = "f() { sleep 9 & f & f & wait; }; f"
    nidus("run", "-d", "--network", "none", "--name", name, "--pids-limit", "300", "/", "sh", "-c", bomb, check=True)
    time.sleep(0.3)
    found = groups_of(nidus, name)
    assert found
    nidus("rm", "-f", name, check=True)
    assert not [p for p in found if os.path.exists(p)]


def test_nothing_is_left_after_a_run(nidus):
    needs("pids", "memory", "devices")
    name = "left-%d" % os.getpid()
    nidus("run", "-d", "--network", "none", "--name", name, "--memory", "64m", "--pids-limit", "9", "/", "sleep", "30",
          check=True)
    found = groups_of(nidus, name)
    assert len(found) == 3 or not v1()
    nidus("kill", name, check=True)
    nidus("wait", name, check=True)
    nidus("rm", name, check=True)
    assert not [p for p in found if os.path.exists(p)]


@pytest.mark.parametrize("parent", [None, "/cgt-find//deep/", "/"])
def test_groups_that_were_not_written_down_are_found_by_name(nidus, parent):
    """nidus was killed between making the groups and recording them."""
    needs("pids", "devices")
    name = "lost-%d" % os.getpid()
    more = ("--cgroup-parent", parent) if parent else ()
    try:
        nidus("run", "-d", "--network", "none", "--name", name, *more, "/", "sleep", "60", check=True)
        run = nidus.json("inspect", name)[0]
        found = leftovers(run["id"])
        assert found
        os.kill(run["state"]["monitor_pid"], 9)
        # The lock that says it lives goes with its last descriptor, a moment later.
        for _ in range(200):
            if nidus.json("inspect", name)[0]["state"]["status"] != "running":
                break
            time.sleep(0.02)
        os.unlink(run["folder"] + "/cgroup")
        nidus("gc", check=True)
        assert leftovers(run["id"]) == []
    finally:
        nidus("rm", "-f", name)
        for path in sorted(leftovers("cgt-find"), key=len):
            for folder, _, _ in os.walk(path, topdown=False):
                os.rmdir(folder)


@pytest.mark.parametrize("options, said", [
    (("--memory", "64m", "--memory-swap", "32m"), "--memory-swap"),
    (("--memory-swap", "64m"), "--memory-swap"),
    (("--memory", "64m", "--memory-reservation", "65m"), "--memory-reservation"),
    (("--cpuset-cpus", "0-"), "--cpuset-cpus"),
    (("--cpuset-cpus", "8000"), "--cpuset-cpus"),
    (("--cpus", "0.001"), "--cpus"),
    (("--cpu-period", "5"), "--cpu-period"),
    (("--pids-limit", "99999999"), "--pids-limit"),
    (("--cgroup-conf", "cgroup.procs=0"), "--cgroup-conf"),
    (("--cgroup-parent", "../x", "--pids-limit", "5"), "--cgroup-parent"),
])
def test_wrong_limits_name_the_option(nidus, options, said):
    needs("pids", "memory", "cpuset")
    ran = nidus(*OFF, *options, "/", "true")
    assert ran.returncode == 125
    assert said in ran.stderr.splitlines()[0]


def test_a_parent_of_ones_own(nidus):
    needs("pids")
    parent = "cgt-parent-%d" % os.getpid()
    name = "child-%d" % os.getpid()
    try:
        nidus("run", "-d", "--network", "none", "--name", name, "--cgroup-parent", parent, "/", "sleep", "30", check=True)
        found = groups_of(nidus, name)
        assert found and all("/%s/" % parent in p for p in found)
        nidus("rm", "-f", name, check=True)
        assert not [p for p in found if os.path.exists(p)]
    finally:
        nidus("rm", "-f", name)
        for path in leftovers(parent):
            os.rmdir(path)


def test_device_rules(nidus):
    needs("devices")
    script = "mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg; cat /dev/null && echo fine"
    ran = nidus(*OFF, "--cap-add", "MKNOD", "--cap-add", "SYSLOG", "/", "sh", "-c", script)
    assert "Operation not permitted" in ran.stderr and ran.stdout == "fine\n"
    ran = nidus(*OFF, "--cap-add", "MKNOD", "--cap-add", "SYSLOG", "--device-cgroup-rule", "c 1:11 r",
                "/", "sh", "-c", "mknod /tmp/kmsg c 1 11 && head -c0 /tmp/kmsg && echo fine")
    assert ran.stdout == "fine\n", ran.stderr


def test_a_user_without_cgroups_is_told(user):
    needs("memory")
    ran = user(*OFF, "--memory", "64m", "/", "true")
    assert ran.returncode == 125
    assert "--memory cannot be enforced here" in ran.stderr and "--best-effort" in ran.stderr
    ran = user(*OFF, "--memory", "64m", "--best-effort", "/", "true")
    assert ran.returncode == 0
    assert "warning: --memory: not enforced" in ran.stderr


def test_a_users_pids_limit_holds_without_cgroups(user):
    """RLIMIT_NPROC counts the one id of the container's user namespace."""
    ran = user(*OFF, "--pids-limit", "5", "/", "sh", "-c", "for i in 1 2 3 4 5 6 7; do sleep 1 & done; wait; echo made")
    assert "fork" in ran.stderr and ran.stdout == ""


def test_privileged_container_holds_limited_ones(nidus):
    """Beneath a privileged container the inner limits are groups within its own."""
    needs("pids", "memory", "devices")
    if not v1():
        pytest.skip("the groups looked for are v1's")
    inner = "%s run --rm --network none --memory 32m / sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes; %s'" % (
        nidus.path, "echo >/dev/full || true")
    script = inner + "; find /sys/fs/cgroup -name 'nidus-*'"
    ran = nidus(*OFF, "--privileged", "/", "sh", "-c", script)
    assert re.match(r"33554432\n", ran.stdout), ran.stderr
    assert "nidus-" not in ran.stdout


def test_root_of_a_user_namespace_owns_its_groups_but_not_its_limits(nidus):
    needs("pids", "memory")
    if not v1() or not os.path.exists("/bin/busybox"):
        pytest.skip("the groups looked for are v1's, and /bin/busybox is run in them")
    ids = ("--uidmap", "0:200000:65536", "--gidmap", "0:200000:65536", "--memory", "64m")
    script = """cd /sys/fs/cgroup/pids && mkdir inner && echo 7 >inner/pids.max && echo 0 >inner/tasks && echo made
        echo 9999 >pids.max; echo 999999999 >../memory/memory.limit_in_bytes; cat ../memory/memory.limit_in_bytes"""
    # pytest's own folder is closed to other ids.
    with tempfile.TemporaryDirectory(prefix="nidus-limits-") as root:
        os.chmod(root, 0o755)
        for folder in "proc", "sys", "dev", "etc", "bin":
            os.mkdir(os.path.join(root, folder))
        shutil.copy("/bin/busybox", root + "/bin/sh")
        for applet in "cat", "mkdir":
            os.symlink("sh", root + "/bin/" + applet)
        ran = nidus(*OFF, *ids, "--privileged", root, "/bin/sh", "-c", script)
        # Without --privileged nothing is handed over.
        closed = nidus(*OFF, *ids, root, "/bin/sh", "-c", "mkdir /sys/fs/cgroup/pids/x")
    assert ran.stdout == "made\n67108864\n", ran.stderr
    assert ran.stderr.count("ermission denied") >= 2
    assert "Read-only file system" in closed.stderr


def plan_of(text):
    return {e["need"]: e["rung"] for e in json.loads(text)["plan"]["needs"]}


def test_the_plan_from_facts_is_the_plan_that_is_made(nidus):
    needs("pids", "memory", "cpuset", "cpu")
    options = ("--network", "none", "--memory", "64m", "--cpus", "1", "--cpuset-cpus", "0", "--name", "plan-%d" % os.getpid())
    foreseen = plan_of(nidus("run", "--dry-run", "--json", *options, "/", "true", check=True).stdout)
    nidus("run", *options, "/", "true", check=True)
    run = json.loads(nidus("inspect", options[-1], check=True).stdout)
    made = {e["need"]: e["rung"] for e in (run[0] if isinstance(run, list) else run)["plan"]["needs"]}
    nidus("rm", options[-1], check=True)
    for need in "limit.memory", "limit.cpu", "limit.cpuset", "limit.pids":
        assert foreseen[need] == made[need] == "cgroup"
    assert foreseen["device-rules"] == "v1 devices or v2 BPF program"
    assert made["device-rules"] in ("v1 devices", "v2 BPF program")
    # The nodes are a need of their own.
    assert made["devices"] in ("mknod", "bind from the place")


def test_the_plan_of_a_user_says_what_would_be_refused(user):
    needs("memory")
    ran = user("run", "--dry-run", "--network", "none", "--memory", "64m", "/", "true")
    assert ran.returncode == 125
    assert "--memory cannot be enforced here" in ran.stdout
    ran = user("run", "--dry-run", "--network", "none", "--memory", "64m", "--best-effort", "/", "true")
    assert ran.returncode == 0, ran.stdout
