//! The firmware on bare metal, for QEMU's board `virt`: `tests/qemu/run` starts it. It enters through the C interface, as
//! the ESP-IDF project does; the console is the UART.
#![no_std]
#![no_main]

mod board;
mod start;

use octet_firmware::ffi;

/// What `run` writes into memory beside the program.
#[repr(C)]
struct Parameters {
    magic: u32,
    model_bytes: u32,
    arena_bytes: u32,
}

fn main() -> i32 {
    // SAFETY: the emulator's loader wrote the parameters and the model there; nobody writes to them. The regions are
    // apart from each other, from the program and from its stack (board.rs, link.x).
    unsafe {
        let parameters = &*(board::PARAMETERS as *const Parameters);
        if parameters.magic != board::MAGIC {
            return 2;
        }
        let config = ffi::RawConfig {
            abi_version: ffi::ABI_VERSION,
            model: board::MODEL as *const u8,
            model_bytes: parameters.model_bytes as usize,
            target: core::ptr::null(),
            workspace: board::WORKSPACE as *mut _,
            workspace_bytes: board::WORKSPACE_BYTES,
            arena: board::ARENA as *mut u8,
            arena_bytes: parameters.arena_bytes as usize,
            labels: core::ptr::null(),
            labels_bytes: 0,
            pictures: core::ptr::null(),
            picture_count: 0,
            preprocessing: ffi::RawPreprocessing {
                mean: [0.485, 0.456, 0.406],
                std: [0.229, 0.224, 0.225],
                channels: 0,
                resize: 0,
                fit: 0,
                fill: [0; 3],
                crop_permille: 1000,
            },
            top: 5,
            threshold: 0.0,
            firmware: c"octet-qemu".as_ptr(),
        };
        let platform = board::platform();
        let mut bytes = 0;
        let measured = ffi::octet_workspace_bytes(&config, &platform, &mut bytes);
        if measured != 0 {
            return measured;
        }
        let measured = ffi::octet_arena_bytes(&config, &platform, config.arena_bytes, &mut bytes);
        if measured != 0 {
            return measured;
        }
        ffi::octet_run(&config, &platform)
    }
}
