"""Rules for failed calls to the store: how each situation is recognised and what to do.

The order matters: the first rule that matches an error decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from finscale.config import UNREADABLE, StoreError


class GoneError(StoreError):
    """The requested object is not in the store."""


class TakenError(StoreError):
    """The object to create exists already."""


@dataclass(frozen=True)
class Rule:
    """Rule for one situation.

    Attributes
    ----------
    pattern : str
        Regular expression, searched in ``module.Class[CODE]: message`` of each error of a chain.
    what, expected, got, todo : str
        Parts of the message. ``{store}`` is the name of the tracking store, ``{said}`` the first
        line of the innermost message, and ``{0}``, ``{1}`` are groups of the pattern.
    passes : bool
        True if the fault may be temporary, so that a retry may succeed.
    """

    pattern: str
    what: str
    expected: str
    got: str
    todo: str
    passes: bool = False
    kind: type[StoreError] = StoreError

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.IGNORECASE)


_ARTIFACTS = "artifact store"
_AGAIN = "then give the same line again"
_CREDENTIALS = f"Look at MLFLOW_TRACKING_USERNAME, _PASSWORD or _TOKEN, {_AGAIN}."

RULES = (
    Rule(
        UNREADABLE,
        "{0}",
        "a value that MLflow takes",
        "{said}",
        "Correct the variable, or unset it.",
    ),
    Rule(
        r"database or disk is full|no space left|disk quota|ENOSPC",
        "disk",
        "room for the tracking store and its artifacts",
        "none left",
        f"Free some, {_AGAIN}.",
    ),
    Rule(
        r"database( table| schema)? is (locked|busy)",
        "{store}",
        "a database that can be written",
        "one that another program keeps locked",
        f"Find that program ({{holders}}), end it, {_AGAIN}.",
        passes=True,
    ),
    Rule(
        r"SQLITE_READONLY_DBMOVED",
        "{store}",
        "the file that this command has begun with",
        "none at its place, or another: it was removed or moved meanwhile",
        f"Put it back, {_AGAIN}; without it the same line begins a new store.",
    ),
    Rule(
        r"readonly database|read-only transaction",
        "{store}",
        "a database that can be written",
        "one that can only be read",
        f"Permit writing to it and to its folder, {_AGAIN}.",
    ),
    Rule(
        r"unable to open database file",
        "{store}",
        "a file that can be opened, or made in a folder that can be written",
        "{said}",
        "Correct MLFLOW_TRACKING_URI, or permit it.",
    ),
    Rule(
        r"file is not a database|image is malformed|file is encrypted",
        "{store}",
        "a database of MLflow",
        "{said}",
        "Put back a copy of it, or set MLFLOW_TRACKING_URI to another.",
    ),
    Rule(
        r"out-of-date database schema|no such (table|column)|UndefinedTable|UndefinedColumn"
        r"|can't locate revision|_alembic_tmp|alembic",
        "{store}",
        "the tables of this MLflow",
        "others ({said})",
        "`make verify` says which, and what to do.",
    ),
    Rule(
        r"certificate.?verify.?failed|SSLCertVerification|certificate has expired",
        "{store}",
        "a certificate that this machine trusts",
        "{said}",
        "Set MLFLOW_TRACKING_SERVER_CERT_PATH to the file of the authority.",
    ),
    Rule(
        r"wrong.version.number|SSLError|SSL: ",
        "{store}",
        "a server that answers in this protocol",
        "{said}",
        "Is it http instead of https, or the other way round? Correct MLFLOW_TRACKING_URI.",
    ),
    Rule(
        r"InvalidURL|InvalidSchema|MissingSchema|LocationParse|InvalidHeader|UnicodeError|ArgumentErr"
        r"|InvalidUrlException|could not parse|NoSuchModuleError|can't load plugin",
        "{store}",
        "an address that can be used",
        "{said}",
        "Correct MLFLOW_TRACKING_URI.",
    ),
    Rule(
        r"ProxyError|InvalidProxyURL|ProxySchemeUn|tunnel connection failed|proxy authentication",
        "{store}",
        "a way to it",
        "a proxy that refuses ({said})",
        "Correct HTTPS_PROXY, or name the host in NO_PROXY.",
    ),
    Rule(
        r"password authentication failed|no password supplied|role .* does not exist|pg_hba"
        r"|access denied for user|FATAL:\s+database .* does not exist|unknown database",
        "{store}",
        "a user and a database that the server knows",
        "{said}",
        "Correct MLFLOW_TRACKING_URI.",
    ),
    Rule(
        r"NoCredentials|unable to locate credentials|InvalidAccessKeyId|SignatureDoesNotMatch"
        r"|ExpiredToken|AccessDenied|AuthenticationFailed|DefaultCredentialsError|CredentialsError"
        r"|Partial ?Credentials",
        _ARTIFACTS,
        "credentials that may read and write",
        "{said}",
        f"Give this shell those of the store (AWS_ACCESS_KEY_ID, say), {_AGAIN}.",
    ),
    Rule(
        r"NoSuchBucket|ContainerNotFound|bucket does not exist|NoSuchContainer",
        _ARTIFACTS,
        "a bucket that is there",
        "{said}",
        f"Make it, or take an experiment with another artifact location, {_AGAIN}.",
    ),
    Rule(
        r"(?:ModuleNotFound|Import)Error[^\n]*(boto3|azure|google|pysftp|hdfs|pyarrow|libs)",
        _ARTIFACTS,
        "its Python client installed",
        "{said}",
        f"Install it (pip install {{0}}, say), {_AGAIN}.",
    ),
    Rule(
        r"(?:ModuleNotFound|Import)Error[^\n]*",
        "{store}",
        "its Python driver installed",
        "{said}",
        "Install it, or name one that is there: postgresql+psycopg2://, say.",
    ),
    Rule(
        r"UNAUTHENTICATED|CUSTOMER_UNAUTHORIZED|\b401\b(?=.*(error|unauthorized|client))",
        "{store}",
        "a user whom the server knows",
        "{said}",
        _CREDENTIALS,
    ),
    Rule(
        r"PERMISSION_DENIED|\b403\b(?=.*(error|forbidden|client))",
        "{store}",
        "the permission for this",
        "{said}",
        _CREDENTIALS,
    ),
    Rule(
        r"\b413\b(?=.*(error|large))|request entity too large|payload too large",
        "{store}",
        "a server that takes files of this size",
        "{said}",
        f"Raise the limit of the proxy in front of it (client_max_body_size, say), {_AGAIN}.",
    ),
    Rule(
        r"The (run|experiment) ['\"]?([\w-]+)['\"]? must be in the 'active' state",
        "{0} {1}",
        "one that exists while it is in use",
        "a deleted one",
        f"Give `mlflow {{0}}s restore --{{0}}-id {{1}}` (or restore the experiment, if that was "
        f"deleted with all its runs), {_AGAIN}.",
    ),
    Rule(
        r"REQUEST_LIMIT_EXCEEDED|RESOURCE_EXHAUSTED|COULD_NOT_ACQUIRE_LOCK|TEMPORARILY_UNAVAILABLE|DEADLINE_EXCEEDED"
        r"|SERVICE_UNDER_MAINTENANCE|too many \d+ error responses|RestException\[INTERNAL_ERROR\]"
        r"|error code (408|429|5\d\d)|\b(408|429|50[0234])\b (Client|Server) Error",
        "{store}",
        "a server that answers",
        "{said}",
        f"Look at the server's own log, {_AGAIN}.",
        passes=True,
    ),
    Rule(
        r"ENDPOINT_NOT_FOUND|NOT_IMPLEMENTED|error code (404|405|501)|not in a valid JSON format",
        "{store}",
        "an MLflow server of version 3 or newer",
        "an address that does not know this call ({said})",
        "Correct MLFLOW_TRACKING_URI, or upgrade the server.",
    ),
    Rule(
        r"RESOURCE_ALREADY_EXISTS|\[ALREADY_EXISTS\]",
        "{store}",
        "a name that is free",
        "{said}",
        "Give another one.",
        kind=TakenError,
    ),
    Rule(
        r"RESOURCE_DOES_NOT_EXIST|invalid literal for int|alias \S+ not found|\[NOT_FOUND\]"
        r"|NoSuchKey|BlobNotFound|\b404\b",
        "{store}",
        "what was asked for",
        "{said}",
        "Look whether MLFLOW_TRACKING_URI names the store that you mean.",
        kind=GoneError,
    ),
    Rule(
        r"SlowDown|EndpointConnectionError|ServiceUnavailable|ServerBusy|botocore[^\n]*Timeout"
        r"|RequestTimeout|ThrottlingException|ServiceRequestError|ServiceResponseError",
        _ARTIFACTS,
        "one that answers",
        "{said}",
        f"Look whether it is up, {_AGAIN}.",
        passes=True,
    ),
    Rule(
        r"connection refused|could not connect|connection (aborted|reset|error|is closed)"
        r"|closed the connection|terminating connection|too many (clients|connections)"
        r"|starting up|shutting down|deadlock detected|could not serialize|lost connection"
        r"|gone away|time(d ?|-)?out|QueuePool"
        r"|connection already closed|broken pipe|RemoteDisconnected|max retries exceeded"
        r"|name or service not known|name resolution|NameResolution|unreachable|ChunkedEncoding"
        r"|IncompleteRead|ContentDecoding|ConnectionError|SSL connection has been closed"
        r"|OperationalError|InterfaceError|AdminShutdown|ProtocolError",
        "{store}",
        "an MLflow store that answers",
        "{said}",
        "Start it, or set MLFLOW_TRACKING_URI to the one you mean.",
        passes=True,
    ),
    Rule(
        r"builtins\.(PermissionError)|permission denied|read-only file system",
        _ARTIFACTS,
        "a folder that can be written",
        "{said}",
        f"Permit writing there, {_AGAIN}. `make verify` looks at the folders.",
    ),
    Rule(
        r"FileNotFoundError|no such (file|artifact)|NoSuchFile|does not exist",
        _ARTIFACTS,
        "the file of a run",
        "{said}",
        "`make verify` says whether artifacts were moved or removed.",
        kind=GoneError,
    ),
    Rule(
        r"(?:botocore|boto3|s3transfer|azure|google)\.[^\n]*|builtins\.\w*(?:OS|IO|Directory|File\w+)"
        r"Error|stale file handle|input/output error",
        _ARTIFACTS,
        "one that takes and gives files",
        "{said}",
        f"Mend that, {_AGAIN}.",
    ),
)
ANY = Rule(
    "",
    "{store}",
    "an answer that can be understood",
    "{said}",
    "Look whether it is the MLflow that this project is pinned to (`make verify`).",
)
"""Rule for errors that no other rule matches."""
