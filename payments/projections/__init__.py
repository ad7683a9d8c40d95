"""Read models: kept by durable receivers, equal to the history once all is delivered."""
