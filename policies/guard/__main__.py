from pathlib import Path

from pulumi_cortecs.policy.pack import serve

serve("guard", Path(__file__).parent)
