/// The masters at one moment.
@usableFromInline
package struct MasterSighting: Sendable {
    /// The run id and the replication id of each.
    ///
    /// One that was not there before is a server that was restarted, or a replica that was promoted: it may lack the last
    /// writes that the old one has acknowledged.
    package var identities: Set<String>
    /// Whether all have answered.
    package var isComplete: Bool

    package init(_ identities: Set<String>, isComplete: Bool = true) {
        self.identities = identities
        self.isComplete = isComplete
    }
}
