"""`nidus probe` is right in each place: its answers against truths found without it."""
import os
import re

import pytest

from places import SUBIDS

pytestmark = [
    pytest.mark.limit(400),
    pytest.mark.skipif("NIDUS_SANITIZED" in os.environ, reason="the sanitizers' runtime is not in the places"),
]
# "no-proc" and "no-dev" lack what the truths are found with.
ASKED = ["host", "userns", "user", "user-in-userns", "subids", "pidns", "nested", "masked", "poor", "container", "gvisor"]
CAPS = 41


def caps_told(value):
    """How many capabilities the value stands for."""
    if value.startswith("all but"):
        return CAPS - len(value[len("all but "):].split(","))
    return 0 if value == "none" else int(re.search(r"\d+", value).group())


def told(f):
    if f["name"] == "proc_sys.write":
        return int(f["value"].split()[0])
    if f["name"] == "caps.effective":
        return caps_told(f["value"])
    return f["state"] == "works"


def disagreements(place, *names):
    truths, facts = place.truths(*names), place.probe(*names)
    errors = {n: t for n, t in truths.items() if isinstance(t, str)}
    assert not errors, errors
    return {n: "%s: %s said (%s; %s; %s), but the truth is %s" % (
        n, f["state"], f["value"], f["reason"], f["evidence"], truths[n])
        for n, f in facts.items() if truths.get(n) is not None and told(f) != truths[n]}


@pytest.mark.parametrize("name", ASKED)
def test_answers_are_true(place_of, name):
    place = place_of(name)
    wrong = disagreements(place)
    if wrong:
        # The machine is shared with other tests: what differs is asked once more.
        wrong = disagreements(place, *wrong)
    assert not wrong, "\n".join(wrong.values())


def test_subordinate_ids(place_of):
    f = place_of("subids").probe("userns.map.subids")["userns.map.subids"]
    if "not installed" in (f["reason"] or ""):
        pytest.skip("userns.map.subids: " + f["reason"])
    assert (f["state"], f["value"]) == ("works", SUBIDS.replace(":", "+"))
    assert place_of("user").probe("userns.map.subids")["userns.map.subids"]["state"] == "absent"


def test_the_way_is_told(place_of):
    """As root with root's rights, as a user through a user namespace."""
    for name, way in ("host", "root"), ("user", "userns"):
        f = place_of(name).probe("mount.tmpfs")["mount.tmpfs"]
        if f["state"] == "works" and (name != "host" or os.geteuid() == 0):
            assert f["value"] == way


def test_overlay_in_a_user_namespace(place_of):
    """The incident: without userxattr removing a directory of the lower layer gives EIO."""
    facts = place_of("user").probe("mount.overlay", "mount.overlay.userxattr")
    plain, user = facts["mount.overlay"], facts["mount.overlay.userxattr"]
    if plain["state"] == "broken":
        assert plain["errno"] == "EIO"
        assert "userxattr" in plain["remedy"]
    if user["state"] == "works":
        assert user["value"] == "userns"


def test_masked_proc(place_of):
    """A user namespace may not mount a fresh proc where the place's is covered in part."""
    f = place_of("masked").probe("mount.proc")["mount.proc"]
    assert f["state"] == "denied" and f["errno"] == "EPERM"
    assert "mask" in f["remedy"]


def test_the_container(place_of):
    facts = place_of("container").probe()
    assert facts["sandbox"]["value"].startswith("container")
    assert facts["caps.effective"]["value"].startswith("11 of")
    denied = {"mknod", "ns.net", "ns.mnt", "proc_sys.write", "cgroup.create"}
    assert {n: facts[n]["state"] for n in denied} == dict.fromkeys(denied, "denied")


def test_gvisor_as_it_is_known(place_of):
    facts = place_of("gvisor").probe()
    known = {
        "seccomp.notify": "absent", "seccomp.addfd": "absent", "ptrace.syscall_info": "absent",
        "openat2": "absent", "pidfd_open": "absent", "fsopen": "absent", "open_tree": "absent",
        "seccomp.trace": "works", "ptrace": "works", "process_vm_writev": "works", "userns": "works",
        "proc_sys.overlay": "works", "mount.overlay": "works", "proc_sys.write": "broken",
    }
    assert {n: facts[n]["state"] for n in known} == known
    assert facts["sandbox"]["value"].startswith("gVisor")
    assert facts["proc_sys.write"]["errno"] == "EIO"
