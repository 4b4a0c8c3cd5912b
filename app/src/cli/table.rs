//! A table of text: names on the left, a column of right-aligned cells for each run.

/// Rows with as many cells as there are columns.
pub(super) struct Table {
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// A table whose first line are the columns' titles.
    pub(super) fn new(titles: impl Iterator<Item = String>) -> Self {
        Table { rows: vec![(String::new(), titles.collect())] }
    }

    pub(super) fn row(&mut self, name: String, cells: Vec<String>) {
        self.rows.push((name, cells));
    }

    /// Every column as wide as its widest cell.
    pub(super) fn lines(&self) -> Vec<String> {
        let width_of = |text: &String| text.chars().count();
        let name_width = self.rows.iter().map(|(name, _)| width_of(name)).max().unwrap_or(0);
        let columns = self.rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|i| self.rows.iter().filter_map(|(_, c)| c.get(i)).map(width_of).max().unwrap_or(0))
            .collect();
        let line = |(name, cells): &(String, Vec<String>)| {
            let cells: Vec<String> = cells.iter().zip(&widths).map(|(c, &w)| format!("{c:>w$}")).collect();
            format!("{name:<name_width$}  {}", cells.join("  "))
        };
        self.rows.iter().map(line).collect()
    }
}
