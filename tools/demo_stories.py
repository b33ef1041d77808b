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
from pulumi_cortecs.simulator import Control, LedgerEntry
from pulumi_cortecs.simulator.cortecs.control_client import CortecsLedgerEntry
from pulumi_cortecs.simulator.shadeform.control_client import ShadeformAccess, ShadeformLedgerEntry

MODEL: Final = "Qwen/Qwen2-7B-Instruct"


class StoryError(Exception):
    """The simulator is not in the state that the story tells of."""


class _Shadeform(ShadeformAccess):
    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def url(self) -> str:
        return self._url


@dataclass(frozen=True)
class Story(ABC):
    """One cloud in the demo.

    `example` is the folder of its program, in which a pull request replaces `before` by `after`. `packs` are the packs
    that judge it, with the reason for which each of them has to refuse it, and `limits` is the file of their limits.
    `has_key` says whether the instance asks for a key. `disturbance` and `remedy` are a heading and its remark.
    """

    cloud: str
    example: str
    before: str
    after: str
    packs: Mapping[str, str]
    limits: str
    has_key: bool
    disturbance: str
    remedy: str

    @abstractmethod
    def disturb_command(self, url: str, instance_id: str) -> str:
        """The command for a shell that changes an instance behind Pulumi's back; `url` is the simulator's."""

    @abstractmethod
    def disturb(self, control: Control, url: str, instance_id: str) -> None:
        """Change an instance as that command does."""

    @abstractmethod
    def is_repaired(self, control: Control) -> bool:
        """Returns whether the only instance is again as the program wants it."""

    @abstractmethod
    def bought(self, entry: LedgerEntry) -> str:
        """A text for what was bought."""

    @abstractmethod
    def rate(self, quote: Mapping[str, Any]) -> str:
        """A text for the price by which the bill is predicted."""

    @abstractmethod
    def predicted(self, entry: LedgerEntry, quote: Mapping[str, Any]) -> Money:
        """The cost of a run, by the quote of the preview."""


class CortecsStory(Story):
    """The quickstart; somebody stops the instance."""

    def disturb_command(self, url: str, instance_id: str) -> str:
        return f"curl -X POST {url}/_sim/instances/{instance_id}/stop"

    def disturb(self, control: Control, url: str, instance_id: str) -> None:
        control.stop(instance_id)

    def is_repaired(self, control: Control) -> bool:
        (instance,) = control.instances()
        return instance.status == "running"

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
        with _Shadeform(url).shadeform_client() as client:
            client.post(f"/instances/{instance_id}/update", json={"auto_delete": None}).raise_for_status()

    def is_repaired(self, control: Control) -> bool:
        (instance,) = control.instances()
        return bool(instance.answer["auto_delete"])

    def bought(self, entry: LedgerEntry) -> str:
        assert isinstance(entry, ShadeformLedgerEntry)
        return entry.product

    def rate(self, quote: Mapping[str, Any]) -> str:
        return f"{Money.of(quote['price_per_hour'], quote['currency'])} / 60"

    def predicted(self, entry: LedgerEntry, quote: Mapping[str, Any]) -> Money:
        amount = Decimal(quote["price_per_hour"]) * started_minutes(entry) / 60
        return Money.of(amount.quantize(Decimal("0.000001"), ROUND_HALF_UP), quote["currency"])


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
    packs={
        "hardware": "NVIDIA_H100_1 is not among the hardware that is allowed on cortecs",
        "cost": "8 x NVIDIA_H100_1 cost 36.00 EUR an hour; the limit is 5.00 EUR",
    },
    limits="demo.json",
    has_key=False,
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
    packs={
        "hardware": "lambdalabs/saltlakecity-usa-1/H100_sxm5x8 is not among the hardware that is allowed on shadeform",
        "cost": "1 x lambdalabs/saltlakecity-usa-1/H100_sxm5x8 cost 31.92 USD an hour; the limit is 2.00 USD",
    },
    limits="demo-shadeform.json",
    has_key=True,
    disturbance="Somebody removes its end in the vendor's console",
    remedy="it would cost money for ever; refresh finds it, `up --refresh` repairs it",
)
STORIES: Final[Mapping[str, Story]] = {story.cloud: story for story in (CORTECS, SHADEFORM)}
