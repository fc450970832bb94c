"""Access to the tracking store: address, client, retries, error messages, tables and artifacts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
