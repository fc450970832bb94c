"""Report of one problem: content, tables, sections, HTML page, note and numbers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
