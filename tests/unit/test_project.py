"""The project as a whole: what would break for whoever clones it, and not for whoever wrote it."""

from __future__ import annotations

import re
import shutil
import site
import subprocess
import sys
import sysconfig
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

from rjsite.content.facts import Fact, Facts, load_facts
from rjsite.content.lint.server_examples import differences
from rjsite.content.problem import Severity
from support.service import CLIENT, SERVICE, example

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PINNED = re.compile(r"(?P<name>[\w.-]+)(\[[\w,-]+\])?==\S+( ; .+)?")
# Patterns are written so that they do not match themselves.
PLACE_ON_A_MACHINE = re.compile(r"(?<![\w.~>])/(work|root|home|Users)/\w")
PACKAGE_SERVER = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|deb\.debian\.org|[a-z]+\.ubuntu\.com/ubuntu"
)


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in this project, and return the result."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def our_files() -> list[Path]:
    """Return every file that is, or would be, in the repository."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    assert listed.returncode == 0, listed.stderr
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def requirements(lock: str) -> dict[str, list[str]]:
    """Return each pinned line of a lock file with the lines that belong to it."""
    pinned: dict[str, list[str]] = {}
    for line in (ROOT / lock).read_text().splitlines():
        if line.startswith(" "):
            pinned[next(reversed(pinned))].append(line.strip(" \\"))
        else:
            pinned[line.rstrip(" \\")] = []
    return pinned


def test_site_is_still_pythons_own_module():
    assert Path(site.__file__).parent == Path(sysconfig.get_path("stdlib"))
    assert not (ROOT / "site" / "__init__.py").exists()


def test_our_package_is_found_from_any_folder(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", "import rjsite; print(rjsite.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(found.stdout.strip()) == ROOT / "site" / "rjsite" / "__init__.py"


@pytest.mark.parametrize(
    "name", ["site/rjsite/new.py", "content/case-studies/new.md", "static/new.css", *LOCKS]
)
def test_git_sees_what_belongs_to_the_project(name):
    assert git("check-ignore", "--no-index", name).returncode == 1


@pytest.mark.parametrize("name", [".venv/bin/python", "var/outbox.sqlite", "uv.lock", ".env"])
def test_git_leaves_out_what_does_not(name):
    assert git("check-ignore", "--no-index", name).returncode == 0


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_hashes_and_nothing_else(lock):
    pinned = requirements(lock)
    assert len(pinned) > 20
    for requirement, lines in pinned.items():
        assert PINNED.fullmatch(requirement), requirement
        hashes = [line for line in lines if not line.startswith("#")]
        assert hashes, requirement
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_server(lock):
    assert not re.search(r"://|@ |--\w*(index|links|host)", (ROOT / lock).read_text())


def test_what_tests_need_includes_what_the_site_needs():
    # Markers are ignored, because tests may need a package on systems where the site does not.
    to_run, to_test = ({line.split(" ;")[0] for line in requirements(lock)} for lock in LOCKS)
    assert to_run <= to_test


def test_the_locks_hold_every_dependency_that_pyproject_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for lock, wanted in zip(LOCKS, (("postgres", "redis"), tuple(extras)), strict=True):
        named = project["dependencies"] + [line for extra in wanted for line in extras[extra]]
        pinned = {found["name"].lower() for line in requirements(lock) if (found := PINNED.fullmatch(line))}
        assert {re.split(r"[\[<>=]", line)[0].lower() for line in named} <= pinned


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = (ROOT / "docs" / "dependencies.md").read_text().lower()
    named = chain(project["dependencies"], *project["optional-dependencies"].values())
    assert [line for line in named if re.split(r"[\[<>=]", line)[0].lower() not in reasons] == []


@pytest.mark.client_content
def test_no_file_names_a_place_on_somebodys_machine_or_a_package_server():
    texts = {
        file.relative_to(ROOT): content.decode()
        for file in our_files()
        if b"\0" not in (content := file.read_bytes())  # pictures and fonts
    }

    assert [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for name, text in texts.items()
        for pattern in (PLACE_ON_A_MACHINE, PACKAGE_SERVER)
        for match in pattern.finditer(text)
    ] == []


@pytest.mark.parametrize(
    "bad",
    [
        "see /" + "work/x",
        "cd /" + "home/anna/site",
        "--index https://py" + "pi.org/simple",
        "http://deb." + "debian.org",
    ],
)
def test_such_a_place_would_be_seen(bad):
    assert PLACE_ON_A_MACHINE.search(bad) or PACKAGE_SERVER.search(bad)


def test_the_readme_lists_every_setting_and_no_other():
    from rjsite.settings import Settings

    listed = re.findall(r"^\| `(RJSITE_\w+)`", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(f"RJSITE_{name.upper()}" for name in Settings.model_fields)


FILE_NAME = re.compile(
    r"(?<![\w./:*-])[\w-]+(?:/[\w.-]+)*\.(?:py|md|toml|html|js|css)\b|`((?!var/)[\w-]+/(?:[\w-]+/)*)`"
)
START_IN = (ROOT, ROOT / "site" / "rjsite", ROOT / "docs", ROOT / "content" / "forms")


DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/forms.md",
    "docs/glossary.md",
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_for_developers_names_only_files_that_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    names = {match[1] or match[0] for match in FILE_NAME.finditer(text)}

    assert names
    assert [name for name in sorted(names) if not any((start / name).exists() for start in START_IN)] == []


def test_make_help_lists_every_task():
    makefile = (ROOT / "Makefile").read_text()
    tasks = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert phony
    assert sorted(phony[1].split()) == sorted(tasks)
    assert [line.split()[1] for line in shown.stdout.splitlines()] == tasks


OURS = load_facts(SERVICE / "service.toml", Path("service.toml"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with the examples for nginx and Caddy as the invented service would write them."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    for name in ("Caddyfile", "nginx-published.conf"):
        (tmp_path / "deploy" / name).write_text(example(name))
    return tmp_path


WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text())
EVENTS = WORKFLOW[True]  # YAML reads the key `on` as true


def test_every_pull_request_runs_every_test_whatever_it_changes():
    (job,) = [job for job in WORKFLOW["jobs"].values() if job["steps"][-1].get("run") == ".ci/run"]

    assert EVENTS["pull_request"] is None  # neither `paths` nor `branches` leaves one out
    assert EVENTS["push"] == {"branches": ["main"]}
    assert job["if"] == "github.event_name != 'schedule'"
    for part in (job, *job["steps"]):
        assert not {"needs", "continue-on-error"} & set(part), part
    assert [step["name"] for step in job["steps"] if "if" in step] == []
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_each_action_is_pinned_by_its_hash_and_names_its_version():
    text = (ROOT / ".github" / "workflows" / "check.yml").read_text()
    actions = re.findall(r"uses: (.+)", text)

    assert actions
    assert [line for line in actions if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", line)] == []


def test_the_workflow_runs_each_version_of_python_that_the_locks_are_for():
    versions = WORKFLOW["jobs"]["versions"]["strategy"]["matrix"]["python"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]

    assert versions == ["3.11", "3.12", "3.13"]
    assert oldest == f">={versions[0]}"
    words = " ".join((ROOT / "docs" / "dependencies.md").read_text().split())
    assert f"on Python {versions[0]} to {versions[-1]}" in words


@pytest.mark.client_content
def test_servers_before_the_site_leave_to_where_it_leaves_and_name_its_phone(project):
    facts = load_facts(CLIENT / "service.toml", Path("service.toml"))
    nginx, caddy = (ROOT / "deploy" / name for name in ("nginx-published.conf", "Caddyfile"))

    assert list(differences(facts, ROOT)) == []
    assert f"return 303 {facts['exit_url'].link};" in nginx.read_text()
    assert f"redir {facts['exit_url'].link} 303" in caddy.read_text()
    assert facts["phone"].value in caddy.read_text()


PHONE = Fact(value="01632 960 001")
EXIT = Fact(value="mending.example", link="https://mending.example")


@pytest.mark.parametrize(
    ("fact", "new", "files", "said"),
    [
        (
            "phone",
            PHONE,
            ["Caddyfile", *["nginx-published.conf"] * 3],
            "write “01632 960 001”, the phone number of the service",
        ),
        ("exit_url", EXIT, ["Caddyfile", "nginx-published.conf"], "write https://mending.example, where"),
    ],
)
def test_examples_for_servers_that_keep_an_old_fact_are_named_at_their_line(project, fact, new, files, said):
    found = list(differences(Facts({**OURS, fact: new}), project))

    assert {problem.severity for problem in found} == {Severity.PLEASE_FIX}
    assert [problem.path.name for problem in found] == files
    for problem in found:
        assert problem.message.startswith(said)
        assert OURS[fact].value in (project / problem.path).read_text().splitlines()[problem.line - 1]


NUMBER = re.compile(r"(?<![\w./:-])(?:0|\+44)\d+ [\d ]{4,}\d(?!\w)|\btel:\+?\d{3}|\bmailto:\w")
MADE_UP = re.compile(r"01632 960 ?\d+|07700 900 ?\d+")  # reserved by Ofcom for drama


def test_no_number_or_link_to_one_stands_outside_the_facts_but_in_the_examples_for_servers():
    folders = ("templates", "site", "static", "docs", "deploy", ".github")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    files = [
        path for path in files if path.suffix in (".html", ".md", ".py", ".js", ".conf", ".svg", ".yml", "")
    ]
    found = {
        path.relative_to(ROOT).as_posix()
        for path in [*files, ROOT / "README.md", ROOT / "SECURITY.md"]
        if path.is_file() and NUMBER.search(MADE_UP.sub("", path.read_text(errors="ignore")))
    }

    examples = {"deploy/Caddyfile", "deploy/nginx-published.conf"}
    assert found == {*examples, "docs/to-confirm.md"}  # the last is made from the facts
