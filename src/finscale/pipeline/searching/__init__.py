"""A search of one cell: space, cost, trials, coordination of processes, and its page in the UI."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
