"""The tiers as tables with one line for each feature; each tier adds to the one before it."""
