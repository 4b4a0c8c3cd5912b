//! From a [`Strategy`] to the C descriptor.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use super::{Error, Host, Strategy};
use crate::abi::*;

/// Exports a [`Strategy`] as the library's one plugin. The crate must be a `cdylib`.
#[macro_export]
macro_rules! export_strategy {
    ($strategy:ty) => {
        /// The one symbol of this plugin.
        #[unsafe(no_mangle)]
        pub extern "C" fn octet_plugin_entry() -> *const $crate::abi::OctetPluginDescriptor {
            $crate::sdk::entry::<$strategy>()
        }
    };
}

/// What a strategy shows to the host, made once and kept as long as the library is loaded.
struct Exported {
    descriptor: OctetPluginDescriptor,
    schema: String,
}

// SAFETY: the pointers in the descriptor lead to `'static` data that is never written again.
unsafe impl Send for Exported {}
// SAFETY: as above.
unsafe impl Sync for Exported {}

static EXPORTED: Mutex<BTreeMap<TypeId, &'static Exported>> = Mutex::new(BTreeMap::new());

/// The descriptor of a strategy; what [`export_strategy!`] returns to the host. Null when making it panicked.
pub fn entry<S: Strategy>() -> *const OctetPluginDescriptor {
    catch_unwind(|| &raw const exported::<S>().descriptor).unwrap_or(std::ptr::null())
}

fn exported<S: Strategy>() -> &'static Exported {
    let mut all = EXPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(TypeId::of::<S>()).or_insert_with(|| {
        let info = S::INFO;
        let targets: Vec<OctetString> = info.targets.iter().map(|t| OctetString::new(t)).collect();
        Box::leak(Box::new(Exported {
            descriptor: OctetPluginDescriptor {
                abi_major: OCTET_ABI_MAJOR,
                abi_minor: OCTET_ABI_MINOR,
                struct_size: size_of::<OctetPluginDescriptor>() as u64,
                id: OctetString::new(info.id),
                name: OctetString::new(info.name),
                version: OctetString::new(info.version),
                vendor: OctetString::new(info.vendor),
                description: OctetString::new(info.description),
                targets: OctetStrings::new(targets.leak()),
                describe: Some(describe::<S>),
                create: Some(create::<S>),
                run: Some(run::<S>),
                destroy: Some(destroy::<S>),
            },
            schema: schema::<S>(),
        }))
    })
}

/// The settings' JSON Schema with every sub-schema in place and every property's default.
fn schema<S: Strategy>() -> String {
    let mut settings = schemars::generate::SchemaSettings::default();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<S::Settings>().to_value();
    let defaults = serde_json::to_value(S::Settings::default()).unwrap_or_default();
    if let Some(properties) = schema.get_mut("properties").and_then(|p| p.as_object_mut()) {
        for (key, property) in properties {
            if let (Some(property), Some(default)) = (property.as_object_mut(), defaults.get(key)) {
                property.insert("default".into(), default.clone());
            }
        }
    }
    schema.to_string()
}

unsafe extern "C" fn describe<S: Strategy>(schema: *mut OctetString) -> i32 {
    if schema.is_null() {
        return OCTET_INVALID;
    }
    match catch_unwind(|| OctetString::new(&exported::<S>().schema)) {
        Ok(text) => {
            // SAFETY: not null, and the host's to be written.
            unsafe { schema.write(text) };
            OCTET_OK
        }
        Err(_) => OCTET_FAILED,
    }
}

/// One run to come: its settings.
struct Instance<S: Strategy> {
    settings: S::Settings,
}

unsafe extern "C" fn create<S: Strategy>(
    host: *const OctetHost,
    settings: OctetString,
    instance: *mut *mut c_void,
) -> i32 {
    if instance.is_null() || (settings.data.is_null() && settings.len > 0) {
        return OCTET_INVALID;
    }
    guarded(host, |_| {
        let bytes = match settings.len {
            0 => &b"{}"[..],
            // SAFETY: not null, and the host's promise for the time of this call.
            len => unsafe { std::slice::from_raw_parts(settings.data, len as usize) },
        };
        let settings = serde_json::from_slice(bytes).map_err(|e| Error::Invalid(format!("settings: {e}")))?;
        let made = Box::into_raw(Box::new(Instance::<S> { settings }));
        // SAFETY: not null, and the host's to be written.
        unsafe { instance.write(made.cast()) };
        Ok(())
    })
}

unsafe extern "C" fn run<S: Strategy>(instance: *mut c_void, host: *const OctetHost) -> i32 {
    if instance.is_null() {
        return OCTET_INVALID;
    }
    // SAFETY: `create` made it, and `destroy` was not called.
    let instance = unsafe { &*instance.cast::<Instance<S>>() };
    guarded(host, |host| S::run(&instance.settings, host))
}

unsafe extern "C" fn destroy<S: Strategy>(instance: *mut c_void) {
    if !instance.is_null() {
        // SAFETY: `create` made it, and the host destroys it once.
        let instance = unsafe { Box::from_raw(instance.cast::<Instance<S>>()) };
        // A settings type whose drop panics must not take the process along.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(instance)));
    }
}

/// Runs `work`, catches its panic, and tells the host about any failure.
fn guarded(raw: *const OctetHost, work: impl FnOnce(&mut Host<'_>) -> Result<(), Error>) -> i32 {
    // SAFETY: the table that the host passed to this call, which it outlives.
    let Some(mut host) = (unsafe { Host::new(raw) }) else { return OCTET_INVALID };
    match catch_unwind(AssertUnwindSafe(|| work(&mut host))) {
        Ok(Ok(())) => OCTET_OK,
        Ok(Err(Error::Cancelled)) => OCTET_CANCELLED,
        Ok(Err(Error::Invalid(message) | Error::Failed(message))) => {
            host.fail(&message);
            OCTET_FAILED
        }
        Err(payload) => {
            host.fail(&format!("panicked: {}", panic_text(payload.as_ref())));
            // Dropping a payload may panic again.
            std::mem::forget(payload);
            OCTET_FAILED
        }
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}
