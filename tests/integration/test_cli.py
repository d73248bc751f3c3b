"""What every verb shares: help, unknown words, completion."""
import os
import pty
import re
import shutil
import subprocess

import pytest


def verbs(nidus):
    lines = nidus("_complete", "--", "", check=True).stdout.splitlines()
    return [line.split("\t")[0] for line in lines if not line.startswith("-")]


def test_no_verb_shows_the_verbs_and_fails(nidus):
    done = nidus()
    assert done.returncode == 125 and not done.stdout
    assert "Usage: nidus VERB" in done.stderr


def test_help_lists_every_verb(nidus):
    shown = nidus("--help", check=True).stdout
    for verb in verbs(nidus):
        assert re.search(r"^  %s\s" % verb, shown, re.M)
    assert "_manual" not in shown
    assert nidus("help", check=True).stdout == shown


def test_each_verb_has_help(nidus):
    for verb in verbs(nidus):
        shown = nidus(verb, "--help", check=True, env={"COLUMNS": "80"}).stdout
        assert shown.startswith("Usage: nidus %s" % verb)
        assert nidus("help", verb, check=True, env={"COLUMNS": "80"}).stdout == shown
        assert "\033" not in shown
        assert all(len(line) <= 80 for line in shown.split("Examples:")[0].splitlines()[2:]), shown


def test_help_takes_the_width_of_the_terminal(nidus):
    for columns in "0", "1", "60", "99999999999999999999", "-5", "x":
        assert nidus("help", "probe", check=True, env={"COLUMNS": columns}).stdout


def test_colour_only_on_a_terminal(nidus):
    def on_a_terminal(**env):
        master, slave = pty.openpty()
        child = nidus.popen("help", "help", stdout=slave, env={"TERM": "xterm", "NO_COLOR": "", **env})
        os.close(slave)
        text = b""
        while True:
            try:
                more = os.read(master, 4096)
            except OSError:
                break
            if not more:
                break
            text += more
        os.close(master)
        assert child.wait(10) == 0
        return text

    assert b"\033[1m" in on_a_terminal()
    assert b"\033" not in on_a_terminal(NO_COLOR="1")
    assert b"\033" not in on_a_terminal(TERM="dumb")


@pytest.mark.parametrize("word,near", [("hlep", "help"), ("verison", "version"), ("prob", "probe")])
def test_a_misspelt_verb_is_told_its_neighbour(nidus, word, near):
    done = nidus(word)
    assert done.returncode == 125
    assert "there is no verb '%s'" % word in done.stderr and "'%s'" % near in done.stderr
    assert nidus("help", word).returncode == 125


@pytest.mark.parametrize("word", ["", "zzzzzz", "-", "--", "--x", "\n", "run\x01", "x" * 5000])
def test_a_strange_verb_is_refused_in_one_line(nidus, word):
    done = nidus(word)
    assert done.returncode == 125 and not done.stdout
    assert done.stderr.startswith("nidus: ")


def test_unknown_option_names_its_neighbour(nidus):
    done = nidus("probe", "--jsno")
    assert done.returncode == 125
    assert "unknown option --jsno" in done.stderr and "--json" in done.stderr


def candidates(nidus, *words):
    return [line.split("\t")[0] for line in nidus("_complete", "--", *words, check=True).stdout.splitlines()]


def test_candidates(nidus):
    assert candidates(nidus, "pro") == ["probe"]
    assert "--json" in candidates(nidus, "probe", "--")
    assert "userns" in candidates(nidus, "probe", "user")
    assert candidates(nidus, "help", "vers") == ["version"]
    assert candidates(nidus, "no-such-verb", "x") == []
    assert candidates(nidus) == []


def test_operands_by_the_synopsis(nidus):
    assert candidates(nidus, "run", "/", "l") == [":files"]
    assert ":dirs" in candidates(nidus, "run", "")
    assert candidates(nidus, "run", "--health-on-failure", "r") == ["restart"]
    assert candidates(nidus, "run", "--health-on-failure=r") == ["--health-on-failure=restart"]
    assert candidates(nidus, "run", "/", "--", "--health-on-failure=r") == [":files"]
    assert candidates(nidus, "image", "im") == ["import"]
    assert candidates(nidus, "image", "import", "") == [":files"]
    assert candidates(nidus, "image", "ls", "") == []


def test_runs_are_candidates(nidus):
    done = nidus("run", "-d", "--name", "cli-run", "--network", "none", "/", "--", "sleep", "60")
    if done.returncode:
        pytest.skip("nidus run -d: " + done.stderr.strip())
    run_id = done.stdout.strip()
    try:
        assert candidates(nidus, "stop", "cli") == ["cli-run"]
        assert candidates(nidus, "stop", run_id[:5]) == [run_id[:12]]
        assert candidates(nidus, "exec", "") == ["cli-run"]
        assert candidates(nidus, "exec", "cli-run", "") == [":files"]
    finally:
        nidus("rm", "-f", "cli-run", check=True)


def bash(nidus, line, cwd):
    script = r'''
		source <("$NIDUS" _completion bash)
		compopt() { :; }
		COMP_LINE=$1 COMP_POINT=${#1}
		_nidus
		printf '%s\n' "${COMPREPLY[@]}"
	'''
    done = subprocess.run(["bash", "--norc", "-ec", script, "bash", line.replace("nidus", nidus.path, 1)], cwd=cwd,
                          env={**nidus.env, "NIDUS": nidus.path}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split("\n")[:-1]


def test_bash_completion(nidus, tmp_path):
    (tmp_path / "some-file").touch()
    assert bash(nidus, "nidus pro", tmp_path) == ["probe"]
    assert set(verbs(nidus)) <= set(bash(nidus, "nidus ", tmp_path))
    assert "--json" in bash(nidus, "nidus probe --js", tmp_path)
    assert bash(nidus, "nidus probe --js", tmp_path) == ["--json"]


def test_fish_completion(nidus):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    script = "function nidus; $NIDUS $argv; end; $NIDUS _completion fish | source; complete -C 'nidus pro'"
    done = subprocess.run(["fish", "--no-config", "-c", script], env={**nidus.env, "NIDUS": nidus.path},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.stdout.split("\t")[0] == "probe", done.stderr


def test_zsh_completion_is_valid(nidus, tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    lines = tmp_path / "_nidus"
    lines.write_text(nidus("_completion", "zsh", check=True).stdout)
    subprocess.run(["zsh", "-n", str(lines)], check=True, timeout=20)


def test_completion_of_an_unknown_shell(nidus):
    done = nidus("_completion", "tcsh")
    assert done.returncode == 125 and "bash, zsh, fish" in done.stderr
