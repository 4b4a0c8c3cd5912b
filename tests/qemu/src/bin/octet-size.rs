//! What a firmware takes over of the runtime, and nothing else: reads, plans and executes a network, and tells what is wrong
//! with it. It is never started; `inspect` looks at what the linker left of it.
#![no_std]
#![no_main]

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use octet_runtime::plan::{Step, TensorSlot};
use octet_runtime::{Error, Limits, Model, Plan, Strategy, Target};

/// Where messages go: the UART of QEMU's board `virt`.
struct Console;

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            // SAFETY: a register of the UART.
            unsafe { (0x1000_0000 as *mut u8).write_volatile(byte) }
        }
        Ok(())
    }
}

/// All that the program is given, so that the linker can leave nothing out.
#[repr(C)]
struct Given {
    file: *const u8,
    slots: *mut TensorSlot,
    steps: *mut Step,
    arena: *mut u8,
    lengths: [usize; 4],
}

fn run(
    file: &'static [u8],
    slots: &mut [TensorSlot],
    steps: &mut [Step],
    arena: &mut [u8],
) -> Result<(), Error<'static>> {
    let model = Model::parse(file)?;
    let target = Target::infer(&model)?;
    let within = Strategy::Within(arena.len());
    let plan = Plan::build_with(&model, target, &Limits::default(), within, slots, steps)?;
    plan.run(&model, arena)
}

/// # Safety
/// Each pointer is valid for its length.
#[unsafe(no_mangle)]
unsafe extern "C" fn _start(given: &Given) {
    let [file, slots, steps, arena] = given.lengths;
    // SAFETY: the caller's promise.
    let (file, slots, steps, arena) = unsafe {
        (
            core::slice::from_raw_parts(given.file, file),
            core::slice::from_raw_parts_mut(given.slots, slots),
            core::slice::from_raw_parts_mut(given.steps, steps),
            core::slice::from_raw_parts_mut(given.arena, arena),
        )
    };
    if let Err(error) = run(file, slots, steps, arena) {
        // Writing to the UART cannot fail.
        let _ = write!(Console, "{error}");
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
