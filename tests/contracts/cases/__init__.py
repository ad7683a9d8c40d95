"""A folder a provider: all that the contract suite knows of it, and its signed vectors."""
