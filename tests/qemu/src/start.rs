//! Before and after `main`: stack, memory, floating point, panics, the end of the emulator.

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;

use crate::board;

// The floating-point unit is off after a reset; where it does not exist, its field of mstatus stays 0.
global_asm!(
    ".section .text.start, \"ax\"",
    ".global _start",
    "_start:",
    ".option push",
    ".option norelax",
    "la gp, __global_pointer",
    ".option pop",
    "la sp, __stack_start",
    "li t0, 0x2000",
    "csrs mstatus, t0",
    "la t0, __bss_start",
    "la t1, __bss_end",
    "1: bgeu t0, t1, 2f",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "j 1b",
    "2: la t0, __stack_end",
    "li t2, 0x5a5a5a5a",
    "3: bgeu t0, sp, 4f",
    "sw t2, 0(t0)",
    "addi t0, t0, 4",
    "j 3b",
    "4: la t0, {trapped}",
    "csrw mtvec, t0",
    "call {begin}",
    trapped = sym trapped,
    begin = sym begin,
);

extern "C" fn begin() -> ! {
    let code = crate::main();
    board::log(format_args!("stack: {} bytes were used", used_stack()));
    exit(code)
}

/// Bytes of the stack that no longer hold what `_start` wrote there.
fn used_stack() -> usize {
    unsafe extern "C" {
        static __stack_end: [u32; 0];
        static __stack_start: [u32; 0];
    }
    let mut at = (&raw const __stack_end).cast::<u32>();
    let end = (&raw const __stack_start).cast::<u32>();
    // SAFETY: words of the stack below what this function itself uses.
    while at < end && unsafe { at.read_volatile() } == 0x5a5a_5a5a {
        at = at.wrapping_add(1);
    }
    end.addr() - at.addr()
}

/// A fault of the processor ends the emulator with the cause as its code.
#[unsafe(naked)]
extern "C" fn trapped() -> ! {
    core::arch::naked_asm!(".align 2", "csrr a0, mcause", "addi a0, a0, 100", "j {exit}", exit = sym exit)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    board::log(format_args!("{info}"));
    exit(99)
}

/// Ends the emulator by semihosting: SYS_EXIT_EXTENDED with the reason "application exit".
extern "C" fn exit(code: i32) -> ! {
    let block = [0x20026_u32, code as u32];
    loop {
        // SAFETY: the call reads the block and does not return. Its marker is three uncompressed instructions.
        unsafe {
            asm!(".option push", ".option norvc", ".balign 16", "slli x0, x0, 0x1f", "ebreak", "srai x0, x0, 7",
                ".option pop", in("a0") 0x20, in("a1") &raw const block, options(nostack));
        }
    }
}
