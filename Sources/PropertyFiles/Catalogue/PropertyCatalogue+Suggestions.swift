extension PropertyCatalogue {
    /// The known key that an unknown one was probably meant to be; `nil` only if no key is known at all.
    ///
    /// A key with the same last component is nearer than any other: `pool.maxTotal` for `connection.pool.maxTotal` is a
    /// forgotten component and not eleven typing mistakes. Among several the smallest edit distance decides.
    package func nearestKey(to key: String) -> String? {
        let keys = self.definitions.map(\.key)
        let component = Self.lastComponent(of: key)
        let namesakes = keys.filter { Self.lastComponent(of: $0).equalsIgnoringCase(component) }
        return Self.nearest(to: key, among: namesakes.isEmpty ? keys : namesakes)
    }

    /// The text with the smallest edit distance, the case of letters aside; the first of several.
    static func nearest(to text: String, among candidates: [String]) -> String? {
        let text = text.lowercasedBytes.prefix(200)
        var best: (candidate: String, distance: Int)?
        for candidate in candidates {
            let bytes = candidate.lowercasedBytes.prefix(200)
            if let best, abs(bytes.count - text.count) >= best.distance { continue }
            let distance = self.editDistance(Array(text), Array(bytes))
            if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
        }
        return best?.candidate
    }

    /// How many bytes must be inserted, removed, replaced or swapped with their neighbor to turn one text into the other.
    ///
    /// This is the optimal string alignment distance, row by row.
    static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for column in right.indices {
                let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
                var distance = min(replaced, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    distance = min(distance, beforeLast[column - 1] + 1)
                }
                current.append(distance)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }

    private static func lastComponent(of key: String) -> String {
        guard let dot = key.utf8.lastIndex(of: UInt8(ascii: ".")) else { return key }
        return String(Substring(key.utf8[dot...].dropFirst()))
    }
}
