//! As many threads as a job asks for.

use super::JobError;

/// Plugins run on these threads too, and get what a main thread usually has.
const STACK_BYTES: usize = 8 << 20;

/// Runs `job` with `threads` threads (0 for all cores). The results do not depend on the number.
pub(super) fn in_pool<T: Send>(
    threads: usize,
    job: impl FnOnce() -> Result<T, JobError> + Send,
) -> Result<T, JobError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK_BYTES).build();
    match pool {
        Ok(pool) => pool.install(job),
        Err(error) => Err(JobError::Request(format!("cannot start {threads} threads: {error}"))),
    }
}
