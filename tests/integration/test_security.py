"""What a workload may do: capabilities, seccomp, masks, users, labels; and what a refusal says."""
import json
import os

import pytest

DEFAULT_CAPS = 0x800405fb  # podman's eleven


@pytest.fixture
def run(nidus):
    def run(*args, **kw):
        return nidus("run", "--rm", "--network", "none", *args, **kw)

    probe = run("/", "true")
    if probe.returncode:
        pytest.skip("nidus run / true: " + probe.stderr.strip())
    return run


def out(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(run, *args):
    text = out(run(*args, "/", "cat", "/proc/self/status"))
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def bounding():
    with open("/proc/self/status") as f:
        return int([line.split()[1] for line in f if line.startswith("CapBnd")][0], 16)


def test_default_capabilities(run):
    s = status(run)
    want = DEFAULT_CAPS & bounding()
    assert [int(s[k], 16) for k in ("CapBnd", "CapPrm", "CapEff")] == [want] * 3
    assert int(s["CapInh"], 16) == int(s["CapAmb"], 16) == 0
    assert s["Seccomp"] == "2" and s["NoNewPrivs"] == "0"


def test_capabilities_asked_for(run):
    assert int(status(run, "--cap-drop", "all")["CapEff"], 16) == 0
    assert int(status(run, "--cap-drop", "ALL", "--cap-add", "chown")["CapBnd"], 16) == 1
    s = status(run, "--user", "1234:5678", "--cap-add", "CAP_NET_RAW")
    assert int(s["CapEff"], 16) == int(s["CapAmb"], 16) == 1 << 13
    assert s["Uid"].split()[0] == "1234" and s["Gid"].split()[0] == "5678"
    assert int(status(run, "--privileged")["CapBnd"], 16) == bounding()
    bad = run("--cap-add", "CHOWN", "--cap-drop", "CHOWN", "/", "true")
    assert bad.returncode == 125 and "both --cap-add and --cap-drop" in bad.stderr
    bad = run("--cap-add", "SYS_NOTHING", "/", "true")
    assert bad.returncode == 125 and "'SYS_NOTHING' is not a capability" in bad.stderr


def python_call(number, *args):
    code = "import ctypes,os; l=ctypes.CDLL(None,use_errno=True); r=l.syscall(%d,%s); print(r,ctypes.get_errno())"
    return ["/usr/bin/python3", "-c", code % (number, ",".join("ctypes.c_long(%d)" % a for a in args or (0,)))]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="call numbers of x86_64")
@pytest.mark.parametrize("number,args,want", [
    (248, (0, 0, 0, 0, 0), "-1 38"),  # add_key: not named, so ENOSYS
    (167, (0, 0), "-1 1"),            # swapon: named as refused
    (135, (0x0040000,), "-1 38"),     # personality(ADDR_NO_RANDOMIZE)
    (135, (0xffffffff,), "0 0"),      # personality: asking is allowed
    (41, (16, 3, 9), "-1 22"),        # an audit socket without CAP_AUDIT_WRITE
    (321, (0, 0, 0), "-1 1"),         # bpf without CAP_SYS_ADMIN
    (600, (), "-1 38"),               # newer than anything
])
def test_default_seccomp_profile(run, number, args, want):
    assert out(run("/", *python_call(number, *args))).strip() == want


def test_seccomp_profiles(run, tmp_path):
    profile = tmp_path / "p.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 122}]}))
    for more in [], ["--security-opt", "no-new-privileges"]:
        done = run(*more, "--security-opt", "seccomp=%s" % profile, "/", "mkdir", "/new")
        assert done.returncode == 1 and "Disk quota exceeded" in done.stderr
    assert status(run, "--security-opt", "seccomp=unconfined")["Seccomp"] == "0"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "NO"}]}')
    done = run("--security-opt", "seccomp=%s" % profile, "/", "true")
    assert done.returncode == 125
    assert "p.json" in done.stderr and ".syscalls[0]" in done.stderr and "'NO' is unknown" in done.stderr


def test_no_new_privileges(run):
    assert status(run, "--security-opt", "no-new-privileges")["NoNewPrivs"] == "1"
    assert status(run, "--security-opt", "no-new-privileges=false")["NoNewPrivs"] == "0"


def test_masks(run):
    assert out(run("/", "sh", "-c", "ls /sys/firmware | wc -l; wc -c < /proc/timer_list")).split() == ["0", "0"]
    assert run("/", "sh", "-c", "echo 1 > /proc/sys/kernel/panic").returncode != 0
    assert out(run("--security-opt", "mask=/usr/games:/etc/hostname", "/", "sh", "-c",
                   "ls /usr/games | wc -l; wc -c < /etc/hostname")).split() == ["0", "0"]
    mounts = out(run("--security-opt", "unmask=/proc/timer_list:/sys/firmware", "/", "cat", "/proc/self/mountinfo"))
    assert " /proc/timer_list " not in mounts and " /sys/firmware " not in mounts
    mounts = out(run("--security-opt", "systempaths=unconfined", "/", "cat", "/proc/self/mountinfo"))
    assert " /proc/" not in mounts
    mounts = out(run("--security-opt", "proc-opts=hidepid=2", "/", "cat", "/proc/self/mountinfo"))
    assert "hidepid" in [line for line in mounts.splitlines() if " /proc " in line][0]


def test_labels(run):
    """A profile that cannot be taken on is refused; what has no meaning here does no harm."""
    assert run("--security-opt", "apparmor=unconfined", "--security-opt", "label=disable", "/", "true").returncode == 0
    done = run("--security-opt", "apparmor=nidus-no-such-profile", "/", "true")
    assert done.returncode == 125 and "AppArmor" in done.stderr


@pytest.mark.parametrize("option", ["foo", "mask=relative", "seccomp=", "no-new-privileges=2", "systempaths=x"])
def test_bad_options(run, option):
    done = run("--security-opt", option, "/", "true")
    assert done.returncode == 125 and "--security-opt" in done.stderr.splitlines()[0]


def root_with(tmp_path, passwd, group):
    """A directory as a root, with the place's own programs bound in."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text(passwd)
    (root / "etc/group").write_text(group)
    binds = []
    for name in "usr", "bin", "lib", "lib64":
        if os.path.islink("/" + name):
            os.symlink(os.readlink("/" + name), root / name)
        elif os.path.isdir("/" + name):
            (root / name).mkdir()
            binds += ["-v", "/%s:/%s:ro" % (name, name)]
    return root, binds


def test_users_come_from_the_container(run, tmp_path):
    root, binds = root_with(tmp_path, "root:x:0:0::/root:/bin/sh\nweb:x:4001:4002::/srv/web:/bin/sh\n",
                            "staff:x:4003:web\nother:x:4004:\n")

    def ids(*args):
        text = "id -u; id -g; id -G; echo $HOME"
        return out(run(*binds, *args, root, "sh", "-c", text)).split("\n")[:4]

    assert ids("--user", "web") == ["4001", "4002", "4002 4003", "/srv/web"]
    assert ids("--user", "web:other") == ["4001", "4004", "4004", "/srv/web"]
    assert ids("--user", "4001") == ["4001", "4002", "4002 4003", "/srv/web"]
    assert ids("--user", "77:78") == ["77", "78", "78", "/"]
    assert ids("--user", "77", "--group-add", "other", "--group-add", "99") == ["77", "0", "0 99 4004", "/"]
    for user, part in ("nobody", "'nobody' is not in the container's /etc/passwd"), ("4294967295", "out of range"), \
            ("web:none", "'none' is not in the container's /etc/group"):
        done = run(*binds, "--user", user, root, "true")
        assert done.returncode == 125 and part in done.stderr


def test_hostile_passwd(run, tmp_path):
    root, binds = root_with(tmp_path, "", "")
    passwd = root / "etc/passwd"
    passwd.unlink()
    os.symlink("/../../../../etc/passwd", passwd)  # ends at itself, in the root
    assert run(*binds, "--user", "daemon", root, "true").returncode == 125
    passwd.unlink()
    os.mkfifo(passwd)
    assert run(*binds, "--user", "daemon", root, "true", timeout=20).returncode == 125
    assert out(run(*binds, "--user", "5", root, "id", "-u", timeout=20)).strip() == "5"


def test_a_refusal_has_a_cause(run):
    done = run("--ulimit", "nofile=999999999", "/", "true")
    if done.returncode == 0:
        pytest.skip("nidus may raise limits here")
    assert done.returncode == 125 and "remedy:" in done.stderr
    done = run("--sysctl", "net.ipv4.nidus_none=1", "/", "true")
    assert done.returncode == 125 and "cause (proved): there is no such file" in done.stderr
