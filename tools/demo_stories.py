"""What the demo shows of each cloud: its example, the change that is refused, what somebody does behind Pulumi's back,
and its bill."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator import Control, LedgerEntry, SimulatedInstance
from pulumi_cortecs.simulator.cortecs.control_client import CortecsLedgerEntry
from pulumi_cortecs.simulator.gcore.control_client import GcoreAccess, GcoreLedgerEntry
from pulumi_cortecs.simulator.shadeform.control_client import ShadeformAccess, ShadeformLedgerEntry

MODEL: Final = "Qwen/Qwen2-7B-Instruct"


class StoryError(Exception):
    """The simulator is not in the state that the story tells of."""


class _Console(ShadeformAccess, GcoreAccess):
    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url


@dataclass(frozen=True)
class Story(ABC):
    """One cloud in the demo, or all of them with `cloud` as the one at which something is disturbed.

    `example` is the folder of its program, in which a pull request replaces `before` by `after`. `refusals` are what
    the pack `guard` has to say of it, and `limits` is the file of the pack's limits.
    `key` says where the key is from for which the instance asks: the stack's `config` or `output`, "" for none.
    `boot_seconds` is the time of its boot. `disturbance` and `remedy` are a heading and its remark.
    """

    cloud: str
    example: str
    before: str
    after: str
    refusals: tuple[str, ...]
    limits: str
    key: str
    boot_seconds: int
    disturbance: str
    remedy: str

    def urls(self, outputs: Mapping[str, Any]) -> Mapping[str, str]:
        """The OpenAI-compatible address at each cloud, by the stack's outputs."""
        return {self.cloud: outputs["base_url"]}

    def quotes(self, outputs: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        """The quote of what is rented at each cloud, by the stack's outputs."""
        return {self.cloud: outputs["quote"]}

    def disturbed(self, control: Control) -> SimulatedInstance:
        """The instance that somebody changes."""
        (instance,) = (one for one in control.instances() if one.cloud == self.cloud)
        return instance

    @abstractmethod
    def disturb_command(self, url: str, instance_id: str) -> str:
        """The command for a shell that changes an instance behind Pulumi's back; `url` is the simulator's."""

    @abstractmethod
    def disturb(self, control: Control, url: str, instance_id: str) -> None:
        """Change an instance as that command does."""

    @abstractmethod
    def is_repaired(self, control: Control) -> bool:
        """Returns whether that instance is again as the program wants it."""

    @abstractmethod
    def bought(self, entry: LedgerEntry) -> str:
        """A text for what was bought."""

    def rate(self, quote: Mapping[str, Any]) -> str:
        """A text for the price by which the bill is predicted."""
        return f"{Money.of(quote['price_per_hour'], quote['currency'])} / 60"

    def predicted(self, entry: LedgerEntry, quote: Mapping[str, Any]) -> Money:
        """The cost of a run, by the quote of the preview."""
        amount = Decimal(quote["price_per_hour"]) * started_minutes(entry) / 60
        return Money.of(amount.quantize(Decimal("0.000001"), ROUND_HALF_UP), quote["currency"])


class CortecsStory(Story):
    """The quickstart; somebody stops the instance."""

    def disturb_command(self, url: str, instance_id: str) -> str:
        return f"curl -X POST {url}/_sim/instances/{instance_id}/stop"

    def disturb(self, control: Control, url: str, instance_id: str) -> None:
        control.stop(instance_id)

    def is_repaired(self, control: Control) -> bool:
        return self.disturbed(control).status == "running"

    def bought(self, entry: LedgerEntry) -> str:
        assert isinstance(entry, CortecsLedgerEntry)
        return f"{entry.num_workers} x {entry.hardware_type_id}"

    def rate(self, quote: Mapping[str, Any]) -> str:
        return str(Money.of(quote["price_per_minute"], quote["currency"]))

    def predicted(self, entry: LedgerEntry, quote: Mapping[str, Any]) -> Money:
        assert isinstance(entry, CortecsLedgerEntry)
        return Money.of(quote["price_per_minute"], quote["currency"]) * (started_minutes(entry) * entry.num_workers)


class ShadeformStory(Story):
    """A vLLM container with a key; somebody removes the date at which Shadeform would delete the instance."""

    def disturb_command(self, url: str, instance_id: str) -> str:
        # --data makes it a POST
        header, body = shlex.quote("X-API-KEY: sim"), shlex.quote('{"auto_delete": null}')
        return f"curl {url}/v1/instances/{instance_id}/update -H {header} --json {body}"

    def disturb(self, control: Control, url: str, instance_id: str) -> None:
        with _Console(url).shadeform_client() as client:
            client.post(f"/instances/{instance_id}/update", json={"auto_delete": None}).raise_for_status()

    def is_repaired(self, control: Control) -> bool:
        return bool(self.disturbed(control).answer["auto_delete"])

    def bought(self, entry: LedgerEntry) -> str:
        assert isinstance(entry, ShadeformLedgerEntry)
        return entry.product


class GcoreStory(Story):
    """A deployment in two regions with a key; somebody detaches the key. Each replica is a run of its own."""

    def disturb_command(self, url: str, instance_id: str) -> str:
        header, body = shlex.quote("Authorization: APIKey sim$sim"), shlex.quote('{"api_keys": []}')
        return f"curl -X PATCH {_deployment(url, instance_id)} -H {header} --json {body}"

    def disturb(self, control: Control, url: str, instance_id: str) -> None:
        with _Console(url).gcore_client() as client:
            client.patch(_deployment(url, instance_id), json={"api_keys": []}).raise_for_status()

    def is_repaired(self, control: Control) -> bool:
        return bool(self.disturbed(control).answer["api_keys"])

    def bought(self, entry: LedgerEntry) -> str:
        assert isinstance(entry, GcoreLedgerEntry)
        return entry.flavor_name


class EveryStory(CortecsStory):
    """One program at all clouds; somebody stops the instance at Cortecs."""

    def urls(self, outputs: Mapping[str, Any]) -> Mapping[str, str]:
        urls: Mapping[str, str] = outputs["base_urls"]
        return urls

    def quotes(self, outputs: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        quotes: Mapping[str, Mapping[str, Any]] = outputs["quotes"]
        return quotes

    def bought(self, entry: LedgerEntry) -> str:
        return STORIES[entry.cloud].bought(entry)


def _deployment(url: str, instance_id: str) -> str:
    return f"{url}/cloud/v3/inference/1/deployments/{instance_id}"


def started_minutes(entry: LedgerEntry) -> int:
    """The minutes of a run that are billed. Raises StoryError for one that goes on."""
    if entry.ended_at is None:
        raise StoryError(f"{entry.instance_id} is still billed")
    if entry.billed_from is None:
        return 0
    return -(-(entry.ended_at - entry.billed_from) // timedelta(minutes=1))


CORTECS: Final = CortecsStory(
    cloud="cortecs",
    example="quickstart",
    before=f'chat = Instance("chat", InstanceArgs(model_id="{MODEL}"))',
    after="""llama = "neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8"
chat = Instance("chat", model_id=llama, hardware_type_id="NVIDIA_H100_1", num_workers=8)""",
    refusals=(
        "NVIDIA_H100_1 is not among the hardware that is allowed on cortecs",
        "8 x NVIDIA_H100_1 cost 36.00 EUR/h; the limit is 5.00 EUR",
    ),
    limits="demo.json",
    key="",
    boot_seconds=240,
    disturbance="Somebody stops it in the vendor's console",
    remedy="refresh finds it, `up --refresh` repairs it",
)
SHADEFORM: Final = ShadeformStory(
    cloud="shadeform",
    example="shadeform_vllm",
    before="""        cloud="hyperstack",
        region="montreal-canada-2",
        shade_instance_type="A6000",""",
    after="""        cloud="lambdalabs",
        region="saltlakecity-usa-1",
        shade_instance_type="H100_sxm5x8",""",
    refusals=(
        "lambdalabs/saltlakecity-usa-1/H100_sxm5x8 is not among the hardware that is allowed on shadeform",
        "1 x lambdalabs/saltlakecity-usa-1/H100_sxm5x8 cost 31.92 USD/h; the limit is 2.00 USD",
    ),
    limits="demo-shadeform.json",
    key="config",
    boot_seconds=120,
    disturbance="Somebody removes its end in the vendor's console",
    remedy="it would cost money for ever; refresh finds it, `up --refresh` repairs it",
)
GCORE: Final = GcoreStory(
    cloud="gcore",
    example="gcore_autoscale",
    before="inference-16vcpu-232gib-1xl40s-48gb",
    after="inference-64vcpu-928gib-4xh100-80gb",
    refusals=(
        "inference-64vcpu-928gib-4xh100-80gb is not among the hardware that is allowed on gcore",
        "2 x inference-64vcpu-928gib-4xh100-80gb cost 30.24 USD/h; the limit is 8.00 USD",
    ),
    limits="demo-gcore.json",
    key="output",
    boot_seconds=120,
    disturbance="Somebody opens it to everybody in the vendor's console",
    remedy="anybody could use it at your cost; refresh finds it, `up --refresh` repairs it",
)
ALL: Final = EveryStory(
    cloud=CORTECS.cloud,
    example="three_clouds",
    before=GCORE.before,
    after=GCORE.after,
    refusals=GCORE.refusals,
    limits="demo-all.json",
    key=GCORE.key,
    boot_seconds=120,
    disturbance="Somebody stops the one at Cortecs in the vendor's console",
    remedy=CORTECS.remedy,
)
STORIES: Final[Mapping[str, Story]] = {"cortecs": CORTECS, "shadeform": SHADEFORM, "gcore": GCORE, "all": ALL}
