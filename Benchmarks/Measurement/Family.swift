import ArgumentParser

/// Workloads that belong together, each family in a folder of its own.
enum Family: String, CaseIterable, Sendable, ExpressibleByArgument {
    /// The driver by itself.
    case client
    /// The cache on top of it.
    case cache

    var workloads: [any Workload] {
        switch self {
        case .client: clientWorkloads
        case .cache: cacheWorkloads
        }
    }

    static var names: String { Self.allCases.map(\.rawValue).joined(separator: ", ") }
}

/// What `--list` prints.
struct WorkloadList {
    let text: String

    init(_ selected: [(family: Family, workload: any Workload)]) {
        let cells = selected.map { family, workload in
            [family.rawValue, workload.name, workload.target?.description ?? "", workload.summary]
        }
        let header = ["family", "workload", "to reach", "what it does"]
        self.text = Columns(header: header, rows: cells, left: [0, 1, 3]).text
    }
}
