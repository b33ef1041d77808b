"""Programs that try to get something forbidden past the packs, as source."""

from __future__ import annotations

from collections.abc import Mapping

QWEN = "Qwen/Qwen2-7B-Instruct"
LLAMA = "meta-llama/Meta-Llama-3.1-8B-Instruct"
"""Runs on an H100, among others."""

HEADER = f"""
import os, sys
import pulumi
from pulumi import Alias, CustomResource, Output, ResourceOptions as Opts
from pulumi.dynamic import CreateResult, Resource, ResourceProvider
from pulumi_cortecs import Instance, Provider
from pulumi_cortecs import _abi

LLAMA = {LLAMA!r}

def make(name, opts=None, model_id={QWEN!r}, **arguments):
    return Instance(name, opts, model_id=model_id, **arguments)
"""

FOREIGN = """
class Own(ResourceProvider):
    def create(self, props):
        open("bought", "w").close()
        return CreateResult("id", props)
class Derived(type(_abi.load("cortecs.Instance"))):
    def create(self, props):
        open("bought", "w").close()
        return CreateResult("id", props)
class Pickled(Derived):
    def __reduce__(self):  # ours is pickled as what is published, whatever is derived from it
        return Pickled, ()
PROPS = {"model_id": "Qwen--Qwen2-7B-Instruct", "hardware_type_id": "NVIDIA_L4_1", "context_length": 32000,
         "billing_interval": "per_minute", "num_workers": 1, "state": "running", "restart_trigger": ""}
def disguised(provider, called, props=PROPS, **keywords):
    class Disguised(Resource, **keywords):
        pass
    Disguised(provider, called, dict(props))
OURS = {"module": "cortecs", "name": "Instance"}
"""

REGISTERED: Mapping[str, str] = {
    "eight workers": "make(N, num_workers=8)",
    "eight workers as a float": "make(N, num_workers=8.0)",
    "forbidden hardware": "make(N, model_id=LLAMA, hardware_type_id='NVIDIA_H100_1')",
    "hardware that the vendor chooses": "make(N, model_id='neuralmagic/Meta-Llama-3.1-70B-Instruct-FP8')",
    "workers from a secret": "make(N, num_workers=Output.secret(8))",
    "hardware from a secret": "make(N, model_id=LLAMA, hardware_type_id=Output.secret('NVIDIA_H100_1'))",
    "workers from the configuration": "make(N, num_workers=pulumi.Config().require_int('workers'))",
    "hardware from a secret of the configuration": (
        "make(N, model_id=LLAMA, hardware_type_id=pulumi.Config().require_secret('hardware'))"
    ),
    "workers from another resource": "make(N, num_workers=ALLOWED.id.apply(lambda _: 8))",
    "hardware from another resource": (
        "make(N, model_id=LLAMA, hardware_type_id=ALLOWED.id.apply(lambda _: 'NVIDIA_H100_1'))"
    ),
    "an unknown before a violation": (
        "make(N, hardware_type_id=ALLOWED.id.apply(lambda _: 'NVIDIA_L4_1'), num_workers=8)"
    ),
    "everything from another resource": (
        "make(N, model_id=ALLOWED.id.apply(lambda _: LLAMA), num_workers=ALLOWED.id.apply(lambda _: 8))"
    ),
    "billed by the hour": "make(N, billing_interval='per_hour')",
    "workers ignored": "make(N, Opts(ignore_changes=['num_workers']))",
    "everything ignored": "make(N, Opts(ignore_changes=['*']))",
    "a part of the quote ignored": "make(N, Opts(ignore_changes=['quote.hourly_total']))",
    "an alias of something allowed": "make(N, Opts(aliases=[Alias(name='allowed')]), num_workers=8)",
    "kept at its end": "make(N, Opts(retain_on_delete=True), num_workers=8)",
    "protected, and deleted first": (
        "make(N, Opts(protect=True, delete_before_replace=True, replace_on_changes=['*']), num_workers=8)"
    ),
    "a subclass": "type('Mine', (Instance,), {})(N, model_id='Qwen/Qwen2-7B-Instruct', num_workers=8)",
    "a transform of its own": (
        "make(N, Opts(transforms=[lambda a: pulumi.ResourceTransformResult({**a.props, 'num_workers': 8}, a.opts)\n"
        "    if a.type_.endswith(':Instance') else None]))"
    ),
    "an old transformation": (
        "make(N, Opts(transformations=[lambda a: pulumi.ResourceTransformationResult({**a.props, 'num_workers': 8},\n"
        "    a.opts) if a.type_.endswith(':Instance') else None]))"
    ),
    "a component": "make(N, Opts(parent=pulumi.ComponentResource('team:index:Team', 'team')), num_workers=8)",
    "a component with an odd type": (
        "make(N, Opts(parent=pulumi.ComponentResource('team::allowed', 'odd')), num_workers=8)"
    ),
    "another account": "make(N, Opts(provider=SECOND), num_workers=8)",
    "another account by way of a component": (
        "make(N, Opts(parent=pulumi.ComponentResource('team:index:Team', 'far', {}, Opts(providers=[SECOND]))),\n"
        "    num_workers=8)"
    ),
    "another environment for the provider": (
        "make(N, Opts(provider=Provider('mapped', Opts(env_var_mappings={'NO_SUCH': 'PULUMI_CORTECS_LIMITS'}),\n"
        "    client_id='sim', client_secret='sim', api_base_url=os.environ['CORTECS_API_BASE_URL'])), num_workers=8)"
    ),
    "a class of somebody else under our type": "disguised(Own(), N, **OURS)",
    "a class derived from our provider": "disguised(Derived(), N, {**PROPS, 'num_workers': 8}, **OURS)",
    "a class derived from our provider, pickled by itself": "disguised(Pickled(), N, **OURS)",
    "a class of somebody else without any property": "disguised(Own(), N, {}, **OURS)",
    "a dynamic type of somebody else": "disguised(Own(), N, module='rows', name='Row')",
    "a dynamic type without a name": "disguised(Own(), N)",
}
"""By name, what registers a resource of that name, N; each is to be refused by name. There is an instance that is
ALLOWED, and a SECOND account."""

SECOND = (
    "SECOND = Provider('second', client_id='second', client_secret='second',"
    " api_base_url=os.environ['CORTECS_API_BASE_URL'])\n"
)


def registering(statements: Mapping[str, str]) -> str:
    """A program with something allowed, and all of these."""
    lines = "".join(f"N = {name!r}\n{statement}\n" for name, statement in statements.items())
    return HEADER + FOREIGN + SECOND + "ALLOWED = make('allowed')\n" + lines


PACKS_AND_PORTS = """
import os, re, signal, pathlib
def packs():
    listening = {}
    for line in [*open('/proc/net/tcp'), *open('/proc/net/tcp6')]:
        cells = line.split()
        if cells[3] == '0A':  # it listens
            listening[cells[9]] = int(cells[1].rpartition(':')[2], 16)
    for process in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            if b'pulumi.policy' not in (process / 'cmdline').read_bytes():
                continue
            if os.getsid(int(process.name)) != os.getsid(0):  # somebody else's: another test's
                continue
            for link in (process / 'fd').iterdir():
                found = re.fullmatch(r'socket:\\[(\\d+)\\]', os.readlink(link))
                if found and found[1] in listening:
                    yield int(process.name), listening[found[1]]
        except OSError:
            continue
FOUND = list(packs())
print('packs found:', len(FOUND))
"""
"""Finds the packs that judge this very program: (process, port), FOUND."""

CONFIGURES = (
    PACKS_AND_PORTS
    + """
import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.testing import configuration, sample_catalogue
LOOSE = {rule.name: {'not_limited': 'why not'} for rule in PACKS['guard'] if rule.optional}
for _, port in FOUND:
    stub = analyzer_pb2_grpc.AnalyzerStub(grpc.insecure_channel(f'127.0.0.1:{port}'))
    stack = analyzer_pb2.AnalyzerStackConfigureRequest(dry_run=True)
    loose = configuration(PACKS['guard'], {**LOOSE, 'catalogue-digest': {'file': 'simulator.lock.yaml'}})
    for call, request in ((stub.Configure, loose), (stub.ConfigureStack, stack), (stub.Cancel, empty_pb2.Empty())):
        try:
            call(request, timeout=10)
            print('configured!')
        except grpc.RpcError as error:
            print('was told:', error.details())
"""
)

KILLS = (
    PACKS_AND_PORTS
    + """
import select
for process, _ in FOUND:
    end = os.pidfd_open(process)
    os.kill(process, signal.SIGKILL)
    select.select([end], [], [], 10)  # a killed process answers until the machine has come to end it
"""
)

IMPERSONATES = (
    KILLS
    + """
import grpc, time
from concurrent.futures import ThreadPoolExecutor
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
class Yes(analyzer_pb2_grpc.AnalyzerServicer):
    def Remediate(self, request, context):
        return analyzer_pb2.RemediateResponse()
    def Analyze(self, request, context):
        return analyzer_pb2.AnalyzeResponse()
    def AnalyzeStack(self, request, context):
        return analyzer_pb2.AnalyzeResponse()
server = grpc.server(ThreadPoolExecutor(2))
analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Yes(), server)
for _, port in FOUND:
    server.add_insecure_port(f'127.0.0.1:{port}')
server.start()
"""
)

RUNS_IN_A_PREVIEW = """
class Looking(ResourceProvider):
    def read(self, id_, props):
        import os
        from pulumi.dynamic import ReadResult
        open("ran", "a").write(f"a class that is read, with the key {os.environ.get('CORTECS_CLIENT_SECRET')!r}\\n")
        return ReadResult(id_, {})
class Looked(Resource, **{"module": "rows", "name": "Row"}):
    def __init__(self, name, opts):
        super().__init__(Looking(), name, {}, opts)
Looked("looked", Opts(id="anything"))
"""
"""A class of the author's own that no step makes: it is only read."""

IN_A_STATE = (
    "import os\n"
    "open('ran', 'a').write(f\"a state's pickle, with the key {os.environ.get('CORTECS_CLIENT_SECRET')!r}\\n\")"
)
"""What a state runs whose row has another pickle."""

PATCHES = (
    PACKS_AND_PORTS
    + """
LISTED, WANTED = b'NVIDIA_A100_1', b'NVIDIA_L40S_1'
patched = 0
for process, _ in FOUND:
    with open(f'/proc/{process}/maps') as maps, open(f'/proc/{process}/mem', 'r+b', 0) as memory:
        for line in maps:
            cells = line.split()
            begin, end = (int(address, 16) for address in cells[0].split('-'))
            if not cells[1].startswith('rw') or 'vv' in line or 'vdso' in line:
                continue
            try:
                memory.seek(begin)
                content = memory.read(end - begin)
            except OSError:
                continue
            at = content.find(LISTED)
            while at >= 0:
                memory.seek(begin + at)
                patched += memory.write(WANTED) // len(WANTED)
                at = content.find(LISTED, at + 1)
print('patched:', patched > 0)
"""
)
"""Writes another id into the limits that a pack holds in its memory, as a debugger would."""

TEAM_PLUGIN = f"""
from typing import Optional, TypedDict
import pulumi
from pulumi.provider.experimental import component_provider_host
from pulumi_cortecs import Instance
class TeamArgs(TypedDict):
    workers: Optional[pulumi.Input[int]]
class Team(pulumi.ComponentResource):
    def __init__(self, name: str, args: TeamArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        super().__init__("team:index:Team", name, {{}}, opts)
        Instance(name, pulumi.ResourceOptions(parent=self), model_id={QWEN!r}, num_workers=args.get("workers"))
        self.register_outputs({{}})
component_provider_host(name="team", components=[Team])
"""
"""A plugin with a component that has an instance of its own name."""

TEAM = """
class Team(pulumi.ComponentResource):
    def __init__(self, name, workers):
        super().__init__('team:index:Team', name, {'workers': workers}, remote=True)
"""

MADE_ELSEWHERE = """
def eight(args):
    if args.name == 'stack transform' and args.type_.endswith(':Instance'):
        return pulumi.ResourceTransformResult({**args.props, 'num_workers': 8}, args.opts)
pulumi.runtime.register_resource_transform(eight)
pulumi.runtime.register_invoke_transform(lambda args: pulumi.InvokeTransformResult({}, args.opts))
Team('allowed', 1)
Team('remote component', 8)
make('stack transform')
"""
"""What another process makes of a program."""
