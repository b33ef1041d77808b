"""Instances, hardware and models in the vendor's JSON (docs/apis/cortecs.md#objects), including its irregularities.

`cortecs-py` reads `worker_statuses[0].init_progress` of running instances, too, 0.1.1 requires `max_context_length` and
0.1.2 `--max-model-len`, and every key must exist even if its value is null (docs/apis/cortecs.md#traps).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pulumi_cortecs.simulator.clock import timestamp
from pulumi_cortecs.simulator.cortecs.instances import NUM_STEPS, STEPS, Status, VirtualInstance
from pulumi_cortecs.simulator.cortecs.market import HardwareOffer, ModelOffer

Json = dict[str, Any]


def instance_json(instance: VirtualInstance, now: datetime, origin: str, ahead: float = 0.0) -> Json:
    """One instance at `now`; `origin` is the URL of its own API without the path.

    Its times are `ahead` seconds ahead of the events.
    """
    shift = timedelta(seconds=ahead)
    status, args = instance.status(now), instance.args
    workers = [_progress(instance, worker, now) for worker in range(args.num_workers)]
    running = status is Status.RUNNING
    return {
        "instance_id": instance.instance_id,
        "base_url": f"{origin}/serve/{instance.instance_id}/v1" if running else None,
        "instance_args": {
            "model_id": args.model_id,
            "hardware_type_id": args.hardware_type_id,
            "context_length": args.context_length,
            "billing_interval": args.billing_interval.value,
            "num_workers": args.num_workers,
        },
        "instance_status": {
            "status": status.value,
            "started_at": timestamp(instance.boot.started_at + shift),
            "stopped_at": timestamp(instance.stopped_at + shift) if instance.stopped_at else None,
            "init_progress": workers[0],
        },
        "worker_statuses": [{"init_progress": progress} for progress in workers],
    }


def started_json(instance: VirtualInstance, origin: str, ahead: float = 0.0) -> Json:
    """The answer to start and restart: pending at the first step, however short the boot is."""
    at_first_step = replace(instance, boot=replace(instance.boot, stuck_at_step=1))
    return instance_json(at_first_step, instance.boot.started_at, origin, ahead)


def hardware_json(offer: HardwareOffer) -> Json:
    """One hardware type; the vendor's prices are floats."""
    hardware = offer.hardware
    return {
        "hardware_type_id": hardware.hardware_type_id,
        "price_info": {
            "price_per_hour": float(hardware.price_per_hour.amount),
            "price_per_minute": float(hardware.price_per_minute.amount),
            "currency": hardware.currency,
        },
        "hardware_info": {
            "gpu_type": hardware.gpu_type,
            "num_gpus": hardware.num_gpus,
            "gpu_ram_gb": None if hardware.gpu_ram_gb is None else float(hardware.gpu_ram_gb),
        },
    }


def model_preview_json(model: ModelOffer) -> Json:
    """One row of the list of models."""
    return {
        "model_id": model.model_id,
        "hf_name": model.hf_name,
        "instant_provisioned": model.instant_provisioned,
        "creator": model.creator,
        "description": model.description,
        "screen_name": model.screen_name,
        "size": model.size,
        "hardware_configs": list(model.max_context),
    }


def model_json(model: ModelOffer) -> Json:
    """One model with its limits per hardware type."""
    limits = {
        hardware: {"params": {"--max-model-len": tokens, "max_context_length": tokens}}
        for hardware, tokens in model.max_context.items()
    }
    return {
        **model_preview_json(model),
        "recommended_config": model.recommended_config,
        "hardware_configs": limits,
    }


def _progress(instance: VirtualInstance, worker: int, now: datetime) -> Json | None:
    if instance.stopped_at is not None:
        return None
    step = instance.boot.step(worker, now)
    return {"current_step": step, "num_steps": NUM_STEPS, "description": STEPS[step - 1]}
