//! Change a user's password at any provider, and know for certain whether it happened.
