"""The border between us and the store: its address, make, faults, patience and artifacts."""

from finscale.tracking.store.address import (
    database_file,
    is_database,
    open_engine,
    store_address,
    store_name,
)
from finscale.tracking.store.artifacts import check_artifacts, faults_of_artifacts
from finscale.tracking.store.checks import check_store, check_store_once, server_version
from finscale.tracking.store.client import open_client
from finscale.tracking.store.faults import first_line
from finscale.tracking.store.patience import ask
from finscale.tracking.store.relocation import relocate
from finscale.tracking.store.rules import GoneError, TakenError

__all__ = [
    "GoneError",
    "TakenError",
    "ask",
    "check_artifacts",
    "check_store",
    "check_store_once",
    "database_file",
    "faults_of_artifacts",
    "first_line",
    "is_database",
    "open_client",
    "open_engine",
    "relocate",
    "server_version",
    "store_address",
    "store_name",
]
