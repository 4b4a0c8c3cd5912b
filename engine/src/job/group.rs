//! A worker's process group: the worker and whatever its plugins started.

/// Ends every process of the group that the process `leader` leads; nothing happens when there is no such group.
#[cfg(unix)]
pub(super) fn kill_group(leader: u32) {
    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;
    // 0 and 1 would mean other groups than a worker's.
    if let Ok(leader) = i32::try_from(leader)
        && leader > 1
    {
        // An error means that all of them are gone already.
        let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
    }
}

/// Other systems have no process groups of this kind.
#[cfg(not(unix))]
pub(super) fn kill_group(_leader: u32) {}
