import NIOCore

extension ScriptedServer {
    /// How the commands are answered that a client sends when it has connected.
    ///
    /// They are no part of the script: the first command behind them is number 0.
    public struct Handshake: Sendable {
        private let answer: @Sendable (Command) -> Answer?

        /// A handshake of your own.
        ///
        /// - Parameter answer: gets each command; `nil` when it is none of the handshake's and the script is to answer.
        public init(_ answer: @escaping @Sendable (Command) -> Answer?) { self.answer = answer }

        func callAsFunction(_ command: Command) -> Answer? { self.answer(command) }

        /// Every command goes to the script.
        public static var none: Handshake { Handshake { _ in nil } }

        /// As Redis 8 answers HELLO, AUTH, SELECT, `CLIENT SETINFO`, `CLIENT SETNAME`, `COMMAND INFO` (it knows every
        /// command), `INFO` and `SCRIPT LOAD`.
        public static var standard: Handshake { Handshake(Self.standardAnswer) }

        /// As a server or proxy that knows no HELLO; otherwise as ``standard``.
        public static var withoutHello: Handshake {
            Handshake.standard.overriding { command in
                guard command.name == "HELLO" else { return nil }
                return Answer("-ERR unknown command 'HELLO', with args beginning with: '3' \r\n")
            }
        }

        /// This handshake with some answers replaced.
        ///
        /// - Parameter answer: gets each command first; `nil` leaves it to this handshake.
        /// - Returns: the handshake with the replaced answers.
        public func overriding(_ answer: @escaping @Sendable (Command) -> Answer?) -> Handshake {
            Handshake { command in answer(command) ?? self(command) }
        }

        private static func standardAnswer(_ command: Command) -> Answer? {
            let words = command.words
            let second = words.count > 1 ? words[1].uppercased() : ""
            switch (command.name, second) {
            case ("HELLO", "3"): return Answer("%3\r\n+server\r\n+redis\r\n+version\r\n+8.0.0\r\n+proto\r\n:3\r\n")
            case ("HELLO", _): return Answer("*6\r\n+server\r\n+redis\r\n+version\r\n+8.0.0\r\n+proto\r\n:2\r\n")
            case ("AUTH", _), ("SELECT", _), ("CLIENT", "SETINFO"), ("CLIENT", "SETNAME"): return Answer("+OK\r\n")
            case ("INFO", _): return Answer("$21\r\nredis_version:8.0.0\r\n\r\n")
            case ("SCRIPT", "LOAD"): return Answer("$40\r\n\(String(repeating: "0", count: 40))\r\n")
            case ("COMMAND", "INFO"):
                let infos = command.rawWords.dropFirst(2)
                    .map { "*2\r\n$\($0.readableBytes)\r\n\(String(buffer: $0))\r\n:-1\r\n" }
                return Answer("*\(infos.count)\r\n\(infos.joined())")
            default: return nil
            }
        }
    }
}
