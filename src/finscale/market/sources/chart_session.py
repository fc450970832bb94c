"""The HTTP session under yfinance: a server's fault must not look like a missing ticker."""

from __future__ import annotations

from functools import partial
from typing import Any

from curl_cffi import requests

from finscale.market.sources.in_thread import Aside

_CHART = "/v8/finance/chart/"
PATIENCE_SECONDS = 30.0


class ChartSession(requests.Session[requests.Response]):
    """curl_cffi's browser-like session, which raises for bad answers of the chart protocol.

    yfinance 1.7 reads the body of a 5xx answer as if it had succeeded and calls the ticker
    missing; and it keeps whatever came in its cache, so that no retry could ever succeed. What is
    raised here is not kept.

    Parameters
    ----------
    patience : float
        Seconds that a whole answer may take, whatever the caller allows: a server that accepts
        and says nothing is given up.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        super().__init__(impersonate="chrome")
        self.patience = patience
        self._aside = Aside()

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; raise `HTTPError` or `ValueError` for a chart that is none."""
        kwargs["timeout"] = self.patience
        # libcurl waits for a server that says nothing whatever signals come.
        ask = partial(super().request, method, url, *args, **kwargs)
        response: requests.Response = self._aside.call(ask)
        if _CHART in url:
            _check_chart(response)
        return response

    def close(self) -> None:
        """End the connections."""
        self._aside.end()
        super().close()


def _check_chart(response: requests.Response) -> None:
    if response.status_code >= 500:
        raise requests.exceptions.HTTPError(f"HTTP {response.status_code}", response=response)
    if response.status_code < 300:
        # Raises ValueError for a page that is no JSON: an outage, or a hotel network.
        document = response.json()
        if not isinstance(document, dict) or "chart" not in document:
            raise ValueError("an answer without a chart")
