//! Octet's engine: from an ONNX file and a folder of pictures to a quantized, analysed, bit-exact `.espdl`.

pub mod draft;
pub mod float;
pub mod job;
pub mod network;
pub mod onnx;
mod passes;
pub mod pictures;
pub mod report;
pub mod strategy;
pub mod target;
