"""`mlflow run . -e hpo`, or `python -m entrypoints.hpo`."""

import sys

from entrypoints import exit_code, run_id
from finscale.config import HpoConfig, parse


def verb() -> None:
    """Parse the options first, because the pipeline takes seconds to import, then call it."""
    config = parse(HpoConfig, sys.argv[1:], "python -m entrypoints.hpo")
    if config.dry_run:
        from finscale.pipeline.searching.dry_run import dry_run

        dry_run(config, run_id())
    else:
        from finscale.pipeline.hpo import hpo

        hpo(config, run_id())


if __name__ == "__main__":
    raise SystemExit(exit_code(verb))
