//! What deployment has to know about a chip.

use octet_runtime::Target;
use serde::Serialize;

/// External RAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Psram {
    /// The chip cannot have any.
    None,
    /// Some modules have it.
    Some,
    /// All modules have it.
    Always,
}

/// The Rust target of a chip, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RustTarget {
    /// `rustup target add` brings it.
    Rustup(&'static str),
    /// espup's tool chain `esp` brings it.
    Espup(&'static str),
}

impl RustTarget {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            RustTarget::Rustup(name) | RustTarget::Espup(name) => name,
        }
    }
}

/// A chip as deployment sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChipFacts {
    /// The chip.
    #[serde(skip)]
    pub target: Target,
    /// Its name in ESP-IDF and on the command line.
    pub name: &'static str,
    /// The number in the header of images (`esp_chip_id_t` of ESP-IDF).
    pub image_id: u16,
    /// Where the boot loader lies in flash.
    pub boot_offset: u32,
    /// What Rust is built for.
    pub rust: RustTarget,
    /// First release of ESP-IDF that builds this project for it: major and minor.
    pub minimum_idf: (u32, u32),
    /// On-chip memory that activations can have in one piece, in bytes: what is left of the SRAM after caches,
    /// ESP-IDF and this firmware, cautiously.
    pub sram_bytes: u64,
    /// External RAM.
    pub psram: Psram,
    /// Smallest flash that is sold with it in bytes; more is detected.
    pub flash_bytes: u64,
    /// Whether Espressif's ESP-DL runs on it.
    pub esp_dl: bool,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

const RISCV_C: RustTarget = RustTarget::Rustup("riscv32imc-unknown-none-elf");
const RISCV_AC: RustTarget = RustTarget::Rustup("riscv32imac-unknown-none-elf");
const RISCV_AFC: RustTarget = RustTarget::Rustup("riscv32imafc-unknown-none-elf");

const C3: ChipFacts = ChipFacts {
    target: Target::Esp32c3,
    name: "esp32c3",
    image_id: 5,
    boot_offset: 0,
    rust: RISCV_C,
    minimum_idf: (5, 3),
    sram_bytes: 272 * KIB,
    psram: Psram::None,
    flash_bytes: 4 * MIB,
    esp_dl: false,
};

/// Every chip, in the order of the menus.
pub(super) const CHIPS: [ChipFacts; 9] = [
    ChipFacts {
        target: Target::Esp32p4,
        name: "esp32p4",
        image_id: 18,
        boot_offset: 0x2000,
        rust: RISCV_AFC,
        // 768 KiB, of which the L2 cache takes 256.
        sram_bytes: 440 * KIB,
        psram: Psram::Always,
        flash_bytes: 16 * MIB,
        esp_dl: true,
        ..C3
    },
    ChipFacts {
        target: Target::Esp32s31,
        name: "esp32s31",
        image_id: 32,
        boot_offset: 0x2000,
        rust: RISCV_AFC,
        minimum_idf: (6, 0),
        sram_bytes: 320 * KIB,
        psram: Psram::Some,
        esp_dl: true,
        ..C3
    },
    ChipFacts {
        target: Target::Esp32s3,
        name: "esp32s3",
        image_id: 9,
        rust: RustTarget::Espup("xtensa-esp32s3-none-elf"),
        // 512 KiB, of which the caches take 96.
        sram_bytes: 256 * KIB,
        psram: Psram::Some,
        flash_bytes: 8 * MIB,
        esp_dl: true,
        ..C3
    },
    ChipFacts {
        target: Target::Esp32,
        name: "esp32",
        image_id: 0,
        boot_offset: 0x1000,
        rust: RustTarget::Espup("xtensa-esp32-none-elf"),
        // The heap of 300 KiB lies in pieces.
        sram_bytes: 108 * KIB,
        psram: Psram::Some,
        ..C3
    },
    ChipFacts {
        target: Target::Esp32s2,
        name: "esp32s2",
        image_id: 2,
        boot_offset: 0x1000,
        rust: RustTarget::Espup("xtensa-esp32s2-none-elf"),
        sram_bytes: 176 * KIB,
        psram: Psram::Some,
        ..C3
    },
    ChipFacts {
        target: Target::Esp32c2,
        name: "esp32c2",
        image_id: 12,
        sram_bytes: 144 * KIB,
        flash_bytes: 2 * MIB,
        ..C3
    },
    C3,
    ChipFacts {
        target: Target::Esp32c5,
        name: "esp32c5",
        image_id: 23,
        boot_offset: 0x2000,
        rust: RISCV_AC,
        minimum_idf: (5, 5),
        sram_bytes: 240 * KIB,
        psram: Psram::Some,
        ..C3
    },
    ChipFacts {
        target: Target::Esp32c6,
        name: "esp32c6",
        image_id: 13,
        rust: RISCV_AC,
        sram_bytes: 384 * KIB,
        ..C3
    },
];

impl ChipFacts {
    /// The data of a chip.
    pub fn of(target: Target) -> &'static ChipFacts {
        CHIPS.iter().find(|c| c.target == target).unwrap_or(&CHIPS[0])
    }

    /// Looks a chip up by its name.
    pub fn by_name(name: &str) -> Option<&'static ChipFacts> {
        CHIPS.iter().find(|c| c.name == name)
    }

    /// Whether activations of that size need external RAM; `Err` says why they fit nowhere.
    pub fn needs_psram(&self, arena_bytes: u64) -> Result<bool, String> {
        let fits = arena_bytes <= self.sram_bytes;
        match self.psram {
            Psram::None if !fits => Err(format!(
                "the activations need {} KiB and an {} has about {} KiB for them",
                arena_bytes.div_ceil(KIB),
                self.name,
                self.sram_bytes / KIB
            )),
            _ => Ok(!fits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::TARGETS;

    #[test]
    fn every_target_has_its_chip() {
        for target in TARGETS {
            let chip = ChipFacts::of(target.target);
            assert_eq!(chip.name, target.name);
            assert_eq!(ChipFacts::by_name(chip.name), Some(chip));
            let espflash: espflash::target::Chip = chip.name.parse().unwrap();
            assert_eq!(espflash.id(), chip.image_id, "{}", chip.name);
            assert_eq!(espflash.boot_address(), chip.boot_offset, "{}", chip.name);
        }
    }

    #[test]
    fn a_chip_without_external_ram_says_what_is_missing() {
        let c3 = ChipFacts::by_name("esp32c3").unwrap();
        assert_eq!(c3.needs_psram(200 << 10), Ok(false));
        assert!(c3.needs_psram(416 << 10).unwrap_err().contains("416 KiB"));
        assert_eq!(ChipFacts::by_name("esp32s3").unwrap().needs_psram(416 << 10), Ok(true));
        assert_eq!(ChipFacts::by_name("esp32p4").unwrap().needs_psram(416 << 10), Ok(false));
    }
}
