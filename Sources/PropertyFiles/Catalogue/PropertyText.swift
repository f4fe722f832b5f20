/// Reads values from text that has been trimmed, as strictly as Java does; numbers of any length are safe.
enum PropertyText {
    /// `true` or `false` in whatever case, nothing else.
    static func boolean(_ text: String) -> Bool? {
        if text.equalsIgnoringCase("true") { return true }
        return text.equalsIgnoringCase("false") ? false : nil
    }

    /// An optional sign and decimal digits, as `Integer.parseInt` takes them; `nil` if the number is not in the range.
    static func integer(_ text: String, in range: ClosedRange<Int>) -> Int? {
        guard self.isInteger(text), let number = Int(text), range.contains(number) else { return nil }
        return number
    }

    /// Whether the text has the form of a whole number, however large.
    static func isInteger(_ text: String) -> Bool {
        let isSigned = text.utf8.first == UInt8(ascii: "+") || text.utf8.first == UInt8(ascii: "-")
        let digits = text.utf8.dropFirst(isSigned ? 1 : 0)
        return !digits.isEmpty && digits.allSatisfy(\.isASCIIDigit)
    }

    /// A decimal number with an optional fraction and exponent; infinities, `nan` and hexadecimal forms are refused.
    static func decimal(_ text: String, in range: ClosedRange<Double>) -> Double? {
        let characters = Set("0123456789+-.eE".utf8)
        guard text.utf8.allSatisfy(characters.contains), let number = Double(text), number.isFinite else { return nil }
        return range.contains(number) ? number : nil
    }

    /// The word that the text is, in the spelling of the list.
    static func word(_ text: String, of words: [String]) -> String? {
        words.first { $0.equalsIgnoringCase(text) }
    }

    /// The parts between commas, trimmed, without empty ones.
    static func list(_ text: String) -> [String] {
        text.utf8.split(separator: UInt8(ascii: ",")).map { String(Substring($0)).trimmed }.filter { !$0.isEmpty }
    }
}
