"""A simulator inside this process, for tests: `with running() as simulator: ...`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pulumi_cortecs.simulator import clouds
from pulumi_cortecs.simulator.app import simulator_app
from pulumi_cortecs.simulator.clouds import CLOUDS, Access, Control, SimulatorSettings
from pulumi_cortecs.simulator.instance_ports import InstancePorts
from pulumi_cortecs.simulator.server import HOST, Listener, OpenConnections, running_server
from pulumi_cortecs.simulator.state import open_state
from pulumi_cortecs.simulator.vendor import Vendor
from pulumi_cortecs.simulator.world import World


@dataclass(frozen=True)
class Simulator(Access):
    """A listening simulator: its `url`, and the client of its `control`."""

    port: int
    control: Control = field(repr=False)
    clouds: Sequence[Vendor] = field(default=CLOUDS, repr=False)

    @property
    def url(self) -> str:
        """ "http://127.0.0.1:PORT", without a path."""
        return f"http://{HOST}:{self.port}"

    def env(self) -> dict[str, str]:
        """The environment that points clients and providers here."""
        return clouds.environment(self.url, self.clouds)


def environment(port: int) -> dict[str, str]:
    """The variables that point clients at a simulator on `port`; the credentials are not valid elsewhere."""
    return clouds.environment(f"http://{HOST}:{port}")


@contextmanager
def running(
    *,
    port: int = 0,
    speed: float | None = None,
    boot: float | None = None,
    token_ttl: float | None = None,
    seed: int | None = None,
    settings: SimulatorSettings | None = None,
    state: Path | None = None,
    simulated: Sequence[Vendor] = CLOUDS,
) -> Iterator[Simulator]:
    """Runs a simulator in a thread, on a free port of this machine unless one is given.

    `speed` is virtual seconds per real second (1 by default); `boot` (virtual seconds from start to running) and
    `token_ttl` (real seconds) take precedence over the same settings in `settings`. With `state` it keeps everything in
    that file, and continues from an existing one: arguments then replace the kept values, except `seed`, which is for a
    new file only. `simulated` are its clouds, all by default. Raises OSError when the port is taken, StateError when
    the file cannot be used.
    """
    knobs = {"boot_seconds": boot, "token_ttl_real_seconds": token_ttl}
    with (
        closing(open_state(state)) as store,
        closing(Listener.bind(port)) as listener,
        closing(InstancePorts()) as ports,
    ):
        connections = OpenConnections()
        world = World(
            origin=f"http://{HOST}:{listener.port}",
            state=store,
            defaults=SimulatorSettings(),
            settings=settings,
            knobs={name: value for name, value in knobs.items() if value is not None},
            speed=speed,
            seed=seed,
            ports=ports,
        )
        app = simulator_app(world, connections, simulated)
        world.save()
        try:
            with running_server(app, listener, connections, ports), Control(world.origin, simulated) as control:
                yield Simulator(listener.port, control, simulated)
        finally:
            world.save()
            world.serving.close()
