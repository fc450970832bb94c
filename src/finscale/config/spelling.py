"""Spelling of a config as the command that a user would type."""

from __future__ import annotations

from pydantic import BaseModel

from finscale.config.command_line import option_names, options
from finscale.config.problem import DataConfig
from finscale.config.start import command
from finscale.config.study import AnalyzeConfig, StudyConfig
from finscale.config.verbs import HpoConfig, TrainConfig

VERB_CONFIGS: dict[str, type[BaseModel]] = {
    "data": DataConfig,
    "hpo": HpoConfig,
    "train": TrainConfig,
    "analyze": AnalyzeConfig,
    "study": StudyConfig,
}


def spell(verb: str, config: BaseModel) -> str:
    """Write the command of a verb with the values of a config.

    Options at their default are left out, and so are options that the verb does not have, since
    the config may belong to another verb.
    """
    return command(verb, given(verb, config))


def given(verb: str, config: BaseModel) -> dict[str, str]:
    """Return the options of a verb that this config sets to another value than the default."""
    fields = VERB_CONFIGS[verb].model_fields
    known = option_names(VERB_CONFIGS[verb])
    return {
        name: text
        for name, text in options(config).items()
        if name in known and text != str(fields[name].default)
    }
