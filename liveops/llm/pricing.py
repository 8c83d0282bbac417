"""What a call costs: US dollars for a million tokens, by model, as list prices state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input_usd: float
    output_usd: float


PRICES: dict[str, Price] = {
    "gpt-4o": Price(2.50, 10.00),
    "gpt-4o-mini": Price(0.15, 0.60),
    "gpt-4.1": Price(2.00, 8.00),
    "gpt-4.1-mini": Price(0.40, 1.60),
    "gpt-4.1-nano": Price(0.10, 0.40),
    "gpt-4-turbo": Price(10.00, 30.00),
    "o4-mini": Price(1.10, 4.40),
}


def price_of(model: str) -> Price | None:
    """Price of a model or of a dated snapshot of it (`gpt-4o-2024-08-06`); None: unknown."""
    known = [name for name in PRICES if model == name or model.startswith(f"{name}-20")]
    return PRICES[known[0]] if known else None


def cost_usd(model: str, input_tokens: int, output_tokens: int) -> float:
    """Cost of one call; 0 for a model without a known price (see `price_of`)."""
    price = price_of(model)
    if price is None:
        return 0.0
    return (input_tokens * price.input_usd + output_tokens * price.output_usd) / 1e6
