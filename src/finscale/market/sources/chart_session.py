"""The HTTP session under yfinance: a server's fault must not look like a missing ticker."""

from __future__ import annotations

from typing import Any

from curl_cffi import requests

_CHART = "/v8/finance/chart/"


class ChartSession(requests.Session[requests.Response]):
    """curl_cffi's browser-like session, which raises for 5xx answers of the chart protocol.

    yfinance 1.7 reads such an answer's body as if it had succeeded, calls the ticker missing, and
    keeps the answer in its cache, so that no retry could ever succeed.
    """

    def __init__(self) -> None:
        super().__init__(impersonate="chrome")

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; raise `HTTPError` for a chart that the server failed to give."""
        response = super().request(method, url, *args, **kwargs)
        if _CHART in url and response.status_code >= 500:
            raise requests.exceptions.HTTPError(f"HTTP {response.status_code}", response=response)
        return response
