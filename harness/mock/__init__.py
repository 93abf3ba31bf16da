"""The mock: its application, its log of what it really did, and its server."""
