"""What holds for all tests."""

from hypothesis import settings

# A busy machine must not fail a test: examples have no time limit of their own, tests have pytest's.
settings.register_profile("strongroom", deadline=None)
settings.load_profile("strongroom")
