"""The rooms: one service each, all with the same inside, strangers to each other."""
