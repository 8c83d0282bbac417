"""How well causes are found: recorded faults and generated ones, with one table."""
