"""`mlflow run . -e train`, or `python -m entrypoints.train`."""

import sys

from entrypoints import exit_code, run_id
from finscale.config import TrainConfig, parse


def verb() -> None:
    """Parse the options first, because the pipeline takes seconds to import, then call it."""
    config = parse(TrainConfig, sys.argv[1:], "python -m entrypoints.train")
    if config.dry_run:
        from finscale.pipeline.train import dry_run_train

        dry_run_train(config, run_id())
    else:
        from finscale.pipeline.train import train

        train(config, run_id())


if __name__ == "__main__":
    raise SystemExit(exit_code(verb))
