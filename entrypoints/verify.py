"""`make verify` and `make data-verify`, or `python -m entrypoints.verify`."""

import sys

from entrypoints import exit_code
from finscale.config import VerifyConfig, parse


def verb() -> None:
    """Parse the options first, because the pipeline takes seconds to import, then call it."""
    config = parse(VerifyConfig, sys.argv[1:], "python -m entrypoints.verify")
    from finscale.pipeline.verify import verify

    verify(config)


if __name__ == "__main__":
    raise SystemExit(exit_code(verb))
