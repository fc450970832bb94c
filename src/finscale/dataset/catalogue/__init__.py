"""Indicators by family, and the tiers that are made of them."""
