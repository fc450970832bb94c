"""Generators of pages and pictures: run by make, no part of the library.

The project's own `src` goes first on the path: what they write is about this checkout.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
