//! Octet engine.
