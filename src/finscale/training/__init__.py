"""Training: samples, schedule, `fit`, checkpoints and devices; progress goes to a callable."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
