"""Hyperparameter search: the space, what to try next, when to stop a trial."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
