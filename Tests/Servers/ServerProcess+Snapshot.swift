public import Foundation

/// Servers whose data goes back in time.
extension ServerProcess {
    /// Saves what the server stores (SAVE), and moves the snapshot out of the server's way: a plain restart does not
    /// load it.
    ///
    /// - Parameter file: the new file.
    /// - Throws: ``ServerProcessError`` when the server does not save, as during a full synchronization; what the
    ///   file system
    ///   throws.
    public func saveSnapshot(to file: URL) throws {
        try self.order("save")
        try FileManager.default.moveItem(at: self.snapshotFile, to: file)
    }

    /// Kills the server and starts it again with the data of a snapshot.
    ///
    /// Its replicas are killed first and started again last, or one of them would be promoted with newer data; they
    /// copy
    /// what the server has. A pause long enough for a failover makes that happen all the same.
    ///
    /// - Parameters:
    ///   - snapshot: a file of ``saveSnapshot(to:)``, of this server or of one that it was a copy of; it is left as
    ///     it is.
    ///   - replicas: all replicas of the server; none by default.
    ///   - pause: how long all are down, besides the time that the start takes; not at all by default.
    /// - Throws: ``ServerProcessError`` when one does not come up again; what the file system throws.
    public func restart(
        from snapshot: URL,
        with replicas: [ServerProcess] = [],
        after pause: Duration = .zero
    ) async throws {
        for server in replicas + [self] { server.signal(SIGKILL) }
        for server in replicas + [self] {
            try await server.kill()
            try? FileManager.default.removeItem(at: server.snapshotFile)
        }
        try FileManager.default.copyItem(at: snapshot, to: self.snapshotFile)
        try await Task.sleep(for: pause)
        try await self.restart()
        for replica in replicas { try await replica.restart() }
        try await eventually("the loaded snapshot") { try self.checkInfo("persistence", ["loading:0"]) }
        try? FileManager.default.removeItem(at: self.snapshotFile)
    }

    private var snapshotFile: URL { self.directory.appending(path: "dump.rdb") }
}
