"""User-facing errors, budgets and frozen configs: text from the user becomes types here."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
