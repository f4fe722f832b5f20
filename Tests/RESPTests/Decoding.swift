import NIOCore
import RESP

/// Decoding to one type, whatever comes out.
///
/// Errors are caught by their type: for any other error that is thrown, Swift Testing records a backtrace.
struct Decoding: Sendable, CustomStringConvertible {
    let description: String
    /// Decodes the start of the bytes; returns the error.
    let failure: @Sendable (ByteBuffer) -> RESPError?

    init<Value: RESPDecodable>(_: Value.Type) {
        self.description = "\(Value.self)"
        self.failure = { buffer in
            var reader = RESPReader(buffer)
            do throws(RESPError) {
                _ = try Value(from: &reader)
                return nil
            } catch {
                return error
            }
        }
    }

    /// One that follows any shape, one that asks for null first, one for pairs.
    static let few = [Decoding(RESPValue.self), Decoding(Int?.self), Decoding([String: Int].self)]

    /// One type of every kind, alone and in one another.
    static let all: [Decoding] = [
        Decoding(RESPValue.self), Decoding(String.self), Decoding(Int.self), Decoding(Int64.self),
        Decoding(Double.self),
        Decoding(Bool.self), Decoding(ByteBuffer.self), Decoding([String].self), Decoding([String: Int].self),
        Decoding(RESPValue?.self), Decoding(String?.self), Decoding(Int?.self), Decoding(Double?.self),
        Decoding(Bool?.self), Decoding(ByteBuffer?.self), Decoding([String]?.self), Decoding([String: Int]?.self),
        Decoding([[[Int?]?]?]?.self), Decoding([String: [RESPValue]].self), Decoding([RESPValue: RESPValue?].self),
    ]
}
