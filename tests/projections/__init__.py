"""Read models: equal to the truth once all is delivered, and made anew from the history."""
