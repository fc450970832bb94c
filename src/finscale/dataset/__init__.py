"""Bars to samples that a model can take: features, labels, purged splits, windows."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
