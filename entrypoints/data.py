"""`mlflow run . -e data`, or `python -m entrypoints.data`."""

import sys

from entrypoints import exit_code, run_id
from finscale.config import DataConfig, parse


def verb() -> None:
    """Parse the options first, because the pipeline takes seconds to import, then call it."""
    config = parse(DataConfig, sys.argv[1:], "python -m entrypoints.data")
    from finscale.pipeline.data import data

    data(config, run_id())


if __name__ == "__main__":
    raise SystemExit(exit_code(verb))
