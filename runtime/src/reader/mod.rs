//! The container (`EDL2` header) and a small FlatBuffers reader.
//!
//! Why not the `flatbuffers` crate: its verifier allocates as soon as it reports an error, and the accessors
//! that `flatc` generates rest on `unsafe` get-by-offset. A chip without a heap needs neither. This reader is
//! lazy: it checks every offset and length against the buffer at the moment it is used, never recurses, never
//! allocates, and reads every number byte by byte, so the buffer may start at any address.

mod flat;
mod header;

pub(crate) use flat::{Malformed, Read, Table, Vector};
pub(crate) use header::payload;
