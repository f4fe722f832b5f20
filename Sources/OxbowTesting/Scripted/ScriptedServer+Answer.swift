public import NIOCore

extension ScriptedServer {
    /// A command as it was received.
    public struct Command: Sendable, Hashable {
        /// The words as they came, the command's name first.
        public var rawWords: [ByteBuffer]
        /// The connection it came over, the first one ever accepted being 0.
        public var connection: Int
        /// How many commands came over this connection before, those of the handshake not counted.
        public var number: Int
        /// Whether it was answered as a part of the handshake.
        public var isHandshake: Bool

        /// The words as text; what is not UTF-8 is replaced.
        public var words: [String] { self.rawWords.map { String(buffer: $0) } }
        /// The first word in upper case.
        public var name: String { self.rawWords.first.map { String(buffer: $0).uppercased() } ?? "" }
    }

    /// One step of an answer.
    public struct Action: Sendable, Hashable {
        enum Kind: Sendable, Hashable {
            case send(ByteBuffer)
            case wait(Duration)
            case end(ConnectionEnd)
        }
        let kind: Kind

        /// Sends text in one `write`.
        public static func send(_ text: String) -> Action { Action(kind: .send(ByteBuffer(string: text))) }
        /// Sends bytes in one `write`.
        public static func send(_ bytes: some Sequence<UInt8>) -> Action {
            Action(kind: .send(ByteBuffer(bytes: bytes)))
        }
        /// Does nothing for a while; commands that come meanwhile are answered afterwards.
        public static func wait(_ duration: Duration) -> Action { Action(kind: .wait(duration)) }
        /// Closes the connection.
        public static var close: Action { Action(kind: .end(.close)) }
        /// Resets the connection.
        public static var reset: Action { Action(kind: .end(.reset)) }
    }

    /// What follows one command: any steps, or none.
    public struct Answer: Sendable, Hashable, ExpressibleByArrayLiteral {
        /// The steps in order.
        public var actions: [Action]

        /// An answer of any steps.
        public init(_ actions: [Action]) { self.actions = actions }

        /// An answer of any steps.
        public init(arrayLiteral actions: Action...) { self.actions = actions }

        /// Pieces of text, each sent by a `write` of its own, and perhaps the end of the connection.
        ///
        /// - Parameters:
        ///   - pieces: what is sent.
        ///   - closes: whether the connection is closed behind them.
        public init(_ pieces: String..., closes: Bool = false) {
            self.actions = pieces.map { .send($0) } + (closes ? [.close] : [])
        }

        /// Bytes in slices, with pauses that let the client read each by itself.
        ///
        /// - Parameters:
        ///   - bytes: what is sent.
        ///   - size: the bytes of a slice, at least 1.
        ///   - pause: the time between two slices.
        /// - Returns: an answer that sends all of the bytes.
        public static func slices(_ bytes: [UInt8], of size: Int, pausing pause: Duration = .zero) -> Answer {
            var actions: [Action] = []
            for start in stride(from: 0, to: bytes.count, by: max(1, size)) {
                if start > 0, pause > .zero { actions.append(.wait(pause)) }
                actions.append(.send(bytes[start..<min(bytes.count, start + max(1, size))]))
            }
            return Answer(actions)
        }

        /// No answer, ever.
        public static var ignore: Answer { [] }
    }
}
