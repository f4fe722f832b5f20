import NIOCore
import RESP

/// What a connection with subscriptions hands on.
enum SubscriberEvent: Sendable {
    case message(RedisMessage)
    /// In force from here on; `token` as given with the request.
    case subscribed(SubscriptionName, token: UInt64)
    /// The server refused the request.
    case refused(SubscriptionName, token: UInt64, ErrorReply)
    /// The server ended a subscription without having been asked: its slot has moved.
    case lost(SubscriptionName)
}

/// Cuts what a connection with subscriptions receives into events, and finds what each answer answers.
///
/// Requests are answered in the order in which they were sent; in between come messages. No clock, no I/O.
struct SubscriberReader {
    enum Request: Sendable, Hashable {
        case subscribe(SubscriptionName, token: UInt64)
        case unsubscribe(SubscriptionName)
        case ping
    }

    private var scanner: FrameScanner
    private var received = ByteBuffer()
    /// Sent, not answered yet.
    private(set) var awaited = CircularBuffer<Request>()
    private let maximumBytes: Int

    init(limits: RESPLimits) {
        self.scanner = FrameScanner(limits: limits)
        self.maximumBytes = min(limits.maximumReplyBytes, Int(UInt32.max) / 2)
    }

    /// Appends a request to what is sent.
    mutating func encode(_ request: Request, into buffer: inout ByteBuffer) {
        self.awaited.append(request)
        switch request {
        case .subscribe(let name, _): Self.encode(name.kind.subscribe, name, into: &buffer)
        case .unsubscribe(let name): Self.encode(name.kind.unsubscribe, name, into: &buffer)
        case .ping: buffer.writeWire("*1\r\n$4\r\nPING\r\n")
        }
    }

    private static func encode(_ word: StaticString, _ name: SubscriptionName, into buffer: inout ByteBuffer) {
        // One command for each name: an error names none.
        buffer.writeCommandHeader(count: 2)
        buffer.writeWord(word)
        name.bytes.writeBulkString(into: &buffer)
    }

    /// Takes in more bytes and hands on what they complete.
    ///
    /// - Throws: ``RESPError`` when the stream makes no sense; nothing more may be received then.
    mutating func receive(_ bytes: ByteBuffer, _ handOn: (SubscriberEvent) -> Void) throws(RESPError) {
        guard self.received.readableBytes + bytes.readableBytes <= self.maximumBytes else {
            throw RESPError(.limitExceeded, "a push of more than \(self.maximumBytes) bytes")
        }
        if self.received.readableBytes == 0 {
            self.received = bytes
        } else {
            self.received.writeImmutableBuffer(bytes)
        }
        while self.received.readableBytes > 0, let length = try Self.scan(&self.scanner, self.received) {
            guard let frame = self.received.readSlice(length: length) else { return }
            if let event = try self.event(SubscriberFrame(frame)) { handOn(event) }
        }
        if self.received.readableBytes == 0 {
            self.received = ByteBuffer()
        } else if self.received.readerIndex > 1 << 16 {
            self.received.discardReadBytes()
        }
    }

    private static func scan(_ scanner: inout FrameScanner, _ bytes: borrowing ByteBuffer) throws(RESPError) -> Int? {
        try scanner.scan(bytes.readableBytesUInt8Span)
    }

    private mutating func event(_ frame: SubscriberFrame) throws(RESPError) -> SubscriberEvent? {
        switch frame {
        case .message(let message): return .message(message)
        case .unknown: return nil
        case .subscribed(let name):
            guard case .subscribe(name, let token)? = self.awaited.popFirst() else {
                throw RESPError(.malformed, "the confirmation of a subscription that nobody has asked for")
            }
            return .subscribed(name, token: token)
        case .unsubscribed(let name):
            guard self.awaited.first == .unsubscribe(name) else { return .lost(name) }
            self.awaited.removeFirst()
            return nil
        case .pong:
            guard self.awaited.popFirst() == .ping else {
                throw RESPError(.malformed, "a reply that nobody waits for")
            }
            return nil
        case .error(let reply):
            switch self.awaited.popFirst() {
            case .subscribe(let name, let token): return .refused(name, token: token, reply)
            // Whatever it is, the server is alive; what is not wanted any more is not handed on further up.
            case .unsubscribe, .ping: return nil
            case nil:
                let text = RedisError.safeText(of: reply)
                throw RESPError(.malformed, "the server said without being asked: \(text)")
            }
        }
    }
}
