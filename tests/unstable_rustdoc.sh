#!/bin/sh
# rustdoc of a stable toolchain that may write JSON. Cargo takes it for rustdoc, so that the compiler, and with it
# everything that is built already, stays untouched.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
