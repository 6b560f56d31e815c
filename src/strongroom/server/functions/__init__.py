"""Function processes: isolated children of the runner, AWS's runtime client in them, our Runtime API before them."""
