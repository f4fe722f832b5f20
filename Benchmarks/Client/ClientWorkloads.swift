/// The workloads of the driver, in the order of the table, each followed by its variant on the event loop.
let clientWorkloads: [any Workload] = [
    (GetWorkload(name: "get-1", tasks: 1, yardstickPipeline: 1, limit: 1.6), 1.3),
    (GetWorkload(name: "get-50", tasks: 50, yardstickPipeline: 50, limit: 4.5), 2.5),
    (GetWorkload(name: "get-500", tasks: 500, yardstickPipeline: 100, limit: 5.8), 2.8),
    (PipelineWorkload(), 1.6),
    (SetWorkload(name: "set-128-50", valueBytes: 128, limit: 5.2), 2.3),
    (SetWorkload(name: "set-10k-50", valueBytes: 10 * 1024, limit: 1.7), 1.2),
    (MultiGetWorkload(), 1.25),
    (HashWorkload(), 1.25),
    (ListWorkload(), 4),
]
.flatMap { (workload: any Workload, limit: Double) in [workload, OnLoop(base: workload, limit: limit)] }

/// Keys in a corner of their own, should the server be somebody's.
func benchKey(_ name: String) -> String { "oxbow-bench:\(name)" }
