//! Reading what a plugin passes, and writing what it asked for, with every address and length checked.

use octet_plugin_api::abi::{
    OctetCost, OctetNetworkInfo, OctetNodeInfo, OctetScore, OctetSlot, OctetStatistics,
    OctetStatisticsRequest, OctetString, OctetTargetInfo, OctetTensorInfo,
};

use super::context::{Answer, invalid};
use super::description::read_text;
use crate::strategy::StrategyError;

const MAX_MESSAGE_BYTES: u64 = 1 << 20;

/// A struct whose first field is its size.
pub(super) trait Sized64: Copy {
    fn set_struct_size(&mut self, size: u64);
}

macro_rules! sized {
    ($($name:ident),*) => {$(
        impl Sized64 for $name {
            fn set_struct_size(&mut self, size: u64) {
                self.struct_size = size;
            }
        }
    )*};
}

sized!(
    OctetNetworkInfo,
    OctetNodeInfo,
    OctetTensorInfo,
    OctetTargetInfo,
    OctetSlot,
    OctetStatistics,
    OctetStatisticsRequest,
    OctetScore,
    OctetCost
);

/// Reads the size that the caller wrote into a struct. All structs have the size of version 1.0 so far, so a
/// smaller one is a mistake; a larger one comes from a newer minor version, whose further fields stay untouched.
///
/// # Safety
/// `address` is null or leads to a struct that begins with its size.
unsafe fn checked_size<T>(address: *const T) -> Result<u64, StrategyError> {
    if address.is_null() || !address.is_aligned() {
        return invalid("a struct's address is null or not aligned");
    }
    // SAFETY: not null, aligned; the caller's promise.
    let size = unsafe { address.cast::<u64>().read() };
    if size < size_of::<T>() as u64 {
        return invalid(format!("struct_size is {size} instead of {}", size_of::<T>()));
    }
    Ok(size)
}

/// Fills a struct of the plugin.
///
/// # Safety
/// `out` is null or leads to a struct that begins with its size and is the plugin's to be written.
pub(super) unsafe fn fill<T: Sized64>(out: *mut T, mut value: T) -> Answer {
    // SAFETY: the caller's promise.
    value.set_struct_size(unsafe { checked_size(out) }?);
    // SAFETY: not null, aligned and large enough.
    unsafe { out.write(value) };
    Ok(())
}

/// Copies a struct of the plugin.
///
/// # Safety
/// `address` is null or leads to a struct that begins with its size.
pub(super) unsafe fn read<T: Sized64>(address: *const T) -> Result<T, StrategyError> {
    // SAFETY: the caller's promise.
    unsafe { checked_size(address) }?;
    // SAFETY: not null, aligned and large enough.
    Ok(unsafe { address.read() })
}

/// Writes a result that is no struct with a size.
///
/// # Safety
/// `out` is null or the plugin's to be written.
pub(super) unsafe fn put<T>(out: *mut T, value: T) -> Answer {
    if out.is_null() || !out.is_aligned() {
        return invalid("the address of a result is null or not aligned");
    }
    // SAFETY: not null, aligned; the caller's promise.
    unsafe { out.write(value) };
    Ok(())
}

/// Views `count` items of the plugin, of which there may be `max`.
///
/// # Safety
/// `data` is null or leads to `count` items that nobody writes during `'b`.
pub(super) unsafe fn items<'b, T>(
    data: *const T,
    count: u64,
    max: usize,
    what: &str,
) -> Result<&'b [T], StrategyError> {
    let len = match usize::try_from(count) {
        Ok(len) if len <= max => len,
        _ => return invalid(format!("{count} {what}; at most {max} are possible")),
    };
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() || !data.is_aligned() {
        return invalid(format!("the address of the {what} is null or not aligned"));
    }
    // SAFETY: not null, aligned; the length is bounded, and the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// Copies a text of the plugin.
///
/// # Safety
/// `raw` leads to readable memory of the stated length.
pub(super) unsafe fn text(raw: OctetString) -> Result<String, StrategyError> {
    // SAFETY: the caller's promise.
    unsafe { read_text(raw, MAX_MESSAGE_BYTES) }
        .map_err(|reason| StrategyError::Invalid(format!("a text {reason}")))
}
