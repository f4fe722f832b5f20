import TestServers

/// The figures of a run, by the names that the result file has.
///
/// Unless a name says otherwise they are about keys of the broken master, over the whole run. "others" are keys of
/// other masters.
struct FailoverFigures: Sendable {
    /// From the signal to the first acknowledgment of a write that began when the master was gone or stood still.
    ///
    /// `nil` when there was none.
    let secondsToFirstWrite: Double?
    /// From the signal to the first bare write that a server took.
    let yardstickSeconds: Double
    private(set) var values: [String: Double]

    /// - Parameters:
    ///   - records: the calls.
    ///   - moments: when things happened.
    ///   - verification: what is on the servers in the end.
    ///   - settings: figures that say under what settings the others came about: only runs with the same compare.
    init(
        _ records: [CallRecord],
        _ moments: FailoverMoments,
        _ verification: FailoverVerification,
        settings: [String: Double]
    ) {
        let ofBroken = records.filter(\.isOfBroken)
        let others = records.filter { !$0.isOfBroken }
        let first = records.first { $0.isWriteOfBroken && $0.began >= moments.broken }?.ended
        let seconds = { (time: Duration) in ((time - moments.signaled) / .milliseconds(1)).rounded() / 1000 }
        self.secondsToFirstWrite = first.map(seconds)
        self.yardstickSeconds = seconds(moments.yardstick)

        var values = settings
        values["yardstickSeconds"] = self.yardstickSeconds
        values["secondsToFirstWrite"] = self.secondsToFirstWrite
        func count(_ name: String, _ number: Int) { values[name] = Double(number) }
        func countErrors(_ prefix: String, _ records: [CallRecord]) {
            let kinds = records.compactMap(\.failure)
            count(prefix, kinds.count)
            for kind in Set(kinds) { count(prefix + kind.figureName, kinds.count { $0 == kind }) }
        }
        let done = ofBroken.filter(\.isWriteOfBroken)
        count("writes", done.count)
        count("reads", ofBroken.count { !$0.isWrite && $0.isDone })
        let longest = done.map { $0.ended - $0.began }.max() ?? .zero
        values["maximumWriteSeconds"] = (longest / .milliseconds(1)).rounded() / 1000
        count("unknownOutcome", ofBroken.count(where: \.isWriteOfUnknownOutcome))
        countErrors("errors", ofBroken)
        count("errorsAfterReturn", ofBroken.count { !$0.isDone && $0.ended >= moments.returned })
        if !others.isEmpty {
            count("othersWrites", others.count(where: \.isDone))
            countErrors("othersErrors", others)
        }
        var tallies = [("", verification.ofBroken)]
        if !others.isEmpty { tallies.append(("others", verification.ofOthers)) }
        for (prefix, tally) in tallies {
            func count(_ name: String, _ number: Int) {
                values[prefix.isEmpty ? name : prefix + name.prefix(1).uppercased() + name.dropFirst()] = Double(number)
            }
            count("acknowledgedLost", tally.acknowledgedLost)
            count("unknownCarriedOut", tally.unknownCarriedOut)
            count("carriedOutTwice", tally.carriedOutTwice)
            count("deniedButCarriedOut", tally.deniedButCarriedOut)
        }
        self.values = values
    }
}

extension CallRecord {
    fileprivate var isWriteOfUnknownOutcome: Bool {
        guard self.isWrite, case .failed(_, let isUnknown) = self.outcome else { return false }
        return isUnknown
    }
}
