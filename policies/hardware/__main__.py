from pathlib import Path

from pulumi_cortecs.policy.pack import serve

serve("hardware", Path(__file__).parent)
