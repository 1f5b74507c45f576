//! What keeps others out of this process's memory.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// No core dump, and no debugger of the same user's: neither may show what the process knows. What it starts
/// may be debugged as usual, but leaves no core dump either.
///
/// # Errors
/// The system does not do it.
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
    fn nothing_is_dumped() {
        apply().unwrap();
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
