//! Filling templates in: every text becomes a literal of the file's language, and what is missing is an error.

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::error::DeployError;
use super::escape::{Language, literal};

/// Renders the template of that name.
///
/// # Errors
/// [`DeployError::Template`] for a value that the template lacks, or a text that the language has no literal for.
pub(super) fn render(name: &str, template: &str, values: &Value) -> Result<String, DeployError> {
    let failed = |e: Error| {
        let cause = std::error::Error::source(&e).map(|c| format!(": {c}")).unwrap_or_default();
        DeployError::Template(format!("{name}: {e}{cause}"))
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Nothing is left to the author of a template: the formatter below knows the language by the file's name.
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("literal".into()));
    environment.set_formatter(format_value);
    environment.add_filter("hex", |value: u64| Value::from_pairs([("hex", value)]));
    environment.add_template(name, template).map_err(failed)?;
    // The engine takes the template's last end of line away.
    environment.get_template(name).and_then(|t| t.render(values)).map(|text| text + "\n").map_err(failed)
}

fn format_value(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let wrong = |reason: String| Error::new(ErrorKind::InvalidOperation, reason);
    let language = Language::of_file(state.name())
        .ok_or_else(|| wrong(format!("no language is known for `{}`", state.name())))?;
    let text = match value.kind() {
        ValueKind::Number => value.to_string(),
        ValueKind::Bool => boolean(language, value.is_true()).to_owned(),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            literal(language, text).map_err(wrong)?
        }
        // What the filter `hex` made.
        ValueKind::Map => {
            let number = value.get_attr("hex").ok().and_then(|v| u64::try_from(v).ok());
            format!("{:#x}", number.ok_or_else(|| wrong(format!("{value} is no value of a template")))?)
        }
        kind => return Err(wrong(format!("a value of kind {kind} cannot be written"))),
    };
    output.write_str(&text).map_err(|e| wrong(e.to_string()))
}

fn boolean(language: Language, value: bool) -> &'static str {
    match (language, value) {
        (Language::CMake, true) => "ON",
        (Language::CMake, false) => "OFF",
        (Language::Sdkconfig, true) => "y",
        (Language::Sdkconfig, false) => "n",
        (Language::Markdown, true) => "yes",
        (Language::Markdown, false) => "no",
        (_, true) => "1",
        (_, false) => "0",
    }
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn texts_are_literals_of_the_files_language() {
        let values = context! { name => "a\"b", on => true, at => 0x9000 };
        let c = render("x.c", "{{ name }} {{ on }} {{ at | hex }}\n", &values).unwrap();
        assert_eq!(c, "\"a\\\"b\" 1 0x9000\n");
        let cmake = render("x.cmake", "set(A {{ name }} {{ on }})", &values).unwrap();
        assert_eq!(cmake, "set(A \"a\\\"b\" ON)\n");
    }

    #[test]
    fn what_is_missing_or_has_no_literal_is_an_error() {
        for (file, template) in
            [("x.c", "{{ none }}"), ("x.csv", "{{ name }}"), ("x.txt", "{{ name }}"), ("x.c", "{{ list }}")]
        {
            let error = render(file, template, &context! { name => "a,b", list => [1, 2] }).unwrap_err();
            assert!(error.to_string().contains(file), "{error}");
        }
    }
}
