"""The pickled providers, which states hold for ever, to the byte."""

from __future__ import annotations

import base64
import pickle
import subprocess
import sys

import dill
import pytest
from pulumi.dynamic import dynamic as pulumi_dynamic

from pulumi_cortecs import _abi
from tests.contract.host import CallFailedError, Host

PUBLISHED = {
    ("cortecs.Instance", 4): "gASVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBjb3J0ZWNzLkluc3RhbmNllIWUUpQu",
    ("cortecs.Instance", 5): "gAWVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBjb3J0ZWNzLkluc3RhbmNllIWUUpQu",
    ("cortecs.Endpoint", 4): "gASVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBjb3J0ZWNzLkVuZHBvaW50lIWUUpQu",
    ("cortecs.Endpoint", 5): "gAWVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBjb3J0ZWNzLkVuZHBvaW50lIWUUpQu",
    (
        "shadeform.Instance",
        4,
    ): "gASVOQAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBJzaGFkZWZvcm0uSW5zdGFuY2WUhZRSlC4=",
    (
        "shadeform.Instance",
        5,
    ): "gAWVOQAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBJzaGFkZWZvcm0uSW5zdGFuY2WUhZRSlC4=",
    (
        "shadeform.Endpoint",
        4,
    ): "gASVOQAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBJzaGFkZWZvcm0uRW5kcG9pbnSUhZRSlC4=",
    (
        "shadeform.Endpoint",
        5,
    ): "gAWVOQAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBJzaGFkZWZvcm0uRW5kcG9pbnSUhZRSlC4=",
    ("shadeform.SshKey", 4): "gASVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBzaGFkZWZvcm0uU3NoS2V5lIWUUpQu",
    ("shadeform.SshKey", 5): "gAWVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBzaGFkZWZvcm0uU3NoS2V5lIWUUpQu",
    ("shadeform.Volume", 4): "gASVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBzaGFkZWZvcm0uVm9sdW1llIWUUpQu",
    ("shadeform.Volume", 5): "gAWVNwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBBzaGFkZWZvcm0uVm9sdW1llIWUUpQu",
    (
        "gcore.InferenceDeployment",
        4,
    ): "gASVQAAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBlnY29yZS5JbmZlcmVuY2VEZXBsb3ltZW50lIWUUpQu",
    (
        "gcore.InferenceDeployment",
        5,
    ): "gAWVQAAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBlnY29yZS5JbmZlcmVuY2VEZXBsb3ltZW50lIWUUpQu",
    ("gcore.Endpoint", 4): "gASVNQAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjA5nY29yZS5FbmRwb2ludJSFlFKULg==",
    ("gcore.Endpoint", 5): "gAWVNQAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjA5nY29yZS5FbmRwb2ludJSFlFKULg==",
    ("gcore.ApiKey", 4): "gASVMwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjAxnY29yZS5BcGlLZXmUhZRSlC4=",
    ("gcore.ApiKey", 5): "gAWVMwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjAxnY29yZS5BcGlLZXmUhZRSlC4=",
    (
        "gcore.RegistryCredential",
        4,
    ): "gASVPwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBhnY29yZS5SZWdpc3RyeUNyZWRlbnRpYWyUhZRSlC4=",
    (
        "gcore.RegistryCredential",
        5,
    ): "gAWVPwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjBhnY29yZS5SZWdpc3RyeUNyZWRlbnRpYWyUhZRSlC4=",
    ("gcore.Secret", 4): "gASVMwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjAxnY29yZS5TZWNyZXSUhZRSlC4=",
    ("gcore.Secret", 5): "gAWVMwAAAAAAAACME3B1bHVtaV9jb3J0ZWNzLl9hYmmUjARsb2FklJOUjAxnY29yZS5TZWNyZXSUhZRSlC4=",
}
"""Pulumi pickles with Python's default protocol: 4, and 5 from Python 3.14 on. Both are in states: never change one."""

BOTH = pytest.mark.parametrize("name", _abi.KINDS)
EACH = pytest.mark.parametrize(("name", "protocol"), PUBLISHED)


@EACH
def test_a_provider_is_pickled_to_the_published_bytes(
    name: str, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickle, "DEFAULT_PROTOCOL", protocol)
    assert pulumi_dynamic.serialize_provider(_abi.load(name)) == PUBLISHED[name, protocol]


@EACH
def test_the_published_bytes_load_today(name: str, protocol: int) -> None:
    loaded = dill.loads(base64.b64decode(PUBLISHED[name, protocol]))
    assert type(loaded) is type(_abi.load(name))


@BOTH
def test_a_provider_keeps_nothing_and_hides_nothing(name: str) -> None:
    # an attribute would be pickled by value: code frozen into states; a secret would be encrypted in each of them
    assert vars(_abi.load(name)) == {}
    assert _abi.load(name).serialize_as_secret_always is False


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "from pulumi.dynamic.dynamic import serialize_provider as pickled\n"
        "from pulumi_cortecs import _abi\n"
        "print(*(pickled(_abi.load(name)) for name in _abi.KINDS))"
    )
    pickles = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PATH": "", "PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    (both,) = pickles
    assert set(both.split()) <= set(PUBLISHED.values())


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_host_serves_what_either_python_has_written(shared_host: Host, protocol: int) -> None:
    resource = shared_host.instance(provider=PUBLISHED["cortecs.Instance", protocol])
    assert resource.check({"model_id": "Qwen/Qwen2-7B-Instruct"}).inputs["hardware_type_id"] == "NVIDIA_L4_1"
    endpoint = shared_host.endpoint(provider=PUBLISHED["cortecs.Endpoint", protocol])
    assert endpoint.diff({"state": "stopped"}, {"state": "stopped"}).changes is False


def test_a_state_of_a_newer_version_is_refused_in_plain_words(shared_host: Host) -> None:
    pickle = base64.b64decode(PUBLISHED["cortecs.Instance", 4])
    newer = base64.b64encode(pickle.replace(b"cortecs.Instance", b"cortecs.Instanze")).decode()
    with pytest.raises(CallFailedError) as failed:
        shared_host.instance(provider=newer).check({"model_id": "Qwen/Qwen2-7B-Instruct"})
    assert failed.value.text == (
        "this pulumi-cortecs has no provider 'cortecs.Instanze'; a newer one has: pip install -U pulumi-cortecs"
    )
