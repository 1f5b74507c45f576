//! Protects this process's memory from other processes.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Disables core dumps, and debuggers of the same user: neither may expose passwords. Child processes can be
/// debugged as usual, but inherit the core dump limit.
///
/// # Errors
/// The system call failed.
pub(super) fn apply() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};

        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn core_dumps_and_debuggers_are_disabled() {
        apply().unwrap();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
