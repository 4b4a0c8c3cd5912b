//! Octet.
fn main() {}
