#!/usr/bin/python3
"""How long one `nidus run --rm / true` takes, beside the floor and Debian's crun, by turns.

    bench/run.py [--rounds N] [--build DIR] [--podman] [--json FILE]

As root.  All three make the same: every namespace, podman's default mounts, masks, devices,
capabilities and system call filter, limits of memory, CPU and processes, no network.  crun gets
its root file system mounted beforehand, which nidus and the floor do themselves.  Where the
machine has both cgroup versions, all run in a view of the v1 hierarchies alone, in a private
mount namespace, because crun refuses a mixed one.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MEMORY, QUOTA, PIDS = 256 << 20, 100000, 100
CAPS = ["CAP_" + c for c in (
    "CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT").split()]
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
          "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/fs/selinux", "/sys/dev/block",
          "/sys/devices/virtual/powercap"]
READONLY = ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
PROFILE = "/usr/share/containers/seccomp.json"


def in_private_namespace():
    """Runs this script again in a mount namespace of its own, once."""
    if os.environ.get("NIDUS_BENCH_NS") != "1":
        os.environ["NIDUS_BENCH_NS"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])


def v1_view():
    """On a machine with both cgroup versions: /sys/fs/cgroup with the v1 hierarchies alone."""
    mounts = [line.split() for line in open("/proc/self/mountinfo")]
    v1 = [m[4] for m in mounts if m[m.index("-") + 1] == "cgroup"]
    if not v1:
        return "v2"
    # Every hierarchy is bound aside, then the folder is covered and they come back.
    aside = tempfile.mkdtemp(prefix="nidus-bench-cgroup-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", aside], check=True)
    for path in v1:
        target = os.path.join(aside, os.path.basename(path))
        os.mkdir(target)
        subprocess.run(["mount", "--bind", path, target], check=True)
    subprocess.run(["umount", "-R", "/sys/fs/cgroup"], check=True)
    subprocess.run(["mount", "--move", aside, "/sys/fs/cgroup"], check=True)
    os.rmdir(aside)
    return "v1"


def seccomp():
    """podman's profile as the OCI runtime-spec writes it, for the capabilities above."""
    with open(PROFILE) as f:
        profile = json.load(f)

    def applies(rule):
        yes, no = rule.get("includes") or {}, rule.get("excludes") or {}
        return (all(c in CAPS for c in yes.get("caps") or []) and "amd64" in (yes.get("arches") or ["amd64"])
                and not yes.get("minKernel") and not any(c in CAPS for c in no.get("caps") or [])
                and "amd64" not in (no.get("arches") or []))

    rules = []
    for rule in filter(applies, profile["syscalls"]):
        kept = {k: rule[k] for k in ("names", "action", "errnoRet") if rule.get(k) is not None}
        if rule.get("args"):
            kept["args"] = rule["args"]
        rules.append(kept)
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": rules}


def bundle(folder, rootfs):
    """A config.json that asks crun for what `nidus run` makes."""
    def mount(target, kind, *options):
        return {"destination": target, "type": kind, "source": kind, "options": list(options)}

    safe = ("nosuid", "noexec", "nodev")
    config = {
        "ociVersion": "1.0.2", "hostname": "bench", "root": {"path": rootfs},
        "process": {"args": ["/bin/true"], "cwd": "/", "user": {"uid": 0, "gid": 0},
                    "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                    "capabilities": {k: CAPS for k in ("bounding", "effective", "permitted")}},
        "mounts": [
            mount("/proc", "proc", *safe), mount("/dev", "tmpfs", "nosuid", "noexec", "strictatime", "mode=755",
                                                 "size=65536k"),
            mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            mount("/dev/mqueue", "mqueue", *safe), mount("/dev/shm", "tmpfs", *safe, "mode=1777", "size=65536k"),
            mount("/sys", "sysfs", *safe, "ro"), mount("/sys/fs/cgroup", "cgroup", *safe, "relatime", "ro")],
        "linux": {
            "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
            "maskedPaths": MASKED, "readonlyPaths": READONLY, "cgroupsPath": "/nidus-bench-%d" % os.getpid(),
            "resources": {"devices": [{"allow": False, "access": "rwm"}], "memory": {"limit": MEMORY},
                          "cpu": {"quota": QUOTA, "period": 100000}, "pids": {"limit": PIDS}}}}
    if os.path.exists(PROFILE):
        config["linux"]["seccomp"] = seccomp()
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)


def mount_root(folder):
    for name in "upper", "work", "root":
        os.mkdir(os.path.join(folder, name))
    root = os.path.join(folder, "root")
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=/,upperdir=%s/upper,workdir=%s/work" % (
        folder, folder), root], check=True)
    return root


def contenders(args, folder):
    nidus = os.path.join(args.build, "src/cli/nidus")
    found = {"floor": [os.path.join(args.build, "bench/floor"), "/bin/true"]}
    if subprocess.run([nidus, "help", "run"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        found["nidus"] = [nidus, "run", "--rm", "--network", "none", "--memory", str(MEMORY), "--cpus", "1",
                          "--pids-limit", str(PIDS), "/", "/bin/true"]
    if shutil.which("crun"):
        bundle(folder, mount_root(folder))
        found["crun"] = ["crun", "--root", folder + "/crun", "run", "--bundle", folder, "bench-%d" % os.getpid()]
    if args.podman and shutil.which("podman"):
        found["podman"] = ["podman", "run", "--rm", "--network", "none", "--memory", str(MEMORY), "--cpus", "1",
                           "--pids-limit", str(PIDS), "--rootfs", "/:O", "/bin/true"]
    return found


def measure(args, commands, gap_ms):
    argv = [os.path.join(args.build, "bench/turns"), str(args.rounds + 3), str(gap_ms)]
    for command in commands.values():
        argv += ["--", *command]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    turns = {name: [] for name in commands}
    for line in done.stdout.splitlines():
        which, ns, rss, status = map(int, line.split())
        name = list(commands)[which]
        if status:
            sys.exit("%s: exit status %d: %s" % (name, status, " ".join(commands[name])))
        turns[name].append((ns / 1e6, rss))
    return {name: runs[3:] for name, runs in turns.items()}  # the first ones fill caches


def system_calls(command):
    if not shutil.which("strace"):
        return None
    with tempfile.NamedTemporaryFile("r") as out:
        subprocess.run(["strace", "-f", "-c", "-o", out.name, *command], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        total = re.search(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)(?:\s+\d+)? total$", out.read(), re.M)
    return int(total.group(1)) if total else None


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def table(title, turns, calls):
    median = {name: quantile([t for t, _ in runs], 0.5) for name, runs in turns.items()}
    print("\n%s" % title)
    print("%-8s %9s %10s %9s %9s %9s %9s %7s" % ("", "best ms", "median ms", "p90 ms", "of floor", "of crun", "peak KiB", "calls"))
    for name, runs in turns.items():
        print("%-8s %9.2f %10.2f %9.2f %9.2f %9s %9d %7s" % (
            name, min(t for t, _ in runs), median[name], quantile([t for t, _ in runs], 0.9), median[name] / median["floor"],
            "%.2f" % (median[name] / median["crun"]) if "crun" in median else "-",
            max(rss for _, rss in runs), calls.get(name) or "-"))
    return median


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--podman", action="store_true", help="podman as well (slow)")
    parser.add_argument("--json", help="write the medians to this file")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench/run.py needs root: it makes cgroups with limits, as the contenders do")
    in_private_namespace()
    version = v1_view()
    # On a tmpfs, so that no disk is measured; gone with the mount namespace.
    folder = tempfile.mkdtemp(prefix="nidus-bench-")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    os.environ.update(NIDUS_STATE_DIR=folder + "/state", NIDUS_STORE_DIR=folder + "/store")
    try:
        commands = contenders(args, folder)
        print("cgroup %s, kernel %s, %d CPUs, %d rounds by turns" % (
            version, os.uname().release, os.cpu_count(), args.rounds))
        for name, command in commands.items():
            print("  %-7s %s" % (name, " ".join(command)))
        calls = {name: system_calls(command) for name, command in commands.items()}
        medians = {}
        for title, gap in ("spaced 40 ms apart", 40), ("back to back", 0):
            medians[title] = table(title, measure(args, commands, gap), calls)
        if args.json:
            with open(args.json, "w") as f:
                json.dump({"median_ms": medians, "system_calls": calls}, f, indent=2)
    finally:
        subprocess.run(["umount", "-R", "-l", folder], check=False)
        os.rmdir(folder)
        if os.path.isdir("/run/nidus-floor"):
            os.rmdir("/run/nidus-floor")


if __name__ == "__main__":
    main()
