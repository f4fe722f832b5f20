package import NIOCore
package import RESP

/// Decoding to one type, whatever comes out.
///
/// Errors are caught by their type: for any other error that is thrown, Swift Testing records a backtrace.
package struct Decoding: Sendable, CustomStringConvertible {
    package let description: String
    private let attempt: @Sendable (inout RESPReader) -> RESPError?

    package init<Value: RESPDecodable>(_: Value.Type) {
        self.description = "\(Value.self)"
        self.attempt = { reader in
            do throws(RESPError) {
                _ = try Value(from: &reader)
                return nil
            } catch {
                return error
            }
        }
    }

    /// Decodes the start of the bytes; returns the error.
    package func failure(_ buffer: ByteBuffer) -> RESPError? {
        var reader = RESPReader(buffer)
        return self.attempt(&reader)
    }

    /// Whether decoding one frame either fails or reads all of it.
    func readsAllOrFails(_ frame: ByteBuffer) -> Bool {
        var reader = RESPReader(frame)
        return self.attempt(&reader) != nil || reader.isAtEnd
    }

    /// One that follows any shape, one that asks for null first, one for pairs.
    package static let few = [Decoding(RESPValue.self), Decoding(Int?.self), Decoding([String: Int].self)]

    /// One type of every kind, alone and in one another.
    package static let all: [Decoding] = [
        Decoding(RESPValue.self), Decoding(String.self), Decoding(Int.self), Decoding(Int64.self),
        Decoding(Double.self),
        Decoding(Bool.self), Decoding(ByteBuffer.self), Decoding([String].self), Decoding([String: Int].self),
        Decoding(RESPValue?.self), Decoding(String?.self), Decoding(Int?.self), Decoding(Double?.self),
        Decoding(Bool?.self), Decoding(ByteBuffer?.self), Decoding([String]?.self), Decoding([String: Int]?.self),
        Decoding([[[Int?]?]?]?.self), Decoding([String: [RESPValue]].self), Decoding([RESPValue: RESPValue?].self),
    ]
}
