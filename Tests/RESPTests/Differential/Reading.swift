import NIOCore
import RESP

/// What a reader makes of bytes that come in one piece.
struct Reading: Decodable {
    enum End: Equatable {
        case complete
        case incomplete
        /// The next reply is refused, and why.
        case refused(String)
    }

    private(set) var replies: [Form] = []
    /// Where each reply begins, and the next one would; ours only.
    private(set) var starts = [0]
    private(set) var end = End.complete

    /// What hiredis made of them: a line of `read.py`.
    init(from decoder: any Decoder) throws {
        var parts = try decoder.unkeyedContainer()
        for _ in 1..<(parts.count ?? 1) { self.replies.append(try parts.decode(Form.self)) }
        let end = try parts.decode(String.self)
        self.end = end == "complete" ? .complete : end == "incomplete" ? .incomplete : .refused(end)
    }

    /// What we make of them.
    init(_ bytes: [UInt8]) {
        var scanner = FrameScanner()
        var start = 0
        do throws(RESPError) {
            while start < bytes.count {
                guard let length = try scanner.scan(bytes.span.extracting(start..<bytes.count)) else {
                    self.end = .incomplete
                    return
                }
                var reader = RESPReader(ByteBuffer(bytes: bytes[start..<start + length]))
                self.replies.append(Form(try RESPValue(from: &reader)))
                start += length
                self.starts.append(start)
            }
        } catch {
            self.end = .refused(error.message)
        }
    }
}
