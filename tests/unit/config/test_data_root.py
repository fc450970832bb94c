"""Data survive a checkout that is thrown away."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from finscale.config import ConfigError, DataConfig
from finscale.config.data_root import lasting


def test_a_temporary_checkout_keeps_its_data_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/home/me/.data")
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder).resolve()
        assert lasting(Path("data"), project) == Path("/home/me/.data/finscale/data")
        assert lasting(Path("other/place"), project) == Path("/home/me/.data/finscale/other/place")
        assert lasting(Path("/srv/data"), project) == Path("/srv/data")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    kept = lasting(Path("data"), Path(tempfile.gettempdir()).resolve() / "tmpab12cd")
    assert kept == Path("/home/me/.local/share/finscale/data")


@pytest.mark.parametrize("project", ["/home/me/finscale", "/tmp/finscale", "/tmp/a/tmpab12cd"])
def test_any_other_checkout_keeps_them_beside_the_code(project: str) -> None:
    assert lasting(Path("data"), Path(project)) == Path("data")


def test_the_default_is_beside_the_code() -> None:
    assert DataConfig().data_root == Path("data")


def test_no_folder_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="data_root: expected a folder; got nothing"):
        DataConfig.model_validate({"data_root": ""})


@pytest.mark.parametrize("folder", ["/" + "x/" * 5_000, "x" * 300, "ä" * 130])
def test_a_path_that_no_file_system_takes_is_refused(folder: str) -> None:
    with pytest.raises(ConfigError, match="data_root: expected a path of 3,500 bytes at most"):
        DataConfig.model_validate({"data_root": folder})
