//! The command line `repass`. All of it is in the library, behind the feature `cli`.

fn main() -> std::process::ExitCode {
    repass::cli::main()
}
