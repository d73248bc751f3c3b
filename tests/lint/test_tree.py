"""Order of the rooms, sizes, and words that must not be in the tree."""
import glob
import os
import re

from files import ROOT, text, tracked

# A folder includes only folders of earlier lines, and itself; siblings never include each other.
ROOMS = [["base"], ["kernel"], ["probe"], ["plan", "explain"], ["container", "shim", "store", "net", "vm"],
         ["guest"], ["supervise"], ["cli"]]
LINES_MAX = 600
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def allowed(room):
    if room == "guest":  # runs alone inside a guest
        return {"base", "kernel", "guest"}
    return {r for r in LEVEL if LEVEL[r] < LEVEL[room] and r != "guest"} | {room}


def test_rooms_include_only_rooms_above():
    wrong = []
    for name in tracked(".c", ".h", under="src/"):
        parts = name.split("/")
        if parts[1] not in LEVEL:
            wrong.append("%s: '%s' is not a room" % (name, parts[1]))
            continue
        for number, line in enumerate(text(name).splitlines(), 1):
            m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not m:
                continue
            room = m.group(1).split("/")[0] if "/" in m.group(1) else parts[1]
            if room not in allowed(parts[1]):
                wrong.append("%s:%d: %s/ may not include %s" % (name, number, parts[1], m.group(1)))
    assert not wrong, "\n".join(wrong)


def test_plan_and_explain_make_no_system_calls():
    calls = r"\b(open|openat|read|write|mount|ioctl|fork|clone3?|syscall|socket|stat)\s*\("
    wrong = ["%s: %s" % (name, m.group(0)) for name in tracked(".c", under="src/plan/") + tracked(".c", under="src/explain/")
             for m in re.finditer(calls, re.sub(r'"(\\.|[^"\\])*"|/\*.*?\*/', "", text(name), flags=re.S))]
    assert not wrong, "\n".join(wrong)


def test_only_cli_prints():
    calls = r"(?<![\w.>])(?:printf|puts|putchar|perror|vprintf)\s*\(|\bfprintf\s*\(\s*std(?:out|err)"
    wrong = []
    for name in tracked(".c", ".h", under="src/"):
        # nidus-init has nobody above it that could print its errors.
        if name.split("/")[1] in ("cli", "guest"):
            continue
        code = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), text(name), flags=re.S)
        wrong += ["%s:%d" % (name, n) for n, line in enumerate(code.splitlines(), 1) if re.search(calls, line)]
    assert not wrong, "prints outside cli/: " + ", ".join(wrong)


def test_files_stay_small():
    long = ["%s: %d lines" % (n, text(n).count("\n")) for n in tracked(".c", ".h", under="src/")
            if text(n).count("\n") > LINES_MAX]
    assert not long, "\n".join(long)


def test_each_source_begins_with_what_it_owns():
    bare = [n for n in tracked(".c", ".h", under="src/") if not text(n).startswith("/*")]
    assert not bare, "no opening comment: " + ", ".join(bare)


def mirror_hosts():
    """Hosts of the package mirrors set up on this machine, unless they are the public ones."""
    found = set()
    for pattern in "/etc/apt/sources.list", "/etc/apt/sources.list.d/*", "/etc/apt/apt.conf.d/*", "/etc/pip.conf":
        for path in glob.glob(pattern):
            with open(path, errors="replace") as f:
                found |= set(re.findall(r"https?://(?:[^/@\s]*@)?([\w.-]+)", f.read()))
    return {h for h in found if "." in h and not h.endswith("debian.org")}


def test_no_names_of_the_machine_it_was_written_on():
    words = ["/wo" + "rk/"] + sorted(mirror_hosts())  # in pieces, so that this file does not find itself
    wrong = ["%s: %s" % (name, word) for name in tracked() for word in words if word in text(name)]
    assert not wrong, "\n".join(wrong)


def test_no_tabs_or_spaces_at_line_ends():
    wrong = ["%s:%d" % (name, n) for name in tracked(".c", ".h", ".py", ".md", ".build", ".sh")
             for n, line in enumerate(text(name).split("\n"), 1) if line != line.rstrip()]
    assert not wrong, ", ".join(wrong)


def test_readme_commands_exist():
    readme = text("README.md")
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), flags=re.M))
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", readme, flags=re.M))
    assert named and named <= targets, "README names make targets that do not exist: %s" % (named - targets)
    for path in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert os.path.exists(os.path.join(ROOT, path)), "README links to %s, which is not there" % path


def test_no_careless_functions():
    calls = r"\b(atoi|atol|strcpy|strcat|sprintf|vsprintf|system|popen|gets|tmpnam|mktemp|alloca)\s*\("
    wrong = ["%s: %s" % (name, m.group(1)) for name in tracked(".c", ".h", under="src/")
             for m in re.finditer(calls, re.sub(r'"(\\.|[^"\\\n])*"|/\*.*?\*/', "", text(name), flags=re.S))]
    assert not wrong, ", ".join(wrong)
