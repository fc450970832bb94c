"""`python -m entrypoints.relocate --old=... --new=...`, after a folder of artifacts was moved."""

import sys

from entrypoints import exit_code
from finscale.config import RelocateConfig, parse


def verb() -> None:
    """Parse the options first, because the pipeline takes seconds to import, then call it."""
    config = parse(RelocateConfig, sys.argv[1:], "python -m entrypoints.relocate")
    from finscale.pipeline.relocate import relocate

    relocate(config)


if __name__ == "__main__":
    raise SystemExit(exit_code(verb))
