"""nidus in nidus in nidus: three levels, each with its own root, processes and network; real
software runs in the innermost, and nothing of the machine changes."""
import glob
import os
import pwd
import re
import shlex
import subprocess

import pytest

PG = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
POSTGRES = ("cd /tmp && %(b)s/initdb -D /tmp/pg >/tmp/init.log 2>&1 && "
            "%(b)s/pg_ctl -D /tmp/pg -w -l /tmp/pg.log -o '-k /tmp' start >/dev/null && "
            "psql -h /tmp -tAc 'select 40+2' postgres && %(b)s/pg_ctl -D /tmp/pg -m fast stop >/dev/null")


def level(nidus_path, *args):
    return ["env", "NIDUS_STATE_DIR=/tmp/s", "NIDUS_STORE_DIR=/tmp/d", nidus_path, "run", "--rm", *args, "/"]


def three(nidus, network, inner_options=(), outer="/nidus"):
    """The words before the innermost command; every level brings the program in by a volume."""
    outermost = [nidus.path, "run", "--rm", "--privileged", "--network", network, "-v", nidus.path + ":/nidus:ro", "/"]
    middle = level("/nidus", "--privileged", "--network", network, "-v", "/nidus:/nidus:ro")
    return outermost + middle + level("/nidus", "--network", network, *inner_options)


def run(words, env=None, user=None, timeout=100):
    if user:
        words = ["su", "-", user, "-c", " ".join(shlex.quote(w) for w in words)]
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=env, timeout=timeout)


@pytest.fixture
def root(nidus):
    if os.geteuid():
        pytest.skip("these nests are made by root")
    done = nidus("run", "--rm", "--network", "none", "/", "true")
    if done.returncode:
        pytest.skip("no container here: " + done.stderr.strip())


@pytest.fixture
def user(root, nidus):
    """An ordinary user with subordinate ids, made for the test."""
    facts = nidus.json("probe", "--json", "userns")["facts"]
    if facts[0]["state"] != "works":
        pytest.skip("userns is %(state)s: %(reason)s" % facts[0])
    if not os.access("/usr/bin/newuidmap", os.X_OK):
        pytest.skip("no newuidmap (package uidmap)")
    name = "ndnest%d" % os.getpid()
    subprocess.run(["useradd", "-m", name], check=True)
    try:
        yield name
    finally:
        subprocess.run(["pkill", "-KILL", "-u", name])
        subprocess.run(["userdel", "-r", name], stderr=subprocess.DEVNULL)


def machine():
    """What a nest must leave as it was."""
    def lines(*args):
        return sorted(subprocess.run(args, stdout=subprocess.PIPE, text=True).stdout.splitlines())
    mounts = sorted(line.split(" ", 4)[4] for line in open("/proc/self/mountinfo"))
    return {"mounts": mounts, "links": lines("ip", "-o", "link"), "tables": lines("nft", "list", "tables"),
            "netns": lines("ip", "netns"), "routes": lines("ip", "route")}


def test_three_levels_as_root(nidus, root):
    before = machine()
    done = run(three(nidus, "bridge") + ["sh", "-c", "echo $$; id -u; ip -o -4 address show eth0"], nidus.env)
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert words[:2] == ["1", "0"]
    assert machine() == before


def test_each_level_has_a_subnet_of_its_own(nidus, root):
    show = "ip -o -4 address show eth0"
    inner = " ".join(shlex.quote(w) for w in level("/nidus", "--network", "bridge") + ["sh", "-c", show])
    done = run([nidus.path, "run", "--rm", "--privileged", "--network", "bridge", "-v", nidus.path + ":/nidus:ro", "/",
                "sh", "-c", "%s; %s" % (show, inner)], nidus.env)
    assert done.returncode == 0, done.stderr
    nets = re.findall(r"inet (\d+\.\d+)\.", done.stdout)
    assert len(nets) == 2 and nets[0] != nets[1], done.stdout


def test_exit_status_passes_through(nidus, root):
    assert run(three(nidus, "none") + ["sh", "-c", "exit 23"], nidus.env).returncode == 23
    assert run(three(nidus, "none") + ["no-such-program"], nidus.env).returncode == 127


@pytest.mark.limit(240)
def test_apt_get_in_the_third_level(nidus, root):
    here = run(["apt-get", "install", "-y", "--download-only", "--reinstall", "hostname"])
    if here.returncode:
        pytest.skip("apt-get does not reach a package here: " + here.stderr.strip()[-200:])
    done = run(three(nidus, "bridge") + ["sh", "-c", "apt-get update -qq >/dev/null 2>&1; apt-get install -y -qq "
               "--no-install-recommends --reinstall hostname >/tmp/log 2>&1 && hostname -V || { cat /tmp/log; exit 1; }"],
               nidus.env, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


def test_postgresql_in_the_third_level(nidus, root):
    if not PG:
        pytest.skip("no PostgreSQL server (package postgresql)")
    done = run(three(nidus, "none", ["-u", "postgres", "-e", "HOME=/tmp"]) + ["sh", "-c", POSTGRES % {"b": PG[-1]}],
               nidus.env)
    assert done.stdout.strip() == "42", done.stdout + done.stderr


def in_home(nidus, user):
    """A copy of the program that an ordinary user can execute."""
    path = os.path.join(pwd.getpwnam(user).pw_dir, "nidus")
    subprocess.run(["install", "-m", "755", nidus.path, path], check=True)

    class Here:
        pass
    here = Here()
    here.path = path
    return here


def test_three_levels_as_a_user(nidus, user):
    before = machine()
    done = run(three(in_home(nidus, user), "none") + ["sh", "-c", "echo $$; id -u"], user=user)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "0"]
    assert machine() == before


def test_postgresql_in_the_third_level_of_a_user(nidus, user):
    if not PG:
        pytest.skip("no PostgreSQL server (package postgresql)")
    words = three(in_home(nidus, user), "none", ["-u", "postgres", "-e", "HOME=/tmp"])
    done = run(words + ["sh", "-c", POSTGRES % {"b": PG[-1]}], user=user)
    assert done.stdout.strip() == "42", done.stdout + done.stderr
