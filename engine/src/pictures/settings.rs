//! Pre-processing as text: what people type and what models carry in their metadata.

use std::collections::BTreeMap;

use super::preprocess::{Preprocessing, Resize};

/// Longest side that a picture may be resized to.
const MAX_SIDE: usize = 8192;

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}={value}: {reason}")]
pub struct SettingError {
    /// Which setting.
    pub key: String,
    /// What it was set to.
    pub value: String,
    /// What is wrong, and what is expected.
    pub reason: String,
}

/// The settings' names.
pub(super) const KEYS: [&str; 6] = ["mean", "std", "resize", "crop", "bgr", "grey"];

/// Applies `key=value` settings on top of `to`.
pub(super) fn apply(to: &mut Preprocessing, settings: &BTreeMap<String, String>) -> Result<(), SettingError> {
    for (key, value) in settings {
        let value = value.trim();
        set(to, key, value).map_err(|reason| SettingError {
            key: key.clone(),
            value: value.to_owned(),
            reason,
        })?;
    }
    Ok(())
}

fn set(to: &mut Preprocessing, key: &str, value: &str) -> Result<(), String> {
    match key {
        "mean" => to.mean = channels(value)?,
        "std" => to.std = channels(value)?,
        "resize" => to.resize = resize(value)?,
        "crop" => to.crop = crop(value)?,
        "bgr" => to.bgr = flag(value)?,
        "grey" => to.grey = flag(value)?,
        _ => return Err(format!("there is no such setting; there are {}", KEYS.join(", "))),
    }
    Ok(())
}

fn channels(value: &str) -> Result<[f32; 3], String> {
    let expected = "expected one number, or three separated by commas (red, green, blue)";
    let numbers = value
        .trim_matches(|c| "[]() ".contains(c))
        .split([',', ' '])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<f32>().map_err(|_| format!("`{part}` is no number; {expected}")))
        .collect::<Result<Vec<_>, _>>()?;
    match numbers[..] {
        [all] => Ok([all; 3]),
        [r, g, b] => Ok([r, g, b]),
        _ => Err(format!("{} numbers; {expected}", numbers.len())),
    }
}

fn size(value: &str) -> Result<usize, String> {
    let number: usize = value.trim().parse().map_err(|_| format!("`{value}` is no number of pixels"))?;
    if (1..=MAX_SIDE).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{number} pixels; between 1 and {MAX_SIDE} are possible"))
    }
}

/// `HEIGHTxWIDTH`, in the order of tensors and of torchvision, as (width, height).
fn pair(value: &str) -> Result<Option<(usize, usize)>, String> {
    match value.split_once(['x', 'X']) {
        None => Ok(None),
        Some((height, width)) => Ok(Some((size(width)?, size(height)?))),
    }
}

fn resize(value: &str) -> Result<Resize, String> {
    if is_none(value) {
        return Ok(Resize::None);
    }
    Ok(match pair(value)? {
        Some((width, height)) => Resize::Exact { width, height },
        None => Resize::ShorterSide(size(value)?),
    })
}

fn crop(value: &str) -> Result<Option<(usize, usize)>, String> {
    if is_none(value) {
        return Ok(None);
    }
    Ok(Some(match pair(value)? {
        Some(both) => both,
        None => (size(value)?, size(value)?),
    }))
}

fn is_none(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "none" | "no" | "off" | "")
}

fn flag(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// The settings that a model's metadata holds. `preprocess` knows the formula of Keras' MobileNetV2.
pub(super) fn of_metadata(
    metadata: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, SettingError> {
    let mut settings: BTreeMap<String, String> = BTreeMap::new();
    if let Some(formula) = metadata.get("preprocess") {
        let plain: String = formula.chars().filter(|c| !c.is_whitespace()).collect();
        let (mean, std) = match plain.trim_end_matches(".0") {
            "x/127.5-1" => ("0.5", "0.5"),
            "x/255" => ("0", "1"),
            _ => {
                return Err(SettingError {
                    key: "preprocess".to_owned(),
                    value: formula.clone(),
                    reason: "the model's metadata holds a formula that Octet does not know; set mean and std"
                        .to_owned(),
                });
            }
        };
        settings.insert("mean".to_owned(), mean.to_owned());
        settings.insert("std".to_owned(), std.to_owned());
    }
    for key in KEYS {
        if let Some(value) = metadata.get(key) {
            settings.insert(key.to_owned(), value.clone());
        }
    }
    Ok(settings)
}
