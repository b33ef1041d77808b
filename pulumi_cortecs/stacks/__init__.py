"""The contents of a user's stacks, as the `pulumi` CLI exports them, and the file that makes a stack own an instance.

For the command line only. Providers and packs read other stacks through `lifecycle/stack_state.py`, and only those of
their own engine's backend.
"""
