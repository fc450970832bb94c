"""MLflow tracking: names of the contract, writing of runs, and reading of runs as tidy frames."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
