"""PatchTST and perceptron: the networks, their exact sizes, and the architecture grid."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
