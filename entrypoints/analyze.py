"""`mlflow run . -e analyze`, or `python -m entrypoints.analyze`."""

import sys

from entrypoints import exit_code, run_id
from finscale.config import AnalyzeConfig, parse


def verb() -> None:
    """Parse the options first, because the pipeline takes seconds to import, then call it."""
    config = parse(AnalyzeConfig, sys.argv[1:], "python -m entrypoints.analyze")
    from finscale.pipeline.analyze import analyze

    analyze(config, run_id())


if __name__ == "__main__":
    raise SystemExit(exit_code(verb))
