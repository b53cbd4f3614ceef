//! The binary: see the library's `cli`.

fn main() -> std::process::ExitCode {
    vtrix_gateway::cli::main()
}
