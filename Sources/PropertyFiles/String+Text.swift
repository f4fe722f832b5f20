extension String {
    /// The text without the characters up to and including U+0020 at both ends, as Java's `String.trim` leaves it.
    var trimmed: String {
        var rest = self.utf8[...]
        while let first = rest.first, first <= 0x20 { rest.removeFirst() }
        while let last = rest.last, last <= 0x20 { rest.removeLast() }
        return String(Substring(rest))
    }

    /// The text on one line of bounded length, fit for a message or a log.
    ///
    /// Control and formatting characters are escaped, so that a file's content can neither break a line nor forge one;
    /// what follows the first 200 characters is cut off.
    var printable: String {
        var text = ""
        var count = 0
        for scalar in self.unicodeScalars {
            guard count < 200 else { return text + "…" }
            count += 1
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                text += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            default:
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// The bytes with ASCII letters in lower case; other letters are left alone, whatever the locale.
    var lowercasedBytes: [UInt8] { self.utf8.map { $0.asciiLowercased } }

    /// Whether two texts are equal but for the case of ASCII letters.
    func equalsIgnoringCase(_ other: String) -> Bool {
        self.utf8.elementsEqual(other.utf8) { $0.asciiLowercased == $1.asciiLowercased }
    }
}

extension UInt8 {
    var isASCIIUppercase: Bool { (0x41...0x5A).contains(self) }
    var isASCIILetter: Bool { (0x61...0x7A).contains(self | 0x20) }
    var isASCIIDigit: Bool { (0x30...0x39).contains(self) }
    var asciiLowercased: UInt8 { self.isASCIIUppercase ? self | 0x20 : self }
}
