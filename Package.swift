// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let metricsTesting = Target.Dependency.product(name: "MetricsTestKit", package: "swift-metrics")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let lifecycleTesting = Target.Dependency.product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle")

let package = Package(
    name: "oxbow",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Oxbow", targets: ["Oxbow"]),
        .library(name: "RedisClient", targets: ["RedisClient"]),
        .library(name: "RESP", targets: ["RESP"]),
        .library(name: "PropertyFiles", targets: ["PropertyFiles"]),
        .library(name: "OxbowTesting", targets: ["OxbowTesting"]),
        .executable(name: "oxbow-bench", targets: ["oxbow-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .target(name: "RESP", dependencies: [nioCore], swiftSettings: strict),
        .target(name: "Resilience", swiftSettings: strict),
        .target(name: "PropertyFiles", swiftSettings: strict),
        .target(
            name: "RedisClient",
            dependencies: ["RESP", "Resilience", nioCore, nioPosix, nioTLS, nioSSL, logging, metrics, lifecycle],
            swiftSettings: strict
        ),
        .target(
            name: "Oxbow",
            dependencies: [
                "RedisClient", "RESP", "Resilience", "PropertyFiles", "CZlib", nioCore, logging, metrics, lifecycle,
            ],
            swiftSettings: strict
        ),
        .target(name: "OxbowTesting", dependencies: [nioCore, nioPosix], swiftSettings: strict),
        .executableTarget(
            name: "oxbow-bench",
            dependencies: [
                "Oxbow", "RedisClient", "RESP", "PropertyFiles", "OxbowTesting", "TestServers", "CAllocationCount",
                "ConsistencyHistory", "Seeded", nioCore, nioPosix, logging,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            path: "Benchmarks",
            exclude: ["run", "instructions", "AllocationCount", "History"],
            swiftSettings: strict
        ),
        .target(name: "CAllocationCount", path: "Benchmarks/AllocationCount"),
        .target(name: "ConsistencyHistory", path: "Benchmarks/History", swiftSettings: strict),
        .target(
            name: "TestServers",
            dependencies: [nioCore, nioPosix, logging],
            path: "Tests/Servers",
            exclude: ["certificates", "install", "install-python", "supervise"],
            swiftSettings: strict
        ),
        .target(name: "Seeded", path: "Tests/Seeded", swiftSettings: strict),
        .target(
            name: "RESPFuzzing",
            dependencies: ["RESP", "Seeded", nioCore],
            path: "Fuzzing/RESP",
            swiftSettings: strict
        ),
        .target(
            name: "EnvelopeFuzzing",
            dependencies: ["Oxbow", nioCore],
            path: "Fuzzing/Envelope",
            swiftSettings: strict
        ),
        .testTarget(
            name: "RESPTests",
            dependencies: ["RESP", "RESPFuzzing", "Seeded", "TestServers", nioCore],
            exclude: ["Differential/read.py"],
            swiftSettings: strict
        ),
        .testTarget(name: "ResilienceTests", dependencies: ["Resilience"], swiftSettings: strict),
        .testTarget(name: "PropertyFilesTests", dependencies: ["PropertyFiles", "Seeded"], swiftSettings: strict),
        .testTarget(
            name: "RedisClientTests",
            dependencies: [
                "RedisClient", "RESP", "OxbowTesting", "Seeded", "TestServers", nioCore, nioPosix, nioSSL, logging,
                metricsTesting, metrics,
                lifecycle, lifecycleTesting,
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "TestServersTests", dependencies: ["TestServers"], swiftSettings: strict),
        .testTarget(
            name: "ConsistencyHistoryTests",
            dependencies: ["ConsistencyHistory"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "OxbowTestingTests",
            dependencies: ["OxbowTesting", "TestServers", nioCore, nioPosix],
            swiftSettings: strict
        ),
        .testTarget(
            name: "OxbowTests",
            dependencies: [
                "Oxbow", "EnvelopeFuzzing", "RedisClient", "RESP", "PropertyFiles", "OxbowTesting", "Seeded",
                "TestServers", nioCore, nioPosix, logging, metricsTesting, lifecycle,
            ],
            exclude: ["Lock/locks.py"],
            swiftSettings: strict
        ),
    ]
)

// Programs whose `main` is libFuzzer's: they link with `--sanitize=fuzzer` only, see Fuzzing/run.
if Context.environment["OXBOW_FUZZ"] != nil {
    for (name, library) in [("RESP", "RESPFuzzing"), ("Envelope", "EnvelopeFuzzing")] {
        package.targets.append(
            .executableTarget(
                name: "oxbow-fuzz-\(name.lowercased())",
                dependencies: [.byName(name: library)],
                path: "Fuzzing/Programs/\(name)",
                swiftSettings: strict
            )
        )
    }
}
