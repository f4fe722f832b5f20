/// Text in columns, numbers to the right.
struct Columns {
    let header: [String]
    let rows: [[String]]
    /// The columns that are set to the left.
    let left: Set<Int>

    var text: String {
        let lines = [self.header] + self.rows
        let widths = self.header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let texts = lines.map { line in
            var text = ""
            for (column, cell) in line.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                text += (column > 0 ? "  " : "") + (self.left.contains(column) ? cell + padding : padding + cell)
            }
            while text.last == " " { text.removeLast() }
            return text
        }
        return texts.joined(separator: "\n")
    }
}
