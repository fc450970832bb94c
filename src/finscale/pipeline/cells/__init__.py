"""The cells of a study: what is known of them before, and what is there after."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
