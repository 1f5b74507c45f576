//! Both providers emulated over real HTTP, with a ledger of what was applied.
