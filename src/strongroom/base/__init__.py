"""Words that every part may use: names, clock, entropy, refusals. Imports nothing of ours."""
