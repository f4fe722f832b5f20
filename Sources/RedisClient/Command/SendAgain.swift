import NIOCore
import RESP
import Resilience

/// What is known of a request after its first attempt.
///
/// An object, so that the frames of the functions that it goes through hold a reference.
final class Attempt {
    let request: RedisRequest
    let deadline: UInt64
    var node: RedisNode
    var replies: RedisReplies
    var mayHaveBeenSent = false
    /// ASKING goes before the commands.
    var isAsking = false
    var redirects = 0
    var backoff = Backoff(initial: .milliseconds(10), maximum: .milliseconds(100))
    /// Where the next one goes, if that is known; otherwise where the route leads.
    var next: RedisNode?
    /// Before the next one.
    var pause: Duration?

    @inline(never)
    init(_ request: RedisRequest, _ timeout: UInt64, from node: RedisNode, _ replies: RedisReplies) {
        self.request = request
        self.node = node
        self.replies = replies
        self.deadline =
            replies.deadline > 0 ? replies.deadline : NIODeadline.now().uptimeNanoseconds.addingClamped(timeout)
    }

    /// What is told of a failure that ends the request.
    func failed(by failure: RedisError) -> RedisError { self.mayHaveBeenSent ? failure.mayHaveBeenSent : failure }

    /// - Throws: ``RedisError`` if the node that is asked for is none any more.
    @inline(never)
    func checkNode() throws {
        guard case .node(let address) = self.request.route, self.node.isPlaceholder else { return }
        throw self.failed(by: RedisError(.connectionClosed, "\(address) is not a node of the cluster any more"))
    }

    /// - Throws: what the attempt has failed with, unless it may be repeated.
    @inline(never)
    func noteFailure() throws {
        guard let failure = self.replies.failure else { return }
        if !self.request.ignoresCancellation { try Task.checkCancellation() }
        self.mayHaveBeenSent = self.mayHaveBeenSent || failure.delivery != .notSent
        let mayRepeat =
            failure.code == .connectionClosed && (!self.mayHaveBeenSent || self.request.isIdempotent)
        guard mayRepeat, NIODeadline.now().uptimeNanoseconds < self.deadline else { throw self.failed(by: failure) }
        self.isAsking = false
    }

    /// The node has called up, or has failed for the reason given.
    ///
    /// - Throws: that, unless another node may be asked.
    @inline(never)
    func noteAdmission(_ failure: RedisError?) throws {
        guard let failure else {
            // To the same node, or ASKING would be lost.
            self.next = self.node.isRetired ? nil : self.node
            return
        }
        if !self.request.ignoresCancellation { try Task.checkCancellation() }
        if failure.code != .connectionClosed { throw self.failed(by: failure) }
    }
}

extension RedisClient {
    /// What follows a first attempt that did not bring what was asked for: waiting for a connection or for room,
    /// another node, and another attempt where the first one was certainly not carried out, or the command may be
    /// repeated.
    ///
    /// In parts that are not inlined: while a server hangs there may be thousands in here, and each has the frames of the
    /// functions that it is in.
    @inline(never)
    func sendAgain(
        _ request: RedisRequest,
        after replies: RedisReplies,
        from node: RedisNode,
        within timeout: UInt64,
        encode: (inout ByteBuffer) -> Void
    ) async throws -> RedisReplies {
        let attempt = Attempt(request, timeout, from: node, replies)
        while true {
            try attempt.checkNode()
            attempt.next = nil
            if attempt.replies.count > 0 {
                guard try self.follow(attempt) else { return attempt.replies }
                if let pause = attempt.pause {
                    attempt.pause = nil
                    try await Task.sleep(for: pause, ignoringCancellation: attempt.request.ignoresCancellation)
                }
            } else if attempt.replies.failure != nil {
                try attempt.noteFailure()
                await Task.yield()
            } else {
                let failure = await attempt.node.multiplexer.waitForAdmission(
                    until: attempt.deadline,
                    ignoresCancellation: attempt.request.ignoresCancellation
                )
                if failure?.code == .notRunning { self.warnOfRun() }
                try attempt.noteAdmission(failure)
            }
            try await self.send(attempt, encode: encode)
        }
    }

    @inline(never)
    private func send(_ attempt: Attempt, encode: (inout ByteBuffer) -> Void) async throws {
        let rest = try self.begin(attempt)
        let isAsking = attempt.isAsking
        attempt.replies = await attempt.node.multiplexer.attempt(
            expecting: attempt.request.count + (isAsking ? 1 : 0),
            timeout: rest,
            isFirstInLine: true,
            ignoresCancellation: attempt.request.ignoresCancellation,
            check: isAsking || attempt.request.isTrusted ? .none : .shared
        ) { buffer in
            if isAsking { buffer.writeWire("*1\r\n$6\r\nASKING\r\n") }
            encode(&buffer)
        }
        if isAsking { attempt.replies.dropFirst() }
    }

    /// Takes a redirection up, if the replies are one.
    ///
    /// - Returns: `false` if they are to be handed on as they are.
    @inline(never)
    private func follow(_ attempt: Attempt) throws -> Bool {
        guard let redirection = self.redirection(attempt) else { return false }
        if !redirection.pauses { attempt.redirects += 1 }
        guard attempt.redirects <= self.maximumRedirects else { throw self.tooManyRedirects }
        attempt.isAsking = redirection.isAsking
        attempt.next = redirection.node
        guard redirection.pauses else { return true }
        guard attempt.request.waitsForServer else { return false }
        let pause = attempt.backoff.next(random: .random(in: 0..<1))
        attempt.pause = pause
        return NIODeadline.now().uptimeNanoseconds.addingClamped(pause.nanosecondsClamped) < attempt.deadline
    }

    /// Chooses the node of the next attempt.
    ///
    /// - Returns: how long it may take, in ns.
    @inline(never)
    private func begin(_ attempt: Attempt) throws -> UInt64 {
        let now = NIODeadline.now().uptimeNanoseconds
        guard now < attempt.deadline else {
            throw attempt.failed(by: RedisError(.timeout, "no connection or room within the deadline"))
        }
        attempt.node = attempt.next ?? self.topology.node(for: attempt.request)
        return attempt.deadline - now
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

    /// Whether the server said that it can do nothing at the moment.
    var refusesForNow: Bool {
        guard self.beginsWithError else { return false }
        var reader = RESPReader(self.bytes)
        guard let message = try? reader.readError().message else { return false }
        return ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN"].contains { message.hasPrefix("\($0) ") }
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
