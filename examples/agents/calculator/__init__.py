"""Calculator: evaluates arithmetic expressions exactly, and refuses what it cannot."""
