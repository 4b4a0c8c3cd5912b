//! Opening a library, asking what it is, and running it. A library stays loaded until the process ends: threads
//! and thread-locals of a plugin would outlive an unloaded one.

use std::ffi::c_void;
use std::io::Read;
use std::path::{Path, PathBuf};

use libloading::Library;
use octet_plugin_api::abi::{
    OCTET_ABI_MAJOR, OCTET_ABI_MINOR, OCTET_CANCELLED, OCTET_OK, OctetHost, OctetPluginDescriptor,
    OctetPluginEntry, OctetString,
};

use super::context::Context;
use super::description::{self, PluginDescription};
use super::error::HostError;
use super::table::Table;
use crate::strategy::StrategyHost;

/// Loads a library, which runs its code, and returns what it says of itself.
pub fn describe_library(path: &Path) -> Result<PluginDescription, HostError> {
    Plugin::open(path).map(|plugin| plugin.description)
}

/// Runs the strategy of a library with settings that [`settings`](super::settings()) made.
pub fn run_library(
    path: &Path,
    settings: &serde_json::Value,
    host: &mut dyn StrategyHost,
) -> Result<(), HostError> {
    let plugin = Plugin::open(path)?;
    let id = plugin.description.id.clone();
    let target = host.target().name;
    if !plugin.description.supports(target) {
        let targets = plugin.description.targets.join(", ");
        return Err(HostError::Target { plugin: id, target: target.to_owned(), targets });
    }
    let mut context = Context::new(host);
    let (status, step) = {
        let table = Table::new(&mut context);
        plugin.run(&settings.to_string(), table.raw())
    };
    let cancelled = context.cancelled();
    match status {
        _ if cancelled => Err(HostError::Cancelled { plugin: id }),
        OCTET_OK => Ok(()),
        OCTET_CANCELLED => Err(HostError::Cancelled { plugin: id }),
        other => {
            let message = context.reason().unwrap_or_else(|| format!("`{step}` returned the status {other}"));
            Err(HostError::Failed { plugin: id, message })
        }
    }
}

type Create = unsafe extern "C" fn(*const OctetHost, OctetString, *mut *mut c_void) -> i32;
type Run = unsafe extern "C" fn(*mut c_void, *const OctetHost) -> i32;
type Destroy = unsafe extern "C" fn(*mut c_void);

/// A loaded plugin, checked.
struct Plugin {
    description: PluginDescription,
    create: Create,
    run: Run,
    destroy: Destroy,
}

/// What begins every version of a descriptor.
#[repr(C)]
struct Head {
    abi_major: u32,
    abi_minor: u32,
    struct_size: u64,
}

impl Plugin {
    fn open(path: &Path) -> Result<Plugin, HostError> {
        let unreadable = |source| HostError::Unreadable { path: path.to_owned(), source };
        // A name without a folder would be looked up among the system's libraries.
        let absolute = path.canonicalize().map_err(unreadable)?;
        if !looks_like_a_library(&absolute).map_err(unreadable)? {
            let reason = "it does not begin like one".to_owned();
            return Err(HostError::NotALibrary { path: path.to_owned(), reason });
        }
        let library = load(&absolute)
            .map_err(|e| HostError::NotALibrary { path: path.to_owned(), reason: e.to_string() })?;
        // Leaked: see the head of this file.
        let library: &'static Library = Box::leak(Box::new(library));
        // SAFETY: the header gives the symbol this type; a symbol of another type breaks the plugin's contract, and
        // then the process that was made for it.
        let entry = unsafe { library.get::<OctetPluginEntry>(b"octet_plugin_entry\0") }
            .map_err(|_| HostError::MissingSymbol { path: path.to_owned() })?;
        // SAFETY: as above; the function takes nothing.
        let raw = unsafe { entry() };
        let descriptor = check(raw, path)?;
        Plugin::read(&descriptor).map_err(|reason| HostError::Descriptor { path: path.to_owned(), reason })
    }

    fn read(descriptor: &OctetPluginDescriptor) -> Result<Plugin, String> {
        let missing = |name: &str| format!("its function `{name}` is null");
        let describe = descriptor.describe.ok_or_else(|| missing("describe"))?;
        let create = descriptor.create.ok_or_else(|| missing("create"))?;
        let run = descriptor.run.ok_or_else(|| missing("run"))?;
        let destroy = descriptor.destroy.ok_or_else(|| missing("destroy"))?;
        let mut schema = OctetString::default();
        // SAFETY: the header gives `describe` this type; `schema` is ours to be written.
        let status = unsafe { describe(&mut schema) };
        if status != OCTET_OK {
            return Err(format!("`describe` returned the status {status}"));
        }
        // SAFETY: the header's promise for the strings of a descriptor and the schema.
        let description = unsafe { description::read(descriptor, schema) }?;
        Ok(Plugin { description, create, run, destroy })
    }

    /// Creates, runs and destroys an instance. Returns the status and the function that returned it.
    fn run(&self, settings: &str, host: *const OctetHost) -> (i32, &'static str) {
        let mut instance = std::ptr::null_mut();
        // SAFETY: the header's types; `host` and `settings` live during the call, `instance` is ours.
        let status = unsafe { (self.create)(host, OctetString::new(settings), &mut instance) };
        if status != OCTET_OK {
            return (status, "create");
        }
        // SAFETY: `create` made the instance, and `host` lives during the call.
        let status = unsafe { (self.run)(instance, host) };
        // SAFETY: `create` made the instance, and it is not used again.
        unsafe { (self.destroy)(instance) };
        (status, "run")
    }
}

/// Copies a descriptor after its version and size have been checked.
fn check(raw: *const OctetPluginDescriptor, path: &Path) -> Result<OctetPluginDescriptor, HostError> {
    let path = || -> PathBuf { path.to_owned() };
    let wrong = |reason: String| HostError::Descriptor { path: path(), reason };
    if raw.is_null() {
        return Err(wrong("`octet_plugin_entry` returned null".to_owned()));
    }
    // SAFETY: not null; the first 16 bytes are the same in every version of the interface.
    let head = unsafe { raw.cast::<Head>().read_unaligned() };
    let Head { abi_major: major, abi_minor: minor, struct_size } = head;
    if major != OCTET_ABI_MAJOR || minor > OCTET_ABI_MINOR {
        let newer = (major, minor) > (OCTET_ABI_MAJOR, OCTET_ABI_MINOR);
        let remedy = if newer { "update Octet" } else { "ask its author for a newer build" };
        return Err(HostError::Abi { path: path(), major, minor, remedy });
    }
    let needed = size_of::<OctetPluginDescriptor>() as u64;
    if struct_size < needed {
        return Err(wrong(format!("its descriptor has {struct_size} bytes instead of {needed}")));
    }
    // SAFETY: not null, and the plugin says that it has at least this many bytes.
    Ok(unsafe { raw.read_unaligned() })
}

/// Every symbol is resolved at once, so that a library that lacks one is refused here and not in the middle of a job.
#[cfg(unix)]
fn load(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{Library as Unix, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: loading runs the library's initializers; callers load only what the user trusts, in a child process.
    unsafe { Unix::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Library::from)
}

#[cfg(not(unix))]
fn load(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: loading runs the library's initializers; callers load only what the user trusts, in a child process.
    unsafe { Library::new(path) }
}

/// Whether a file begins like a library of Linux, macOS or Windows.
pub(super) fn looks_like_a_library(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(4).read_to_end(&mut head)?;
    Ok(matches!(
        head.as_slice(),
        [0x7F, b'E', b'L', b'F']
            | [0xCF | 0xCE, 0xFA, 0xED, 0xFE]
            | [0xCA, 0xFE, 0xBA, 0xBE]
            | [b'M', b'Z', ..]
    ))
}
