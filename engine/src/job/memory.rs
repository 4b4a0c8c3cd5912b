//! The worker's memory limit: address space and resident size are watched from inside, every few milliseconds.
//!
//! `RLIMIT_AS` alone would make an oversized `malloc` return null, which a plugin may survive in silence; so the
//! hard limit lies above and the peak of the address space decides, also after the plugin returned.

use std::time::Duration;

/// Limit of a worker, unless a setting says otherwise.
pub const DEFAULT_MEMORY_LIMIT_BYTES: u64 = 4 << 30;

/// How far above the limit allocations fail at once.
const HARD_HEADROOM_BYTES: u64 = 28 << 30;

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The largest address space or resident set this process had, in bytes; `None` where the system does not say.
pub(super) fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|l| l.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kib| kib << 10)
    };
    field("VmPeak:")
}

/// Starts the watch. `exceeded` is called once, from the watching thread, and should end the process.
pub(super) fn watch(limit_bytes: u64, exceeded: impl FnOnce() + Send + 'static) -> bool {
    if peak_bytes().is_none() {
        return false;
    }
    #[cfg(unix)]
    {
        let hard = limit_bytes.saturating_add(HARD_HEADROOM_BYTES);
        // A lower limit that is already in force stays.
        if let Ok((soft, max)) = rlimit::getrlimit(rlimit::Resource::AS)
            && soft > hard
            && let Err(error) = rlimit::setrlimit(rlimit::Resource::AS, hard, max)
        {
            tracing::warn!("the worker's address space stays unlimited: {error}");
        }
    }
    let spawned = std::thread::Builder::new().name("memory watch".to_owned()).spawn(move || {
        while !exceeds(limit_bytes) {
            std::thread::sleep(POLL_INTERVAL);
        }
        exceeded();
    });
    spawned.is_ok()
}

/// True once the process ever held more than `limit_bytes`.
pub(super) fn exceeds(limit_bytes: u64) -> bool {
    peak_bytes().is_some_and(|peak| peak > limit_bytes)
}

/// `4 GiB`.
pub(super) fn in_words(bytes: u64) -> String {
    match bytes % (1 << 30) {
        0 => format!("{} GiB", bytes >> 30),
        _ => format!("{} MiB", bytes >> 20),
    }
}
