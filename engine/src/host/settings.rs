//! Settings of a strategy: its JSON Schema as form fields, and what a user typed as values of those fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::description::PluginDescription;
use super::error::HostError;

/// One setting, as a form shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingField {
    /// Its name in `--set key=value`.
    pub key: String,
    /// What a form calls it; the key when the schema has no title.
    pub title: String,
    /// What it does.
    pub description: String,
    /// What it takes.
    pub kind: SettingKind,
    /// What it is when the user says nothing.
    pub default: Value,
    /// It names a program that the strategy starts, so that a value which comes with a file may run anything: the
    /// schema says `"runs_program": true`.
    #[serde(default)]
    pub runs_program: bool,
}

impl SettingField {
    /// Checks a value, or reads it from its text, as a job will.
    ///
    /// # Errors
    /// What is wrong with it, and what is possible.
    pub fn accept(&self, value: &Value) -> Result<Value, String> {
        accept(&self.kind, value)
    }
}

/// What a setting takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SettingKind {
    /// True or false.
    Bool,
    /// A whole number.
    Integer {
        /// Smallest.
        min: Option<i64>,
        /// Largest.
        max: Option<i64>,
    },
    /// A number.
    Number {
        /// Smallest.
        min: Option<f64>,
        /// Largest.
        max: Option<f64>,
    },
    /// One of several words.
    Choice {
        /// The words.
        options: Vec<SettingChoice>,
    },
    /// A text.
    Text,
    /// Names of operations or patterns of them, separated by commas: a text with the format `patterns`.
    Patterns,
}

/// One word of a [`SettingKind::Choice`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingChoice {
    /// The word.
    pub value: String,
    /// What it means; may be empty.
    pub description: String,
}

/// Reads a schema as form fields, in the schema's order of properties.
///
/// # Errors
/// Tells which property is neither boolean, integer, number, string nor choice, or lacks a default.
pub fn setting_fields(schema: &Value) -> Result<Vec<SettingField>, String> {
    let Some(properties) = schema.get("properties") else { return Ok(Vec::new()) };
    let properties =
        properties.as_object().ok_or_else(|| "the schema's `properties` are no object".to_owned())?;
    properties
        .iter()
        .map(|(key, property)| {
            field(key, property, schema).map_err(|reason| format!("its setting `{key}` {reason}"))
        })
        .collect()
}

fn field(key: &str, property: &Value, schema: &Value) -> Result<SettingField, String> {
    let shape = resolve(property, schema)?;
    let own = |name: &str| property.get(name).or_else(|| shape.get(name));
    let text = |name: &str| own(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let kind = kind(shape)?;
    let default = own("default").cloned().ok_or("has no default")?;
    let default = accept(&kind, &default).map_err(|reason| format!("has an impossible default: {reason}"))?;
    let title = Some(text("title")).filter(|title| !title.is_empty()).unwrap_or_else(|| key.to_owned());
    let (key, description) = (key.to_owned(), text("description"));
    let runs_program = own("runs_program").and_then(Value::as_bool).unwrap_or(false);
    Ok(SettingField { key, title, description, kind, default, runs_program })
}

/// Follows one `$ref` into the schema's definitions.
fn resolve<'a>(property: &'a Value, schema: &'a Value) -> Result<&'a Value, String> {
    match property.get("$ref").and_then(Value::as_str) {
        None => Ok(property),
        Some(reference) => reference
            .strip_prefix('#')
            .and_then(|pointer| schema.pointer(pointer))
            .ok_or_else(|| format!("refers to `{reference}`, which the schema does not have")),
    }
}

fn kind(shape: &Value) -> Result<SettingKind, String> {
    if let Some(options) = options(shape) {
        return match options.is_empty() {
            true => Err("has no choices".to_owned()),
            false => Ok(SettingKind::Choice { options }),
        };
    }
    let bound = |name: &str| shape.get(name);
    match shape.get("type").and_then(Value::as_str) {
        Some("boolean") => Ok(SettingKind::Bool),
        Some("integer") => Ok(SettingKind::Integer {
            min: bound("minimum").and_then(whole),
            max: bound("maximum").and_then(whole),
        }),
        Some("number") => Ok(SettingKind::Number {
            min: bound("minimum").and_then(Value::as_f64),
            max: bound("maximum").and_then(Value::as_f64),
        }),
        Some("string") if shape.get("format").is_some_and(|f| f == "patterns") => Ok(SettingKind::Patterns),
        Some("string") => Ok(SettingKind::Text),
        Some(other) => Err(format!("has the type `{other}`, which no form can show")),
        None => Err("has no type".to_owned()),
    }
}

/// The words of `enum`, `const`, or an `oneOf` / `anyOf` of them; `None` when the shape is no choice of words.
fn options(shape: &Value) -> Option<Vec<SettingChoice>> {
    let description = shape.get("description").and_then(Value::as_str).unwrap_or_default();
    let choice = |value: &Value, description: &str| {
        let value = value.as_str()?.to_owned();
        Some(SettingChoice { value, description: description.trim().to_owned() })
    };
    if let Some(word) = shape.get("const") {
        return Some(vec![choice(word, description)?]);
    }
    if let Some(words) = shape.get("enum").and_then(Value::as_array) {
        return words.iter().map(|word| choice(word, "")).collect();
    }
    let branches = shape.get("oneOf").or_else(|| shape.get("anyOf"))?.as_array()?;
    let words: Option<Vec<Vec<SettingChoice>>> = branches.iter().map(options).collect();
    words.map(|words| words.into_iter().flatten().collect())
}

/// A whole number, also when it is written as `4.0`.
fn whole(value: &Value) -> Option<i64> {
    let float = || value.as_f64().filter(|v| v.fract() == 0.0 && v.abs() < 9e15).map(|v| v as i64);
    value.as_i64().or_else(float)
}

/// The settings that a strategy runs with: its defaults, and over them what the user said. Values may be JSON or, as
/// on a command line, their text.
///
/// # Errors
/// [`HostError::Setting`] names an unknown key with the known ones, or a value that is impossible with the possible
/// ones.
pub fn settings(plugin: &PluginDescription, user: &BTreeMap<String, Value>) -> Result<Value, HostError> {
    let refuse = |reason: String| HostError::Setting { plugin: plugin.id.clone(), reason };
    let fields = setting_fields(&plugin.schema).map_err(refuse)?;
    if let Some(unknown) = user.keys().find(|key| fields.iter().all(|field| field.key != **key)) {
        let known: Vec<&str> = fields.iter().map(|field| field.key.as_str()).collect();
        return Err(refuse(match known.is_empty() {
            true => format!("there is no setting `{unknown}`; it has none"),
            false => format!("there is no setting `{unknown}`; there are: {}", known.join(", ")),
        }));
    }
    let mut values = Map::new();
    for field in fields {
        let value = match user.get(&field.key) {
            None => field.default,
            Some(value) => accept(&field.kind, value)
                .map_err(|reason| refuse(format!("setting `{}`: {reason}", field.key)))?,
        };
        values.insert(field.key, value);
    }
    Ok(Value::Object(values))
}

/// Checks a value, or reads it from its text.
fn accept(kind: &SettingKind, value: &Value) -> Result<Value, String> {
    let typed = value.as_str().map(str::trim);
    let shown = || typed.map_or_else(|| value.to_string(), |text| format!("`{text}`"));
    match kind {
        SettingKind::Bool => match (value, typed) {
            (Value::Bool(_), _) => Ok(value.clone()),
            (_, Some("true" | "yes" | "on" | "1")) => Ok(Value::Bool(true)),
            (_, Some("false" | "no" | "off" | "0")) => Ok(Value::Bool(false)),
            _ => Err(format!("{} is neither true nor false", shown())),
        },
        SettingKind::Integer { min, max } => {
            let number = typed.map_or_else(|| whole(value), |text| text.parse().ok());
            let number = number.ok_or_else(|| format!("{} is no whole number", shown()))?;
            in_range(number, *min, *max)?;
            Ok(Value::from(number))
        }
        SettingKind::Number { min, max } => {
            let number = typed.map_or_else(|| value.as_f64(), |text| text.parse().ok());
            let number =
                number.filter(|n| n.is_finite()).ok_or_else(|| format!("{} is no number", shown()))?;
            in_range(number, *min, *max)?;
            Ok(Value::from(number))
        }
        SettingKind::Choice { options } => match typed {
            Some(word) if options.iter().any(|option| option.value == word) => Ok(Value::from(word)),
            _ => {
                let words: Vec<&str> = options.iter().map(|option| option.value.as_str()).collect();
                Err(format!("{} is not one of: {}", shown(), words.join(", ")))
            }
        },
        SettingKind::Text | SettingKind::Patterns => match value {
            Value::String(_) => Ok(value.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(Value::from(value.to_string())),
            _ => Err(format!("{} is no text", shown())),
        },
    }
}

fn in_range<T: Copy + PartialOrd + std::fmt::Display>(
    number: T,
    min: Option<T>,
    max: Option<T>,
) -> Result<(), String> {
    match (min, max) {
        (Some(min), _) if number < min => Err(format!("{number} is below {min}")),
        (_, Some(max)) if number > max => Err(format!("{number} is above {max}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plugin(properties: &Value) -> PluginDescription {
        PluginDescription {
            id: "org.example.p".to_owned(),
            name: "P".to_owned(),
            version: String::new(),
            vendor: String::new(),
            description: String::new(),
            targets: Vec::new(),
            abi: (1, 0),
            schema: json!({ "type": "object", "properties": properties }),
        }
    }

    fn example() -> PluginDescription {
        plugin(&json!({
            "depth": { "type": "integer", "minimum": 1, "maximum": 9, "default": 3, "title": "Depth" },
            "share": { "type": "number", "maximum": 1.0, "default": 0.5 },
            "fast": { "type": "boolean", "default": false },
            "layer": { "type": "string", "default": "" },
            "never": { "type": "string", "format": "patterns", "default": "" },
            "mode": {
                "oneOf": [
                    { "const": "kl", "description": "divergence", "type": "string" },
                    { "enum": ["mse", "minmax"], "type": "string" }
                ],
                "default": "mse"
            }
        }))
    }

    fn merged(user: Value) -> Result<Value, String> {
        settings(&example(), &serde_json::from_value(user).unwrap()).map_err(|e| e.to_string())
    }

    #[test]
    fn defaults_fill_what_the_user_leaves_out() {
        let all = json!({ "depth": 3, "share": 0.5, "fast": false, "layer": "", "never": "", "mode": "mse" });
        assert_eq!(merged(json!({})).unwrap(), all);
    }

    #[test]
    fn texts_become_what_the_schema_says() {
        let user = json!({ "depth": "7", "share": "1e-3", "fast": "on", "layer": "12", "mode": "kl" });
        let all =
            json!({ "depth": 7, "share": 1e-3, "fast": true, "layer": "12", "never": "", "mode": "kl" });
        assert_eq!(merged(user).unwrap(), all);
    }

    #[test]
    fn an_unknown_key_lists_the_known_ones() {
        let error = merged(json!({ "dept": 1 })).unwrap_err();
        assert_eq!(
            error,
            "plugin `org.example.p`: there is no setting `dept`; there are: depth, fast, layer, mode, never, share"
        );
    }

    #[test]
    fn impossible_values_name_the_possible_ones() {
        for (user, text) in [
            (json!({ "depth": 0 }), "0 is below 1"),
            (json!({ "depth": "10" }), "10 is above 9"),
            (json!({ "depth": 1.5 }), "1.5 is no whole number"),
            (json!({ "share": "nan" }), "`nan` is no number"),
            (json!({ "fast": "maybe" }), "`maybe` is neither true nor false"),
            (json!({ "mode": "best" }), "`best` is not one of: kl, mse, minmax"),
            (json!({ "layer": [1] }), "[1] is no text"),
        ] {
            let error = merged(user).unwrap_err();
            assert!(error.ends_with(text), "{error}");
        }
    }

    #[test]
    fn a_setting_that_runs_a_program_says_so() {
        let text = |runs: Value| json!({ "type": "string", "default": "", "runs_program": runs });
        let plugin = plugin(&json!({ "command": text(json!(true)), "note": text(json!(false)) }));
        let runs: Vec<(String, bool)> =
            plugin.fields().into_iter().map(|f| (f.key, f.runs_program)).collect();
        assert_eq!(runs, [("command".to_owned(), true), ("note".to_owned(), false)]);
    }

    #[test]
    fn fields_have_titles_and_choices() {
        let fields = example().fields();
        let depth = fields.iter().find(|f| f.key == "depth").unwrap();
        assert_eq!((depth.title.as_str(), &depth.default), ("Depth", &json!(3)));
        assert_eq!(depth.kind, SettingKind::Integer { min: Some(1), max: Some(9) });
        let mode = fields.iter().find(|f| f.key == "mode").unwrap();
        let SettingKind::Choice { options } = &mode.kind else { panic!("{mode:?}") };
        assert_eq!(options[0].description, "divergence");
        assert_eq!(options.len(), 3);
        let never = fields.iter().find(|f| f.key == "never").unwrap();
        assert_eq!(never.kind, SettingKind::Patterns);
        assert_eq!(never.accept(&json!("a.*, b")), Ok(json!("a.*, b")));
        assert_eq!(depth.accept(&json!("12")).unwrap_err(), "12 is above 9");
    }

    #[test]
    fn definitions_are_followed() {
        let mut plugin = plugin(&json!({ "m": { "$ref": "#/$defs/M", "default": "a", "title": "Own" } }));
        plugin.schema["$defs"] = json!({ "M": { "enum": ["a", "b"], "type": "string", "title": "M" } });
        assert_eq!(plugin.fields()[0].title, "Own");
    }

    #[test]
    fn schemas_that_no_form_can_show_are_refused() {
        for property in [
            json!({ "type": "array", "default": [] }),
            json!({ "type": "integer" }),
            json!({ "type": "integer", "minimum": 1, "default": 0 }),
            json!({ "$ref": "#/$defs/Nowhere", "default": 0 }),
            json!({ "default": 0 }),
        ] {
            let schema = json!({ "properties": { "x": property } });
            assert!(setting_fields(&schema).unwrap_err().contains("`x`"), "{schema}");
        }
    }
}
