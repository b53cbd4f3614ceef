// swift-tools-version: 6.0
import PackageDescription

// Against the package as it is used: `cargo xtask swift` lays it down under the cache, `cargo xtask swift --xcframework`
// in target/xcframework/package. VTRIX_PACKAGE names another place.
let home = Context.environment["HOME"] ?? ""
let cache = Context.environment["XDG_CACHE_HOME"] ?? "\(home)/.cache"
let path = Context.environment["VTRIX_PACKAGE"] ?? "\(cache)/vtrix-sandbox/swift/package"

let package = Package(
    name: "examples",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "VtrixSandbox", path: path)],
    targets: ["basic", "stream", "attach", "files", "lifecycle"].map { name in
        .executableTarget(name: name, dependencies: [.product(name: "VtrixSandbox", package: "VtrixSandbox")])
    }
)
