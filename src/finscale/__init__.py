"""finscale: does the error of PatchTST on market data follow a scaling law?"""

__version__ = "0.1.0"
