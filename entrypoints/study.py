"""`mlflow run . -e study`, or `python -m entrypoints.study`."""

import sys

from entrypoints import exit_code, run_id
from finscale.config import StudyConfig, parse


def verb() -> None:
    """Parse the options first, because the pipeline takes seconds to import, then call it."""
    config = parse(StudyConfig, sys.argv[1:], "python -m entrypoints.study")
    from finscale.pipeline.study import dry_run_study, study

    (dry_run_study if config.dry_run else study)(config, run_id())


if __name__ == "__main__":
    raise SystemExit(exit_code(verb))
