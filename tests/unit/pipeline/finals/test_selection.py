"""The configuration that a cell keeps."""

from __future__ import annotations

import pandas as pd

from finscale.pipeline.finals.selection import choose
from finscale.tracking import Run

RUNS = [
    # configuration, seed, validation loss, collapsed
    ("lucky", 43, 0.380, "False"),
    ("lucky", 44, 0.440, "False"),
    ("lucky", 47, 0.430, "False"),
    ("steady", 43, 0.401, "False"),
    ("steady", 44, 0.399, "True"),
    ("steady", 47, 0.403, "False"),
]


def frame(rows: list[tuple[str, int, float, str]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["configuration", "seed", "val_loss", "collapsed"])
    run_id = table["configuration"] + "-" + table["seed"].astype(str)
    table = table.assign(val_skill=1 - table["val_loss"] / 0.5, n_params=8849)
    return table.assign(run_id=run_id, experiment_id="0", name="final " + run_id)


def test_the_best_mean_wins_not_the_best_seed() -> None:
    chosen = choose(frame(RUNS))
    assert chosen.configuration == "steady"
    assert abs(chosen.val_loss_mean - 0.401) < 1e-12
    assert chosen.n_seeds == 3 and chosen.n_params == 8849
    assert abs(chosen.val_skill_mean - (1 - 0.401 / 0.5)) < 1e-12


def test_its_best_seed_is_served() -> None:
    chosen = choose(frame(RUNS))
    assert chosen.served == Run("steady-44", "0")
    assert chosen.name == "final steady-44"
    assert {run.run_id for run in chosen.others} == {"steady-43", "steady-47"}


def test_the_flag_is_that_of_the_served_model() -> None:
    assert choose(frame(RUNS)).collapsed is True
    assert choose(frame(RUNS[:3])).collapsed is False


def test_a_configuration_of_which_a_seed_diverged_loses() -> None:
    without_its_worst = [row for row in RUNS if row[:2] != ("steady", 47)]
    assert choose(frame(without_its_worst)).configuration == "lucky"


def test_where_every_configuration_lost_a_seed_means_decide() -> None:
    assert choose(frame([*RUNS[1:3], *RUNS[3:5]])).configuration == "steady"
