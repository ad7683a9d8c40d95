"""The history's outbox: deliveries, their relay, replays."""
