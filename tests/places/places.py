"""The places that these tests run nidus in: each is a command that ends in running another.

Making most of them needs root; without it, a place is skipped, and says so.
"""
import glob
import json
import os
import shutil
import subprocess
import tempfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NIDUS = os.environ.get("NIDUS", os.path.join(ROOT, "build/src/cli/nidus"))
UID = 1000

# A shell runs these as its script, and what is to run in the place as "$@".
NO_PROC = "umount -l /proc && mount -t tmpfs none /sys && exec \"$@\""
NO_DEV = "mount -t tmpfs none /dev && exec \"$@\""
POOR = """
mount -t tmpfs -o mode=755 none /dev
for node in 'null c 1 3' 'zero c 1 5' 'random c 1 8' 'urandom c 1 9'; do mknod -m 666 /dev/$node; done
mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys
for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do mount -o remount,bind,ro "$d"; done 2>/dev/null
keep=+chown,+dac_override,+fowner,+fsetid,+kill,+net_bind_service,+setfcap,+setgid,+setpcap,+setuid,+sys_chroot
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,$keep "$@"
"""
# A proc with a part covered and /proc/sys read-only: no fresh proc for a user namespace.
MASKED = """
mount -t tmpfs -o ro none /proc/bus
mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys
exec setpriv --reuid 1000 --regid 1000 --clear-groups "$@"
"""
SUBIDS = "200000:65536"  # what the user has in the place "subids", there alone


def subids(folder):
    """The user with subordinate ids."""
    with open(os.path.join(folder, "subids"), "w") as f:
        f.write("%d:%s\n" % (UID, SUBIDS))
    script = "for f in subuid subgid; do touch /etc/$f; mount --bind %s/subids /etc/$f || exit; done; exec \"$@\""
    return ["unshare", "-m", "sh", "-c", script % folder, "sh", *PLACES["user"]]


def container(folder):
    """podman's defaults: its seccomp profile, eleven capabilities, masks, read-only cgroups.  The tree is ours."""
    for tool in "podman", "crun":
        if not shutil.which(tool):
            pytest.skip("%s is not installed" % tool)
    root, store = os.path.join(folder, "root"), os.path.join(folder, "podman")
    for name in "proc", "sys", "dev", "tmp", "etc", "mnt", "run", "usr", "var/tmp", "var/lib", "root":
        os.makedirs(os.path.join(root, name), exist_ok=True)
    for link in glob.glob("/bin") + glob.glob("/sbin") + glob.glob("/lib*"):
        if os.path.islink(link) and not os.path.islink(root + link):
            os.symlink(os.readlink(link), root + link)
    # crun refuses v2 controllers beside v1; podman's limits could not be set in a nested place.
    hide = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\""
    return ["unshare", "-m", "sh", "-c", hide, "sh",
            "podman", "--root", store, "--runroot", store + "-run", "--tmpdir", store + "-tmp", "--runtime", "crun",
            "--cgroup-manager", "cgroupfs", "--events-backend", "none",
            "run", "--rm", "--network", "none", "--cgroups", "disabled", "--log-driver", "none",
            "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000",
            "-v", "/usr:/usr:ro", "-v", "%s:%s:ro" % (folder, folder), "--rootfs", root]


def gvisor(folder):
    got = subprocess.run(["timeout", "120", os.path.join(ROOT, "tests/tools/get-runsc.sh")],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if got.returncode:
        pytest.skip("no runsc: " + got.stderr.strip()[-300:])
    return [got.stdout.strip(), "--root", os.path.join(folder, "runsc"), "--rootless", "--ignore-cgroups",
            "--platform=systrap", "--network=none", "do"]


# A command, or what makes one for a folder.
PLACES = {
    "host": [],
    "userns": ["unshare", "-Ur"],
    "user": ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"],
    "user-in-userns": ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups", "unshare", "-Ur"],
    "pidns": ["unshare", "-mpf", "--kill-child", "--mount-proc"],
    "poor": ["unshare", "-mpf", "--kill-child", "--mount-proc", "sh", "-c", POOR, "sh"],
    "no-proc": ["unshare", "-m", "sh", "-c", NO_PROC, "sh"],
    "no-dev": ["unshare", "-m", "sh", "-c", NO_DEV, "sh"],
    "nested": ["unshare", "-Urmpf", "--kill-child", "--mount-proc"] * 3,
    "masked": ["unshare", "-m", "sh", "-c", MASKED, "sh"],
    "subids": subids,
    "container": container,
    "gvisor": gvisor,
}
UNPRIVILEGED = {"host", "userns", "nested"}


class Place:
    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.nidus = os.path.join(folder, "nidus")
        self.argv = PLACES[name](folder) if callable(PLACES[name]) else PLACES[name]

    def run(self, *argv, timeout=90):
        """Runs a command in the place; its output and errors apart."""
        state = tempfile.mkdtemp(dir=self.folder)
        os.chmod(state, 0o777)
        env = dict(os.environ, NIDUS_STATE_DIR=state, HOME=state)
        return subprocess.run(["timeout", "-k", "5", str(timeout), *self.argv, *argv], env=env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)

    def probe(self, *names):
        """The answers by name."""
        done = self.run(self.nidus, "probe", "--json", "--fresh", *names)
        assert done.returncode == 0, "nidus probe in %s: exit %d\n%s" % (self.name, done.returncode, done.stderr)
        return {f["name"]: f for f in json.loads(done.stdout)["facts"]}

    def truths(self, *names):
        """The same questions answered without nidus: see truths.py."""
        script = os.path.join(self.folder, "truths.py")
        if not os.path.exists(script):
            shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "truths.py"), script)
        done = self.run("/usr/bin/python3", script, *names, timeout=300)
        assert done.returncode == 0, "truths in %s: %s" % (self.name, done.stderr[-4000:])
        return json.loads(done.stdout)
