"""What is run against the whole service: how it endures, and how fast it is. Nobody imports it."""
