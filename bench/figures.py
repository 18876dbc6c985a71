"""One measured figure, as it is printed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str

    def __str__(self) -> str:
        text = f"{self.value:.0f}" if self.value >= 100 else f"{self.value:.3g}"
        return f"{self.name} {text} {self.unit}"
