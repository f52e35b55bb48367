"""release.sh leaves a complete version running, the requested one or the last that worked, and says which."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rjsite.settings import ROOT

SOMEBODY = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

# A small project that takes no time to prepare. Empty files in it say what goes wrong with it.
FILES = {
    "deploy/prepare.py": f"""\
import sys
from pathlib import Path

root = Path(__file__).parents[1]
if (root / "unpreparable").exists():
    sys.exit(1)
bin = root / ".venv" / "bin"
new = not bin.is_dir()
bin.mkdir(parents=True, exist_ok=True)
(root / ".venv" / "outdated").unlink(missing_ok=True)
with (root / ".venv" / "prepared").open("a") as log:
    log.write("anew\\n" if new else "again\\n")
if new:
    python = '''\
#!/bin/sh
case "$*" in
*Settings.load*) test ! -e "$(dirname "$0")/../../unsettled" || exit 1 ;;
*) exec {sys.executable} "$@" ;;
esac
'''
    rjsite = '''\
#!/bin/sh
test ! -e "$(dirname "$0")/../outdated" || exit 1
case $1 in with-settings) shift && exec "$@" ;; esac
'''
    for name, program in (("python", python), ("rjsite", rjsite)):
        (bin / name).write_text(program)
        (bin / name).chmod(0o755)
""",
    "deploy/rjsite": """\
#!/bin/sh
root=$(dirname "$(dirname "$(realpath "$0")")")
test ! -e "$root/unpublishable" || exit 1
ln -sfn "release-$(basename "$root")" "$2/current"
test ! -e "$root/mistaken" # a mistake in a page: all else is published
""",
    "deploy/systemd/rjsite@.service": "",
    "site/empty.py": "",
}
# systemd and curl for a server with one service, which runs whatever `current` points to when it restarts.
PROGRAMS = {
    "systemctl": """\
echo "$*" >>{place}/asked
case "$*" in
"show --property=ActiveState --value rjsite@serve") cat {place}/state ;;
"show --property=ActiveState "*) echo inactive ;;
"show --property=MainPID "*)
    if [ -e {place}/running/crashing ]; then date +%N; else echo 7; fi ;;
restart*)
    ln -sfn "$(readlink {place}/srv/current)" {place}/running
    test ! -e {place}/running/unstartable ;;
esac
""",
    "curl": "test ! -e {place}/running/silent",
    "sleep": "",
    "runuser": 'test "$1 $2 $3" = "-u rjsite --" && shift 3 && exec "$@"',
    "python3": 'exec {python} -IS "$@"',
    # each command of the script is counted, and the script is killed at the command with the number END_AT
    **dict.fromkeys(("git", "tar", "mktemp", "cp", "sync", "touch", "rm", "ln", "mv", "readlink"), ""),
}
COUNT = """\
#!/bin/sh
echo {name} >>{place}/commands
if [ -n "${{END_AT-}}" ] && [ "$END_AT" = "$(wc -l <{place}/commands)" ]; then kill -"$END_BY" 0; fi
"""


class Server:
    """A made-up server with a running site and a clone of a project."""

    def __init__(self, place: Path) -> None:
        """Create the project with a first version, v1, and the clone."""
        self.place, self.srv = place, place / "srv"
        self.project, self.programs = place / "project", place / "programs"
        for folder in (self.srv, self.project, self.programs, place / "published"):
            folder.mkdir()
        for name, words in PROGRAMS.items():
            self._program(
                name, COUNT.format(name=name, place=place) + words.format(place=place, python=sys.executable)
            )
        path = os.environ.get("PATH", os.defpath)
        for name in PROGRAMS:
            if not PROGRAMS[name] and name != "sleep":
                with (self.programs / name).open("a") as file:
                    file.write(f'PATH={path}\nexec {name} "$@"\n')
        self.env = {"PATH": f"{self.programs}:{path}", "HOME": str(place), "LC_ALL": "C.UTF-8"}
        self._git("init", "--quiet", "--initial-branch=main", ".")
        for name, words in FILES.items():
            path_of = self.project / name
            path_of.parent.mkdir(exist_ok=True, parents=True)
            path_of.write_text(words)
            path_of.chmod(0o755)
        self.commit("v1")
        subprocess.run(["git", "clone", "--quiet", self.project, self.srv / "source"], check=True)
        script = (ROOT / "deploy" / "release.sh").read_text()
        for there, here in (
            ("/srv/rjsite", self.srv),
            ("/etc/rjsite", place),
            ("/var/lib/rjsite-published", place / "published"),
            ("/etc/systemd/system", place),
        ):
            script = script.replace(there, str(here))
        self.script = place / "release.sh"
        self.script.write_text(script)
        (place / "rjsite@.service").touch()
        (place / "environment").write_text(f"RJSITE_MAIL_PASSWORD=$(touch {place}/ran) `x` \"'\n")
        self.says_state("active")

    def _program(self, name: str, words: str) -> None:
        (self.programs / name).write_text(words)
        (self.programs / name).chmod(0o755)

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", self.project, *arguments],
            env={**self.env, **SOMEBODY, "PATH": os.environ.get("PATH", os.defpath)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def says_state(self, state: str) -> None:
        """Make systemd report this state of the site."""
        (self.place / "state").write_text(f"{state}\n")

    def commit(self, tag: str, *faults: str) -> str:
        """Add a version with only these faults, and return its commit."""
        for old in self.project.glob("*"):
            if old.is_file():
                old.unlink()
        for fault in (*faults, tag):
            (self.project / fault).touch()
        self._git("add", "--all")
        self._git("commit", "--quiet", "-m", tag)
        self._git("tag", tag)
        return self._git("rev-parse", "HEAD")

    def release(self, version: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run release.sh."""
        (self.place / "commands").write_text("")
        return subprocess.run(
            ["sh", self.script, version],
            env={**self.env, **env}, capture_output=True, text=True, timeout=60, check=False, process_group=0,
        )  # fmt: skip

    def must_release(self, version: str) -> str:
        """Run release.sh successfully, and return its output."""
        done = self.release(version)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def whole(self, link: str = "current") -> Path:
        """Return the folder that a link points to, and check that it is complete."""
        found = (self.srv / link).resolve(strict=True)
        assert all((found / name).exists() for name in (*FILES, ".venv/bin/python", "ready"))
        return found

    def runs(self, version: str) -> bool:
        """Return whether `current` points to this version, and it was started and published."""
        found = self.whole()
        published = (self.place / "published" / "current").readlink().name
        started = (self.place / "running").resolve()
        return (found / version).exists() and started == found and published == f"release-{found.name}"


@pytest.fixture(scope="module")
def first_server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Return a server on which v1 runs. It is created once, and a copy of its folder is kept beside it."""
    place = tmp_path_factory.mktemp("server") / "place"
    place.mkdir()
    server = Server(place)
    server.must_release("v1")
    shutil.copytree(server.place, server.place.with_name("as-it-was"), symlinks=True)
    return server


@pytest.fixture
def server(first_server: Server) -> Server:
    """Return the server on which v1 runs, restored from that copy."""
    shutil.rmtree(first_server.place)
    shutil.copytree(first_server.place.with_name("as-it-was"), first_server.place, symlinks=True)
    first_server.script = first_server.place / "release.sh"
    return first_server


def test_a_release_runs_is_published_and_names_the_version_before(server: Server) -> None:
    first, second = server.whole().name.split(".")[0], server.commit("v2")
    reader = server.whole() / ".venv" / "bin" / "rjsite"
    reader.unlink()
    reader.symlink_to(
        Path(sys.executable).with_name("rjsite")
    )  # the real rjsite, because the settings are not a shell script

    said = server.must_release("main")

    assert said == f"Running: {second}. The previous version was {first}.\n"
    assert server.runs("v2")
    assert not (server.place / "ran").exists()
    assert not (server.whole() / "archive.tar").exists()


def test_one_goes_back_to_what_is_named_also_without_a_network(server: Server) -> None:
    first = server.whole().name.split(".")[0]
    server.commit("v2")
    server.must_release("main")
    server.project.rename(server.place / "unreachable")

    for name in ("v1", "v2", first):
        done = server.release(name)
        assert (done.returncode, done.stdout[:8]) == (0, "Running:"), done.stderr
    assert server.runs("v1")
    assert "anew" not in (server.whole() / ".venv" / "prepared").read_text().splitlines()[1:]


def test_a_branch_that_could_not_be_fetched_is_not_taken_for_the_newest(server: Server) -> None:
    server.project.rename(server.place / "unreachable")

    done = server.release("main")

    assert done.returncode == 1
    assert "The branch main could not be fetched." in done.stderr
    assert server.runs("v1")


@pytest.mark.parametrize("name", ["v9", "", "-x", "dead", "origin/none", "v1 v2"])
def test_a_version_that_does_not_exist_changes_nothing(server: Server, name: str) -> None:
    folders = list((server.srv / "versions").iterdir())

    done = server.release(name)

    assert (done.returncode, done.stdout) == (1, "")
    assert f"There is no version {name}. Name a tag, a branch or a commit." in done.stderr
    assert list((server.srv / "versions").iterdir()) == folders


def test_a_branch_that_was_deleted_is_no_version_any_more(server: Server) -> None:
    server._git("checkout", "--quiet", "-b", "trial")
    server.must_release("trial")
    server._git("checkout", "--quiet", "main")
    server._git("branch", "--quiet", "-D", "trial")

    assert "There is no version trial." in server.release("trial").stderr


def test_a_tag_that_was_moved_is_followed(server: Server) -> None:
    server.commit("v2")
    server._git("tag", "--force", "v1")

    server.must_release("v1")

    assert server.runs("v2")


@pytest.mark.parametrize("fault", ["silent", "crashing", "unstartable", "unpublishable"])
def test_a_version_that_does_not_come_up_whole_gives_way_to_the_one_before(
    server: Server, fault: str
) -> None:
    first, second = server.whole().name.split(".")[0], server.commit("v2", fault)

    done = server.release("main")

    assert (done.returncode, done.stdout) == (1, "")
    assert f"{second} did not start properly. {first} runs again. The lines above" in done.stderr
    assert server.runs("v1")
    assert [path.resolve() for path in (server.srv / "versions").iterdir()] == [server.whole()]
    server.commit("v3")
    assert server.must_release("main").endswith(f"The previous version was {first}.\n")


def test_a_mistake_in_the_content_stops_no_release(server: Server) -> None:
    server.commit("v2", "mistaken")

    server.must_release("main")

    assert server.runs("v2")


def test_what_does_not_come_up_either_is_not_said_to_run(server: Server) -> None:
    (server.whole() / "silent").touch()
    first, second = server.whole().name.split(".")[0], server.commit("v2", "silent")

    done = server.release("main")

    assert done.returncode == 1
    assert f"{second} did not start properly. {first} is restored, but does not start either." in (
        done.stderr
    )


def test_a_first_version_that_does_not_come_up_says_that_there_is_none_before(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.commit("v2", "silent")

    done = server.release("main")

    assert done.returncode == 1
    assert "did not start, and there is no version to go back to." in done.stderr


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_site_that_was_stopped_stays_so_and_is_not_said_to_run(server: Server, state: str) -> None:
    second = server.commit("v2")
    server.says_state(state)

    assert server.must_release("main") == f"Ready, but not started: {second}\n"
    assert (server.whole() / "v2").exists()
    assert not (server.place / "running" / "v2").exists()


@pytest.mark.parametrize("state", ["active", "activating", "reloading", "deactivating"])
def test_a_version_is_watched_also_where_the_one_before_did_not_come_up(server: Server, state: str) -> None:
    server.commit("v2", "silent")
    server.says_state(state)  # activating means that systemd starts it again and again

    assert server.release("main").returncode == 1
    assert server.runs("v1")


def test_a_release_of_a_version_that_is_there_starts_from_clean_files(server: Server) -> None:
    before = server.whole()
    (before / "site" / "empty.py").write_text("changed by hand")
    (before / "left.py").touch()

    server.must_release("v1")

    assert server.whole() != before
    assert (server.whole() / "site" / "empty.py").read_text() == ""
    assert not (server.whole() / "left.py").exists()


def test_settings_that_the_new_version_cannot_use_stop_nothing_that_runs(server: Server) -> None:
    started = (server.place / "running").lstat().st_mtime_ns
    server.commit("v2", "unsettled")

    done = server.release("main")

    assert done.returncode == 1
    assert "Nothing has changed: " in done.stderr
    assert server.runs("v1")
    assert (server.place / "running").lstat().st_mtime_ns == started
    assert [path.resolve() for path in (server.srv / "versions").iterdir()] == [server.whole()]


def test_a_server_whose_settings_are_not_complete_yet_gets_its_first_version(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.commit("v2", "unsettled")
    server.says_state("inactive")

    assert server.must_release("main").startswith("Ready, but not started: ")


def test_a_release_works_after_a_new_python_has_ended_the_packages_of_what_runs(server: Server) -> None:
    (server.whole() / ".venv" / "outdated").touch()
    server.script = server.script.rename(server.whole() / "deploy" / "release.sh")
    server.commit("v2")

    server.must_release("main")

    assert server.runs("v2")


def test_systemd_and_nginx_take_up_the_files_of_the_version_that_runs(server: Server) -> None:
    unit = server.project / "deploy" / "systemd" / "rjsite@.service"
    unit.write_text("of v2")
    server.commit("v2")
    unit.write_text("of v3")
    server.commit("v3", "silent")

    server.must_release("v2")
    assert (server.place / unit.name).read_text() == "of v2"

    server.release("v3")
    assert (server.place / unit.name).read_text() == "of v2"

    said = (server.place / "asked").read_text().splitlines()
    changes = [line.split()[0] for line in said if "show" not in line and "is-active" not in line]
    restarted, published = ["daemon-reload", "restart"], ["reload"]  # units first, and nginx last
    whole = [*restarted, *published, "try-restart"]  # the staff copy follows what has come up
    v1, v2, v3, back = whole, whole, restarted, restarted + published
    assert changes == v1 + v2 + v3 + back


def test_packages_are_looked_at_each_time_since_python_may_be_another(server: Server) -> None:
    server.must_release("v1")

    assert (server.whole() / ".venv" / "prepared").read_text() == "anew\nagain\n"


def test_a_version_is_on_the_disk_before_it_counts_as_ready(server: Server) -> None:
    server.must_release("v1")

    said = (server.place / "commands").read_text().split()
    assert said.count("python3") == 1
    assert said.index("python3") < said.index("sync") < said.index("touch")


@pytest.mark.parametrize("program", ["git", "tar", "cp", "python3", "sync", "touch"])
def test_a_full_disk_while_it_is_made_ready_changes_nothing_and_leaves_nothing(
    server: Server, program: str
) -> None:
    server.commit("v2")
    real = (server.programs / program).read_text()
    full = 'case "$*" in *fetch*|*rev-parse*) ;; *) echo "No space left on device" >&2; exit 1 ;; esac\n'
    (server.programs / program).write_text(f"#!/bin/sh\n{full}{real}")

    done = server.release("main")

    assert done.returncode == 1
    assert "Nothing has changed: " in done.stderr
    assert server.runs("v1")
    assert [path.resolve() for path in (server.srv / "versions").iterdir()] == [server.whole()]


def test_a_second_release_at_the_same_time_is_refused(server: Server) -> None:
    with (server.srv / "release.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        done = server.release("v1")

    assert done.returncode == 1
    assert "Another release is under way." in done.stderr
    assert server.release("v1").returncode == 0


@pytest.mark.parametrize("how", ["KILL", "TERM"])
def test_a_run_that_ends_at_any_step_leaves_a_whole_version_and_the_next_one_works(
    server: Server, how: str
) -> None:
    server.commit("v2")
    steps = 0
    while True:
        steps += 1
        done = server.release("main", END_AT=str(steps), END_BY=how)
        server.whole()
        if done.returncode == 0:
            break
        if how == "TERM":  # the script can restore the version before
            started = (server.place / "running").resolve()
            assert started == server.whole(), steps
    assert steps > 15
    server.must_release("main")

    assert server.runs("v2")
    kept = {path.name.split(".")[0] for path in (server.srv / "versions").iterdir()}
    assert server.whole().name.split(".")[0] in kept
    assert len(list((server.srv / "versions").iterdir())) <= 3


def test_after_a_run_that_was_killed_once_switched_one_goes_back_to_what_came_up_last(
    server: Server,
) -> None:
    first = server.whole()
    server.commit("v2", "silent")
    server.release("main")
    restart = (server.place / "commands").read_text().split("\n").index("curl") + 1
    server.release("main", END_AT=str(restart), END_BY="KILL")
    assert server.whole() != first

    done = server.release("main")

    assert "runs again" in done.stderr
    assert server.whole() == first


def test_the_last_three_versions_are_kept(server: Server) -> None:
    for number in range(2, 6):
        server.commit(f"v{number}")
        server.must_release("main")

    found = {next(iter(path.glob("v?"))).name for path in (server.srv / "versions").iterdir()}
    assert found == {"v3", "v4", "v5"}


def test_what_runs_and_the_one_before_are_kept_also_after_a_clock_that_was_ahead(server: Server) -> None:
    for number in range(2, 6):
        server.commit(f"v{number}")
        server.must_release("main")
        tomorrow = time.time() + 86_400
        for path in (server.srv / "versions").iterdir():
            if not (path / "v4").exists() and not (path / "v5").exists():
                os.utime(path, (tomorrow, tomorrow))

    assert server.runs("v5")
    found = {next(iter(path.glob("v?"))).name for path in (server.srv / "versions").iterdir()}
    assert {"v4", "v5"} <= found
