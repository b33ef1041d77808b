"""A table of hardware substitutions for a program, because a policy's remediation does not survive a replacement.

The engine checks a replacement a second time with the program's own arguments, after the policies; a transform changes
these arguments themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from pulumi_cortecs._tokens import instance_tokens


def substitute(hardware: Mapping[str, str]) -> pulumi.ResourceTransform:
    """A transform for `pulumi.runtime.register_resource_transform` or `ResourceOptions(transforms=[...])`: an Instance
    whose hardware_type_id is a key of `hardware` gets the value instead, and the log reports it.

    Raises ValueError for a table that leads in a circle or names a replacement that is itself replaced.
    """
    if chained := sorted(set(hardware) & set(hardware.values())):
        raise ValueError(f"{', '.join(chained)}: is both replaced and a replacement; name the last one")
    table = dict(hardware)

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        wanted = args.props.get("hardware_type_id")
        if args.type_ not in instance_tokens() or not isinstance(wanted, str) or wanted not in table:
            return None
        pulumi.log.info(f"{args.name}: {table[wanted]} is taken instead of {wanted}")
        return pulumi.ResourceTransformResult({**args.props, "hardware_type_id": table[wanted]}, args.opts)

    return transform
