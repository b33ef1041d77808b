"""The public names of each package: programs import them, so none ever goes."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pulumi_cortecs.resources.public_face import public_face

NAMES = {
    "pulumi_cortecs.cortecs": """
        Balance Creator DataSourceError Endpoint HardwareConfig HardwareInfo HardwareType InitProgress
        Instance InstanceArgs InstanceInfo InstanceStatus Model ModelPreview OrderedArgs PriceInfo Provider
        UnknownIdError WorkerStatus get_balance get_balance_output get_hardware_type get_hardware_type_output
        get_hardware_types get_hardware_types_output get_instance get_instance_output get_model
        get_model_output get_models get_models_output
    """,
    "pulumi_cortecs.gcore": """
        ApiKey ApiKeyArgs AwsIamData Capacity Container ContainerProbe DeploymentInfo Endpoint ExecProbe
        Flavor HttpGetProbe HttpTrigger InferenceDeployment InferenceDeploymentArgs IngressOpts Logging Model
        ProbeConfiguration Probes Provider Quota Region RegistryCredential RegistryCredentialArgs
        RetentionPolicy Scale Secret SecretArgs SqsTrigger TcpSocketProbe Threshold Triggers get_capacity
        get_capacity_output get_deployment get_deployment_output get_flavors get_flavors_output get_models
        get_models_output get_quota get_quota_output get_regions get_regions_output
    """,
    "pulumi_cortecs.shadeform": """
        AutoDelete DockerConfiguration Endpoint Instance InstanceArgs InstanceInfo InstanceType
        LaunchConfiguration PortMapping Provider RegistryCredentials ScriptConfiguration SshKey SshKeyArgs
        Volume VolumeArgs VolumeMount VolumeType get_instance get_instance_output get_instance_types
        get_instance_types_output get_volume_types get_volume_types_output
    """,
}
NAMES["pulumi_cortecs"] = NAMES["pulumi_cortecs.cortecs"]

MISSPELT = """
import pulumi_cortecs
from pulumi_cortecs import Instance, UnknownIdError, get_model, gcore, shadeform
from pulumi_cortecs.gcore import Scale, get_flavors

pulumi_cortecs.Instanse
pulumi_cortecs.get_everything
pulumi_cortecs.Mapping
gcore.Scala
gcore.Mapping
gcore.pulumi
shadeform.InstanceTypo
shadeform.dataclass
"""


@pytest.mark.parametrize("package", NAMES)
def test_no_public_name_goes_or_comes_by_accident(package: str) -> None:
    module = import_module(package)
    names = NAMES[package].split()
    assert list(module.__all__) == sorted(names)
    assert set(names) <= set(dir(module))
    exec(f"from {package} import *", imported := {})
    assert set(names) == imported.keys() - {"__builtins__"}


def test_a_submodule_is_no_name_of_the_face() -> None:
    get, _ = public_face("acme", "nowhere")  # to import it would fail
    for name in ("spec", "__path__", "_Hidden"):
        with pytest.raises(AttributeError, match="module 'acme' has no attribute"):
            get(name)


def test_a_type_checker_knows_the_names_and_no_others(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(MISSPELT)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", str(program)]
    done = subprocess.run(mypy, capture_output=True, text=True, timeout=170, check=False)
    lines = [int(line.split(":")[1]) for line in done.stdout.splitlines()]
    assert lines == list(range(6, 14)), done.stdout
