"""`make demo`: the main job from purchase to bill, and a purchase that is refused, on the embedded simulator, step by
step for a newcomer. `CLOUD=shadeform` and `CLOUD=gcore` show another cloud, and `CLOUD=all` one program at all of them
(tools/demo_stories.py).

Everything it keeps lies under .demo/. On any failure the simulator is ended, and the exit code is not 0.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import Any

import httpx

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator import Control
from pulumi_cortecs.simulator.embedded import environment
from tools.demo_stories import CORTECS, MODEL, STORIES, Story, StoryError, started_minutes

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(os.environ.get("PULUMI_CORTECS_DEMO_DIRECTORY") or ROOT / ".demo")
PROJECT = HOME / "project"
PROGRAM = PROJECT / "__main__.py"
PULL_REQUEST = HOME / "pull_request.py"
EVENTS = HOME / "events.json"
PID_FILE = HOME / "simulator.pid"
SCRIPT = HOME / "env.sh"
EXAMPLES = ROOT / "examples"
CATALOGUE = ROOT / "pulumi_cortecs" / "catalogues" / "simulator.lock.yaml"
STACK = "demo"
SPEED = 60
_ENDED = ("deleting", "deleted")
"""The statuses of what is still shown, and not billed any more."""


class DemoError(Exception):
    """A step did not do what it should."""


@dataclass
class Demo:
    """One run. `control` talks to the simulator behind the vendor's back."""

    pulumi: Path
    own: dict[str, str]
    control: Control
    steps: int
    story: Story = CORTECS
    step: int = 0
    key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def run(self, *, keep: bool) -> None:
        """All steps, or, with `keep`, those before the end."""
        self._prepare()
        self._buy()
        self._show_outputs()
        self._chat()
        self.refuse()
        self._drift()
        if keep:
            self._leave()
            return
        quotes = self.story.quotes(self.outputs())
        self._destroy()
        self._compare(quotes)

    def _prepare(self) -> None:
        self.heading(
            "The program, and what it would cost", "preview buys nothing; look for `quote`: the price is in the plan"
        )
        print(PROGRAM.read_text())
        self.run_pulumi("stack", "init", STACK, quiet=True)
        if self.story.key == "config":
            print("$ openssl rand -hex 16 | pulumi config set --secret key\n")
            self.run_pulumi("config", "set", "--secret", "key", quiet=True, text=self.key)
        self.run_pulumi("preview", "--diff")

    def _buy(self) -> None:
        minutes = self.story.boot_seconds // 60
        self.heading("Buy it", f"one simulated minute takes a second here; the boot takes {minutes} of them")
        self.run_pulumi("up", "--yes", "--skip-preview")

    def _show_outputs(self) -> None:
        self.heading("What other programs get", "base_url is an OpenAI-compatible address; it is known once it answers")
        self.run_pulumi("stack", "output")

    def _chat(self) -> None:
        self.heading("Ask it something", "the simulator has no GPU and says so; the protocol is the real one")
        outputs = self.outputs()
        key = outputs.get("key", self.key)
        for cloud, url in self.story.urls(outputs).items():
            self._ask(url, key if STORIES[cloud].key else "")

    def _ask(self, url: str, key: str) -> None:
        question = {"model": MODEL, "messages": [{"role": "user", "content": "Are you there?"}]}
        print(f"$ POST {url}/chat/completions  {json.dumps(question)}")
        if key:
            refused = _ask(url, question, {})
            if refused.status_code != httpx.codes.UNAUTHORIZED:
                raise DemoError(f"it answers without the key, with {refused.status_code}")
            print("without the key: 401; with it:")
        answer = _ask(url, question, {"Authorization": f"Bearer {key}"} if key else {})
        answer.raise_for_status()
        print(answer.json()["choices"][0]["message"]["content"])

    def refuse(self) -> None:
        """Shows a change that a pack refuses, and that nothing was bought. Raises DemoError unless that is so."""
        remark = "a policy pack judges the preview: what may be bought, and what it may cost"
        self.heading("A colleague's pull request: eight H100", remark)
        before = self._bought()
        with _pull_request(self.story):
            print(f"$ {_preview_under_pack_options(self.story)}", flush=True)
            code, _ = self._run("preview", *_pack_options(self.story), "--event-log", str(EVENTS), quiet=False)
        if missing := [reason for reason in self.story.refusals if not _is_refused(reason)]:
            raise DemoError(f"the preview exited {code}, and no refusal says: {'; '.join(missing)}")
        if code == 0 or self._bought() != before:
            raise DemoError("eight H100 were refused, and got through")
        self._review()
        print(f"The simulator's ledger has what it had: {', '.join(before.values())}. Nothing was bought.")

    def _review(self) -> None:
        """Shows what a reviewer of that pull request reads, made of the same preview."""
        options = ["--events", _typed(EVENTS), "--catalogue", _typed(CATALOGUE)]
        print(f"$ pulumi-cortecs review {shlex.join(options)}", flush=True)
        command = [sys.executable, "-m", "pulumi_cortecs.cli", "review", *options]
        _run(command, _environment(self.pulumi, self.own), quiet=False)
        print()

    def _drift(self) -> None:
        self.heading(self.story.disturbance, self.story.remedy)
        print(f"$ {self.disturb_command()}   # behind Pulumi's back\n")
        self.story.disturb(self.control, self._url, self.story.disturbed(self.control).instance_id)
        self.run_pulumi("preview", "--refresh", "--diff")
        self.run_pulumi("up", "--yes", "--skip-preview", "--refresh")
        if not self.story.is_repaired(self.control):
            raise DemoError("it is not as the program wants it")

    def _destroy(self) -> None:
        self.heading("End it", "destroy returns when the vendor confirms that nothing is left to be billed")
        self.run_pulumi("destroy", "--yes", "--skip-preview")
        if any(instance.status.lower() not in _ENDED for instance in self.control.instances()):
            raise DemoError("something is still there")

    def _compare(self, quotes: Mapping[str, Mapping[str, Any]]) -> None:
        self.heading("The bill", "started minutes x the quoted price, beside the simulator's ledger")
        ledger = self.control.ledger()
        for cloud, quote in quotes.items():
            total = billed = Money.zero(quote["currency"])
            rate = STORIES[cloud].rate(quote)
            for entry in (entry for entry in ledger.entries if entry.cloud == cloud):
                cost = STORIES[cloud].predicted(entry, quote)
                total, billed = total + cost, billed + entry.amount
                times = f"{entry.started_at:%H:%M:%S} to {entry.ended_at:%H:%M:%S}"
                print(f"  {times}  {started_minutes(entry):>3} min x {rate}  predicted {cost}  billed {entry.amount}")
            where = "in total" if len(quotes) == 1 else f"at {cloud}"
            print(f"  {where:<20}  {'':>{10 + len(rate)}}  predicted {total}  billed {billed}")
            if total != billed or not total.amount:
                raise DemoError("the prediction and the bill differ")
        if ledger.open or any(entry.cloud not in quotes for entry in ledger.entries):
            raise DemoError("something else is billed")

    def _leave(self) -> None:
        _write_script(self.pulumi, self.own)
        self.heading("It is yours to play with", "the simulator and the stack stay until `make demo-stop`")
        print(f"  . {shlex.quote(_short(SCRIPT))} && cd {shlex.quote(_short(PROJECT))}")
        print(f"  pulumi up --stack {STACK}          # after a change to __main__.py")
        print(f"  {self.disturb_command()}")
        print(f"  pulumi preview --refresh --diff --stack {STACK}      # finds that")
        print(f"  cp {_typed(PULL_REQUEST)} {PROGRAM.name}      # eight H100, and what the pack says:")
        print(f"  {_preview_under_pack_options(self.story, '--stack', STACK)}")
        print(f"  cp {_typed(EXAMPLES / self.story.example / PROGRAM.name)} .      # as it was")
        print(f"  pulumi destroy --stack {STACK}")

    def _bought(self) -> dict[str, str]:
        """The text of every billed instance, by id."""
        return {entry.instance_id: self.story.bought(entry) for entry in self.control.ledger().entries}

    def disturb_command(self) -> str:
        """The command that changes the instance behind Pulumi's back."""
        return self.story.disturb_command(self._url, self.story.disturbed(self.control).instance_id)

    @property
    def _url(self) -> str:
        return self.own["CORTECS_API_BASE_URL"].removesuffix("/api/v1")

    def heading(self, title: str, remark: str) -> None:
        """Opens the next step."""
        self.step += 1
        print(f"\n━━━ {self.step} of {self.steps}  {title} ━━━\n    {remark}\n", flush=True)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secret ones too."""
        shown = self.run_pulumi("stack", "output", "--json", "--show-secrets", quiet=True)
        outputs: dict[str, Any] = json.loads(shown)
        return outputs

    def run_pulumi(self, *arguments: str, quiet: bool = False, text: str | None = None) -> str:
        """Runs a command, shown as a user would type it, and fails the demo with it. Its output only when `quiet`. The
        command can read `text`."""
        if not quiet:
            print(f"$ pulumi {' '.join(arguments)}", flush=True)
        code, printed = self._run(*arguments, quiet=quiet, text=text)
        if code != 0:
            print(printed, file=sys.stderr)
            raise DemoError(f"`pulumi {' '.join(arguments)}` exited {code}")
        return printed

    def _run(self, *arguments: str, quiet: bool, text: str | None = None) -> tuple[int, str]:
        named = [] if arguments[:2] == ("stack", "init") else ["--stack", STACK]
        command = [str(self.pulumi), *arguments, *named]
        return _run(command, _environment(self.pulumi, self.own), quiet=quiet, text=text)


def main() -> int:
    """Runs or ends the demo; 0 when everything went as it should."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--pulumi", type=Path, help="the pulumi CLI")
    parser.add_argument("--cloud", choices=STORIES, default=CORTECS.cloud, help="whose instance it is")
    parser.add_argument("--keep", action="store_true", help="leave simulator and stack at the end")
    parser.add_argument("--stop", action="store_true", help="end what --keep left")
    options = parser.parse_args()
    ended = _end_earlier()
    if options.stop:
        SCRIPT.unlink(missing_ok=True)
        print("demo: ended" if ended else "demo: nothing is running")
        return 0
    signal.signal(signal.SIGTERM, _interrupted)
    # a shell's `&` leaves SIGINT ignored, and `up` takes five seconds longer then
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.monotonic()
    try:
        story = STORIES[options.cloud]
        with _simulator(story, keep=options.keep) as port, Control(f"http://127.0.0.1:{port}") as control:
            steps = 7 if options.keep else 8
            Demo(options.pulumi, _variables(port), control, steps, story).run(keep=options.keep)
    except (DemoError, StoryError, httpx.HTTPError, subprocess.TimeoutExpired) as error:
        print(f"\ndemo: failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; the simulator is ended, and nothing of it costs anything", file=sys.stderr)
        return 130
    print(f"\ndemo: done in {time.monotonic() - started:.0f} s", flush=True)
    return 0


@contextmanager
def _simulator(story: Story, *, keep: bool) -> Iterator[int]:
    """The port of a simulator that ends with this block, and with this process however that ends; unless kept."""
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.copytree(EXAMPLES / story.example, PROJECT, ignore=shutil.ignore_patterns("Pulumi.*.yaml", "__pycache__"))
    (HOME / "state").mkdir()
    port_file = HOME / "simulator.port"
    command = [sys.executable, "-m", "pulumi_cortecs.cli", "simulator", "--port", "0", "--port-file", str(port_file)]
    command += ["--speed", str(SPEED), "--boot", str(story.boot_seconds)]
    if not keep:
        command += ["--parent-pid", str(os.getpid())]
    with (HOME / "simulator.log").open("w") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=ROOT
        )
    PID_FILE.write_text(f"{process.pid}\n")
    finished = False
    try:
        for _ in range(200):
            if port_file.exists():
                break
            if process.poll() is not None:
                raise DemoError(f"the simulator did not start: {(HOME / 'simulator.log').read_text()[-500:]}")
            time.sleep(0.05)
        else:
            raise DemoError("the simulator did not start within ten seconds")
        yield int(port_file.read_text())
        finished = True
    finally:
        if not (keep and finished):
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
            PID_FILE.unlink(missing_ok=True)


@contextmanager
def _pull_request(story: Story) -> Iterator[None]:
    """Shows a change of the program, which holds within this block."""
    ours = PROGRAM.read_text()
    theirs = ours.replace(story.before, story.after)
    names = PROGRAM.name, PULL_REQUEST.name
    print("\n".join(unified_diff(ours.splitlines(), theirs.splitlines(), *names, n=0, lineterm="")), end="\n\n")
    PULL_REQUEST.write_text(theirs)
    PROGRAM.write_text(theirs)
    try:
        yield
    finally:
        PROGRAM.write_text(ours)


def _pack_options(story: Story) -> list[str]:
    """The options that put a command under the pack."""
    folder = ROOT / "policies" / "guard"
    limits = folder / "limits" / story.limits
    return ["--policy-pack", _typed(folder / "run"), "--policy-pack-config", _typed(limits)]


def _preview_under_pack_options(story: Story, *more: str) -> str:
    """The command with an option per line, to be pasted into a shell."""
    options = [*more, *_pack_options(story)]
    lines = [shlex.join(pair) for pair in zip(options[::2], options[1::2], strict=True)]
    return " \\\n      ".join(["pulumi preview", *lines])


def _is_refused(reason: str) -> bool:
    """Returns whether the pack has refused something for this reason, by the engine's own events."""
    lines = EVENTS.read_text().splitlines() if EVENTS.exists() else []
    events = [event["policyEvent"] for line in lines if "policyEvent" in (event := json.loads(line))]
    return any(event["enforcementLevel"] == "mandatory" and reason in event["message"] for event in events)


def _end_earlier() -> bool:
    """Ends a simulator that an earlier `--keep` left, if that is what still runs under its process id."""
    try:
        pid = int(PID_FILE.read_text())
        running = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True, check=False)
    except (OSError, ValueError):
        return False
    PID_FILE.unlink(missing_ok=True)
    if "pulumi_cortecs.cli simulator" not in running.stdout:
        return False
    os.kill(pid, signal.SIGTERM)
    return True


def _variables(port: int) -> dict[str, str]:
    """The variables of the demo, beside PATH."""
    return {
        **environment(port),
        "PULUMI_HOME": str(HOME / "home"),
        "PULUMI_CORTECS_STATE_DIR": str(HOME / "orders"),
        "PULUMI_BACKEND_URL": f"file://{HOME / 'state'}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": "demo",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_CORTECS_POLICY_PYTHON": os.environ.get("PULUMI_CORTECS_DEMO_PYTHON") or sys.executable,
    }


def _environment(pulumi: Path, own: dict[str, str]) -> dict[str, str]:
    others = ("PULUMI_", "CORTECS_", "SHADEFORM_", "GCORE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    # for --event-log, as Pulumi's own Automation API gets it
    debug = {"PULUMI_DEBUG_COMMANDS": "true"}
    return {**kept, **own, **debug, "PATH": f"{_extra_path(pulumi)}:{os.environ.get('PATH', '')}"}


def _write_script(pulumi: Path, own: dict[str, str]) -> None:
    """Write the demo's own variables for a shell, and nothing of the surroundings."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in own.items()]
    SCRIPT.touch(mode=0o600)
    SCRIPT.write_text("\n".join([*lines, f'export PATH={shlex.quote(_extra_path(pulumi))}:"$PATH"', ""]))


def _run(command: list[str], variables: dict[str, str], *, quiet: bool, text: str | None = None) -> tuple[int, str]:
    """The exit code, and what was printed when `quiet`; otherwise it goes where ours goes. The command reads `text`."""
    pipe = subprocess.PIPE if quiet else None
    source = subprocess.DEVNULL if text is None else subprocess.PIPE
    with subprocess.Popen(
        command, cwd=PROJECT, env=variables, stdin=source, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            out, err = process.communicate(text, timeout=300)
        except KeyboardInterrupt:
            # the CLI has heard the ^C as well: killed now, it would leave its children behind
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            process.terminate()
            raise
        except subprocess.TimeoutExpired:
            process.terminate()
            raise
    return process.returncode, f"{out}{err}" if process.returncode and quiet else out or ""


def _extra_path(pulumi: Path) -> str:
    # the language host finds Python through PATH; the interpreter's own folder, not where a link to it leads
    return f"{Path(sys.executable).parent}:{pulumi.parent}"


def _typed(path: Path) -> str:
    """The path as a user in the project's folder would type it."""
    near = PROJECT.is_relative_to(ROOT) or path.is_relative_to(HOME)
    return os.path.relpath(path, PROJECT) if near else str(path)


def _ask(url: str, question: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
    return httpx.post(f"{url}/chat/completions", json=question, headers=headers, timeout=10, trust_env=False)


def _short(path: Path) -> str:
    """The path as a user at the root of the repository would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
