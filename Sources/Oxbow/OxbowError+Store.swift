import RedisClient

extension OxbowError {
    /// The error of a call that cannot go on without the store.
    init(storeFailure error: any Error, file: String = #fileID, line: Int = #line) {
        if let error = error as? RedisError, [.notRunning, .shutDown].contains(error.code), error.delivery == .notSent {
            self.init(.notRunning, "run() of this Oxbow is not running", cause: error, file: file, line: line)
        } else {
            self.init(.unavailable, "the store did not carry it out: \(error)", cause: error, file: file, line: line)
        }
    }
}

/// Asks the store, and makes ``OxbowError`` of what it throws, but for the task's own cancellation.
func callingStore<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
        return try await body()
    } catch let error as OxbowError {
        throw error
    } catch is CancellationError {
        throw CancellationError()
    } catch {
        throw OxbowError(storeFailure: error)
    }
}
