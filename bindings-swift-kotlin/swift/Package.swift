// swift-tools-version: 6.0
import PackageDescription

// Three layers: the native library (VtrixSandboxFFI), what uniffi generates over it (VtrixSandboxGenerated), and the
// package proper, written by hand (VtrixSandbox). `cargo xtask swift` puts the first two where this manifest wants them.

#if os(Linux)
// The header and a module map; the library itself is found by -L.
let native: Target = .systemLibrary(name: "VtrixSandboxFFI")
#else
// Made by `cargo xtask swift --xcframework`; a release names a URL and a checksum in place of the path.
let native: Target = .binaryTarget(name: "VtrixSandboxFFI", path: "VtrixSandboxFFI.xcframework")
#endif

// SwiftPM takes no unsafe flags from a package that others depend on; the project's own builds ask for them.
let strict: [SwiftSetting] = Context.environment["VTRIX_STRICT"] == nil ? [] : [.unsafeFlags(["-warnings-as-errors"])]

let package = Package(
    name: "VtrixSandbox",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "VtrixSandbox", targets: ["VtrixSandbox"])],
    targets: [
        native,
        // What uniffi generates is not written for the Swift 6 language mode.
        .target(
            name: "VtrixSandboxGenerated",
            dependencies: ["VtrixSandboxFFI"],
            swiftSettings: [.swiftLanguageMode(.v5)],
            // A static library doesn't say what it is to be linked with: the trust store's verifier uses these.
            linkerSettings: [
                .linkedFramework("CoreFoundation", .when(platforms: [.iOS, .macOS])),
                .linkedFramework("Security", .when(platforms: [.iOS, .macOS])),
            ]
        ),
        .target(
            name: "VtrixSandbox",
            dependencies: ["VtrixSandboxGenerated"],
            swiftSettings: [.swiftLanguageMode(.v6)] + strict
        ),
        .testTarget(
            name: "VtrixSandboxTests",
            dependencies: ["VtrixSandbox"],
            swiftSettings: [.swiftLanguageMode(.v6)] + strict
        ),
    ]
)
