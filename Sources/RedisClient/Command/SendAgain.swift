import NIOCore
import RESP
import Resilience

/// What is known of a request after its first attempt.
struct Attempt {
    let request: RedisRequest
    let deadline: UInt64
    var node: RedisNode
    var replies: RedisReplies
    var mayHaveBeenSent = false
    /// ASKING goes before the commands.
    var isAsking = false
    var redirects = 0
    var backoff = Backoff(initial: .milliseconds(10), maximum: .milliseconds(100))

    init(_ request: RedisRequest, _ timeout: UInt64, from node: RedisNode, _ replies: RedisReplies) {
        self.request = request
        self.node = node
        self.replies = replies
        self.deadline =
            replies.deadline > 0 ? replies.deadline : NIODeadline.now().uptimeNanoseconds.addingClamped(timeout)
    }
}

extension RedisClient {
    /// What follows a first attempt that did not bring what was asked for: waiting for a connection or for room,
    /// another node, and another attempt where the first one was certainly not carried out, or the command may be
    /// repeated.
    @inline(never)
    func sendAgain(
        _ request: RedisRequest,
        after replies: RedisReplies,
        from node: RedisNode,
        within timeout: UInt64,
        encode: (inout ByteBuffer) -> Void
    ) async throws -> RedisReplies {
        var attempt = Attempt(request, timeout, from: node, replies)
        while true {
            if case .node(let address) = request.route, attempt.node.isPlaceholder {
                let failure = RedisError(.connectionClosed, "\(address) is not a node of the cluster any more")
                throw attempt.mayHaveBeenSent ? failure.mayHaveBeenSent : failure
            }
            var next: RedisNode?
            if attempt.replies.count > 0 {
                guard let redirection = self.redirection(attempt) else { return attempt.replies }
                if !redirection.pauses { attempt.redirects += 1 }
                guard attempt.redirects <= self.maximumRedirects else { throw self.tooManyRedirects }
                attempt.isAsking = redirection.isAsking
                next = redirection.node
                if redirection.pauses {
                    let pause = attempt.backoff.next(random: .random(in: 0..<1))
                    let end = NIODeadline.now().uptimeNanoseconds.addingClamped(pause.nanosecondsClamped)
                    guard end < attempt.deadline else { return attempt.replies }
                    try await Task.sleep(for: pause, ignoringCancellation: request.ignoresCancellation)
                }
            } else if let failure = attempt.replies.failure {
                if !request.ignoresCancellation { try Task.checkCancellation() }
                attempt.mayHaveBeenSent = attempt.mayHaveBeenSent || failure.delivery != .notSent
                let mayRepeat =
                    failure.code == .connectionClosed && (!attempt.mayHaveBeenSent || request.isIdempotent)
                guard mayRepeat, NIODeadline.now().uptimeNanoseconds < attempt.deadline else {
                    throw attempt.mayHaveBeenSent ? failure.mayHaveBeenSent : failure
                }
                attempt.isAsking = false
                await Task.yield()
            } else if let failure = await attempt.node.multiplexer.waitForAdmission(
                until: attempt.deadline,
                ignoresCancellation: request.ignoresCancellation
            ) {
                if !request.ignoresCancellation { try Task.checkCancellation() }
                if failure.code != .connectionClosed {
                    throw attempt.mayHaveBeenSent ? failure.mayHaveBeenSent : failure
                }
            } else {
                // Called up: to the same node, or ASKING would be lost.
                next = attempt.node.isRetired ? nil : attempt.node
            }
            let now = NIODeadline.now().uptimeNanoseconds
            guard now < attempt.deadline else {
                let failure = RedisError(.timeout, "no connection or room within the deadline")
                throw attempt.mayHaveBeenSent ? failure.mayHaveBeenSent : failure
            }
            let isAsking = attempt.isAsking
            attempt.node = next ?? self.topology.node(for: request)
            attempt.replies = await attempt.node.multiplexer.attempt(
                expecting: request.count + (isAsking ? 1 : 0),
                timeout: attempt.deadline - now,
                isFirstInLine: true,
                ignoresCancellation: request.ignoresCancellation
            ) { buffer in
                if isAsking { buffer.writeWire("*1\r\n$6\r\nASKING\r\n") }
                encode(&buffer)
            }
            if isAsking { attempt.replies.dropFirst() }
        }
    }

    var maximumRedirects: Int {
        if case .cluster(let cluster) = self.configuration.topology { cluster.maximumRedirects } else { 0 }
    }

    private var tooManyRedirects: RedisError {
        let message = "redirected more than \(self.maximumRedirects) times: the cluster's nodes do not agree"
        return RedisError(.server, message, delivery: .refused, serverError: "MOVED")
    }

    /// What the topology makes of replies that may ask to go elsewhere.
    private func redirection(_ attempt: Attempt) -> Redirection? {
        guard attempt.replies.beginsWithError || attempt.request.isTransaction else { return nil }
        return self.topology.redirection(of: attempt.replies, to: attempt.request, from: attempt.node)
    }
}

extension RedisReplies {
    /// The words of the error with which the whole request was refused, so that nothing of it was carried out: a single
    /// command's, or in a transaction EXEC's own or the one that made it give up.
    func refusal(of request: RedisRequest) -> String? {
        guard self.failure == nil, self.count == request.count else { return nil }
        var reader = RESPReader(self.bytes)
        do {
            guard request.isTransaction else { return self.count == 1 ? try reader.readError().message : nil }
            var refusal: String?
            for index in 0..<self.count {
                let type = try reader.nextType()
                guard type == .simpleError || type == .bulkError else {
                    try reader.skip()
                    continue
                }
                let message = try reader.readError().message
                if index == 0 { return nil }
                if index == self.count - 1 { return message.hasPrefix("EXECABORT") ? refusal : message }
                refusal = refusal ?? message
            }
        } catch {
            return nil
        }
        return nil
    }

    /// Whether the first reply is an error.
    var beginsWithError: Bool {
        self.bytes.getInteger(at: self.bytes.readerIndex, as: UInt8.self) == RESPType.simpleError.byte
    }

    /// Takes the first reply away, that to ASKING.
    mutating func dropFirst() {
        guard self.count > 0 else { return }
        // OK or an error: a line.
        let bytes = self.bytes.readableBytesView
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return }
        self.bytes.moveReaderIndex(to: end + 1)
        self.count -= 1
    }
}
