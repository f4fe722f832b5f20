/// Replaces `${NAME}` and `${NAME:-default}` in a value by environment variables.
///
/// As in a shell, `:-` gives the default for a variable that is unset or empty. A default may contain references itself;
/// it ends at the first `}` that belongs to none of them, and what it refers to is only asked for where it is used.
/// `$${` stands for a literal `${`. What a variable holds is never expanded again, so the work is linear in the length
/// of the value and of what is put in, and no value can make it recurse.
struct VariableExpansion {
    enum Failure: Error, Hashable {
        case unset
        case unterminated
        case malformed

        /// The name between the braces may be a part of a password, so it is not shown.
        var problem: (code: PropertyError.Code, message: String, allowed: String?) {
            switch self {
            case .unset:
                (
                    .unresolved, "an environment variable that the value refers to by ${...} is not set",
                    "${NAME:-default} for a variable that may be unset, $${ for a literal ${"
                )
            case .unterminated: (.malformed, "a ${ without its }", "$${ for a literal ${")
            case .malformed:
                (.malformed, "a ${ without a variable's name", "${NAME}, ${NAME:-default}, $${ for a literal ${")
            }
        }
    }

    let environment: [String: String]

    /// The text with all references replaced.
    ///
    /// - Throws: ``Failure`` for the first reference that is broken, or whose variable is unset and needed.
    func expanded(_ text: String) throws(Failure) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var pass = Pass(environment: self.environment, rest: Array(text.utf8)[...])
        return try pass.run()
    }

    /// One pass over a value.
    ///
    /// References with a default that are still open stand on a stack of their own, not on the call stack.
    private struct Pass {
        let environment: [String: String]
        var rest: ArraySlice<UInt8>
        var output: [UInt8] = []
        /// What each open reference is replaced by; `nil` where its default counts.
        var open: [String?] = []
        /// How many open references do not use their default; inside of one nothing is put out.
        var unused = 0

        mutating func run() throws(Failure) -> String {
            while let byte = self.rest.popFirst() {
                if byte == UInt8(ascii: "$"), self.rest.starts(with: "${".utf8) {
                    self.rest.removeFirst(2)
                    self.put("${")
                } else if byte == UInt8(ascii: "$"), self.rest.first == UInt8(ascii: "{") {
                    self.rest.removeFirst()
                    try self.reference()
                } else if byte == UInt8(ascii: "}"), let replacement = self.open.popLast() {
                    guard let replacement else { continue }
                    self.unused -= 1
                    self.put(replacement)
                } else if self.unused == 0 {
                    self.output.append(byte)
                }
            }
            guard self.open.isEmpty else { throw .unterminated }
            return String(decoding: self.output, as: UTF8.self)
        }

        private mutating func reference() throws(Failure) {
            let bytes = self.rest.prefix { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "_") }
            self.rest = self.rest[bytes.endIndex...]
            guard let end = self.rest.popFirst() else { throw .unterminated }
            guard let first = bytes.first, !first.isASCIIDigit else { throw .malformed }
            let variable = String(decoding: bytes, as: UTF8.self)
            let value = self.environment[variable]
            if end == UInt8(ascii: "}") {
                guard self.unused == 0 else { return }
                guard let value else { throw .unset }
                self.put(value)
            } else if end == UInt8(ascii: ":"), self.rest.popFirst() == UInt8(ascii: "-") {
                let replacement = value.flatMap { $0.isEmpty ? nil : $0 }
                if replacement != nil { self.unused += 1 }
                self.open.append(replacement)
            } else {
                throw .malformed
            }
        }

        private mutating func put(_ text: String) {
            if self.unused == 0 { self.output.append(contentsOf: text.utf8) }
        }
    }
}
