"""What providers tell us: received, verified, kept, applied once."""
