"""Detection of memory that is not enough."""

from __future__ import annotations

_SAYS = ("not enough memory", "can't allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error comes from memory that is not enough, of the CPU or of a device."""
    # Compared by name, because torch takes seconds to import.
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or any(text in str(error) for text in _SAYS)
