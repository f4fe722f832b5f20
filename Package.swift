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

let package = Package(
    name: "oxbow",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "PropertyFiles", targets: ["PropertyFiles"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        .target(name: "Resilience", swiftSettings: strict),
        .target(name: "PropertyFiles", swiftSettings: strict),
        .target(
            name: "TestServers",
            dependencies: [nioCore, nioPosix],
            path: "Tests/Servers",
            exclude: ["install", "supervise"],
            swiftSettings: strict
        ),
        .testTarget(name: "ResilienceTests", dependencies: ["Resilience"], swiftSettings: strict),
        .testTarget(name: "PropertyFilesTests", dependencies: ["PropertyFiles"], swiftSettings: strict),
    ]
)
