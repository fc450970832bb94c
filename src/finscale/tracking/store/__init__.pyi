from .address import (
    database_file,
    is_database,
    open_engine,
    store_address,
    store_name,
)
from .artifacts import check_artifacts, faults_of_artifacts, local_path
from .checks import check_store, check_store_once, models_obstacle, server_version
from .client import open_client
from .faults import first_line
from .relocation import relocate
from .retry import ask
from .rules import GoneError, TakenError

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
    "local_path",
    "models_obstacle",
    "open_client",
    "open_engine",
    "relocate",
    "server_version",
    "store_address",
    "store_name",
]
