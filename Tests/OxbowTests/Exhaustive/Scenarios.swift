import Oxbow

extension Scenario {
    private static var crashes: Faults { Faults(crashes: 1, halfLives: 2) }

    /// Explored completely in each run.
    static let small: [Scenario] = [
        Scenario("2 readers", [.reader(0, in: 0, 0), .reader(1, in: 1, 0)]),
        Scenario("3 readers in 2 processes", [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 1, 0)]),
        Scenario("2 readers, invalidate", [.reader(0, in: 0, 0, 0), .reader(1, in: 1, 0), .writer(0, .invalidate(0))]),
        Scenario(
            "2 readers, invalidate of a field",
            form: .field,
            [.reader(0, in: 0, 0, 0), .reader(1, in: 1, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "2 readers in one process, invalidate",
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "2 readers that share looks, invalidate",
            sharesLooks: true,
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .writer(0, .invalidate(0))]
        ),
        Scenario("2 readers, update", [.reader(0, in: 0, 0, 0), .reader(1, in: 1, 0), .writer(0, .update([0]))]),
        Scenario(
            "2 readers, write-through",
            [.reader(0, in: 0, 0, 0), .reader(1, in: 1, 0), .writer(0, .writeThrough(0))]
        ),
        Scenario(
            "1 reader, invalidate + update",
            [.reader(0, in: 0, 0, 0), .writer(0, .invalidate(0)), .writer(1, .update([0]))]
        ),
        Scenario(
            "1 reader, invalidate + write-through",
            [.reader(0, in: 0, 0, 0), .writer(0, .invalidate(0)), .writer(1, .writeThrough(0))]
        ),
        Scenario(
            "1 reader, update + write-through",
            [.reader(0, in: 0, 0, 0), .writer(0, .update([0])), .writer(1, .writeThrough(0))]
        ),
        Scenario(
            "1 reader, 2 write-throughs",
            [.reader(0, in: 0, 0, 0), .writer(0, .writeThrough(0)), .writer(1, .writeThrough(0))]
        ),
        Scenario("2 writers", [.writer(0, .invalidate(0)), .writer(1, .writeThrough(0))]),
        Scenario(
            "group invalidation + write-through",
            form: .field,
            [.writer(0, .invalidateGroup), .writer(1, .writeThrough(0))]
        ),
        Scenario(
            "group invalidation + update + write-through",
            form: .field,
            [.writer(0, .invalidateGroup), .writer(1, .update([0])), .writer(2, .writeThrough(0))]
        ),
        Scenario(
            "2 readers, group invalidation",
            form: .field,
            [.reader(0, in: 0, 0, 1), .reader(1, in: 1, 1), .writer(0, .invalidateGroup)]
        ),
        Scenario(
            "1 reader, update; a crash, expiry",
            faults: crashes,
            [.reader(0, in: 0, 0, 0), .writer(0, .update([0]))]
        ),
        Scenario(
            "1 reader, 2 updates; a crash",
            faults: Faults(crashes: 1),
            [.reader(0, in: 0, 0), .writer(0, .update([0])), .writer(1, .update([0]))]
        ),
        Scenario(
            "1 reader, 2 updates of a field; a crash",
            form: .field,
            faults: Faults(crashes: 1),
            [.reader(0, in: 0, 0), .writer(0, .update([0])), .writer(1, .update([0]))]
        ),
        Scenario(
            "1 reader, invalidate + update; a crash",
            faults: Faults(crashes: 1),
            [.reader(0, in: 0, 0), .writer(0, .invalidate(0)), .writer(1, .update([0]))]
        ),
        Scenario(
            "2 readers, invalidate; a renewal",
            faults: Faults(renewals: 1),
            [.reader(0, in: 0, 0), .reader(1, in: 1, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "1 reader, write-through; a crash, expiry",
            form: .field,
            faults: crashes,
            [.reader(0, in: 0, 0, 0), .writer(0, .writeThrough(0))]
        ),
        Scenario(
            "3 readers in one process without a store, invalidate",
            isStoreAway: true,
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 0, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "2 readers in one process without a store, invalidate",
            isStoreAway: true,
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "2 readers, invalidate; a failure of the store",
            faults: Faults(losses: 1),
            [.reader(0, in: 0, 0), .reader(1, in: 1, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "1 reader, write-through; a failure of the store, expiry",
            faults: Faults(halfLives: 2, losses: 1),
            [.reader(0, in: 0, 0, 0), .writer(0, .writeThrough(0))]
        ),
        Scenario(
            "2 readers in one process; one cancelled",
            faults: Faults(cancellations: 1),
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0)]
        ),
        Scenario(
            "1 request and 1 reader",
            [Actor(name: "Q0", process: 0, work: [.request(0)]), .reader(0, in: 1, 0)]
        ),
    ]

    /// Explored completely with `OXBOW_EXHAUSTIVE=1`, otherwise at random.
    static let large: [Scenario] = [
        Scenario(
            "3 readers that share looks, a cancellation",
            faults: Faults(cancellations: 1),
            sharesLooks: true,
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 0, 0)]
        ),
        Scenario(
            "3 readers that share looks, invalidate",
            sharesLooks: true,
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 0, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "1 reader, invalidate + write-through; renewals, expiry",
            faults: Faults(halfLives: 3, renewals: 1),
            [.reader(0, in: 0, 0), .writer(0, .invalidate(0)), .writer(1, .writeThrough(0))]
        ),
        Scenario(
            "1 reader, update + write-through; renewals, expiry",
            faults: Faults(halfLives: 3, renewals: 1),
            [.reader(0, in: 0, 0), .writer(0, .writeThrough(0)), .writer(1, .update([0]))]
        ),
        Scenario(
            "1 reader, 2 updates; a crash, expiry",
            faults: crashes,
            [.reader(0, in: 0, 0), .writer(0, .update([0])), .writer(1, .update([0]))]
        ),
        Scenario(
            "1 reader, invalidate + update; a crash, expiry",
            faults: crashes,
            [.reader(0, in: 0, 0), .writer(0, .invalidate(0)), .writer(1, .update([0]))]
        ),
        Scenario(
            "2 readers in one process, update",
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .writer(0, .update([0]))]
        ),
        Scenario(
            "1 reader, group invalidation + update of 2 fields",
            form: .field,
            [.reader(0, in: 0, 0, 1), .writer(0, .invalidateGroup), .writer(1, .update([0, 1]))]
        ),
        Scenario(
            "2 readers in one process that load past, update",
            isPatient: false,
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .writer(0, .update([0]))]
        ),
        Scenario(
            "2 readers, invalidate; a crash, expiry",
            faults: crashes,
            [.reader(0, in: 0, 0), .reader(1, in: 1, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "3 readers in one process without a store, invalidate; one cancelled",
            faults: Faults(cancellations: 1),
            isStoreAway: true,
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 0, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "3 readers in 2 processes that load past, invalidate",
            isPatient: false,
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 1, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "1 reader, group invalidation + update + write-through",
            form: .field,
            [
                .reader(0, in: 0, 0), .writer(0, .invalidateGroup), .writer(1, .update([0])),
                .writer(2, .writeThrough(0)),
            ]
        ),
        Scenario(
            "3 readers in 2 processes, invalidate",
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 1, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "3 readers in 2 processes, update",
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 1, 0), .writer(0, .update([0]))]
        ),
        Scenario(
            "2 readers, invalidate + update",
            [.reader(0, in: 0, 0, 0), .reader(1, in: 1, 0), .writer(0, .invalidate(0)), .writer(1, .update([0]))]
        ),
        Scenario(
            "2 readers, 2 write-throughs",
            [.reader(0, in: 0, 0, 0), .reader(1, in: 1, 0), .writer(0, .writeThrough(0)), .writer(1, .writeThrough(0))]
        ),
        Scenario(
            "2 readers in one process, update + write-through",
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .writer(0, .update([0])), .writer(1, .writeThrough(0))]
        ),
        Scenario(
            "2 readers, 2 writers, 2 cells",
            [
                .reader(0, in: 0, 0, 1), .reader(1, in: 1, 1, 0), .writer(0, .update([0, 1])),
                .writer(1, .invalidate(0)),
            ]
        ),
        Scenario(
            "2 readers, group invalidation + write-through",
            form: .field,
            [
                .reader(0, in: 0, 0, 1), .reader(1, in: 1, 1, 0), .writer(0, .invalidateGroup),
                .writer(1, .writeThrough(0)),
            ]
        ),
        Scenario(
            "2 readers, update + write-through; a crash, expiry, a renewal",
            faults: Faults(crashes: 1, halfLives: 3, renewals: 1),
            [.reader(0, in: 0, 0, 0), .reader(1, in: 1, 0), .writer(0, .update([0])), .writer(1, .writeThrough(0))]
        ),
        Scenario(
            "3 readers in 2 processes, invalidate; a crash, expiry, a renewal",
            faults: Faults(crashes: 1, halfLives: 3, renewals: 1),
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 1, 0, 0), .writer(0, .invalidate(0))]
        ),
        Scenario(
            "3 readers in 2 processes, update; one cancelled, a failure of the store",
            faults: Faults(losses: 1, cancellations: 1),
            [.reader(0, in: 0, 0), .reader(1, in: 0, 0), .reader(2, in: 1, 0), .writer(0, .update([0]))]
        ),
        Scenario(
            "2 readers beside a writer in its process, invalidate + update",
            [
                .reader(0, in: 0, 0, 0), .reader(1, in: 1, 0), .writer(0, in: 0, .invalidate(0)),
                .writer(1, in: 1, .update([0])),
            ]
        ),
        Scenario(
            "2 requests and 1 update",
            [
                Actor(name: "Q0", process: 0, work: [.request(0)]), Actor(name: "Q1", process: 1, work: [.request(0)]),
                .writer(0, .update([0])),
            ]
        ),
    ]
}
