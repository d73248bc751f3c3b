"""The places that these tests run nidus in: each is a command that ends in running another.

Making most of them needs root; without it, a place is skipped, and says so.
"""
import json
import os
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
PLACES = {
    "host": [],
    "userns": ["unshare", "-Ur"],
    "user": ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"],
    "user-in-userns": ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups", "unshare", "-Ur"],
    "pidns": ["unshare", "-mpf", "--kill-child", "--mount-proc"],
    "poor": ["unshare", "-mpf", "--kill-child", "--mount-proc", "sh", "-c", POOR, "sh"],
    "no-proc": ["unshare", "-m", "sh", "-c", NO_PROC, "sh"],
    "no-dev": ["unshare", "-m", "sh", "-c", NO_DEV, "sh"],
    "gvisor": None,
}
UNPRIVILEGED = {"host", "userns"}


def gvisor(folder):
    got = subprocess.run(["timeout", "120", os.path.join(ROOT, "tests/tools/get-runsc.sh")],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if got.returncode:
        pytest.skip("no runsc: " + got.stderr.strip()[-300:])
    return [got.stdout.strip(), "--root", folder, "--platform=systrap", "--network=none", "do"]


class Place:
    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.nidus = os.path.join(folder, "nidus")
        self.argv = gvisor(os.path.join(folder, "runsc")) if name == "gvisor" else PLACES[name]

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
