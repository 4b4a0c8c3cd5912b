//! The desktop's executor: owns the file and a plan, shares both between threads, shows every tensor.

mod audit;
mod describe;
mod view;

pub use audit::AccumulatorReport;
pub use describe::{MemoryMap, MemoryPlan, MemoryStage, PeakTensor, PlacedTensor, SimulatorError, ValueSpec};
pub use view::{Data, QuantizedInput, TensorView};

use std::sync::{Arc, OnceLock};

use crate::kernels::{self, Place, exp2_f32, round_f32};
use crate::limits::Limits;
use crate::model::Model;
use crate::plan::{Op, Plan, Step, Strategy, TensorSlot};
use crate::shape::DType;
use crate::simd::{AlignedBytes, Buffers, Packed};
use crate::target::Target;

/// Which kernels execute a network. The results are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kernels {
    /// The fastest that this processor has.
    #[default]
    Fastest,
    /// Those which run on the chips: plain Rust without vector instructions.
    Portable,
}

/// Executes one network. `Send` and `Sync`: share it, and give each thread its own [`Scratch`].
#[derive(Debug)]
pub struct Simulator {
    file: Arc<[u8]>,
    target: Target,
    slots: Vec<TensorSlot>,
    steps: Vec<Step>,
    summary: crate::plan::Summary,
    names: Vec<String>,
    shapes: Vec<Vec<usize>>,
    input: ValueSpec,
    output: ValueSpec,
    memory: MemoryPlan,
    limits: Limits,
    kernels: Kernels,
    /// For each step, what its vector kernel needs.
    packed: Vec<Option<Packed>>,
    /// Sums of weights for the accumulator audit, made at its first use.
    weight_sums: OnceLock<Vec<Option<audit::WeightSums>>>,
}

/// Memory for one inference at a time.
#[derive(Clone)]
pub struct Scratch {
    arena: AlignedBytes,
    buffers: Buffers,
}

impl Simulator {
    /// Reads and plans a file. `target` decides the rounding; `None` infers it (see [`Target::infer`]).
    ///
    /// # Errors
    /// As [`Model::parse`], [`Target::infer`] (when `target` is `None`) and [`Plan::build`].
    pub fn new(file: Arc<[u8]>, target: Option<Target>) -> Result<Self, SimulatorError> {
        Self::with_limits(file, target, &Limits::default())
    }

    /// [`Simulator::new`] with limits of the caller's choice.
    ///
    /// # Errors
    /// As [`Simulator::new`].
    pub fn with_limits(
        file: Arc<[u8]>,
        target: Option<Target>,
        limits: &Limits,
    ) -> Result<Self, SimulatorError> {
        let model = Model::parse_with(&file, limits)?;
        let target = target.map_or_else(|| Target::infer(&model), Ok)?;
        let sizes = Plan::sizes(&model);
        let mut slots = vec![TensorSlot::default(); sizes.tensors];
        let mut steps = vec![Step::default(); sizes.steps];
        let plan = Plan::build_with(&model, target, limits, Strategy::Separate, &mut slots, &mut steps)?;
        let names: Vec<String> = plan.slots.iter().map(|s| plan.name(&model, s).to_owned()).collect();
        let shapes: Vec<Vec<usize>> = plan.slots.iter().map(|s| s.shape().iter().collect()).collect();
        let spec = |index: usize| ValueSpec::new(names[index].clone(), &plan.slots[index]);
        let (input, output) = (spec(plan.summary.input), spec(plan.summary.output));
        let (summary, used_slots, used_steps) = (plan.summary, plan.slots.len(), plan.steps.len());
        slots.truncate(used_slots);
        steps.truncate(used_steps);
        // On a chip, tensors may overlap.
        let (mut chip_slots, mut chip_steps) = (slots.clone(), steps.clone());
        let fused = Plan::lay_out(summary, &mut chip_slots, &mut chip_steps, Strategy::Fused)?.arena_bytes();
        let layerwise = Plan::lay_out(summary, &mut chip_slots, &mut chip_steps, Strategy::Layerwise)?;
        let memory = MemoryPlan::new(&model, &layerwise, fused, file.len());
        let simulator = Self {
            target,
            slots,
            steps,
            summary,
            names,
            shapes,
            input,
            output,
            memory,
            limits: *limits,
            kernels: Kernels::Fastest,
            packed: Vec::new(),
            weight_sums: OnceLock::new(),
            file,
        };
        Ok(simulator.with_kernels(Kernels::Fastest))
    }

    /// Chooses the kernels. Layers beyond [`Limits::packed_bytes`] keep the portable ones.
    #[must_use]
    pub fn with_kernels(mut self, kernels: Kernels) -> Self {
        self.kernels = kernels;
        // What was packed before would take its memory a second time.
        self.packed.clear();
        let mut left = if kernels == Kernels::Fastest { self.limits.packed_bytes } else { 0 };
        self.packed = self.steps.iter().map(|step| self.pack(step, &mut left)).collect();
        self
    }

    /// What the step's vector kernel needs, if it has one and that fits into the bytes that are left.
    fn pack(&self, step: &Step, left: &mut usize) -> Option<Packed> {
        let Op::Conv(conv) = &step.op else { return None };
        let [shared, buffers] = Packed::bytes(conv);
        let rest = left.checked_sub(shared).filter(|_| buffers <= self.limits.packed_bytes)?;
        let packed = Packed::new(step, &self.slots, self.target.rounding(), self.payload())?;
        *left = rest;
        Some(packed)
    }

    /// Bytes of the weights that were packed for vector kernels, at most [`Limits::packed_bytes`].
    pub fn packed_bytes(&self) -> usize {
        let packed = self.steps.iter().zip(&self.packed).filter(|(_, p)| p.is_some());
        let convs = packed.filter_map(|(step, _)| match &step.op {
            Op::Conv(conv) => Some(Packed::bytes(conv)[0]),
            _ => None,
        });
        convs.sum()
    }

    /// The chip whose arithmetic is simulated.
    pub fn target(&self) -> Target {
        self.target
    }

    /// The network's input.
    pub fn input(&self) -> &ValueSpec {
        &self.input
    }

    /// The network's output.
    pub fn output(&self) -> &ValueSpec {
        &self.output
    }

    /// Memory the network needs on a chip.
    pub fn memory(&self) -> &MemoryPlan {
        &self.memory
    }

    /// What lies where in a chip's memory under a strategy.
    ///
    /// # Errors
    /// When the network does not fit into the bytes of [`Strategy::Within`]: the message tells how many it needs.
    pub fn memory_map(&self, strategy: Strategy) -> Result<MemoryMap, SimulatorError> {
        let model = Model::parse_with(&self.file, &self.limits)?;
        let (mut slots, mut steps) = (self.slots.clone(), self.steps.clone());
        let plan = Plan::lay_out(self.summary, &mut slots, &mut steps, strategy)?;
        Ok(MemoryMap::new(&model, &plan))
    }

    /// [`Self::memory_map`] of the same network for pictures of another `[height, width]`.
    ///
    /// # Errors
    /// As [`Self::memory_map`]; also when an operation's parameters fit the file's size alone.
    pub fn memory_map_at(
        &self,
        picture: [usize; 2],
        strategy: Strategy,
    ) -> Result<MemoryMap, SimulatorError> {
        let model = Model::parse_with(&self.file, &self.limits)?;
        let sizes = Plan::sizes(&model);
        let mut slots = vec![TensorSlot::default(); sizes.tensors];
        let mut steps = vec![Step::default(); sizes.steps];
        let (limits, picture) = (&self.limits, Some(picture));
        let plan = Plan::build_sized(&model, self.target, limits, strategy, picture, &mut slots, &mut steps)?;
        Ok(MemoryMap::new(&model, &plan))
    }

    /// Multiply-accumulates (and elements moved) of one inference.
    pub fn work(&self) -> u64 {
        self.summary.work
    }

    /// Memory for one thread.
    pub fn scratch(&self) -> Scratch {
        Scratch { arena: AlignedBytes::new(self.summary.arena_bytes), buffers: Buffers::default() }
    }

    /// Quantizes a preprocessed picture: `saturate(round(x * 2^-e))` with the target's rounding.
    pub fn quantize_input(&self, nhwc: &[f32], out: &mut QuantizedInput) {
        let scale = exp2_f32(-self.input.exponent.unwrap_or(0));
        let rounded = nhwc.iter().map(|&x| round_f32(x * scale, self.target.rounding()));
        if self.input.dtype == DType::I16 {
            *out = QuantizedInput::I16(rounded.map(|q| q.clamp(-32768, 32767) as i16).collect());
        } else {
            *out = QuantizedInput::I8(rounded.map(|q| q.clamp(-128, 127) as i8).collect());
        }
    }

    /// Runs the network on one input (NHWC, with or without the batch axis: only the number of elements
    /// counts). Floats are quantized first. `observe` sees the network's input and then every node's output, in
    /// execution order, while it exists.
    ///
    /// # Errors
    /// When the input has another number of elements or another type than the network's.
    pub fn run<'s>(
        &'s self,
        scratch: &'s mut Scratch,
        input: Data<'_>,
        mut observe: Option<&mut dyn FnMut(TensorView<'_>)>,
    ) -> Result<TensorView<'s>, SimulatorError> {
        self.load(scratch, input)?;
        if let Some(observe) = observe.as_deref_mut() {
            observe(self.view(scratch, self.summary.input));
        }
        for (index, step) in self.steps.iter().enumerate() {
            self.step(scratch, index)?;
            if let Some(observe) = observe.as_deref_mut().filter(|_| step.completes) {
                observe(self.view(scratch, usize::from(step.output)));
            }
        }
        Ok(self.view(scratch, self.summary.output))
    }

    /// The bytes behind the file's header.
    fn payload(&self) -> &[u8] {
        self.file.get(16..).unwrap_or_default()
    }

    /// Executes one step, with its vector kernel if it has one.
    fn step(&self, scratch: &mut Scratch, index: usize) -> Result<(), SimulatorError> {
        let (step, arena) = (&self.steps[index], scratch.arena.bytes_mut());
        let done = match (&step.op, &self.packed[index]) {
            (Op::Conv(conv), Some(packed)) => {
                let slot = |i: u16| &self.slots[usize::from(i)];
                Place::of(arena, slot(step.inputs[0]).range(), slot(step.output).range())
                    .and_then(Place::apart)
                    .and_then(|(x, y)| packed.run(conv, x, y, &mut scratch.buffers))
            }
            _ => {
                let fast = self.kernels == Kernels::Portable;
                kernels::run_step(step, &self.slots, self.target.rounding(), self.payload(), arena, fast)
            }
        };
        done.ok_or_else(|| crate::Error::Foreign { step: index }.into())
    }

    /// Writes the input into the arena.
    fn load(&self, scratch: &mut Scratch, input: Data<'_>) -> Result<(), SimulatorError> {
        if scratch.arena.bytes().len() != self.summary.arena_bytes {
            return Err(SimulatorError::new(
                "this scratch memory belongs to another network: call scratch() again",
            ));
        }
        let slot = &self.slots[self.summary.input];
        let arena = scratch.arena.bytes_mut();
        let target = arena.get_mut(slot.range()).ok_or(crate::Error::Foreign { step: 0 })?;
        if input.len() != slot.shape().elements() {
            return Err(SimulatorError::new(format!(
                "input \"{}\" needs {} values (shape {}), {} were given",
                self.input.name,
                slot.shape().elements(),
                slot.shape(),
                input.len()
            )));
        }
        match (input, slot.dtype()) {
            (Data::I8(values), DType::I8) => {
                for (byte, &value) in target.iter_mut().zip(values) {
                    *byte = value as u8;
                }
            }
            (Data::I16(values), DType::I16) => {
                for (bytes, value) in target.chunks_exact_mut(2).zip(values) {
                    bytes.copy_from_slice(&value.to_le_bytes());
                }
            }
            (Data::F32(values), dtype) => {
                let scale = exp2_f32(-self.input.exponent.unwrap_or(0));
                for (index, &value) in values.iter().enumerate() {
                    let q = round_f32(value * scale, self.target.rounding());
                    kernels::elem::set(dtype, target, index, q);
                }
            }
            (_, dtype) => {
                return Err(SimulatorError::new(format!(
                    "input \"{}\" is {dtype}; give {dtype} or float32 values",
                    self.input.name
                )));
            }
        }
        Ok(())
    }

    /// A tensor in the arena.
    fn view<'s>(&'s self, scratch: &'s Scratch, index: usize) -> TensorView<'s> {
        let slot = &self.slots[index];
        TensorView {
            name: &self.names[index],
            node: slot.node(),
            shape: &self.shapes[index],
            exponent: slot.exponent(),
            data: Data::of(slot.dtype(), scratch.arena.bytes().get(slot.range()).unwrap_or_default()),
        }
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scratch({} bytes)", self.arena.bytes().len())
    }
}
