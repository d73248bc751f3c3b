"""nidus-init: one command, signals handed on, orphans reaped, its exit status."""
import os
import pty
import signal
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("NIDUS_BUILD_DIR", os.path.join(ROOT, "build"))
INIT = os.path.join(BUILD, "src/guest/nidus-init")


def start(*args, **kw):
    return subprocess.Popen([INIT, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **kw)


def run(*args, **kw):
    child = start(*args, **kw)
    out, err = child.communicate(timeout=30)
    return child.returncode, out, err


@pytest.mark.parametrize("status", [0, 1, 77, 255])
def test_exit_status_is_the_commands(status):
    assert run("sh", "-c", "exit %d" % status)[0] == status


def test_status_of_a_killed_command():
    assert run("sh", "-c", "kill -KILL $$")[0] == 137


def test_arguments_pass_untouched():
    status, out, _ = run("--", "printf", "%s|", "-g", "--", "a b", "")
    assert (status, out) == (0, "-g|--|a b||")


def test_missing_command():
    status, _, err = run("--", "/no/such/program")
    assert status == 127 and "/no/such/program: No such file" in err


def test_command_that_is_no_program(tmp_path):
    status, _, err = run("--", str(tmp_path))
    assert status == 126 and "Permission denied" in err


@pytest.mark.parametrize("args", [[], ["--"], ["-g"], ["-x", "true"], ["--help"]])
def test_bad_usage(args):
    status, _, err = run(*args)
    assert status == 125 and "usage: nidus-init" in err


@pytest.mark.parametrize("sig", ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "PIPE", "WINCH", "RTMIN+3"])
def test_signals_are_handed_on(sig):
    child = start("bash", "-c", "trap 'echo got; exit 9' %s; echo ready; while :; do sleep 0.05; done" % sig)
    assert child.stdout.readline() == "ready\n"
    number = signal.SIGRTMIN + 3 if sig == "RTMIN+3" else getattr(signal, "SIG" + sig)
    child.send_signal(number)
    assert child.stdout.readline() == "got\n"
    assert child.wait(10) == 9


def test_unhandled_signal_ends_the_command():
    child = start("sh", "-c", "echo ready; exec sleep 60")
    assert child.stdout.readline() == "ready\n"
    child.terminate()
    assert child.wait(10) == 143


def test_group_gets_the_signal_with_g():
    script = "(trap 'echo inner; exit' TERM; echo ready; while :; do sleep 0.05; done) & trap : TERM; wait; wait"
    child = start("-g", "--", "bash", "-c", script)
    assert child.stdout.readline() == "ready\n"
    child.terminate()
    assert child.stdout.readline() == "inner\n"
    assert child.wait(10) == 0


def test_command_starts_with_a_clean_signal_state():
    _, out, _ = run("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status",
                    preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    values = dict(line.split(":\t") for line in out.splitlines())
    assert int(values["SigBlk"], 16) == 0
    assert not int(values["SigIgn"], 16) & (1 << (signal.SIGTTIN - 1) | 1 << (signal.SIGCHLD - 1))


def test_orphans_are_reaped():
    # Each inner subshell ends at once and leaves its sleep to whoever reaps.
    script = "for i in 1 2 3 4 5; do (sleep 0.1 &) ; done; sleep 0.6; ps -o stat= --ppid $PPID"
    status, out, _ = run("sh", "-c", script)
    assert status == 0
    assert not any(line.startswith("Z") for line in out.splitlines()), out


def test_readers_see_the_end_when_the_command_lets_go():
    child = start("sh", "-c", "echo x; exec >&- 2>&-; sleep 30")
    assert child.stdout.read() == "x\n"
    assert child.poll() is None
    child.terminate()
    assert child.wait(10) == 143


def test_extra_descriptors_go_to_the_command_alone():
    r, w = os.pipe()
    child = start("bash", "-c", "echo hello >&%d; exec %d>&-; sleep 30" % (w, w), pass_fds=[w])
    os.close(w)
    with os.fdopen(r) as f:
        assert f.read() == "hello\n"
    child.terminate()
    assert child.wait(10) == 143


def test_command_is_in_the_foreground_of_the_terminal():
    pid, master = pty.fork()
    if pid == 0:
        os.execv(INIT, [INIT, "--", "sh", "-c", "ps -o tpgid=,pgid= -p $$; sleep 30"])
    line = b""
    while b"\n" not in line:
        line += os.read(master, 100)
    foreground, group = line.split()[:2]
    assert foreground == group
    os.write(master, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    os.close(master)


def test_as_pid_1():
    def outcome(*command):
        return subprocess.run(["unshare", "-Urpf", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=30)
    probe = outcome("true")
    if probe.returncode:
        pytest.skip("unshare -Urp: " + probe.stderr.strip())
    done = outcome(INIT, "--", "sh", "-c", "echo $PPID; kill -USR1 $PPID; sleep 5")
    assert done.stdout == "1\n"
    assert done.returncode == 128 + signal.SIGUSR1
