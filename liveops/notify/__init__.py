"""Who is told of incidents, when, and in which form; and the one sender."""
