#![doc = include_str!("../README.md")]
#![cfg_attr(not(any(feature = "std", test)), no_std)]

mod error;
mod fused;
pub mod kernels;
mod limits;
pub mod model;
pub mod observe;
pub mod plan;
pub mod postprocess;
pub mod preprocess;
mod reader;
mod shape;
#[cfg(feature = "std")]
mod simd;
#[cfg(feature = "std")]
mod simulator;
mod target;

pub use error::Error;
pub use limits::Limits;
pub use model::{Model, Node, Tensor, ValueInfo};
pub use plan::{Plan, Strategy};
pub use shape::{DType, MAX_RANK, Shape};
#[cfg(feature = "std")]
pub use simulator::{
    AccumulatorReport, Data, Kernels, MemoryMap, MemoryPlan, MemoryStage, PeakTensor, PlacedTensor,
    QuantizedInput, Scratch, Simulator, SimulatorError, TensorView, ValueSpec,
};
pub use target::{Rounding, Target, UnknownTarget};
