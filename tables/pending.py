"""Finished output of a service, in pieces small enough to store, until the broker has it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tables.windows import Output

_PIECE_BYTES = 128 * 1024


@dataclass(slots=True)
class Pending:
    """Finished output of a service by number of piece, until the broker has it."""

    pieces: dict[int, list[Output]] = field(default_factory=dict)
    next_piece: int = 0

    def add(self, outputs: list[Output]) -> None:
        """Append outputs as pieces small enough to store."""
        piece: list[Output] = []
        size = 0
        for output in outputs:
            if piece and size + len(output[1]) > _PIECE_BYTES:
                self._close(piece)
                piece, size = [], 0
            piece.append(output)
            size += len(output[1])
        if piece:
            self._close(piece)

    def _close(self, piece: list[Output]) -> None:
        self.pieces[self.next_piece] = piece
        self.next_piece += 1
