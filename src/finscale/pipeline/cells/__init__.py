"""Cells of a study: their prospects before training, their results, and their tags."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
