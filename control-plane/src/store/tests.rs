//! Durability, sealing, and what survives.
