"""`nidus probe`: what it prints, how names are taken, and that nothing of it is left behind."""
import glob
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest

STATES = {"works", "denied", "absent", "broken", "unknown"}
FACT_KEYS = {"name", "group", "question", "state", "value", "reason", "op", "errno", "errnum", "evidence", "remedy",
             "elapsed_us", "cached", "how", "costly"}


def test_json_follows_the_schema(nidus):
    doc = nidus.json("probe", "--json")
    assert (doc["schema"], doc["schema_version"]) == ("nidus.probe", 1)
    assert set(doc) == {"schema", "schema_version", "nidus", "kernel", "uid", "facts", "count", "elapsed_ms"}
    assert doc["kernel"]["release"] == os.uname().release
    assert doc["uid"] == os.geteuid()
    names = [f["name"] for f in doc["facts"]]
    assert len(names) == len(set(names)) > 60
    for f in doc["facts"]:
        assert set(f) == FACT_KEYS, f["name"]
        assert f["state"] in STATES
        assert f["question"].endswith("?") and f["how"] and f["group"]
        assert f["evidence"], "%s shows no evidence" % f["name"]
        assert (f["errno"] is None) == (f["errnum"] == 0), f
        if f["state"] == "works":
            assert f["reason"] is None and f["remedy"] is None and f["errno"] is None
        else:
            assert f["reason"] and "\n" not in f["reason"], f
    for state in STATES:
        assert doc["count"][state] == sum(f["state"] == state for f in doc["facts"])


def test_the_issues_facts_are_there(nidus):
    listed = {f["name"] for f in nidus.json("probe", "--list", "--json")["facts"]}
    wanted = """userns userns.map.one userns.map.full userns.map.subids userns.setgroups
        ns.mnt ns.pid ns.net ns.ipc ns.uts ns.cgroup ns.time ns.mnt.userns ns.net.userns ns.time.userns
        mount.tmpfs mount.bind mount.proc mount.sysfs mount.cgroup mount.cgroup2 mount.overlay
        mount.overlay.userxattr mount.overlay.on_overlay mount.overlay.stack mount.fuse mount.loop
        mount.erofs.file mount.idmapped open_tree fsopen move_mount mount_setattr pivot_root
        cgroup.version cgroup.create cgroup.delegate cgroup.cpu cgroup.cpuset cgroup.memory cgroup.pids cgroup.io
        cgroup.devices cgroup.clone_into seccomp.filter seccomp.trace seccomp.notify seccomp.addfd
        ptrace process_vm_readv process_vm_writev pidfd_open pidfd_send_signal clone3 openat2
        rlimit.raise oom_score_adj.lower mknod dev.fuse proc_sys.write caps.effective
        io_uring keyring tun.own-netns tun.current-netns veth bridge nft socket.packet socket.raw vsock
        kvm sandbox virt.hypervisor virt.nested entropy reflink quota.project no_new_privs lsm kmsg.read""".split()
    assert not set(wanted) - listed


def test_the_table(nidus):
    done = nidus("probe", check=True)
    lines = done.stdout.splitlines()
    assert "\033" not in done.stdout, "colour without a terminal"
    doc = nidus.json("probe", "--list", "--json")
    shown = [line.split()[0] for line in lines if line.startswith("  ")]
    assert shown == [f["name"] for f in doc["facts"]]
    headings = [line for line in lines[:-1] if line and not line.startswith(" ")]
    assert len(headings) == len(set(headings)), "a heading stands twice"
    # Aligned: every state begins in the same column.
    columns = {re.match(r"  \S+ +", line).end() for line in lines if line.startswith("  ")}
    assert len(columns) == 1
    for line in lines:
        if line.startswith("  ") and line.split()[1] != "works":
            assert len(line.split()) > 2, "no reason: " + line
    assert "facts:" in lines[-1]
    assert max(map(len, lines)) < 200


def test_colour_on_a_terminal_only(nidus):
    script = "%s probe userns" % nidus.path
    env = dict(nidus.env, TERM="xterm")
    env.pop("NO_COLOR", None)
    if not shutil.which("script"):
        pytest.skip("script(1) is not installed")

    def on_terminal(**more):
        return subprocess.run(["script", "-qec", script, "/dev/null"], env=dict(env, **more), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, timeout=20).stdout
    assert "\033[" in on_terminal()
    assert "\033[" not in on_terminal(NO_COLOR="1")
    assert "\033[" not in on_terminal(TERM="dumb")


def names(nidus, *args):
    return [f["name"] for f in nidus.json("probe", "--json", *args)["facts"]]


def test_names_prefixes_and_patterns(nidus):
    assert names(nidus, "mount.overlay") == ["mount.overlay"]
    below = names(nidus, "mount")
    assert "mount.overlay" in below and "mount.tmpfs" in below and "mount_setattr" not in below
    assert names(nidus, "mount.*") == below
    assert names(nidus, "--list", "mount.", "mount.tmpfs") == below, "each fact once"
    # In the order of the table, whatever the order of the words.
    assert names(nidus, "ptrace", "userns") == ["userns", "ptrace"]


def test_a_name_shows_everything(nidus):
    text = nidus("probe", "userns", check=True).stdout
    assert text.startswith("userns: ")
    for label in "question", "tried", "seen", "took":
        assert "\n  %s " % label in text
    # A fact that fails shows the call and the remedy as well.
    doc = nidus.json("probe", "--json")
    failing = next(f for f in doc["facts"] if f["errno"] and f["remedy"] and not f["name"].startswith("vsock"))
    text = nidus("probe", failing["name"], check=True).stdout
    assert "\n  reason " in text and "\n  remedy " in text
    assert "%s (%d)" % (failing["errno"], failing["errnum"]) in text


@pytest.mark.parametrize("name, near", [("mount.ovelay", "mount.overlay"), ("usrns", "userns"), ("overlay", "mount.overlay"),
                                        ("KVM", None), ("", None), ("x" * 5000, None), ("mount..", None),
                                        ("[", None), ("nothing.*", None), ("userns ", "userns")])
def test_unknown_names(nidus, name, near):
    done = nidus("probe", "userns", name)
    assert done.returncode == 125 and done.stdout == ""
    first = done.stderr.splitlines()[0]
    assert first.startswith("nidus: there is no fact '")
    assert near is None or near in first
    assert "--list" in done.stderr


def test_list_asks_nothing(nidus):
    before = set(os.listdir("/proc"))
    done = nidus("probe", "--list", check=True)
    assert "userns.map.subids" in done.stdout and before
    assert not os.path.exists(nidus.state)
    assert "state" not in nidus.json("probe", "--list", "--json")["facts"][0]


def test_check_is_for_scripts(nidus):
    doc = nidus.json("probe", "--json")
    good = next(f["name"] for f in doc["facts"] if f["state"] == "works")
    bad = next(f["name"] for f in doc["facts"] if f["state"] in ("denied", "absent"))
    done = nidus("probe", "--check", good)
    assert (done.returncode, done.stdout) == (0, "")
    done = nidus("probe", "--check", good, bad)
    assert done.returncode == 1 and bad in done.stdout and "  %s " % good not in done.stdout


def test_costly_answers_are_kept(nidus):
    costly = [f["name"] for f in nidus.json("probe", "--list", "--json")["facts"] if f["costly"]]
    assert "kvm" in costly
    first = nidus.json("probe", "--json", *costly)["facts"]
    assert not any(f["cached"] for f in first)
    again = nidus.json("probe", "--json", *costly)["facts"]
    assert all(f["cached"] for f in again if f["state"] != "unknown")
    assert [f["state"] for f in first] == [f["state"] for f in again]
    assert not any(f["cached"] for f in nidus.json("probe", "--json", "--fresh", *costly)["facts"])
    assert os.stat(nidus.state).st_mode & 0o777 == 0o700
    # Another binary is another question.
    copy = os.path.join(os.path.dirname(nidus.state), "nidus-copy")
    shutil.copy(nidus.path, copy)
    os.utime(copy, (1, 1))
    nidus.path = copy
    assert not any(f["cached"] for f in nidus.json("probe", "--json", *costly)["facts"])


@pytest.mark.parametrize("state", ["relative", "/proc/none", "/dev/null", "/"])
def test_a_bad_state_directory_is_no_trouble(nidus, state):
    assert nidus("probe", "kvm", env={"NIDUS_STATE_DIR": state}).returncode == 0


def listing(*folders):
    found = set()
    for folder in folders:
        for path, dirs, files in os.walk(folder):
            # Of others, who work here at the same time.
            dirs[:] = [d for d in dirs if not d.startswith(("pytest-", "bash_jobs"))]
            found |= {os.path.join(path, name) for name in dirs + files if not name.startswith("cc")}
    return found


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return None


def picture(exe):
    """All that a trial could leave behind."""
    tunables = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/hostname", "vm/max_map_count",
                "net/ipv4/ip_forward", "kernel/shmmax"]
    cgroups = {path for path, _, _ in os.walk("/sys/fs/cgroup")}
    return {
        "mounts": read("/proc/self/mountinfo"),
        "cgroups": cgroups,
        "controllers": {p: read(p + "/cgroup.subtree_control") for p in cgroups},
        "links": set(os.listdir("/sys/class/net")) if os.path.isdir("/sys/class/net") else None,
        "shm": read("/proc/sysvipc/shm"),
        "files": listing("/tmp", "/var/tmp", "/run", "/dev/shm", "/dev/mapper"),
        "loops": {p: read(p) for p in glob.glob("/sys/block/loop*/loop/backing_file")},
        "loop devices": len(glob.glob("/sys/block/loop*")),
        "tunables": {t: read("/proc/sys/" + t) for t in tunables},
        "nft": subprocess.run(["nft", "list", "tables"], stdout=subprocess.PIPE, text=True).stdout
        if shutil.which("nft") else None,
        "processes": processes(exe),
    }


def processes(exe):
    found = set()
    for path in glob.glob("/proc/[0-9]*/exe"):
        try:
            if os.readlink(path).startswith(exe):
                found.add(path)
        except OSError:
            pass
    return found


def differences(before, after):
    return {key: (sorted(after[key] ^ before[key]) if isinstance(after[key], set) else (before[key], after[key]))
            for key in before if before[key] != after[key]}


def own_copy(nidus, tmp_path):
    """A binary that nobody else runs, so that its processes are known."""
    nidus.path = shutil.copy(nidus.path, str(tmp_path / "nidus-probed"))
    return nidus.path


def test_nothing_is_left_behind(nidus, tmp_path):
    exe = own_copy(nidus, tmp_path)
    nidus("probe", check=True)  # makes the state directory
    for attempt in range(12):
        # Others may change the machine meanwhile: one quiet round is proof enough.
        before = picture(exe)
        nidus("probe", "--fresh", check=True)
        left = differences(before, picture(exe))
        if not left:
            return
    pytest.fail("left behind: %s" % json.dumps(left, indent=1, default=str)[:4000])


@pytest.mark.skipif("NIDUS_SANITIZED" in os.environ, reason="the sanitizers' own work is no trial's")
def test_a_kill_at_any_moment_leaves_nothing(nidus, tmp_path):
    """SIGKILL to nidus probe: its trials end by themselves, and the next one sweeps up."""
    exe = own_copy(nidus, tmp_path)
    nidus("probe", check=True)
    dice = random.Random(4)
    for _ in range(25):
        child = nidus.popen("probe", "--fresh", stdout=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.001, 0.25))
        child.send_signal(signal.SIGKILL)
        child.wait()
    until = time.monotonic() + 10
    while processes(exe) and time.monotonic() < until:
        time.sleep(0.05)
    assert not processes(exe)
    nidus("probe", "cgroup", check=True)
    left = [p for p, _, _ in os.walk("/sys/fs/cgroup") if "nidus-probe-" in p]
    # Whatever is there now belongs to somebody else's probe, and goes away.
    time.sleep(1)
    assert not [p for p in left if os.path.exists(p)]
    assert not glob.glob("/tmp/nidus-probe*")


def test_few_descriptors_and_processes(nidus):
    def few(which, n):
        return lambda: resource.setrlimit(which, (n, n))
    for n in 4, 6, 12, 40:
        done = nidus("probe", "--json", preexec_fn=few(resource.RLIMIT_NOFILE, n))
        assert done.returncode in (0, 125), done.stderr
        assert done.stdout if done.returncode == 0 else done.stderr.startswith("nidus: ")
    if os.geteuid() == 0 and shutil.which("setpriv"):
        # root is not bound by RLIMIT_NPROC.
        path = "/tmp/nidus-probe-test-%d" % os.getpid()
        shutil.copy(nidus.path, path)
        os.chmod(path, 0o755)
        try:
            for n in 0, 1, 3:
                done = subprocess.run(["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups",
                                       "prlimit", "--nproc=%d" % n, path, "probe", "userns"],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                                      env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))  # it forks for that
                assert done.returncode in (0, 125), done.stderr
                assert done.stdout or done.stderr
        finally:
            os.unlink(path)


def test_closed_standard_descriptors(nidus):
    done = subprocess.run(["sh", "-c", 'exec "$0" probe --json userns ptrace 0<&- 2>&-', nidus.path], env=nidus.env,
                          stdout=subprocess.PIPE, text=True, timeout=60)
    assert [f["state"] for f in json.loads(done.stdout)["facts"]] == ["works"] * 2 or done.stdout


def test_a_frozen_leftover_is_swept(nidus):
    """What a killed trial left frozen does not even die of SIGKILL; the next probe thaws and removes it."""
    answer = nidus.json("probe", "--json", "cgroup.freezer")["facts"][0]
    if answer["state"] != "works" or answer["value"] != "v1" or not os.access("/sys/fs/cgroup/freezer", os.W_OK):
        pytest.skip("cgroup.freezer: %s %s %s" % (answer["state"], answer["value"], answer["reason"]))
    parent = answer["evidence"].split("beneath ")[1].split(" ")[0]
    path = "%s/nidus-probe-test%d" % (parent, os.getpid())
    os.mkdir(path)
    with subprocess.Popen(["sleep", "100"]) as child:
        for name, value in ("tasks", str(child.pid)), ("freezer.state", "FROZEN"):
            with open(path + "/" + name, "w") as f:
                f.write(value)
        assert nidus("probe", "cgroup.freezer", check=True)
        assert child.wait(5) == -signal.SIGKILL
    assert not os.path.exists(path)


def test_an_answer_that_nobody_gets(nidus):
    with open("/dev/full", "w") as full:
        done = subprocess.run([nidus.path, "probe", "userns"], env=nidus.env, stdout=full, stderr=subprocess.PIPE,
                              text=True, timeout=60)
    assert done.returncode == 125
    assert "No space left on device" in done.stderr
