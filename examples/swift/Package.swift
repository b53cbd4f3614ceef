// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "examples",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "VtrixSandbox", path: "../../bindings-swift-kotlin/swift")],
    targets: ["basic", "stream", "attach", "files", "lifecycle"].map { name in
        .executableTarget(name: name, dependencies: [.product(name: "VtrixSandbox", package: "VtrixSandbox")])
    }
)
