"""Which mistake is made, and which could have been: `changes.switched` asks here at every place."""

active = 0
reached: set[int] = set()


def on(switch: int) -> bool:
    """Whether this mistake is to be made."""
    reached.add(switch)
    return switch == active
