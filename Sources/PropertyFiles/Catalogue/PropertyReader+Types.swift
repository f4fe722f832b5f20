extension PropertyReader {
    /// Reads `true` or `false`.
    package mutating func boolean(_ key: String) -> Bool {
        self.read(key) { text, _ in PropertyText.boolean(text) } ?? false
    }

    /// Reads a whole number of kind `integer` or `bytes`; zero if there is neither a value nor a default.
    package mutating func integer(_ key: String) -> Int { self.optionalInteger(key) ?? 0 }

    /// Reads a whole number of kind `integer` or `bytes`; `nil` if the property is empty, as its default is.
    package mutating func optionalInteger(_ key: String) -> Int? {
        self.read(key) { text, kind in
            switch kind {
            case .integer(let range), .bytes(let range): PropertyText.integer(text, in: range)
            default: nil
            }
        }
    }

    /// Reads a number that may have a fraction; zero if there is neither a value nor a default.
    package mutating func decimal(_ key: String) -> Double {
        self.read(key) { text, kind in
            if case .decimal(let range) = kind { PropertyText.decimal(text, in: range) } else { nil }
        } ?? 0
    }

    /// Reads a time in the unit of the property; zero if there is neither a value nor a default.
    package mutating func duration(_ key: String) -> Duration { self.optionalDuration(key) ?? .zero }

    /// Reads a time in the unit of the property; `nil` if the property is empty, as its default is.
    package mutating func optionalDuration(_ key: String) -> Duration? {
        self.read(key) { text, kind in
            switch kind {
            case .milliseconds(let range): PropertyText.integer(text, in: range).map { .milliseconds($0) }
            case .seconds(let range): PropertyText.integer(text, in: range).map { .seconds($0) }
            default: nil
            }
        }
    }

    /// Reads a text; empty if there is neither a value nor a default.
    package mutating func string(_ key: String) -> String { self.optionalString(key) ?? "" }

    /// Reads a text; `nil` if it is empty.
    package mutating func optionalString(_ key: String) -> String? {
        let text = self.value(of: key).text
        return text.isEmpty ? nil : text
    }

    /// Reads a text that must not be printed, with the blanks at its ends; `nil` if it is empty.
    package mutating func secret(_ key: String) -> Secret? {
        let text = self.value(of: key).untrimmed
        return text.isEmpty ? nil : Secret(text)
    }

    /// Reads one of the words that the definition lists, in the spelling of the list, whatever its case in the file.
    package mutating func enumeration(_ key: String) -> String {
        self.read(key) { text, kind in
            if case .enumeration(let words) = kind { PropertyText.word(text, of: words) } else { nil }
        } ?? ""
    }

    /// Reads one of the words that the definition lists as the case of an enumeration that has the word as raw value.
    ///
    /// - Parameters:
    ///   - key: The property.
    ///   - fallback: What a word without a case gives; with a catalogue that fits the enumeration there is none.
    /// - Returns: the case for the word, or for the default if the property has a word that is not allowed.
    package mutating func enumeration<Word: RawRepresentable<String>>(_ key: String, or fallback: Word) -> Word {
        Word(rawValue: self.enumeration(key)) ?? fallback
    }

    /// Reads texts separated by commas; parts that are empty are left out.
    package mutating func list(_ key: String) -> [String] { PropertyText.list(self.value(of: key).text) }
}
