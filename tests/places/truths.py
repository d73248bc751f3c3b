"""What a place really allows, found without nidus: shell commands and plain system calls.

Runs inside the place (tests/places/test_probe.py puts it there) and prints {fact: true|false|null}
as JSON; null where this machine lacks the tool to find out.  Nothing here shares code or method
with the trials of src/probe.
"""
import ctypes
import errno
import json
import mmap
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
LIBC.syscall.restype = ctypes.c_long
NR = {"open_tree": 428, "move_mount": 429, "fsopen": 430, "clone3": 435, "openat2": 437, "pidfd_getfd": 438,
      "mount_setattr": 442, "seccomp": 317, "process_vm_readv": 310, "process_vm_writev": 311, "io_uring_setup": 425,
      "getppid": 110}
LIMIT_S = 30
TRUTHS = {}


def syscall(name, *args):
    fixed = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    return LIBC.syscall(ctypes.c_long(NR[name]), *fixed)


def fact(*names, needs=()):
    """The function is asked for each name; it gets the name and says whether it works."""
    def keep(function):
        for name in names:
            TRUTHS[name] = (function, needs)
        return function
    return keep


def run(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          timeout=LIMIT_S, text=True)
    if done.returncode and "-v" in sys.argv:
        print(argv, done.stderr.strip(), file=sys.stderr)
    return done.returncode == 0


def way(flags, script, own_only=False):
    """With the privileges at hand, else in an own user namespace."""
    return (not own_only and run("unshare", "-" + flags, "sh", "-ec", script)) \
        or run("unshare", "-Ur" + flags, "sh", "-ec", script)


def again(mode):
    """This script in new namespaces, for system calls."""
    me = [sys.executable, os.path.abspath(__file__), "--do", mode]
    return run("unshare", "-m", *me) or run("unshare", "-Urm", *me)


@fact("userns")
def _(_name):
    return run("unshare", "-Ur", "unshare", "-i", "true")


@fact("userns.nested")
def _(_name):
    return run("unshare", "-Ur", "unshare", "-Ur", "unshare", "-Ur", "true")


@fact("userns.map.subids", needs=("newuidmap",))
def _(_name):
    return run("unshare", "-U", "--map-root-user", "--map-auto", "sh", "-ec", "test $(wc -l </proc/self/uid_map) -ge 2")


NS = {"mnt": "m", "pid": "pf", "ipc": "i", "cgroup": "C"}
for ns in NS:
    fact("ns." + ns)(lambda name: run("unshare", "-" + NS[name.split(".")[1]], "true"))
    fact("ns.%s.userns" % ns)(lambda name: run("unshare", "-Ur" + NS[name.split(".")[1]], "true"))
fact("ns.net")(lambda name: run("unshare", "-n", "true"))
fact("ns.net.userns")(lambda name: run("unshare", "-Urn", "true"))
fact("ns.uts")(lambda name: run("unshare", "-u", "hostname", "truth"))
fact("ns.uts.userns")(lambda name: run("unshare", "-Uru", "hostname", "truth"))
fact("ns.time")(lambda name: run("unshare", "-T", "--monotonic=100000", "true"))
fact("ns.time.userns")(lambda name: run("unshare", "-UrT", "--monotonic=100000", "true"))

TMPFS = "mount -t tmpfs none /mnt; cd /mnt; "
LAYERS = TMPFS + "mkdir -p l/d/e u w m; echo lower >l/f; echo x >l/d/e/f; "
OVERLAY = "mount -t overlay none -o lowerdir=%s/l,upperdir=%s/u,workdir=%s/w%s %s/m; "
USE = "cd %s/m; echo upper >f; rm -r d; mkdir d; rmdir d; test ! -e d; "

fact("mount.tmpfs")(lambda name: way("m", TMPFS + "echo x >f; test -s f"))
fact("mount.bind")(lambda name: way("m", "mount --rbind / /mnt; test -d /mnt/usr"))
fact("mount.readonly")(lambda name: way("m", TMPFS + "mkdir a; mount --bind a a; mount -o remount,ro,bind a; "
                                                     "! touch a/f"))
fact("mount.proc")(lambda name: way("mpf", "mount -t proc proc /mnt; test -r /mnt/1/status"))
fact("mount.sysfs")(lambda name: way("mn", "mount -t sysfs sysfs /mnt; test -d /mnt/kernel || test -d /mnt/class"))
fact("mount.cgroup2")(lambda name: way("mC", "mount -t cgroup2 none /mnt; test -r /mnt/cgroup.procs"))
fact("mount.overlay")(lambda name: way("m", LAYERS + OVERLAY % ("/mnt", "/mnt", "/mnt", "", "/mnt") + USE % "/mnt"))
fact("mount.overlay.userxattr")(
    lambda name: way("m", LAYERS + OVERLAY % ("/mnt", "/mnt", "/mnt", ",userxattr", "/mnt") + USE % "/mnt"))
fact("mount.overlay.on_overlay")(lambda name: any(
    way("m", LAYERS + OVERLAY % ("/mnt", "/mnt", "/mnt", x, "/mnt") + "cd m; mkdir -p l/d u w m; " +
        OVERLAY % (("/mnt/m",) * 3 + (x, "/mnt/m"))) for x in ("", ",userxattr")))
fact("pivot_root", needs=("pivot_root",))(
    lambda name: way("m", TMPFS + "mkdir o; pivot_root . o; test -d /o/usr"))
fact("mknod")(lambda name: way("m", TMPFS + "mknod n c 1 3; echo x >n"))
fact("mount.loop", needs=("mkfs.ext4", "losetup"))(
    lambda name: way("m", TMPFS + "truncate -s 2M i; mkfs.ext4 -q i; mkdir d; mount -o loop i d; umount d"))
fact("proc_sys.bind")(lambda name: way("m", TMPFS + "echo truth >f; mount --bind f /proc/sys/kernel/hostname; "
                                                    "grep -q truth /proc/sys/kernel/hostname"))
fact("proc_sys.overlay")(
    lambda name: way("m", TMPFS + "mkdir u w; echo truth >u/added; "
                     "mount -t overlay none -o lowerdir=/proc/sys/kernel,upperdir=/mnt/u,workdir=/mnt/w "
                     "/proc/sys/kernel; grep -q truth /proc/sys/kernel/added"))

# gVisor makes the links, but leaves the peer where it is.
PEER = ("unshare -n sleep 20 & p=$!; trap 'kill $p' EXIT; sleep 0.3; "
        "ip link add va %s type veth peer name vb netns $p; nsenter -t $p -n ip link show vb")
fact("veth", needs=("ip", "nsenter"))(lambda name: way("n", PEER % ""))
fact("bridge", needs=("ip", "nsenter"))(lambda name: way("n", "ip link add br9 type bridge; " + PEER % "master br9"))
fact("nft", needs=("nft",))(lambda name: way("n", "nft add table inet t; nft add chain inet t c; "
                                                  "nft list tables | grep -q t"))
fact("tun.own-netns", needs=("ip",))(lambda name: way("n", "ip tuntap add mode tun name t9"))
fact("ptrace", needs=("strace",))(lambda name: run("strace", "-o", "/dev/null", "true"))
fact("seccomp.trace", needs=("strace",))(
    lambda name: run("sh", "-c", "strace -f --seccomp-bpf -e trace=exit_group true 2>&1 | grep -q exit_group"))


@fact("open_tree", "fsopen", "move_mount", "mount_setattr", "mount.fuse", "socket.raw", "socket.packet")
def _(name):
    if name.startswith("socket"):
        me = [sys.executable, os.path.abspath(__file__), "--do", name]
        return run("unshare", "-n", *me) or run("unshare", "-Urn", *me)
    return again(name)


def do(mode):
    """Inside namespaces; exits with 0 where it works."""
    if mode in ("open_tree", "move_mount", "mount_setattr"):
        fd = syscall("open_tree", -100, b"/mnt", 0x8001)  # with what is mounted beneath
        if mode == "move_mount" and fd >= 0:
            return syscall("move_mount", fd, b"", -100, b"/mnt", 4) == 0
        if mode == "mount_setattr" and fd >= 0:
            return syscall("mount_setattr", fd, b"", 0x1000, struct.pack("4Q", 1, 0, 0, 0), 32) == 0
        return fd >= 0
    if mode == "fsopen":
        return syscall("fsopen", b"tmpfs", 0) >= 0
    if mode == "mount.fuse":
        fd = os.open("/dev/fuse", os.O_RDWR)
        options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
        if LIBC.mount(b"truth", b"/mnt", b"fuse", 6, options):
            return False
        init = os.read(fd, 65536)  # the kernel asks first
        return struct.unpack_from("=2I", init)[1] == 26
    if mode == "socket.raw":
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    if mode == "socket.packet":
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    return True


def filter_getppid(action, flags):
    code = struct.pack("=" + "HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, NR["getppid"], 0x06, 0, 0, action, 0x06, 0, 0, 0x7fff0000)
    insns = ctypes.create_string_buffer(code, len(code))
    prog = ctypes.create_string_buffer(struct.pack("H6xQ", 4, ctypes.addressof(insns)), 16)
    LIBC.prctl(38, ctypes.c_ulong(1), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    return syscall("seccomp", 1, flags, prog)


@fact("seccomp.filter")
def _(_name):
    return filter_getppid(0x50000 | 99, 0) == 0 and syscall("getppid") == -1 and ctypes.get_errno() == 99


@fact("seccomp.notify", "seccomp.addfd")
def _(_name):
    return filter_getppid(0x7fc00000, 8) >= 0


def held_child():
    """A child with a page of known memory, and where that is."""
    page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    page.write(b"truth")
    view = ctypes.c_char.from_buffer(page)
    child = os.fork()
    if child == 0:
        signal.pause()
    return child, ctypes.addressof(view), view


@fact("process_vm_readv", "process_vm_writev")
def _(name):
    child, address, _view = held_child()
    here = ctypes.create_string_buffer(b"TRUTH", 5) if name.endswith("writev") else ctypes.create_string_buffer(5)
    local, remote = struct.pack("2Q", ctypes.addressof(here), 5), struct.pack("2Q", address, 5)
    n = syscall(name, child, local, 1, remote, 1, 0)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return n == 5 and (name.endswith("writev") or here.raw == b"truth")


@fact("pidfd_open")
def _(_name):
    return os.pidfd_open(os.getpid()) >= 0


@fact("pidfd_send_signal")
def _(_name):
    signal.pidfd_send_signal(os.pidfd_open(os.getpid()), 0)
    return True


@fact("clone3")
def _(_name):
    pid = syscall("clone3", struct.pack("8Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64)
    if pid == 0:
        os._exit(7)
    return pid > 0 and os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@fact("openat2")
def _(_name):
    return syscall("openat2", -100, b"/proc", struct.pack("3Q", 0, 0, 0), 24) >= 0


@fact("io_uring")
def _(_name):
    return syscall("io_uring_setup", 1, ctypes.create_string_buffer(120)) >= 0


@fact("rlimit.raise")
def _(_name):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard - 1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return True


@fact("oom_score_adj.lower")
def _(_name):
    with open("/proc/self/oom_score_adj") as f:
        now = int(f.read())
    if now > -1000:
        with open("/proc/self/oom_score_adj", "w") as f:
            f.write(str(now - 1))
    return True


@fact("dev.fuse", "tun.device", "kvm.device")
def _(name):
    os.close(os.open({"dev.fuse": "/dev/fuse", "tun.device": "/dev/net/tun", "kvm.device": "/dev/kvm"}[name], os.O_RDWR))
    return True


@fact("kmsg.read")
def _(_name):
    os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))
    return True


def v1_group(controller):
    """Own group of a v1 controller in the mounted tree; None where it is not on v1."""
    with open("/proc/self/cgroup") as f:
        own = {c: line.rstrip("\n").split(":", 2)[2] for line in f for c in line.split(":")[1].split(",")}
    with open("/proc/self/mountinfo") as f:
        for line in f:
            left, right = line.split(" - ")
            if right.split()[0] == "cgroup" and controller in right.split()[2].split(","):
                root, target = left.split()[3:5]
                below = own[controller][len(root):] if root != "/" and own[controller].startswith(root) else \
                    own[controller] if root == "/" else ""
                return os.path.normpath(target + "/" + below)
    return None


@fact("cgroup.cpu", "cgroup.memory", "cgroup.pids", "cgroup.cpuset", "cgroup.freezer")
def _(name):
    group = v1_group(name.split(".")[1])
    if group is None:
        return None
    path = "%s/truth-%d" % (group, os.getpid())
    os.mkdir(path)
    try:
        if name == "cgroup.memory":
            with open(path + "/memory.limit_in_bytes", "w") as f:
                f.write("67108864")
    finally:
        os.rmdir(path)
    return True


SYSCTLS = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
           "kernel/keys/root_maxbytes", "vm/max_map_count", "kernel/pid_max", "fs/file-max",
           "fs/inotify/max_user_watches", "user/max_user_namespaces"]


@fact("proc_sys.write")
def _(_name):
    """The one truth that is a number: how many can be written."""
    return sum(run("sh", "-c", "v=$(cat /proc/sys/%s) && echo $v | dd of=/proc/sys/%s" % (s, s)) for s in SYSCTLS)


@fact("caps.effective")
def _(_name):
    with open("/proc/self/status") as f:
        return bin(int(next(line for line in f if line.startswith("CapEff:")).split()[1], 16)).count("1")


def ask(name):
    function, needs = TRUTHS[name]
    if not all(shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") for tool in needs):
        return None
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT_S)
        try:
            answer = function(name)
        except (OSError, ValueError, subprocess.TimeoutExpired) as e:
            answer = False
            if "-v" in sys.argv:
                print(name, e, errno.errorcode.get(getattr(e, "errno", 0) or 0), file=sys.stderr)
        os.write(write_fd, json.dumps(answer).encode())
        os._exit(0)
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as f:
        text = f.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else False


if __name__ == "__main__":
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    if sys.argv[1:2] == ["--do"]:
        try:
            sys.exit(0 if do(sys.argv[2]) else 1)
        except OSError as e:
            sys.exit(str(e))
    print(json.dumps({name: ask(name) for name in TRUTHS if not sys.argv[1:] or name in sys.argv[1:] or "-v" in sys.argv}))
