"""Cgroups made by container/cgroup.h: limits hold, rules refuse, nothing is left; in each kind of place.

`cgroup-tool` makes the groups and runs one command in them, without the rest of a container."""
import json
import os
import re
import subprocess
import time
import uuid

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("NIDUS_BUILD_DIR", os.path.join(ROOT, "build"))
TOOL = os.path.join(BUILD, "tests/integration/cgroup-tool")

UNKNOWN = 2 ** 64 - 1

# Views of /sys/fs/cgroup, made inside a mount namespace of the test's own.
VIEWS = {
    "host": ":",
    "v1": """v=$(mktemp -d); mount -t tmpfs -o mode=755 none $v
        for d in /sys/fs/cgroup/*/; do n=$(basename $d); [ $(stat -f -c %T $d) = cgroupfs ] || continue
            mkdir $v/$n; mount --bind $d $v/$n; done
        umount -R /sys/fs/cgroup; mount --move $v /sys/fs/cgroup; rmdir $v""",
    "v2": "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup",
    "read-only": """for m in $(awk '$5 ~ "^/sys/fs/cgroup" { print $5 }' /proc/self/mountinfo | sort -r); do
        mount -o remount,bind,ro $m; done""",
    "none": "umount -R /sys/fs/cgroup",
    "elsewhere": """mkdir -p /run/cgt && mount -t tmpfs none /run/cgt
        for m in $(awk '$5 ~ "^/sys/fs/cgroup/" { print $5 }' /proc/self/mountinfo); do
            mkdir "/run/cgt/my $(basename $m)"; mount --move $m "/run/cgt/my $(basename $m)" || exit 1; done""",
}


class Ran:
    def __init__(self, done, name):
        self.code, self.err, self.name = done.returncode, done.stderr, name
        lines = done.stdout.splitlines()
        self.json = json.loads(lines.pop()) if self.code == 0 else None
        self.out = "\n".join(lines)

    def rung(self, need):
        return next((e["rung"] for e in self.json["plan"]["needs"] if e["need"] == need), None)


def tool(*args, view="host", wrap=(), check=True, **options):
    name = "cgt" + uuid.uuid4().hex[:12]
    argv = [*wrap, TOOL, name]
    for key, value in options.items():
        argv += ["--" + key.rstrip("_").replace("_", "-"), str(value)]
    argv += ["--", *args]
    if view != "host":
        argv = ["unshare", "-m", "sh", "-c", 'set -e; mount --make-rprivate /; %s; exec "$@"' % VIEWS[view],
                "sh", *argv]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)
    ran = Ran(done, name)
    assert leftovers(name) == []
    if check:
        assert ran.code == 0, done.stderr
        assert ran.json["remove"] is None and ran.json["left"] in (0, -1)
    return ran


def leftovers(name):
    found = []
    for folder, folders, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(folder, f) for f in folders if name in f]
    return found


def mounts():
    with open("/proc/self/mountinfo") as f:
        return [line.split() for line in f if " - cgroup" in line]


def controllers():
    """Controllers that this test can have, as the kernel lists them."""
    found = set()
    for m in mounts():
        kind, options = m[m.index("-") + 1], m[-1].split(",")
        if not os.access(m[4], os.W_OK) or "ro" in m[5].split(","):
            continue
        if kind == "cgroup":
            found |= set(options)
        else:
            with open(os.path.join(m[4], "cgroup.controllers")) as f:
                found |= set(f.read().split())
                found |= {"devices", "cpuacct"}
    return found


def needs(*names):
    lacking = set(names) - controllers()
    if os.geteuid() or lacking:
        pytest.skip("not root" if os.geteuid() else "no writable cgroup controller: " + ", ".join(sorted(lacking)))


def v1():
    return any(m[m.index("-") + 1] == "cgroup" and "pids" in m[-1].split(",") for m in mounts())


# --- limits hold ---------------------------------------------------------------------


def test_memory_limit_kills():
    needs("memory")
    ran = tool("sh", "-c", "head -c 200000000 /dev/zero | tail", memory="16m", memory_swap="16m")
    assert ran.json["oom"] >= 1
    assert ran.json["status"] == 137 or "Killed" in ran.err
    assert ran.json["stats"]["memory_limit"] == 16 << 20
    assert ran.json["stats"]["oom_kills"] == ran.json["oom"]


def test_two_mebibytes_are_enough_to_start():
    needs("memory")
    assert tool("true", memory="2m").json["status"] == 0


def test_memory_limit_is_changed():
    needs("memory")
    ran = tool("sleep", "0.2", memory="64m", update_memory="128m")
    assert ran.json["update"] is None
    assert ran.json["stats"]["memory_limit"] == 128 << 20
    if v1():
        ran = tool("sleep", "0.2", memory="64m", memory_swap="64m", update_memory="128m")
        assert "--memory-swap" in json.dumps(ran.json["update"])


def test_limit_without_a_group_cannot_be_changed():
    needs("pids")
    ran = tool("sleep", "0.2", pids=5, update_memory="32m")
    assert "--memory: the container has no memory cgroup" in json.dumps(ran.json["update"])


def test_pids_limit_refuses_fork():
    needs("pids")
    ran = tool("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo made", pids=5, check=False)
    assert "fork" in ran.err and ran.out == ""
    assert ran.json["left"] == 4 and ran.json["remove"] is None
    assert ran.json["stats"]["pids_limit"] == 5


def test_cpu_quota_throttles():
    needs("cpu")
    ran = tool("timeout", "0.4", "sh", "-c", "while :; do :; done", quota=5000, period=50000)
    assert ran.json["stats"]["throttled"] > 0


def test_cpuset_pins():
    needs("cpuset")
    last = max(os.sched_getaffinity(0))
    ran = tool("grep", "Cpus_allowed_list", "/proc/self/status", cpus=last)
    assert ran.out.split() == ["Cpus_allowed_list:", str(last)]


def test_cpuset_that_the_place_lacks():
    needs("cpuset")
    ran = tool("true", cpus="0-500", check=False)
    assert ran.code == 3
    assert "--cpuset-cpus: 0-500 is not within" in ran.err


def test_device_rules_refuse():
    needs("devices")
    script = "echo x >/dev/null && head -c1 /dev/zero | wc -c; cat /dev/full; echo >/dev/full"
    ran = tool("sh", "-c", script, rules=1)
    assert ran.out == "1"
    assert len(re.findall("/dev/full: Operation not permitted", ran.err)) == 2
    assert ran.rung("device-rules") in ("v1 devices", "v2 BPF program")


def test_device_rules_within_narrower_rules():
    """An allowance wider than what the place has is cut to what it has."""
    needs("devices")
    if not v1():
        pytest.skip("the narrower rules around us are made on cgroup v1 here")
    base = "/sys/fs/cgroup/devices/cgt-narrow-%s" % uuid.uuid4().hex[:8]
    os.mkdir(base)
    try:
        for file, text in ("deny", "a"), ("allow", "c 1:3 rw"), ("allow", "c 1:5 r"), ("allow", "c 136:* rw"):
            with open("%s/devices.%s" % (base, file), "w") as f:
                f.write(text)
        ran = tool("sh", "-c", "echo x >/dev/null && echo >/dev/zero; cat /dev/urandom",
                   wrap=("sh", "-c", 'echo 0 >%s/tasks; exec "$@"' % base, "sh"), rules=1)
        assert ran.rung("device-rules") == "v1 devices"
        assert "/dev/zero: Operation not permitted" in ran.err
        assert "/dev/urandom: Operation not permitted" in ran.err
        assert "/dev/null" not in ran.err
    finally:
        os.rmdir(base)


def test_what_processes_use_where_nothing_accounts_it():
    needs("pids")
    ran = tool("sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 5", pids=50, kill=1)
    stats = ran.json["stats"]
    assert stats["pids"] >= 1
    assert 0 < stats["cpu_ns"] < 10 ** 10
    assert stats["memory"] not in (0, UNKNOWN)


# --- the end -------------------------------------------------------------------------


def test_kill_outruns_a_fork_bomb():
    needs("pids")
    ran = tool("sh", "-c", "f() { sleep 9 & f & f & wait; }; f", pids=300, kill=1)
    assert ran.json["kill"] is None
    assert ran.json["stats"]["pids"] > 20


def test_groups_made_inside_are_removed():
    needs("pids", "devices")
    if not v1():
        pytest.skip("pids is not a v1 controller here")
    script = """cd /sys/fs/cgroup/pids/nidus-*"$1"* && mkdir -p a/b/c d && sleep 5 & sleep 0.2
        echo $! >/sys/fs/cgroup/pids/nidus-*"$1"*/a/b/cgroup.procs; exit 0"""
    name = "cgt" + uuid.uuid4().hex[:12]
    done = subprocess.run([TOOL, name, "--pids", "50", "--rules", "1", "--", "sh", "-c", script, "sh", name],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["left"] == 1 and answer["remove"] is None
    assert leftovers(name) == []


def test_left_by_a_killed_run_is_taken_over():
    needs("pids")
    name = "cgt" + uuid.uuid4().hex[:12]
    first = subprocess.Popen([TOOL, name, "--pids", "50", "--", "sleep", "60"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True)
    try:
        for _ in range(500):
            found = leftovers(name)
            if found and open(found[0] + "/cgroup.procs").read().strip():
                break
            time.sleep(0.01)
        first.kill()
        busy = subprocess.run([TOOL, name, "--pids", "50", "--", "true"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        assert busy.returncode == 3
        assert "[cgroup-busy]" in busy.stderr and "earlier run" in busy.stderr
    finally:
        os.killpg(first.pid, 9)
        first.wait()
    while open(found[0] + "/cgroup.procs").read().strip():
        time.sleep(0.01)
    again = subprocess.run([TOOL, name, "--pids", "50", "--", "true"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    assert again.returncode == 0, again.stderr
    assert leftovers(name) == []


# --- requests that cannot be kept ----------------------------------------------------


@pytest.mark.parametrize("view", ["v2", "read-only", "none"])
def test_a_limit_that_cannot_be_enforced_is_an_error(view):
    needs("memory")
    if view == "v2" and not v1():
        pytest.skip("memory is a v2 controller here")
    ran = tool("true", view=view, memory="64m", check=False)
    assert ran.code == 3
    assert "--memory cannot be enforced here" in ran.err
    assert "[limit-unenforceable]" in ran.err and "--best-effort" in ran.err


@pytest.mark.parametrize("view", ["read-only", "none"])
def test_best_effort_goes_on_with_a_warning(view):
    needs("memory")
    ran = tool("sh", "-c", "grep Cpus_allowed_list /proc/self/status", view=view, memory="64m", cpus=0, best_effort=1,
               rules=1)
    assert len(ran.json["plan"]["warnings"]) == 2
    assert ran.rung("cgroup") == "none"
    assert ran.rung("limit.memory") == "none"
    assert ran.rung("device-rules") == "nodes alone"
    # A start on the CPUs that were asked for is what is left of a cpuset.
    assert ran.rung("limit.cpuset") == "sched_setaffinity"
    assert ran.out.split()[-1] == "0"


def test_a_default_limit_is_no_error():
    needs("pids")
    ran = tool("true", view="none", pids=2048, pids_soft=1)
    assert ran.json["plan"]["warnings"] == []
    assert ran.rung("limit.pids") == "none"


@pytest.mark.parametrize("view", ["host", "v1"])
def test_keys_of_v2_need_v2(view):
    needs("pids")
    if not v1():
        pytest.skip("pids is a v2 controller here")
    ran = tool("true", view=view, unified="memory.high=64M", check=False)
    assert ran.code == 3 and "[limit-unenforceable]" in ran.err


def test_core_keys_of_v2():
    needs("pids")
    ran = tool("sh", "-c", "cat /sys/fs/cgroup/cgroup.max.depth /sys/fs/cgroup$(sed -n s/^0:://p /proc/1/cgroup)/x;"
                           "sed -n s/^0:://p /proc/self/cgroup", view="v2", unified="cgroup.max.depth=3")
    assert ran.out.splitlines()[-1] == "/"
    assert ran.rung("cgroup") == "v2"


# --- places --------------------------------------------------------------------------


def test_mounts_in_unusual_places_are_found():
    needs("pids", "devices")
    if not v1():
        pytest.skip("the view is made from v1 hierarchies")
    ran = tool("true", view="elsewhere", pids=50, rules=1)
    assert ran.rung("cgroup") == "v1"
    assert "/run/cgt/my pids/nidus-" in ran.json["groups"]


def test_device_rules_by_bpf_on_v2():
    needs("devices")
    script = "cat /dev/null; echo >/dev/full; [ -c /dev/full ] && echo there"
    ran = tool("sh", "-c", script, view="v2", rules=1, check=False)
    assert ran.code == 0, ran.err
    if ran.rung("device-rules") != "v2 BPF program":
        left = next(e for e in ran.json["plan"]["needs"] if e["need"] == "device-rules")["left"]
        pytest.skip("device filters are refused here: %s" % left)
    assert "/dev/full: Operation not permitted" in ran.err and "/dev/null" not in ran.err
    assert ran.out == "there"
    # Attached three times more: one filter of ours, and the stranger's.
    assert ran.json["rules_again"] is None and ran.json["filters"] == 2


USER = ("setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups")


@pytest.mark.parametrize("wrap", [USER, (*USER, "unshare", "-Ur")])
def test_user_without_a_delegated_group(wrap):
    needs("pids")
    ran = tool("true", wrap=wrap, memory="64m", check=False)
    assert ran.code == 3 and "[limit-unenforceable]" in ran.err
    assert "Permission denied" in ran.err
    ran = tool("true", wrap=wrap, rules=1, pids=50, pids_soft=1)
    assert ran.rung("device-rules") == "nodes alone" and ran.rung("limit.pids") == "none"


def test_root_of_a_user_namespace_that_is_root_outside():
    """Groups are root's to make; device rules want the first user namespace."""
    needs("memory", "devices")
    ran = tool("true", wrap=("unshare", "-Ur"), memory="64m", rules=1)
    assert ran.json["stats"]["memory_limit"] == 64 << 20
    assert ran.rung("device-rules") == "nodes alone"


def test_group_delegated_to_a_user():
    needs("pids")
    if not v1():
        pytest.skip("pids is a v2 controller here")
    base = "/sys/fs/cgroup/pids/cgt-user-%s" % uuid.uuid4().hex[:8]
    os.mkdir(base)
    try:
        os.chown(base, 12345, 12345)
        for f in "tasks", "cgroup.procs":
            os.chown(os.path.join(base, f), 12345, 12345)
        wrap = ("sh", "-c", 'echo 0 >%s/tasks; exec "$@"' % base, "sh", *USER)
        ran = tool("true", wrap=wrap, pids=7)
        assert "%s/nidus-" % base in ran.json["groups"]
        assert ran.json["stats"]["pids_limit"] == 7
    finally:
        os.rmdir(base)


# --- places in a v2 tree -------------------------------------------------------------


@pytest.fixture
def group():
    """A v2 group of the test's own, with a controller that can be switched on beneath it."""
    found = [m for m in mounts() if m[m.index("-") + 1] == "cgroup2" and os.access(m[4], os.W_OK)]
    if os.geteuid() or not found:
        pytest.skip("no writable cgroup2 mount")
    top = found[0][4]
    if "hugetlb" not in read(top + "/cgroup.controllers").split():
        pytest.skip("hugetlb is not a v2 controller here")
    before = read(top + "/cgroup.subtree_control")
    with open(top + "/cgroup.subtree_control", "w") as f:
        f.write("+hugetlb")
    base = "%s/cgt-%s" % (top, uuid.uuid4().hex[:8])
    os.mkdir(base)
    yield base
    for folder, _, _ in os.walk(base, topdown=False):
        os.rmdir(folder)
    if "hugetlb" not in before:
        with open(top + "/cgroup.subtree_control", "w") as f:
            f.write("-hugetlb")


def read(path):
    with open(path) as f:
        return f.read()


HUGE = "hugetlb.2MB.max=2097152"


def inside(base, rest='exec "$@"'):
    return ("sh", "-c", "echo 0 >%s/cgroup.procs; %s" % (base, rest), "sh")


def path_of(ran):
    return ran.json["groups"].split(" ", 2)[2].strip()


def test_alone_in_a_group_we_step_into_a_leaf(group):
    ran = tool("true", wrap=inside(group), unified=HUGE)
    assert ran.rung("cgroup") == "v2 leaf"
    assert path_of(ran) == "%s/nidus-%s" % (group, ran.name)
    # The next one starts from the leaf and builds beside it.
    ran = tool("true", wrap=inside(group + "/nidus-supervisor"), unified=HUGE)
    assert ran.rung("cgroup") == "v2"
    assert path_of(ran) == "%s/nidus-%s" % (group, ran.name)


def test_among_others_we_build_above_and_move_nobody(group):
    ran = tool("true", wrap=inside(group, '"$@"; true'), unified=HUGE)
    assert ran.rung("cgroup") == "v2 above"
    assert path_of(ran) == "%s/nidus-%s" % (os.path.dirname(group), ran.name)
    assert os.listdir(group) == [f for f in os.listdir(group) if not os.path.isdir(os.path.join(group, f))]


def test_controllers_are_handed_down_to_us(group):
    """Our own group lacks the controller: we do not leave it, and the limits on it, for that."""
    with open(os.path.dirname(group) + "/cgroup.subtree_control", "w") as f:
        f.write("-hugetlb")
    ran = tool("true", wrap=inside(group), unified=HUGE)
    assert ran.rung("cgroup") == "v2 leaf"
    assert path_of(ran) == "%s/nidus-%s" % (group, ran.name)


def test_others_of_a_delegated_group_are_moved(group):
    os.setxattr(group, "trusted.delegate", b"1")
    ran = tool("true", wrap=inside(group, '"$@"; true'), unified=HUGE)
    assert ran.rung("cgroup") == "v2 leaf"


def test_root_of_a_cgroup_namespace_is_ours(group):
    view = "mount --make-rprivate / && umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"
    wrap = inside(group, "unshare -C -m sh -c '%s && \"$@\"; sed -n s/^0:://p /proc/self/cgroup >&2' sh \"$@\"" % view)
    ran = tool("true", wrap=wrap, unified=HUGE)
    assert ran.rung("cgroup") == "v2 leaf"
    assert path_of(ran) == "/sys/fs/cgroup/nidus-" + ran.name
    assert ran.err == "/nidus-supervisor\n"


def test_place_that_a_cgroup_namespace_hides(group):
    """A mount from outside the namespace does not say where in it we are: nothing is made there."""
    ran = tool("true", wrap=inside(group, 'exec unshare -C "$@"'), unified=HUGE, check=False)
    assert ran.code == 3 and "cgroup2 is not mounted here" in ran.err


def test_beneath_a_threaded_group_nothing_can_be_held(group):
    with open(group + "/cgroup.type", "w") as f:
        f.write("threaded")
    ran = tool("true", wrap=inside(group), unified="cgroup.max.depth=3")
    assert ran.rung("cgroup") == "v2 above"
    left = next(e for e in ran.json["plan"]["needs"] if e["need"] == "cgroup")["left"]
    assert "the group above it is threaded" in left[0]["reason"]


# --- the container's view ------------------------------------------------------------


def test_view_shows_only_what_is_ours(tmp_path):
    needs("pids", "devices")
    if not v1():
        pytest.skip("the view is expected to have v1 hierarchies")
    script = """cd "$1"; echo *; cat pids/pids.max; cat pids/cgroup.procs | wc -l; mkdir pids/x 2>&1; mkdir x 2>&1
        grep -c " $1/pids .*nosuid,nodev,noexec.* - cgroup cgroup" /proc/self/mountinfo
        awk -v p="$1/pids" '$5 == p { print "root", $4 }' /proc/self/mountinfo"""
    ran = tool("sh", "-c", script, "sh", str(tmp_path), pids=33, rules=1, view_=str(tmp_path))
    lines = ran.out.splitlines()
    assert lines[0] == "devices pids"
    assert lines[1] == "33"
    assert "Read-only file system" in lines[3] and "Read-only file system" in lines[4]
    assert lines[5:] == ["1", "root /"]


def test_privileged_view_is_whole_and_writable(tmp_path):
    needs("pids", "devices")
    if not v1():
        pytest.skip("the view is expected to have v1 hierarchies")
    script = 'cd "$1"; echo *; for d in */; do mkdir $d/inner || echo no; done; cat /proc/self/cgroup'
    ran = tool("sh", "-c", script, "sh", str(tmp_path), privileged=1, view_=str(tmp_path))
    names = set(ran.out.splitlines()[0].split())
    assert {os.path.basename(m[4]) for m in mounts()} <= names
    assert "no" not in ran.out.splitlines()
    assert all(line.endswith(":/") for line in ran.out.splitlines()[1:])


def test_view_without_groups_is_empty(tmp_path):
    needs("pids")
    ran = tool("sh", "-c", 'ls -A "$1" | wc -l', "sh", str(tmp_path), view_=str(tmp_path))
    assert ran.out == "0"
