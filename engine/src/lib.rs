//! Octet's engine: from an ONNX file and a folder of pictures to a quantized, analysed, bit-exact `.espdl`.

pub mod advise;
pub mod analyse;
pub mod compare;
pub mod deploy;
pub mod doctor;
pub mod draft;
pub mod espdl;
pub mod float;
pub mod host;
pub mod inspect;
pub mod job;
pub mod lower;
pub mod network;
pub mod onnx;
pub mod passes;
pub mod pictures;
pub mod plan;
pub mod predict;
pub mod probe;
pub mod qdq;
pub mod quantize;
pub mod report;
pub mod run;
pub mod session;
pub mod strategy;
pub mod target;
