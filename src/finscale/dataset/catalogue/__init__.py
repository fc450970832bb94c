"""The catalogue of indicators, with one file for each family; the tiers choose from it."""
