//! QEMU's board `virt`: places in memory, the UART, the clock, the counter of instructions.

use core::arch::asm;
use core::ffi::c_void;
use core::fmt::{self, Write};

use octet_firmware::ffi::RawPlatform;

/// Where `run` lets the loader write, and what is used as memory. 128 MiB of RAM begin at 0x8000_0000.
pub(crate) const PARAMETERS: usize = 0x8040_0000;
pub(crate) const MAGIC: u32 = 0x7465_636f;
pub(crate) const WORKSPACE: usize = 0x8050_0000;
pub(crate) const WORKSPACE_BYTES: usize = 0x0030_0000;
pub(crate) const MODEL: usize = 0x8080_0000;
pub(crate) const ARENA: usize = 0x8300_0000;

const UART: usize = 0x1000_0000;
const UART_STATUS: usize = UART + 5;
const RECEIVED: u8 = 1;
const TRANSMITTER_EMPTY: u8 = 1 << 5;
/// Microseconds times ten.
const MTIME: usize = 0x0200_bff8;

/// The board's functions as C hands them in.
pub(crate) fn platform() -> RawPlatform {
    RawPlatform {
        context: core::ptr::null_mut(),
        write: Some(write),
        read: Some(read),
        micros: Some(micros),
        cycles: Some(instructions),
        pause: None,
    }
}

/// Writes a line that is no event, as other parts of a firmware do.
pub(crate) fn log(text: fmt::Arguments<'_>) {
    struct Uart;
    impl Write for Uart {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            // SAFETY: the function takes no notice of its context; the bytes are those of a string.
            unsafe { write(core::ptr::null_mut(), text.as_ptr(), text.len()) }
            Ok(())
        }
    }
    // Writing to the UART cannot fail.
    let _ = writeln!(Uart, "{text}");
}

fn status() -> u8 {
    // SAFETY: a register of the UART.
    unsafe { (UART_STATUS as *const u8).read_volatile() }
}

unsafe extern "C" fn write(_: *mut c_void, bytes: *const u8, length: usize) {
    for index in 0..length {
        while status() & TRANSMITTER_EMPTY == 0 {}
        // SAFETY: the caller's bytes are valid for their length; the address is a register of the UART.
        unsafe { (UART as *mut u8).write_volatile(*bytes.add(index)) }
    }
}

unsafe extern "C" fn read(_: *mut c_void, bytes: *mut u8, length: usize, timeout_ms: u32) -> usize {
    // SAFETY: the function takes no notice of its context.
    let now = || unsafe { micros(core::ptr::null_mut()) };
    let end = now() + 1000 * u64::from(timeout_ms);
    let mut count = 0;
    while count < length {
        if status() & RECEIVED != 0 {
            // SAFETY: the caller's buffer has `length` bytes; the address is a register of the UART.
            unsafe { bytes.add(count).write((UART as *const u8).read_volatile()) }
            count += 1;
        } else if count > 0 || now() > end {
            break;
        }
    }
    count
}

unsafe extern "C" fn micros(_: *mut c_void) -> u64 {
    loop {
        // SAFETY: registers of the timer.
        let [high, low, again] = unsafe {
            [
                ((MTIME + 4) as *const u32).read_volatile(),
                (MTIME as *const u32).read_volatile(),
                ((MTIME + 4) as *const u32).read_volatile(),
            ]
        };
        if high == again {
            return (u64::from(high) << 32 | u64::from(low)) / 10;
        }
    }
}

/// Retired instructions; exact with `-icount shift=0`.
unsafe extern "C" fn instructions(_: *mut c_void) -> u64 {
    loop {
        let (high, low, again): (u32, u32, u32);
        // SAFETY: reading counters changes nothing.
        unsafe {
            asm!("csrr {0}, minstreth", "csrr {1}, minstret", "csrr {2}, minstreth",
                out(reg) high, out(reg) low, out(reg) again, options(nomem, nostack));
        }
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}
