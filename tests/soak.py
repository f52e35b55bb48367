"""Sends forms while everything goes wrong at random, and then accounts for each of them.

    make soak                      two minutes, a new seed
    make soak MINUTES=10 SEED=7    ten minutes, the faults of an earlier seed
    make soak SIGN_IN=token        sign in to the mail server with OAuth

Every form is either accepted, and then delivered at least once, or refused, and then shown with every answer.
Many things go wrong: the mail server fails in many ways, tokens expire early, the token server refuses, the
site gets SIGKILL or SIGTERM, a second worker starts and is killed, the outbox is locked, full or corrupt, and
people send pages twice or change answers.
"""

from __future__ import annotations

import argparse
import random
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType

sys.path.insert(0, str(Path(__file__).parent))

from support import site_process
from support.authority import Authority, server_context
from support.disk import damaged, full, locked, outbox_rows_are_due, repair_corrupt_files
from support.faulty_mail_server import CLOSE, LOGIN, SILENT, FaultyMailServer
from support.forms import CONTACT, Page, lost
from support.mail import Received
from support.processes import free_port, wait_until
from support.site_process import Site
from support.token_server import TokenServer
from support.visitor import Visitor

SETTLED = 900  # seconds, at most, until all waiting mail is sent; busy machines send one or two a second
FAULTS: list[dict[str, str | list[str]]] = [
    {"connect": CLOSE},
    {"connect": SILENT},
    {"mail": "451 later"},
    {"rcpt": ["450 greylisted"] * 3},
    {"data": CLOSE},
    {"body": CLOSE},
    {"body": SILENT},
    {"body": "451 later"},
    {"body": "554 no"},
    {"auth": "535 no"},
    {"quit": CLOSE},
]


@dataclass
class Soak:
    """One run: the site, its mail server, and what happened to each form."""

    site: Site
    authority: Authority
    port: int
    chance: random.Random
    tokens: TokenServer | None = None
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    taken: list[Received] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    went_wrong: Counter[str] = field(default_factory=Counter)

    # -- people -----------------------------------------------------------------------------------------

    def person(self, number: int) -> None:
        """Open forms and send them, sometimes twice or changed, and try again as the page says."""
        chance = random.Random(self.chance.random() + number)
        visitor = Visitor(self.site.base_url)
        while not self.over.is_set():
            words = f"Soaked words {number} {chance.getrandbits(60):x}."
            token = ""
            with suppress(OSError, HTTPException, AssertionError):
                token = visitor.token(CONTACT)
            if not token:
                time.sleep(0.2)
                continue
            self.send(visitor, words, token, tries=chance.randint(1, 6))
            if chance.random() < 0.2:
                self.send(visitor, words, token, tries=2)
            if chance.random() < 0.2:
                self.send(visitor, words.replace("Soaked", "Changed"), token, tries=4)
            time.sleep(chance.random() * 0.3)

    def send(self, visitor: Visitor, words: str, token: str, tries: int) -> None:
        """Send a form until it is accepted, at most `tries` times."""
        answers = {"reply_by": "none", "name": "Soaked Sam", "message": words}
        for _ in range(tries):
            began = time.monotonic()
            try:
                answer = visitor.send(answers, CONTACT, token)
            except (OSError, HTTPException):
                self.count("cut off")  # a site that dies may have stored the form; browsers show an error
                time.sleep(0.3)
                continue
            self.count(str(answer.status))
            if answer.status == 303:
                with self.lock:
                    self.accepted.append(words)
                return
            if answer.status not in (422, 429, 503) or lost(answers, Page(answer.text)):
                self.fault(f"answered {answer.status} after {time.monotonic() - began:.1f} s; answers lost")
            time.sleep(0.3)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def fault(self, words: str) -> None:
        with self.lock:
            self.faults.append(words)

    # -- what goes wrong --------------------------------------------------------------------------------

    def mail_goes_wrong(self) -> None:
        """Run the mail server in one state after another; in some of them it works."""
        chance = random.Random(self.chance.random())
        good = server_context(self.authority.sign())
        wrong = server_context(self.authority.self_signed())
        while not self.over.is_set():
            kind = chance.choice(["good", "good", "faulty", "faulty", "away", "untrusted"])
            says = chance.choice(FAULTS) if kind == "faulty" else {}
            self.went_wrong["mail: " + (str(says) if says else kind)] += 1
            if kind == "away":
                self.over.wait(chance.random() * 3)
                continue
            if self.tokens:
                self.tokens_go_wrong(self.tokens, chance)
            with self.mail_server(wrong if kind == "untrusted" else good, says) as server:
                self.over.wait(0.5 + chance.random() * 3)
            self.taken += server.taken
            if kind == "untrusted" and server.received:
                self.fault("mail went over an unverified line")

    def mail_server(
        self, context: ssl.SSLContext, says: Mapping[str, str | list[str]] = MappingProxyType({})
    ) -> FaultyMailServer:
        accepts = self.tokens.accepts if self.tokens else None
        return FaultyMailServer(self.port, context, says, accepts_token=accepts)

    def tokens_go_wrong(self, tokens: TokenServer, chance: random.Random) -> None:
        """Make tokens expire early, or the token server refuse or be busy, until the next change."""
        what = chance.choice(["good", "good", "ended", "refused", "busy"])
        self.went_wrong["tokens: " + what] += 1
        answers = {"refused": (401, b'{"error":"invalid_client"}'), "busy": (503, b"")}
        tokens.answer = answers.get(what)
        if what == "ended":
            tokens.valid.clear()

    def site_goes_wrong(self) -> None:
        """Kill or stop the site, or lock, fill or corrupt the outbox, one at a time."""
        chance = random.Random(self.chance.random())
        ways: list[tuple[str, Callable[[random.Random], None]]] = [
            ("kill -9", lambda _: self.again(self.site.kill)),
            ("SIGTERM", lambda _: self.again(self.site.terminate)),
            ("a second worker", self.second_worker),
            ("locked", lambda c: self.broken(locked, 4 * c.random())),
            ("full", lambda c: self.broken(full, 2 * c.random())),
            ("damaged", lambda c: self.broken(damaged, c.random())),
        ]
        while not self.over.wait(chance.random() * 4):
            name, go_wrong = chance.choices(ways, weights=[4, 3, 3, 2, 2, 1])[0]
            self.went_wrong[name] += 1
            go_wrong(chance)

    def again(self, end: Callable[[], object]) -> None:
        end()
        self.site.start()

    def second_worker(self, chance: random.Random) -> None:
        worker = self.site.begin("deliver")
        self.over.wait(1 + chance.random() * 3)
        worker.process.kill()
        worker.process.wait()

    def broken(self, way: Callable[[Site], object], seconds: float) -> None:
        with ExitStack() as stack:
            stack.enter_context(way(self.site))  # type: ignore[arg-type]
            self.over.wait(seconds)

    # -- the account ------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Repair everything, make all waiting mail due, and wait until it is sent."""
        self.site.terminate()
        if self.tokens:
            self.tokens.answer = None
        with self.mail_server(server_context(self.authority.sign())) as server:
            for aside in repair_corrupt_files(self.site.data_dir):
                self.site.env["RJSITE_DATABASE_URL"] = f"sqlite:///{aside}"
                done = self.site.run("deliver", "--once", seconds=SETTLED)
                if done.returncode:
                    self.fault(f"what was kept aside could not be sent: {done.stderr}")
                del self.site.env["RJSITE_DATABASE_URL"]
            outbox_rows_are_due(self.site.data_dir)
            self.site.start()
            wait_until(
                lambda: self.site.run("outbox", "status").stdout.startswith("0 waiting"),
                "nothing to wait",
                SETTLED,
            )
        self.taken += server.taken

    def account(self) -> None:
        """Check that the team has each form that was accepted, and that no word of a form is on disk."""
        arrived = "\n".join(one.text for one in self.taken)
        missing = [words for words in self.accepted if words not in arrived]
        self.faults += [f"thanked for and never delivered: {words}" for words in missing]
        for path in self.site.data_dir.parent.rglob("*"):
            if path.is_file() and any(w in path.read_bytes() for w in (b"Soaked", b"Sam", b"Changed words")):
                self.faults.append(f"words of a form stand in {path.name}")
        if "Traceback" in self.site.log:
            self.faults.append("a traceback stands in the log")


@contextmanager
def running(folder: Path, seed: int, sign_in: str) -> Iterator[Soak]:
    """Run a site with a port for its mail server, and yield the run before anything goes wrong."""
    authority, port = Authority(folder), free_port()
    tokens = TokenServer(authority) if sign_in == "token" else None
    env = {
        "RJSITE_MAIL_SERVER": "localhost",
        "RJSITE_MAIL_PORT": str(port),
        "RJSITE_MAIL_CA_FILE": str(authority.ca_file),
        "RJSITE_MAIL_TIMEOUT": "1",
        "RJSITE_RATELIMIT_FORMS": "off",
        "RJSITE_DELIVER_PER_MINUTE": "6000",
        "RJSITE_HOLD_HOURS": "0",
        "RJSITE_DAILY_COUNT": "false",
    }
    # with waits of minutes after refused sign-ins, mail would seldom be sent during a run
    site_process.RJSITE = site_process.with_constants(
        "rjsite.mail.sign_in_gate", FIRST_WAIT=1, LONGEST_WAIT=4
    )
    place = folder / "site"
    place.mkdir()
    with ExitStack() as stack:
        if tokens:
            env |= stack.enter_context(tokens).settings()
        else:
            env |= {"RJSITE_MAIL_USERNAME": LOGIN[0], "RJSITE_MAIL_PASSWORD": LOGIN[1]}
        site = stack.enter_context(Site(place, env))
        yield Soak(site, authority, port, random.Random(seed), tokens)


def main() -> int:
    """Run the test, print the results, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--sign-in", choices=["password", "token"], default="password")
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.minutes:g} minutes, sign-in by {given.sign_in}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="rjsite-soak-") as folder,
        running(Path(folder), given.seed, given.sign_in) as soak,
    ):
        with ThreadPoolExecutor(6) as pool:
            work = [pool.submit(soak.mail_goes_wrong), pool.submit(soak.site_goes_wrong)]
            work += [pool.submit(soak.person, number) for number in range(4)]
            soak.over.wait(given.minutes * 60)
            soak.over.set()
            for one in work:
                one.result()
        soak.settle()
        soak.account()
        ids = Counter(str(one.message["Message-ID"]) for one in soak.taken)
        print(f"went wrong: {dict(soak.went_wrong)}")
        print(f"answers: {dict(soak.counts)}")
        print(
            f"accepted {len(soak.accepted)} ({len(set(soak.accepted))} different), "
            f"emails {sum(ids.values())} of {len(ids)} kinds, {sum(n > 1 for n in ids.values())} doubled"
        )
        if soak.faults:
            print(soak.site.log[-3000:])
    print("\n".join(soak.faults) or "clean")
    return 1 if soak.faults else 0


if __name__ == "__main__":
    sys.exit(main())
