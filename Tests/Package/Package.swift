// swift-tools-version: 6.2
import PackageDescription

// A package as a user would make it: the README's example, with Oxbow by path. `Tests/Package/run` writes the source.
let package = Package(
    name: "readme-example",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "oxbow", path: "../..")],
    targets: [
        .executableTarget(
            name: "Example",
            dependencies: [
                .product(name: "Oxbow", package: "oxbow"),
                .product(name: "PropertyFiles", package: "oxbow"),
            ],
            path: "Sources"
        )
    ]
)
