"""The HTTP session of yfinance, which reports server errors that yfinance would hide."""

from __future__ import annotations

from functools import partial
from typing import Any

from curl_cffi import requests

from finscale.market.sources.in_thread import Aside

_CHART = "/v8/finance/chart/"
PATIENCE_SECONDS = 30.0


class ChartSession(requests.Session[requests.Response]):
    """curl_cffi's browser-like session, which raises an error for bad answers to chart requests.

    yfinance 1.7 reads the body of a 5xx answer as if the request had succeeded, and then reports
    that the ticker is missing. It also caches the answer, so that no retry could succeed. An error
    raised here is not cached.

    Parameters
    ----------
    patience : float
        Time limit for a whole answer in seconds, whatever the caller allows; it ends requests to a
        server that accepts the connection and does not answer.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        super().__init__(impersonate="chrome")
        self.patience = patience
        self._aside = Aside()

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; raise `HTTPError` or `ValueError` if the answer has no chart."""
        kwargs["timeout"] = self.patience
        # While libcurl waits for a silent server, signals do not interrupt it.
        ask = partial(super().request, method, url, *args, **kwargs)
        response: requests.Response = self._aside.call(ask)
        if _CHART in url:
            _check_chart(response)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._aside.end()
        super().close()


def _check_chart(response: requests.Response) -> None:
    if response.status_code >= 500:
        raise requests.exceptions.HTTPError(f"HTTP {response.status_code}", response=response)
    if response.status_code < 300:
        # Raises ValueError if the page is not JSON: an outage, or the login page of a network.
        document = response.json()
        if not isinstance(document, dict) or "chart" not in document:
            raise ValueError("an answer without a chart")
