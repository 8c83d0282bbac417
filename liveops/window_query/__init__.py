"""What readers make of stored windows. Pure."""
