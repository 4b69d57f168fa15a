//! Tests of token verification as a whole.
