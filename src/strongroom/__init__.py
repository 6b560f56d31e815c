"""AWS Secrets Manager that anyone can run: real wire protocols with real security behind them."""

__version__ = "0.1.0"
