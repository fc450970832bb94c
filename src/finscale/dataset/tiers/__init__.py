"""The tiers as tables, one line a feature: each adds to the one before it."""
