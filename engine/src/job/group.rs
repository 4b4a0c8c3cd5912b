//! A child's process group: the child and whatever it started.

/// Ends every process of the group that the process `leader` leads; nothing happens when there is no such group.
#[cfg(unix)]
pub(crate) fn kill_group(leader: u32) {
    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;
    // 0 and 1 would mean other groups than a child's.
    if let Ok(leader) = i32::try_from(leader)
        && leader > 1
    {
        // An error means that all of them are gone already.
        let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
    }
}

/// Other systems have no process groups of this kind.
#[cfg(not(unix))]
pub(crate) fn kill_group(_leader: u32) {}
