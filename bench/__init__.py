"""Speed, measured beside a peer in the same run. Run by ``make bench``; never decides a test."""
