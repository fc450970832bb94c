"""From finals to a verdict: evidence, the opening of the test, conclusions, reports."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
