"""Scaling laws: how a loss falls with size, how sure that is, and what may be concluded."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
