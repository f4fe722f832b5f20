extension ServerProcess {
    /// How often these commands were called so far, by scripts too.
    ///
    /// - Parameter commands: their names in lower case, such as `evalsha`.
    /// - Returns: the sum.
    /// - Throws: ``ServerProcessError`` when the server cannot be asked.
    public func calls(of commands: String...) throws -> Int {
        let lines = try self.cli("info", "commandstats").split(whereSeparator: \.isNewline)
        let counts = commands.compactMap { command in
            let prefix = "cmdstat_\(command):calls="
            let line = lines.first { $0.hasPrefix(prefix) }
            return line.flatMap { Int($0.dropFirst(prefix.count).prefix { $0.isNumber }) }
        }
        return counts.reduce(0, +)
    }
}
