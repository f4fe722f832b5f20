import NIOCore
import RESP

/// Cuts the received bytes into replies and finds who waits for each: slots, partial input and the scanner's position.
///
/// Invariant of reply integrity: slots are appended in the order in which their bytes are written, and each takes
/// exactly the frames it expects, abandoned or not. A frame that nobody waits for is an error. No clock, no I/O.
struct ReplyAssembler {
    var ring = SlotRing()
    private var scanner: FrameScanner
    /// Received bytes from the first frame of the first slot on.
    private var received = ByteBuffer()
    /// How many of them are whole frames of the first slot.
    private var scanned = 0
    /// How many frames that is, those before a push included.
    private var frames = 0
    /// Frames of the first slot that lie before a push in the stream.
    private var collected: ByteBuffer?
    /// Callers whose replies are complete, to be resumed in one go.
    private(set) var ready: [(Waiting, RedisReplies)] = []
    /// What the server has sent out of band.
    private(set) var pushes: [ByteBuffer] = []
    /// Whether the server has refused a write because it is a replica.
    private(set) var isReadOnly = false

    private let maximumBytes: Int

    init(limits: RESPLimits) {
        self.scanner = FrameScanner(limits: limits)
        self.maximumBytes = min(limits.maximumReplyBytes, Int(UInt32.max) / 2)
    }

    /// Takes the completed replies; give the emptied array back with ``reuse(_:)``.
    mutating func takeReady() -> [(Waiting, RedisReplies)] {
        var taken: [(Waiting, RedisReplies)] = []
        swap(&taken, &self.ready)
        return taken
    }

    /// Takes the pushes.
    mutating func takePushes() -> [ByteBuffer] {
        var taken: [ByteBuffer] = []
        swap(&taken, &self.pushes)
        return taken
    }

    mutating func reuse(_ storage: consuming [(Waiting, RedisReplies)]) {
        // Alone here: an array that somebody else sees would be copied to be emptied.
        storage.removeAll(keepingCapacity: true)
        if self.ready.isEmpty { self.ready = storage }
    }

    /// Takes in more bytes; ``ready`` has the replies that they completed.
    ///
    /// - Throws: ``RESPError`` when the stream makes no sense; nothing more may be received then.
    mutating func receive(_ bytes: consuming ByteBuffer) throws(RESPError) {
        // Each element may be within its limits and the whole still without end; a ByteBuffer holds less than 4 GiB.
        let held = self.received.readableBytes + bytes.readableBytes + (self.collected?.readableBytes ?? 0)
        guard held <= self.maximumBytes else {
            throw RESPError(.limitExceeded, "replies of more than \(self.maximumBytes) bytes that are not complete")
        }
        if self.received.readableBytes == 0 {
            self.received = bytes
        } else {
            self.received.writeBuffer(&bytes)
        }
        var start = 0
        do throws(RESPError) {
            try self.scan(&start)
        } catch {
            // Where the first slot's frames lie is not certain any more: its caller gets none of them.
            self.received = ByteBuffer()
            self.scanned = 0
            self.frames = 0
            self.collected = nil
            throw error
        }
        self.scanned -= start
        if start == self.received.readableBytes {
            self.received = ByteBuffer()
        } else if start > 0 {
            // A copy of its own: the slices given out share the received storage, and writing to it would copy it
            // whole.
            var rest = ByteBuffer()
            rest.writeBytes(self.received.readableBytesSpan.extracting(start...))
            self.received = rest
        }
    }

    private mutating func scan(_ start: inout Int) throws(RESPError) {
        while self.scanned < self.received.readableBytes {
            guard let length = try Self.scan(&self.scanner, self.received, from: self.scanned) else {
                // The rest of what nobody waits for would pass for the reply of whoever comes next.
                let type = self.received.getInteger(at: self.received.readerIndex + self.scanned, as: UInt8.self)
                guard self.ring.expected != nil || type == RESPType.push.byte else {
                    throw RESPError(.malformed, "the start of a reply that nobody waits for")
                }
                return
            }
            let frameStart = self.scanned
            self.scanned += length
            if self.scanner.type == .push {
                // Out of band: the frames before it are kept, what follows begins anew.
                if self.frames > 0 { self.collect(start..<frameStart) }
                self.pushes.append(self.slice(frameStart..<self.scanned))
                start = self.scanned
                continue
            }
            guard let expected = self.ring.expected else { throw self.unsolicited(frameStart..<self.scanned) }
            if self.scanner.type == .simpleError { self.noteRefusal(at: frameStart) }
            self.frames += 1
            guard self.frames == expected else { continue }
            self.complete(start..<self.scanned)
            start = self.scanned
        }
    }

    private static func scan(
        _ scanner: inout FrameScanner,
        _ bytes: borrowing ByteBuffer,
        from start: Int
    ) throws(RESPError) -> Int? {
        try scanner.scan(bytes.readableBytesUInt8Span.extracting(start...))
    }

    private mutating func noteRefusal(at start: Int) {
        let word = "-READONLY ".utf8
        let frame = self.received.viewBytes(at: self.received.readerIndex + start, length: word.count)
        if let frame, frame.elementsEqual(word) { self.isReadOnly = true }
    }

    /// A server that refuses a connection says why without having been asked.
    private func unsolicited(_ range: Range<Int>) -> RESPError {
        var reader = RESPReader(self.slice(range))
        guard let error = try? reader.readError() else { return RESPError(.malformed, "a reply that nobody waits for") }
        return RESPError(.malformed, "the server said without being asked: \(RedisError.safeText(of: error))")
    }

    private func slice(_ range: Range<Int>) -> ByteBuffer {
        self.received.getSlice(at: self.received.readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
    }

    private mutating func collect(_ range: Range<Int>) {
        var before = self.collected.take() ?? ByteBuffer()
        before.writeImmutableBuffer(self.slice(range))
        self.collected = before
    }

    private mutating func complete(_ range: Range<Int>) {
        let count = self.frames
        self.frames = 0
        if self.collected != nil { self.collect(range) }
        let collected = self.collected.take()
        guard let waiting = self.ring.removeFirst() else { return }
        self.ready.append((waiting, RedisReplies(bytes: collected ?? self.slice(range), count: count, failure: nil)))
    }

    /// Ends everybody's waiting.
    ///
    /// The first slot's caller gets the frames that have come.
    mutating func end(_ error: RedisError) -> [(Waiting, RedisReplies)] {
        var ended: [(Waiting, RedisReplies)] = []
        if self.frames > 0 {
            let count = self.frames
            self.frames = 0
            self.collect(0..<self.scanned)
            let bytes = self.collected.take() ?? ByteBuffer()
            if let waiting = self.ring.removeFirst() {
                ended.append((waiting, RedisReplies(bytes: bytes, count: count, failure: error)))
            }
        }
        self.received = ByteBuffer()
        self.scanned = 0
        // What was wrong with the stream was wrong with the first reply; those behind it have only lost the connection.
        let behind =
            error.code == .protocolViolation
            ? RedisError(.connectionClosed, error.message, delivery: .unknown, cause: error) : error
        var isFirst = ended.isEmpty
        while self.ring.count > 0 {
            if let waiting = self.ring.removeFirst() {
                ended.append((waiting, .failed(isFirst ? error : behind)))
            }
            isFirst = false
        }
        return ended
    }
}
