"""Ways out of a container that other runtimes once left open, and what a root file system made
by an enemy can try: nothing of the place is read, written or made through it."""
import os
import shutil
import subprocess

import pytest

BUSYBOX = "/bin/busybox"


@pytest.fixture
def root(tmp_path):
    """A root tree with busybox; `outside` beside it must stay as it is."""
    if not os.path.exists(BUSYBOX):
        pytest.skip("no %s (package busybox-static)" % BUSYBOX)
    tree = tmp_path / "root"
    for name in "bin etc tmp".split():
        (tree / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, tree / "bin/busybox")
    for name in "sh ls cat pwd id echo touch readlink mkdir stat true".split():
        (tree / "bin" / name).symlink_to("busybox")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret\n")
    return tree


def outside_of(root):
    return root.parent / "outside"


def assert_untouched(root):
    assert sorted(os.listdir(outside_of(root))) == ["secret"]
    assert (outside_of(root) / "secret").read_text() == "secret\n"
    mounts = open("/proc/self/mountinfo").read()
    assert str(outside_of(root)) not in mounts


@pytest.fixture
def run(nidus):
    done = nidus("run", "--rm", "--network", "none", "/", "true")
    if done.returncode:
        pytest.skip("no container here: %s" % done.stderr.strip())

    def call(*args):
        return nidus("run", "--rm", "--network", "none", *args)
    return call


@pytest.mark.parametrize("fd", range(3, 20))
def test_working_directory_by_a_descriptor_of_ours(run, root, fd):
    # CVE-2024-21626: the working directory through a leaked descriptor of the host.
    done = run("-w", "/proc/self/fd/%d" % fd, str(root), "ls", "../../../../../../")
    assert done.returncode != 0 or "busybox" not in done.stdout
    if done.returncode == 0:
        assert sorted(done.stdout.split())[:1] == ["bin"], done.stdout


def test_no_descriptor_of_ours_is_inherited(run, root):
    done = run(str(root), "sh", "-c", "ls -l /proc/self/fd")
    assert done.returncode == 0, done.stderr
    names = [line.split()[8] for line in done.stdout.splitlines() if " -> " in line]
    assert set(names) <= {"0", "1", "2", "3"}  # 3 is what ls itself opened
    assert str(root) not in done.stdout


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_proc_as_a_link_is_refused(run, root, name):
    # CVE-2019-19921: masks that land elsewhere because /proc is a link.
    (root / name).symlink_to("/tmp")
    done = run(str(root), "true")
    assert done.returncode == 125
    assert "/" + name in done.stderr and "not a directory" in done.stderr
    assert_untouched(root)


@pytest.mark.parametrize("target", ["%s", "../outside", "/proc/1/root%s"])
def test_dev_as_a_link_makes_no_nodes_outside(run, root, target):
    (root / "dev").symlink_to(target % outside_of(root) if "%" in target else target)
    run(str(root), "true")
    assert_untouched(root)


@pytest.mark.parametrize("link", ["%s", "../outside"])
def test_volume_target_through_a_link(run, root, tmp_path, link):
    # CVE-2021-30465 and its kin: the target of a mount leads out of the root.
    (root / "data").symlink_to(link % outside_of(root) if "%" in link else link)
    source = tmp_path / "source"
    source.mkdir()
    (source / "mine").write_text("mine\n")
    run("-v", "%s:/data" % source, str(root), "touch", "/data/made")
    assert_untouched(root)
    run("-v", "%s:/data/deeper/still" % source, str(root), "true")
    assert_untouched(root)


def test_hosts_file_through_a_link(nidus, run, root):
    (root / "etc/hosts").symlink_to(outside_of(root) / "secret")
    (root / "etc/resolv.conf").symlink_to("../../outside/new")
    nidus("run", "--rm", "--network", "none", "--add-host", "a:1.2.3.4", "--dns", "9.9.9.9", str(root), "true")
    assert_untouched(root)


def test_passwd_through_a_link_is_the_containers(run, root):
    (root / "etc/passwd").symlink_to("/../../../../../etc/passwd")
    done = run("-u", "root", str(root), "id")
    # Within the root the link leads to itself: no user is known there.
    assert done.returncode == 125
    assert "root" in done.stderr


def test_working_directory_through_a_link_is_made_inside(run, root):
    (root / "wd").symlink_to(outside_of(root))
    run("-w", "/wd/made", str(root), "true")
    assert_untouched(root)


def test_masks_hold(run, root):
    done = run(str(root), "sh", "-c", "cat /proc/keys /proc/timer_list; ls /proc/acpi /sys/firmware; "
               "echo 1 > /proc/sys/kernel/panic; echo b > /proc/sysrq-trigger; true")
    assert done.returncode == 0
    assert done.stdout.replace("/proc/acpi:", "").replace("/sys/firmware:", "").strip() == ""


def test_device_of_the_host_cannot_be_made_or_opened(run, root):
    done = run("--cap-add", "MKNOD", str(root), "sh", "-c",
               "/bin/busybox mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg && echo opened; true")
    assert "opened" not in done.stdout


def test_no_new_mounts_without_privilege(run, root):
    done = run(str(root), "sh", "-c", "/bin/busybox mount -t tmpfs t /tmp && echo mounted; true")
    assert "mounted" not in done.stdout


def test_binary_of_nidus_is_out_of_reach(run, root):
    # CVE-2019-5736: /proc/self/exe of the runtime while it is in the container.
    (root / "bin/evil").symlink_to("/proc/self/exe")
    done = run(str(root), "/bin/evil", "--version")
    assert "nidus" not in done.stdout


def test_nothing_changed_in_the_root_but_mount_points(run, root):
    before = subprocess.run(["find", str(root), "-type", "f", "-size", "+0"], stdout=subprocess.PIPE, text=True).stdout
    run(str(root), "true")
    after = subprocess.run(["find", str(root), "-type", "f", "-size", "+0"], stdout=subprocess.PIPE, text=True).stdout
    assert before == after


def test_interpreter_by_a_link_of_proc_is_refused(run, root):
    (root / "bin/script").write_text("#!/proc/self/exe --version\n")
    (root / "bin/script").chmod(0o755)
    (root / "bin/outer").write_text("#!/bin/script\n")
    (root / "bin/outer").chmod(0o755)
    for name in "/bin/script", "script", "/bin/outer":
        done = run(str(root), name)
        assert done.returncode == 126, done.stderr
        assert "nidus 0" not in done.stdout


def test_scripts_run(run, root):
    (root / "bin/script").write_text("#!/bin/sh\necho from the script\n")
    (root / "bin/script").chmod(0o755)
    assert run(str(root), "script").stdout == "from the script\n"
    (root / "bin/broken").write_text("#!/bin/nosuch\n")
    (root / "bin/broken").chmod(0o755)
    done = run(str(root), "broken")
    assert done.returncode == 127 and "interpreter" in done.stderr
