//! What the main logic needs of a board.

/// A board.
pub trait Platform {
    /// Writes all bytes to the console.
    fn write(&mut self, bytes: &[u8]);

    /// Reads what has arrived on the console and waits for the first byte at most `timeout_ms`. Returns the number of
    /// bytes, 0 when none came; `None` when there is nothing to read from.
    fn read(&mut self, bytes: &mut [u8], timeout_ms: u32) -> Option<usize>;

    /// Microseconds since some moment.
    fn micros(&mut self) -> u64;

    /// Cycles or retired instructions since some moment; `None` when the board does not count them.
    fn cycles(&mut self) -> Option<u64>;

    /// Called between layers or rows, at most every 20 ms, for a watchdog and other tasks.
    fn pause(&mut self) {}
}
