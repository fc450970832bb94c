"""The Optuna study in a database of its own, shared by the processes of one search.

It is a cache of the tracking store: if it is missing, damaged or contradicts the store, it is built
again. Only the process that holds the search's turn adds trials.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from finscale.config import StoreError
from finscale.search.address import OptunaAddress, OptunaStudyGoneError, answering
from finscale.search.frozen import Attr, rebuilt, search_trial_of
from finscale.search.trials import GAP, RUNNING, PastTrial, SearchTrial

WAIT_S = 60.0
"""Seconds for which a writer of a file waits for other writers."""
N_ATTEMPTS = 5
_MADE = "made"
"""Attribute that identifies a study, since a database may reuse the id of a deleted one."""
_GONE = (KeyError, StorageInternalError, UpdateFinishedTrialError)


class SharedOptunaStudy:
    """The Optuna study at an address, or in memory if there is no address.

    Parameters
    ----------
    facts : dict
        Information for workers that join the search, written on the study.
    """

    def __init__(
        self,
        address: OptunaAddress | None,
        distributions: Mapping[str, BaseDistribution],
        n_objectives: int,
        facts: Mapping[str, Any],
    ) -> None:
        self._address, self._distributions = address, distributions
        self._n_objectives, self._facts = n_objectives, facts
        self._storage: BaseStorage
        self._over: dict[int, SearchTrial]
        self._ids: dict[int, int]
        self._is_aligned: bool
        self.study: Study
        self._open()

    def is_current(self) -> bool:
        """Tell whether this study is still at its address and aligned; else open the one there."""
        if self._address is None:
            return True
        if not self._is_there():
            self._open()
        return self._is_aligned

    def trials(self) -> list[FrozenTrial]:
        """Return all trials in order of number; do not modify them."""
        with self.watched():
            return self.study.get_trials(deepcopy=False)

    def search_trials(self) -> list[SearchTrial]:
        """Return all trials in order of number; finished trials are converted only once."""
        found = []
        for frozen in self.trials():
            trial = self._over.get(frozen.number) or search_trial_of(frozen)
            if frozen.state.is_finished():
                self._over[frozen.number] = trial
            found.append(trial)
        return found

    def align(
        self, known: Sequence[SearchTrial], curve_of: Callable[[str], tuple[float, ...]]
    ) -> None:
        """Make the study agree with the tracking store.

        Parameters
        ----------
        known : sequence of SearchTrial
            All trials of the tracking store, each with its key, in order of number.
        curve_of : callable
            Fetches the curve of a trial that the study does not have yet.
        """
        if self._contradicts(known):
            optuna.delete_study(study_name=self.study.study_name, storage=self._storage)
            self._open()
        there = {frozen.number: frozen for frozen in self.trials()}
        for trial in known:
            assert trial.key
            frozen = there.get(trial.number)
            if frozen is None:
                self._fill_up_to(trial.number)
                self.add(replace(trial.past, curve=curve_of(trial.key)), trial.key)
            elif not frozen.state.is_finished():
                self.attach(trial.number, trial.key)
                if trial.past.status != RUNNING:
                    self.finish(trial.number, trial.past)
        self._is_aligned = True

    def add(
        self, trial: PastTrial, key: str | None, system_attrs: dict[str, Any] | None = None
    ) -> int:
        """Add a complete trial, and return its number."""
        with self.watched():
            self.study.add_trial(self._freeze(trial, key, system_attrs))
        return len(self.trials()) - 1

    def attach(self, number: int, key: str) -> None:
        """Record which run of the tracking store belongs to a trial."""
        with self.watched():
            self._storage.set_trial_user_attr(self._trial_id(number), Attr.KEY, key)

    def report(self, number: int, epoch: int, loss: float) -> None:
        """Report a running trial's loss; the authoritative curve is in the tracking store."""
        if self._is_replaced():
            return
        with suppress(*_GONE):  # another process has replaced the study
            self._storage.set_trial_intermediate_value(self._trial_id(number), epoch, loss)

    def finish(self, number: int, trial: PastTrial) -> None:
        """Record the end of a trial, unless the study was replaced and already has it."""
        frozen = self._freeze(trial)
        if self._is_replaced():
            return
        with suppress(*_GONE):
            trial_id = self._trial_id(number)
            self._storage.set_trial_user_attr(trial_id, Attr.STATUS, trial.status)
            values = frozen.values if frozen.state is TrialState.COMPLETE else None
            self._storage.set_trial_state_values(trial_id, frozen.state, values)

    def _is_replaced(self) -> bool:
        """Tell whether the file was replaced: writing could then disturb the new file's journal."""
        return _inode(self._address) != self._file

    def _is_there(self) -> bool:
        """Tell whether the address still holds the study that was opened."""
        assert self._address is not None
        with suppress(*_GONE):
            found = self._storage.get_study_id_from_name(self._address.name)
            made = self._storage.get_study_user_attrs(found).get(_MADE)
            return (made, _inode(self._address)) == (self._made, self._file)
        return False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Turn database errors into an error that says whether the study or the database is gone.

        Raises
        ------
        OptunaStudyGoneError
            If the study was deleted. `is_current` opens a new one; call it within a turn, because
            two processes must not make the file at the same time.
        StoreError
            If the database does not answer.
        """
        try:
            yield
        except StorageInternalError as error:
            if self._address is None:
                raise
            if self._is_there():
                raise _no_answer(error) from error
            raise OptunaStudyGoneError from error

    def _freeze(
        self, trial: PastTrial, key: str | None = None, system_attrs: dict[str, Any] | None = None
    ) -> FrozenTrial:
        return rebuilt(
            trial,
            self._distributions,
            n_objectives=self._n_objectives,
            key=key,
            system_attrs=system_attrs,
        )

    def _trial_id(self, number: int) -> int:
        if number not in self._ids:
            self._ids[number] = self._storage.get_trial_id_from_study_id_trial_number(
                self._study_id, number
            )
        return self._ids[number]

    def _contradicts(self, known: Sequence[SearchTrial]) -> bool:
        """Tell whether a trial of the study disagrees with the tracking store."""
        store = {trial.number: (trial.key, trial.past.status) for trial in known}
        for frozen in self.trials():
            mine = search_trial_of(frozen)
            theirs = store.get(frozen.number, (None, GAP))
            if frozen.state.is_finished():
                agrees = theirs == (mine.key, mine.past.status)
            else:  # a trial without a run was proposed by a process that died afterwards
                agrees = mine.key is None or mine.key == theirs[0]
            if not agrees:
                return True
        return False

    def _fill_up_to(self, number: int) -> None:
        """Add placeholders for numbers without a run, since Optuna's numbers have no gaps."""
        for _ in range(len(self.trials()), number):
            self.add(PastTrial({}, GAP), None)

    def _open(self) -> None:
        try:
            self._open_study()
        except (StorageInternalError, SQLAlchemyError) as error:
            raise _no_answer(error) from error

    def _open_study(self) -> None:
        self._over, self._ids, self._is_aligned = {}, {}, False
        name = self._address.name if self._address else "search"
        self._storage = _database(self._address) if self._address else InMemoryStorage()
        self.study = optuna.create_study(
            storage=self._storage,
            study_name=name,
            directions=["minimize"] * self._n_objectives,
            load_if_exists=True,
        )
        self._study_id = self._storage.get_study_id_from_name(name)
        self._file = _inode(self._address)
        self._made = self.study.user_attrs.get(_MADE) or uuid.uuid4().hex
        for fact, value in {**self._facts, _MADE: self._made}.items():
            self.study.set_user_attr(fact, value)


def _no_answer(error: Exception) -> StoreError:
    """Return the error about Optuna's database, whose loss does not affect the tracking store."""
    cause = error.__cause__ or error
    said = str(getattr(cause, "orig", None) or cause).strip().split("\n")[0]
    return StoreError(
        "storage",
        expected=f"Optuna's database to answer within {WAIT_S:g} s",
        got=said,
        todo="Make sure that no other program locks it, then give the same line again: no trial is "
        "lost, because the tracking store has them all.",
    )


def read_facts(address: OptunaAddress) -> dict[str, Any]:
    """Return the facts that are written on the study at an address.

    Raises
    ------
    StoreError
        If there is no such study.
    """
    try:
        study = optuna.load_study(study_name=address.name, storage=_database(address))
    except KeyError:
        raise StoreError(
            f"study {address.name}",
            expected=f"an Optuna study in {address.storage}",
            got="none of that name",
            todo="Start the search with hpo: it makes the study, and workers join it.",
        ) from None
    return study.user_attrs


def _database(address: OptunaAddress) -> RDBStorage:
    if address.file:
        return _file_database(address, address.file)
    with answering():
        return RDBStorage(address.storage, engine_kwargs={"pool_pre_ping": True})


def _file_database(address: OptunaAddress, file: Path) -> RDBStorage:
    """Open or create a database file, with writes that do not wait for the disk.

    Such writes survive the kill of a process. After a power cut, the cache may be damaged or
    contradict the tracking store. A damaged file of this project is replaced; a user's is not.

    Raises
    ------
    StoreError
        If the file is not a database of Optuna and must not be replaced.
    """
    try:
        storage = _storage_of(address.storage)
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        if "locked" in str(error):
            raise
        if not (address.is_ours and file.is_file()):
            raise StoreError(
                "storage",
                expected=f"a database of Optuna {optuna.__version__}, or a new file",
                got=str(getattr(error, "orig", error)).split("\n")[0],
                todo=f"Move {file} away, or give another -P storage.",
            ) from None
        storage = _new_storage(address.storage, file)
    event.listen(storage.engine, "connect", _no_waiting)
    storage.engine.dispose()  # close connections that were made before
    return storage


def _new_storage(storage: str, file: Path) -> RDBStorage:
    """Replace a damaged file by a new one; the tracking store has all of its trials."""
    for attempt in range(1, N_ATTEMPTS + 1):
        file.unlink(missing_ok=True)
        try:
            return _storage_of(storage)
        except (SQLAlchemyError, StorageInternalError, RuntimeError):
            # A process that still has the old file open may write a journal of the same name.
            if attempt == N_ATTEMPTS:
                raise
            time.sleep(0.1 * attempt)
    raise AssertionError("the last attempt returns or raises")


def _storage_of(storage: str) -> RDBStorage:
    """Open a database and read from it, to notice damage at once."""
    made = RDBStorage(storage, engine_kwargs={"connect_args": {"timeout": WAIT_S}})
    with made.engine.connect() as connection:
        answer = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    if answer != "ok":
        raise RuntimeError(f"damaged: {answer}")
    made.get_all_studies()
    return made


def _no_waiting(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def _inode(address: OptunaAddress | None) -> int | None:
    """Return the inode of the database file, which differs for a file that was made again."""
    if address is None or address.file is None:
        return None
    return address.file.stat().st_ino if address.file.exists() else -1
