"""What the stacks of a user's backends hold, as the `pulumi` CLI tells it, and what makes a stack own an instance.

For the command line only: nothing that the engine runs may know other stacks.
"""
