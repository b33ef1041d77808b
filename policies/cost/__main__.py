from pathlib import Path

from pulumi_cortecs.policy.pack import serve

serve("cost", Path(__file__).parent)
