"""PatchTST of an exact size: the network, its size by formula, the architecture grid."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
