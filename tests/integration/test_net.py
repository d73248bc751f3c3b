"""Networks of containers, in network namespaces that the tests make: a place, with one way out to
an outside, and net-tool in the place of containers.  Nothing of the machine's own network is used.
"""
import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

import pytest
from conftest import NIDUS

BUILD = os.environ.get("NIDUS_BUILD_DIR", os.path.join(os.path.dirname(NIDUS), "../.."))
TOOL = os.path.join(BUILD, "tests/integration/net-tool")
PY = "/usr/bin/python3"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making network namespaces here needs root")

# A server: says the client's address and `word` to everyone who connects or sends.
SERVER = """
import socket, select, sys
word, socks = sys.argv[1], []
for spec in sys.argv[2:]:
    kind, ip, port = spec.split(",")
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((ip, int(port)))
    if kind == "tcp":
        s.listen(8)
    socks.append(s)
print("up", flush=True)
while True:
    for s in select.select(socks, [], [])[0]:
        if s.type == socket.SOCK_STREAM:
            c, a = s.accept()
            c.sendall(("%s %s" % (word, a[0])).encode())
            c.close()
        else:
            _, a = s.recvfrom(100)
            s.sendto(("%s %s" % (word, a[0])).encode(), a)
"""
CLIENT = """
import socket, sys
kind, ip, port = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(3)
try:
    s.connect((ip, int(port)))
    if kind == "udp":
        s.send(b"?")
    print(s.recv(100).decode())
except OSError as e:
    print("refused:", e)
"""


class Space:
    """A network namespace, held by a sleeping process; `wrap` leads into more namespaces."""

    def __init__(self, *flags, inside=()):
        self.holder = subprocess.Popen([*inside, "unshare", "-n", *flags, "sh", "-c", "echo; exec sleep 300"],
                                       stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.pid = self.holder.pid
        self.enter = ["nsenter", "-t", str(self.pid), "-n", "-m"]
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *argv, check=True, **kw):
        kw.setdefault("timeout", 30)
        done = subprocess.run([*self.enter, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)
        assert not check or done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout

    def popen(self, *argv, **kw):
        return subprocess.Popen([*self.enter, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)

    def call(self, kind, ip, port):
        return self.run(PY, "-c", CLIENT, kind, ip, str(port)).strip()

    def snapshot(self):
        """Everything a run could leave behind in a namespace."""
        return {
            "links": re.sub(r"qlen \d+|numtxqueues.*", "", self.run("ip", "-o", "link")),
            "addresses": self.run("ip", "-o", "-4", "addr"),
            "routes": self.run("ip", "-4", "route", "show", "table", "all"),
            "rules": self.run("nft", "list", "ruleset"),
            "forwarding": self.run("sh", "-c", "cd /proc/sys/net/ipv4; grep . ip_forward conf/*/forwarding "
                                               "conf/*/route_localnet | grep -v '/v\\|/nv'"),
        }

    def end(self):
        self.holder.kill()
        self.holder.wait()


class Box:
    """One run of net-tool: a 'container' that executes a command."""

    def __init__(self, place, state, ident, mode, *options, cmd=("sleep", "60"), enter=()):
        self.ident = ident
        self.tool = place.popen(*enter, TOOL, "run", state, ident, mode, *options, "--", *cmd)
        line = self.tool.stdout.readline()
        if not line.startswith("{"):
            raise AssertionError(line + self.tool.stdout.read() + self.tool.stderr.read())
        told = json.loads(line)
        self.net, self.plan = told["network"], told["plan"]["needs"][0]
        self.pid = self._child()

    def _child(self):
        """The process with a network of its own: the helpers and watchers have the place's."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            for pid in subprocess.run(["pgrep", "-P", str(self.tool.pid)], stdout=subprocess.PIPE,
                                      text=True).stdout.split():
                with contextlib.suppress(OSError):
                    if os.readlink("/proc/%s/ns/net" % pid) != os.readlink("/proc/%d/ns/net" % self.tool.pid):
                        return int(pid)
            time.sleep(0.01)
        raise AssertionError("no process in a namespace of its own")

    def run(self, *argv):
        return subprocess.run(["nsenter", "-t", str(self.pid), "-n", *argv], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=30).stdout

    def call(self, kind, ip, port):
        return self.run(PY, "-c", CLIENT, kind, ip, str(port)).strip()

    def up(self):
        assert self.tool.stdout.readline() == "up\n", self.tool.stderr.read()
        return self

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        self.tool.wait(30)

    def kill(self):
        """SIGKILL to the tool: its child dies with it, nobody cleans up."""
        self.tool.kill()
        self.tool.wait(10)


def server(word, *specs):
    return (PY, "-c", SERVER, word, *specs)


@pytest.fixture
def world(tmp_path):
    """place 192.0.2.2 -- 192.0.2.1 outside, which answers "outside CLIENT" on port 7."""
    w = type("World", (), {})()
    w.state = str(tmp_path / "state")
    os.mkdir(w.state)
    # What an unprivileged user needs to get there.
    for folder in [tmp_path, *tmp_path.parents]:
        if str(folder).startswith("/tmp/pytest"):
            os.chmod(folder, 0o755)
    w.place, w.outside = Space("-m", "--propagation", "private"), Space("-m")
    w.place.run("mount", "-t", "sysfs", "none", "/sys", check=False)
    w.place.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1", "netns", str(w.outside.pid))
    w.place.run("ip", "addr", "add", "192.0.2.2/24", "dev", "up0")
    w.place.run("ip", "link", "set", "up0", "up")
    w.outside.run("ip", "addr", "add", "192.0.2.1/24", "dev", "up1")
    w.outside.run("ip", "link", "set", "up1", "up")
    w.place.run("ip", "route", "add", "default", "via", "192.0.2.1")
    w.echo = w.outside.popen(*server("outside", "tcp,0.0.0.0,7", "udp,0.0.0.0,7"))
    assert w.echo.stdout.readline() == "up\n"
    boxes = []

    def box(*args, **kw):
        boxes.append(Box(w.place, w.state, *args, **kw))
        return boxes[-1]

    def gc(*living):
        return json.loads(w.place.run(TOOL, "gc", w.state, *living))

    w.box, w.gc = box, gc
    yield w
    for b in boxes:
        b.tool.kill()
        b.tool.wait()
    w.echo.kill()
    w.echo.wait()
    w.place.end()
    w.outside.end()


def settled(space, name="nv", seconds=10):
    """Links go with their namespaces, which the kernel ends in its own time."""
    until = time.monotonic() + seconds
    while re.search(r": %s\w+@" % name, space.run("ip", "-o", "link")):
        assert time.monotonic() < until, space.run("ip", "-o", "link")
        time.sleep(0.02)


def test_two_containers_the_place_and_the_outside(world):
    a = world.box("a", "bridge", cmd=server("a", "tcp,0.0.0.0,80", "udp,0.0.0.0,80")).up()
    b = world.box("b", "bridge")
    assert a.plan["rung"] == "bridge" and not a.plan["left"]
    assert a.net["ip"] != b.net["ip"]
    for kind in "tcp", "udp":
        assert b.call(kind, a.net["ip"], 80) == "a " + b.net["ip"]
        assert world.place.call(kind, a.net["ip"], 80) == "a " + a.net["gateway"]
        assert b.call(kind, "192.0.2.1", 7) == "outside 192.0.2.2"


def test_published_ports(world):
    a = world.box("a", "bridge", "-p", "8080:80", "-p", "8080:80/udp", "-p", "127.0.0.1:8081:80",
                  "-p", "9000-9002:90-92", cmd=server("a", "tcp,0.0.0.0,80", "udp,0.0.0.0,80", "tcp,0.0.0.0,92")).up()
    b = world.box("b", "bridge")
    gateway = a.net["gateway"]
    for kind in "tcp", "udp":
        assert world.outside.call(kind, "192.0.2.2", 8080) == "a 192.0.2.1"
        assert world.place.call(kind, "192.0.2.2", 8080).startswith("a ")
        assert world.place.call(kind, "127.0.0.1", 8080) == "a " + gateway
        # Another container, and the container itself, by the place's address.
        assert b.call(kind, "192.0.2.2", 8080) == "a " + gateway
        assert a.call(kind, "192.0.2.2", 8080) == "a " + gateway
        assert b.call(kind, gateway, 8080).startswith("a ")
    assert world.outside.call("tcp", "192.0.2.2", 9002) == "a 192.0.2.1"
    assert world.place.call("tcp", "127.0.0.1", 8081) == "a " + gateway
    assert world.outside.call("tcp", "192.0.2.2", 8081).startswith("refused")
    a.end()
    assert world.place.call("tcp", "127.0.0.1", 8080).startswith("refused")
    c = world.box("c", "bridge", "-p", "8080:80", cmd=server("c", "tcp,0.0.0.0,80")).up()
    assert world.outside.call("tcp", "192.0.2.2", 8080) == "c 192.0.2.1"
    assert c.net["ports"] == [{"host_ip": "0.0.0.0", "host_port": 8080, "container_port": 80, "range": 1,
                               "protocol": "tcp"}]


def test_a_free_port_is_chosen(world):
    a = world.box("a", "bridge", "-p", "80", "-p", ":81-82/udp", cmd=server("a", "tcp,0.0.0.0,80")).up()
    ports = a.net["ports"]
    assert [p["container_port"] for p in ports] == [80, 81, 82] and all(p["host_port"] > 1023 for p in ports)
    assert world.outside.call("tcp", "192.0.2.2", ports[0]["host_port"]) == "a 192.0.2.1"


def test_a_udp_client_that_goes_on_sending_follows_the_port(world):
    """Its flow in conntrack must not lead to the address of a run that is over."""
    with contextlib.ExitStack() as stack:
        held = stack.enter_context(world.outside.popen(PY, "-c", """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("192.0.2.2", 8080))
s.settimeout(3)
for line in sys.stdin:
    s.send(b"?")
    try:
        print(s.recv(100).decode(), flush=True)
    except OSError as e:
        print("refused:", e, flush=True)
""", stdin=subprocess.PIPE))

        def ask():
            held.stdin.write("\n")
            held.stdin.flush()
            return held.stdout.readline().strip()

        other = world.box("other", "bridge")
        for word in "a", "b":
            box = world.box(word, "bridge", "-p", "8080:80/udp", cmd=server(word, "udp,0.0.0.0,80")).up()
            assert ask() == word + " 192.0.2.1"
            box.end()
            if word == "a":
                other.end()
        held.kill()


def test_what_must_not_pass(world):
    a = world.box("a", "bridge", "-p", "8080:80", cmd=server("a", "tcp,0.0.0.0,80", "tcp,0.0.0.0,99")).up()
    # Somebody outside who knows the way to the bridge reaches nothing that is not published.
    world.outside.run("ip", "route", "add", a.net["ip"], "via", "192.0.2.2")
    assert world.outside.call("tcp", a.net["ip"], 99).startswith("refused")
    # A container that sends to 127.0.0.0/8 over the bridge does not reach the place's loopback.
    with world.place.popen(*server("private", "tcp,127.0.0.1,7000")) as private:
        assert private.stdout.readline() == "up\n"
        assert world.place.call("tcp", "127.0.0.1", 7000) == "private 127.0.0.1"
        a.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet;"
                          "ip route del local 127.0.0.0/8 table local; ip route del local 127.0.0.1 table local;"
                          "ip route add 127.0.0.1 via %s dev eth0 src %s" % (a.net["gateway"], a.net["ip"]))
        assert a.call("tcp", "127.0.0.1", 7000).startswith("refused")
        private.kill()


@pytest.mark.parametrize("forward", ["0", "1"])
def test_nothing_stays(world, forward):
    world.place.run("sh", "-c", "echo %s >/proc/sys/net/ipv4/ip_forward" % forward)
    world.place.run("nft", "add table ip other; add chain ip other c { type filter hook input priority 0; }")
    before = world.place.snapshot()
    for _ in range(2):
        a = world.box("a", "bridge", "-p", "8080:80")
        b = world.box("b", "bridge", "-p", "8081:80/udp")
        assert world.place.run("cat", "/proc/sys/net/ipv4/ip_forward").strip() == forward
        assert b.call("tcp", "192.0.2.1", 7) == "outside 192.0.2.2"
        a.end()
        assert b.call("tcp", "192.0.2.1", 7) == "outside 192.0.2.2"
        b.end()
        assert world.place.snapshot() == before
        assert sorted(os.listdir(world.state + "/net")) == ["bridge", "lock"]


def test_gc_takes_back_what_a_kill_left(world):
    before = world.place.snapshot()
    a = world.box("a", "bridge", "-p", "8080:80", "-p", "127.0.0.1:8090:80/udp")
    b = world.box("b", "bridge", "-p", "8081:80", cmd=server("b", "tcp,0.0.0.0,80")).up()
    a.kill()
    settled(world.place, a.net["link"])
    assert "8080" in world.place.run("nft", "list ruleset")
    told = world.gc("b")
    assert told["leases"] == 1 and told["rules"] == 2 and not told["bridge"]
    assert "8080" not in world.place.run("nft", "list ruleset")
    assert world.outside.call("tcp", "192.0.2.2", 8081) == "b 192.0.2.1"
    # The dead run's id comes back and gets the same address and port.
    c = world.box("a", "bridge", "-p", "8080:80")
    assert c.net["ip"] == a.net["ip"]
    c.kill()
    b.kill()
    told = world.gc()
    assert told["leases"] == 2 and told["bridge"]
    assert world.place.snapshot() == before
    assert world.gc() == {"leases": 0, "links": 0, "rules": 0, "helpers": 0, "bridge": False}


def test_the_next_run_gets_the_ports_of_a_killed_one(world):
    a = world.box("a", "bridge", "-p", "127.0.0.1:8080:80", "-p", "8081:80", "-p", "8082:80/udp")
    a.kill()
    b = world.box("b", "bridge", "-p", "8080:80", "-p", "8081:80", "-p", "8082:80/udp",
                  cmd=server("b", "tcp,0.0.0.0,80", "udp,0.0.0.0,80")).up()
    for kind, port in ("tcp", 8080), ("tcp", 8081), ("udp", 8082):
        assert world.place.call(kind, "127.0.0.1", port) == "b " + b.net["gateway"]
    assert world.gc("b")["rules"] == 0


def test_gc_removes_the_link_of_a_namespace_that_lives_on(world):
    a, b = world.box("a", "bridge"), world.box("b", "bridge")
    pin = subprocess.Popen(["nsenter", "-t", str(a.pid), "-n", "sleep", "60"])
    try:
        time.sleep(0.1)
        a.kill()
        assert world.gc("b")["links"] == 1
        assert a.net["link"] not in world.place.run("ip", "link")
        assert b.net["link"] in world.place.run("ip", "link")
    finally:
        pin.kill()
        pin.wait()


def test_a_port_in_use_names_who_has_it(world):
    with world.place.popen(*server("x", "tcp,0.0.0.0,8080")) as other:
        assert other.stdout.readline() == "up\n"
        with pytest.raises(AssertionError) as error:
            world.box("a", "bridge", "-p", "127.0.0.1:8080:80")
        assert "127.0.0.1:8080/tcp" in str(error.value) and "[port-in-use]" in str(error.value)
        assert "python3 (process %d)" % other.pid in str(error.value)
        other.kill()
    world.box("b", "bridge", "-p", "8080:80")
    with pytest.raises(AssertionError, match="(?s)the run b publishes it.*port-in-use"):
        world.box("c", "bridge", "-p", "8000-8100:8000-8100")
    with pytest.raises(AssertionError, match="192.0.2.77 is not an address of this place"):
        world.box("d", "bridge", "-p", "192.0.2.77:8085:81")
    assert len(os.listdir(world.state + "/net")) == 4  # lock, bridge, forward, b


def test_rules_flushed_by_somebody_come_back(world):
    world.box("a", "bridge")
    world.place.run("nft", "flush ruleset")
    b = world.box("b", "bridge", "-p", "8080:80", cmd=server("b", "tcp,0.0.0.0,80")).up()
    assert world.outside.call("tcp", "192.0.2.2", 8080) == "b 192.0.2.1"
    world.place.run("nft", "flush ruleset")
    c = world.box("c", "bridge")
    assert c.call("tcp", "192.0.2.1", 7) == "outside 192.0.2.2"


def test_two_state_directories_have_two_bridges(world, tmp_path):
    other = str(tmp_path / "other")
    os.mkdir(other)
    a = world.box("a", "bridge")
    b = Box(world.place, other, "a", "bridge")
    try:
        assert {a.net["bridge"], b.net["bridge"]} == {"nidus0", "nidus1"}
        assert a.net["gateway"] != b.net["gateway"]
        assert b.call("tcp", "192.0.2.1", 7) == "outside 192.0.2.2"
    finally:
        b.end()
    assert a.call("tcp", "192.0.2.1", 7) == "outside 192.0.2.2"


def test_the_subnet_avoids_routes_and_name_servers(world):
    world.place.run("ip", "route", "add", "10.90.3.0/24", "via", "192.0.2.1")
    world.place.run("sh", "-c", "echo nameserver 10.91.0.53 >%s/r; mount --bind %s/r /etc/resolv.conf" % (
        world.state, world.state))
    a = world.box("a", "bridge")
    assert a.net["gateway"] == "10.92.0.1"
    a.end()
    world.place.run("ip", "route", "add", "10.0.0.0/8", "via", "192.0.2.1")
    assert world.box("b", "bridge").net["gateway"] == "172.17.0.1"


def test_three_levels(world, tmp_path):
    """Each level's run is the place of the next one; all subnets differ and the last reaches out."""
    states = [str(tmp_path / ("level%d" % i)) for i in range(3)]
    cmd = ("sh", "-c", "ip -o -4 addr; exec %s -c '%s' tcp 192.0.2.1 7" % (PY, CLIENT))
    for state in reversed(states):
        os.mkdir(state)
        cmd = (TOOL, "run", state, "nest", "bridge", "--", *cmd)
    out = world.place.run(*cmd)
    gateways = re.findall(r'"gateway":"([\d.]+)"', out)
    assert gateways == ["10.88.0.1", "10.89.0.1", "10.90.0.1"], out
    assert out.strip().endswith("outside 192.0.2.2"), out
    settled(world.place)


def test_the_mtu_follows_the_way_out(world):
    world.place.run("ip", "link", "set", "up0", "mtu", "1400")
    assert "mtu 1400" in world.box("a", "bridge").run("ip", "link", "show", "eth0")


def test_no_way_out_is_no_obstacle(world):
    world.place.run("ip", "link", "del", "up0")
    a = world.box("a", "bridge", "-p", "8080:80", cmd=server("a", "tcp,0.0.0.0,80")).up()
    assert world.place.call("tcp", "127.0.0.1", 8080) == "a " + a.net["gateway"]


# The user rungs.

def tun_for_all(world):
    """Debian's own mode of the node; some machines keep it to root."""
    world.place.run("mount", "-t", "tmpfs", "none", "/dev/net")
    world.place.run("mknod", "-m", "666", "/dev/net/tun", "c", "10", "200")


def only(world, program):
    """The other helper does not exist."""
    for name in "pasta", "slirp4netns":
        if not shutil.which(name):
            if name == program:
                pytest.skip("%s is not installed" % name)
        elif name != program:
            world.place.run("mount", "--bind", "/dev/null", os.path.realpath(shutil.which(name)))


def as_user(world):
    user = pwd.getpwnam("nobody")
    os.chown(world.state, user.pw_uid, user.pw_gid)
    return ("setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups")


def wait_gone(pid, seconds=10):
    until = time.monotonic() + seconds
    while os.path.exists("/proc/%d" % pid):
        with contextlib.suppress(OSError), open("/proc/%d/stat" % pid) as f:
            if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                return
        assert time.monotonic() < until, "process %d is still there" % pid
        time.sleep(0.02)


@pytest.mark.parametrize("who", ["root", "root-userns", "user"])
@pytest.mark.parametrize("program", ["pasta", "slirp4netns"])
def test_user_network(world, program, who):
    tun_for_all(world)
    only(world, program)
    before = world.place.snapshot()
    enter = as_user(world) if who == "user" else ()
    options = () if who == "root" else ("--userns",)
    a = world.box("a", "user", *options, "-p", "8080:80", "-p", "8080:80/udp", "-p", "127.0.0.1:9000-9001:90-91",
                  enter=enter, cmd=server("a", "tcp,0.0.0.0,80", "udp,0.0.0.0,80", "tcp,0.0.0.0,91")).up()
    assert a.net["rung"] == program and a.net["mode"] == "user" and a.net["ip"] == "10.0.2.100"
    for kind in "tcp", "udp":
        assert a.call(kind, "192.0.2.1", 7) == "outside 192.0.2.2"
        assert world.outside.call(kind, "192.0.2.2", 8080) == "a 10.0.2.100"
        assert world.place.call(kind, "192.0.2.2", 8080) == "a 10.0.2.100"
        assert world.place.call(kind, "127.0.0.1", 8080) == "a 10.0.2.100"
    assert world.place.call("tcp", "127.0.0.1", 9001).startswith("a ")
    assert world.outside.call("tcp", "192.0.2.2", 9001).startswith("refused")
    a.end()
    wait_gone(a.net["helper_pid"])
    assert world.place.call("tcp", "127.0.0.1", 8080).startswith("refused")
    assert world.place.snapshot() == before
    assert os.listdir(world.state + "/net") == ["lock"] and os.listdir(world.state) == ["net"]


# Reads all there is, then answers with its digest and as much again: half-closed both ways.
DIGEST = """
import hashlib, os, socket, threading
s = socket.socket()
s.bind(("0.0.0.0", 80))
s.listen(64)
print("up", flush=True)
def one(c):
    data = b"".join(iter(lambda: c.recv(65536), b""))
    c.sendall(hashlib.sha256(data).hexdigest().encode() + data)
    c.close()
while True:
    threading.Thread(target=one, args=(s.accept()[0],)).start()
"""
LOAD = """
import hashlib, os, socket, sys, threading
bad = []
def one(n):
    data = os.urandom(n)
    try:
        s = socket.create_connection(("127.0.0.1", 8080), 20)
        threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()
        got = b"".join(iter(lambda: s.recv(65536), b""))
        if got[:64].decode() != hashlib.sha256(data).hexdigest() or got[64:] != data:
            bad.append(len(got))
    except OSError as e:
        bad.append(str(e))
threads = [threading.Thread(target=one, args=(n,)) for n in [0, 1, 700_000] * 8]
[t.start() for t in threads]
[t.join() for t in threads]
print(bad)
"""


def test_the_port_proxy(world):
    tun_for_all(world)
    a = world.box("a", "user", "--userns", "-p", "8080:80", "-p", "8081:81", "-p", "8082:82/udp",
                  enter=as_user(world), cmd=(PY, "-c", DIGEST)).up()
    assert world.place.run(PY, "-c", LOAD).strip() == "[]"
    # Nobody listens behind it: an end at once, not a wait.
    assert "timed out" not in world.place.call("tcp", "127.0.0.1", 8081)
    proxy = subprocess.run(["pgrep", "-P", str(a.tool.pid), "-x", "nidus-net"], stdout=subprocess.PIPE,
                           text=True).stdout.strip()
    assert proxy
    before = len(os.listdir("/proc/%s/fd" % proxy))
    assert world.place.run(PY, "-c", LOAD).strip() == "[]"
    until = time.monotonic() + 10
    while len(os.listdir("/proc/%s/fd" % proxy)) > before:
        assert time.monotonic() < until, os.listdir("/proc/%s/fd" % proxy)
        time.sleep(0.05)
    # UDP sessions are bounded.
    world.place.run(PY, "-c", """
import socket
for i in range(1500):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"x", ("127.0.0.1", 8082))
""")
    assert len(os.listdir("/proc/%s/fd" % proxy)) <= before + 520
    assert world.place.run(PY, "-c", LOAD).strip() == "[]"


@pytest.mark.parametrize("program", ["pasta", "slirp4netns"])
def test_the_helper_dies_with_its_container(world, program):
    tun_for_all(world)
    only(world, program)
    a = world.box("a", "user", "--userns", "-p", "8080:80", enter=as_user(world))
    a.kill()
    wait_gone(a.net["helper_pid"])
    world.box("b", "user", "--userns", "-p", "8080:80", enter=as_user(world))
    world.gc("b")
    assert world.place.run("ss", "-Hltn", "sport = 8080")


def test_a_bridge_that_is_refused_falls_to_the_user_network(world):
    tun_for_all(world)
    only(world, "slirp4netns")
    a = world.box("a", "auto", "--userns", enter=as_user(world))
    assert a.plan["rung"] == "slirp4netns"
    assert [l["rung"] for l in a.plan["left"]] == ["bridge", "pasta"]
    assert "Operation not permitted" in a.plan["left"][0]["reason"]


def test_no_rung_at_all(world):
    for name in "pasta", "slirp4netns":
        if shutil.which(name):
            world.place.run("mount", "--bind", "/dev/null", os.path.realpath(shutil.which(name)))
    tun_for_all(world)
    enter = as_user(world)
    with pytest.raises(AssertionError) as error:
        world.box("a", "auto", "--userns", enter=enter)
    assert "neither pasta nor slirp4netns" in str(error.value) and "Install passt or slirp4netns" in str(error.value)
    with pytest.raises(AssertionError, match="network 'bridge'"):
        world.box("a", "bridge", "--userns", enter=enter)
    a = world.box("a", "auto", "--userns", "--none-ok", enter=enter)
    assert a.plan["rung"] == "none" and a.plan["weaker"]
    world.place.run("umount", "/dev/net")
    world.place.run("mount", "-t", "tmpfs", "none", "/dev/net")
    with pytest.raises(AssertionError, match="mknod -m 0666 /dev/net/tun c 10 200"):
        world.box("b", "user", "--userns", enter=enter)


@pytest.mark.parametrize("mode", ["host", "none"])
def test_modes_that_need_nothing(world, mode):
    before = world.place.snapshot()
    out = world.place.run(TOOL, "run", world.state, "a", mode, "--", "true")
    assert json.loads(out)["network"]["rung"] == mode
    assert os.listdir(world.state) == [] and world.place.snapshot() == before


# The same through `nidus run`.

def nidus_in(world, *args, enter=(), check=True):
    env = ["env", "NIDUS_STATE_DIR=" + world.state, "NIDUS_STORE_DIR=" + world.state + "/store"]
    return world.place.run(*enter, *env, NIDUS, *args, check=check, timeout=60)


def serve_run(world, *options, enter=()):
    nidus_in(world, "run", "-d", "--name", "web", "--ready", "log:up", "-p", "8080:80", *options, "/",
             PY, "-u", "-c", SERVER, "web", "tcp,0.0.0.0,80", enter=enter)


def test_run_with_a_bridge(world):
    before = world.place.snapshot()
    serve_run(world)
    assert world.outside.call("tcp", "192.0.2.2", 8080) == "web 192.0.2.1"
    hosts = nidus_in(world, "run", "--rm", "--add-host", "db:192.0.2.9", "--dns", "192.0.2.1", "--dns-search", "example.org",
                     "/", "sh", "-c", "cat /etc/hosts /etc/resolv.conf; exec %s -c '%s' tcp 192.0.2.1 7" % (PY, CLIENT))
    assert "192.0.2.9\tdb" in hosts and "search example.org\nnameserver 192.0.2.1\n" in hosts, hosts
    assert hosts.strip().endswith("outside 192.0.2.2"), hosts
    nidus_in(world, "rm", "-f", "web")
    assert world.place.call("tcp", "127.0.0.1", 8080).startswith("refused")
    settled(world.place)
    assert world.place.snapshot() == before


def test_run_as_a_user(world):
    tun_for_all(world)
    enter = as_user(world)
    serve_run(world, enter=enter)
    assert world.outside.call("tcp", "192.0.2.2", 8080).startswith("web ")
    assert world.place.call("tcp", "127.0.0.1", 8080).startswith("web ")
    nidus_in(world, "rm", "-f", "web", enter=enter)
    assert world.place.call("tcp", "127.0.0.1", 8080).startswith("refused")


@pytest.mark.parametrize("who", ["root", "user"])
def test_run_in_run_in_run(world, who):
    if who == "user":
        tun_for_all(world)
    enter = as_user(world) if who == "user" else ()
    before = world.place.snapshot()
    # The program comes along as a volume: a build tree may lie where a nest does not look.
    inner = ["-e", "NIDUS_STATE_DIR=/tmp/state", "-e", "NIDUS_STORE_DIR=/tmp/store", "--privileged"]
    out = nidus_in(world, "run", "--rm", *inner, "-v", NIDUS + ":/nidus:ro", "/", "/nidus", "run", "--rm", *inner,
                   "-v", "/nidus:/nidus:ro", "/", "/nidus", "run", "--rm", "/",
                   "sh", "-c", "ip -o -4 addr; exec %s -c '%s' tcp 192.0.2.1 7" % (PY, CLIENT), enter=enter)
    assert out.strip().endswith("outside 192.0.2.2"), out
    assert ("10.90." if who == "root" else "10.89.") in out, out
    settled(world.place)
    assert world.place.snapshot() == before


# Attaches as a user without capabilities, as a VPN daemon in a container would.
ATTACH = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
try:
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1001))
    print("attached")
except OSError as e:
    print(e.strerror)
"""


def test_a_tun_made_beforehand(world):
    tun_for_all(world)
    user = as_user(world)
    before = world.place.snapshot()
    assert world.place.run(*user, PY, "-c", ATTACH, "vpn0").strip() == "Operation not permitted"
    nidus_in(world, "tun", "add", "vpn0", "--user", user[2])
    assert "vpn0" in world.place.run("ip", "link")
    assert world.place.run(*user, PY, "-c", ATTACH, "vpn0").strip() == "attached"
    for args, says in ((("add", "vpn0"), "already"), (("rm", "up0"), "not a TUN or TAP"), (("rm", "vpn9"), "No such device"),
                       (("add", "a/b"), "not an interface name"), (("make", "x"), "add, rm"),
                       (("add", "x", "--user", "me"), "--user")):
        done = subprocess.run([*world.place.enter, NIDUS, "tun", *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        assert done.returncode == 125 and says in done.stderr, (args, done)
    done = subprocess.run([*world.place.enter, *user, NIDUS, "tun", "add", "vpn1"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 125 and "Operation not permitted" in done.stderr and "CAP_NET_ADMIN" in done.stderr
    nidus_in(world, "tun", "rm", "vpn0")
    assert world.place.snapshot() == before
