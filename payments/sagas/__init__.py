"""Where one promise needs several effects: done in order, undone backwards."""
