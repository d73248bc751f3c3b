"""`nidus probe` in each place: it answers all, is right where the truth is known, leaves nothing."""
import os
import re
import stat
import time

import pytest

from places import PLACES

STATES = {"works", "denied", "absent", "broken", "unknown"}


def leftovers(binary):
    """What a trial could have left: links, mounts, files, groups and processes of its own."""
    found = [link for link in os.listdir("/sys/class/net") if link.startswith("ndprobe")]
    with open("/proc/self/mountinfo") as f:
        found += [line for line in f if "nidus-probe" in line]
    for folder in "/tmp", "/var/lib", "/var/tmp":
        found += [e for e in os.listdir(folder) if e.startswith(".nidus-probe")]
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(folder, n) for n in names if n.startswith("nidus-probe")]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/exe" % pid) == binary:
                found.append("process " + pid)
        except OSError:
            pass
    return set(found)


def assert_nothing_new(before, binary):
    """Another nidus may be asking at the same time: what is only its own goes away again."""
    left = leftovers(binary) - before
    for _ in range(30):
        if not left:
            return
        time.sleep(0.1)
        left &= leftovers(binary)
    assert not left


@pytest.mark.parametrize("name", PLACES)
def test_every_fact_is_answered(place_of, name):
    place = place_of(name)
    before = leftovers(place.nidus)
    answers = place.probe()
    assert len(answers) > 60
    for fact in answers.values():
        where = "%s in %s: %s" % (fact["name"], name, fact)
        assert fact["state"] in STATES, where
        assert fact["evidence"], where
        # A trial that died or hung has told nothing of the place.
        assert fact["reason"] not in ("it hangs", "the trial ended without an answer"), where
        if fact["state"] != "works":
            assert fact["reason"] and fact["remedy"], where
            assert "\n" not in fact["reason"], where
    assert_nothing_new(before, place.nidus)


@pytest.mark.parametrize("name, kind", [
    ("userns", r"user namespace|container"), ("pidns", r"container"), ("gvisor", r"gVisor"),
])
def test_the_kind_of_place_is_told(place_of, name, kind):
    answer = place_of(name).probe("sandbox")["sandbox"]
    assert re.match(kind, answer["value"]), answer


def test_tun_in_the_hosts_network_and_a_user_namespace(place_of):
    """The first incident: TUNSETIFF wants the user namespace that owns the network namespace."""
    answers = place_of("userns").probe("tun")
    if answers["tun.device"]["state"] != "works":
        pytest.skip("tun.device: %s" % answers["tun.device"]["reason"])
    refused = answers["tun.current-netns"]
    assert refused["state"] == "denied" and refused["errno"] == "EPERM"
    assert re.search(r"net:\[\d+\] is owned by .* the process is in user:\[\d+\]", refused["evidence"])
    assert "own network namespace" in refused["remedy"]
    # The first remedy named works.
    assert answers["tun.own-netns"]["state"] == "works", answers["tun.own-netns"]


def test_a_hidden_kvm_is_absent(place_of):
    answers = place_of("no-dev").probe("kvm", "kvm.device", "kvm.vm")
    assert {answers[n]["state"] for n in ("kvm", "kvm.device", "kvm.vm")} == {"absent"}, answers


def test_a_kvm_of_root_is_denied_to_others(place_of):
    if not os.path.exists("/dev/kvm"):
        pytest.skip("kvm.device: open /dev/kvm: No such file or directory")
    if os.stat("/dev/kvm").st_mode & stat.S_IROTH:
        pytest.skip("/dev/kvm is open to everybody here")
    answers = place_of("user").probe("kvm", "kvm.device", "kvm.vm")
    assert {answers[n]["state"] for n in ("kvm", "kvm.device", "kvm.vm")} == {"denied"}, answers


def test_kvm_says_which_instruction_failed(place_of):
    kvm = place_of("host").probe("kvm")["kvm"]
    if kvm["state"] in ("absent", "denied"):
        pytest.skip("kvm: " + kvm["reason"])
    assert "steps" in kvm["evidence"]
    if kvm["state"] == "broken":
        assert re.search(r"failed: .+ \((KVM_EXIT_|exception|wrong|no end)|ring 0 is emulated", kvm["evidence"])


def test_no_new_privs_is_seen(place_of):
    assert place_of("poor").probe("no_new_privs")["no_new_privs"]["value"] == "set already"
