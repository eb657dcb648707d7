//! Tables as kubectl prints them: upper-case headings, columns by spaces, no lines.

/// Rows under headings; every cell is one line.
pub fn render<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table.set_header(headings.map(str::to_uppercase));
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 == N { 0 } else { 2 }));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_headings() {
        let text =
            render(["cluster", "root"], [["east".into(), "3f:9a".into()], ["a-longer-name".into(), "none".into()]]);
        assert_eq!(text, "CLUSTER        ROOT\neast           3f:9a\na-longer-name  none");
    }
}
