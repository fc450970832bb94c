"""A fault of the store at any call of a search: one line, and nothing blamed on a trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mlflow.exceptions import RestException

from finscale.config import StoreError
from finscale.tracking import Kind, Status, Tag
from finscale.tracking.store import retry
from tests.lab import Lab

FAULTS = {
    "refused": RestException({"error_code": "PERMISSION_DENIED", "message": "not you"}),
    "gone": ConnectionRefusedError(111, "Connection refused"),
    "strange": KeyError("run"),
}


class Border:
    """Counts the calls of the border, and lets one of them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.n_calls, self.fails_at, self.error = 0, -1, FAULTS["gone"]
        real = retry.read_fault  # any name of the module: the calls themselves are wrapped
        assert callable(real)
        ask = retry.ask
        self._monkeypatch = monkeypatch

        def counted(call: Callable[[], Any], **options: Any) -> Any:
            def counting() -> Any:
                self.n_calls += 1
                if self.n_calls == self.fails_at:
                    raise self.error
                return call()

            return ask(counting, **options)

        for module in ("client", "checks", "artifacts"):
            monkeypatch.setattr(f"finscale.tracking.store.{module}.ask", counted)
        monkeypatch.setattr("finscale.tracking.frames.ask", counted)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_search_survives_a_fault_at_any_call(
    fault: str, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINSCALE_STORE_WAIT_S", "0")
    lab.hpo(n_trials=1, epochs=2, seed=1)  # baselines and the page of the data are made once
    border = Border(monkeypatch)
    before = border.n_calls
    lab.hpo(n_trials=1, epochs=2, seed=2)
    n_calls = border.n_calls - before
    assert n_calls > 40
    said: set[str] = set()
    for number in range(1, n_calls, 3):
        seed = 100 + number
        border.n_calls, border.fails_at, border.error = 0, number, FAULTS[fault]
        try:
            lab.hpo(n_trials=1, epochs=2, seed=seed)
        except StoreError as error:
            said.add(error.line)
        border.fails_at = -1
        parent = lab.hpo(n_trials=1, epochs=2, seed=seed)
        beneath = [
            run for run in lab.runs(Kind.TRIAL) if run.data.tags[Tag.PARENT] == parent.run_id
        ]
        assert [run.data.tags.get(Tag.STATUS) for run in beneath] == [Status.OK], number
        assert [run.data.params["epochs"] for run in beneath] == ["2"]
        assert lab.run(parent.run_id).info.status == "FINISHED"
    assert said and all("Traceback" not in line and "\n" not in line for line in said)
