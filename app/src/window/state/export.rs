//! The table as text, for other programs.

use super::{Row, State, rows};

/// What a copied table looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma separated values; figures are fractions.
    Csv,
    /// A table of Markdown, with the same figures.
    Markdown,
}

/// Headings of what is copied, with units where the window has others: errors are fractions, not percent.
const HEADINGS: [&str; 10] = [
    "operation",
    "kind",
    "bits",
    "graphwise_nsr",
    "layerwise_nsr",
    "weight_exponents",
    "output_exponent",
    "macs",
    "bytes",
    "measured_ms",
];

/// The rows on display as text.
pub fn table_text(state: &State, format: TableFormat) -> String {
    let rows = rows(state);
    let mut lines = Vec::with_capacity(rows.len() + 2);
    match format {
        TableFormat::Csv => {
            lines.push(HEADINGS.join(","));
            lines.extend(rows.iter().map(|row| cells(row, " ").map(|c| csv_cell(&c)).join(",")));
        }
        TableFormat::Markdown => {
            lines.push(format!("| {} |", HEADINGS.join(" | ")));
            lines.push(format!("|{}", " --- |".repeat(HEADINGS.len())));
            lines
                .extend(rows.iter().map(|row| {
                    format!("| {} |", cells(row, " ").map(|c| c.replace('|', "\\|")).join(" | "))
                }));
        }
    }
    lines.join("\n") + "\n"
}

/// The cells of a row; figures are fractions.
fn cells(row: &Row, between: &str) -> [String; 10] {
    let text = |v: Option<String>| v.unwrap_or_default();
    [
        row.name.clone(),
        row.op.clone(),
        text(row.bits.map(|b| b.to_string())),
        text(row.graphwise.map(|v| v.to_string())),
        text(row.layerwise.map(|v| v.to_string())),
        row.weight_exponents.iter().map(ToString::to_string).collect::<Vec<_>>().join(between),
        text(row.output_exponent.map(|e| e.to_string())),
        row.macs.to_string(),
        text(row.bytes.map(|b| b.to_string())),
        text(row.measured_us.map(|us| (us / 1000.0).to_string())),
    ]
}

/// Quotes a cell where it needs quotes; one that a spreadsheet would take for a formula is quoted with an apostrophe.
fn csv_cell(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok();
    let text = match text.starts_with(['=', '+', '-', '@']) && !is_number {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_name_the_units_of_what_is_copied() {
        let state = State::default();
        let csv = table_text(&state, TableFormat::Csv);
        let markdown = table_text(&state, TableFormat::Markdown);
        assert!(csv.starts_with("operation,kind,bits,graphwise_nsr,"), "{csv}");
        assert!(markdown.starts_with("| operation | kind | bits | graphwise_nsr |"), "{markdown}");
        assert!(!markdown.contains('%') && !markdown.contains("KiB"));
    }

    #[test]
    fn cells_survive_commas_quotes_and_spreadsheets() {
        assert_eq!(csv_cell("a,b"), "\"a,b\"");
        assert_eq!(csv_cell("a\"b"), "\"a\"\"b\"");
        assert_eq!(csv_cell("=1+1"), "'=1+1");
        assert_eq!(csv_cell("-7"), "-7");
    }
}
