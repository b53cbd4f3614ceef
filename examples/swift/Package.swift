// swift-tools-version: 6.0
import PackageDescription

// Against the package as it is used: `cargo xtask swift --install` lays it down in target/swift/package, and
// `cargo xtask swift --xcframework` in target/xcframework/package, which VTRIX_PACKAGE can name.
let path = Context.environment["VTRIX_PACKAGE"] ?? "../../target/swift/package"

let package = Package(
    name: "examples",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "VtrixSandbox", path: path)],
    targets: ["basic", "stream", "attach", "files", "lifecycle"].map { name in
        .executableTarget(name: name, dependencies: [.product(name: "VtrixSandbox", package: "VtrixSandbox")])
    }
)
