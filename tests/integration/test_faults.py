"""SIGKILL at random moments to nidus, its monitor, the workload (the short version), and
no descriptors, processes, memory or disk to be had.

tests/long/test_faults_long.py does the same some hundred times.
"""
import contextlib
import os
import random
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
import faults  # noqa: E402
import runs as runs_module  # noqa: E402
from runs import runs  # noqa: E402, F401


@pytest.fixture
def rounds(nidus):
    done = nidus("run", "--rm", "--network", "none", "/", "true")
    if done.returncode:
        pytest.skip("no container here: %s" % done.stderr.strip())
    return faults.Rounds(nidus, random.randrange(1 << 30), 0)


@pytest.mark.limit(240)
def test_kills_at_random_moments(rounds):
    for _ in range(45):
        rounds.round()
    print(rounds.counts)


@pytest.mark.limit(240)
def test_kills_with_a_network(rounds):
    rounds.network = 1
    for _ in range(15):
        rounds.round()
    print(rounds.counts)


def ulimit(nidus, command, *args):
    """nidus under a limit of the shell's, as `ulimit -n 8`."""
    script = command + '; exec "$0" "$@"'
    return subprocess.run(["bash", "-c", script, nidus.path, *args], env=nidus.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


@pytest.mark.skipif("NIDUS_SANITIZED" in os.environ, reason="the sanitizers want descriptors of their own")
def test_few_descriptors(runs):
    good = bad = 0
    for limit in [*range(3, 20), 24, 32, 64]:
        for args in ["--rm"], ["-d", "--rm"], ["-d"], ["--rm", "--ready", "log:x", "--ready-timeout", "100ms"]:
            done = ulimit(runs.nidus, "ulimit -n %d" % limit, "run", *args, "--network", "none", "/", "true")
            assert done.returncode in (0, 125, 126), (limit, args, done)
            if done.returncode == 0:
                good += 1
            else:
                bad += 1
                assert done.stderr.startswith("nidus: ") and "\n" in done.stderr
    assert good and bad
    runs.nidus("gc", check=True)


def test_no_processes_to_be_had(runs):
    """A user's limit of processes does not bind root: a user namespace's own id is counted."""
    for limit in 0, 1, 2, 3:
        for args in ["--rm"], ["-d"]:
            done = ulimit(runs.nidus, "ulimit -u %d" % limit, "run", *args, "--network", "none", "/", "true")
            assert done.returncode in (0, 125), done
    runs.nidus("gc", check=True)


@pytest.fixture
def small_disk(nidus, tmp_path):
    """A state directory of some kilobytes."""
    if os.geteuid():
        pytest.skip("a small disk is a mount, which wants root")
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "nidus-test", str(disk)],
                          stderr=subprocess.PIPE, text=True)
    if done.returncode:
        pytest.skip("no tmpfs can be mounted here: %s" % done.stderr.strip())
    nidus.state = str(disk / "state")
    nidus.env["NIDUS_STATE_DIR"] = nidus.state
    yield disk
    nidus("rm", "-f", "--all")
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk):
    with open(disk / "fill", "wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(b"x" * 1024):
            pass


def test_full_state_disk(nidus, small_disk):
    run = ["run", "--network", "none"]
    if nidus(*run, "--rm", "/", "true").returncode:
        pytest.skip("no container here")
    before = nidus(*run, "-d", "--name", "before", "/", "sleep", "1000", check=True).stdout.strip()
    fill(small_disk)
    for args in ["--rm"], ["-d"], []:
        done = nidus(*run, *args, "/", "true")
        assert done.returncode == 125 and "No space left" in done.stderr, done
    # What ran goes on, and can be asked and ended; its end is known, though no block was free.
    assert [r["id"] for r in nidus.json("ps", "-a", "--json")] == [before]
    assert nidus("exec", "before", "echo", "alive", check=True).stdout == "alive\n"
    nidus("stop", "before", check=True)
    assert nidus("wait", "before", check=True).stdout == "137\n"
    nidus("rm", "before", check=True)
    nidus("gc", check=True)
    assert not os.listdir(os.path.join(nidus.state, "runs"))
    os.unlink(small_disk / "fill")
    # A log that fills the disk loses lines and nothing else.
    assert nidus(*run, "--name", "chatty", "/", "sh", "-c", "seq 100000; exit 4").returncode == 4
    assert nidus("logs", "--tail", "1", "chatty", check=True).stdout.strip().isdigit()
    assert nidus("wait", "chatty", check=True).stdout == "4\n"
    runs_module.finish(nidus)


def test_tiny_memory_limits(runs):
    for limit in "4k", "64k", "1m", "2m":
        done = runs.run("--rm", "--memory", limit, "/", "true")
        assert done.returncode in (0, 125, 137), done
        runs.run("-d", "--memory", limit, "/", "sleep", "1000")
    runs.nidus("ps", "-a", check=True)
