"""The contents of a user's stacks, as the `pulumi` CLI exports them, and what makes a stack own an instance.

For the command line only. What the engine runs reads other stacks through `lifecycle/stack_state.py` alone, and only
those of the backend that its own engine uses.
"""
