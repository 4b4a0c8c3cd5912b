//! Writing what changes often: one thread for each file, which writes the newest version.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Writes versions of one thing, in their order and without those that a newer one overtook. Dropping it waits until the last
/// one is written.
#[derive(Debug)]
pub struct Writer<T> {
    sender: Option<Sender<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Writer<T> {
    /// Writes by `write`, on a thread of this name, once no newer version has come for `rest`.
    ///
    /// # Errors
    /// There is no thread.
    pub fn new(
        name: &str,
        rest: Duration,
        mut write: impl FnMut(T) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, versions) = channel::<T>();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(mut version) = versions.recv() {
                let ends = loop {
                    match versions.recv_timeout(rest) {
                        Ok(newer) => version = newer,
                        Err(RecvTimeoutError::Timeout) => break false,
                        Err(RecvTimeoutError::Disconnected) => break true,
                    }
                };
                write(version);
                if ends {
                    return;
                }
            }
        })?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Writes this version, unless a newer one comes first.
    pub fn keep(&self, version: T) {
        if let Some(sender) = &self.sender {
            // A thread that is gone has told why.
            let _ = sender.send(version);
        }
    }
}

impl<T> Writer<T> {
    /// Waits until the last version is written.
    pub fn finish(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by its thread.
            let _ = thread.join();
        }
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn the_newest_version_is_the_last_one_written_and_most_others_are_skipped() {
        let written: Arc<Mutex<Vec<u32>>> = Arc::default();
        let list = written.clone();
        let rest = Duration::from_millis(20);
        let writer = Writer::new("test", rest, move |n| list.lock().unwrap().push(n)).unwrap();
        (0..1000).for_each(|n| writer.keep(n));
        drop(writer);
        let written = written.lock().unwrap();
        assert_eq!(written.last(), Some(&999));
        assert!(written.is_sorted() && written.len() < 1000, "{}", written.len());
    }
}
