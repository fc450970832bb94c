"""`relocate`: rewrites the addresses of artifacts after their folder was moved."""

from __future__ import annotations

from finscale.config import ConfigError, RelocateConfig
from finscale.pipeline.running import Line, Listen, on_terminal, shown
from finscale.tracking import local_path
from finscale.tracking import relocate as rewrite


@shown
def relocate(config: RelocateConfig, *, listen: Listen = on_terminal) -> None:
    """Rewrite every address below the old folder, or only count them. No file is moved.

    Raises
    ------
    ConfigError
        If the new folder does not exist.
    StoreError
        If the store is a server or does not answer.
    """
    folder = local_path(config.new)
    if folder is not None and not folder.is_dir():
        raise ConfigError(
            "new",
            expected="a folder that is there",
            got=repr(config.new),
            todo="Move the artifacts first: only their addresses are rewritten.",
        )
    counts = rewrite(config.old, config.new, dry_run=config.dry_run)
    for name, count in counts.items():
        listen(Line(f"{name}: {count}"))
    state = "would be rewritten" if config.dry_run else "rewritten"
    listen(Line(f"{sum(counts.values())} addresses below {config.old} {state} to {config.new}."))
