//! A command with everything that it starts: one group of processes that ends as a whole.

use std::io::Read;
use std::process::{Child, ExitStatus, Stdio};

use octet_plugin_api::sdk::Error;

use crate::command::CommandLine;

/// A running command. Dropping it ends the whole tree.
pub(crate) struct Tree {
    child: Child,
    group: group::Group,
}

impl Tree {
    /// Starts a command with its outputs piped and nothing to read.
    pub(crate) fn start(line: &CommandLine) -> Result<(Tree, Vec<Box<dyn Read + Send>>), Error> {
        let failed = |what: &str, e: std::io::Error| Error::failed(format!("cannot start {what}: {e}"));
        let group = group::Group::new().map_err(|e| failed("the process that watches the training", e))?;
        let mut command = group.command(line);
        let child = command
            .current_dir(&line.folder)
            .envs(line.environment.iter().map(|(k, v)| (k, v)))
            // They belong to the worker that this plugin runs in.
            .env_remove("OCTET_WORKER_NONCE")
            .env_remove("OCTET_WORKER_MEMORY_LIMIT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|e| failed(&format!("`{}`", line.program()), e))?;
        let mut streams: Vec<Box<dyn Read + Send>> = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            streams.push(Box::new(stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            streams.push(Box::new(stderr));
        }
        Ok((Tree { child, group }, streams))
    }

    /// How the command ended, or `None` while it runs.
    pub(crate) fn status(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(|e| Error::failed(format!("cannot watch the training: {e}")))
    }

    /// Lets go of the group as the death of this process would.
    #[cfg(all(test, unix))]
    pub(crate) fn let_go(&mut self) {
        self.group.let_go();
    }

    /// Ends the command and whatever it left behind.
    pub(crate) fn end(&mut self) {
        self.group.end();
        // An error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(unix)]
mod group {
    //! The group is led by a shell that waits for the end of its input and then ends the group. Its input is a pipe of
    //! this process, so the training dies with this process, however that dies; and as long as the shell is not reaped
    //! the group's number belongs to nobody else.

    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;

    use crate::command::CommandLine;

    const WATCH: &str = "while read -r _; do :; done; kill -s KILL 0";
    /// The worker's address space is limited, which is inherited; what a training takes (CUDA reserves far more than it
    /// uses) is its own affair.
    const UNLIMITED: &str = "ulimit -S -v \"$(ulimit -H -v)\" 2>/dev/null || :; exec \"$@\"";

    pub(super) struct Group {
        /// `None` once it is reaped: then its number may belong to somebody else.
        leader: Option<Child>,
    }

    impl Group {
        pub(super) fn new() -> std::io::Result<Group> {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", WATCH]).current_dir("/").process_group(0);
            let leader = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            Ok(Group { leader: Some(leader) })
        }

        /// The command inside the group.
        pub(super) fn command(&self, line: &CommandLine) -> Command {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", UNLIMITED, "octet-training"]).args(&line.words);
            // Without a leader the command leads a group of its own.
            command.process_group(self.number().unwrap_or(0));
            command
        }

        fn number(&self) -> Option<i32> {
            i32::try_from(self.leader.as_ref()?.id()).ok()
        }

        #[cfg(test)]
        pub(super) fn let_go(&mut self) {
            if let Some(leader) = &mut self.leader {
                drop(leader.stdin.take());
            }
        }

        pub(super) fn end(&mut self) {
            if let Some(number) = self.number() {
                // An error means that all of them are gone already.
                let _ = killpg(Pid::from_raw(number), Signal::SIGKILL);
            }
            if let Some(mut leader) = self.leader.take() {
                let _ = leader.kill();
                let _ = leader.wait();
            }
        }
    }

    impl Drop for Group {
        fn drop(&mut self) {
            self.end();
        }
    }
}

#[cfg(not(unix))]
mod group {
    //! Other systems have no groups of this kind: the command itself is ended.

    use std::process::Command;

    use crate::command::CommandLine;

    pub(super) struct Group;

    impl Group {
        pub(super) fn new() -> std::io::Result<Group> {
            Ok(Group)
        }

        pub(super) fn command(&self, line: &CommandLine) -> Command {
            let mut command = Command::new(line.program());
            command.args(line.words.iter().skip(1));
            command
        }

        pub(super) fn end(&mut self) {}
    }
}
