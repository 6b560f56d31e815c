"""The composition root: the only part that sees everything. It makes one product from the settings."""

from __future__ import annotations

from strongroom.app.opened import Facts, Opened
from strongroom.app.product import Product

__all__ = ["Facts", "Opened", "Product"]
