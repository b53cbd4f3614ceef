// swift-tools-version: 6.0
import PackageDescription

// Programs that depend on the package as anybody's would: `cargo xtask swift` copies this out of the tree, with the
// five examples and the README's lines beside it, and builds it there against the package named by VTRIX_PACKAGE.

let programs = ["conformance", "bench", "readme", "basic", "stream", "attach", "files", "lifecycle"]

let package = Package(
    name: "consumer",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "VtrixSandbox", path: Context.environment["VTRIX_PACKAGE"] ?? "..")],
    targets: programs.map { name in
        .executableTarget(
            name: name,
            dependencies: [.product(name: "VtrixSandbox", package: "VtrixSandbox")],
            swiftSettings: [.swiftLanguageMode(.v6), .unsafeFlags(["-warnings-as-errors"])]
        )
    }
)
