"""Training: samples, schedule, one `fit`, checkpoints, devices; reports by a plain callable."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
