"""Images as roots of containers."""
import os
import shutil

import pytest
from images import Layout, entry, opaque, tar, whiteout

BUSYBOX = "/bin/busybox"


def base(**kw):
    if not os.path.exists(BUSYBOX):
        pytest.skip("no static busybox at " + BUSYBOX)
    with open(BUSYBOX, "rb") as f:
        data = f.read()
    return tar(entry("./", mode=0o711, **kw), entry("bin/busybox", data, mode=0o755), entry("bin/sh", link="busybox"),
               entry("dev"), entry("proc"), entry("sys"), entry("d/old", b"old"), entry("gone", b"x"))


def run(nidus, *args):
    done = nidus("run", "--rm", "--network", "none", *args)
    if done.returncode == 125:
        pytest.skip("no container here: " + done.stderr)
    assert done.returncode == 0, done.stderr
    return done


def test_the_tree_of_several_layers(nidus, tmp_path):
    source = Layout(tmp_path / "oci").add(base(), tar(whiteout("gone"), entry("d/new", b"new"), entry("e/x", b"1")),
                                          tar(entry("d"), opaque("d"), entry("d/last", b"last")))
    script = "busybox ls d e; busybox stat -c %a /; busybox test ! -e gone && echo deleted"
    done = run(nidus, source, "/bin/sh", "-c", "PATH=/bin; " + script)
    assert done.stdout.split() == ["d:", "last", "e:", "x", "711", "deleted"]


def test_more_layers_than_a_page_of_options_names(nidus, tmp_path):
    """And yet an overlay, not a copy."""
    source = Layout(tmp_path / "oci").add(base(), *[tar(entry("many/f%d" % i, b"x")) for i in range(110)])
    nidus("run", "--name", "many", "--network", "none", source, "/bin/busybox", "ls", "many")
    report = nidus.json("inspect", "many")
    nidus("rm", "-f", "many")
    text = str(report)
    if "'rung': 'overlay'" not in text:
        pytest.skip("no overlay here: " + text[:500])
    done = run(nidus, source, "/bin/busybox", "ls", "many")
    assert len(done.stdout.split()) == 110


def test_command_and_environment_of_the_image(nidus, tmp_path):
    config = {"config": {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo $A $PWD"], "Env": ["A=b"], "WorkingDir": "/d"}}
    source = Layout(tmp_path / "oci").add(base(), config=config)
    assert run(nidus, source).stdout == "b /d\n"
    assert run(nidus, source, "echo other").stdout == "other\n"


def test_what_the_image_wrote_is_not_written_to(nidus, tmp_path):
    source = Layout(tmp_path / "oci").add(base())
    run(nidus, source, "/bin/sh", "-c", "echo changed > /d/old")
    assert run(nidus, source, "/bin/busybox", "cat", "/d/old").stdout == "old"


def test_a_name_in_the_store_is_a_root(nidus, tmp_path):
    Layout(tmp_path / "thing").add(base(), tag="v1")
    run(nidus, "oci:%s:v1" % (tmp_path / "thing"), "/bin/busybox", "true")
    shutil.rmtree(tmp_path / "thing")
    assert run(nidus, "thing:v1", "/bin/busybox", "cat", "/d/old").stdout == "old"
    done = nidus("run", "--rm", "thing:v2", "true")
    assert done.returncode == 125 and "'thing:v2'" in done.stderr and "docker-archive:FILE" in done.stderr
