/// Things that are started when first asked for, and shared from then on.
///
/// A start that fails is forgotten: it is the error of those who wait for it, and the next one to ask starts anew.
package actor StartedOnce<Key: Hashable & Sendable, Value: Sendable> {
    private var tasks: [Key: Task<Value, any Error>] = [:]

    /// Nothing has been started.
    package init() {}

    /// What was started under this key.
    ///
    /// - Parameters:
    ///   - key: which one.
    ///   - start: starts it if this is the first call, or the start before has failed.
    /// - Returns: the started.
    /// - Throws: what the start that this call has waited for has thrown.
    package func value(_ key: Key, _ start: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let task = self.tasks[key] ?? Task { try await start() }
        self.tasks[key] = task
        do {
            return try await task.value
        } catch {
            // Another caller may have forgotten it before, and started anew.
            if self.tasks[key] == task { self.tasks[key] = nil }
            throw error
        }
    }
}
