/// One logical line, cut into its key and its value, both still with their escapes.
struct EscapedPair {
    let key: ArraySlice<UInt8>
    let value: ArraySlice<UInt8>

    /// Cuts at the first `=`, `:` or blank that no backslash escapes; blanks around one `=` or `:` belong to the cut.
    init(_ line: [UInt8]) {
        var index = line.startIndex
        var escapes = false
        while index < line.endIndex {
            let byte = line[index]
            if !escapes, byte.isBlank || byte.isSeparator { break }
            escapes = byte == .backslash && !escapes
            index += 1
        }
        self.key = line[..<index]
        var separated = false
        while index < line.endIndex {
            let byte = line[index]
            if !byte.isBlank {
                guard byte.isSeparator, !separated else { break }
                separated = true
            }
            index += 1
        }
        self.value = line[index...]
    }
}

/// Replaces the escapes of a key or a value.
enum EscapedText {
    enum Failure: Error, Hashable {
        case malformedEscape
        case loneSurrogate

        var message: String {
            switch self {
            case .malformedEscape: "a \\u escape without four hexadecimal digits"
            case .loneSurrogate: "a \\u escape for one half of a surrogate pair, without the other half"
            }
        }
    }

    /// The text with `\t \n \r \f \uXXXX` replaced and any other escaped character standing for itself.
    ///
    /// - Throws: ``Failure`` for a `\u` that is not followed by four hexadecimal digits, or that gives half a character.
    static func decoded(_ raw: ArraySlice<UInt8>) throws(Failure) -> String {
        guard raw.contains(.backslash) else { return String(decoding: raw, as: UTF8.self) }
        var text: [UInt8] = []
        text.reserveCapacity(raw.count)
        var rest = raw
        while let byte = rest.popFirst() {
            guard byte == .backslash, let escaped = rest.popFirst() else {
                text.append(byte)
                continue
            }
            switch escaped {
            case UInt8(ascii: "t"): text.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "n"): text.append(.lineFeed)
            case UInt8(ascii: "r"): text.append(.carriageReturn)
            case UInt8(ascii: "f"): text.append(.formFeed)
            case UInt8(ascii: "u"): text.append(contentsOf: String(Character(try self.scalar(&rest))).utf8)
            default: text.append(escaped)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads what follows a `\u`: one code unit, or two that form a surrogate pair.
    private static func scalar(_ rest: inout ArraySlice<UInt8>) throws(Failure) -> Unicode.Scalar {
        let unit = try self.codeUnit(&rest)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(unit), rest.popFirst() == .backslash, rest.popFirst() == UInt8(ascii: "u") else {
            throw .loneSurrogate
        }
        let second = try self.codeUnit(&rest)
        guard UTF16.isTrailSurrogate(second) else { throw .loneSurrogate }
        let value = 0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(second & 0x3FF))
        guard let scalar = Unicode.Scalar(value) else { throw .loneSurrogate }
        return scalar
    }

    private static func codeUnit(_ rest: inout ArraySlice<UInt8>) throws(Failure) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = rest.popFirst()?.hexadecimalValue else { throw .malformedEscape }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }
}

extension UInt8 {
    fileprivate var isSeparator: Bool { self == UInt8(ascii: "=") || self == UInt8(ascii: ":") }

    fileprivate var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
