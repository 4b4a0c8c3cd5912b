//! Octet's engine: from an ONNX file and a folder of pictures to a quantized, analysed, bit-exact `.espdl`.

pub mod draft;
pub mod espdl;
pub mod job;
pub mod lower;
pub mod network;
pub mod plan;
pub mod quantize;
pub mod report;
pub mod strategy;
pub mod target;
