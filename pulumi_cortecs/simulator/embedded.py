"""A simulator inside this process, for tests: `with running() as simulator: ...`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import httpx

from pulumi_cortecs.simulator.app import simulator_app
from pulumi_cortecs.simulator.remote import Control, plain_client
from pulumi_cortecs.simulator.server import HOST, Listener, OpenConnections, serving
from pulumi_cortecs.simulator.settings import Settings
from pulumi_cortecs.simulator.world import World


@dataclass(frozen=True)
class Simulator:
    """A simulator that is listening: `url` is where, `control` what a test says to it."""

    port: int
    control: Control = field(repr=False)

    @property
    def url(self) -> str:
        """ "http://127.0.0.1:PORT", without a path."""
        return f"http://{HOST}:{self.port}"

    @property
    def base_url(self) -> str:
        """The base of the simulated Cortecs API."""
        return f"{self.url}/api/v1"

    @contextmanager
    def client(self, client_id: str = "sim", client_secret: str = "sim") -> Iterator[httpx.Client]:
        """A plain HTTP client of the simulated Cortecs API that has logged in; paths are relative to `base_url`."""
        sent = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
        with plain_client(self.base_url) as client:
            granted = client.post("/oauth2/token", json=sent).raise_for_status().json()
            client.headers["Authorization"] = f"Bearer {granted['access_token']}"
            yield client

    def env(self) -> dict[str, str]:
        """The environment that points clients and providers here."""
        return environment(self.port)


def environment(port: int) -> dict[str, str]:
    """The variables that point clients at a simulator on `port`; the credentials open nothing elsewhere."""
    return {
        "CORTECS_API_BASE_URL": f"http://{HOST}:{port}/api/v1",
        "CORTECS_CLIENT_ID": "sim",
        "CORTECS_CLIENT_SECRET": "sim",
    }


@contextmanager
def running(
    *,
    port: int = 0,
    speed: float = 1.0,
    boot: float | None = None,
    token_ttl: float | None = None,
    seed: int | None = None,
    settings: Settings | None = None,
) -> Iterator[Simulator]:
    """Runs a simulator with a state of its own in a thread, on a free port of this machine unless one is given.

    `speed` is virtual seconds per real second; `boot` (virtual seconds from start to running) and `token_ttl` (real
    seconds) go before the same knobs in `settings`. Raises OSError when the port is taken.
    """
    knobs = settings or Settings()
    if boot is not None:
        knobs = replace(knobs, boot_seconds=boot)
    if token_ttl is not None:
        knobs = replace(knobs, token_ttl_real_seconds=token_ttl)
    listener = Listener.bind(port)
    connections = OpenConnections()
    world = World(origin=f"http://{HOST}:{listener.port}", settings=knobs, speed=speed, seed=seed)
    with serving(simulator_app(world, connections), listener, connections), Control(world.origin) as control:
        yield Simulator(listener.port, control)
