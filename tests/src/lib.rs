//! End-to-end tests: the real binary and library against the sandbox.
