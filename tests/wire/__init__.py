"""Messages of senders, written from their specifications and not from what LiveOps reads."""
