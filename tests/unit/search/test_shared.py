"""Optuna's study as a cache: gone, damaged or at odds with the store, it is made anew."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.exceptions import StorageInternalError

from finscale.config import Pruner, StoreError
from finscale.search import (
    RUNNING,
    Methods,
    OptunaAddress,
    OptunaStudyGoneError,
    PastTrial,
    Search,
    SearchTrial,
    file_address,
    read_facts,
    turn,
)
from finscale.search.frozen import search_trial_of
from tests.searching import SPACE, judged, remembered, searching, walk

PAST = walk(searching(3), 7, n_trials=20)


@pytest.fixture
def address(tmp_path: Path) -> OptunaAddress:
    return file_address(tmp_path, "study")


def opened(address: OptunaAddress, past: Sequence[PastTrial] = ()) -> Search:
    search = Search(SPACE, Methods(3), address)
    if past:
        search.align(remembered(past))
    return search


def held(search: Search) -> list[SearchTrial]:
    return [search_trial_of(frozen) for frozen in search.study.get_trials()]


def test_what_is_aligned_is_what_the_store_says(address: OptunaAddress) -> None:
    assert held(opened(address, PAST)) == remembered(PAST)
    assert held(opened(address)) == remembered(PAST)  # another process sees it too


def test_aligning_twice_changes_nothing(address: OptunaAddress) -> None:
    search = opened(address, PAST)
    before = search.study.get_trials()
    search.align(remembered(PAST))
    assert search.study.get_trials() == before


def test_a_deleted_file_is_made_anew_under_the_feet_of_a_running_process(
    address: OptunaAddress,
) -> None:
    search, file = opened(address, PAST), address.file
    assert file is not None and search.is_current()
    file.unlink()
    search.report(6, 3, 0.4)  # lost, and no error
    assert not search.is_current()
    search.align(remembered(PAST))
    assert held(search) == held(opened(address)) == remembered(PAST)
    assert search.is_current()


def failing(*_: object, **__: object) -> None:
    raise StorageInternalError("disk I/O error")


def test_a_file_deleted_while_it_is_read_is_made_anew(
    address: OptunaAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, file = opened(address, PAST), address.file
    assert file is not None and search.n_trials() == len(PAST)
    file.unlink()
    monkeypatch.setattr(search.study, "get_trials", failing)
    with pytest.raises(OptunaStudyGoneError):
        search.standing()
    assert not file.exists()  # who has the turn makes another
    # It is not current before it is aligned, whoever asks how often.
    assert not search.is_current() and not search.is_current()
    assert file.exists() and search.n_trials() == 0
    search.align(remembered(PAST))
    assert search.is_current() and held(search) == remembered(PAST)


def test_a_database_that_fails_without_being_deleted_is_one_line(
    address: OptunaAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = opened(address, PAST)
    monkeypatch.setattr(search.study, "get_trials", failing)
    with pytest.raises(StoreError, match=r"Optuna.s database to answer.*disk I/O error"):
        search.standing()


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_trial_goes_on_when_the_study_is_deleted_under_it(
    address: OptunaAddress, pruner: Pruner, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, file = Search(SPACE, Methods(3, pruner=pruner), address), address.file
    search.align(remembered(PAST))
    assert file is not None
    file.unlink()
    monkeypatch.setattr(search.study, "get_trials", failing)
    assert search.should_prune(6, (99.0, 99.0, 99.0)) is False
    assert not search.is_current()


def test_a_damaged_file_is_made_anew(address: OptunaAddress) -> None:
    opened(address, PAST)
    assert address.file is not None
    address.file.write_bytes(b"no database" * 97)
    assert held(opened(address, PAST)) == remembered(PAST)


def other_database(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.executescript("CREATE TABLE studies (study_id INTEGER); CREATE TABLE trials (x INT)")
    connection.close()


def wrong_version(file: Path) -> None:
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v0.0.1'")
    connection.close()


def torn(file: Path) -> None:
    pages = bytearray(file.read_bytes())
    pages[4096 : 20 * 4096] = b"x" * (19 * 4096)
    file.write_bytes(pages)


DAMAGE: list[Callable[[Path], object]] = [
    lambda file: file.write_bytes(b""),
    lambda file: file.write_bytes(file.read_bytes()[:5000]),
    torn,
    wrong_version,
    lambda file: (file.unlink(), other_database(file)),
]


@pytest.mark.parametrize("damage", DAMAGE, ids=["empty", "cut", "torn", "version", "other"])
def test_whatever_became_of_a_file_of_ours_it_is_made_anew(
    address: OptunaAddress, damage: Callable[[Path], object]
) -> None:
    opened(address, PAST)
    assert address.file is not None
    damage(address.file)
    assert held(opened(address, PAST)) == remembered(PAST)


@pytest.mark.parametrize("content", [b"my precious notes", None], ids=["text", "database"])
def test_a_file_of_the_users_is_left_alone(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "notes"
    if content:
        file.write_bytes(content)
    else:
        other_database(file)
    before = file.read_bytes()
    theirs = OptunaAddress(f"sqlite:///{file}", "study")
    with pytest.raises(StoreError, match=r"expected a database of Optuna 5\.0\.0, or a new file; "):
        opened(theirs, PAST)
    assert content is None or file.read_bytes() == before


def test_a_folder_is_no_file_of_optunas(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="storage: expected a database of Optuna"):
        opened(OptunaAddress(f"sqlite:///{tmp_path}", "study"))
    (tmp_path / "file").write_text("")
    below = OptunaAddress(f"sqlite:///{tmp_path}/file/x.db", "study")
    with pytest.raises(StoreError, match="storage: expected"), turn(below):
        pytest.fail("it has no turns to give")


def test_what_commands_write_on_a_study_stays_side_by_side(address: OptunaAddress) -> None:
    for command in ("a", "b"):
        Search(SPACE, Methods(3), address, {f"options of {command}": {"n_trials": command}})
    facts = read_facts(address)
    assert [facts[f"options of {each}"]["n_trials"] for each in "ab"] == ["a", "b"]


def test_a_study_made_anew_by_another_process_is_noticed(address: OptunaAddress) -> None:
    mine, theirs = opened(address, PAST), opened(address, PAST)
    theirs.align(remembered(PAST[:2]))  # the runs of the others were deleted
    assert theirs.is_current() and not mine.is_current()
    assert held(mine) == remembered(PAST[:2])


def test_a_trial_that_ended_in_the_store_alone_is_ended(address: OptunaAddress) -> None:
    search = opened(address, PAST)
    trial = search.propose(20)
    assert trial is not None and trial.number == 7
    ended = judged(7, trial.past.params)
    search.align([*remembered(PAST), SearchTrial(7, "run 7", ended)])
    (last,) = held(search)[7:]
    assert (last.key, last.past.status, last.past.loss) == ("run 7", ended.status, ended.loss)


def test_a_running_trial_of_the_store_is_one_of_the_study_too(address: OptunaAddress) -> None:
    known = [*remembered(PAST), SearchTrial(7, "run 7", PastTrial(PAST[0].params, RUNNING))]
    search = opened(address)
    search.align(known)
    standing = search.standing()
    assert [trial.number for trial in standing.running] == [7]
    assert standing.n_finished == sum(trial.status != "failed" for trial in PAST)


@pytest.mark.parametrize(
    "changed",
    [
        PAST[:-1],
        [*PAST[:-1], PastTrial(PAST[-1].params, "failed")],
        [PastTrial(PAST[1].params, "pruned", None, PAST[1].curve), *PAST[1:]],
    ],
    ids=["deleted", "another end", "another status"],
)
def test_a_study_that_contradicts_the_store_gives_way(
    address: OptunaAddress, changed: list[PastTrial]
) -> None:
    search = opened(address, PAST)
    search.align(remembered(changed))
    assert held(search) == remembered(changed)


def test_another_run_under_the_same_number_is_another_trial(address: OptunaAddress) -> None:
    search = opened(address, PAST)
    other = [*remembered(PAST[:6]), SearchTrial(6, "run again", PAST[6])]
    search.align(other)
    assert held(search) == other


def test_numbers_of_deleted_runs_stay_free_of_others(address: OptunaAddress) -> None:
    known = [trial for trial in remembered(PAST) if trial.number not in (0, 4)]
    search = opened(address)
    search.align(known)
    assert [trial for trial in held(search) if trial.key] == known
    search.align(known)
    trial = search.propose(20)
    assert trial is not None and trial.number == 7
    n_counted = sum(trial.past.status not in ("failed",) for trial in known)
    assert search.standing().n_finished == n_counted


def test_a_trial_of_which_nothing_is_known_can_still_be_ended(address: OptunaAddress) -> None:
    search = opened(address)
    search.align([SearchTrial(0, "stillborn", PastTrial({}, RUNNING))])
    search.finish(0, PastTrial({}, "failed"))
    assert search.standing().n_failed == 1 and search.standing().running == ()


def test_only_curves_that_are_missing_are_fetched(address: OptunaAddress) -> None:
    opened(address, PAST[:5])
    fetched: list[str] = []

    def curve_of(key: str) -> tuple[float, ...]:
        fetched.append(key)
        return PAST[int(key.split()[1])].curve

    opened(address).align(remembered(PAST), curve_of)
    assert fetched == ["run 5", "run 6"]


def test_facts_lie_on_the_study_and_survive_its_loss(address: OptunaAddress) -> None:
    search = Search(SPACE, Methods(3), address, {"run_id": "abc"})
    assert read_facts(address)["run_id"] == "abc"
    assert address.file is not None
    address.file.unlink()
    assert not search.is_current()
    assert read_facts(address)["run_id"] == "abc"


def test_a_study_that_is_not_there_is_one_line(address: OptunaAddress) -> None:
    opened(address)
    with pytest.raises(StoreError, match="got none of that name"):
        read_facts(OptunaAddress(address.storage, "other"))


@pytest.mark.parametrize("scheme", ["postgresql+psycopg2", "postgresql+psycopg"])
def test_a_database_that_cannot_be_reached_is_one_line(scheme: str) -> None:
    nowhere = OptunaAddress(f"{scheme}://nobody@127.0.0.1:9/none", "study")
    line = "storage: expected a database that answers, and its driver installed; got "
    with pytest.raises(StoreError, match=line):
        read_facts(nowhere)
    with pytest.raises(StoreError, match=line), turn(nowhere):
        pytest.fail("it has no turns to give")


@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_whatever_the_study_held_it_ends_as_the_store_says(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("studies")
    address = file_address(folder, "study")
    statuses = st.sampled_from(["ok", "pruned", "diverged", "failed", RUNNING])

    def some() -> list[SearchTrial]:
        numbers = data.draw(st.lists(st.integers(0, 5), unique=True, max_size=5))
        return [
            SearchTrial(
                number,
                f"run {data.draw(st.integers(0, 1))}-{number}",
                PastTrial(PAST[number].params, status, 0.3 if status == "ok" else None, (0.4, 0.3)),
            )
            for number in sorted(numbers)
            for status in [data.draw(statuses)]
        ]

    Search(SPACE, Methods(3), address).align(some())
    wanted = some()
    search = Search(SPACE, Methods(3), address)
    search.align(wanted)
    mine = [(c.number, c.key, c.past.status) for c in held(search) if c.key]
    assert mine == [(c.number, c.key, c.past.status) for c in wanted]
    assert optuna.get_all_study_names(address.storage) == ["study"]
    shutil.rmtree(folder)
