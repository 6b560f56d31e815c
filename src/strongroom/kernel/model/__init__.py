"""AWS's own service models as the one truth about operations, shapes and errors."""
