//! Tollgate's decision, pure: who is calling, may they, how often. No clock, no I/O, no host: those are arguments.

pub mod document;
pub mod fault;
pub mod ids;
pub mod token;
